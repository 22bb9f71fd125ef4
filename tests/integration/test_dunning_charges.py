"""Charging in the database: documents, days charged once, payments that bounce or come to light late, the proof."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest

from app.core.ids import new_id
from app.dunning.charges.charging import (
    Charged,
    ChargeRequest,
    FeeRule,
    charge_notice,
    charge_notices,
    quote,
    reverse_charge,
    reverse_source,
)
from app.dunning.charges.errors import ChargeNotFound, ChargeReversed
from app.infra.database import WriteSession
from app.invoices.errors import InvoiceHasApplications
from app.invoices.void import void_invoice
from app.payments.undo import undo_applications
from app.payments.withdraw import ReversePayment, reverse_payment
from app.promises.evaluation import evaluate_accounts
from app.promises.plans import ProposePlan, activate_plan, propose_plan
from app.promises.rules import PlannedPart
from tests.conftest import RolledBackDatabase
from tests.control_account import assert_books_agree
from tests.disputing import dispute
from tests.factories import Tenant
from tests.receivables import add_account, add_terms, close_through, issue, ledger_balances, pay, settle, value

ISSUED = date(2026, 1, 30)
DUE = date(2026, 3, 1)


@pytest.fixture
async def session(database: RolledBackDatabase, tenant: Tenant) -> AsyncIterator[WriteSession]:
    """A write session of a user without an approval limit."""
    async with database.write(tenant.organization_id, replace(tenant.actor, approval_limit_minor=None)) as opened:
        yield opened


def day(number: int) -> date:
    return DUE + timedelta(days=number)


async def ten_percent(session: WriteSession, *, on_charges: bool = False, account_id: UUID | None = None) -> None:
    await session.driver.execute(
        "INSERT INTO interest_agreements (organization_id, id, scope, account_id, percent, on_charges, valid_from)"
        " VALUES ($1, $2, $3, $4, 10, $5, '2020-01-01')",
        session.organization_id, new_id(), "organization" if account_id is None else "account", account_id, on_charges,
    )  # fmt: skip


def of(tenant: Tenant, *ids: UUID, on: int, key: str | None = None, **more: Any) -> ChargeRequest:
    facts: dict[str, Any] = {"account_id": tenant.account_id, "currency": "EUR", "interest": True} | more
    return ChargeRequest(
        source_key=key or f"test:{new_id()}", legal_entity_id=tenant.legal_entity_id, instalment_ids=ids,
        as_of=day(on), **facts,
    )  # fmt: skip


def sums(charged: Charged) -> tuple[int, int, int, int]:
    return charged.fee_minor, charged.interest_minor, charged.compensation_minor, charged.corrected_minor


async def test_the_story_of_two_fees(session: WriteSession, tenant: Tenant) -> None:
    _, part = await issue(session, tenant, 100_00, ISSUED)
    first = await charge_notice(session, of(tenant, part, on=5, interest=False, fee=FeeRule(10_00), step_ordinal=1))
    assert await assert_books_agree(session, day(5)) == {"EUR": 110_00}
    second = await charge_notice(
        session, of(tenant, part, on=20, interest=False, fee=FeeRule(0, 1_500), step_ordinal=2)
    )
    assert await assert_books_agree(session, day(5), day(20)) == {"EUR": 125_00}
    assert (sums(first), sums(second)) == ((10_00, 0, 0, 0), (15_00, 0, 0, 0))
    assert (await ledger_balances(session))[("finance_charge_income", "EUR")] == -25_00
    again = await charge_notice(session, of(tenant, part, on=30, interest=False, fee=FeeRule(9_00), step_ordinal=2))
    assert (sums(again), again.charge_id) == ((0, 0, 0, 0), None)


async def test_forty_one_cents_and_never_the_same_days_twice(session: WriteSession, tenant: Tenant) -> None:
    await ten_percent(session)
    _, part = await issue(session, tenant, 100_00, ISSUED)
    request = of(tenant, part, on=15, key="notice:1")
    (expected,) = await quote(session, [request])
    assert (expected.interest_minor, expected.fee_minor) == (41, 0)
    made = await charge_notice(session, request)
    assert sums(made) == (0, 41, 0, 0)
    assert made == await charge_notice(session, replace(request, as_of=day(30)))  # the same key
    assert sums(await charge_notice(session, of(tenant, part, on=15))) == (0, 0, 0, 0)
    assert sums(await charge_notice(session, of(tenant, part, on=30))) == (0, 41, 0, 0)
    assert await assert_books_agree(session, day(15), day(30)) == {"EUR": 100_82}
    invoice = await session.driver.fetchrow(
        "SELECT v.kind, v.source, v.terms_differ, v.invoice_date, p.due_date, l.description FROM invoices v"
        " JOIN instalments p ON p.organization_id = $1 AND p.invoice_id = v.id"
        " JOIN invoice_lines l ON l.organization_id = $1 AND l.invoice_id = v.id"
        " WHERE v.organization_id = $1 AND v.id = $2",
        session.organization_id, made.invoice_id,
    )  # fmt: skip
    assert tuple(invoice)[:5] == ("finance_charge", "dunning", False, day(15), day(15))
    assert invoice["description"].endswith(f", {day(1)} to {day(15)}")


async def test_less_than_a_cent_waits_until_it_is_one(session: WriteSession, tenant: Tenant) -> None:
    await ten_percent(session)
    _, part = await issue(session, tenant, 1_00, ISSUED)
    found = [sums(await charge_notice(session, of(tenant, part, on=n)))[1] for n in range(1, 61)]
    assert sum(found) == 3
    assert found[17:19] == [0, 1]  # 19 days are 0.52 cents
    assert sum(n for n in found if n > 1) == 0


async def test_interest_on_charges_only_by_contract(session: WriteSession, tenant: Tenant) -> None:
    await ten_percent(session)
    _, charge = await issue(session, tenant, 36_500_00, ISSUED, kind="finance_charge")
    request = of(tenant, charge, on=10, fee=FeeRule(5_00), step_ordinal=1, compensation=True)
    assert sums(await charge_notice(session, request)) == (0, 0, 0, 0)
    await ten_percent(session, on_charges=True, account_id=tenant.account_id)
    assert sums(await charge_notice(session, request)) == (0, 100_00, 0, 0)


async def test_interest_until_the_payment_is_not_lost(session: WriteSession, tenant: Tenant) -> None:
    await ten_percent(session)
    _, first = await issue(session, tenant, 36_500_00, ISSUED)
    _, other = await issue(session, tenant, 100_00, ISSUED)
    await charge_notice(session, of(tenant, first, on=5))
    payment = await pay(session, tenant, 36_500_00, day(12))
    await settle(session, payment, first, 36_500_00, day(12))
    # Its last seven days come with the next reminder of the account, whatever it is for.
    found = await charge_notice(session, of(tenant, other, on=40))
    assert sums(found)[1] == 70_00 + 1_10
    assert await quote(session, [of(tenant, first, other, on=40)]) != []
    assert sums(await charge_notice(session, of(tenant, first, other, on=40))) == (0, 0, 0, 0)


async def test_a_part_payment_and_a_dispute_cut_the_days(session: WriteSession, tenant: Tenant) -> None:
    await ten_percent(session)
    _, part = await issue(session, tenant, 36_500_00, ISSUED)
    payment = await pay(session, tenant, 16_500_00, day(10))
    await settle(session, payment, part, 16_500_00, day(10))
    await dispute(session, (part, 10_000_00), on=day(15))
    found = await charge_notice(session, of(tenant, part, on=25, fee=FeeRule(0, 100), step_ordinal=1))
    days = 36_500_00 * 10 + 20_000_00 * 5 + 10_000_00 * 10
    assert sums(found) == (100_00, (days * 10 * 2 + 36_500) // 73_000, 0, 0)


async def test_a_payment_that_bounced_opens_its_days_again(session: WriteSession, tenant: Tenant) -> None:
    await ten_percent(session)
    _, part = await issue(session, tenant, 36_500_00, ISSUED)
    payment = await pay(session, tenant, 36_500_00, day(4))
    await settle(session, payment, part, 36_500_00, day(4))
    assert sums(await charge_notice(session, of(tenant, part, on=20))) == (0, 40_00, 0, 0)
    await reverse_payment(session, ReversePayment(payment, day(21), "bounced"))
    assert sums(await charge_notice(session, of(tenant, part, on=30))) == (0, 260_00, 0, 0)
    await assert_books_agree(session, day(21), day(30))


async def test_money_counts_from_its_value_date_wherever_it_is_applied_in_the_end(
    session: WriteSession, tenant: Tenant
) -> None:
    await ten_percent(session)
    _, part = await issue(session, tenant, 36_500_00, ISSUED)
    _, other = await issue(session, tenant, 36_500_00, ISSUED)
    payment = await pay(session, tenant, 36_500_00, day(4))
    group = await settle(session, payment, part, 36_500_00, day(15))
    assert sums(await charge_notice(session, of(tenant, part, on=20))) == (0, 40_00, 0, 0)
    assert sums(await charge_notice(session, of(tenant, other, on=20))) == (0, 200_00, 0, 0)
    await undo_applications(session, group.group_id, day(25), "the other was meant")
    await settle(session, payment, other, 36_500_00, day(25))
    moved = await charge_notice(session, of(tenant, part, other, on=30))
    assert sums(moved) == (0, 260_00, 0, 160_00)
    assert await assert_books_agree(session, day(15), day(25)) == {"EUR": 36_500_00 + 300_00 + 40_00}


async def test_money_that_came_to_light_late_gives_days_back(session: WriteSession, tenant: Tenant) -> None:
    await ten_percent(session)
    _, part = await issue(session, tenant, 36_500_00, ISSUED)
    first = await charge_notice(session, of(tenant, part, on=10))
    payment = await pay(session, tenant, 36_500_00, day(7))
    await settle(session, payment, part, 36_500_00, day(7))
    (expected,) = await quote(session, [of(tenant, part, on=11)])
    assert expected.given_back_minor == 30_00
    back = await charge_notice(session, of(tenant, part, on=11))
    assert (sums(back), back.invoice_id) == ((0, 0, 0, 30_00), None)
    assert await assert_books_agree(session, day(10), day(11)) == {"EUR": 70_00}
    assert sums(await charge_notice(session, of(tenant, part, on=12))) == (0, 0, 0, 0)
    assert await value(session, "charges", first.charge_id, "interest_minor") == 100_00  # type: ignore[arg-type]
    # Undone again: the days count as charged too much once more.
    await reverse_charge(session, back.charge_id, on=day(12), reason="mistaken")  # type: ignore[arg-type]
    assert await assert_books_agree(session, day(12)) == {"EUR": 100_00}
    assert sums(await charge_notice(session, of(tenant, part, on=13)))[3] == 30_00


async def test_what_is_given_back_lowers_the_next_charge(session: WriteSession, tenant: Tenant) -> None:
    await ten_percent(session)
    _, part = await issue(session, tenant, 36_500_00, ISSUED)
    _, other = await issue(session, tenant, 36_500_00, ISSUED)
    charge = await charge_notice(session, of(tenant, part, on=10))
    payment = await pay(session, tenant, 36_600_00, day(7))
    await settle(session, payment, part, 36_500_00, day(7))
    fee_part = await session.driver.fetchval(
        "SELECT id FROM instalments WHERE organization_id = $1 AND invoice_id = $2",
        session.organization_id, charge.invoice_id,
    )  # fmt: skip
    await settle(session, payment, fee_part, 100_00, day(10))
    alone = await charge_notice(session, of(tenant, part, on=11))
    assert sums(alone) == (0, 0, 0, 0)  # the charge is paid: nothing is open to take it off
    netted = await charge_notice(session, of(tenant, part, other, on=11))
    assert sums(netted) == (0, 110_00, 0, 30_00)
    assert await value(session, "invoices", netted.invoice_id, "amount_minor") == 80_00  # type: ignore[arg-type]
    await assert_books_agree(session, day(11))


async def test_compensation_once_for_a_document(session: WriteSession, tenant: Tenant) -> None:
    await ten_percent(session)
    _, part = await issue(session, tenant, 100_00, ISSUED)
    early = await charge_notice(session, of(tenant, part, on=0, compensation=True))
    assert sums(early) == (0, 0, 0, 0)
    made = await charge_notice(session, of(tenant, part, on=1, interest=False, compensation=True))
    assert sums(made) == (0, 0, 40_00, 0)
    assert sums(await charge_notice(session, of(tenant, part, on=2, interest=False, compensation=True)))[2] == 0
    await session.driver.execute(
        "INSERT INTO charge_settings (organization_id, id, compensation, minimum_interest)"
        " VALUES ($1, $2, true, '{\"EUR\": 500}')",
        session.organization_id, new_id(),
    )  # fmt: skip
    _, pounds = await issue(session, tenant, 2_000_00, ISSUED, currency="GBP")
    _, other = await issue(session, tenant, 100_00, ISSUED)
    by_settings = await charge_notice(session, of(tenant, pounds, on=2, currency="GBP", compensation=None))
    assert sums(by_settings) == (0, 1_10, 70_00, 0)
    below = await charge_notice(session, of(tenant, other, on=20, compensation=False))
    assert sums(below) == (0, 0, 0, 0)  # 0.55 is less than the five euros that are charged at least


async def test_a_batch_charges_nothing_twice(session: WriteSession, tenant: Tenant) -> None:
    await ten_percent(session)
    other = await add_account(session, "C-2")
    _, part = await issue(session, tenant, 36_500_00, ISSUED)
    _, foreign = await issue(session, tenant, 36_500_00, ISSUED, account_id=other)
    fee = {"fee": FeeRule(5_00), "step_ordinal": 1}
    requests = [
        of(tenant, part, on=2, key="a", **fee),
        of(tenant, part, foreign, on=3, key="b", **fee),
        of(tenant, part, foreign, on=3, key="c", account_id=other, **fee),
        of(tenant, part, on=2, key="a", **fee),
    ]
    found = await charge_notices(session, requests)
    assert [sums(charged) for charged in found] == [
        (5_00, 20_00, 0, 0), (0, 0, 0, 0), (5_00, 30_00, 0, 0), (5_00, 20_00, 0, 0),
    ]  # fmt: skip
    assert found[0] == found[3]
    await assert_books_agree(session, day(3))


async def test_reversed_charges_free_what_they_charged(session: WriteSession, tenant: Tenant) -> None:
    await ten_percent(session)
    _, part = await issue(session, tenant, 36_500_00, ISSUED)
    full = {"fee": FeeRule(5_00), "step_ordinal": 1, "compensation": True}
    made = await charge_notice(session, of(tenant, part, on=10, key="n", **full))
    assert made.charge_id is not None
    assert await reverse_source(session, "n", on=day(11), reason="sent by mistake")
    assert not await reverse_source(session, "n", on=day(11), reason="sent by mistake")
    assert await assert_books_agree(session, day(10), day(11)) == {"EUR": 36_500_00}
    with pytest.raises(ChargeReversed):
        await reverse_charge(session, made.charge_id, on=day(12), reason="again")
    with pytest.raises(ChargeNotFound):
        await reverse_charge(session, new_id(), on=day(12), reason="again")
    again = await charge_notice(session, of(tenant, part, on=12, key="n", **full))
    assert sums(again) == (5_00, 120_00, 40_00, 0)
    # Voided as a document, by whomever: the same.
    await void_invoice(session, again.invoice_id, effective_date=day(13), reason="x")  # type: ignore[arg-type]
    third = await charge_notice(session, of(tenant, part, on=14, key="m", **full))
    assert sums(third) == (5_00, 140_00, 40_00, 0)
    assert await value(session, "charges", again.charge_id, "state") == "reversed"  # type: ignore[arg-type]
    payment = await pay(session, tenant, 1_00, day(15))
    charge_part = await session.driver.fetchval(
        "SELECT id FROM instalments WHERE organization_id = $1 AND invoice_id = $2",
        session.organization_id, third.invoice_id,
    )  # fmt: skip
    await settle(session, payment, charge_part, 1_00, day(15))
    with pytest.raises(InvoiceHasApplications):
        await reverse_source(session, "m", on=day(16), reason="x")


async def test_a_closed_period_is_no_obstacle_and_a_void_debt_bears_nothing(
    session: WriteSession, tenant: Tenant
) -> None:
    await ten_percent(session)
    invoice_id, part = await issue(session, tenant, 36_500_00, ISSUED)
    await close_through(session, tenant, day(30))
    made = await charge_notice(session, of(tenant, part, on=10))
    assert await value(session, "invoices", made.invoice_id, "accounting_date") == day(31)  # type: ignore[arg-type]
    await void_invoice(session, invoice_id, effective_date=day(40), reason="cancelled")
    assert (await quote(session, [of(tenant, part, on=50)]))[0].given_back_minor == 100_00
    assert sums(await charge_notice(session, of(tenant, part, on=50))) == (0, 0, 0, 100_00)
    assert await assert_books_agree(session) == {}


async def test_statutory_rates_of_the_creditors_country_and_no_discount_on_charges(
    session: WriteSession, tenant: Tenant
) -> None:
    terms = await add_terms(session, 200, 10, 30)
    await session.driver.execute(
        "UPDATE accounts SET payment_terms_id = $2, language = 'de' WHERE organization_id = $1",
        session.organization_id, terms,
    )  # fmt: skip
    _, part = await issue(session, tenant, 36_500_00, ISSUED)
    made = await charge_notice(session, of(tenant, part, on=4))
    assert sums(made) == (0, 40_60, 0, 0)  # 10.15 % in the first half of 2026
    row = await session.driver.fetchrow(
        "SELECT p.discount_minor, l.description FROM instalments p JOIN invoice_lines l"
        " ON l.organization_id = $1 AND l.invoice_id = p.invoice_id WHERE p.organization_id = $1 AND p.invoice_id = $2",
        session.organization_id, made.invoice_id,
    )  # fmt: skip
    assert row["discount_minor"] == 0
    assert row["description"].startswith("Verzugszinsen auf RE-")


async def test_a_plan_that_is_kept_spares_interest_and_one_that_breaks_does_not(
    session: WriteSession, tenant: Tenant
) -> None:
    await ten_percent(session)
    _, part = await issue(session, tenant, 365_00, ISSUED)
    command = ProposePlan(tenant.account_id, "EUR", parts=(PlannedPart(day(30), 165_00), PlannedPart(day(60), 200_00)))
    plan_id = await propose_plan(session, command, today=day(10))
    await activate_plan(session, plan_id, today=day(10))
    assert sums(await charge_notice(session, of(tenant, part, on=20))) == (0, 1_00, 0, 0)  # until it was agreed
    await session.driver.execute(
        "INSERT INTO charge_settings (organization_id, id, plan_interest) VALUES ($1, $1, 'always')",
        session.organization_id,
    )
    (running,) = await quote(session, [of(tenant, part, on=20)])
    await session.driver.execute("UPDATE charge_settings SET plan_interest = 'if_broken'")
    assert running.interest_minor == 1_00
    await evaluate_accounts(session, [tenant.account_id], day(40))
    assert await value(session, "payment_plans", plan_id, "status") == "broken"
    assert sums(await charge_notice(session, of(tenant, part, on=40))) == (0, 3_00, 0, 0)
