"""Runs: look at every account that owes, a bounded number in a transaction; make notices, note what was withheld.

All planning of an organization goes through one lock, and every reminder has its key in the database: two runs at once
plan once. A simulation does the same and keeps the same rows, without keys, messages, charges or events.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app.core.ids import new_id
from app.dunning import postings, writes
from app.dunning.errors import RunDateInvalid, RunNotFound, RunOpen
from app.dunning.facts import load_facts
from app.dunning.groups.members import survivors_of
from app.dunning.models import DunningRun
from app.dunning.planning import PlannedNotice, Policy, Withheld, plan_account
from app.dunning.policy.in_force import load_version, policies_held, policy_book
from app.dunning.policy.policies import ensure_shipped
from app.dunning.rules import MESSAGE_CHANNELS
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import ReadSession, WriteSession
from app.infra.jobs import owe
from app.infra.versions import RECORDED_NOW
from app.organizations.queries import organization_facts

JOB = "dunning.run"
MESSAGE_JOB = "dunning.message"
WORK_JOB = "dunning.work"
INLINE_ACCOUNTS = 200
"""Accounts that the request which starts a run looks at itself."""
ACCOUNTS_LIMIT = 2_000
"""Accounts that one transaction looks at."""
AHEAD_DAYS_MAX = 366
_LOCK = "SELECT pg_advisory_xact_lock(hashtext($1))"
_SCOPE = """
  AND ($2::uuid[] IS NULL OR a.id = ANY($2)) AND ($3::text IS NULL OR a.segment = $3)
  AND ($4::uuid IS NULL OR a.collector_id = $4)
"""
# Accounts that owe, and those into which an account was merged that owes: what it owes is asked for from them. The
# bound $5 is told to both sides of a join: whichever way they are joined, neither starts again from the first.
_OWING = f"""
SELECT a.id FROM accounts a WHERE a.organization_id = $1 {_SCOPE} AND a.id > $5 AND a.status <> 'merged'
  AND EXISTS (SELECT FROM instalments i WHERE i.organization_id = $1 AND i.account_id = a.id AND i.open_minor <> 0
              AND i.account_id > $5)
"""
_SURVIVING = f"""
SELECT a.id FROM account_merges g
JOIN accounts m ON m.organization_id = $1 AND m.id = g.merged_id AND m.status = 'merged'
JOIN accounts a ON a.organization_id = $1 AND a.id = m.parent_id AND a.id > $5 {_SCOPE}
WHERE g.organization_id = $1 AND g.state = 'merged'
  AND EXISTS (SELECT FROM instalments i WHERE i.organization_id = $1 AND i.account_id = m.id AND i.open_minor <> 0)
"""
_NEXT = f"({_OWING} ORDER BY a.id LIMIT $6) UNION ({_SURVIVING} ORDER BY a.id LIMIT $6) ORDER BY 1 LIMIT $6"
_COUNT = f"SELECT count(*) FROM ({_OWING} UNION {_SURVIVING}) AS owing"
_FIRST = UUID(int=0)
_PROGRESS = """
UPDATE dunning_runs SET state = $3, after_id = $4, accounts = accounts + $5, notices = notices + $6, items = items + $7,
    withheld = withheld + $8, waiting = waiting + $9, totals = $10, version = version + 1,
    started_at = coalesce(started_at, now()), finished_at = CASE WHEN $3 = 'done' THEN clock_timestamp() END,
    updated_at = current_setting('app.recorded_at')::timestamptz
