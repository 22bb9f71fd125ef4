"""What decisions teach: whose bank identifier and payer name these are, and how payers quote document numbers.

Every teaching is a row, with the payment, the proposal or application, and who decided. When what taught it is undone
the lesson is withdrawn; a person can forget what was learned, and money does not teach it again then. All of it stays
inside the organization.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from app.accounts.commands import AccountInvalid, identity_text
from app.accounts.identities import IdentityCommand, forget_learned_identity, learn_payer_identities, unlearn_identities
from app.accounts.rules import normalize_identity
from app.cash_application.errors import LessonEnded
from app.cash_application.matching.quoting import quoted_parts
from app.cash_application.sql import lessons as sql
from app.core.ids import new_id
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import WriteSession
from app.infra.versions import check_version

LessonOrigin = Literal["accepted", "corrected", "on_account", "manual", "automatic"]
QUOTES_LIMIT = 20


@dataclass(frozen=True, slots=True)
class Taught:
    """A decision that shows who paid: the account, what the bank told of the payer, and the documents settled."""

    account_id: UUID
    payment_id: UUID
    origin: LessonOrigin
    payer_name: str | None = None
    payer_bank_identifier: str | None = None
    proposal_id: UUID | None = None
    application_group_id: UUID | None = None
    remittance_text: str | None = None
    numbers: tuple[str, ...] = ()
    taught_by: str | None = None


async def teach(session: WriteSession, decisions: Sequence[Taught]) -> None:
    """Learn from these decisions, set-wise. One payment teaches the same thing once."""
    rows: list[tuple[Any, ...]] = []
    for taught in decisions:
        by = taught.taught_by or _name(session)
        for kind, value, normalized in _facts(taught):
            rows.append((new_id(), kind, taught.account_id, value, normalized, taught.payment_id, taught.proposal_id,
                         taught.application_group_id, taught.origin, by))  # fmt: skip
    if not rows:
        return
    made = await sql.insert_lessons(session, rows)
    payers = [row for row in made if row["kind"] != "number_format"]
    if payers:
        await learn_payer_identities(
            session, [IdentityCommand(row["account_id"], row["kind"], row["value"]) for row in payers]
        )
    # An automatic application is on record itself, and so is a new identity: thousands of them say no more.
    for row in made:
        if row["origin"] != "automatic":
            facts = {"kind": row["kind"], "account_id": row["account_id"], "origin": row["origin"]}
            record_change(session, ChangeRow("lesson", row["id"], "lesson.taught", after=facts))


def _facts(taught: Taught) -> list[tuple[str, str, str]]:
    """Kind, value as given and its normalized form; what has no letter or digit teaches nothing."""
    found = []
    for kind, given in (("bank_identifier", taught.payer_bank_identifier), ("payer_name", taught.payer_name)):
        if not given:
            continue
        try:
            value = identity_text(given)
        except AccountInvalid:
            continue
        normalized = normalize_identity(kind, value)
        if any(ch.isalnum() for ch in normalized):
            found.append((kind, value, normalized))
    if taught.remittance_text and taught.numbers:
        quoted = quoted_parts(taught.remittance_text, taught.numbers[:QUOTES_LIMIT])
        found += [("number_format", text, shape) for shape, text in sorted(quoted.items())]
    return found


async def withdraw(
    session: WriteSession, *, groups: Iterable[UUID] = (), proposals: Iterable[UUID] = (), reason: str
) -> None:
    """Unlearn what these applications or proposals taught: they were undone."""
    ids = await sql.lessons_of(session, groups, proposals)
    if not ids:
        return
    ended = await sql.end_lessons(session, ids, "withdrawn", _name(session), reason)
    times = Counter(
        (row["account_id"], row["kind"], row["normalized_value"]) for row in ended if row["kind"] != "number_format"
    )
    await unlearn_identities(session, times)
    for row in ended:
        _record(session, row, "lesson.withdrawn", reason)


async def forget(session: WriteSession, lesson_id: UUID, *, reason: str | None, expected_version: int | None) -> None:
    """Forget what this lesson taught, with every other lesson that says the same.

    A learned payer identity is taken out of use; one that a person entered stays. Raises LessonNotFound, StaleVersion,
    LessonEnded.
    """
    lesson = await sql.get_lesson(session, lesson_id, lock=True)
    check_version(expected_version, lesson.version)
    if lesson.state != "active":
        raise LessonEnded(f"the lesson is {lesson.state} already")
    ids = await sql.lessons_of_fact(session, lesson)
    ended = await sql.end_lessons(session, ids, "forgotten", _name(session), reason)
    if lesson.kind != "number_format":
        await forget_learned_identity(session, lesson.account_id, lesson.kind, lesson.normalized_value, len(ended))
    for row in ended:
        _record(session, row, "lesson.forgotten", reason)


async def teach_manual(session: WriteSession, groups: Iterable[UUID]) -> None:
    """Learn from applications that somebody made by hand, without a proposal, and that stand."""
    lines: dict[UUID, list[Any]] = {}
    for row in await sql.manual_lines(session, groups):
        lines.setdefault(row["group_id"], []).append(row)
    decisions = []
    for group_id, rows in lines.items():
        first = rows[0]
        decisions.append(
            Taught(
                account_id=first["account_id"],
                payment_id=first["payment_id"],
                origin="manual",
                payer_name=first["payer_name"],
                payer_bank_identifier=first["payer_bank_identifier"],
                application_group_id=group_id,
                remittance_text=first["remittance_text"],
                numbers=tuple(row["number"] for row in rows),
                taught_by=first["actor_name"],
            )
        )
    await teach(session, decisions)


def _name(session: WriteSession) -> str:
    return "automatic" if session.actor.kind == "system" else session.actor.name


def _record(session: WriteSession, row: Any, event: str, reason: str | None) -> None:
    facts = {"kind": row["kind"], "account_id": row["account_id"]}
    record_change(session, ChangeRow("lesson", row["id"], event, before=facts, reason=reason))
