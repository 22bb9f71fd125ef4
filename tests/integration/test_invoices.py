"""Documents in the database: issue, void, adjust, change due dates. The books agree after each."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from app.core.errors import DomainError
from app.core.ids import new_id
from app.infra.database import Actor, WriteSession
from app.invoices.adjustments import (
    RequestAdjustment,
    approve_adjustment,
    reject_adjustment,
    request_adjustment,
    reverse_adjustment,
)
from app.invoices.due_dates import change_due_date
from app.invoices.issue import issue_invoice, issue_invoices
from app.invoices.queries import invoice_documents
from app.invoices.rules import InstalmentCommand, IssueInvoice
from app.invoices.void import void_invoice
from app.payments.undo import undo_applications
from tests.conftest import RolledBackDatabase
from tests.control_account import assert_books_agree
from tests.factories import Tenant, make_tenant
from tests.receivables import add_rate, add_terms, close_through, issue, ledger_balances, pay, settle, value

MARCH = date(2026, 3, 1)


def day(n: int) -> date:
    return date(2026, 3, n)


def command(tenant: Tenant, number: str = "RE-1", **changes: Any) -> IssueInvoice:
    made = IssueInvoice(
        "invoice", number, tenant.legal_entity_id, tenant.account_id, "EUR", 11_900, MARCH, tax_minor=1_900,
        due_date=date(2026, 3, 31),
    )  # fmt: skip
    return replace(made, **changes)


def thirds(*minors: int) -> tuple[InstalmentCommand, ...]:
    return tuple(InstalmentCommand(date(2026, 4 + n, 1), minor) for n, minor in enumerate(minors))


async def parts_of(session: WriteSession, invoice_id: UUID) -> list[UUID]:
    rows = await session.driver.fetch(
        "SELECT id FROM instalments WHERE organization_id = $1 AND invoice_id = $2 ORDER BY ordinal",
        session.organization_id, invoice_id,
    )  # fmt: skip
    return [row["id"] for row in rows]


async def document(session: WriteSession, invoice_id: UUID) -> Any:
    return (await invoice_documents(session, [invoice_id]))[invoice_id]


async def test_a_batch_of_many_kinds_is_written_as_each_alone(session: WriteSession, tenant: Tenant) -> None:
    """One statement writes them all: what most have in common must not colour the others, and each row is whole."""
    split = thirds(4_000, 4_000, 3_900)
    commands = [
        command(tenant, "A-1", source="gp", external_id="x1", purchase_order="PO 7"),
        command(tenant, "A-2", kind="debit_memo", currency="USD", accounting_date=day(2)),
        command(tenant, "A-3", kind="finance_charge", tax_minor=0),
        command(tenant, "A-4", due_date=None, instalments=split, open_minor=5_000),
        command(tenant, "A-5", open_minor=0),
    ]
    ids = await issue_invoices(session, commands)
    assert not any(isinstance(made, DomainError) for made in ids)
    rows = await session.driver.fetch(
        "SELECT i.number, i.kind, i.source, i.currency, i.accounting_date, i.created_at = i.updated_at AS same,"
        " array_agg(p.ordinal || ':' || p.open_minor || ':' || p.status ORDER BY p.ordinal) AS parts"
        " FROM invoices i JOIN instalments p ON p.organization_id = i.organization_id AND p.invoice_id = i.id"
        "  AND p.recorded_at = i.created_at AND p.accounting_date = i.accounting_date AND p.currency = i.currency"
        " WHERE i.organization_id = $1 GROUP BY i.id, i.number, i.kind, i.source, i.currency, i.accounting_date,"
        " i.created_at, i.updated_at ORDER BY i.number",
        session.organization_id,
    )
    assert [tuple(row) for row in rows] == [
        ("A-1", "invoice", "gp", "EUR", MARCH, True, ["1:11900:open"]),
        ("A-2", "debit_memo", "manual", "USD", day(2), True, ["1:11900:open"]),
        ("A-3", "finance_charge", "manual", "EUR", MARCH, True, ["1:11900:open"]),
        ("A-4", "invoice", "manual", "EUR", MARCH, True, ["1:0:settled", "2:1100:partially_applied", "3:3900:open"]),
        ("A-5", "invoice", "manual", "EUR", MARCH, True, ["1:0:settled"]),
    ]
    booked = await session.driver.fetch(
        "SELECT i.number, t.credit_account, sum(t.amount_minor)::int, count(DISTINCT t.posting_id)::int"
        " FROM transfers t JOIN invoices i ON i.organization_id = t.organization_id AND i.id = t.source_id"
        " WHERE t.organization_id = $1 AND t.recorded_at = i.created_at GROUP BY 1, 2 ORDER BY 1, 2",
        session.organization_id,
    )
    assert [tuple(row) for row in booked] == [
        ("A-1", "revenue", 10_000, 1), ("A-1", "tax_payable", 1_900, 1),
        ("A-2", "revenue", 10_000, 1), ("A-2", "tax_payable", 1_900, 1),
        ("A-3", "finance_charge_income", 11_900, 1),
        ("A-4", "receivables", 6_900, 1), ("A-4", "revenue", 10_000, 1), ("A-4", "tax_payable", 1_900, 1),
        ("A-5", "receivables", 11_900, 1), ("A-5", "revenue", 10_000, 1), ("A-5", "tax_payable", 1_900, 1),
    ]  # fmt: skip
    changes = await session.driver.fetch(
        "SELECT entity_id, event, after->>'number' AS number, after->>'due_date' AS due, actor_name FROM change_log"
        " WHERE organization_id = $1 AND entity_type = 'invoice' ORDER BY id",
        session.organization_id,
    )
    assert [row["number"] for row in changes] == ["A-1", "A-2", "A-3", "A-4", "A-5"], "in the order of the batch"
    assert [row["entity_id"] for row in changes] == ids
    assert {(row["event"], row["actor_name"]) for row in changes} == {("invoice.issued", session.actor.name)}
    assert changes[3]["due"] == "2026-04-01"
    adjusted = await session.driver.fetch(
        "SELECT a.amount_minor, a.posted_at IS NOT NULL FROM adjustments a JOIN instalments p"
        " ON p.organization_id = a.organization_id AND p.id = a.instalment_id WHERE a.organization_id = $1 ORDER BY 1",
        session.organization_id,
    )
    assert [tuple(row) for row in adjusted] == [(2_900, True), (4_000, True), (11_900, True)]


async def test_bad_commands_of_a_batch_leave_nothing(
    session: WriteSession, tenant: Tenant, database: RolledBackDatabase
) -> None:
    stranger = await make_tenant(database, name="Other")
    await session.driver.execute(f"SET LOCAL app.organization_id = '{tenant.organization_id}'")
    await issue_invoice(session, command(tenant, "RE-0", source="gp", external_id="0"))
    await close_through(session, tenant, date(2026, 2, 28))
    bad = {
        "ledger.period_closed": command(tenant, "B-1", invoice_date=date(2026, 2, 28)),
        "invoice.account_unknown": command(tenant, "B-2", account_id=stranger.account_id),
        "legal_entity.not_found": command(tenant, "B-3", legal_entity_id=stranger.legal_entity_id),
        "invoice.payment_terms_unknown": command(tenant, "B-4", payment_terms_id=new_id()),
        "invoice.invalid": command(tenant, "B-5", tax_minor=12_000),
        "invoice.due_date_missing": command(tenant, "B-6", due_date=None),
        "invoice.number_taken": command(tenant, "RE-0", source="gp", external_id="1"),
        "invoice.external_id_taken": command(tenant, "B-7", source="gp", external_id="0"),
    }
    good = command(tenant, "RE-1", source="gp")
    results = await issue_invoices(session, [*bad.values(), good])
    assert [r.code for r in results if isinstance(r, DomainError)] == list(bad)
    assert isinstance(results[-1], UUID)
    numbers = await session.driver.fetch(
        "SELECT number FROM invoices WHERE organization_id = $1", tenant.organization_id
    )
    assert sorted(row["number"] for row in numbers) == ["RE-0", "RE-1"]
    assert await assert_books_agree(session, day(1)) == {"EUR": 23_800}
    logged = await session.driver.fetchval(
        "SELECT count(*) FROM change_log WHERE organization_id = $1 AND event = 'invoice.issued'",
        tenant.organization_id,
    )
    assert logged == 2


async def test_a_refused_document_takes_neither_number_nor_reference_from_the_next(
    session: WriteSession, tenant: Tenant
) -> None:
    batch = [
        command(tenant, "RE-1", source="gp", external_id="1"),
        command(tenant, "RE-2", source="gp", external_id="1"),  # the reference is taken by the first
        command(tenant, "RE-2", source="gp", external_id="2"),
    ]
    results = await issue_invoices(session, batch)
    assert [getattr(result, "code", "issued") for result in results] == [
        "issued", "invoice.external_id_taken", "issued",
    ]  # fmt: skip


async def test_the_tax_of_small_instalments_is_all_posted_and_all_taken_back(
    session: WriteSession, tenant: Tenant
) -> None:
    made = await issue_invoice(
        session, command(tenant, amount_minor=101, tax_minor=100, due_date=None, instalments=thirds(50, 50, 1))
    )
    assert await assert_books_agree(session) == {"EUR": 101}
    assert (await ledger_balances(session))["tax_payable", "EUR"] == -100
    await void_invoice(session, made, effective_date=day(2), reason="wrong")
    assert await assert_books_agree(session, day(1), day(2)) == {}
    assert await ledger_balances(session) == {}


async def test_what_was_settled_before_loading_is_an_opening_settlement(session: WriteSession, tenant: Tenant) -> None:
    partly = await issue_invoice(
        session, command(tenant, open_minor=5_000, due_date=None, instalments=thirds(4_000, 4_000, 3_900))
    )
    wholly = await issue_invoice(session, command(tenant, "RE-2", open_minor=0))
    assert await assert_books_agree(session, day(1)) == {"EUR": 5_000}
    found = await document(session, partly)
    assert [(part[5], part[8]) for part in found["instalments"]] == [
        (0, "settled"), (1_100, "partially_applied"), (3_900, "open"),
    ]  # fmt: skip
    assert (await document(session, wholly))["instalments"][0][8] == "settled"
    await void_invoice(session, partly, effective_date=day(2), reason="wrong")
    assert await assert_books_agree(session) == {}
    tax = (await ledger_balances(session))["tax_payable", "EUR"]
    assert tax == -1_900 - (1_900 * 6_900 // 11_900), "the tax of the settled part stays"


async def test_a_void_waits_for_money_and_adjustments_to_be_undone(session: WriteSession, tenant: Tenant) -> None:
    invoice, instalment = await issue(session, tenant, 10_000, day(1))
    payment = await pay(session, tenant, 4_000, day(2))
    group = await settle(session, payment, instalment, 4_000, day(3))
    adjustment = await request_adjustment(
        session, RequestAdjustment(instalment, "write_off", 1_000, day(3), "bad_debt", None)
    )

    async def void(on: date) -> str:
        try:
            await void_invoice(session, invoice, effective_date=on, reason="wrong")
        except DomainError as refusal:
            return refusal.code
        return "void"

    assert await void(day(9)) == "invoice.has_applications"
    await undo_applications(session, group.group_id, day(8), "other customer")
    assert await void(day(9)) == "invoice.has_adjustments"
    await reverse_adjustment(session, adjustment, effective_date=day(6), reason="wrong")
    assert await void(day(7)) == "invoice.effective_date_too_early", "on that day less was open"
    assert await void(day(8)) == "void"
    assert await void(day(9)) == "invoice.void"
    await assert_books_agree(session, *(day(n) for n in range(1, 10)))
    found = await document(session, invoice)
    assert (found["instalments"][0][8], found["instalments"][0][5], found["void_date"]) == ("void", 0, day(8))
    assert found["version"] == 1 + 4 + 2, "four changes of the instalment, then the void of both"
    with pytest.raises(DomainError) as refused:
        await request_adjustment(session, RequestAdjustment(instalment, "rounding", 1, day(9), "x"))
    assert refused.value.code == "invoice.void"


async def test_a_write_off_is_undone_to_the_status_before(session: WriteSession, tenant: Tenant) -> None:
    _, instalment = await issue(session, tenant, 10_000, day(1))
    payment = await pay(session, tenant, 4_000, day(2))
    await settle(session, payment, instalment, 4_000, day(3))
    made = await request_adjustment(session, RequestAdjustment(instalment, "write_off", 6_000, day(4), "bad_debt"))
    assert await value(session, "instalments", instalment, "status") == "written_off"
    assert await assert_books_agree(session, day(3)) == {}
    await reverse_adjustment(session, made, effective_date=day(6), reason="they paid after all")
    assert await value(session, "instalments", instalment, "status") == "partially_applied"
    assert await assert_books_agree(session, day(3), day(5), day(6)) == {"EUR": 6_000}
    with pytest.raises(DomainError) as refused:  # as of day 5 there was nothing to take
        await request_adjustment(session, RequestAdjustment(instalment, "write_off", 1, day(5), "bad_debt"))
    assert refused.value.code == "invoice.effective_date_too_early"
    with pytest.raises(DomainError):
        await settle(session, await pay(session, tenant, 1, day(2)), instalment, 1, day(5))
    for again in (made, instalment):
        with pytest.raises(DomainError):
            await reverse_adjustment(session, again, effective_date=day(7), reason="again")


async def test_a_write_off_takes_its_tax_where_the_legal_entity_says_so(session: WriteSession, tenant: Tenant) -> None:
    await session.driver.execute(
        "UPDATE legal_entities SET write_off_tax_share = true WHERE organization_id = $1", tenant.organization_id
    )
    made = await issue_invoice(
        session, command(tenant, amount_minor=100, tax_minor=19, due_date=None, instalments=thirds(33, 33, 34))
    )
    adjustments = [
        await request_adjustment(session, RequestAdjustment(part, "write_off", minor, day(2), "bad_debt"))
        for part, minor in zip(await parts_of(session, made), (33, 33, 34), strict=True)
    ]
    await assert_books_agree(session)
    balances = await ledger_balances(session)
    assert balances == {("revenue", "EUR"): -81, ("bad_debt", "EUR"): 81}, "all tax is taken back, no cent is left"
    await reverse_adjustment(session, adjustments[1], effective_date=day(3), reason="paid")
    await assert_books_agree(session)
    tax = await value(session, "adjustments", adjustments[1], "tax_minor")
    assert (await ledger_balances(session))["tax_payable", "EUR"] == -tax


async def test_adjustments_are_approved_by_somebody_else_within_a_limit(session: WriteSession, tenant: Tenant) -> None:
    _, instalment = await issue(session, tenant, 900_000, day(1))
    ask = RequestAdjustment(instalment, "write_off", 200_000, day(2), "bad_debt", "insolvent")
    requested = await request_adjustment(session, ask)
    assert await value(session, "adjustments", requested, "state") == "requested"
    assert await assert_books_agree(session) == {"EUR": 900_000}

    async def decide(actor: Actor, adjustment: UUID, deciding: Any = approve_adjustment) -> str:
        me, session.actor = session.actor, actor
        try:
            await deciding(session, adjustment, expected_version=None)
        except DomainError as refusal:
            return refusal.code
        finally:
            session.actor = me
        return "done"

    assert await decide(tenant.actor, requested) == "approval.by_requester"
    assert await decide(tenant.actor, requested, reject_adjustment) == "approval.by_requester"
    assert await decide(Actor("system", None, "system"), requested) == "approval.by_requester"
    small = Actor("user", new_id(), "Small", approval_limit_minor=199_999)
    assert await decide(small, requested) == "approval.limit_exceeded"
    assert (
        await decide(Actor("user", new_id(), "Nobody", approval_limit_minor=0), requested) == "approval.limit_exceeded"
    )
    assert await decide(Actor("user", new_id(), "Exact", approval_limit_minor=200_000), requested) == "done"
    assert await decide(Actor("user", new_id(), "Late", approval_limit_minor=None), requested) == "adjustment.decided"
    assert await assert_books_agree(session, day(2)) == {"EUR": 700_000}
    second = await request_adjustment(session, ask)
    chief = Actor("user", new_id(), "Chief", approval_limit_minor=None)
    assert await decide(chief, second, reject_adjustment) == "done"
    assert await decide(chief, second) == "adjustment.decided"
    session.actor = chief
    at_once = await request_adjustment(session, ask)
    assert await value(session, "adjustments", at_once, "state") == "posted"
    session.actor = small
    with pytest.raises(DomainError) as refused:
        await reverse_adjustment(session, at_once, effective_date=day(5), reason="x")
    assert refused.value.code == "approval.limit_exceeded"
    assert await assert_books_agree(session) == {"EUR": 500_000}


async def test_a_limit_counts_in_the_base_currency(session: WriteSession, tenant: Tenant) -> None:
    _, instalment = await issue(session, tenant, 10_000_000, day(1), currency="JPY")
    ask = RequestAdjustment(instalment, "rounding", 150_000, day(2), "x")
    unknown = await request_adjustment(session, ask)
    await add_rate(session, "JPY", "EUR", day(1), Decimal("0.006"))
    known = await request_adjustment(session, ask)  # 150,000 JPY are 900.00 EUR, the limit is 1,000.00
    above = await request_adjustment(session, replace(ask, amount_minor=166_700))
    states = [await value(session, "adjustments", row, "state") for row in (unknown, known, above)]
    assert states == ["requested", "posted", "requested"]


async def test_an_adjustment_must_be_in_order(session: WriteSession, tenant: Tenant) -> None:
    _, instalment = await issue(session, tenant, 1_000, day(2))
    await close_through(session, tenant, day(3))
    ask = RequestAdjustment(instalment, "rounding", 10, day(4), "x")
    for changes, code in (
        ({"amount_minor": 0}, "adjustment.invalid"),
        ({"amount_minor": -5}, "adjustment.invalid"),
        ({"kind": "void"}, "adjustment.invalid"),
        ({"kind": "source_correction"}, "adjustment.invalid"),
        ({"amount_minor": 1_001}, "instalment.over_applied"),
        ({"effective_date": day(1)}, "invoice.effective_date_too_early"),
        ({"effective_date": day(3)}, "ledger.period_closed"),
        ({"instalment_id": new_id()}, "instalment.not_found"),
    ):
        with pytest.raises(DomainError) as refused:
            await request_adjustment(session, replace(ask, **changes))
        assert refused.value.code == code


async def test_what_happened_meanwhile_stops_an_approval(session: WriteSession, tenant: Tenant) -> None:
    _, instalment = await issue(session, tenant, 300_000, day(1))
    requested = await request_adjustment(
        session, RequestAdjustment(instalment, "write_off", 200_000, day(2), "bad_debt")
    )
    payment = await pay(session, tenant, 150_000, day(2))
    await settle(session, payment, instalment, 150_000, day(2))
    session.actor = Actor("user", new_id(), "Chief")
    with pytest.raises(DomainError) as refused:
        await approve_adjustment(session, requested, expected_version=None)
    assert refused.value.code == "instalment.over_applied"
    assert await value(session, "adjustments", requested, "state") == "requested"
    await assert_books_agree(session, day(1), day(2))


async def test_due_dates_change_from_a_day_on(session: WriteSession, tenant: Tenant) -> None:
    invoice, instalment = await issue(session, tenant, 1_000, day(1))
    await close_through(session, tenant, day(20))
    due, later = date(2026, 4, 15), date(2026, 5, 1)
    await change_due_date(session, instalment, due_date=due, effective_date=day(5), reason="agreed", expected_version=1)
    found = await document(session, invoice)
    assert (found["version"], found["instalments"][0][2:4]) == (2, ["2026-04-15", "2026-03-31"])
    for changes, code in (
        ({"expected_version": 1}, "stale_version"),
        ({"effective_date": day(4)}, "invoice.effective_date_too_early"),
        ({"due_date": date(2026, 2, 28)}, "invoice.invalid"),
    ):
        wanted: dict[str, Any] = {"due_date": later, "effective_date": day(5), "reason": "again", **changes}
        with pytest.raises(DomainError) as refused:
            await change_due_date(session, instalment, **wanted)
        assert refused.value.code == code
    await change_due_date(session, instalment, due_date=due, effective_date=day(6), reason="same")
    assert (await document(session, invoice))["version"] == 2, "the same date changes nothing"


async def test_a_document_is_updated_when_money_is_applied(session: WriteSession, tenant: Tenant) -> None:
    terms = await add_terms(session, 200, 10, 30)
    invoice, instalment = await issue(session, tenant, 10_000, day(1), payment_terms_id=terms)
    before = await document(session, invoice)
    assert (before["version"], before["terms_differ"]) == (1, True)
    await settle(session, await pay(session, tenant, 9_800, day(2)), instalment, 9_800, day(2), discount=200)
    after = await document(session, invoice)
    assert (after["version"], after["instalments"][0][8]) == (2, "settled")