WHERE organization_id = $1 AND id = $2
"""


@dataclass(frozen=True, slots=True)
class Scope:
    """Which accounts a run looks at, and debts of which legal entity; all that owe where nothing is named."""

    account_ids: tuple[UUID, ...] = ()
    segment: str | None = None
    collector_id: UUID | None = None
    legal_entity_id: UUID | None = None

    def to_json(self) -> dict[str, Any]:
        """What the run's row keeps."""
        named: dict[str, Any] = {"account_ids": sorted(str(account_id) for account_id in set(self.account_ids))}
        named |= {"segment": self.segment, "collector_id": str(self.collector_id) if self.collector_id else None}
        named |= {"legal_entity_id": str(self.legal_entity_id) if self.legal_entity_id else None}
        return {name: value for name, value in named.items() if value}

    @staticmethod
    def of_json(scope: Mapping[str, Any]) -> Scope:
        """From what the row keeps."""
        collector, entity = (
            UUID(scope[name]) if name in scope else None for name in ("collector_id", "legal_entity_id")
        )
        accounts = tuple(UUID(account_id) for account_id in scope.get("account_ids", ()))
        return Scope(accounts, scope.get("segment"), collector, entity)

    def takes(self, legal_entity_id: UUID) -> bool:
        """Whether debts of this legal entity are looked at. A notice is always of one."""
        return self.legal_entity_id is None or self.legal_entity_id == legal_entity_id

    def arguments(self) -> tuple[Any, ...]:
        """$2 to $4 of the statements."""
        return (list(self.account_ids) or None, self.segment, self.collector_id)


@dataclass(frozen=True, slots=True)
class StartRun:
    """A run to start: `nightly`, `on_demand` or `simulation` (then perhaps as if all had one version)."""

    kind: str
    business_date: date
    scope: Scope = field(default_factory=Scope)
    version_id: UUID | None = None


async def get_run(session: ReadSession, run_id: UUID, *, lock: bool = False) -> DunningRun:
    """The run as it is now. Raises RunNotFound."""
    statement = select(DunningRun).where(DunningRun.organization_id == session.organization_id, DunningRun.id == run_id)
    if lock:
        statement = statement.with_for_update()
    found = (await session.execute(statement.execution_options(populate_existing=True))).scalar_one_or_none()
    if found is None:
        raise RunNotFound("no such dunning run")
    return found


async def start_run(session: WriteSession, command: StartRun, *, today: date) -> tuple[UUID, bool]:
    """Start a run and owe its work; its id, and whether it is a new one.

    The same run under way, or that of the same night, is answered instead. Raises RunOpen, RunDateInvalid,
    VersionNotFound.
    """
    await ensure_shipped(session)
    simulated = command.kind == "simulation"
    if not simulated:
        await session.driver.execute(_LOCK, f"{session.organization_id}:dunning")
    await _check_date(session, command, today)
    command = replace(command, scope=await _surviving(session, command.scope))
    if command.version_id is not None:
        await load_version(session, command.version_id)
    if not simulated and (present := await _present(session, command)) is not None:
        return present, False
    run_id = new_id()
    total = await session.driver.fetchval(_COUNT, session.organization_id, *command.scope.arguments(), _FIRST)
    row = DunningRun(
        organization_id=session.organization_id,
        id=run_id,
        kind=command.kind,
        business_date=command.business_date,
        scope=command.scope.to_json(),
        version_id=command.version_id,
        accounts_total=total,
        started_by=session.actor.name,
        started_by_id=session.actor.id,
    )
    session.add(row)
    await session.flush()
    owe(session, JOB, str(run_id))
    if not simulated:
        after = {"kind": command.kind, "business_date": command.business_date, "accounts": total}
        record_change(session, ChangeRow("dunning_run", run_id, "dunning_run.started", after=after))
    return run_id, True


async def _surviving(session: ReadSession, scope: Scope) -> Scope:
    """An account that was merged away is asked for by the one that it became."""
    survivors = await survivors_of(session, scope.account_ids) if scope.account_ids else {}
    return replace(scope, account_ids=tuple(survivors.get(one, one) for one in scope.account_ids))


async def _check_date(session: ReadSession, command: StartRun, today: date) -> None:
    if command.business_date <= today:
        return
    sandbox = (await organization_facts(session)).sandbox
    if not sandbox and command.kind != "simulation":
        raise RunDateInvalid("only a simulation looks ahead: nothing goes out before it is due",
                             pointer="/business_date")  # fmt: skip
    if command.business_date > today + timedelta(days=AHEAD_DAYS_MAX):
        raise RunDateInvalid(f"at most {AHEAD_DAYS_MAX} days ahead", pointer="/business_date")


