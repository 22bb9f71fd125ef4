"""E-mails to whoever works on a dispute. A wrong address stops no work: then the event alone tells."""

from __future__ import annotations

from typing import Any

from app.core.errors import DomainError
from app.core.money import to_text
from app.disputes import queries
from app.disputes.models import Dispute, DisputeReason
from app.infra.database import WriteSession
from app.infra.mail.outbox import queue_email

RECIPIENTS_MAX = 20


async def tell_assigned(session: WriteSession, dispute: Dispute, reason: DisputeReason) -> int:
    """Tell the assignee, or else the team, that the dispute is theirs; nobody is told what they did themselves."""
    return await _tell(session, dispute, reason, "dispute_assigned", "is yours")


async def tell_breached(session: WriteSession, dispute: Dispute, reason: DisputeReason) -> int:
    """Tell the assignee, or else the team, that the clock has run out."""
    return await _tell(session, dispute, reason, "dispute_sla_breached", "is past its time")


async def _tell(session: WriteSession, dispute: Dispute, reason: DisputeReason, purpose: str, words: str) -> int:
    recipients = await _recipients(session, dispute)
    number, name = (await queries.account_names(session, [dispute.account_id]))[dispute.account_id]
    amount = f"{to_text(dispute.disputed_minor, dispute.currency)} {dispute.currency}"
    lines = [
        f"Dispute {dispute.number} {words}.",
        "",
        f"Customer: {number} {name}",
        f"Reason: {reason.label}",
        f"Disputed: {amount}",
        f"To be resolved by: {dispute.sla_due_on.isoformat()}",
    ]
    if dispute.description:
        lines += ["", dispute.description]
    told = 0
    for recipient in recipients[:RECIPIENTS_MAX]:
        try:
            await queue_email(
                session,
                recipient=recipient,
                subject=_one_line(f"Dispute {dispute.number} {words}: {reason.label}, {amount}, {name}"),
                text="\n".join(lines) + "\n",
                purpose=purpose,
                subject_kind="dispute",
                subject_id=dispute.id,
            )
        except DomainError:  # the address or text cannot be sent
            continue
        told += 1
    return told


async def _recipients(session: WriteSession, dispute: Dispute) -> list[str]:
    if dispute.assignee_id is not None:
        return await _addresses(session, [dispute.assignee_id])
    if dispute.team_id is None:
        return []
    team = await queries.get_team(session, dispute.team_id)
    return [team.email] if team.email else await _addresses(session, team.member_ids)


async def _addresses(session: WriteSession, user_ids: Any) -> list[str]:
    wanted = [user_id for user_id in user_ids if user_id != session.actor.id]
    found = await queries.users_by_id(session, wanted)
    return [found[user_id][0] for user_id in wanted if user_id in found]


def _one_line(text: str) -> str:
    return " ".join("".join(ch if ch.isprintable() else " " for ch in text).split())[:400]
