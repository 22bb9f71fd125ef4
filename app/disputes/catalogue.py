"""The catalogues of disputes: reasons and teams. Every organization starts with the usual ones."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.core.ids import new_id
from app.disputes import queries
from app.disputes.errors import AssigneeUnknown, DisputeReasonUnknown, DisputeTeamUnknown
from app.disputes.models import DisputeReason, DisputeTeam
from app.disputes.rules import OTHER, REASONS, TEAMS, DisputeInvalid
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import ReadSession, WriteSession
from app.infra.mail.message import check_address
from app.infra.versions import check_version
from app.organizations.service import add_row, save_changes

Playbooks = Callable[[ReadSession, Collection[str]], Awaitable[Mapping[str, list[Any]]]]
_playbooks: list[Playbooks] = []


def show_playbooks_with(playbooks: Playbooks) -> None:
    """Have this function say which playbooks are about a reason, by `dispute_reason:code`: a room above keeps them."""
    _playbooks.append(playbooks)


async def playbooks_of(session: ReadSession, codes: Collection[str]) -> dict[str, list[Any]]:
    """Playbooks (id, code, title, revision) about these reasons, by the reason's code."""
    found: dict[str, list[Any]] = {code: [] for code in codes}
    for playbooks in _playbooks:
        shown = await playbooks(session, [f"dispute_reason:{code}" for code in codes])
        for code in codes:
            found[code] += shown.get(f"dispute_reason:{code}", [])
    return found


_SEED_TEAMS = """
INSERT INTO dispute_teams (organization_id, id, code, label)
SELECT $1, * FROM unnest($2::uuid[], $3::text[], $4::text[])
ON CONFLICT (organization_id, code) DO NOTHING RETURNING id, code
"""
_SEED_REASONS = """
INSERT INTO dispute_reasons (organization_id, id, code, label, team_id, sla_business_days, aliases)
SELECT $1, $2, $3, $4, (SELECT id FROM dispute_teams WHERE organization_id = $1 AND code = $5), $6, $7::text[]
ON CONFLICT (organization_id, code) DO NOTHING RETURNING id
"""


@dataclass(frozen=True, slots=True)
class NewReason:
    """A reason to be added."""

    code: str
    label: str
    sla_business_days: int
    team: str | None = None
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NewTeam:
    """A team to be added."""

    code: str
    label: str
    email: str | None = None
    member_ids: tuple[UUID, ...] = ()


async def ensure_catalogue(session: WriteSession) -> None:
    """Give the organization the usual reasons and teams, unless it has any reason already."""
    known = await session.driver.fetchval(
        "SELECT EXISTS (SELECT FROM dispute_reasons WHERE organization_id = $1)", session.organization_id
    )
    if known:
        return
    teams = await session.driver.fetch(
        _SEED_TEAMS, session.organization_id, [new_id() for _ in TEAMS], [t.code for t in TEAMS],
        [t.label for t in TEAMS],
    )  # fmt: skip
    for row in teams:
        record_change(
            session, ChangeRow("dispute_team", row["id"], "dispute_team.created", None, {"code": row["code"]})
        )
    for reason in REASONS:
        made = await session.driver.fetchval(
            _SEED_REASONS, session.organization_id, new_id(), reason.code, reason.label, reason.team,
            reason.sla_business_days, list(reason.aliases),
        )  # fmt: skip
        if made is not None:
            facts = {"code": reason.code, "sla_business_days": reason.sla_business_days}
            record_change(session, ChangeRow("dispute_reason", made, "dispute_reason.created", None, facts))


async def create_reason(session: WriteSession, new: NewReason) -> DisputeReason:
    """Add a reason. Raises DisputeTeamUnknown; CodeTaken comes from the unique key."""
    await ensure_catalogue(session)
    team_id = None if new.team is None else (await team_in_use(session, new.team)).id
    row = DisputeReason(
        organization_id=session.organization_id,
        id=new_id(),
        code=new.code,
        label=new.label,
        team_id=team_id,
        sla_business_days=new.sla_business_days,
        aliases=list(new.aliases),
    )
    await add_row(session, row)
    facts = {"code": new.code, "sla_business_days": new.sla_business_days}
    record_change(session, ChangeRow("dispute_reason", row.id, "dispute_reason.created", None, facts))
    return row


