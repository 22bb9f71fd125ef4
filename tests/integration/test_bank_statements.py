"""Bank statements: every entry counts once, credits become payments, what the bank takes back is reversed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.infra.database import Database
from app.integrations.bank_statements import continuity
from tests.factories import Tenant
from tests.integration.importing import fetch, load
from tests.unit.bank_formats.messages import camt, detail, entry

ACCOUNT = "<Acct><Id><IBAN>DE89370400440532013000</IBAN></Id><Ccy>EUR</Ccy></Acct>"
SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "bank"


def statement(*entries: str, **facts: Any) -> bytes:
    """A camt file of the tenant's own bank account."""
    return camt(*entries, account=ACCOUNT, **facts)


def payer(name: str, text: str = "", end_to_end: str = "") -> str:
    """A detail with a payer."""
    refs = f"<EndToEndId>{end_to_end}</EndToEndId>" if end_to_end else ""
    parties = (
        f"<RltdPties><Dbtr><Nm>{name}</Nm></Dbtr><DbtrAcct><Id><IBAN>DE02120300000000202051</IBAN></Id></DbtrAcct>"
    )
    parties += "<DbtrAcct><Id><IBAN>DE02120300000000202051</IBAN></Id></DbtrAcct></RltdPties>"
    remittance = f"<RmtInf><Ustrd>{text}</Ustrd></RmtInf>" if text else ""
    return detail(refs=refs, inside=parties + remittance)


async def _entries(database: Database, tenant: Tenant) -> list[Any]:
    return await fetch(database, tenant, "SELECT * FROM bank_entries ORDER BY position, id")


async def _payments(database: Database, tenant: Tenant) -> list[Any]:
    return await fetch(database, tenant, "SELECT * FROM payments ORDER BY amount_minor, id")


async def test_credits_become_payments_and_debits_are_kept(database: Database, tenant: Tenant, tmp_path: Path) -> None:
    content = statement(
        entry("100.00", reference="REF-0000001", details=payer("Brandt GmbH", "invoice R1", "E2E-1")),
        entry("30.00", direction="DBIT", reference="REF-0000002"),
        opening="50.00",
        closing="120.00",
    )
    row = await load(database, tenant, tmp_path, content, "bank_statement")
    assert (row["state"], row["error"], row["errors"]) == ("completed", None, [])
    assert row["control_totals"] == {"EUR": {"read": [2, "7000"], "created": [2, "7000"]}}
    credit, debit = await _entries(database, tenant)
    assert (credit["outcome"], debit["outcome"], debit["payment_id"]) == ("payment", "debit", None)
    (payment,) = await _payments(database, tenant)
    assert credit["payment_id"] == payment["id"]
    assert (payment["amount_minor"], payment["payer_name"], payment["status"]) == (10000, "Brandt GmbH", "unidentified")
    assert payment["payer_bank_identifier"] == "DE02120300000000202051"
    assert (payment["remittance_text"], payment["end_to_end_id"]) == ("invoice R1", "E2E-1")
    assert (str(payment["value_date"]), str(payment["accounting_date"])) == ("2024-03-15", "2024-03-14")
    (kept,) = await fetch(database, tenant, "SELECT * FROM bank_statements")
    assert (kept["opening_minor"], kept["closing_minor"], kept["credits_minor"], kept["debits_minor"]) == (
        5000, 12000, 10000, 3000,
    )  # fmt: skip
    assert (kept["balance_check"], kept["continuity"], kept["entries_count"]) == ("ok", "first", 2)


async def test_read_again_nothing_is_counted_twice(database: Database, tenant: Tenant, tmp_path: Path) -> None:
    lines = [entry("100.00", reference=None), entry("100.00", reference=None), entry("7.00", reference="LONG-REF-77")]
    first = await load(database, tenant, tmp_path, statement(*lines), "bank_statement")
    assert first["control_totals"]["EUR"]["created"] == [3, "20700"]
    again = await load(database, tenant, tmp_path, statement(*lines), "bank_statement")
    assert (again["rows_created"], again["rows_unchanged"]) == (0, 3)
    intraday = await load(database, tenant, tmp_path, statement(*lines, message="052"), "bank_statement")
    assert (intraday["rows_created"], intraday["rows_unchanged"]) == (0, 3)
    assert len(await _payments(database, tenant)) == 3


