"""Stories of promises and payment plans, told day by day."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from app.core.errors import DomainError
from app.infra.database import WriteSession
from app.invoices.adjustments import RequestAdjustment, request_adjustment
from app.payments.withdraw import ReversePayment, reverse_payment
from app.promises.evaluation import evaluate_accounts
from app.promises.holds import broken_since, kept_counts, promises_due
from app.promises.make import Reschedule, cancel_promise, reschedule_promise
from app.promises.queries import items_of
from tests.conftest import RolledBackDatabase
from tests.factories import Tenant
from tests.promise_story import FRIDAY, MONDAY, NEXT_MONDAY, THURSDAY, TUESDAY, WEDNESDAY, Story
from tests.receivables import add_account, credit, flush, pay, settle, value


@pytest.fixture
def story(database: RolledBackDatabase, tenant: Tenant) -> Story:
    """The customer C-1; the story begins on Monday, 9 March 2026."""
    return Story(database, tenant)


async def test_three_hundred_on_friday_and_two_hundred_on_tuesday_keep_the_promise(story: Story) -> None:
    owed = await story.owes(50_000)
    promise = await story.promises(50_000, FRIDAY, owed, grace_days=2)
    assert (await story.promise(promise)).kept_until == TUESDAY
    await story.clock.night_before(FRIDAY)
    await story.pays(30_000, FRIDAY, owed)
    assert await story.state(promise) == ("partly_kept", 30_000, None)
    await story.clock.night_before(TUESDAY)
    assert await story.state(promise) == ("partly_kept", 30_000, None)
    await story.pays(20_000, TUESDAY, owed)
    assert await story.state(promise) == ("kept", 50_000, TUESDAY)
    await story.clock.night_before(WEDNESDAY)
    assert await story.state(promise) == ("kept", 50_000, TUESDAY)
    assert await story.clock.event_types("promise") == ["promise.made", "promise.partly_kept", "promise.kept"]


async def test_with_the_rest_on_wednesday_it_was_broken_on_tuesday_night_and_stays_so(story: Story) -> None:
    owed = await story.owes(50_000)
    promise = await story.promises(50_000, FRIDAY, owed, grace_days=2)
    await story.clock.night_before(FRIDAY)
    await story.pays(30_000, FRIDAY, owed)
    await story.clock.night_before(WEDNESDAY)
    assert await story.state(promise) == ("broken", 30_000, TUESDAY)
    await story.pays(20_000, WEDNESDAY, owed)
    assert await story.state(promise) == ("broken", 30_000, TUESDAY)
    async with story.write() as session:
        await evaluate_accounts(session, [story.tenant.account_id], date(2026, 4, 30))
    assert await story.state(promise) == ("broken", 30_000, TUESDAY)
    assert await story.clock.event_types("promise") == ["promise.made", "promise.partly_kept", "promise.broken"]


async def test_a_statement_that_comes_late_brings_the_value_date_that_keeps_it(story: Story) -> None:
    owed = await story.owes(50_000)
    promise = await story.promises(50_000, FRIDAY, owed)
    await story.clock.night_before(WEDNESDAY)
    assert (await story.state(promise))[0] == "broken"
    await story.pays(50_000, TUESDAY, owed)  # loaded on Wednesday, valued on Tuesday
    assert await story.state(promise) == ("kept", 50_000, TUESDAY)


async def test_a_bounced_payment_reopens_invoices_and_decides_the_promise_anew(story: Story) -> None:
    owed = await story.owes(50_000)
    promise = await story.promises(50_000, FRIDAY, owed)
    await story.clock.night_before(THURSDAY)
    cheque = await story.pays(50_000, THURSDAY, owed, method="cheque")
    assert await story.state(promise) == ("kept", 50_000, THURSDAY)
    assert await story.held(owed) == {}
    await story.clock.night_before(NEXT_MONDAY)
    async with story.write() as session:
        await reverse_payment(session, ReversePayment(cheque, NEXT_MONDAY, "bounced", "no funds"))
        assert await value(session, "instalments", owed, "open_minor") == 50_000
    await story.clock.react()
    assert await story.state(promise) == ("open", 0, None), "there is still time until Tuesday"
    assert await story.held(owed) == {owed: 50_000}
    await story.clock.night_before(WEDNESDAY)
    assert await story.state(promise) == ("broken", 0, TUESDAY)
    assert await story.held(owed) == {}
    assert await story.clock.event_types("promise") == [
        "promise.made", "promise.kept", "promise.reopened", "promise.broken",
    ]  # fmt: skip


async def test_a_cheque_that_bounces_after_the_grace_breaks_the_promise(story: Story) -> None:
    owed = await story.owes(50_000)
    promise = await story.promises(50_000, FRIDAY, owed)
    cheque = await story.pays(50_000, THURSDAY, owed, method="cheque")
    await story.clock.night_before(WEDNESDAY)
    assert (await story.state(promise))[0] == "kept"
    async with story.write() as session:
        await reverse_payment(session, ReversePayment(cheque, WEDNESDAY, "bounced"))
    await story.clock.react()
    assert await story.state(promise) == ("broken", 0, TUESDAY)


async def test_money_counts_for_one_promise_only_the_older_one(story: Story) -> None:
    first, second = await story.owes(50_000), await story.owes(50_000)
    older = await story.promises(50_000, FRIDAY)  # for the account
    newer = await story.promises(50_000, FRIDAY)
    await story.pays(60_000, THURSDAY)  # not applied yet
    assert await story.state(older) == ("kept", 50_000, THURSDAY)
    assert await story.state(newer) == ("partly_kept", 10_000, None)
    await story.pays(40_000, FRIDAY, second)
    assert (await story.state(newer))[:2] == ("kept", 50_000)
    assert first != second


async def test_a_promise_for_the_account_counts_its_receipts_and_those_of_others_for_its_items(story: Story) -> None:
    owed = await story.owes(50_000)
    promise = await story.promises(50_000, FRIDAY)
    async with story.write() as session:
        holding = await add_account(session, "HOLDING")
        await session.driver.execute(
            "UPDATE accounts SET parent_id = $3 WHERE organization_id = $1 AND id = $2",
            session.organization_id, story.tenant.account_id, holding,
        )  # fmt: skip
        payment = await pay(session, story.tenant, 20_000, THURSDAY, account_id=holding)
    await story.clock.react()
    assert await story.state(promise) == ("open", 0, None)
    async with story.write() as session:
        await settle(session, payment, owed, 20_000, THURSDAY)
    await story.clock.react()
    assert await story.state(promise) == ("partly_kept", 20_000, None)
    await story.pays(30_000, TUESDAY)
    assert await story.state(promise) == ("kept", 50_000, TUESDAY)


async def test_a_credit_memo_is_no_money_but_leaves_less_to_pay(story: Story) -> None:
    owed = await story.owes(50_000)
    promise = await story.promises(50_000, FRIDAY, owed)
    async with story.write() as session:
        memo = await credit(session, story.tenant, 10_000, MONDAY)
        await settle(session, memo, owed, 10_000, MONDAY, credit_memo=True)
    await story.clock.react()
    assert await story.state(promise) == ("open", 0, None)
    await story.pays(40_000, FRIDAY, owed)
    assert await story.state(promise) == ("kept", 40_000, FRIDAY)


async def test_what_is_written_off_cannot_be_paid_any_more(story: Story) -> None:
    owed = await story.owes(5_000)
    promise = await story.promises(5_000, FRIDAY, owed)
    async with story.write() as session:
        await request_adjustment(session, RequestAdjustment(owed, "write_off", 5_000, MONDAY, "uncollectible"))
    await story.clock.react()
    found = await story.promise(promise)
    assert (found.status, found.reason) == ("cancelled", "nothing_owed")


async def test_no_more_is_promised_than_is_open_and_free(story: Story) -> None:
    one, two = await story.owes(30_000), await story.owes(20_000)
    for amount, items in ((50_001, ()), (30_001, (one,)), (0, (one,))):
        with pytest.raises(DomainError) as refused:
            await story.promises(amount, FRIDAY, *items)
        assert refused.value.code == "promise.over_promised"
    await story.promises(10_000, FRIDAY, one)
    with pytest.raises(DomainError) as refused:
        await story.promises(20_001, FRIDAY, one)
    assert refused.value.facts["available"] == "200.00"
    rest = await story.promises(None, FRIDAY, one)
    assert (await story.promise(rest)).amount_minor == 20_000
    with pytest.raises(DomainError):
        await story.promises(20_001, FRIDAY)
    whole = await story.promises(None, FRIDAY)
    assert (await story.promise(whole)).amount_minor == 20_000
    with pytest.raises(DomainError):
        await story.promises(1, FRIDAY, two)
    async with story.write() as session:
        await cancel_promise(session, whole, reason="misunderstood", today=MONDAY)
    assert await story.promises(20_000, FRIDAY, two)


async def test_named_amounts_and_the_oldest_due_first(story: Story) -> None:
    older, newer = await story.owes(30_000), await story.owes(30_000, due_date=date(2026, 3, 1))
    promise = await story.promises(40_000, FRIDAY, newer, older)
    async with story.database.read(story.tenant.organization_id) as session:
        items = (await items_of(session, "promise_items", [promise]))[promise]
        assert {row["instalment_id"]: row["amount_minor"] for row in items} == {older: 30_000, newer: 10_000}
    with pytest.raises(DomainError) as refused:
        await story.promises(15_000, FRIDAY, items=[(newer, 10_000)])
    assert refused.value.code in ("promise.invalid", "promise.over_promised")
    await story.promises(20_000, FRIDAY, items=[(newer, 20_000)])


@pytest.mark.parametrize(
    ("facts", "pointer"),
    [
        ({"made_on": FRIDAY, "promised": FRIDAY}, "/made_on"),
        ({"promised": date(2026, 3, 8)}, "/promised_date"),
        ({"promised": date(2027, 3, 12)}, "/promised_date"),
    ],
)
async def test_dates_that_make_no_promise(story: Story, facts: dict[str, Any], pointer: str) -> None:
    await story.owes(1_000)
    with pytest.raises(DomainError) as refused:
        await story.promises(1_000, facts.pop("promised"), **facts)
    assert refused.value.errors[0].pointer == pointer


async def test_an_earlier_promise_entered_later_is_decided_at_once(story: Story) -> None:
    owed = await story.owes(50_000)
    await story.pays(20_000, date(2026, 2, 12), owed)
    promise = await story.promises(30_000, date(2026, 2, 13), owed, made_on=date(2026, 2, 2))
    assert await story.state(promise) == ("broken", 20_000, TUESDAY.replace(month=2))


async def test_a_promise_is_rescheduled_twice_and_the_chain_counts(story: Story) -> None:
    owed = await story.owes(50_000)
    first = await story.promises(50_000, FRIDAY, owed)
    await story.clock.night_before(FRIDAY)
    await story.pays(10_000, FRIDAY, owed)
    async with story.write() as session:
        second = await reschedule_promise(session, first, Reschedule(date(2026, 3, 20)), today=FRIDAY)
    old, new = await story.promise(first), await story.promise(second)
    assert (old.status, old.reason, old.kept_minor) == ("cancelled", "rescheduled", 10_000)
    assert (new.amount_minor, new.rescheduled_count, new.reschedules_id) == (40_000, 1, first)
    await story.clock.night_before(date(2026, 3, 25))
    assert (await story.state(second))[0] == "broken"
    async with story.write() as session:
        third = await reschedule_promise(session, second, Reschedule(date(2026, 4, 2)), today=story.clock.today)
        with pytest.raises(DomainError) as refused:
            await reschedule_promise(session, second, Reschedule(date(2026, 4, 9)), today=story.clock.today)
    assert refused.value.code == "promise.closed"
    assert (await story.state(second))[0] == "broken", "what was broken stays broken"
    assert (await story.promise(third)).rescheduled_count == 2
    await story.clock.night_before(date(2026, 4, 1))
    await story.pays(40_000, date(2026, 4, 1), owed)
    assert (await story.state(third))[0] == "kept"


async def test_a_kept_promise_cannot_be_cancelled_or_moved(story: Story) -> None:
    owed = await story.owes(1_000)
    promise = await story.promises(1_000, FRIDAY, owed)
    await story.pays(1_000, FRIDAY, owed)
    async with story.write() as session:
        with pytest.raises(DomainError):
            await cancel_promise(session, promise, reason="no", today=FRIDAY)
        with pytest.raises(DomainError):
            await reschedule_promise(session, promise, Reschedule(WEDNESDAY), today=FRIDAY)


async def test_holds_end_with_the_grace_and_an_account_promise_holds_the_oldest(story: Story) -> None:
    older, newer = await story.owes(30_000), await story.owes(30_000, due_date=date(2026, 3, 1))
    promise = await story.promises(40_000, FRIDAY)
    assert await story.held(newer, older) == {older: 30_000, newer: 10_000}
    await story.pays(30_000, MONDAY, older)
    assert await story.held(newer, older) == {newer: 10_000}
    story.clock.today = TUESDAY
    assert await story.held(newer) == {newer: 10_000}
    story.clock.today = WEDNESDAY  # the night has not run yet
    assert await story.held(newer) == {}
    async with story.database.read(story.tenant.organization_id) as session:
        due = await promises_due(session, FRIDAY)
        assert [(row["kind"], row["id"], row["minor"]) for row in due] == [("promise", promise, 10_000)]
        assert await promises_due(session, THURSDAY) == []
    await story.clock.night_before(WEDNESDAY)
    async with story.database.read(story.tenant.organization_id) as session:
        broken = await broken_since(session, MONDAY)
        assert [(row["id"], row["minor"]) for row in broken] == [(promise, 10_000)]
        assert await broken_since(session, WEDNESDAY) == []
        (counted,) = (await kept_counts(session, [story.tenant.account_id], MONDAY)).values()
        assert (counted["kept"], counted["broken"]) == (0, 1)


async def test_evaluating_twice_changes_nothing(story: Story, session: WriteSession) -> None:
    owed = await story.owes(50_000)
    promise = await story.promises(50_000, FRIDAY, owed)
    await story.pays(30_000, FRIDAY, owed)
    version = (await story.promise(promise)).version
    async with story.write() as again:
        done = await evaluate_accounts(again, [story.tenant.account_id], FRIDAY)
    assert (done.promises, (await story.promise(promise)).version) == (0, version)
    await flush(session)


async def test_a_debt_given_up_later_leaves_the_promise_broken(story: Story) -> None:
    """Otherwise writing bad debts off would clear the record of those who never paid."""
    partly, never = await story.owes(50_000), await story.owes(20_000)
    first = await story.promises(50_000, FRIDAY, partly)
    second = await story.promises(20_000, FRIDAY, never)
    await story.clock.night_before(FRIDAY)
    await story.pays(30_000, FRIDAY, partly)
    await story.clock.night_before(WEDNESDAY)
    assert (await story.state(first), await story.state(second)) == (
        ("broken", 30_000, TUESDAY),
        ("broken", 0, TUESDAY),
    )
    async with story.write() as session:
        memo = await credit(session, story.tenant, 20_000, WEDNESDAY)
        await settle(session, memo, partly, 20_000, WEDNESDAY, credit_memo=True)
        loss = RequestAdjustment(never, "write_off", 20_000, WEDNESDAY, "uncollectible")
        await request_adjustment(session, loss)
    await story.clock.react()
    async with story.write() as session:
        assert await value(session, "instalments", never, "open_minor") == 0
        await evaluate_accounts(session, [story.tenant.account_id], WEDNESDAY)
    assert (await story.state(first))[0] == "broken"
    assert (await story.state(second))[0] == "broken"
