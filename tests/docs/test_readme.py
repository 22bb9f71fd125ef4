"""The commands of README, tutorial and how-tos, pasted into a shell in the order in which they stand.

One file, so that the service is started once for all of them.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.__main__ import names as benchmark_names
from tests.docs.conftest import Reader
from tests.docs.console_blocks import blocks
from tests.installation import ROOT

README = ROOT / "README.md"
DOCS = ROOT / "docs"
pytestmark = pytest.mark.skipif(
    shutil.which("curl") is None or shutil.which("bash") is None, reason="the commands are for bash and curl"
)


def test_the_tour_can_be_pasted(reader: Reader, tmp_path: Path) -> None:
    printed = reader.paste(README, tmp_path)
    assert '"kind":"api_client"' in printed
    assert "idempotency-replayed: true" in printed.lower()
    assert "Brandt Maschinenbau GmbH" in printed
    documents = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
    lines = [row for document in documents if document.get("group_by") == "account" for row in document["rows"]]
    assert [(row["open_amount"], row["currency"]) for row in lines] == [("450.00", "EUR")]
    assert "\nTrue\n" in printed, "the proof holds"
    assert '"position":1,' in printed, "events are sealed in order"
    assert printed.rstrip().splitlines()[-1].endswith(".over_applied")


def test_a_failing_command_is_noticed(reader: Reader, tmp_path: Path) -> None:
    broken = tmp_path / "BROKEN.md"
    broken.write_text(README.read_text().replace("/v1/legal-entities", "/v1/legal-entitees"))
    with pytest.raises(AssertionError, match="status"):
        reader.paste(broken, tmp_path)


def test_the_tour_has_commands() -> None:
    assert len(blocks(README, "sh")) >= 10


def test_the_benchmarks_and_commands_that_it_names_exist() -> None:
    text = README.read_text()
    named = set(re.findall(r"^\| `([a-z_]+)` \|", text, re.MULTILINE))
    assert named
    assert named <= set(benchmark_names())
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`?make ([a-z]+)\b", text)) <= targets


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
    assert "invoices: completed" in printed, "the command"
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