async def _present(session: WriteSession, command: StartRun) -> UUID | None:
    """The run that stands for this one: that of the same night, or the same one under way. Raises RunOpen."""
    statement = select(DunningRun).where(DunningRun.organization_id == session.organization_id)
    if command.kind == "nightly":
        night = statement.where(DunningRun.kind == "nightly", DunningRun.business_date == command.business_date)
        if (found := (await session.execute(night)).scalar_one_or_none()) is not None:
            return found.id
    running = statement.where(DunningRun.state.in_(("waiting", "running")), DunningRun.kind != "simulation")
    found = (await session.execute(running)).scalar_one_or_none()
    if found is None:
        return None
    same = (found.business_date, found.scope) == (command.business_date, command.scope.to_json())
    if same and found.kind == command.kind:
        return found.id
    raise RunOpen("another dunning run is under way; wait until it is done", run_id=str(found.id))


async def open_run_id(session: ReadSession) -> UUID | None:
    """The run that is under way, if any; simulations do not count."""
    found = await session.driver.fetchval(
        "SELECT id FROM dunning_runs WHERE organization_id = $1 AND state IN ('waiting', 'running')"
        " AND kind <> 'simulation'",
        session.organization_id,
    )
    return found if isinstance(found, UUID) else None


@dataclass(slots=True)
class Planned:
    """The next accounts of a run, those after `after_id`, with what is due to them and what is withheld."""

    after_id: UUID | None
    ids: list[UUID]
    more: bool
    notices: list[PlannedNotice] = field(default_factory=list)
    withheld: list[tuple[UUID, Withheld]] = field(default_factory=list)
    waiting: int = 0

    @property
    def last_id(self) -> UUID | None:
        """Where the next ones begin."""
        return self.ids[-1] if self.ids else self.after_id


async def look_ahead(
    session: ReadSession, run_id: UUID, *, today: date, before: Planned | None = None, limit: int = ACCOUNTS_LIMIT
) -> Planned:
    """What comes after `before` (None: next), read while that is being written; `plan_next` takes it over.

    Nothing is locked: facts may change before a notice goes out in any case, and are looked at again then.
    """
    run = await get_run(session, run_id)
    return await _plan(session, run, run.after_id if before is None else before.last_id, today, limit)


async def plan_next(
    session: WriteSession, run_id: UUID, *, today: date, limit: int = ACCOUNTS_LIMIT, ahead: Planned | None = None
) -> bool:
    """Plan the next accounts of a run; whether more are to follow. Repeatable: a run that is done stays as it is.

    `ahead` is used where the run still stands where that begins; else somebody else has gone on with it.
    """
    run = await get_run(session, run_id)
    if run.kind != "simulation":
        await session.driver.execute(_LOCK, f"{session.organization_id}:dunning")
    run = await get_run(session, run_id, lock=True)
    if run.state in ("done", "failed"):
        return False
    if ahead is None or ahead.after_id != run.after_id:
        ahead = await _plan(session, run, run.after_id, today, limit)
    await _write(session, run, ahead)
    totals = {currency: int(minor) for currency, minor in run.totals.items()}
    for notice in ahead.notices:
        totals[notice.currency] = totals.get(notice.currency, 0) + notice.total_minor
    await session.driver.execute(
        _PROGRESS,
        session.organization_id,
        run_id,
        "running" if ahead.more else "done",
        ahead.last_id,
        len(ahead.ids),
        len(ahead.notices),
        sum(len(notice.lines) for notice in ahead.notices),
        len(ahead.withheld),
        ahead.waiting,
        writes.totals_text(totals),
    )
    if not ahead.more and run.kind != "simulation":
        after = {"notices": run.notices + len(ahead.notices), "business_date": run.business_date}
        record_change(session, ChangeRow("dunning_run", run_id, "dunning_run.finished", after=after))
    return ahead.more


