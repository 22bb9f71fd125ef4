"""The commands of the how-tos for ERPs, pasted into a shell."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.conftest import Reader
from tests.installation import ROOT

HOW_TO = ROOT / "docs" / "how-to"


def test_dynamics_gp(reader: Reader, tmp_path: Path) -> None:
    printed = reader.paste(HOW_TO / "dynamics-gp.md", tmp_path, COLUMNS="200")
    assert printed.count("balances of 1 accounts: agree") == 2
    assert "RM20101 invoices: read up to 2026-03-20T09:30:00.123000Z" in printed
    assert "<taRMCashReceiptInsert>" in printed
    assert "<CUSTNMBR>AARON001</CUSTNMBR>" in printed
    assert '"state":"acknowledged"' in printed


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("sap.md", "sap-BSID-partial"),
        ("dynamics-365-finance.md", "d365-CustSettlement"),
        ("netsuite-and-quickbooks.md", "invoices: completed"),
        ("journal-export.md", "acknowledged"),
    ],
)
def test_other_systems(reader: Reader, tmp_path: Path, document: str, said: str) -> None:
    assert said in reader.paste(HOW_TO / document, tmp_path, COLUMNS="200")
