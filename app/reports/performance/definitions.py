"""The reports of this part, and those of the work of other rooms, by name."""

from __future__ import annotations

import app.reports.performance.status_paper  # noqa: F401 - importing it says that the status has a paper of its own
from app.reports.performance import collectors, dunning_effect, status, unapplied
from app.reports.work import (
    access,
    aging,
    cash_application,
    credit_holds,
    credit_limits,
    disputes,
    insights,
    late_charges,
    promises,
)

DEFINITIONS = (
    aging.DEFINITION,
    aging.DETAIL_DEFINITION,
    status.DEFINITION,
    collectors.DEFINITION,
    dunning_effect.DEFINITION,
    unapplied.DEFINITION,
    disputes.DEFINITION,
    promises.DEFINITION,
    cash_application.DEFINITION,
    credit_limits.DEFINITION,
    credit_holds.DEFINITION,
    late_charges.DEFINITION,
    insights.DEFINITION,
    access.REVIEW,
    access.SEGREGATION,
)
