"""Exposure, checks, holds, the nightly evaluation, the credit file and reviews on a real database."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from app.accounts.commands import AccountCommand
from app.accounts.upsert import upsert_accounts
from app.core.errors import DomainError
from app.core.ids import new_id
from app.credit import queries
from app.credit.checks import CheckOrder, answer_referred, check_order, credit_view
from app.credit.concerned import EVENTS, accounts_concerned
from app.credit.errors import (
    AccountUnknown,
    ApprovalByProposer,
    ApprovalLimitExceeded,
    DecisionNotReferred,
    HoldInvalid,
    HoldReleased,
)
from app.credit.holds import PlaceHold, place_hold, release_hold
from app.credit.orders import OrderCommand, upsert_orders
from app.credit.refresh import refresh_accounts, refresh_all
from app.disputes.opening import DisputedPart, OpenDispute, open_dispute
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import Actor, WriteSession
from app.infra.reactions import event_of
from app.payments.withdraw import ReversePayment, reverse_payment
from tests.conftest import RolledBackDatabase
from tests.factories import Tenant
from tests.receivables import add_account, add_rate, credit, flush, issue, pay, settle, value

TODAY = date(2026, 6, 15)
BOSS = Actor("user", new_id(), "Grace Approver", approval_limit_minor=None)
CLERK = Actor("user", new_id(), "Carl Clerk", approval_limit_minor=50_000)


async def limit(session: WriteSession, account_id: UUID, minor: int | None, **more: Any) -> None:
    for name, given in ({"credit_limit_minor": minor} | more).items():
        await session.driver.execute(
            f"UPDATE accounts SET {name} = $3 WHERE organization_id = $1 AND id = $2",
            session.organization_id, account_id, given,
        )  # fmt: skip


async def answer(session: WriteSession, account_id: UUID, amount_minor: int, **more: Any) -> str:
    command = CheckOrder(account_id, amount_minor, more.pop("currency", "EUR"), **more)
    return (await check_order(session, command, TODAY)).outcome


async def status(session: WriteSession, account_id: UUID) -> str:
    return str(await value(session, "accounts", account_id, "credit_status"))


async def test_exposure_of_an_account_and_its_group(session: WriteSession, tenant: Tenant) -> None:
    child = await add_account(session, "C-2", parent_id=tenant.account_id)
    grandchild = await add_account(session, "C-3", parent_id=child)
    await add_account(session, "other")
    await issue(session, tenant, 100_00, TODAY - timedelta(days=40))  # due ten days ago
    await issue(session, tenant, 50_00, TODAY, account_id=child)
    await issue(session, tenant, 7_00, TODAY, account_id=grandchild)
    await pay(session, tenant, 20_00, TODAY)
    await credit(session, tenant, 5_00, TODAY)
    await flush(session)
    orders = [OrderCommand("gp", "SO-1", "EUR", 30_00, account_id=tenant.account_id),
              OrderCommand("gp", "SO-2", "EUR", 0, account_number="C-2")]  # fmt: skip
    assert [outcome[0] for outcome in await upsert_orders(session, orders)] == ["created", "created"]  # type: ignore[index]
    view = await credit_view(session, tenant.account_id, TODAY)
    own = view.exposure
    assert (own.open_minor, own.overdue_minor, own.days_late) == (100_00, 100_00, 10)
    assert (own.unapplied_minor, own.credits_minor, own.orders_minor) == (20_00, 5_00, 30_00)
    assert own.total_minor == 105_00
    assert view.group_exposure is None, "the top of a group has no group above it"
    below = await credit_view(session, grandchild, TODAY)
    assert below.exposure.total_minor == 7_00
    assert below.group_exposure is not None
    assert below.group_exposure.total_minor == 105_00 + 50_00 + 7_00
    without = await credit_view(session, tenant.account_id, TODAY, without_order=("gp", "SO-1"))
    assert without.exposure.orders_minor == 0


async def test_other_currencies_count_at_the_rate_of_the_day(session: WriteSession, tenant: Tenant) -> None:
    await add_rate(session, "USD", "EUR", TODAY - timedelta(days=5), Decimal("0.5"))
    await add_rate(session, "USD", "EUR", TODAY + timedelta(days=1), Decimal("9"))
    await issue(session, tenant, 100_00, TODAY, currency="USD")
    await issue(session, tenant, 1_000, TODAY, currency="JPY")
    await flush(session)
    own = (await credit_view(session, tenant.account_id, TODAY)).exposure
    assert (own.open_minor, own.unconverted) == (50_00, ("JPY",))
    assert await answer(session, tenant.account_id, 1) == "approve", "without a limit nothing must be converted"
    await limit(session, tenant.account_id, 10**9)
    assert await answer(session, tenant.account_id, 1) == "refer"


@pytest.mark.parametrize(
    ("limit_minor", "amount", "outcome"),
    [(None, 10**12, "approve"), (0, 1, "refuse"), (200_00, 1_00, "approve"), (200_00, 101_00, "refer")],
)
async def test_the_limit_unset_zero_and_two_hundred_with_a_hundred_open(
    session: WriteSession, tenant: Tenant, limit_minor: int | None, amount: int, outcome: str
) -> None:
    await issue(session, tenant, 100_00, TODAY)
    await flush(session)
    await limit(session, tenant.account_id, limit_minor)
    row = await check_order(session, CheckOrder(tenant.account_id, amount, "EUR"), TODAY)
    assert (row.outcome, row.policy_version, row.facts["exposure"]["open_minor"]) == (outcome, 0, 100_00)
    assert row.reasons


async def test_a_reserved_order_counts_for_the_next_one_and_not_against_itself(
    session: WriteSession, tenant: Tenant
) -> None:
    await limit(session, tenant.account_id, 100_00)
    first = {"source": "gp", "external_id": "SO-1", "reserve": True}
    assert await answer(session, tenant.account_id, 60_00, **first) == "approve"
    assert await answer(session, tenant.account_id, 50_00) == "refer"
    assert await answer(session, tenant.account_id, 100_00, **first) == "approve", "the order itself is left out"
    assert await answer(session, tenant.account_id, 1) == "refer"


async def test_the_groups_limit_counts_for_its_members(session: WriteSession, tenant: Tenant) -> None:
    child = await add_account(session, "C-2", parent_id=tenant.account_id)
    await limit(session, tenant.account_id, 100_00)
    await issue(session, tenant, 90_00, TODAY)
    await flush(session)
    assert await answer(session, child, 10_00) == "approve"
    assert await answer(session, child, 10_01) == "refer"
    assert await answer(session, child, 10_00, source="gp", external_id="SO-1", reserve=True) == "approve"
    assert await answer(session, tenant.account_id, 1) == "refer", "no more room for the top than for its members"
    await place_hold(session, PlaceHold(tenant.account_id, "hold", "stop", "insolvency"), TODAY)
    assert await answer(session, child, 1) == "refuse", "a hold on the top holds for the group"


async def test_a_limit_in_the_middle_of_the_group_counts_for_all_below_it(
    session: WriteSession, tenant: Tenant
) -> None:
    middle = await add_account(session, "C-2", parent_id=tenant.account_id)
    child = await add_account(session, "C-3", parent_id=middle)
    sister = await add_account(session, "C-4", parent_id=middle)
    aunt = await add_account(session, "C-5", parent_id=tenant.account_id)
    await limit(session, middle, 100_00)
    await issue(session, tenant, 60_00, TODAY, account_id=sister)
    await issue(session, tenant, 500_00, TODAY, account_id=aunt)
    await flush(session)
    assert await answer(session, child, 40_00) == "approve"
    assert await answer(session, child, 40_01) == "refer"
    assert await answer(session, middle, 40_01) == "refer", "no more room for itself than for those below it"
    assert await answer(session, middle, 40_00) == "approve"
    assert await answer(session, aunt, 1_000_00) == "approve", "who stands beside it is not bound by it"
    row = await check_order(session, CheckOrder(child, 40_01, "EUR"), TODAY)
    reason = next(reason for reason in row.reasons if reason["code"] == "parent_limit_exceeded")
    assert (reason["facts"]["number"], reason["facts"]["available_minor"]) == ("C-2", 40_00)
    await place_hold(session, PlaceHold(middle, "hold", "stop", "insolvency"), TODAY)
    assert await answer(session, child, 1) == "refuse"
    assert await answer(session, aunt, 1) == "approve"


async def test_an_approved_order_is_reserved_until_it_is_reported_or_forgotten(
    database: RolledBackDatabase, tenant: Tenant
) -> None:
    later = TODAY + timedelta(days=30)
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await limit(session, tenant.account_id, 100_00)
        first = {"source": "gp", "external_id": "SO-1", "reserve": True}
        assert await answer(session, tenant.account_id, 60_00, **first) == "approve"
        assert await answer(session, tenant.account_id, 60_00) == "refer"
        view = await credit_view(session, tenant.account_id, later)
        assert view.exposure.orders_minor == 60_00, "it counts until the end of the thirtieth day"
        view = await credit_view(session, tenant.account_id, later + timedelta(days=1))
        assert view.exposure.orders_minor == 0
        await upsert_orders(session, [OrderCommand("gp", "SO-1", "EUR", 50_00, account_id=tenant.account_id)])
        view = await credit_view(session, tenant.account_id, later + timedelta(days=1))
        assert view.exposure.orders_minor == 50_00, "reported is reported"
        asked = await check_order(session, CheckOrder(tenant.account_id, 70_00, "EUR", "gp", "SO-2", True), TODAY)
        assert asked.outcome == "refer"
    async with database.write(tenant.organization_id, BOSS) as session:
        await answer_referred(session, asked.id, "approve", "good customer", TODAY)
        assert (await credit_view(session, tenant.account_id, TODAY)).exposure.orders_minor == 120_00
        third = await check_order(session, CheckOrder(tenant.account_id, 1, "EUR", "gp", "SO-3", True), TODAY)
        await upsert_orders(session, [OrderCommand("gp", "SO-3", "EUR", 0, account_id=tenant.account_id)])
    async with database.write(tenant.organization_id, CLERK) as session:
        await answer_referred(session, third.id, "approve", "fine", TODAY)
        view = await credit_view(session, tenant.account_id, TODAY)
        assert view.exposure.orders_minor == 120_00, "what the source has closed meanwhile stays closed"


async def test_a_referred_order_is_answered_once_by_somebody_else_within_their_limit(
    database: RolledBackDatabase, tenant: Tenant
) -> None:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await limit(session, tenant.account_id, 1)
        asked = await check_order(session, CheckOrder(tenant.account_id, 600_00, "EUR"), TODAY)
        assert asked.outcome == "refer"
        with pytest.raises(ApprovalByProposer):
            await answer_referred(session, asked.id, "approve", "good customer", TODAY)
    async with database.write(tenant.organization_id, CLERK) as session:
        with pytest.raises(ApprovalLimitExceeded):
            await answer_referred(session, asked.id, "approve", "good customer", TODAY)
    async with database.write(tenant.organization_id, BOSS) as session:
        made = await answer_referred(session, asked.id, "approve", "good customer", TODAY)
        assert (made.outcome, made.answers_id, made.amount_minor) == ("approve", asked.id, 600_00)
        assert await queries.answered_among(session, [asked.id, made.id]) == {asked.id}
        with pytest.raises(DecisionNotReferred):
            await answer_referred(session, made.id, "refuse", "no", TODAY)


async def test_orders_are_upserted_and_refused_one_by_one(session: WriteSession, tenant: Tenant) -> None:
    order = OrderCommand("gp", "SO-1", "EUR", 5, account_id=tenant.account_id)
    unknown = OrderCommand("gp", "SO-2", "EUR", 5, account_number="nobody")
    results = await upsert_orders(session, [order, unknown, order])
    assert results[0] == results[2]
    assert isinstance(results[1], AccountUnknown)
    (again,) = await upsert_orders(session, [order])
    assert not isinstance(again, DomainError)
    assert again[0] == "unchanged"
    (closed,) = await upsert_orders(session, [OrderCommand("gp", "SO-1", "EUR", 0, account_id=tenant.account_id)])
    assert not isinstance(closed, DomainError)
    assert closed[0] == "updated"
    assert (await credit_view(session, tenant.account_id, TODAY)).exposure.orders_minor == 0


async def test_the_ladder_climbs_at_night_and_comes_down_with_the_money(session: WriteSession, tenant: Tenant) -> None:
    _, item = await issue(session, tenant, 100_00, TODAY - timedelta(days=30 + 15))
    await flush(session)
    assert await refresh_accounts(session, [tenant.account_id], TODAY - timedelta(days=1)) == 0
    seen = []
    for days in (0, 29, 30, 75):
        await refresh_accounts(session, [tenant.account_id], TODAY + timedelta(days=days))
        seen.append(await status(session, tenant.account_id))
    assert seen == ["watch", "watch", "hold", "stop"]
    assert await refresh_accounts(session, [tenant.account_id], TODAY + timedelta(days=75)) == 0, "repeatable"
    await settle(session, await pay(session, tenant, 100_00, TODAY), item, 100_00, TODAY)
    await flush(session)
    assert await refresh_accounts(session, [tenant.account_id], TODAY + timedelta(days=76)) == 1
    rows = await session.driver.fetch(
        "SELECT status_before, status, effective_date, reasons FROM credit_status_changes ORDER BY id"
    )
    assert [(row["status_before"], row["status"]) for row in rows] == [
        ("ok", "watch"), ("watch", "hold"), ("hold", "stop"), ("stop", "ok"),
    ]  # fmt: skip
    assert rows[0]["reasons"][0]["code"] == "days_late"
    await flush(session)
    logged = await session.driver.fetchval(
        "SELECT count(*) FROM change_log WHERE event = 'account.credit_status_changed'"
    )
    assert logged == 4


async def test_holds_and_overrides_change_the_status_at_once_and_end(session: WriteSession, tenant: Tenant) -> None:
    hold = await place_hold(session, PlaceHold(tenant.account_id, "hold", "hold", "court", until=TODAY), TODAY)
    assert await status(session, tenant.account_id) == "hold"
    await refresh_accounts(session, [tenant.account_id], TODAY + timedelta(days=1))
    assert await status(session, tenant.account_id) == "ok", "the night after its last day"
    await release_hold(session, hold, "settled", TODAY, 1)
    with pytest.raises(HoldReleased):
        await release_hold(session, hold, "again", TODAY, None)
    await issue(session, tenant, 100_00, TODAY - timedelta(days=200))
    await flush(session)
    await refresh_accounts(session, [tenant.account_id], TODAY)
    assert await status(session, tenant.account_id) == "stop"
    until = TODAY + timedelta(days=7)
    override = await place_hold(session, PlaceHold(tenant.account_id, "override", "watch", "plan", until=until), TODAY)
    assert await status(session, tenant.account_id) == "watch"
    assert await answer(session, tenant.account_id, 1) == "approve"
    await release_hold(session, override, "plan broken", TODAY, 1)
    assert await status(session, tenant.account_id) == "stop"


@pytest.mark.parametrize(
    "command",
    [
        {"kind": "hold", "level": "ok"},
        {"kind": "override", "level": "ok"},
        {"kind": "override", "level": "stop", "until": TODAY},
        {"kind": "hold", "level": "hold", "until": TODAY - timedelta(days=1)},
        {"kind": "override", "level": "ok", "until": TODAY + timedelta(days=367)},
    ],
)
async def test_a_hold_that_makes_no_sense_is_refused(
    session: WriteSession, tenant: Tenant, command: dict[str, Any]
) -> None:
    with pytest.raises(HoldInvalid):
        await place_hold(session, PlaceHold(tenant.account_id, reason_code="x", **command), TODAY)


async def test_what_the_source_says_acts_at_once_and_is_taken_back_by_credit(
    session: WriteSession, tenant: Tenant
) -> None:
    async def say(credit_status: str) -> UUID:
        command = AccountCommand("A-1", "A", "EUR", "gp", "1", credit_status=credit_status)
        (result,) = await upsert_accounts(session, [command])
        assert not isinstance(result, DomainError)
        return result.id

    account_id = await say("hold")
    assert await status(session, account_id) == "hold"
    await place_hold(session, PlaceHold(account_id, "hold", "watch", "x"), TODAY)
    assert await status(session, account_id) == "hold"
    await say("ok")
    assert await status(session, account_id) == "hold", "a milder word is weighed against the holds, by credit"
    await refresh_accounts(session, [account_id], TODAY)
    assert await status(session, account_id) == "watch"


async def test_the_score_follows_what_was_paid_when(session: WriteSession, tenant: Tenant) -> None:
    slow = await add_account(session, "slow")
    for account_id, late in ((tenant.account_id, 0), (slow, 50)):
        for months in (1, 6):
            due = TODAY - timedelta(days=30 * months + 50)
            _, item = await issue(session, tenant, 100_00, due - timedelta(days=30), account_id=account_id)
            paid = due + timedelta(days=late)
            payment = await pay(session, tenant, 100_00, paid, account_id=account_id)
            await settle(session, payment, item, 100_00, paid)
    await flush(session)
    await refresh_accounts(session, [tenant.account_id, slow], TODAY)
    found = await queries.scores_of(session, [tenant.account_id, slow])
    assert found[tenant.account_id]["days_beyond_terms"] == 0
    assert found[slow]["days_beyond_terms"] == 50
    assert found[tenant.account_id]["score"] > 80 > 30 > found[slow]["score"]
    before = found[slow]["score"]
    _, item = await issue(session, tenant, 10_00, TODAY - timedelta(days=40), account_id=slow)
    bounced = await pay(session, tenant, 10_00, TODAY - timedelta(days=2), account_id=slow)
    await flush(session)
    await reverse_payment(session, ReversePayment(bounced, TODAY, "bounced"))
    await flush(session)
    await refresh_accounts(session, [slow], TODAY)
    latest = await queries.latest_score(session, slow)
    assert latest is not None
    factors = {factor["name"]: factor for factor in latest["factors"]}
    assert factors["bounced_payments"]["value"] == "1 of 3 payments"
    assert sum(factor["contribution"] for factor in factors.values()) == latest["score"] < before
    await refresh_accounts(session, [slow], TODAY + timedelta(days=31))
    months = await session.driver.fetch("SELECT month FROM credit_scores WHERE account_id = $1 ORDER BY month", slow)
    assert [row["month"] for row in months] == [date(2026, 6, 1), date(2026, 7, 1)]


async def test_the_night_goes_through_every_account_in_steps(
    database: RolledBackDatabase, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        accounts = [await add_account(session, f"N-{n}") for n in range(6)]
        for account_id in accounts:
            await issue(session, tenant, 1_00, TODAY - timedelta(days=60), account_id=account_id)
    monkeypatch.setattr("app.credit.refresh.NIGHT_BATCH", 3)
    assert await refresh_all(database, tenant.organization_id, TODAY) == 7
    async with database.read(tenant.organization_id) as read:
        watched = await read.driver.fetchval("SELECT count(*) FROM accounts WHERE credit_status = 'watch'")
        profiles = await read.driver.fetchval("SELECT count(*) FROM credit_profiles")
    assert (watched, profiles) == (6, 6), "an account with nothing to say of it gets no profile"


async def test_what_is_disputed_is_shown_and_is_not_late(session: WriteSession, tenant: Tenant) -> None:
    _, item = await issue(session, tenant, 100_00, TODAY - timedelta(days=130))
    await issue(session, tenant, 10_00, TODAY - timedelta(days=50))
    await flush(session)
    await open_dispute(session, OpenDispute((DisputedPart(item, 100_00),), "damaged_goods", TODAY))
    own = (await credit_view(session, tenant.account_id, TODAY)).exposure
    assert (own.open_minor, own.disputed_minor, own.days_late) == (110_00, 100_00, 20)


async def test_events_lead_to_the_accounts_that_they_concern(session: WriteSession, tenant: Tenant) -> None:
    other = await add_account(session, "C-2", parent_id=tenant.account_id)
    _, item = await issue(session, tenant, 100_00, TODAY, account_id=other)
    payment = await pay(session, tenant, 100_00, TODAY)
    await settle(session, payment, item, 100_00, TODAY)
    _, contested = await issue(session, tenant, 5_00, TODAY)
    await flush(session)
    dispute = await open_dispute(session, OpenDispute((DisputedPart(contested, 5_00),), "damaged_goods", TODAY))
    record_change(session, ChangeRow("dispute", dispute, "dispute.resolved_rejected", None, {"state": "x"}))
    await flush(session)
    rows = await session.driver.fetch("SELECT * FROM change_log ORDER BY id")
    for event, concerned in (
        ("invoice.issued", sorted([other, tenant.account_id])),
        ("dispute.resolved_rejected", [tenant.account_id]),
        ("payment.recorded", [tenant.account_id]),
        ("application.created", sorted([other, tenant.account_id])),
    ):
        events = [event_of(row, 1) for row in rows if row["event"] == event]
        assert events
        assert await accounts_concerned(session, events) == concerned, event
        assert event in EVENTS
