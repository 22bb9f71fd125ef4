"""The chain of an instalment: steps wait for each other, none is repeated, none left out; it follows the money."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from uuid import UUID

from app.dunning.deciding import approve_notices, count_as_done, reject_notice, try_again
from app.dunning.notices import mark_bounced, mark_failed, mark_sent, mark_unknown, still_due, take_for_sending
from app.dunning.policy.shipped import StepDraft
from app.dunning.resolving import follow_accounts
from app.dunning.work import carry_out
from app.infra.database import WriteSession
from app.payments.withdraw import ReversePayment, reverse_payment
from app.promises.make import MakePromise, make_promise
from tests.dunning_story import (
    LEVELS,
    email,
    noon,
    notices_of,
    owed,
    reachable,
    run_on,
    steps_of,
    use_policy,
    withheld_in,
)
from tests.factories import Tenant
from tests.receivables import flush, pay, settle, value


def march(day: int) -> date:
    return date(2026, 3, 1) + timedelta(days=day - 1)


async def send(session: WriteSession, run_id: UUID, day: date) -> list[Any]:
    """What approved notices of a run come to when their messages go out."""
    rows = await notices_of(session, run_id)
    await mark_sent(session, [row["id"] for row in rows if row["state"] == "approved"], day)
    return rows


async def state(session: WriteSession, notice_id: UUID) -> str:
    return str(await value(session, "dunning_notices", notice_id, "state"))


async def follow(session: WriteSession, tenant: Tenant, day: date) -> None:
    await flush(session)
    await follow_accounts(session, [tenant.account_id], now=noon(day), today=day)


async def test_a_step_waits_for_the_one_before_it(session: WriteSession, tenant: Tenant) -> None:
    steps = (email(5, approval=True), email(20), email(40))
    await use_policy(session, steps)
    await reachable(session, tenant)
    item = await owed(session, tenant, 10_000)
    (first,) = await notices_of(session, await run_on(session, march(6)))
    assert first["state"] == "pending_approval"
    later = await run_on(session, march(31))
    assert await notices_of(session, later) == []
    assert await value(session, "dunning_runs", later, "waiting") == 1
    (done,) = await approve_notices(session, [first["id"]], now=noon(march(31)))
    assert done.outcome == "approved"
    assert await notices_of(session, await run_on(session, march(31))) == []  # approved is not sent
    await mark_sent(session, [first["id"]], march(31))
    (second,) = await notices_of(session, await run_on(session, march(31)))
    assert (second["step"], second["items"]) == (2, [item])
    payment = await pay(session, tenant, 10_000, march(31))
    await settle(session, payment, item, 10_000, march(31))
    await follow(session, tenant, march(31))
    assert await state(session, first["id"]) == "resolved"
    assert await state(session, second["id"]) == "cancelled"
    await flush(session)


async def test_the_older_invoice_is_paid_and_no_step_is_left_out(session: WriteSession, tenant: Tenant) -> None:
    await use_policy(session, LEVELS)
    await reachable(session, tenant)
    older, younger = await owed(session, tenant, 10_000), await owed(session, tenant, 20_000, march(15))
    await send(session, await run_on(session, march(6)), march(6))
    run = await run_on(session, march(21))
    assert [(row["step"], row["items"]) for row in await notices_of(session, run)] == [(1, [younger]), (2, [older])]
    await send(session, run, march(21))
    payment = await pay(session, tenant, 10_000, march(22))
    await settle(session, payment, older, 10_000, march(22))
    await follow(session, tenant, march(22))
    first, second = await notices_of(session, run)
    assert (await state(session, first["id"]), await state(session, second["id"])) == ("sent", "resolved")
    run = await run_on(session, march(36))
    assert [(row["step"], row["items"]) for row in await notices_of(session, run)] == [(2, [younger])]


async def test_a_returned_payment_goes_on_where_the_chain_stood(session: WriteSession, tenant: Tenant) -> None:
    await use_policy(session, LEVELS)
    await reachable(session, tenant)
    item = await owed(session, tenant, 10_000)
    (first,) = await send(session, await run_on(session, march(6)), march(6))
    payment = await pay(session, tenant, 10_000, march(8))
    await settle(session, payment, item, 10_000, march(8))
    await follow(session, tenant, march(8))
    assert await state(session, first["id"]) == "resolved"
    assert await notices_of(session, await run_on(session, march(25))) == []
    await reverse_payment(session, ReversePayment(payment, march(26), "bounced"))
    await follow(session, tenant, march(26))
    assert await state(session, first["id"]) == "sent"
    assert await steps_of(session, await run_on(session, march(26))) == [(2, "approved")]


async def test_a_notice_resolves_with_its_last_instalment(session: WriteSession, tenant: Tenant) -> None:
    await use_policy(session, LEVELS)
    await reachable(session, tenant)
    one, two = await owed(session, tenant, 10_000), await owed(session, tenant, 20_000)
    (notice,) = await send(session, await run_on(session, march(6)), march(6))
    assert set(notice["items"]) == {one, two}
    payment = await pay(session, tenant, 30_000, march(8))
    await settle(session, payment, one, 10_000, march(8))
    await follow(session, tenant, march(8))
    assert await state(session, notice["id"]) == "sent"
    await settle(session, payment, two, 20_000, march(9))
    await follow(session, tenant, march(9))
    assert await state(session, notice["id"]) == "resolved"


async def test_a_policy_switch_repeats_nothing(session: WriteSession, tenant: Tenant) -> None:
    await use_policy(session, LEVELS)
    await reachable(session, tenant)
    await owed(session, tenant, 10_000)
    await send(session, await run_on(session, march(6)), march(6))
    await send(session, await run_on(session, march(21)), march(21))
    await use_policy(session, [email(1), email(2), email(25), email(50)], code="harder", since=march(22))
    assert await notices_of(session, await run_on(session, march(25))) == []
    assert await steps_of(session, await run_on(session, march(26))) == [(3, "approved")]


async def test_the_highest_step_covers_the_lower_ones(session: WriteSession, tenant: Tenant) -> None:
    await use_policy(session, LEVELS, grouping="highest")
    await reachable(session, tenant)
    older, younger = await owed(session, tenant, 10_000), await owed(session, tenant, 20_000, march(15))
    await send(session, await run_on(session, march(6)), march(6))
    run = await run_on(session, march(21))
    (notice,) = await send(session, run, march(21))
    assert (notice["step"], notice["items"], notice["total"]) == (2, [older, younger], 30_000)
    rows = await session.driver.fetch(
        "SELECT instalment_id, step_ordinal, covered FROM dunning_notice_items WHERE notice_id = $1", notice["id"]
    )
    assert {tuple(row) for row in rows} == {(older, 2, False), (younger, 1, True)}
    later = await notices_of(session, await run_on(session, march(35)))
    assert [(row["step"], row["items"]) for row in later] == [(2, [younger])]


async def test_a_promise_withholds_until_it_breaks(session: WriteSession, tenant: Tenant) -> None:
    await use_policy(session, LEVELS)
    await reachable(session, tenant)
    item = await owed(session, tenant, 10_000)
    friday = march(13)
    await make_promise(session, MakePromise(tenant.account_id, "EUR", friday, 10_000, [(item, None)]), today=march(6))
    run = await run_on(session, march(6))
    assert (await notices_of(session, run), await withheld_in(session, run)) == ([], [(item, 1, "promise")])
    until = await session.driver.fetchval("SELECT until FROM dunning_withheld_items WHERE run_id = $1", run)
    assert until >= friday
    assert await steps_of(session, await run_on(session, until + timedelta(days=1))) == [(1, "approved")]


async def test_what_failed_or_bounced_is_not_done(session: WriteSession, tenant: Tenant) -> None:
    await use_policy(session, LEVELS)
    await reachable(session, tenant)
    item = await owed(session, tenant, 10_000)
    (first,) = await notices_of(session, await run_on(session, march(6)))
    await mark_failed(session, [first["id"]], march(6), "mailbox_unknown")
    run = await run_on(session, march(25))
    assert (await notices_of(session, run), await withheld_in(session, run)) == ([], [(item, 1, "delivery_failed")])
    await try_again(session, first["id"], reason="address corrected", today=march(25), expected_version=None)
    (again,) = await send(session, await run_on(session, march(25)), march(25))
    assert again["step"] == 1
    await mark_bounced(session, [again["id"]], march(26), "5.1.1")
    assert await withheld_in(session, await run_on(session, march(26))) == [(item, 1, "delivery_failed")]
    await count_as_done(session, again["id"], on=march(26), reason="told by telephone", expected_version=None)
    assert await state(session, again["id"]) == "sent"
    assert await steps_of(session, await run_on(session, march(26))) == [(2, "approved")]
    await flush(session)


async def test_an_unknown_outcome_stops_the_chain(session: WriteSession, tenant: Tenant) -> None:
    await use_policy(session, LEVELS)
    await reachable(session, tenant)
    item = await owed(session, tenant, 10_000)
    (first,) = await notices_of(session, await run_on(session, march(6)))
    assert await take_for_sending(session, [first["id"]]) == {first["id"]}
    await mark_unknown(session, [first["id"]])
    run = await run_on(session, march(25))
    assert (await notices_of(session, run), await withheld_in(session, run)) == ([], [(item, 1, "outcome_unknown")])
    await mark_sent(session, [first["id"]], march(6))
    assert await steps_of(session, await run_on(session, march(25))) == [(2, "approved")]


async def test_a_rejected_one_is_not_proposed_again_at_once(session: WriteSession, tenant: Tenant) -> None:
    await use_policy(session, [email(5, approval=True), email(20)])
    await reachable(session, tenant)
    item = await owed(session, tenant, 10_000)
    (first,) = await notices_of(session, await run_on(session, march(6)))
    await reject_notice(
        session, first["id"], reason="we owe them an answer", hold_days=7, today=march(6), expected_version=None
    )
    assert await withheld_in(session, await run_on(session, march(12))) == [(item, 1, "rejected")]
    assert await steps_of(session, await run_on(session, march(13))) == [(1, "pending_approval")]


async def test_a_notice_is_looked_at_just_before_it_goes_out(session: WriteSession, tenant: Tenant) -> None:
    await use_policy(session, LEVELS)
    await reachable(session, tenant)
    item = await owed(session, tenant, 10_000)
    (first,) = await notices_of(session, await run_on(session, march(6)))
    assert await still_due(session, [first["id"]], noon(march(6))) == {}
    payment = await pay(session, tenant, 4_000, march(6))
    await settle(session, payment, item, 1_000, march(6))
    assert (await still_due(session, [first["id"]], noon(march(6))))[first["id"]].reason == "changed"
    await pay(session, tenant, 6_000, march(6))
    assert (await still_due(session, [first["id"]], noon(march(6))))[first["id"]].reason == "unapplied_cash"


async def test_each_notice_is_judged_by_the_channels_of_its_own_version(session: WriteSession, tenant: Tenant) -> None:
    await use_policy(session, [StepDraft("Text", "sms", 5, template_code="first_reminder"), email(20)], code="texts")
    contact = await reachable(session, tenant)
    await session.driver.execute("UPDATE contacts SET consents = '{\"sms\": true}' WHERE id = $1", contact)
    await owed(session, tenant, 10_000)
    (text,) = await notices_of(session, await run_on(session, march(6)))
    await use_policy(session, [email(1), email(2)], code="mails", since=march(7))
    await owed(session, tenant, 20_000, march(6))
    (mail,) = [row for row in await notices_of(session, await run_on(session, march(7))) if row["channel"] == "email"]
    both = [text["id"], mail["id"]]
    assert await still_due(session, both, noon(march(7))) == {}
    await session.driver.execute("UPDATE contacts SET consents = '{\"sms\": false}' WHERE id = $1", contact)
    for ids in (both, both[::-1]):
        found = await still_due(session, ids, noon(march(7)))
        assert {key: why.reason for key, why in found.items()} == {text["id"]: "no_consent"}


async def test_work_is_carried_out_once(session: WriteSession, tenant: Tenant) -> None:
    steps = [
        StepDraft("Call them", "call_task", 5), StepDraft("Up", "escalate", 6), StepDraft("Hold", "credit_hold", 7),
        StepDraft("Lawyer", "legal_referral", 8),
    ]  # fmt: skip
    await use_policy(session, steps)
    await owed(session, tenant, 10_000)
    kinds = []
    for day in (6, 7, 8, 9, 10):
        for row in await notices_of(session, await run_on(session, march(day))):
            for _ in range(2):
                await carry_out(session, row["id"], now=noon(march(day)), today=march(day))
            assert await state(session, row["id"]) == "done"
            kinds.append(await value(session, "dunning_notices", row["id"], "result_kind"))
    assert kinds == ["collection_action", "escalation", "credit_hold", "legal_case"]
    for table in ("escalations", "credit_holds", "legal_cases"):
        assert await session.driver.fetchval(f"SELECT count(*) FROM {table}") == 1
    await flush(session)
