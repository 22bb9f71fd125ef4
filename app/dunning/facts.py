"""Facts of accounts for planning, read set-wise: what is due by the policies, and what may withhold it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from app.collections.legal.cases import held_by_case
from app.correspondence.contact_rules import Channel, ContactFacts, what_forbids
from app.correspondence.preferences import find_preferences
from app.disputes.queries import disputed_by_instalment
from app.dunning.groups.members import holders_of, lent_to, purses_of
from app.dunning.planning import Account, Hold, Item, Policy, Reach, Standing, next_steps
from app.dunning.rules import CONTACT_ROLE_ORDER
from app.infra.database import ReadSession
from app.organizations.queries import organization_facts
from app.promises.holds import held_by_promise

# Open instalments whose next step has come, those of accounts that have money lying about, and those whose last
# reminder nobody knows about. $2 accounts with $3 the number of their policy; $4 to $9 which step comes next, by
# policy, last step and days past due; $10 today; $11 accounts with credit; $12 instalments of unknown outcome;
# $13 nothing, or the instalments wanted, due or not.
# A finance charge that came with a reminder is asked for with its debt, and by itself only when that is settled.
_CANDIDATES = """
WITH acc AS (SELECT * FROM unnest($2::uuid[], $3::int[]) AS a(id, policy)),
steps AS MATERIALIZED (
    SELECT * FROM unnest($4::int[], $5::int[], $6::int[], $7::int[], $8::int[], $9::int[])
        AS s(policy, last_ordinal, late_from, late_to, offset_days, gap_days)
), riding AS MATERIALIZED (
    SELECT c.invoice_id FROM charges c WHERE c.organization_id = $1 AND c.account_id = ANY($2) AND c.state = 'posted'
      AND c.invoice_id IS NOT NULL AND c.source_key LIKE 'notice:%'
      AND EXISTS (SELECT FROM charge_items ci JOIN instalments d ON d.organization_id = $1 AND d.id = ci.instalment_id
                  WHERE ci.organization_id = $1 AND ci.charge_id = c.id AND d.open_minor <> 0)
), owed AS MATERIALIZED (
    SELECT acc.policy, i.id, i.account_id, i.legal_entity_id, i.currency, i.due_date, i.open_minor,
        coalesce(d.step_ordinal, 0) AS step_ordinal, d.done_on,
        d.step_ordinal IS NOT NULL AND d.done_on IS NULL AND i.id <> ALL($12::uuid[]) AS waits
    FROM acc JOIN instalments i ON i.organization_id = $1 AND i.account_id = acc.id AND i.open_minor <> 0
    LEFT JOIN LATERAL (
        SELECT k.step_ordinal, k.done_on FROM dunning_notice_items k
        WHERE k.organization_id = $1 AND k.instalment_id = i.id AND k.live ORDER BY k.step_ordinal DESC LIMIT 1
    ) d ON true
    WHERE i.invoice_id NOT IN (SELECT invoice_id FROM riding) AND ($13::uuid[] IS NULL OR i.id = ANY($13))
), chain AS MATERIALIZED (
    SELECT owed.*, s.policy IS NOT NULL AND (s.offset_days IS NULL OR owed.due_date + s.offset_days <= $10)
            AND (s.gap_days IS NULL OR owed.done_on IS NULL OR owed.done_on + s.gap_days <= $10) AS comes
    FROM owed LEFT JOIN steps s ON s.policy = owed.policy AND s.last_ordinal = owed.step_ordinal
        AND $10 - owed.due_date BETWEEN s.late_from AND s.late_to
)
SELECT id, account_id, legal_entity_id, currency, due_date, open_minor, step_ordinal, done_on, waits, 1 AS rows
FROM chain
WHERE (comes AND NOT waits) OR account_id = ANY($11::uuid[]) OR id = ANY($12) OR $13 IS NOT NULL
UNION ALL
SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, true, count(*)::int FROM chain
WHERE comes AND waits AND NOT account_id = ANY($11::uuid[]) AND $13 IS NULL
"""
_UNKNOWN = """
SELECT k.instalment_id FROM dunning_notices n
JOIN dunning_notice_items k ON k.organization_id = $1 AND k.notice_id = n.id AND k.live
WHERE n.organization_id = $1 AND n.state = 'unknown' AND n.account_id = ANY($2::uuid[])
"""
_BLOCKS = """
SELECT id, account_id, instalment_id, until FROM dunning_blocks
WHERE organization_id = $1 AND account_id = ANY($2::uuid[]) AND lifted_on IS NULL AND starts_on <= $3
  AND (until IS NULL OR until >= $3) ORDER BY id
