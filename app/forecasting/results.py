"""What a calculation gives back, in plain values, as it is kept. Imports nothing that takes long."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

Lines = list[list[int]]


@dataclass(frozen=True, slots=True)
class OpenInstalments:
    """The instalments that are open at the cut-off; lists of equal length."""

    ids: list[UUID]
    account_ids: list[UUID]
    currencies: list[str]
    due: list[date]


@dataclass(frozen=True, slots=True)
class Fitted:
    """A fitted model as it is kept, and how it did on the past."""

    content: bytes
    version: str
    parameters: dict[str, Any]
    metrics: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Series:
    """One group, layer and currency over the weeks, as it is kept; `naive` has the rows that stand beside."""

    layer: str
    group_by: str
    key: str
    currency: str
    mean: list[int]
    p10: list[int]
    p50: list[int]
    p90: list[int]
    cumulative_p10: list[int]
    cumulative_p90: list[int]
    naive: dict[str, list[int] | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Instalments:
    """What is kept of each open instalment; columns of equal length. `place` is its position in the book's list."""

    place: list[int]
    amount_minor: list[int]
    p10: list[date | None]
    p50: list[date | None]
    p90: list[date | None]
    week_permyriad: Lines
    permyriad_30: list[int]
    late_60_permyriad: list[int]
    basis: list[str]
    expected_minor: list[int]
    expected_30_minor: list[int]


@dataclass(frozen=True, slots=True)
class Made:
    """A forecast as it is kept."""

    instalments: Instalments
    series: list[Series]