async def _plan(session: ReadSession, run: DunningRun, after_id: UUID | None, today: date, limit: int) -> Planned:
    scope = Scope.of_json(run.scope)
    rows = await session.driver.fetch(_NEXT, session.organization_id, *scope.arguments(), after_id or _FIRST, limit)
    ids = [row["id"] for row in rows]
    planned = Planned(after_id, ids, len(ids) == limit)
    policies = await _policies(session, run, ids, today) if ids else {}
    if policies:
        loaded = await load_facts(session, policies, run.business_date)
        planned.waiting = loaded.waiting
        for facts in loaded.accounts:
            plan = plan_account(facts, policies[facts.account_id], run.business_date)
            planned.notices += [one for one in plan.notices if scope.takes(one.legal_entity_id)]
            planned.withheld += [
                (facts.account_id, one) for one in plan.withheld if scope.takes(one.item.legal_entity_id)
            ]
            planned.waiting += plan.waiting
    return planned


async def _policies(session: ReadSession, run: DunningRun, ids: Sequence[UUID], today: date) -> dict[UUID, Policy]:
    """The policy of each account; a run of a past day goes by the policies of today."""
    if run.version_id is not None:
        version = await load_version(session, run.version_id)
        return dict.fromkeys(ids, version)
    book = await policy_book(session, max(run.business_date, today))
    held = await policies_held(session, book, ids)
    return {account_id: book.policies[one.version_id] for account_id, one in held.items()}


async def _write(session: WriteSession, run: DunningRun, planned: Planned) -> None:
    simulated = run.kind == "simulation"
    made = [(new_id(), notice, _state(notice, simulated=simulated)) for notice in planned.notices]
    await writes.insert_notices(session, run.id, run.business_date, made, live=not simulated)
    await writes.insert_withheld(session, run.id, planned.withheld)
    waiting = [notice_id for notice_id, _, state in made if state != "approved"]
    if waiting:
        await postings.quote_notices(session, waiting, run.business_date)
    if simulated:
        return
    approved = [(notice_id, notice) for notice_id, notice, state in made if state == "approved"]
    refused = await postings.charge(session, [notice_id for notice_id, _ in approved], run.business_date)
    await _hold_refused(session, refused)
    for notice_id, notice in approved:
        if notice_id not in refused and notice.step.channel not in MESSAGE_CHANNELS:
            owe_execution(session, notice_id, notice.step.channel)
    if any(notice.step.channel in MESSAGE_CHANNELS and notice_id not in refused for notice_id, notice in approved):
        owe(session, MESSAGE_JOB, "all")


def _state(notice: PlannedNotice, *, simulated: bool) -> str:
    if simulated:
        return "simulated"
    return "pending_approval" if notice.step.approval else "approved"


async def _hold_refused(session: WriteSession, refused: Mapping[UUID, Exception]) -> None:
    """What could not be charged waits for a person, visibly."""
    if refused:
        await session.driver.execute(
            "UPDATE dunning_notices n SET state = 'pending_approval', reason = 'charge_refused', reason_note = r.note"
            " FROM unnest($2::uuid[], $3::text[]) AS r(id, note) WHERE n.organization_id = $1 AND n.id = r.id",
            session.organization_id,
            list(refused),
            [str(refusal)[:500] for refusal in refused.values()],
        )


def owe_execution(session: WriteSession, notice_id: UUID, channel: str) -> None:
    """Owe what an approved notice asks for: its message, or its work."""
    if channel in MESSAGE_CHANNELS:
        owe(session, MESSAGE_JOB, "all")  # one job makes all messages that wait, many at a time
    else:
        owe(session, WORK_JOB, str(notice_id))


async def fail_run(session: WriteSession, run_id: UUID, failure: str) -> None:
    """A run that cannot go on: what it planned stands, the next one plans the rest."""
    run = await get_run(session, run_id, lock=True)
    if run.state not in ("done", "failed"):
        run.state, run.failure, run.finished_at = "failed", failure[:500], RECORDED_NOW
        run.version += 1
        run.updated_at = RECORDED_NOW
        await session.flush()