"""
# What was tried and did not go out: a failure holds until somebody says so or whom to write to has changed.
_RETRIES = """
SELECT DISTINCT ON (k.instalment_id, k.step_ordinal) k.instalment_id, k.step_ordinal, n.id, n.state, n.hold_until
FROM dunning_notice_items k
JOIN dunning_notices n ON n.organization_id = $1 AND n.id = k.notice_id AND n.state <> 'simulated'
JOIN accounts a ON a.organization_id = $1 AND a.id = n.account_id
WHERE k.organization_id = $1 AND k.instalment_id = ANY($2::uuid[]) AND NOT k.live
  AND (n.state = 'rejected' AND n.hold_until >= $3
       OR n.state IN ('failed', 'bounced') AND (n.hold_until IS NULL OR n.hold_until >= $3)
          AND (n.channel <> 'letter' OR a.updated_at <= n.updated_at) AND NOT EXISTS (
            SELECT FROM contacts c WHERE c.organization_id = $1 AND c.account_id = n.account_id
              AND c.updated_at > n.updated_at))
ORDER BY k.instalment_id, k.step_ordinal, k.notice_id DESC
"""
_CONTACTS = """
SELECT c.id, c.account_id, c.role, c.email, c.phone, c.consents, c.do_not_contact, c.active FROM contacts c
WHERE c.organization_id = $1 AND c.account_id = ANY($2::uuid[])
ORDER BY c.account_id, array_position($3::text[], c.role), c.id
"""
_ACCOUNTS = """
SELECT id, time_zone, coalesce(street, city) IS NOT NULL AS addressed FROM accounts
WHERE organization_id = $1 AND id = ANY($2::uuid[])
"""
_NO_RETRIES: Mapping[int, Hold] = {}
_ADDRESSES: tuple[tuple[Channel, str], ...] = (("email", "email"), ("sms", "phone"))


@dataclass(slots=True)
class Loaded:
    """Facts of the accounts that have something to plan, and how many steps wait for the one before."""

    accounts: list[Account] = field(default_factory=list)
    waiting: int = 0


async def load_facts(
    session: ReadSession,
    policies: Mapping[UUID, Policy],
    today: date,
    *,
    instalment_ids: Collection[UUID] | None = None,
    channels: Collection[str] = (),
) -> Loaded:
    """Facts of these accounts, each with its policy; with `instalment_ids` of those only, whether due or not.

    Whom a message may go to is found for the channels of the policies, and for `channels` beside them.
    Money of the account is shared out over everything that it owes also then.
    """
    ids = list(policies)
    holders = await holders_of(session, ids)
    cash, credits = await purses_of(session, holders)
    lent = await lent_to(session, ids, today)
    unknown = [
        row["instalment_id"] for row in await session.driver.fetch(_UNKNOWN, session.organization_id, list(holders))
    ]
    with_credit = {*cash, *credits, *lent}
    rows = await session.driver.fetch(
        _CANDIDATES,
        session.organization_id,
        *_policy_columns(policies, holders),
        today,
        [holder for holder, account_id in holders.items() if account_id in with_credit],
        unknown,
        None if instalment_ids is None or with_credit else list(instalment_ids),
    )
    loaded = Loaded(waiting=sum(row["rows"] for row in rows if row["id"] is None))
    items = [row for row in rows if row["id"] is not None]
    if items:
        used = {policy.version_id: policy for policy in policies.values()}
        channels = {*channels, *(step.channel for policy in used.values() for step in policy.steps)}
        parts = await _items(session, items, holders, frozenset(unknown), today)
        reaches = await reaches_of(session, list(parts.by_account), channels)
        loaded.accounts = [
            Account(
                account_id, found, cash.get(account_id, {}), credits.get(account_id, {}),
                parts.blocks.get(account_id), reaches[account_id], lent.get(account_id, {}),
            )
            for account_id, found in parts.by_account.items()
        ]  # fmt: skip
    return loaded


def _policy_columns(policies: Mapping[UUID, Policy], holders: Mapping[UUID, UUID]) -> tuple[list[Any], ...]:
    """Accounts with the number of the policy that holds for them, and what comes next by each policy, as columns."""
    numbers: dict[UUID, int] = {}
    spans: list[tuple[int, int, int, int, int | None, int | None]] = []
    for policy in policies.values():
        if policy.version_id not in numbers:
            number = numbers[policy.version_id] = len(numbers)
            spans += [
                (number, span.last_ordinal, span.late_from, span.late_to, span.step.offset_days, span.step.gap_days)
                for span in next_steps(policy)
            ]
    return (
        list(holders),
        [numbers[policies[account_id].version_id] for account_id in holders.values()],
        *([span[place] for span in spans] for place in range(6)),
    )


@dataclass(frozen=True, slots=True)
class _Items:
    by_account: dict[UUID, list[Item]]
    blocks: dict[UUID, Hold]


async def _items(
    session: ReadSession, rows: Sequence[Any], holders: Mapping[UUID, UUID], unknown: frozenset[UUID], today: date
) -> _Items:
    """Items by the account that answers for them; the block of an account that was merged away is one of its items."""
    ids = [row["id"] for row in rows]
    disputed = await disputed_by_instalment(session, ids)
    promised = await held_by_promise(session, ids, today)
    blocks, holds = await _holds(session, list({row["account_id"] for row in rows}), ids, today)
    retries = await _retries(session, ids, today)
    by_account: defaultdict[UUID, list[Item]] = defaultdict(list)
    for instalment_id, holder, entity_id, currency, due_date, open_minor, ordinal, done_on, waits, _ in rows:
        account_id = holders[holder]
        promise = promised.get(instalment_id)
        hold = holds.get(instalment_id)
        if hold is None and account_id != holder:
            hold = blocks.get(holder)
        standing: Standing = "unknown" if instalment_id in unknown else "waiting" if waits else "free"
        by_account[account_id].append(
            Item(
                instalment_id, entity_id, currency, due_date, open_minor, ordinal, done_on, standing,
                disputed.get(instalment_id, 0), 0 if promise is None else promise.held_minor,
                None if promise is None else _promise_hold(promise), hold, retries.get(instalment_id, _NO_RETRIES),
            )
        )  # fmt: skip
    return _Items(dict(by_account), blocks)


def _promise_hold(promise: Any) -> Hold:
    if promise.plan_id is not None:
        return Hold("payment_plan", promise.until, promise.plan_id)
    return Hold("promise", promise.until, promise.promise_ids[0])


async def _holds(
    session: ReadSession, account_ids: Sequence[UUID], instalment_ids: Sequence[UUID], today: date
) -> tuple[dict[UUID, Hold], dict[UUID, Hold]]:
    """Blocks of whole accounts; blocks and legal cases of instalments."""
    of_accounts: dict[UUID, Hold] = {}
    of_items: dict[UUID, Hold] = {}
    for row in await session.driver.fetch(_BLOCKS, session.organization_id, account_ids, today):
        target, key = (of_accounts, row["account_id"])
        if row["instalment_id"] is not None:
            target, key = (of_items, row["instalment_id"])
        target[key] = _longer(target.get(key), Hold("blocked", row["until"], row["id"]))
    for instalment_id, case in (await held_by_case(session, instalment_ids)).items():
        of_items.setdefault(instalment_id, Hold("legal_case", None, case.case_id))
    return of_accounts, of_items


def _longer(one: Hold | None, other: Hold) -> Hold:
    if one is None:
        return other
    return one if one.until is None or (other.until is not None and one.until >= other.until) else other


async def _retries(session: ReadSession, ids: Sequence[UUID], today: date) -> dict[UUID, dict[int, Hold]]:
    found: dict[UUID, dict[int, Hold]] = {}
    for row in await session.driver.fetch(_RETRIES, session.organization_id, ids, today):
        reason = "rejected" if row["state"] == "rejected" else "delivery_failed"
        found.setdefault(row["instalment_id"], {})[row["step_ordinal"]] = Hold(reason, row["hold_until"], row["id"])
    return found


async def reaches_of(
    session: ReadSession, ids: Collection[UUID], channels: Collection[str]
) -> dict[UUID, dict[str, Reach]]:
    """Whom messages of these channels may go to, by account: the best contact that the rules of contact allow.

    Quiet hours and caps only delay; they are looked at when a message leaves. A letter needs a postal address.
    """
    settings = (await find_preferences(session))[0].contact()
    organization = await organization_facts(session)
    rows = await session.driver.fetch(_ACCOUNTS, session.organization_id, list(ids))
    contacts: dict[UUID, list[Any]] = defaultdict(list)
    for contact in await session.driver.fetch(_CONTACTS, session.organization_id, list(ids), list(CONTACT_ROLE_ORDER)):
        contacts[contact["account_id"]].append(contact)
    found: dict[UUID, dict[str, Reach]] = {}
    for row in rows:
        zone = row["time_zone"] or organization.time_zone
        reach: dict[str, Reach] = {"letter": _letter(row["addressed"], contacts[row["id"]])}
        for channel, column in _ADDRESSES:
            if channel in channels:
                reach[channel] = _best(
                    (
                        contact["id"],
                        _refusal(contact, channel, bool(contact[column]), zone, organization, settings),
                    )
                    for contact in contacts[row["id"]]
                )
        found[row["id"]] = reach
    return found


def _refusal(contact: Any, channel: Channel, address: bool, zone: str, organization: Any, settings: Any) -> str | None:
    facts = ContactFacts(
        zone,
        organization.calendar,
        contact["active"],
        contact["do_not_contact"],
        address,
        contact["consents"].get(channel),
    )
    return what_forbids(channel, facts, settings)


_REFUSALS = {
    "do_not_contact": "do_not_contact",
    "consent_withdrawn": "no_consent",
    "no_consent": "no_consent",
}


def _best(judged: Iterable[tuple[UUID, str | None]]) -> Reach:
    """The first whom nothing forbids; else why: a refusal by the customer says more than a missing address."""
    refusals = []
    for contact_id, refusal in judged:
        if refusal is None:
            return Reach(contact_id)
        refusals.append(_REFUSALS.get(refusal, "no_contact"))
    for reason in ("do_not_contact", "no_consent"):
        if reason in refusals:
            return Reach(None, reason)
    return Reach(None, "no_contact")


def _letter(addressed: bool, contacts: Sequence[Any]) -> Reach:
    if not addressed:
        return Reach(None, "no_contact")
    usable = [contact for contact in contacts if contact["active"]]
    if usable and all(contact["do_not_contact"] for contact in usable):
        return Reach(None, "do_not_contact")
    person = next((contact for contact in usable if not contact["do_not_contact"]), None)
    return Reach(None if person is None else person["id"])
