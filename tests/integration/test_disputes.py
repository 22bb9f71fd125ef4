"""Disputes by their services: part amounts, approval, money that comes, clocks, e-mails, what stays collectable."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import pytest

from app.core.ids import new_id
from app.disputes import casework, queries, resolving
from app.disputes.casework import Assignment
from app.disputes.catalogue import NewReason, NewTeam, create_reason, create_team, ensure_catalogue, update_reason
from app.disputes.clock import mark_breaches
from app.disputes.errors import (
    CreditByOther,
    CreditByRequester,
    CreditLimitExceeded,
    CreditPending,
    DisputedInstalmentNotOpen,
    DisputedInstalmentUnknown,
    DisputeNotFound,
    DisputeReasonUnknown,
    NotPaid,
)
from app.disputes.models import Dispute
from app.disputes.opening import Deduction, open_from_deduction
from app.disputes.resolving import CreditOrder
from app.disputes.rules import REASONS, DisputedTooMuch, DisputeInvalid, DisputeStateInvalid
from app.infra.database import SYSTEM, Actor, WriteSession
from app.infra.mail.outbox import emails_about
from app.invoices.adjustments import RequestAdjustment, request_adjustment
from app.invoices.void import void_invoice
from app.payments.withdraw import ReversePayment, reverse_payment
from tests.conftest import RolledBackDatabase
from tests.control_account import assert_books_agree
from tests.disputing import add_user, dispute, follow_events, person
from tests.factories import Tenant
from tests.receivables import add_account, issue, pay, settle, value

MARCH_2 = date(2026, 3, 2)
WRITER = ("disputes:read", "all-disputes:read", "disputes:write", "invoices:write")


async def read(session: WriteSession, dispute_id: UUID) -> Dispute:
    return await queries.get_dispute(session, dispute_id, SYSTEM)


async def test_part_amounts_of_several_instalments(session: WriteSession, tenant: Tenant) -> None:
    _, first = await issue(session, tenant, 100_000, MARCH_2)
    _, second = await issue(session, tenant, 50_000, MARCH_2)
    made = await read(session, await dispute(session, (first, 18_000), (second, None), on=MARCH_2))
    assert (made.amount_minor, made.disputed_minor, made.state, made.currency) == (68_000, 68_000, "open", "EUR")
    assert made.sla_due_on == date(2026, 3, 16)
    assert await queries.disputed_by_instalment(session, [first, second]) == {first: 18_000, second: 50_000}
    assert await queries.undisputed(session, [first, second]) == {first: 82_000, second: 0}
    assert await queries.disputed_by_account(session, [tenant.account_id]) == {(tenant.account_id, "EUR"): 68_000}


async def test_never_more_than_is_open_and_not_disputed_yet(session: WriteSession, tenant: Tenant) -> None:
    _, owed = await issue(session, tenant, 10_000, MARCH_2)
    await dispute(session, (owed, 6_000), on=MARCH_2)
    with pytest.raises(DisputedTooMuch) as refused:
        await dispute(session, (owed, 4_001), on=MARCH_2)
    assert refused.value.facts["available"] == "40.00"
    await dispute(session, (owed, 4_000), on=MARCH_2)
    with pytest.raises(DisputedTooMuch):
        await dispute(session, (owed, None), on=MARCH_2)
    for wrong in (0, -1):
        with pytest.raises(DisputeInvalid):
            await dispute(session, (owed, wrong), on=MARCH_2)


async def test_what_cannot_be_disputed_together(session: WriteSession, tenant: Tenant) -> None:
    _, owed = await issue(session, tenant, 10_000, MARCH_2)
    other = await add_account(session, "C-2")
    _, theirs = await issue(session, tenant, 10_000, MARCH_2, account_id=other)
    _, dollars = await issue(session, tenant, 10_000, MARCH_2, currency="USD")
    for parts in (((owed, 1), (theirs, 1)), ((owed, 1), (dollars, 1)), ((owed, 1), (owed, 2)), ()):
        with pytest.raises(DisputeInvalid):
            await dispute(session, *parts, on=MARCH_2)
    with pytest.raises(DisputedInstalmentUnknown):
        await dispute(session, (new_id(), 1), on=MARCH_2)
    with pytest.raises(DisputeReasonUnknown):
        await dispute(session, (owed, 1), on=MARCH_2, reason="bad_mood")
    await settle(session, await pay(session, tenant, 10_000, MARCH_2), owed, 10_000, MARCH_2)
    with pytest.raises(DisputedInstalmentNotOpen):
        await dispute(session, (owed, 1), on=MARCH_2)


async def test_an_organization_starts_with_reasons_and_teams_of_its_own(session: WriteSession) -> None:
    await ensure_catalogue(session)
    await ensure_catalogue(session)
    reasons = await queries.all_reasons(session)
    assert [reason.code for reason in reasons] == sorted(reason.code for reason in REASONS)
    assert all(reason.team_id is not None for reason in reasons)
    own = await create_reason(session, NewReason("wrong_label", "Wrong label", 3, "quality", ("label",)))
    await update_reason(session, own.id, {"active": False, "team": None}, expected_version=1)
    assert (own.active, own.team_id, own.version) == (False, None, 2)


async def test_a_credit_within_the_own_limit_closes_the_dispute_and_the_books_agree(
    session: WriteSession, tenant: Tenant
) -> None:
    _, owed = await issue(session, tenant, 119_000, MARCH_2, tax_minor=19_000)
    made = await dispute(session, (owed, 23_800), on=MARCH_2)
    session.actor = person("Rita", *WRITER, limit=23_800)
    order = CreditOrder(date(2026, 3, 5))
    outcome = await resolving.credit_dispute(session, made, order, today=date(2026, 3, 5), expected_version=1)
    assert outcome == "credited"
    found = await read(session, made)
    assert (found.state, found.disputed_minor, found.credited_minor) == ("resolved_credited", 0, 23_800)
    assert found.resolved_on == date(2026, 3, 5)
    (credit,) = (await queries.credits_of(session, [made]))[made]
    assert credit.credit_memo_number == f"CM-{found.number}"
    assert await value(session, "credit_memos", credit.credit_memo_id, "tax_minor") == 3_800
    assert await value(session, "credit_memos", credit.credit_memo_id, "status") == "applied"
    assert await value(session, "instalments", owed, "open_minor") == 95_200
    assert await queries.disputed_by_instalment(session, [owed]) == {}
    await assert_books_agree(session, date(2026, 3, 31))


async def test_a_partial_credit_releases_the_rest(session: WriteSession, tenant: Tenant) -> None:
    _, first = await issue(session, tenant, 10_000, MARCH_2)
    _, second = await issue(session, tenant, 10_000, MARCH_2)
    made = await dispute(session, (first, 4_000), (second, 6_000), on=MARCH_2)
    session.actor = person("Rita", *WRITER, limit=5_000)
    order = CreditOrder(MARCH_2, amount_minor=5_000, tax_minor=0, credit_memo_number="GS-77")
    await resolving.credit_dispute(session, made, order, today=MARCH_2, expected_version=None)
    found = await read(session, made)
    assert (found.credited_minor, found.released_minor, found.state) == (5_000, 5_000, "resolved_credited")
    opens = [await value(session, "instalments", instalment, "open_minor") for instalment in (first, second)]
    assert opens == [6_000, 9_000]
    await assert_books_agree(session, date(2026, 3, 31))


async def test_above_the_limit_somebody_else_approves(session: WriteSession, tenant: Tenant) -> None:
    _, owed = await issue(session, tenant, 100_000, MARCH_2)
    made = await dispute(session, (owed, 18_000), on=MARCH_2)
    rita = person("Rita", *WRITER, "disputes:approve", limit=17_999)
    session.actor = rita
    order = CreditOrder(MARCH_2, note="they are right")
    assert await resolving.credit_dispute(session, made, order, today=MARCH_2, expected_version=None) == "requested"
    assert await value(session, "instalments", owed, "open_minor") == 100_000
    with pytest.raises(CreditPending):
        await resolving.credit_dispute(session, made, order, today=MARCH_2, expected_version=None)
    with pytest.raises(CreditPending):
        await resolving.reject_dispute(session, made, today=MARCH_2, note="no", expected_version=None)
    step: dict[str, Any] = {"today": MARCH_2, "note": None, "expected_version": None}
    with pytest.raises(CreditByRequester):
        await resolving.approve_credit(session, made, **step)
    session.actor = person("Sam", *WRITER, "disputes:approve", limit=17_999)
    with pytest.raises(CreditByOther):
        await resolving.withdraw_credit(session, made, **step)
    with pytest.raises(CreditLimitExceeded):
        await resolving.approve_credit(session, made, **step)
    await resolving.reject_credit(session, made, **step)
    session.actor = rita
    assert await resolving.credit_dispute(session, made, order, today=MARCH_2, expected_version=None) == "requested"
    session.actor = person("Max", *WRITER, "disputes:approve", limit=None)
    await resolving.approve_credit(session, made, **step)
    found = await read(session, made)
    assert (found.state, found.credited_minor, found.resolved_by) == ("resolved_credited", 18_000, "Max")
    assert [credit.state for credit in (await queries.credits_of(session, [made]))[made]] == ["rejected", "approved"]
    assert await value(session, "instalments", owed, "open_minor") == 82_000
    await assert_books_agree(session, date(2026, 3, 31))


async def test_whoever_may_not_issue_credits_only_asks(session: WriteSession, tenant: Tenant) -> None:
    _, owed = await issue(session, tenant, 100_000, MARCH_2)
    made = await dispute(session, (owed, 1), on=MARCH_2)
    session.actor = person("Carl Collector", "disputes:read", "all-disputes:read", "disputes:write", limit=None)
    order = CreditOrder(MARCH_2)
    assert await resolving.credit_dispute(session, made, order, today=MARCH_2, expected_version=None) == "requested"


async def test_rejected_and_withdrawn_parts_are_collectable_again(session: WriteSession, tenant: Tenant) -> None:
    for end in ("resolved_rejected", "withdrawn"):
        _, owed = await issue(session, tenant, 100_000, MARCH_2)
        made = await dispute(session, (owed, 18_000), on=MARCH_2)
        if end == "withdrawn":
            await resolving.withdraw_dispute(session, made, today=MARCH_2, note=None, expected_version=None)
        else:
            await resolving.reject_dispute(session, made, today=MARCH_2, note="signed for", expected_version=None)
        found = await read(session, made)
        assert (found.state, found.released_minor) == (end, 18_000)
        assert await queries.undisputed(session, [owed]) == {owed: 100_000}
        with pytest.raises(DisputeStateInvalid):
            await resolving.withdraw_dispute(session, made, today=MARCH_2, note=None, expected_version=None)
        await casework.reopen_dispute(session, made, today=date(2026, 3, 9), note="new photos", expected_version=None)
        again = await read(session, made)
        assert (again.state, again.disputed_minor, again.reopened_count) == ("open", 18_000, 1)
        assert again.sla_due_on == date(2026, 3, 23)


async def test_a_payment_resolves_a_dispute(session: WriteSession, tenant: Tenant) -> None:
    _, owed = await issue(session, tenant, 100_000, MARCH_2)
    made = await dispute(session, (owed, 18_000), on=MARCH_2)
    step: dict[str, Any] = {"effective_date": MARCH_2, "today": MARCH_2, "note": None, "expected_version": None}
    with pytest.raises(NotPaid):
        await resolving.pay_dispute(session, made, payment_id=None, **step)
    payment = await pay(session, tenant, 20_000, MARCH_2)
    await resolving.pay_dispute(session, made, payment_id=payment, **step)
    found = await read(session, made)
    assert (found.state, found.paid_minor) == ("resolved_paid", 18_000)
    assert await value(session, "payments", payment, "unapplied_minor") == 2_000
    assert await value(session, "instalments", owed, "open_minor") == 82_000


async def test_money_first_takes_the_undisputed_part_then_shrinks_and_closes(
    database: RolledBackDatabase, tenant: Tenant
) -> None:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        _, owed = await issue(session, tenant, 100_000, MARCH_2)
        older = await dispute(session, (owed, 18_000), on=MARCH_2)
        newer = await dispute(session, (owed, 2_000), on=MARCH_2, reason="price")
    for paid, expected in (
        (80_000, {older: ("open", 18_000), newer: ("open", 2_000)}),
        (5_000, {older: ("open", 13_000), newer: ("open", 2_000)}),
        (14_000, {older: ("resolved_paid", 0), newer: ("open", 1_000)}),
        (1_000, {older: ("resolved_paid", 0), newer: ("resolved_paid", 0)}),
    ):
        async with database.write(tenant.organization_id, tenant.actor) as session:
            await settle(session, await pay(session, tenant, paid, MARCH_2), owed, paid, MARCH_2)
            left = await value(session, "instalments", owed, "open_minor")
            disputed = (await queries.disputed_by_instalment(session, [owed])).get(owed, 0)
            assert disputed <= left, "also before the disputes have followed"
        for _ in range(2):
            await follow_events(database, tenant)
        async with database.write(tenant.organization_id, SYSTEM) as session:
            found = {row: await read(session, row) for row in (older, newer)}
            assert {row: (one.state, one.disputed_minor) for row, one in found.items()} == expected
    assert (found[older].paid_minor, found[newer].paid_minor) == (18_000, 2_000)


async def test_a_paid_dispute_does_not_come_back_when_its_payment_bounces(
    database: RolledBackDatabase, tenant: Tenant
) -> None:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        _, owed = await issue(session, tenant, 18_000, MARCH_2)
        made = await dispute(session, (owed, None), on=MARCH_2)
        payment = await pay(session, tenant, 18_000, MARCH_2)
        await settle(session, payment, owed, 18_000, MARCH_2)
    await follow_events(database, tenant)
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await reverse_payment(session, ReversePayment(payment, date(2026, 3, 9), "bounced"))
    await follow_events(database, tenant)
    async with database.write(tenant.organization_id, tenant.actor) as session:
        assert await value(session, "instalments", owed, "open_minor") == 18_000
        assert (await read(session, made)).state == "resolved_paid"
        assert await queries.undisputed(session, [owed]) == {owed: 18_000}
        await casework.reopen_dispute(session, made, today=date(2026, 3, 10), note="asked for", expected_version=None)
        assert await queries.undisputed(session, [owed]) == {owed: 0}


@pytest.mark.parametrize("end", ["void", "write_off", "credit_memo"])
async def test_what_the_seller_gives_up_closes_the_dispute(
    database: RolledBackDatabase, tenant: Tenant, end: str
) -> None:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        invoice_id, owed = await issue(session, tenant, 10_000, MARCH_2)
        made = await dispute(session, (owed, 6_000), on=MARCH_2)
        session.actor = person("Carl", "disputes:write", "all-disputes:read")
        await resolving.credit_dispute(session, made, CreditOrder(MARCH_2), today=MARCH_2, expected_version=None)
        session.actor = tenant.actor
        if end == "void":
            await void_invoice(
                session, invoice_id, effective_date=MARCH_2, reason="wrong customer", expected_version=None
            )
        elif end == "write_off":
            await request_adjustment(session, RequestAdjustment(owed, "write_off", 10_000, MARCH_2, "bad_debt"))
        else:
            from tests.receivables import credit

            memo = await credit(session, tenant, 10_000, MARCH_2)
            await settle(session, memo, owed, 10_000, MARCH_2, credit_memo=True)
    await follow_events(database, tenant)
    async with database.write(tenant.organization_id, SYSTEM) as session:
        found = await read(session, made)
        assert (found.state, found.credited_minor, found.paid_minor) == ("resolved_credited", 6_000, 0)
        assert await queries.pending_credit(session, made) is None


async def test_a_lower_amount_and_another_reason(session: WriteSession, tenant: Tenant) -> None:
    _, owed = await issue(session, tenant, 100_000, MARCH_2)
    made = await dispute(session, (owed, 18_000), on=MARCH_2)
    changes = {"lines": {owed: 10_000}, "reason_code": "tax", "description": "only the tax"}
    await casework.edit_dispute(session, made, changes, today=MARCH_2, expected_version=1)
    found = await read(session, made)
    assert (found.disputed_minor, found.released_minor, found.sla_due_on) == (10_000, 8_000, date(2026, 3, 9))
    for lines, refusal in (
        ({owed: 10_001}, DisputedTooMuch),
        ({owed: 0}, DisputeInvalid),
        ({new_id(): 1}, DisputeInvalid),
    ):
        with pytest.raises(refusal):
            await casework.edit_dispute(session, made, {"lines": lines}, today=MARCH_2, expected_version=None)


async def test_the_clock_stands_still_for_the_customer_and_breaches_once(session: WriteSession, tenant: Tenant) -> None:
    _, owed = await issue(session, tenant, 100_000, MARCH_2)
    waiting = await dispute(session, (owed, 1_000), on=MARCH_2, reason="tax")
    late = await dispute(session, (owed, 1_000), on=MARCH_2, reason="tax")
    step: dict[str, Any] = {"note": None, "expected_version": None}
    await casework.review_dispute(session, waiting, today=MARCH_2, **step)
    await casework.await_customer(session, waiting, today=date(2026, 3, 4), **step)
    assert await mark_breaches(session, date(2026, 3, 9)) == 0, "the last day is not over"
    assert await mark_breaches(session, date(2026, 3, 10)) == 1
    assert await mark_breaches(session, date(2026, 3, 11)) == 0
    assert [found.id for found in await queries.sla_breaches(session)] == [late]
    await casework.review_dispute(session, waiting, today=date(2026, 3, 11), **step)
    found = await read(session, waiting)
    assert (found.sla_due_on, found.awaiting_since, found.sla_breached_on) == (date(2026, 3, 16), None, None)


async def test_who_works_on_it_is_told_by_email(session: WriteSession, tenant: Tenant) -> None:
    grace = await add_user(session, "grace@acme.example")
    await create_team(session, NewTeam("packing", "Packing", "packing@acme.example"))
    await create_team(session, NewTeam("yard", "Yard", None, (grace,)))
    _, owed = await issue(session, tenant, 100_000, MARCH_2)

    async def told(dispute_id: UUID) -> list[str]:
        return [email.recipient for email in await emails_about(session, "dispute", [dispute_id])]

    made = await dispute(session, (owed, 18_000), on=MARCH_2, team="packing", description="Box\r\nBcc: x")
    assert await told(made) == ["packing@acme.example"]
    (email,) = await emails_about(session, "dispute", [made])
    assert "180.00 EUR" in email.subject
    assert "Damaged goods" in email.text
    await casework.assign_dispute(session, made, Assignment(grace), today=MARCH_2, expected_version=None)
    await casework.assign_dispute(session, made, Assignment(grace), today=MARCH_2, expected_version=None)
    assert await told(made) == ["packing@acme.example", "grace@acme.example"]
    of_team = await dispute(session, (owed, 1_000), on=MARCH_2, team="yard")
    assert await told(of_team) == ["grace@acme.example"]
    session.actor = person("Grace", *WRITER, user_id=grace)
    own = await dispute(session, (owed, 1_000), on=MARCH_2, assignee_id=grace)
    assert await told(own) == [], "nobody is told what they did themselves"
    await session.driver.execute(
        "UPDATE users SET email = 'nobody' WHERE organization_id = $1 AND id = $2", tenant.organization_id, grace
    )
    session.actor = tenant.actor
    await dispute(session, (owed, 1_000), on=MARCH_2, assignee_id=grace)


async def test_a_resolver_meets_only_what_they_work_on(session: WriteSession, tenant: Tenant) -> None:
    grace, rita = await add_user(session, "grace@acme.example"), await add_user(session, "rita@acme.example")
    await create_team(session, NewTeam("packing", "Packing", None, (rita,)))
    _, owed = await issue(session, tenant, 100_000, MARCH_2)
    hers = await dispute(session, (owed, 1_000), on=MARCH_2, assignee_id=grace, team="packing")
    packing = await dispute(session, (owed, 1_000), on=MARCH_2, team="packing")
    others = await dispute(session, (owed, 1_000), on=MARCH_2)

    async def seen(actor: Actor) -> set[UUID]:
        statement = queries.disputes_statement(tenant.organization_id, actor, queries.DisputeFilter())
        return {row[0].id for row in (await session.execute(statement)).all()}

    only = person("Grace", "disputes:read", "disputes:write", user_id=grace)
    assert await seen(only) == {hers}
    assert await seen(person("Rita", "disputes:read", user_id=rita)) == {hers, packing}
    assert await seen(person("Al", "disputes:read", "all-disputes:read")) == {hers, packing, others}
    session.actor = only
    for refused in (packing, others):
        with pytest.raises(DisputeNotFound):
            await casework.comment_dispute(session, refused, "hello")
        with pytest.raises(DisputeNotFound):
            await resolving.withdraw_dispute(session, refused, today=MARCH_2, note=None, expected_version=None)
    await casework.comment_dispute(session, hers, "hello")
    assert (await queries.count_active(session, only)).active == 1


async def test_deductions_open_one_dispute_a_reason_and_nothing_twice(session: WriteSession, tenant: Tenant) -> None:
    _, first = await issue(session, tenant, 100_000, MARCH_2)
    _, second = await issue(session, tenant, 50_000, MARCH_2)
    payment = await pay(session, tenant, 100_000, MARCH_2)
    await settle(session, payment, first, 82_000, MARCH_2)
    deductions = [
        Deduction(first, 18_000, "Damaged goods"),
        Deduction(second, 1_000, "damaged goods"),
        Deduction(second, 2_000, "wrong price"),
        Deduction(second, 500, "because"),
        Deduction(new_id(), 500, "because"),
        Deduction(second, 0, "because"),
    ]
    made = await open_from_deduction(session, payment_id=payment, deductions=deductions, on=MARCH_2)
    found = [await read(session, dispute_id) for dispute_id in made]
    reasons, _ = await queries.codes(session)
    assert {(reasons[one.reason_id].code, one.amount_minor, one.origin, one.payment_id) for one in found} == {
        ("damaged_goods", 19_000, "deduction", payment),
        ("price", 2_000, "deduction", payment),
        ("other", 500, "deduction", payment),
    }
    again = await open_from_deduction(session, payment_id=payment, deductions=deductions[:1], on=MARCH_2)
    assert again == [], "all that is open of it is disputed already"
