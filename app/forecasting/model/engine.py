"""The verbs of the model: fit on what was known at a cut-off, forecast from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from app.forecasting.model.interface import FitOptions, Forecast, ForecastOptions, Groups, Ledger


@dataclass(frozen=True)
class Model:
    """A fitted model: plain arrays and numbers."""

    version: str
    """Names the kind of model, its cut-off and a digest of its numbers."""
    cutoff: date
    facts: Mapping[str, Any]
    """What it was fitted on and how well it is calibrated; plain JSON values."""

    def to_bytes(self) -> bytes:
        """The model as a compressed archive of arrays and JSON; never code."""
        raise NotImplementedError

    @classmethod
    def from_bytes(cls, data: bytes) -> Model:
        """Reads what `to_bytes` wrote. ValueError when it is damaged or of another kind."""
        raise NotImplementedError


def fit(ledger: Ledger, cutoff: date, options: FitOptions | None = None) -> Model:
    """Learns from what was known at the end of `cutoff`; what was open then is censored. Never refuses a thin ledger."""
    raise NotImplementedError


def forecast(
    model: Model,
    ledger: Ledger,
    cutoff: date,
    options: ForecastOptions | None = None,
    groups: Groups | None = None,
) -> Forecast:
    """Forecasts every item open at the end of `cutoff`, and the totals of the organization and of each dimension."""
    raise NotImplementedError
