"""Rows of files become accounts, documents and payments: whole or not at all, counted to the cent, loaded once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app.infra.database import Database
from app.integrations import row_import
from app.integrations.errors import MappingInvalid
from app.integrations.import_run import run_import
from app.integrations.imports import cancel_import
from tests.factories import Tenant, make_tenant
from tests.integration.importing import HEADER, MAPPING, TODAY, begin, fetch, load, result, table


async def _invoices(database: Database, tenant: Tenant) -> list[tuple[Any, ...]]:
    rows = await fetch(
        database,
        tenant,
        "SELECT i.number, i.external_id, i.amount_minor + i.corrected_minor, s.due_date::text, s.open_minor"
        " FROM invoices i JOIN instalments s ON s.invoice_id = i.id WHERE i.voided_at IS NULL ORDER BY i.number",
    )
    return [tuple(row) for row in rows]


async def test_rows_become_invoices_and_the_totals_say_so(database: Database, tenant: Tenant, tmp_path: Path) -> None:
    content = table("R1;C-1;2026-01-05;2026-02-04;1000.10", "R2;C-1;2026-01-06;2026-02-05;20.00")
    row = await load(database, tenant, tmp_path, content, "invoices", MAPPING)
    assert row["state"] == "completed"
    assert row["error"] is None
    assert (row["rows_read"], row["rows_created"], row["rows_refused"]) == (2, 2, 0)
    assert row["control_totals"] == {"EUR": {"read": [2, "102010"], "created": [2, "102010"]}}
    assert await _invoices(database, tenant) == [
        ("R1", "R1", 100010, "2026-02-04", 100010),
        ("R2", "R2", 2000, "2026-02-05", 2000),
    ]


async def test_a_refused_row_names_field_and_reason_and_the_others_are_loaded(
    database: Database, tenant: Tenant, tmp_path: Path
) -> None:
    content = table(
        "R1;C-1;2026-01-05;2026-02-04;10.00",
        "R2;C-9;2026-01-05;2026-02-04;10.00",
        "R3;C-1;2023-02-30;2026-02-04;10.00",
        "R4;C-1;2026-01-05;2026-02-04;10.001",
        ";C-1;2026-01-05;;abc",
        "R6;C-1;2026-01-05;2025-12-01;10.00",
        "R1;C-1;2026-01-05;2026-02-04;10.00",
        "R8;C-1;2026-01-05;2026-02-04",
        "R9;C-1;2026-01-05;2026-02-04;-5.00",
    )
    row = await load(database, tenant, tmp_path, content, "invoices", MAPPING)
    assert row["errors"] == [
        (3, "account_number", "import.reference_unknown", "refused"),
        (4, "invoice_date", "import.date_invalid", "refused"),
        (5, "amount", "money.amount_invalid", "refused"),
        (6, "amount", "money.amount_invalid", "refused"),
        (6, "number", "import.value_missing", "refused"),
        (7, "due_date", "invoice.invalid", "refused"),
        (8, None, "import.row_repeated", "refused"),
        (9, None, "import.cells_differ", "refused"),
        (10, "amount", "invoice.invalid", "refused"),
    ]
    assert (row["rows_read"], row["rows_created"], row["rows_refused"]) == (9, 1, 8)
    totals = row["control_totals"]
    assert totals["EUR"]["created"] == [1, "1000"]
    assert totals["EUR"]["refused"][0] + totals["unknown"]["refused"][0] == 8
    assert totals["EUR"]["read"] == [5 + 1, str(5 * 1000 - 500)]


async def test_a_file_loaded_again_changes_nothing_and_a_new_amount_posts_a_correction(
    database: Database, tenant: Tenant, tmp_path: Path
) -> None:
    rows = [f"R{n};C-1;2026-01-05;2026-02-04;10.00" for n in range(5)]
    await load(database, tenant, tmp_path, table(*rows), "invoices", MAPPING)
    again = await load(database, tenant, tmp_path, table(*rows), "invoices", MAPPING)
    assert (again["rows_created"], again["rows_unchanged"]) == (0, 5)
    rows[2] = "R2;C-1;2026-01-05;2026-02-04;12.50"
    changed = await load(database, tenant, tmp_path, table(*rows), "invoices", MAPPING)
    assert (changed["rows_updated"], changed["rows_unchanged"], changed["rows_refused"]) == (1, 4, 0)
    assert (await _invoices(database, tenant))[2] == ("R2", "R2", 1250, "2026-02-04", 1250)
    with_ids = {**MAPPING, "columns": {**MAPPING["columns"], "external_id": "Id"}}
    moved = table("R1;C-1;2026-01-05;2026-02-04;10.00;R1", header=HEADER + ";Id")
    assert (await load(database, tenant, tmp_path, moved, "invoices", with_ids))["rows_unchanged"] == 1


async def test_a_document_on_record_under_another_id_is_found_by_its_number(
    database: Database, tenant: Tenant, tmp_path: Path
) -> None:
    with_ids = {**MAPPING, "columns": {**MAPPING["columns"], "external_id": "Id"}}
    await load(
        database, tenant, tmp_path, table("R1;C-1;2026-01-05;2026-02-04;10.00;K77", header=HEADER + ";Id"),
        "invoices", with_ids,
    )  # fmt: skip
    row = await load(database, tenant, tmp_path, table("R1;C-1;2026-01-05;2026-02-04;10.00"), "invoices", MAPPING)
    assert (row["rows_unchanged"], row["rows_refused"]) == (1, 0)


async def test_a_dry_run_counts_and_refuses_but_writes_nothing(
    database: Database, tenant: Tenant, tmp_path: Path
) -> None:
    content = table("R1;C-1;2026-01-05;2026-02-04;10.00", "R2;C-9;2026-01-05;2026-02-04;10.00")
    row = await load(database, tenant, tmp_path, content, "invoices", MAPPING, dry_run=True)
    assert (row["state"], row["rows_created"], row["rows_refused"]) == ("completed", 1, 1)
    assert [error[2] for error in row["errors"]] == ["import.reference_unknown"]
    assert await _invoices(database, tenant) == []
    assert await fetch(database, tenant, "SELECT 1 FROM transfers") == []


async def test_a_worker_that_dies_between_chunks_is_followed_by_one_that_goes_on(
    database: Database, tenant: Tenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [f"R{n:03};C-1;2026-01-05;2026-02-04;10.00" for n in range(25)]
    rows[21] = rows[3]  # the repeat is found although a later worker has not loaded the first one
    import_id = await begin(database, tenant, tmp_path, table(*rows), "invoices", MAPPING)
    original = row_import.RowImport._load_in_turn
    calls = 0

    async def dying(self: Any, *args: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise ConnectionAbortedError
        await original(self, *args)

    monkeypatch.setattr(row_import, "CHUNK_ROWS", 10)
    monkeypatch.setattr(row_import.RowImport, "_load_in_turn", dying)
    with pytest.raises(ConnectionAbortedError):
        await run_import(database, tmp_path, tenant.organization_id, import_id)
    halfway = await result(database, tenant, import_id)
    assert (halfway["state"], halfway["position"], halfway["rows_created"]) == ("running", 10, 10)
    await run_import(database, tmp_path, tenant.organization_id, import_id)
    row = await result(database, tenant, import_id)
    assert (row["state"], row["rows_read"], row["rows_created"], row["rows_refused"]) == ("completed", 25, 24, 1)
    assert row["errors"] == [(23, None, "import.row_repeated", "refused")]
    assert len(await _invoices(database, tenant)) == 24


async def test_a_cancelled_import_keeps_what_was_loaded(
    database: Database, tenant: Tenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [f"R{n:03};C-1;2026-01-05;2026-02-04;10.00" for n in range(25)]
    import_id = await begin(database, tenant, tmp_path, table(*rows), "invoices", MAPPING)
    original = row_import.RowImport._load_in_turn

    async def cancelling(self: Any, *args: Any) -> None:
        await original(self, *args)
        if self.progress.position == 10:
            async with database.write(tenant.organization_id, tenant.actor) as session:
                await cancel_import(session, import_id)

    monkeypatch.setattr(row_import, "CHUNK_ROWS", 10)
    monkeypatch.setattr(row_import.RowImport, "_load_in_turn", cancelling)
    await run_import(database, tmp_path, tenant.organization_id, import_id)
    row = await result(database, tenant, import_id)
    assert (row["state"], row["rows_created"]) == ("cancelled", 10)
    assert len(await _invoices(database, tenant)) == 10


async def test_a_row_that_only_the_database_refuses_does_not_take_its_chunk_with_it(
    database: Database, tenant: Tenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.integrations import load_invoices

    original = load_invoices.upsert_invoices

    async def with_a_trap(session: Any, commands: Any, **kwargs: Any) -> Any:
        if any(command.number == "R07" for command in commands):
            await session.driver.execute("SELECT 1/(SELECT 0)::int2 + 40000::int2")
        return await original(session, commands, **kwargs)

    monkeypatch.setattr(load_invoices, "upsert_invoices", with_a_trap)
    rows = [f"R{n:02};C-1;2026-01-05;2026-02-04;10.00" for n in range(20)]
    row = await load(database, tenant, tmp_path, table(*rows), "invoices", MAPPING)
    assert (row["state"], row["rows_created"], row["rows_refused"]) == ("completed", 19, 1)
    assert row["errors"][0][:1] == (9,)


@pytest.mark.parametrize(
    ("option", "state"),
    [({}, ["ledger.period_closed"]), ({"late_facts": "post_in_open_period"}, [])],
)
async def test_a_date_in_a_closed_period_is_refused_or_posted_in_the_open_one(
    database: Database, tenant: Tenant, tmp_path: Path, option: dict[str, str], state: list[str]
) -> None:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await session.driver.execute("UPDATE legal_entities SET closed_through = '2026-01-31'")
    content = table("R1;C-1;2026-01-05;2026-02-04;10.00")
    row = await load(database, tenant, tmp_path, content, "invoices", MAPPING, option)
    assert [error[2] for error in row["errors"]] == state
    dates = await fetch(database, tenant, "SELECT invoice_date::text, accounting_date::text FROM invoices")
    assert [tuple(found) for found in dates] == ([] if state else [("2026-01-05", "2026-02-01")])


async def test_surplus_decimals_are_rounded_on_request_and_listed(
    database: Database, tenant: Tenant, tmp_path: Path
) -> None:
    content = table("R1;C-1;2026-01-05;2026-02-04;10.005", "R2;C-1;2026-01-05;2026-02-04;10.0000")
    row = await load(database, tenant, tmp_path, content, "invoices", MAPPING, {"rounding": "half_up"})
    assert row["errors"] == [(2, "amount", "import.rounded", "note")]
    assert row["control_totals"]["EUR"] == {"read": [2, "2001"], "created": [2, "2001"], "rounded": [1, "1001"]}


async def test_missing_accounts_are_made_on_request(database: Database, tenant: Tenant, tmp_path: Path) -> None:
    content = table("R1;C-77;2026-01-05;2026-02-04;10.00", "R2;C-77;2026-01-05;2026-02-04;10.00")
    row = await load(database, tenant, tmp_path, content, "invoices", MAPPING, {"on_missing_account": "create"})
    assert (row["rows_created"], row["rows_refused"]) == (2, 0)
    assert len(await fetch(database, tenant, "SELECT 1 FROM accounts WHERE number = 'C-77'")) == 1


async def test_credit_memos_stand_in_the_same_file_and_count_negative(
    database: Database, tenant: Tenant, tmp_path: Path
) -> None:
    mapping = {
        **MAPPING,
        "columns": {**MAPPING["columns"], "kind": "Type", "open_amount": "Open"},
        "values": {"kind": {"RE": "invoice", "GU": "credit_memo"}},
    }
    header = HEADER + ";Type;Open"
    content = table(
        "R1;C-1;2026-01-05;2026-02-04;10.00;RE;4.00", "G1;C-1;2026-01-05;;3.00;GU;", "X1;C-1;2026-01-05;;3.00;??;",
        header=header,
    )  # fmt: skip
    row = await load(database, tenant, tmp_path, content, "invoices", mapping)
    assert row["control_totals"]["EUR"]["created"] == [2, "700"]
    assert row["errors"] == [(4, "kind", "import.value_invalid", "refused")]
    assert (await _invoices(database, tenant))[0][-1] == 400
    again = await load(database, tenant, tmp_path, content, "invoices", mapping)
    assert (again["rows_unchanged"], again["rows_created"]) == (2, 0)
    changed = content.replace(b"G1;C-1;2026-01-05;;3.00", b"G1;C-1;2026-01-05;;3.50")
    assert (await load(database, tenant, tmp_path, changed, "invoices", mapping))["rows_updated"] == 1
    memos = await fetch(database, tenant, "SELECT amount_minor FROM credit_memos WHERE voided_at IS NULL")
    assert [memo["amount_minor"] for memo in memos] == [350]


async def test_the_mapping_is_refused_before_a_row_is_read(database: Database, tenant: Tenant, tmp_path: Path) -> None:
    with pytest.raises(MappingInvalid) as refused:
        await begin(database, tenant, tmp_path, b"x", "invoices", {"columns": {"nomber": "No"}, "colums": {}})
    assert {error.pointer for error in refused.value.errors} >= {"/mapping/columns/nomber", "/mapping/colums"}
    row = await load(database, tenant, tmp_path, table("R1;C-1;2026-01-05;10"), "invoices", MAPPING)
    assert (row["state"], row["rows_read"]) == ("completed", 1)
    row = await load(database, tenant, tmp_path, b"No;Customer\nR1;C-1\n", "invoices", MAPPING)
    assert (row["state"], row["error"]["code"]) == ("failed", "import.header_unknown")


async def test_accounts_with_parents_contacts_and_terms(database: Database, tenant: Tenant, tmp_path: Path) -> None:
    content = (
        b"number,name,currency,parent_number,country,contact_email,bank_identifier,credit_limit\n"
        b"A-2,Tochter GmbH,EUR,A-1,de,ap@tochter.example,DE89 3704 0044 0532 0130 00,5000.00\n"
        b"A-1,Mutter AG,EUR,,DE,,,\n"
        b"A-3,,EUR,,DE,,,\n"
        b"A-4,Keine,EUR,A-99,DE,,,\n"
    )
    row = await load(database, tenant, tmp_path, content, "accounts")
    assert (row["state"], row["rows_created"], row["rows_refused"]) == ("completed", 2, 2)
    assert [(error[0], error[1]) for error in row["errors"]] == [(4, "name"), (5, "parent_number")]
    found = await fetch(
        database, tenant,
        "SELECT a.credit_limit_minor, a.country, p.number FROM accounts a JOIN accounts p ON p.id = a.parent_id",
    )  # fmt: skip
    assert [tuple(account) for account in found] == [(500000, "DE", "A-1")]
    again = await load(database, tenant, tmp_path, content, "accounts")
    assert (again["rows_created"], again["rows_unchanged"]) == (0, 2)


async def test_an_account_may_stand_before_its_parent_however_far(
    database: Database, tenant: Tenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows whose parent comes in a later chunk wait for the end of the file, also when another worker reads it."""
    monkeypatch.setattr(row_import, "CHUNK_ROWS", 2)
    names = ["A-3;A-2", "A-9;A-99", "A-2;A-1", "A-5;", "A-6;", "A-7;", "A-1;"]
    lines = [f"{name.split(';')[0]},Kunde,EUR,{name.split(';')[1]}" for name in names]
    content = "\n".join(["number,name,currency,parent_number", *lines, ""]).encode()
    import_id = await begin(database, tenant, tmp_path, content, "accounts")
    original = row_import.RowImport._load_in_turn
    calls = 0

    async def dying(self: Any, *args: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise ConnectionAbortedError
        await original(self, *args)

    monkeypatch.setattr(row_import.RowImport, "_load_in_turn", dying)
    with pytest.raises(ConnectionAbortedError):
        await run_import(database, tmp_path, tenant.organization_id, import_id)
    halfway = await result(database, tenant, import_id)
    assert (halfway["rows_read"], halfway["rows_refused"]) == (4, 3)
    await run_import(database, tmp_path, tenant.organization_id, import_id)
    row = await result(database, tenant, import_id)
    assert (row["state"], row["rows_read"], row["rows_created"], row["rows_refused"]) == ("completed", 7, 6, 1)
    assert row["errors"] == [(3, "parent_number", "account.parent_unknown", "refused")]
    found = await fetch(
        database, tenant,
        "SELECT a.number, p.number FROM accounts a JOIN accounts p ON p.id = a.parent_id ORDER BY 1",
    )  # fmt: skip
    assert [tuple(account) for account in found] == [("A-2", "A-1"), ("A-3", "A-2")]


async def test_payments_are_recorded_once_and_applied_where_the_row_says_to_what(
    database: Database, tenant: Tenant, tmp_path: Path
) -> None:
    await load(
        database, tenant, tmp_path,
        table("R-1;C-1;2026-01-05;2026-02-04;10.00", "R-2;C-1;2026-01-05;2026-02-04;20.00"), "invoices", MAPPING,
    )  # fmt: skip
    content = (
        b"payment_date,amount,currency,account_number,remittance_text,settles\n"
        b"2026-02-01,25.00,EUR,C-1,for both,R1; R2\n"
        b"2026-02-02,7.00,EUR,,who is it,\n"
        b"2026-02-02,7.00,EUR,,who is it,\n"
        b"2026-02-03,1.00,EUR,C-9,,\n"
        b"2026-02-03,1.00,EUR,C-1,,R-77\n"
        b"2026-02-03,0.00,EUR,C-1,,\n"
    )
    row = await load(database, tenant, tmp_path, content, "payments")
    assert (row["state"], row["rows_created"], row["rows_refused"]) == ("completed", 3, 3)
    assert [error[:2] for error in row["errors"]] == [(5, "account_number"), (6, "settles"), (7, "amount")]
    opens = [invoice[-1] for invoice in await _invoices(database, tenant)]
    assert opens == [0, 500]
    statuses = await fetch(database, tenant, "SELECT status, count(*) FROM payments GROUP BY 1 ORDER BY 1")
    assert [tuple(status) for status in statuses] == [("applied", 1), ("unidentified", 2)]
    again = await load(database, tenant, tmp_path, content, "payments")
    assert (again["rows_created"], again["rows_unchanged"]) == (0, 3)
    owed = await fetch(database, tenant, "SELECT kind, key FROM jobs WHERE kind = 'matching'")
    assert ("matching", "run") in {tuple(job) for job in owed}


async def test_json_lines_are_read_with_exact_numbers(database: Database, tenant: Tenant, tmp_path: Path) -> None:
    lines = [
        {"number": "R1", "account_number": "C-1", "currency": "EUR", "amount": "10.10", "invoice_date": "2026-01-05",
         "due_date": "2026-02-05"},
        {"number": "R2", "account_number": "C-1", "currency": "EUR", "amount": 0.1, "invoice_date": "2026-01-05",
         "due_date": "2026-02-05"},
        {"number": "R3", "amuont": "1"},
        {"number": "R4\ud800", "account_number": "C-1", "currency": "EUR", "amount": 1, "invoice_date": "2026-01-05"},
        {"number": ["R5"]},
    ]  # fmt: skip
    content = "\n".join([*map(json.dumps, lines), "{broken", "[" * 100_000, "NaN"]).encode()
    row = await load(database, tenant, tmp_path, content, "invoices", media_format="ndjson")
    assert (row["state"], row["rows_read"], row["rows_created"]) == ("completed", 8, 2)
    assert [error[:3] for error in row["errors"]] == [
        (3, None, "import.field_unknown"),
        (4, "number", "import.text_invalid"),
        (5, "number", "import.value_invalid"),
        (6, None, "import.row_malformed"),
        (7, None, "import.row_malformed"),
        (8, None, "import.row_malformed"),
    ]
    assert row["control_totals"]["EUR"]["created"] == [2, "1020"]
    assert row["today"] == TODAY


async def test_two_chunks_at_once_are_committed_in_the_order_of_the_file(
    committed: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_import, "CHUNK_ROWS", 10)
    tenant = await make_tenant(committed)
    lines = [f"R{n:03};C-{1 + n // 60};2026-01-05;2026-02-04;10.00" for n in range(95)]
    original = row_import.RowImport._write_rows
    trouble = {3: 1, 5: 2}  # the first tries of these chunks end in a deadlock

    async def stumbling(self: Any, session: Any, rows: Any) -> Any:
        done = await original(self, session, rows)
        number = (rows[0].line - 2) // 10
        if trouble.get(number, 0):
            trouble[number] -= 1
            await session.driver.execute("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40P01'; END $$")
        return done

    positions: list[int] = []
    write_progress = row_import.RowImport._write_progress

    async def noting(self: Any, *args: Any) -> Any:
        after = await write_progress(self, *args)
        positions.append(after.position)
        return after

    monkeypatch.setattr(row_import.RowImport, "_write_rows", stumbling)
    monkeypatch.setattr(row_import.RowImport, "_write_progress", noting)
    import_id = await begin(
        committed, tenant, tmp_path, table(*lines), "invoices", MAPPING, {"on_missing_account": "create"}
    )
    await run_import(committed, tmp_path, tenant.organization_id, import_id, chunks_at_once=3)
    row = await result(committed, tenant, import_id)
    assert (row["state"], row["rows_read"], row["rows_created"], row["error"]) == ("completed", 95, 95, None)
    assert positions == [10, 20, 30, 40, 50, 60, 70, 80, 90, 95]
    assert trouble == {3: 0, 5: 0}
    assert len(await _invoices(committed, tenant)) == 95
