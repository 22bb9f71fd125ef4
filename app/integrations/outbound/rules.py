"""What the files of a batch hold: journal lines, cash receipts and applications. Pure: the same rows, the same bytes.

The elements are those of eConnect's nodes taRMCashReceiptInsert, taRMApply and taRMUnapplyTransaction.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any
from xml.sax.saxutils import escape

Content = Mapping[str, Any]
JOURNAL_COLUMNS = (
    "batch", "row", "posting_id", "transfer_id", "entry_date", "legal_entity", "gl_account", "journal_account", "debit",
    "credit", "currency", "customer", "document", "event",
)  # fmt: skip
RECEIPT_COLUMNS = (
    "ROW", "CUSTNMBR", "DOCNUMBR", "DOCDATE", "ORTRXAMT", "GLPOSTDT", "BACHNUMB", "CSHRCTYP", "CHEKBKID", "CHEKNMBR",
    "CRCARDID", "TRXDSCRN", "CURNCYID",
)  # fmt: skip
APPLICATION_COLUMNS = (
    "ROW", "APTODCNM", "APFRDCNM", "APPTOAMT", "APFRDCTY", "APTODCTY", "DISTKNAM", "WROFAMNT", "APPLYDATE", "GLPOSTDT",
)  # fmt: skip
UNAPPLICATION_COLUMNS = ("ROW", "CUSTNMBR", "DOCNUMBR", "RMDTYPAL", "APTODCTY", "APTODCNM", "GLPOSTDT")
COLUMNS = {
    "receipt": RECEIPT_COLUMNS, "application": APPLICATION_COLUMNS, "unapplication": UNAPPLICATION_COLUMNS,
}  # fmt: skip
NODES = {
    "receipt": ("RMCashReceiptsType", "taRMCashReceiptInsert"),
    "application": ("RMApplyType", "taRMApply"),
    "unapplication": ("RMUnapplyTransactionType", "taRMUnapplyTransaction"),
}
"""The type and the node of each kind of rows, as eConnect's schema names them."""
CASH_RECEIPT_TYPES = {"cheque": "0", "cash": "1", "card": "2"}
"""Of CSHRCTYP; a transfer is entered as a check, whose number is the bank's reference."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def journal_lines(batch: int, rows: Sequence[tuple[int, Content]]) -> list[dict[str, str]]:
    """Two lines of each transfer: its debit, and its credit of the same amount."""
    lines: list[dict[str, str]] = []
    for ordinal, row in rows:
        common = {
            "batch": str(batch), "row": str(ordinal), "posting_id": row["posting_id"],
            "transfer_id": row["transfer_id"], "entry_date": row["entry_date"], "legal_entity": row["legal_entity"],
            "currency": row["currency"], "customer": row["customer"] or "", "document": row["document"] or "",
            "event": row["event"],
        }  # fmt: skip
        for side, other in (("debit", "credit"), ("credit", "debit")):
            lines.append(
                {
                    **common,
                    "gl_account": row[f"{side}_code"],
                    "journal_account": row[f"{side}_account"],
                    side: row["amount"],
                    other: "",
                }
            )
    return [{name: line[name] for name in JOURNAL_COLUMNS} for line in lines]


def csv_file(columns: Sequence[str], lines: Iterable[Mapping[str, str]]) -> bytes:
    """RFC 4180 in UTF-8 with the headers. A text that a spreadsheet would take for a formula begins with a quote."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(columns)
    for line in lines:
        writer.writerow([_plain(line.get(name, "")) for name in columns])
    return stream.getvalue().encode()