async def test_a_batch_is_split_and_counts_once_whole_or_split(
    database: Database, tenant: Tenant, tmp_path: Path
) -> None:
    parts = payer("A").replace("<Refs>", "<Refs>").replace("</Refs>", '</Refs><Amt Ccy="EUR">60.00</Amt>')
    others = parts.replace("60.00", "40.00").replace("<Nm>A", "<Nm>B")
    split = statement(entry("100.00", details=parts + others, reference="BATCH-000001"))
    whole = statement(entry("100.00", reference="BATCH-000001"))
    await load(database, tenant, tmp_path, split, "bank_statement")
    assert [(p["amount_minor"], p["payer_name"]) for p in await _payments(database, tenant)] == [
        (4000, "B"), (6000, "A"),
    ]  # fmt: skip
    again = await load(database, tenant, tmp_path, whole.replace(b"ST-1", b"ST-2"), "bank_statement")
    assert (again["rows_created"], again["rows_unchanged"]) == (0, 1)
    assert len(await _payments(database, tenant)) == 2


@pytest.mark.parametrize(("booked", "noticed"), [("BATCH-000001", "BATCH-000001"), (None, "NTFCTN-00077")])
async def test_parts_that_come_later_take_the_place_of_the_whole(
    database: Database, tenant: Tenant, tmp_path: Path, booked: str | None, noticed: str
) -> None:
    parts = payer("A", "R1").replace("</Refs>", '</Refs><Amt Ccy="EUR">60.00</Amt>')
    others = parts.replace("60.00", "40.00").replace("<Nm>A", "<Nm>B")
    whole = statement(entry("100.00", reference=booked))
    split = statement(entry("100.00", details=parts + others, reference=noticed), message="054")
    for content in (whole, split, whole, split):
        await load(database, tenant, tmp_path, content, "bank_statement")
    live = [
        (p["amount_minor"], p["payer_name"]) for p in await _payments(database, tenant) if p["status"] != "reversed"
    ]
    assert live == [(4000, "B"), (6000, "A")]
    kept = [e["outcome_detail"] for e in await _entries(database, tenant) if e["outcome"] == "kept"]
    assert kept == ["shown in its parts"]


SWIFT = """:20:ST-1
:25:DE89370400440532013000
:28C:00012/00002
:60F:C240313EUR0,00
:61:2403150314C100,00NTRFNONREF//BANK-REF-0001-CU
:86:166?00GUTSCHRIFT?20SVWZ+invoice R1?32BRANDT
:61:2403150314C100,00NTRFNONREF
:86:166?00GUTSCHRIFT?20SVWZ+other text?32SOMEBODY
:61:2403150314D5,00NCHGNONREF
:86:808?00ENTGELT
:62F:C240314EUR195,00
-
"""


@pytest.mark.parametrize("first", ["camt", "swift"])
async def test_another_format_of_the_same_day_counts_nothing_again(
    database: Database, tenant: Tenant, tmp_path: Path, first: str
) -> None:
    camt_file = statement(
        entry("100.00", reference="BANK-REF-0001-CUT-BY-SWIFT", details=payer("Brandt GmbH", "invoice R1", "E2E-1")),
        entry("100.00", reference=None, details=payer("Somebody", "a text that reads otherwise")),
        entry("5.00", reference="CHARGES-1", direction="DBIT"),
        opening="0.00",
        closing="195.00",
    )
    files = [camt_file, SWIFT.encode()] if first == "camt" else [SWIFT.encode(), camt_file]
    for content in [*files, *files]:
        row = await load(database, tenant, tmp_path, content, "bank_statement")
        assert row["state"] == "completed", row["error"]
    assert [p["amount_minor"] for p in await _payments(database, tenant)] == [10000, 10000]
    assert len(await _entries(database, tenant)) == 3


async def test_equal_lines_that_are_two_stay_two_across_formats(
    database: Database, tenant: Tenant, tmp_path: Path
) -> None:
    noticed = statement(entry("100.00", reference="N-1", details=payer("A", "R1", "E2E-1")), message="054")
    await load(database, tenant, tmp_path, noticed, "bank_statement")
    both = statement(
        entry("100.00", reference="S-1", details=payer("A", "R1", "E2E-1")),
        entry("100.00", reference="S-2", details=payer("A", "R2", "E2E-2")),
    )
    row = await load(database, tenant, tmp_path, both, "bank_statement")
    assert (row["rows_created"], row["rows_unchanged"]) == (1, 1)
    page = statement(entry("100.00", reference="S-3", details=payer("A", "R3"))).replace(b"ST-1", b"ST-2")
    row = await load(database, tenant, tmp_path, page, "bank_statement")
    assert row["rows_created"] == 1, (row["state"], row["rows_unchanged"], row["rows_refused"], row["errors"])
    assert len(await _payments(database, tenant)) == 3


async def test_a_pending_entry_of_one_format_is_booked_by_another(
    database: Database, tenant: Tenant, tmp_path: Path
) -> None:
    interim = SWIFT.replace(":60F:C240313EUR0,00\n", ":34F:EURC0,00\n").replace(":62F:C240314EUR195,00\n", "")
    await load(database, tenant, tmp_path, interim.encode(), "bank_statement")
    assert {e["bank_status"] for e in await _entries(database, tenant)} == {"pending"}
    final = statement(
        entry("100.00", reference="F-1"),
        entry("100.00", reference="F-2"),
        entry("5.00", direction="DBIT", reference="F-3"),
    )
    row = await load(database, tenant, tmp_path, final, "bank_statement")
    assert (row["rows_updated"], row["rows_created"]) == (3, 0)
    assert [p["amount_minor"] for p in await _payments(database, tenant)] == [10000, 10000]


