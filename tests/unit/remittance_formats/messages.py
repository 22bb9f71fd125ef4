"""Interchanges for tests, their control counts computed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from app.integrations.remittance_formats.detect import RemittanceFile, read_remittance_file

TODAY = date(2026, 4, 1)
PAYMENT = (
    "BPR*C*1320*C*ACH*CTX*01*021000021*DA*123456789*1234567890**01*031000011*DA*987*20260402",
    "TRN*1*TRACE-4711*1234567890",
    "CUR*PR*EUR",
    "N1*PR*ACME CORP*91*C-1001",
)
REMADV = (
    "BGM+481+AVIS-4711+9'",
    "DTM+137:20260401:102'",
    "DTM+138:20260402:102'",
    "RFF+PQ:PAY-99'",
    "FII+OR+DE89370400440532013000:ACME+DEUTDEFF'",
    "NAD+PR+4012345000009::9++M?'üller GmbH'",
    "RFF+VA:DE123456789'",
    "NAD+PE+++US'",
    "CUX+2:EUR:11'",
)


def x12(*sets: Sequence[str], element: str = "*", component: str = ">", end: str = "~\n", usage: str = "P") -> bytes:
    """An interchange of 820 sets; `*` and `>` in the segments stand for the separators."""
    isa = ["ISA", "00", " " * 10, "00", " " * 10, "ZZ", f"{'ACME':15}", "ZZ", f"{'US':15}", "260401", "1200", "U"]
    out = [element.join([*isa, "00401", "000000101", "0", usage, component])]
    out.append(element.join(["GS", "RA", "ACME", "US", "20260401", "1200", "7", "X", "004010"]))
    for number, body in enumerate(sets, 1):
        segments = [f"ST*820*{number:04}", *body, f"SE*{len(body) + 2}*{number:04}"]
        out += [text.replace("*", element).replace(">", component) for text in segments]
    out += [element.join(["GE", str(len(sets)), "7"]), element.join(["IEA", "1", "000000101"])]
    return (end.join(out) + end).encode()


def edifact(
    *messages: Sequence[str], una: str = "UNA:+.? '", line_end: str = "\n", kind: str = "REMADV", test: str = ""
) -> bytes:
    """An interchange of messages in ISO 8859-1."""
    out = [una, f"UNB+UNOC:3+ACME:14+US:14+260401:1200+REF77{'++++++1' if test else ''}'"]
    for number, body in enumerate(messages, 1):
        out += [f"UNH+{number}+{kind}:D:96A:UN:EAN003'", *body, f"UNT+{len(body) + 2}+{number}'"]
    out.append(f"UNZ+{len(messages)}+REF77'")
    return line_end.join(out).encode("latin-1")


def read(data: bytes, **more: Any) -> RemittanceFile:
    """The file, with the usual arguments."""
    return read_remittance_file(data, **{"currency": None, "received_on": TODAY, **more})
