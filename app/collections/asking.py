"""What is to be planned, and what the rules of contact say of it: when it is planned, and when it is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import cast
from uuid import UUID

from app.collections.models import CollectionAction
from app.collections.rules import CHANNELS
from app.core.clock import business_date, zone
from app.core.errors import DomainError
from app.correspondence.contact_rules import Channel, Verdict
from app.correspondence.contacting import Attempt, check_contacts
from app.infra.database import WriteSession
from app.organizations.queries import organization_facts


@dataclass(frozen=True, slots=True)
class PlanAction:
    """Something to be done. Without an owner it is the account's collector's; else that of whoever plans it."""

    account_id: UUID
    type: str
    due_date: date
    subject: str
    note: str | None = None
    contact_id: UUID | None = None
    owner_id: UUID | None = None
    priority: str = "normal"
    instalment_ids: tuple[UUID, ...] = ()
    origin: str = "manual"
    origin_key: str | None = None
    follows_id: UUID | None = None


async def ask_planned(
    session: WriteSession, commands: Sequence[PlanAction], ids: Sequence[UUID | DomainError]
) -> dict[UUID, Verdict]:
    """What the rules of contact say of planned contacts at noon of their day; delays and refusals are written down."""
    time_zone = (await organization_facts(session)).time_zone
    asked = [
        Attempt(
            account_id=command.account_id,
            channel=cast("Channel", CHANNELS[command.type]),
            at=datetime.combine(command.due_date, time(12), zone(time_zone)),
            purpose="collection",
            subject_kind="collection_action",
            subject_id=action_id,
            contact_id=command.contact_id,
        )
        for command, action_id in zip(commands, ids, strict=True)
        if isinstance(action_id, UUID) and command.type in CHANNELS and command.contact_id is not None
    ]
    verdicts = await check_contacts(session, asked, "planned") if asked else []
    return {attempt.subject_id: verdict for attempt, verdict in zip(asked, verdicts, strict=True)}


async def tell_done(session: WriteSession, actions: Sequence[CollectionAction], done_on: date, now: datetime) -> None:
    """Tell the rules of contact what was done: it counts towards the caps; what they forbid becomes a warning."""
    time_zone = (await organization_facts(session)).time_zone
    at = now if done_on == business_date(now, time_zone) else datetime.combine(done_on, time(12), zone(time_zone))
    made = [action for action in actions if action.type in CHANNELS]
    attempts = [
        Attempt(
            action.account_id,
            cast("Channel", CHANNELS[action.type]),
            at,
            "collection",
            "collection_action",
            action.id,
            action.contact_id,
        )
        for action in made
    ]
    for action, verdict in zip(made, await check_contacts(session, attempts, "done"), strict=True):
        action.contact_warning = None if verdict.allowed else verdict.reason