def _plain(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def json_file(head: Mapping[str, Any], lines: Sequence[Mapping[str, str]]) -> bytes:
    """One object: what the batch is, and its lines."""
    return json.dumps({**head, "lines": lines}, ensure_ascii=False, separators=(",", ":")).encode()


def econnect_file(rows: Sequence[tuple[int, str, Content]]) -> bytes:
    """Rows (ordinal, kind, content) as one eConnect document: receipts first, what they settle after them.

    `Userdef1` of eConnectProcessInfo carries the ordinal, by which the ERP's answer is given back.
    """
    parts = ['<?xml version="1.0" encoding="utf-8"?>\n<eConnect xmlns:dt="urn:schemas-microsoft-com:datatypes">\n']
    for ordinal, kind, content in rows:
        wrapper, node = NODES[kind]
        parts.append(f" <{wrapper}>\n  <eConnectProcessInfo><Userdef1>{ordinal}</Userdef1></eConnectProcessInfo>\n")
        parts.append(f"  <{node}>\n")
        for name in COLUMNS[kind][1:]:
            text = str(content.get(name, ""))
            if text:
                parts.append(f"   <{name}>{escape(text)}</{name}>\n")
        parts.append(f"  </{node}>\n </{wrapper}>\n")
    parts.append("</eConnect>\n")
    return "".join(parts).encode()


def receipt_content(
    row: Mapping[str, Any], *, document_number: str, batch_number: str, amount: str, settings: Mapping[str, Any]
) -> dict[str, str]:
    """A payment as taRMCashReceiptInsert. The lengths are those of the node."""
    currency_ids = settings.get("currency_ids") or {}
    own = row["currency"] == row["base_currency"]
    currency = currency_ids.get(row["currency"], "" if own else row["currency"])
    method = CASH_RECEIPT_TYPES.get(row["method"], "0")
    return {
        "CUSTNMBR": row["customer_key"][:15],
        "DOCNUMBR": document_number,
        "DOCDATE": row["value_date"].isoformat(),
        "ORTRXAMT": amount,
        "GLPOSTDT": row["accounting_date"].isoformat(),
        "BACHNUMB": batch_number,
        "CSHRCTYP": method,
        "CHEKBKID": str(settings.get("checkbook_id") or "")[:15],
        "CHEKNMBR": _one_line(row["bank_reference"], 20),
        "CRCARDID": str(settings.get("card_id") or "")[:15] if method == "2" else "",
        "TRXDSCRN": _one_line(row["payer_name"], 30),
        "CURNCYID": currency[:15],
    }


def application_content(
    source_key: str, invoice_key: str, amounts: tuple[str, str, str], on: date
) -> dict[str, str] | None:
    """An application as taRMApply; None when a key is not one of the ERP's (customer/type/number)."""
    payer, owed = split_key(source_key), split_key(invoice_key)
    if payer is None or owed is None:
        return None
    return {
        "APTODCNM": owed[2], "APFRDCNM": payer[2], "APPTOAMT": amounts[0], "APFRDCTY": payer[1], "APTODCTY": owed[1],
        "DISTKNAM": amounts[1], "WROFAMNT": amounts[2], "APPLYDATE": on.isoformat(), "GLPOSTDT": on.isoformat(),
    }  # fmt: skip


def unapplication_content(source_key: str, invoice_key: str, on: date) -> dict[str, str] | None:
    """What undoes an application as taRMUnapplyTransaction; None when a key is not one of the ERP's."""
    payer, owed = split_key(source_key), split_key(invoice_key)
    if payer is None or owed is None:
        return None
    return {
        "CUSTNMBR": payer[0], "DOCNUMBR": payer[2], "RMDTYPAL": payer[1], "APTODCTY": owed[1], "APTODCNM": owed[2],
        "GLPOSTDT": on.isoformat(),
    }  # fmt: skip


def split_key(key: str) -> tuple[str, str, str] | None:
    """Customer, document type and number of a key in the ERP's books."""
    customer, _, rest = key.partition("/")
    kind, _, number = rest.partition("/")
    return (customer, kind, number) if customer and kind.isdigit() and len(kind) == 1 and number else None


def _one_line(text: str | None, length_max: int) -> str:
    return " ".join((text or "").split())[:length_max]
