"""Refusals of statements and their schedules."""

from __future__ import annotations

from app.core.errors import Conflict, NotFound, RuleViolation
from app.infra.constraints import on_constraint


class AccountStatementNotFound(NotFound):
    """No such statement in this organization."""

    code = "account_statement.not_found"


class StatementScheduleNotFound(NotFound):
    """No such schedule in this organization."""

    code = "statement_schedule.not_found"


class StatementScheduleExists(Conflict):
    """There is a schedule for this organization, segment or account already: change it."""

    code = "statement_schedule.exists"


class StatementContactMissing(RuleViolation):
    """The account has no contact in use with an e-mail address that may be written to."""

    code = "account_statement.no_contact"


class StatementSentAlready(Conflict):
    """The account has a statement of that period."""

    code = "account_statement.sent_already"


for _scope in ("organization", "segment", "account"):
    on_constraint(
        f"uq_statement_schedules_{_scope}",
        lambda: StatementScheduleExists("there is a schedule for this already; change it", pointer="/scope"),
    )
on_constraint("uq_account_statements_period", lambda: StatementSentAlready("the period has a statement already"))
