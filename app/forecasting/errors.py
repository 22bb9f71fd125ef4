"""Refusals of the forecasting room."""

from __future__ import annotations

from app.core.errors import Conflict, NotFound, RuleViolation


class ForecastRunNotFound(NotFound):
    """No such forecast, or none yet."""

    code = "forecast_run.not_found"


class ForecastModelNotFound(NotFound):
    """No such forecast model in this organization."""

    code = "forecast_model.not_found"


class ForecastRunInvalid(RuleViolation):
    """The forecast that is asked for cannot be made: a day to come, a model that knows more than that day."""

    code = "forecast_run.invalid"


class TooManyForecastRuns(Conflict):
    """So many forecasts wait already."""

    code = "forecast_run.too_many"


class ForecastRunOver(Conflict):
    """The forecast has come to its end: it cannot be cancelled."""

    code = "forecast_run.over"


class ForecastDetailsGone(Conflict):
    """The forecast is not done yet, or its instalments and accounts are not kept any more."""

    code = "forecast_run.details_gone"


class ForecastModelNotBetter(Conflict):
    """The model does not beat the naive rows: it is not activated."""

    code = "forecast_model.not_better"


class ForecastModelState(Conflict):
    """The model's state does not allow that, or its content is not kept any more."""

    code = "forecast_model.state"
