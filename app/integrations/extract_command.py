"""`duecourse import-extract FOLDER`: load the tables of an extract in their order, show how balances compare."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from app.integrations.import_command import CommandFailed, answer_of, upload, wait_for

SHOWN_MAX = 50
_ENDINGS = (".csv", ".txt", ".tsv", ".xlsx", ".ndjson")
ORDERS: Mapping[str, tuple[tuple[str, tuple[str, ...]], ...]] = {
    # History before open: what moved there is stated anew before the open table is seen without it.
    "gp": (
        ("RM00101", ("gp-RM00101",)),
        ("RM00102", ("gp-RM00102",)),
        ("MC020102", ("gp-MC020102",)),
        ("RM30101", ("gp-RM30101-documents", "gp-RM30101-payments")),
        ("RM20101", ("gp-RM20101-documents", "gp-RM20101-payments")),
        ("RM30201", ("gp-RM30201",)),
        ("RM20201", ("gp-RM20201",)),
        ("RM00103", ("gp-RM00103",)),
    ),
    "gp-open-only": (
        ("RM00101", ("gp-RM00101",)),
        ("RM00102", ("gp-RM00102",)),
        ("MC020102", ("gp-MC020102",)),
        ("RM20101", ("gp-RM20101-open-only", "gp-RM20101-payments-open-only")),
        ("RM00103", ("gp-RM00103",)),
    ),
    "sap": (
        ("KNA1", ("sap-KNA1",)),
        ("KNB1", ("sap-KNB1",)),
        ("BSAD", ("sap-BSID-documents", "sap-BSID-residuals", "sap-BSID-payments")),
        ("BSID", ("sap-BSID-documents", "sap-BSID-residuals", "sap-BSID-payments")),
        ("BSID", ("sap-BSID-reopened", "sap-BSID-partial")),
        ("BSAD", ("sap-BSID-partial", "sap-BSAD-applications", "sap-BSAD-credits")),
    ),
    "d365": (
        ("CustTable", ("d365-CustTable",)),
        ("CustTrans", ("d365-CustTrans-documents", "d365-CustTrans-credits", "d365-CustTrans-payments")),
        ("CustSettlement", ("d365-CustSettlement",)),
    ),
}
"""By system: its tables in the order in which they are loaded, each by these mappings."""


@dataclass(slots=True)
class _Outcome:
    """What became of the extract."""

    loads: list[dict[str, Any]] = field(default_factory=list)
    watermarks: list[dict[str, Any]] = field(default_factory=list)
    reconciliation: dict[str, Any] | None = None
    differences: list[dict[str, Any]] = field(default_factory=list)

    @property
    def status(self) -> int:
        """1: a table failed as a whole. 2: rows were refused, or balances differ."""
        if any(load["state"] != "completed" for load in self.loads):
            return 1
        differs = self.reconciliation is not None and not self.reconciliation["agrees"]
        return 2 if differs or any(load["rows_refused"] for load in self.loads) else 0


def import_extract(
    folder: Path,
    *,
    system: str,
    base_url: str,
    token: str,
    options: Sequence[str] = (),
    as_json: bool = False,
    console: Console | None = None,
) -> int:
    """Load every known table of the folder; the exit status: 0 all is well, 1 failed, 2 refused rows or differences."""
    console = console or Console()
    try:
        steps = find_tables(folder, system)
        with httpx.Client(
            base_url=base_url, headers={"Authorization": f"Bearer {token}"}, timeout=60, trust_env=False
        ) as http:
            done = _load(http, steps, options, console, quiet=as_json)
    except (CommandFailed, OSError, ValueError) as failure:
        console.print(f"error: {failure}", style="red", markup=False)
        return 1
    if as_json:
        facts = {
            "loads": done.loads, "watermarks": done.watermarks, "reconciliation": done.reconciliation,
            "differences": done.differences,
        }  # fmt: skip
        console.print_json(json.dumps(facts))
    else:
        _show(done, console)
    return done.status


def find_tables(folder: Path, system: str) -> list[tuple[Path, str]]:
    """Files and mappings in the order in which they are loaded. Raises CommandFailed when there is none."""
    order = ORDERS.get(system)
    if order is None:
        raise CommandFailed(f"known systems are {', '.join(ORDERS)}")
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in _ENDINGS)
    tables = sorted({table for table, _ in order}, key=len, reverse=True)
    by_table: dict[str, list[Path]] = {}
    for path in files:
        named = next((table for table in tables if table.lower() in path.stem.lower()), None)
        if named is not None:
            by_table.setdefault(named, []).append(path)
    steps = [(path, name) for table, names in order for path in by_table.get(table, ()) for name in names]
    if not steps:
        names = ", ".join(dict.fromkeys(table for table, _ in order))
        raise CommandFailed(f"no file of {folder} has the name of a table in its own: {names}")
    return steps


def _load(
    http: httpx.Client, steps: Sequence[tuple[Path, str]], options: Sequence[str], console: Console, *, quiet: bool
) -> _Outcome:
    """One import after the other; a table that fails as a whole ends the load."""
    done = _Outcome()
    for path, name in steps:
        made = upload(http, path, None, None, name, options, False)
        load = wait_for(http, made, console, quiet=quiet)
        done.loads.append({"preset": name, **load})
        if load["state"] != "completed":
            return done
        if load["kind"] == "balances":
            at = f"/v1/imports/{load['id']}"
            done.reconciliation = answer_of(http.get(f"{at}/reconciliation"))
            done.differences = _differences(http, at)
    source = done.loads[0]["options"].get("source")
    page = answer_of(http.get("/v1/source-watermarks", params={"source": source, "limit": 200} if source else {}))
    done.watermarks = page["data"]
    return done


def _differences(http: httpx.Client, at: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for verdict in ("differs_here", "source_differs", "unknown_account"):
        params = {"verdict": verdict, "limit": SHOWN_MAX}
        found += answer_of(http.get(f"{at}/reconciliation-lines", params=params))["data"]
    return found


def _show(done: _Outcome, console: Console) -> None:
    table = Table("table", "mapping", "read", "created", "updated", "unchanged", "refused", "also")
    for column in table.columns[2:7]:
        column.justify = "right"
    for load in done.loads:
        counts = [f"{load[f'rows_{name}']:,}" for name in ("read", "created", "updated", "unchanged", "refused")]
        also = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in load["effects"].items())
        table.add_row(load["file_name"], load["preset"], *counts, also or load["state"])
    console.print(table)
    for load in done.loads:
        if load["error"] is not None:
            console.print(f"{load['file_name']}: {load['error']['code']}: {load['error']['detail']}", markup=False)
        elif load["rows_refused"]:
            console.print(f"{load['file_name']}: why rows were refused: /v1/imports/{load['id']}/errors", markup=False)
    for mark in done.watermarks:
        held = " (held back by a refused row)" if mark["held_back"] else ""
        console.print(f"{mark['source_table']} {mark['kind']}: read up to {mark['changed_at']}{held}", markup=False)
    if done.reconciliation is not None:
        _show_reconciliation(done.reconciliation, done.differences, console)


def _show_reconciliation(found: Mapping[str, Any], differences: Sequence[Mapping[str, Any]], console: Console) -> None:
    verdict = "agree" if found["agrees"] else f"{found['differences']} of {found['accounts']} differ"
    console.print(f"balances of {found['accounts']} accounts: {verdict}", markup=False)
    if not differences:
        return
    table = Table("account", "currency", "source", "its documents", "here", "here less source", "verdict")
    for column in table.columns[2:6]:
        column.justify = "right"
    for line in differences[:SHOWN_MAX]:
        table.add_row(
            line["account"], line["currency"], line["stated"] or "-", line["documents"] or "-", line["here"],
            line["difference"], line["verdict"].replace("_", " "),
        )  # fmt: skip
    console.print(table)
