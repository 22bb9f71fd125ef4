"""Merging accounts with history and undo; findings that open and close; what the worklist makes of merged accounts."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import pytest

from app.accounts.commands import ContactCommand
from app.accounts.contacts import create_contact
from app.accounts.identities import IdentityCommand, add_payer_identity
from app.core.errors import StaleVersion
from app.customer_data.checks import accept_finding, care_for_accounts
from app.customer_data.errors import DuplicateDecided, MergeConflict, MergeInvalid
from app.customer_data.merging import dismiss_duplicate, merge_accounts, undo_merge
from app.desk.worklist import refresh_accounts
from app.infra.database import Database, WriteSession
from app.reports.aging import aging_report
from app.reports.rules import AgingRequest
from tests.factories import Tenant, make_tenant
from tests.receivables import add_account, issue, pay, settle

TODAY = date(2026, 3, 16)
IBAN = "DE02120300000000202051"


@pytest.fixture
async def tenant(committed: Database) -> Tenant:
    return await make_tenant(committed)


async def rows(session: WriteSession, sql: str, *args: Any) -> list[Any]:
    return list(await session.driver.fetch(sql, session.organization_id, *args))


async def members(session: WriteSession, account_id: UUID) -> tuple[int, int]:
    contacts = await rows(session, "SELECT id FROM contacts WHERE organization_id = $1 AND account_id = $2", account_id)
    sql = "SELECT id FROM payer_identities WHERE organization_id = $1 AND account_id = $2"
    return len(contacts), len(await rows(session, sql, account_id))


async def twin(session: WriteSession, number: str = "TWIN") -> UUID:
    account_id = await add_account(session, number)
    await create_contact(session, account_id, ContactCommand(role="dunning", email="pay@twin.example"))
    await add_payer_identity(session, IdentityCommand(account_id, "bank_identifier", IBAN))
    return account_id


async def test_a_merge_moves_people_and_identities_and_leaves_the_books_alone(
    committed: Database, tenant: Tenant
) -> None:
    async with committed.write(tenant.organization_id, tenant.actor) as session:
        merged = await twin(session)
        _, instalment = await issue(session, tenant, 10_000, date(2026, 1, 5), account_id=merged)
    request = AgingRequest(as_of=TODAY, group_by="account")
    async with committed.read(tenant.organization_id, snapshot=True) as session:
        before = await aging_report(session, request)
    async with committed.write(tenant.organization_id, tenant.actor) as session:
        merge_id = await merge_accounts(session, tenant.account_id, merged, reason="one customer", on=TODAY)
        assert await members(session, tenant.account_id) == (1, 1)
        assert await members(session, merged) == (0, 0)
        # members of one group may pay for each other: the survivor settles the merged account's invoice
        payment = await pay(session, tenant, 4_000, date(2026, 3, 10))
        await settle(session, payment, instalment, 4_000, date(2026, 3, 10))
    async with committed.read(tenant.organization_id, snapshot=True) as session:
        after = await aging_report(session, request)
    assert [row.key for row in after.rows] == [row.key for row in before.rows] == [str(merged)]
    async with committed.write(tenant.organization_id, tenant.actor) as session:
        await undo_merge(session, merge_id, reason="two after all", on=TODAY)
        assert await members(session, merged) == (1, 1)
        sql = "SELECT status, parent_id FROM accounts WHERE organization_id = $1 AND id = $2"
        assert tuple((await rows(session, sql, merged))[0]) == ("active", None)
        with pytest.raises(MergeConflict):
            await undo_merge(session, merge_id, reason="again", on=TODAY)


async def test_merging_into_its_own_member_makes_no_circle(committed: Database, tenant: Tenant) -> None:
    async with committed.write(tenant.organization_id, tenant.actor) as session:
        child = await add_account(session, "CHILD", parent_id=tenant.account_id)
        other = await add_account(session, "OTHER", parent_id=tenant.account_id)
        merge_id = await merge_accounts(session, child, tenant.account_id, reason="moved", on=TODAY)
        sql = "SELECT id, parent_id FROM accounts WHERE organization_id = $1"
        parents = {row["id"]: row["parent_id"] for row in await rows(session, sql)}
        assert parents[tenant.account_id] == child
        assert parents[child] is None
        assert parents[other] == child
        await undo_merge(session, merge_id, reason="back", on=TODAY)
        parents = {row["id"]: row["parent_id"] for row in await rows(session, sql)}
        assert parents == {tenant.account_id: None, child: tenant.account_id, other: tenant.account_id}


async def test_what_cannot_be_merged(committed: Database, tenant: Tenant) -> None:
    async with committed.write(tenant.organization_id, tenant.actor) as session:
        merged, third = await twin(session), await add_account(session, "THIRD")
        with pytest.raises(MergeInvalid):
            await merge_accounts(session, merged, merged, reason="self", on=TODAY)
        await merge_accounts(session, tenant.account_id, merged, reason="one customer", on=TODAY)
        with pytest.raises(MergeConflict):
            await merge_accounts(session, third, merged, reason="twice", on=TODAY)


async def test_the_worklist_counts_merged_items_as_the_survivors(committed: Database, tenant: Tenant) -> None:
    async with committed.write(tenant.organization_id, tenant.actor) as session:
        merged = await twin(session)
        await issue(session, tenant, 10_000, date(2026, 1, 5), account_id=merged)
        assert await refresh_accounts(session, [tenant.account_id, merged], TODAY) == 1
        await merge_accounts(session, tenant.account_id, merged, reason="one customer", on=TODAY)
        assert await refresh_accounts(session, [merged], TODAY) == 1
        listed = await rows(session, "SELECT id, overdue_minor FROM worklist_entries WHERE organization_id = $1")
    assert [tuple(row) for row in listed] == [(tenant.account_id, 10_000)]


async def test_pairs_are_proposed_once_and_dismissed_for_good(committed: Database, tenant: Tenant) -> None:
    async with committed.write(tenant.organization_id, tenant.actor) as session:
        for number in ("Delta Pumpen GmbH", "DELTA PUMPEN G.m.b.H."):
            await add_account(session, number)
    await care_for_accounts(committed, tenant.organization_id, TODAY)
    await care_for_accounts(committed, tenant.organization_id, TODAY)
    async with committed.write(tenant.organization_id, tenant.actor) as session:
        pairs = await rows(session, "SELECT id, state, version FROM account_duplicates WHERE organization_id = $1")
        assert [(row["state"], row["version"]) for row in pairs] == [("proposed", 1)]
        with pytest.raises(StaleVersion):
            await dismiss_duplicate(session, pairs[0]["id"], note=None, expected_version=7)
        await dismiss_duplicate(session, pairs[0]["id"], note="two firms of brothers")
    await care_for_accounts(committed, tenant.organization_id, TODAY)
    async with committed.write(tenant.organization_id, tenant.actor) as session:
        sql = "SELECT id, state, account_id, other_id FROM account_duplicates WHERE organization_id = $1"
        (pair,) = await rows(session, sql)
        assert pair["state"] == "dismissed"
        await merge_accounts(session, pair["account_id"], pair["other_id"], reason="one after all", on=TODAY)
        with pytest.raises(DuplicateDecided):
            await dismiss_duplicate(session, pair["id"], note=None)


async def test_findings_open_close_and_come_back(committed: Database, tenant: Tenant) -> None:
    async def kinds(state: str) -> set[str]:
        async with committed.write(tenant.organization_id, tenant.actor) as session:
            sql = "SELECT kind FROM data_findings WHERE organization_id = $1 AND account_id = $2 AND state = $3"
            return {row["kind"] for row in await rows(session, sql, tenant.account_id, state)}

    async def set_country(country: str | None) -> None:
        async with committed.write(tenant.organization_id, tenant.actor) as session:
            sql = "UPDATE accounts SET country = $3 WHERE organization_id = $1 AND id = $2"
            await session.driver.execute(sql, tenant.organization_id, tenant.account_id, country)

    await set_country(None)
    await care_for_accounts(committed, tenant.organization_id, TODAY)
    assert {"no_dunning_contact", "no_country"} <= await kinds("open")
    await set_country("DE")
    await care_for_accounts(committed, tenant.organization_id, TODAY)
    assert "no_country" in await kinds("mended")
    async with committed.write(tenant.organization_id, tenant.actor) as session:
        sql = "SELECT id FROM data_findings WHERE organization_id = $1 AND account_id = $2 AND kind = $3"
        (finding,) = await rows(session, sql, tenant.account_id, "no_dunning_contact")
        await accept_finding(session, finding["id"], note="pays by direct debit")
    await set_country(None)
    await care_for_accounts(committed, tenant.organization_id, TODAY)
    assert "no_country" in await kinds("open")
    assert "no_dunning_contact" in await kinds("accepted")


async def test_a_merge_makes_no_circle_of_parents(committed: Database, tenant: Tenant) -> None:
    async with committed.write(tenant.organization_id, tenant.actor) as session:
        top = await add_account(session, "TOP")
        middle = await add_account(session, "MIDDLE", parent_id=top)
        low = await add_account(session, "LOW", parent_id=middle)
        with pytest.raises(MergeInvalid):
            await merge_accounts(session, low, top, reason="one customer", on=TODAY)
        await merge_accounts(session, middle, top, reason="one customer", on=TODAY)
        await merge_accounts(session, low, middle, reason="one customer", on=TODAY)
        found = await rows(session, "SELECT id, parent_id FROM accounts WHERE organization_id = $1 ORDER BY number")
    parents = {row["id"]: row["parent_id"] for row in found}
    assert (parents[low], parents[middle], parents[top]) == (None, low, low)
