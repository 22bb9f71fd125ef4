"""Waive (part of) a charge: asked for with a reason, decided by somebody else, posted as an adjustment.

Whoever may approve waivers decides alone within the own limit; everybody else's request waits for approval.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from app.core.ids import new_id
from app.core.money import to_text
from app.dunning.charges import queries
from app.dunning.charges.errors import ChargeReversed, NothingToWaive, WaiverNotFound
from app.dunning.charges.models import ChargeWaiver
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import ReadSession, WriteSession
from app.invoices.adjustments import RequestAdjustment, approve_adjustment, reject_adjustment, request_adjustment
from app.invoices.late_facts import first_open_day
from app.invoices.models import Adjustment

APPROVE = "dunning:approve"
_OPEN = """
SELECT id, open_minor, greatest(accounting_date, reopened_on) AS not_before FROM instalments
WHERE organization_id = $1 AND invoice_id = $2
"""


@dataclass(frozen=True, slots=True)
class WaiveCharge:
    """Waive `amount_minor` of a charge; None: all that is open of it."""

    charge_id: UUID
    reason_code: str
    reason: str | None = None
    amount_minor: int | None = None


async def request_waiver(session: WriteSession, command: WaiveCharge, today: date, *, may_decide: bool) -> UUID:
    """Ask for a waiver; posted at once when the requester may decide waivers, and within the own limit.

    Raises ChargeNotFound, ChargeReversed, NothingToWaive, OverApplied (more than is open).
    """
    charge = await queries.get_charge(session, command.charge_id, lock=True)
    if charge.state == "reversed":
        raise ChargeReversed("the charge is reversed")
    rows = await session.driver.fetch(_OPEN, session.organization_id, charge.invoice_id)
    open_minor = rows[0]["open_minor"] if rows else 0
    if not open_minor:
        raise NothingToWaive("nothing of the charge is open")
    amount = open_minor if command.amount_minor is None else command.amount_minor
    on = await first_open_day(session, charge.legal_entity_id, max(today, rows[0]["not_before"]))
    adjustment = RequestAdjustment(rows[0]["id"], "waived_charge", amount, on, command.reason_code, command.reason)
    adjustment_id = await request_adjustment(session, adjustment, alone=may_decide)
    waiver = ChargeWaiver(
        organization_id=session.organization_id, id=new_id(), charge_id=charge.id, adjustment_id=adjustment_id,
        amount_minor=amount,
    )  # fmt: skip
    session.add(waiver)
    await session.flush()
    after = {"charge_id": charge.id, "account_id": charge.account_id, "amount": to_text(amount, charge.currency),
             "currency": charge.currency}  # fmt: skip
    change = ChangeRow("charge_waiver", waiver.id, "charge_waiver.requested", None, after, on, command.reason)
    record_change(session, change)
    return waiver.id


async def decide_waiver(
    session: WriteSession, waiver_id: UUID, *, approve: bool, note: str | None, expected_version: int | None
) -> None:
    """Approve (and post) or reject a waiver. Never by whoever asked, never above the own limit.

    Raises WaiverNotFound, StaleVersion, AdjustmentDecided, ApprovalByRequester, ApprovalLimitExceeded, OverApplied.
    """
    waiver, adjustment, _ = await get_waiver(session, waiver_id)
    decide = approve_adjustment if approve else reject_adjustment
    await decide(session, adjustment.id, expected_version=expected_version, note=note)
    event = "charge_waiver.approved" if approve else "charge_waiver.rejected"
    after = {"charge_id": waiver.charge_id, "account_id": adjustment.account_id}
    record_change(session, ChangeRow("charge_waiver", waiver.id, event, None, after, adjustment.effective_date, note))


async def get_waiver(session: ReadSession, waiver_id: UUID) -> tuple[ChargeWaiver, Adjustment, str]:
    """The waiver, its adjustment, and the number of the charge's document. Raises WaiverNotFound."""
    statement = queries.waivers_statement(session.organization_id).where(ChargeWaiver.id == waiver_id)
    row: Any = (await session.execute(statement.execution_options(populate_existing=True))).one_or_none()
    if row is None:
        raise WaiverNotFound("no such waiver")
    return row[0], row[1], row[2]


def allowed_actions(adjustment: Adjustment, actor_id: UUID | None, scopes: frozenset[str]) -> list[str]:
    """What somebody may do with a waiver next."""
    may = adjustment.state == "requested" and APPROVE in scopes and actor_id != adjustment.requested_by_id
    return ["approve", "reject"] if may else []