async def test_a_pending_entry_becomes_a_payment_when_it_is_booked(
    database: Database, tenant: Tenant, tmp_path: Path
) -> None:
    pending = entry("100.00", status="<Sts><Cd>PDNG</Cd></Sts>", reference="PEND-000001")
    await load(database, tenant, tmp_path, statement(pending, message="052"), "bank_statement")
    assert [e["outcome"] for e in await _entries(database, tenant)] == ["pending"]
    assert await _payments(database, tenant) == []
    row = await load(database, tenant, tmp_path, statement(entry("100.00", reference="PEND-000001")), "bank_statement")
    assert row["rows_updated"] == 1
    (booked,) = await _entries(database, tenant)
    (payment,) = await _payments(database, tenant)
    assert (booked["outcome"], booked["bank_status"], booked["payment_id"]) == ("payment", "booked", payment["id"])


async def test_what_the_bank_takes_back_is_reversed_when_it_is_clear_what(
    database: Database, tenant: Tenant, tmp_path: Path
) -> None:
    lines = [
        entry("100.00", reference="IN-00000001", details=payer("A", end_to_end="E2E-1")),
        entry("100.00", reference="IN-00000002", details=payer("B", end_to_end="E2E-2")),
    ]
    back = entry(
        "100.00", direction="DBIT", booked="2024-03-20", valued="2024-03-20", reference="OUT-0000001",
        details=detail(refs="<EndToEndId>E2E-2</EndToEndId>", inside="<RtrInf><Rsn><Cd>AC04</Cd></Rsn></RtrInf>"),
    )  # fmt: skip
    unclear = entry("55.00", direction="DBIT", before="<RvslInd>true</RvslInd>", reference="OUT-0000002")
    await load(database, tenant, tmp_path, statement(*lines), "bank_statement")
    second = statement(back, unclear).replace(b"ST-1", b"ST-2")
    await load(database, tenant, tmp_path, second, "bank_statement")
    payments = {p["end_to_end_id"]: p["status"] for p in await _payments(database, tenant)}
    assert payments == {"E2E-1": "unidentified", "E2E-2": "reversed"}
    outcomes = {e["bank_reference"]: (e["outcome"], e["outcome_detail"]) for e in await _entries(database, tenant)}
    assert outcomes["OUT-0000001"] == ("reversal", None)
    assert outcomes["OUT-0000002"][0] == "kept"
    await load(database, tenant, tmp_path, second, "bank_statement")
    assert len(await fetch(database, tenant, "SELECT 1 FROM payment_movements")) == 1


async def test_what_only_the_text_tells_is_proposed_for_a_person(
    database: Database, tenant: Tenant, tmp_path: Path
) -> None:
    lines = [
        entry("100.00", reference="IN-00000001", details=payer("Alpha Handel GmbH", "RE-1001")),
        entry("100.00", reference="IN-00000002", details=payer("Beta Bau AG", "RE-2002")),
    ]
    back = entry(
        "100.00", direction="DBIT", before="<RvslInd>true</RvslInd>", booked="2024-03-20", valued="2024-03-20",
        reference="OUT-0000001", details=payer("Beta Bau AG", "Rueckgabe RE-2002"),
    )  # fmt: skip
    await load(database, tenant, tmp_path, statement(*lines), "bank_statement")
    second = statement(back).replace(b"ST-1", b"ST-2")
    await load(database, tenant, tmp_path, second, "bank_statement")
    (entry_row,) = [row for row in await _entries(database, tenant) if row["bank_reference"] == "OUT-0000001"]
    (proposal,) = await fetch(database, tenant, "SELECT * FROM proposals WHERE strategy = 'reversal'")
    assert entry_row["outcome"] == "kept"
    assert str(proposal["id"]) in entry_row["outcome_detail"]
    named = {p["id"]: p["remittance_text"] for p in await _payments(database, tenant)}
    assert named[proposal["payment_id"]] == "RE-2002"
    assert {p["status"] for p in await _payments(database, tenant)} == {"unidentified"}


async def test_a_late_entry_is_booked_on_the_first_open_day_with_its_true_date(
    database: Database, tenant: Tenant, tmp_path: Path
) -> None:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await session.driver.execute("UPDATE legal_entities SET closed_through = '2024-03-31'")
    await load(database, tenant, tmp_path, statement(entry()), "bank_statement")
    (payment,) = await _payments(database, tenant)
    assert (str(payment["value_date"]), str(payment["accounting_date"])) == ("2024-03-15", "2024-04-01")


