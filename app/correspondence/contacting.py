"""Ask the rules of contact about people and accounts as they are, and write down what was done, put off or refused.

Collections and dunning ask when a contact is planned (`stage="planned"`) and again when it is made (`stage="done"`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from app.core.ids import new_id
from app.correspondence.contact_rules import Channel, ContactFacts, ContactSettings, Verdict, judge_contact
from app.correspondence.preferences import find_preferences
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import ReadSession, WriteSession
from app.organizations.queries import OrganizationFacts, organization_facts

Stage = Literal["planned", "done"]
_ADDRESS = {"email": "email", "phone": "phone", "sms": "phone"}
_ACCOUNTS = "SELECT id, time_zone FROM accounts WHERE organization_id = $1 AND id = ANY($2::uuid[])"
_CONTACTS = """
SELECT id, account_id, email, phone, consents, do_not_contact, active FROM contacts
WHERE organization_id = $1 AND id = ANY($2::uuid[])
"""
_MADE = """
SELECT account_id, contact_id, at FROM contact_attempts
WHERE organization_id = $1 AND account_id = ANY($2::uuid[]) AND at > $3 AND stage = 'done' AND outcome = 'allowed'
"""
_LOCK = """
SELECT id FROM accounts WHERE organization_id = $1 AND id = ANY($2::uuid[]) ORDER BY id FOR NO KEY UPDATE
"""
_INSERT = """
INSERT INTO contact_attempts (organization_id, id, account_id, contact_id, channel, stage, outcome, reason, at,
    not_before, purpose, subject_kind, subject_id, actor_name)
SELECT $1, r.id, r.account_id, r.contact_id, r.channel, r.stage, r.outcome, r.reason, r.at, r.not_before, r.purpose,
    r.subject_kind, r.subject_id, $2
FROM unnest($3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::text[], $8::text[], $9::text[], $10::timestamptz[],
    $11::timestamptz[], $12::text[], $13::text[], $14::uuid[])
    AS r(id, account_id, contact_id, channel, stage, outcome, reason, at, not_before, purpose, subject_kind, subject_id)
"""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A contact that somebody wants to make. Without `contact_id` the account as such, e.g. a letter to its address.

    `answer`: it answers what the customer asked. `subject_kind` and `subject_id` say what it is about.
    """

    account_id: UUID
    channel: Channel
    at: datetime
    purpose: str
    subject_kind: str
    subject_id: UUID
    contact_id: UUID | None = None
    answer: bool = False


async def judge(session: ReadSession, attempts: Sequence[Attempt]) -> list[Verdict]:
    """What the rules say of each attempt, set-wise, in order; nothing is written.

    Attempts on one account count for each other: of five at once under a cap of three the last two are put off.
    """
    if not attempts:
        return []
    preferences, _ = await find_preferences(session)
    organization = await organization_facts(session)
    accounts = {attempt.account_id for attempt in attempts}
    zones = await _time_zones(session, accounts)
    contacts = await _contacts(session, {attempt.contact_id for attempt in attempts if attempt.contact_id})
    since = min(attempt.at for attempt in attempts) - timedelta(days=8)
    made = await _made(session, accounts, since)
    settings = preferences.contact()
    verdicts = []
    for attempt in attempts:
        facts = _facts(attempt, zones, contacts, made[attempt.account_id], organization)
        verdict = _verdict(attempt, facts, settings)
        if verdict.allowed:
            made[attempt.account_id].append(attempt.at)
        verdicts.append(verdict)
    return verdicts


async def check_contacts(session: WriteSession, attempts: Sequence[Attempt], stage: Stage) -> list[Verdict]:
    """What the rules say of each attempt, written down: every delay and refusal with its reason, and at the stage
    `done` every contact that is allowed, which then counts.

    At `done` the accounts are locked until the transaction ends, so that two workers cannot both be the third contact
    of a day under a cap of three.
    """
    if stage == "done" and attempts:
        await session.driver.execute(
            _LOCK, session.organization_id, sorted({attempt.account_id for attempt in attempts})
        )
    verdicts = await judge(session, attempts)
    kept = [
        (attempt, verdict)
        for attempt, verdict in zip(attempts, verdicts, strict=True)
        if stage == "done" or not verdict.allowed
    ]
    if kept:
        await _write(session, kept, stage)
    return verdicts


async def check_contact(session: WriteSession, attempt: Attempt, stage: Stage) -> Verdict:
    """`check_contacts` for one."""
    (verdict,) = await check_contacts(session, [attempt], stage)
    return verdict


def _verdict(attempt: Attempt, facts: ContactFacts | None, settings: ContactSettings) -> Verdict:
    if facts is None:
        return Verdict("refused", "contact_inactive")
    return judge_contact(attempt.channel, attempt.at, facts, settings, answer=attempt.answer)


def _facts(
    attempt: Attempt,
    zones: Mapping[UUID, str | None],
    contacts: Mapping[UUID, Any],
    made: Sequence[datetime],
    organization: OrganizationFacts,
) -> ContactFacts | None:
    """None for a contact that is not the account's."""
    time_zone = zones.get(attempt.account_id) or organization.time_zone
    if attempt.contact_id is None:
        return ContactFacts(time_zone, organization.calendar, contacts=tuple(made))
    row = contacts.get(attempt.contact_id)
    if row is None or row["account_id"] != attempt.account_id:
        return None
    column = _ADDRESS.get(attempt.channel)
    return ContactFacts(
        time_zone=time_zone,
        calendar=organization.calendar,
        active=row["active"],
        do_not_contact=row["do_not_contact"],
        address=column is None or bool(row[column]),
        consent=row["consents"].get(attempt.channel),
        contacts=tuple(made),
    )


async def _time_zones(session: ReadSession, ids: Iterable[UUID]) -> dict[UUID, str | None]:
    rows = await session.driver.fetch(_ACCOUNTS, session.organization_id, list(ids))
    return {row["id"]: row["time_zone"] for row in rows}


async def _contacts(session: ReadSession, ids: Iterable[UUID]) -> dict[UUID, Any]:
    rows = await session.driver.fetch(_CONTACTS, session.organization_id, list(ids))
    return {row["id"]: row for row in rows}


async def _made(session: ReadSession, ids: Iterable[UUID], since: datetime) -> defaultdict[UUID, list[datetime]]:
    found: defaultdict[UUID, list[datetime]] = defaultdict(list)
    for row in await session.driver.fetch(_MADE, session.organization_id, list(ids), since):
        found[row["account_id"]].append(row["at"])
    return found


async def _write(session: WriteSession, kept: Sequence[tuple[Attempt, Verdict]], stage: Stage) -> None:
    rows = [
        (
            new_id(), one.account_id, one.contact_id, one.channel, stage, verdict.outcome, verdict.reason, one.at,
            verdict.not_before, one.purpose, one.subject_kind, one.subject_id,
        )
        for one, verdict in kept
    ]  # fmt: skip
    columns = [list(column) for column in zip(*rows, strict=True)]
    await session.driver.execute(_INSERT, session.organization_id, session.actor.name, *columns)
    for (one, verdict), row in zip(kept, rows, strict=True):
        if verdict.allowed:
            continue
        facts = {
            "account_id": one.account_id,
            "contact_id": one.contact_id,
            "channel": one.channel,
            "reason": verdict.reason,
            "not_before": verdict.not_before,
            "purpose": one.purpose,
            "subject_kind": one.subject_kind,
            "subject_id": one.subject_id,
        }
        record_change(session, ChangeRow("contact_attempt", row[0], f"contact.{verdict.outcome}", None, facts))
