"""Refusals of late charges."""

from __future__ import annotations

from app.core.errors import Conflict, NotFound, RuleViolation
from app.infra.constraints import on_constraint


class ChargeNotFound(NotFound):
    """No such charge in this organization."""

    code = "charge.not_found"


class WaiverNotFound(NotFound):
    """No such waiver in this organization."""

    code = "charge_waiver.not_found"


class ChargingRunNotFound(NotFound):
    """No such charging run in this organization."""

    code = "charging_run.not_found"


class RateTableNotFound(NotFound):
    """No table of interest rates with this code."""

    code = "interest_rate_table.not_found"


class RateNotFound(NotFound):
    """The table has no rate of that day."""

    code = "interest_rate.not_found"


class AgreementNotFound(NotFound):
    """No such interest agreement in this organization."""

    code = "interest_agreement.not_found"


class AccountUnknown(RuleViolation):
    """The body names an account that does not exist here."""

    code = "charge.account_unknown"


class RateTableTaken(Conflict):
    """There is a table with this code already."""

    code = "interest_rate_table.code_taken"


class RunDayTaken(Conflict):
    """That day has been charged by a run already."""

    code = "charging_run.day_taken"


class ChargeReversed(Conflict):
    """The charge is reversed already."""

    code = "charge.reversed"


class NothingToCharge(RuleViolation):
    """Nothing is due: no late day that is not charged, or less than the minimum."""

    code = "charge.nothing_due"


class NothingToWaive(RuleViolation):
    """Nothing of the charge is open any more."""

    code = "charge.nothing_to_waive"


on_constraint(
    "uq_interest_rate_tables_organization_id_code",
    lambda: RateTableTaken("there is a table with this code", pointer="/code"),
)
on_constraint("uq_charging_runs_day", lambda: RunDayTaken("a run has charged that day already", pointer="/as_of"))
