"""What the calculation is told to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from app.forecasting.making.history import Book
from app.forecasting.model.interface import TREES_MAX
from app.forecasting.rules import NO_FALLBACK, Fallback, ScenarioRules


@dataclass(frozen=True, slots=True)
class FitOrder:
    """What a model is fitted on."""

    book: Book
    factors: tuple[float, ...]
    holidays: frozenset[date]
    seed: int
    trees_max: int = TREES_MAX


@dataclass(frozen=True, slots=True)
class ForecastOrder:
    """What is forecast, by which model, with what scenario."""

    book: Book
    factors: tuple[float, ...]
    content: bytes
    parameters: Mapping[str, Any]
    scenario: ScenarioRules
    seed: int
    base_currency: str
    fallback: Fallback = NO_FALLBACK