async def test_a_statement_of_an_unknown_account_is_refused_or_its_account_made(
    database: Database, tenant: Tenant, tmp_path: Path
) -> None:
    content = camt(entry())
    row = await load(database, tenant, tmp_path, content, "bank_statement")
    assert (row["state"], row["rows_refused"], row["rows_created"]) == ("completed", 1, 0)
    assert row["errors"] == [(1, "account", "bank_statement.account_unknown", "refused")]
    made = await load(
        database, tenant, tmp_path, content, "bank_statement", None, {"on_missing_bank_account": "create"}
    )
    assert (made["rows_created"], made["rows_refused"]) == (1, 0)
    dry = await load(
        database, tenant, tmp_path, statement(entry(reference="NEW-0000001")), "bank_statement", dry_run=True
    )
    assert dry["rows_created"] == 1
    assert len(await _payments(database, tenant)) == 1


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"<!DOCTYPE a [<!ENTITY b 'c'>]><Document>&b;</Document>", "bank_file.dtd_forbidden"),
        (camt(entry())[:-40], "bank_file.truncated"),
        (b"\x00" * 1000, "bank_file.unknown_format"),
        (b"{}", "bank_file.unknown_format"),
    ],
)
async def test_a_malformed_file_is_refused_whole(
    database: Database, tenant: Tenant, tmp_path: Path, content: bytes, code: str
) -> None:
    row = await load(database, tenant, tmp_path, content, "bank_statement")
    assert (row["state"], row["error"]["code"], row["rows_read"]) == ("failed", code, 0)
    assert await _entries(database, tenant) == []


async def test_a_gap_between_statements_shows_and_closes_when_the_missing_one_comes(
    database: Database, tenant: Tenant, tmp_path: Path
) -> None:
    def day(number: int, opening: str, closing: str, amount: str) -> bytes:
        made = statement(entry(amount, reference=f"DAY-{number}-000001"), opening=opening, closing=closing)
        made = made.replace(b">52<", f">{number}<".encode()).replace(b"ST-1", f"ST-{number}".encode())
        return made.replace(b"2024-03-13", f"2024-03-{number:02}".encode()).replace(
            b"2024-03-14</Dt></Dt>", f"2024-03-{number + 1:02}</Dt></Dt>".encode()
        )

    async def shown() -> dict[str, str]:
        rows = await fetch(database, tenant, "SELECT statement_reference, continuity FROM bank_statements")
        return {row["statement_reference"]: row["continuity"] for row in rows}

    await load(database, tenant, tmp_path, day(10, "0.00", "100.00", "100.00"), "bank_statement")
    await load(database, tenant, tmp_path, day(12, "150.00", "200.00", "50.00"), "bank_statement")
    assert await shown() == {"ST-10": "first", "ST-12": "gap"}
    await load(database, tenant, tmp_path, day(11, "100.00", "150.00", "50.00"), "bank_statement")
    assert await shown() == {"ST-10": "first", "ST-11": "follows", "ST-12": "follows"}


def test_a_balance_that_differs_within_the_days_of_the_one_before_overlaps() -> None:
    from datetime import date

    before = {"closing_minor": 100, "to_date": date(2024, 3, 15), "sequence_number": "1"}
    same = {"opening_minor": 90, "from_date": date(2024, 3, 14), "sequence_number": "2"}
    assert continuity(before, same) == "overlap"
    assert continuity(before, {**same, "opening_minor": 100, "sequence_number": "4"}) == "gap"


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared bank files are not beside the project")
async def test_every_shared_camt_file_is_loaded_or_refused_with_a_reason(
    database: Database, tenant: Tenant, tmp_path: Path
) -> None:
    options = {"on_missing_bank_account": "create", "currency": "EUR"}
    for path in sorted(SHARED.glob("camt05?/*.xml")):
        row = await load(database, tenant, tmp_path, path.read_bytes(), "bank_statement", None, options)
        counts = [row[f"rows_{name}"] for name in ("created", "updated", "unchanged", "refused")]
        assert row["rows_read"] == sum(counts), path.name
        if row["state"] == "failed":
            assert row["error"]["code"].startswith("bank_file."), path.name
        else:
            assert row["state"] == "completed", path.name
        if row["rows_refused"]:
            assert row["errors"], path.name
    balances = await fetch(
        database, tenant,
        "SELECT sum(CASE WHEN debit_account = 'bank' THEN amount_minor ELSE -amount_minor END)::bigint AS bank,"
        " (SELECT sum(amount_minor - withdrawn_minor)::bigint FROM payments) AS payments FROM transfers"
        " WHERE 'bank' IN (debit_account, credit_account)",
    )  # fmt: skip
    assert balances[0]["bank"] == balances[0]["payments"]
