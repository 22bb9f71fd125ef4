"""Bank files of other projects' test suites, where they are at hand: each loads or is refused with its reason.

The expected figures are computed here by a separate, naive walk over each file, not by the parsers.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from decimal import Decimal
from pathlib import Path

import pytest

from app.core.money import to_decimal
from app.integrations.bank_formats.control import control_totals
from app.integrations.bank_formats.detect import parse_bank_file
from app.integrations.bank_formats.errors import BankFileRefused
from app.integrations.bank_formats.identity import identify

FOLDER = Path(__file__).parents[4] / "shared" / "data" / "bank"
CAMT = sorted(FOLDER.glob("camt05*/*.xml"))

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no bank files beside the project ({FOLDER.name})")


def walk(element: ET.Element, name: str) -> list[ET.Element]:
    return [found for found in element.iter() if found.tag.rpartition("}")[2] == name]


def inner(element: ET.Element, name: str) -> str | None:
    """Text of the first direct child of that name."""
    return next((c.text for c in element if c.tag.rpartition("}")[2] == name), None)


@pytest.mark.parametrize("path", CAMT, ids=lambda path: path.name)
def test_camt_totals_and_references_equal_a_naive_walk(path: Path) -> None:
    root = ET.parse(path).getroot()
    file = parse_bank_file(path.read_bytes())
    raw_statements = [s for name in ("Stmt", "Rpt", "Ntfctn") for s in walk(root, name)]
    assert len(file.statements) == len(raw_statements)
    for raw, found in zip(raw_statements, file.statements, strict=True):
        raw_entries = walk(raw, "Ntry")
        assert len(found.entries) + found.refused_entry_count == len(raw_entries)
        assert found.refused_entry_count == 0
        for raw_entry, entry in zip(raw_entries, found.entries, strict=True):
            amount = Decimal(inner(raw_entry, "Amt") or "")
            sign = 1 if inner(raw_entry, "CdtDbtInd") == "CRDT" else -1
            assert to_decimal(entry.signed_minor, entry.currency) == amount * sign
            assert sum(t.signed_minor for t in entry.transactions) == entry.signed_minor
            assert entry.bank_reference == inner(raw_entry, "AcctSvcrRef")
            for name in ("EndToEndId", "Ref", "Ustrd", "InstrId", "AddtlRmtInf"):
                for node in walk(raw_entry, name):
                    assert (node.text or "").strip() in repr(entry)
            raw_dates = [node.text for name in ("BookgDt", "ValDt") for part in walk(raw_entry, name) for node in part]
            shown = [str(day) for day in (entry.booking_date, entry.value_date) if day is not None]
            assert shown == [(text or "")[:10] for text in raw_dates]
            assert (entry.held_reason is not None) is (not raw_dates)


@pytest.mark.parametrize("path", CAMT, ids=lambda path: path.name)
def test_keys_of_camt_files_are_unique_within_the_file_and_stable(path: Path) -> None:
    def keys() -> list[str]:
        file = parse_bank_file(path.read_bytes())
        return [key for found in file.statements for identity in identify(found) for key in identity.transaction_keys]

    assert keys() == keys()
    assert len(set(keys())) == len(keys())


def test_balances_of_a_real_statement_hold() -> None:
    (path,) = (path for path in CAMT if path.name.startswith("Subite"))
    file = parse_bank_file(path.read_bytes())
    assert [control_totals(found).difference_minor for found in file.statements] == [0, 0]
    assert len(file.statements[0].entries) == 14


def test_five_decimals_pass_because_they_are_zero_and_the_totals_show_the_difference() -> None:
    (path,) = (path for path in CAMT if "five.decimals" in path.name)
    (found,) = parse_bank_file(path.read_bytes()).statements
    assert found.entries[0].amount_minor == 885
    assert control_totals(found).difference_minor == 5


def test_a_batch_of_twenty_without_details_is_kept_whole_with_the_reason() -> None:
    (path,) = (path for path in CAMT if path.name.endswith("rousseau__camt.053.001.02.xml"))
    (found,) = parse_bank_file(path.read_bytes()).statements
    assert [problem.code for problem in found.problems] == ["batch.details_missing"]
    assert [len(entry.transactions) for entry in found.entries] == [1, 1, 1]
    assert control_totals(found).holds is True


MT940 = sorted(FOLDER.glob("mt940/*"))


def naive_mt940_sum(text: str) -> tuple[int, Decimal]:
    """Lines 61 and their signed sum, by the position of mark and comma only."""
    total, count = Decimal(0), 0
    for line in text.splitlines():
        if not line.startswith(":61:"):
            continue
        count += 1
        rest = line[4:].lstrip("0123456789 ")
        money_out = rest.startswith(("D", "RC"))
        rest = rest.lstrip("RCDFN")
        whole, _, rest = rest.partition(",")
        cents = "".join(character for character in rest[:2] if character.isdigit())
        total += Decimal(f"{whole}.{cents}0") * (-1 if money_out else 1)
    return count, total


@pytest.mark.parametrize("path", MT940, ids=lambda path: path.name)
def test_mt940_entries_and_sums_equal_a_naive_walk(path: Path) -> None:
    text = path.read_bytes().decode("latin-1")
    if "cmxl_statement_details" in path.name:  # a fragment: no account, no balance
        with pytest.raises(BankFileRefused, match="no statement names an account"):
            parse_bank_file(path.read_bytes())
        return
    file = parse_bank_file(path.read_bytes())
    count, total = naive_mt940_sum(text)
    if "multiline" in path.name:  # a stray entry after the end of the message
        assert [p.code for p in file.problems] == ["file.account_missing"]
        count, total = count - 1, total - Decimal("119")
    entries = [entry for found in file.statements for entry in found.entries]
    assert len(entries) == count
    assert sum(found.refused_entry_count for found in file.statements) == 0
    assert sum((to_decimal(e.signed_minor, e.currency) for e in entries), Decimal(0)) == total
    references = {line.partition("//")[2].strip() for line in text.splitlines() if line.startswith(":61:")}
    assert {entry.bank_reference for entry in entries} - {None} <= references
    assert references - {"", "NONREF", "O/341241774"} == {entry.bank_reference for entry in entries} - {None}


def test_every_statement_of_the_long_sepa_file_holds() -> None:
    (path,) = (path for path in MT940 if "sepa_mt9401" in path.name)
    statements = parse_bank_file(path.read_bytes()).statements
    assert sum(len(found.entries) for found in statements) == 97
    assert {control_totals(found).difference_minor for found in statements} == {0}


BAI2 = sorted(FOLDER.glob("bai2/*"))


@pytest.mark.parametrize("path", BAI2, ids=lambda path: path.name)
def test_bai2_counts_and_trailers_hold(path: Path) -> None:
    text = path.read_text()
    file = parse_bank_file(path.read_bytes())
    entries = [entry for found in file.statements for entry in found.entries]
    assert len(entries) == len(re.findall(r"(?:^|/\s+)16,\d{3},", text, re.MULTILINE))
    assert len(file.statements) == len(re.findall(r"(?:^|/\s+)03,\d", text, re.MULTILINE))
    codes = [problem.code for found in file.statements for problem in found.problems]
    assert "statement.trailer_differs" not in codes  # each account's own total over all its amounts
    assert sum(found.refused_entry_count for found in file.statements) == 0
    assert sum(entry.amount_minor for entry in entries) == sum(
        int(amount) for amount in re.findall(r"(?:^|/\s+)16,\d{3},(\d+)", text, re.MULTILINE)
    )


@pytest.mark.parametrize("path", sorted(FOLDER.glob("ofx/*")), ids=lambda path: path.name)
def test_ofx_sums_and_references_equal_a_naive_walk(path: Path) -> None:
    text = path.read_text()
    (found,) = parse_bank_file(path.read_bytes()).statements
    amounts = [Decimal(amount) for amount in re.findall(r"<TRNAMT>\s*(-?[0-9.]+)", text)]
    assert [to_decimal(entry.signed_minor, entry.currency) for entry in found.entries] == amounts
    assert [entry.bank_reference for entry in found.entries] == re.findall(r"<FITID>(\w+)", text)
    assert found.closing is not None
    (balance,) = re.findall(r"<LEDGERBAL>\s*<BALAMT>([0-9.]+)", text)
    assert to_decimal(found.closing.minor, found.account_currency) == Decimal(balance)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("lockbox/*")), ids=lambda path: path.name)
def test_lockbox_totals_equal_the_files(path: Path) -> None:
    file = parse_bank_file(path.read_bytes())
    (found,) = file.statements
    (total,) = [int(line[-10:]) for line in path.read_text().split("\n") if line.startswith("8")]
    assert sum(entry.amount_minor for entry in found.entries) == total
    assert (file.problems, found.problems) == ((), ())


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*/*")), ids=lambda path: path.name)
def test_every_file_loads_or_is_refused_with_its_reason(path: Path) -> None:
    refusal = None
    try:
        with path.open("rb") as stream:
            file = parse_bank_file(stream)
    except BankFileRefused as refused:
        refusal = (path.name, refused.reason_code)
    else:
        assert file.format.replace(".", "") == path.parent.name
        assert all(p.detail and p.code for found in file.statements for p in found.problems)
    assert refusal in {None, ("wolph__cmxl_statement_details.sta", "bank_file.account_missing")}
