"""Payment plans: propose, activate, cancel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from app.core.ids import new_id
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import ReadSession, WriteSession
from app.infra.versions import RECORDED_NOW, check_version
from app.organizations.queries import organization_facts
from app.promises import queries
from app.promises.errors import InstalmentUnknown, OverPromised, PlanClosed
from app.promises.make import free_to_promise, grace_default
from app.promises.models import PaymentPlan, PaymentPlanItem, PaymentPlanPart
from app.promises.rules import PlannedPart, Rhythm, check_schedule, kept_until, plan_actions, schedule


@dataclass(frozen=True, slots=True)
class ProposePlan:
    """A plan for these instalments (none: everything open of the account), by given parts or by a rule."""

    account_id: UUID
    currency: str
    instalment_ids: Sequence[UUID] = ()
    parts: Sequence[PlannedPart] = ()
    rhythm: Rhythm | None = None
    grace_days: int | None = None
    include_disputed: bool = False
    contact_id: UUID | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class DraftPlan:
    """What a plan would be: the debt by instalment and the parts."""

    debt: Mapping[UUID, int]
    parts: Sequence[PlannedPart]

    @property
    def total_minor(self) -> int:
        """The debt, in minor units."""
        return sum(self.debt.values())


async def draft_plan(session: ReadSession, command: ProposePlan, *, today: date) -> DraftPlan:
    """The debt that the plan would spread and its parts; nothing is written.

    Raises InstalmentUnknown, OverPromised (nothing is free), ScheduleInvalid.
    """
    free = await free_to_promise(
        session, command.account_id, command.currency, include_disputed=command.include_disputed
    )
    wanted = command.instalment_ids or [key for key, owed in free.by_instalment.items() if owed.free_minor > 0]
    planned = await queries.items_in_plans(session, wanted)
    debt: dict[UUID, int] = {}
    for index, instalment_id in enumerate(wanted):
        owed = free.by_instalment.get(instalment_id)
        if owed is None:
            detail = "no open instalment of this account and currency has this id"
            raise InstalmentUnknown(detail, pointer=f"/instalment_ids/{index}")
        if owed.free_minor == 0 or instalment_id in planned:
            if command.instalment_ids:
                detail = "all of this instalment is promised, disputed or in another plan"
                raise OverPromised(detail, pointer=f"/instalment_ids/{index}")
            continue
        debt[instalment_id] = owed.free_minor
    total = sum(debt.values())
    if total == 0 or total > free.total_minor:
        raise OverPromised("what is open of the account is promised or disputed", pointer="/instalment_ids")
    parts = list(command.parts) if command.rhythm is None else schedule(total, command.rhythm)
    check_schedule(parts, total, today)
    return DraftPlan(debt, parts)


async def propose_plan(session: WriteSession, command: ProposePlan, *, today: date) -> UUID:
    """Write down a proposed plan; it holds nothing until it is activated. Returns its id.

    Raises AccountUnknown, ContactUnknown and the refusals of `draft_plan`.
    """
    account = await queries.lock_account(session, command.account_id)
    await queries.check_contact(session, command.account_id, command.contact_id)
    draft = await draft_plan(session, command, today=today)
    facts = await organization_facts(session)
    grace = grace_default(facts.settings) if command.grace_days is None else command.grace_days
    plan_id, organization_id = new_id(), session.organization_id
    session.add(
        PaymentPlan(
            organization_id=organization_id,
            id=plan_id,
            account_id=command.account_id,
            currency=command.currency,
            total_minor=draft.total_minor,
            grace_days=grace,
            proposed_on=today,
            contact_id=command.contact_id,
            collector_id=account["collector_id"],
            taken_by_id=session.actor.id,
            taken_by=session.actor.name,
            note=command.note,
        )
    )
    await session.flush()
    for instalment_id, minor in draft.debt.items():
        item = {"plan_id": plan_id, "instalment_id": instalment_id, "amount_minor": minor}
        session.add(PaymentPlanItem(organization_id=organization_id, id=new_id(), **item))
    for ordinal, part in enumerate(draft.parts, 1):
        session.add(
            PaymentPlanPart(
                organization_id=organization_id,
                id=new_id(),
                plan_id=plan_id,
                ordinal=ordinal,
                due_date=part.due_date,
                kept_until=kept_until(part.due_date, grace, facts.calendar),
                amount_minor=part.amount_minor,
            )
        )
    await session.flush()
    after: dict[str, object] = {"account_id": command.account_id, "total_minor": draft.total_minor}
    after |= {"currency": command.currency, "parts": len(draft.parts), "status": "proposed"}
    record_change(session, ChangeRow("payment_plan", plan_id, "payment_plan.proposed", after=after,
                                     effective_date=today))  # fmt: skip
    return plan_id


async def _lock(session: WriteSession, plan_id: UUID, action: str, expected_version: int | None) -> PaymentPlan:
    found = await queries.get_plan(session, plan_id)
    await queries.lock_account(session, found.account_id)
    found = await queries.get_plan(session, plan_id)
    check_version(expected_version, found.version)
    if action not in plan_actions(found.status):
        raise PlanClosed(f"the payment plan is {found.status}", status=found.status)
    return found


async def activate_plan(
    session: WriteSession, plan_id: UUID, *, today: date, expected_version: int | None = None
) -> None:
    """The customer agreed: the schedule takes the place of the due dates.

    Raises PlanNotFound, PlanClosed (also when the first date has passed, or the debt is no longer the one that the
    parts sum to: propose it anew), StaleVersion.
    """
    plan = await _lock(session, plan_id, "activate", expected_version)
    items = (await queries.items_of(session, "payment_plan_items", [plan_id])).get(plan_id, [])
    free = await free_to_promise(session, plan.account_id, plan.currency, include_disputed=True)
    short = [row for row in items if _free(free.by_instalment, row["instalment_id"]) < row["amount_minor"]]
    if short or free.total_minor < plan.total_minor:
        raise PlanClosed("the debt changed since the plan was proposed; propose it anew", status=plan.status)
    parts = await queries.plan_parts(session, plan_id)
    if not parts or parts[0].due_date < today:
        raise PlanClosed("the first part is past due; propose the plan anew", status=plan.status)
    plan.next_due_on, plan.next_kept_until = parts[0].due_date, parts[0].kept_until
    plan.activated_on = today
    await _turn(session, plan, "active", "payment_plan.activated", today, None)


def _free(by_instalment: Mapping[UUID, object], instalment_id: UUID) -> int:
    owed = by_instalment.get(instalment_id)
    return int(getattr(owed, "free_minor", 0))


async def cancel_plan(
    session: WriteSession, plan_id: UUID, *, reason: str, today: date, expected_version: int | None = None
) -> None:
    """Take a plan back: the instalments' own due dates count again. Raises PlanNotFound, PlanClosed, StaleVersion."""
    plan = await _lock(session, plan_id, "cancel", expected_version)
    plan.reason, plan.decided_on = reason, today
    plan.next_due_on = plan.next_kept_until = None
    await _turn(session, plan, "cancelled", "payment_plan.cancelled", today, reason)


async def _turn(
    session: WriteSession, plan: PaymentPlan, status: str, event: str, today: date, reason: str | None
) -> None:
    before = {"status": plan.status}
    plan.status = status
    plan.version += 1
    plan.updated_at = RECORDED_NOW
    after = {"account_id": plan.account_id, "status": status, "paid_minor": plan.paid_minor}
    record_change(
        session,
        ChangeRow("payment_plan", plan.id, event, before=before, after=after, effective_date=today, reason=reason),
    )
    await session.flush()
