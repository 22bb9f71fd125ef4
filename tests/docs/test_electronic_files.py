"""The commands of the how-tos for remittance files and electronic invoices, pasted into a shell."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.docs.conftest import Reader
from tests.installation import ROOT

HOW_TO = ROOT / "docs" / "how-to"
pytestmark = pytest.mark.skipif(
    shutil.which("curl") is None or shutil.which("bash") is None, reason="the commands are for bash and curl"
)


def test_remittance_files(reader: Reader, tmp_path: Path) -> None:
    printed = reader.paste(HOW_TO / "remittance-files.md", tmp_path)
    assert "1 recorded, 0 known already" in printed
    assert "2 lines, totals: agrees" in printed
    assert json.loads(printed[printed.index("{") :])["duplicates"] == 1


def test_electronic_invoices(reader: Reader, tmp_path: Path) -> None:
    printed = reader.paste(HOW_TO / "electronic-invoices.md", tmp_path)
    assert "invoice EI-2026-1: created, 1190.00 EUR" in printed
    again = json.loads(printed.splitlines()[-1])
    assert (again["outcome"], again["account_found_by"]) == ("unchanged", ["customer_number", "vat_id"])
