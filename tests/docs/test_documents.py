"""The commands of tutorial and how-tos, pasted into a shell in the order in which they stand."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.docs.conftest import Reader
from tests.docs.console_blocks import blocks
from tests.installation import ROOT

DOCS = ROOT / "docs"
pytestmark = pytest.mark.skipif(
    shutil.which("curl") is None or shutil.which("bash") is None, reason="the commands are for bash and curl"
)


def _documents(printed: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in printed.splitlines() if line.startswith("{")]


def test_the_tutorial(reader: Reader, tmp_path: Path) -> None:
    printed = reader.paste(DOCS / "tutorial.md", tmp_path)
    assert printed.startswith("unidentified\n")
    runs = [found for found in _documents(printed) if found.get("trigger") == "person"]
    assert [run["state"] for run in runs] == ["completed", "completed"]
    assert "\n480.00\n" in printed, "what cannot be decided stays unapplied"
    payments = [found for found in _documents(printed) if "remittance_text" in found]
    assert payments[0]["status"] == "applied", "the named invoice is found"
    assert printed.rstrip().endswith("True"), "the proof holds"


def test_an_organization_from_nothing(reader: Reader, tmp_path: Path) -> None:
    printed = reader.paste(DOCS / "how-to" / "bootstrap-organization.md", tmp_path)
    assert '"kind":"api_client"' in printed
    assert '"name":"ERP interface"' in printed
    assert (tmp_path / "token.txt").read_text().count(".") == 2
    assert "not ok" not in printed


def test_an_import(reader: Reader, tmp_path: Path) -> None:
    document = DOCS / "how-to" / "import-from-erp.md"
    (mapping,) = blocks(document, "json mapping")
    (tmp_path / "mapping.json").write_text(mapping.text)
    printed = reader.paste(document, tmp_path)
    tried, loaded, again = (found for found in _documents(printed) if "control_totals" in found)
    for one in (tried, loaded, again):
        assert (one["state"], one["rows_read"], one["rows_refused"]) == ("completed", 4, 1)
    assert (tried["dry_run"], tried["rows_created"]) == (True, 3)
    assert (loaded["dry_run"], loaded["rows_created"]) == (False, 3)
    (errors,) = (found["data"] for found in _documents(printed) if "data" in found)
    assert [(error["row_number"], error["code"]) for error in errors] == [(5, "money.amount_invalid")]


def test_a_bank_statement(reader: Reader, tmp_path: Path) -> None:
    printed = reader.paste(DOCS / "how-to" / "bank-statements.md", tmp_path)
    found = [one for one in _documents(printed) if "control_totals" in one]
    assert [(one["state"], one["rows_refused"]) for one in found] == [("completed", 0)]
    lists = [one["data"] for one in _documents(printed) if "data" in one]
    statements = next(rows for rows in lists if rows and "continuity" in rows[0])
    entries = next(rows for rows in lists if rows and "outcome" in rows[0])
    assert [(row["balance_check"], row["continuity"]) for row in statements] == [("ok", "first")]
    assert [(row["amount"], row["outcome"]) for row in entries] == [("1250.00", "payment"), ("40.00", "debit")]


def test_a_close(reader: Reader, tmp_path: Path) -> None:
    printed = reader.paste(DOCS / "how-to" / "close-a-period.md", tmp_path)
    closes = [one["data"] for one in _documents(printed) if "data" in one][-1]
    assert [close["kind"] for close in closes] == ["close", "reopen"]


def test_the_audit_chain(reader: Reader, tmp_path: Path) -> None:
    printed = reader.paste(DOCS / "how-to" / "verify-the-audit-chain.md", tmp_path)
    assert "whole" in printed
    assert "BROKEN" not in printed
    heads = [json.loads(line) for line in (tmp_path / "heads.json").read_text().splitlines()]
    assert reader.organization_id in {head["organization_id"] for head in heads}
    assert all(head["first_bad_position"] is None for head in heads)