async def update_reason(
    session: WriteSession, reason_id: UUID, changes: Mapping[str, Any], *, expected_version: int | None
) -> DisputeReason:
    """Change label, team (`team`: a code or None), SLA, aliases or whether it is in use. The code stays.

    Disputes that are open keep their clock. Raises DisputeReasonNotFound, StaleVersion, DisputeTeamUnknown,
    DisputeInvalid when `other` is to go out of use.
    """
    row = await queries.get_reason(session, reason_id, lock=True)
    check_version(expected_version, row.version)
    if row.code == OTHER and changes.get("active") is False:
        detail = "this reason stays in use: words of payers that name no other one lead to it"
        raise DisputeInvalid(detail, pointer="/active")
    wanted = dict(changes)
    if "team" in wanted:
        code = wanted.pop("team")
        wanted["team_id"] = None if code is None else (await team_in_use(session, code)).id
    await save_changes(session, row, wanted, "dispute_reason", row.id)
    return row


async def create_team(session: WriteSession, new: NewTeam) -> DisputeTeam:
    """Add a team. Raises AssigneeUnknown for members who are no active users, RecipientInvalid."""
    await ensure_catalogue(session)
    await _check_members(session, new.member_ids)
    row = DisputeTeam(
        organization_id=session.organization_id,
        id=new_id(),
        code=new.code,
        label=new.label,
        email=None if new.email is None else check_address(new.email, pointer="/email"),
        member_ids=list(new.member_ids),
    )
    await add_row(session, row)
    facts = {"code": new.code, "member_ids": [str(member) for member in new.member_ids]}
    record_change(session, ChangeRow("dispute_team", row.id, "dispute_team.created", None, facts))
    return row


async def update_team(
    session: WriteSession, team_id: UUID, changes: Mapping[str, Any], *, expected_version: int | None
) -> DisputeTeam:
    """Change label, mailbox, members or whether it is in use. Raises DisputeTeamNotFound, StaleVersion …"""
    row = await queries.get_team(session, team_id, lock=True)
    check_version(expected_version, row.version)
    wanted = dict(changes)
    if wanted.get("email") is not None:
        wanted["email"] = check_address(wanted["email"], pointer="/email")
    if "member_ids" in wanted:
        await _check_members(session, wanted["member_ids"])
        wanted["member_ids"] = list(wanted["member_ids"])
    shown = frozenset({"email", "member_ids"})
    await save_changes(session, row, wanted, "dispute_team", row.id, unlogged=shown)
    return row


async def reason_in_use(session: WriteSession, code: str, *, pointer: str = "/reason_code") -> DisputeReason:
    """The reason with this code. Raises DisputeReasonUnknown, also for one that is not in use any more."""
    found = await queries.find_reason(session, code)
    if found is None or not found.active:
        raise DisputeReasonUnknown(f"{code[:60]!r} is no reason in use", pointer=pointer)
    return found


async def team_in_use(session: WriteSession, code: str, *, pointer: str = "/team") -> DisputeTeam:
    """The team with this code. Raises DisputeTeamUnknown, also for one that is not in use any more."""
    found = await queries.find_team(session, code)
    if found is None or not found.active:
        raise DisputeTeamUnknown(f"{code[:60]!r} is no team in use", pointer=pointer)
    return found


async def _check_members(session: WriteSession, member_ids: Any) -> None:
    found = await queries.users_by_id(session, list(member_ids))
    for index, member in enumerate(member_ids):
        if member not in found:
            raise AssigneeUnknown("no active user has this id", pointer=f"/member_ids/{index}")
