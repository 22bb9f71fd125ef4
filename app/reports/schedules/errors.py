"""Refusals of runs and schedules."""

from __future__ import annotations

from app.core.errors import Conflict, NotFound, RuleViolation


class ReportUnknown(RuleViolation):
    """No report has this name; `GET /v1/reports` lists them."""

    code = "report.unknown"


class ParametersInvalid(RuleViolation):
    """A parameter of the report is not of its kind."""

    code = "report.parameters_invalid"


class RhythmInvalid(RuleViolation):
    """Weekly needs a weekday, monthly a day of the month, and neither takes the other's."""

    code = "report_schedule.rhythm_invalid"


class RunNotFound(NotFound):
    """No such run in this organization."""

    code = "report_run.not_found"


class RunNotFinished(Conflict):
    """There is no file: the run is under way, has failed, or was cancelled."""

    code = "report_run.not_finished"


class RunExpired(NotFound):
    """The file was kept for its days and is gone; run the report again."""

    code = "report_run.expired"


class RunNotCancellable(Conflict):
    """Only a run that is not over can be cancelled."""

    code = "report_run.not_cancellable"


class ScheduleNotFound(NotFound):
    """No such schedule in this organization."""

    code = "report_schedule.not_found"


class ScheduleStateWrong(Conflict):
    """The schedule is paused, or it is not."""

    code = "report_schedule.state_wrong"
