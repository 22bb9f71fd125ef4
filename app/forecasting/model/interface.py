"""What the forecasting room and the model exchange: a ledger in columns in, dated probabilities and totals out.

`app.forecasting.model.engine` holds the verbs: `fit(ledger, cutoff, options) -> Model` and
`forecast(model, ledger, cutoff, options, groups) -> Forecast`; a model travels as `to_bytes` / `Model.from_bytes`.

Days are whole days since 1970-01-01 (`day_of`, `date_of`); `NEVER` stands for a date that is not there. Amounts are
integer minor units of their row's currency. Nothing here reads a clock: the cut-off is the last day that is known,
and the first forecast day is the one after it. Week `k` (from 1) holds the days `cutoff + 7k - 6 … cutoff + 7k`.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from enum import IntEnum, StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

Days = NDArray[np.int32]
Codes = NDArray[np.int32]
Minor = NDArray[np.int64]
Shares = NDArray[np.float32]

EPOCH = date(1970, 1, 1)
NEVER = np.iinfo(np.int32).max
"""A date that is not there: not paid, not disputed, nothing promised. Later than every real day."""
TREES_MAX = 60
"""Trees of a model; of half as many the same is learnt a little less well."""
NOTICES_MAX = 4
"""Dunning notices that count for one item; further ones change nothing."""


def day_of(value: date | None) -> int:
    """Days since 1970-01-01; `NEVER` for None."""
    return NEVER if value is None else (value - EPOCH).days


def date_of(day: int) -> date | None:
    """The date of a day number; None for `NEVER`."""
    return None if day >= NEVER else EPOCH + timedelta(days=int(day))


@dataclass(frozen=True, slots=True)
class HistoryItem:
    """One instalment, paid or open, with what is known about it and *since when* it is known.

    A forecast at T reads only the facts dated T or before, so the later facts of a row do no harm.
    """

    account: Hashable
    issued: date
    due: date
    amount_minor: int
    currency: str
    paid: date | None = None
    """Day on which it was settled in full; None while anything is open (or it left otherwise, see `closed`)."""
    closed: date | None = None
    """Day on which it left without payment (void, written off, credited in full): censored, not an event."""
    open_minor: int | None = None
    """What is still open at the cut-off; None means the whole amount."""
    segment: str | None = None
    risk_class: str | None = None
    payer: Hashable | None = None
    """Who pays (parent of a group); None means the account itself. Totals are simulated by payer."""
    disputed_on: date | None = None
    dispute_ended_on: date | None = None
    promise_made_on: date | None = None
    promised_on: date | None = None
    """The day that was promised by the newest promise, made on `promise_made_on`."""
    promise_ended_on: date | None = None
    """Day on which that promise was broken or cancelled."""
    legal_on: date | None = None
    """Day on which it was referred to a lawyer or an agency."""
    legal_ended_on: date | None = None
    notices: tuple[date, ...] = ()
    """Days of the dunning notices of this item, oldest first."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """The same in columns: one array element an item. All arrays have the same length."""

    account: Codes
    issued: Days
    due: Days
    paid: Days
    closed: Days
    amount_minor: Minor
    open_minor: Minor
    currency: Codes
    segment: Codes
    risk_class: Codes
    payer: Codes
    disputed_on: Days
    dispute_ended_on: Days
    promise_made_on: Days
    promised_on: Days
    promise_ended_on: Days
    legal_on: Days
    legal_ended_on: Days
    notices: NDArray[np.int32]
    """Shape (rows, NOTICES_MAX); `NEVER` where there was none."""
    accounts: tuple[Hashable, ...]
    """What the codes of `account` stand for; likewise the next four."""
    currencies: tuple[str, ...]
    segments: tuple[str, ...]
    risk_classes: tuple[str, ...]
    payers: tuple[Hashable, ...]

    def __len__(self) -> int:
        return len(self.account)

    def take(self, rows: NDArray[Any]) -> Ledger:
        """The rows of an index array or a mask; names and codes stay."""
        return replace(self, **{name: getattr(self, name)[rows] for name in COLUMNS})

    @classmethod
    def from_items(cls, items: Iterable[HistoryItem]) -> Ledger:
        """Columns of a list of items. For a million rows fill the columns from the query instead (`from_columns`)."""
        rows = list(items)
        notices = np.full((len(rows), NOTICES_MAX), NEVER, np.int32)
        for index, row in enumerate(rows):
            for place, day in enumerate(row.notices[:NOTICES_MAX]):
                notices[index, place] = day_of(day)
        return cls.from_columns(
            account=[row.account for row in rows],
            issued=[day_of(row.issued) for row in rows],
            due=[day_of(row.due) for row in rows],
            amount_minor=[row.amount_minor for row in rows],
            currency=[row.currency for row in rows],
            paid=[day_of(row.paid) for row in rows],
            closed=[day_of(row.closed) for row in rows],
            open_minor=[row.amount_minor if row.open_minor is None else row.open_minor for row in rows],
            segment=[row.segment for row in rows],
            risk_class=[row.risk_class for row in rows],
            payer=[row.account if row.payer is None else row.payer for row in rows],
            disputed_on=[day_of(row.disputed_on) for row in rows],
            dispute_ended_on=[day_of(row.dispute_ended_on) for row in rows],
            promise_made_on=[day_of(row.promise_made_on) for row in rows],
            promised_on=[day_of(row.promised_on) for row in rows],
            promise_ended_on=[day_of(row.promise_ended_on) for row in rows],
            legal_on=[day_of(row.legal_on) for row in rows],
            legal_ended_on=[day_of(row.legal_ended_on) for row in rows],
            notices=notices,
        )

    @classmethod
    def from_columns(
        cls,
        *,
        account: Sequence[Hashable],
        issued: Sequence[int] | Days,
        due: Sequence[int] | Days,
        amount_minor: Sequence[int] | Minor,
        currency: Sequence[str],
        **optional: Any,
    ) -> Ledger:
        """Columns of plain sequences: days as numbers (`NEVER` for none), names of any hashable kind.

        `optional` are the other columns by name; what is absent is empty (payer: the account; open: the amount).
        """
        size = len(account)

        def days(name: str) -> Days:
            given = optional.get(name)
            return np.full(size, NEVER, np.int32) if given is None else np.asarray(given, np.int32)

        accounts, account_names = _coded(account)
        payers, payer_names = _coded(optional["payer"]) if optional.get("payer") is not None else (accounts, ())
        segments, segment_names = _coded(optional.get("segment") or ("",) * size, text=True)
        classes, class_names = _coded(optional.get("risk_class") or ("",) * size, text=True)
        currencies, currency_names = _coded(currency, text=True)
        amounts = np.asarray(amount_minor, np.int64)
        given_open, given_notices = optional.get("open_minor"), optional.get("notices")
        return cls(
            account=accounts,
            issued=np.asarray(issued, np.int32),
            due=np.asarray(due, np.int32),
            paid=days("paid"),
            closed=days("closed"),
            amount_minor=amounts,
            open_minor=amounts if given_open is None else np.asarray(given_open, np.int64),
            currency=currencies,
            segment=segments,
            risk_class=classes,
            payer=payers,
            disputed_on=days("disputed_on"),
            dispute_ended_on=days("dispute_ended_on"),
            promise_made_on=days("promise_made_on"),
            promised_on=days("promised_on"),
            promise_ended_on=days("promise_ended_on"),
            legal_on=days("legal_on"),
            legal_ended_on=days("legal_ended_on"),
            notices=np.full((size, NOTICES_MAX), NEVER, np.int32)
            if given_notices is None
            else np.asarray(given_notices, np.int32).reshape(size, NOTICES_MAX),
            accounts=account_names,
            currencies=tuple(str(name) for name in currency_names),
            segments=tuple(str(name) for name in segment_names),
            risk_classes=tuple(str(name) for name in class_names),
            payers=payer_names or account_names,
        )


COLUMNS = tuple(
    name
    for name in Ledger.__dataclass_fields__
    if name not in {"accounts", "currencies", "segments", "risk_classes", "payers"}
)
"""Names of the per-row columns."""


def _coded(names: Sequence[Hashable], text: bool = False) -> tuple[Codes, tuple[Hashable, ...]]:
    seen: dict[Hashable, int] = {}
    codes = np.fromiter(
        (seen.setdefault("" if text and name is None else name, len(seen)) for name in names), np.int32, len(names)
    )
    return codes, tuple(seen)


@dataclass(frozen=True, slots=True)
class FitOptions:
    """How a model is fitted. The defaults serve ledgers of fifty rows and of a million."""

    holidays: frozenset[date] = frozenset()
    """Days, besides weekends, on which banks do not book."""
    seed: int = 1
    rows_max: int = 200_000
    """Bound of the day rows that the hazard is learnt from; larger ledgers are sampled evenly."""
    trees_max: int = TREES_MAX
    calibration_weeks: int = 13
    """Span before the cut-off whose rolling origins set the widths."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """What if: each switch changes one assumption of the forecast; the defaults change none."""

    name: str = "expected"
    promises_excluded: bool = False
    disputes_settled: bool = False
    late_days: int = 0
    """A late-payment shock: every open and coming item is paid this many days later."""


@dataclass(frozen=True, slots=True)
class ForecastOptions:
    """How a forecast is made from a fitted model."""

    horizon_weeks: int = 13
    scenario: Scenario = field(default_factory=Scenario)
    simulations: int = 400
    seed: int = 1
    new_business: bool = True


class Basis(IntEnum):
    """Whose history an item's forecast leans on most (cold start falls from the first to the last)."""

    ACCOUNT = 0
    SEGMENT = 1
    ORGANIZATION = 2
    TERMS = 3


class Layer(StrEnum):
    """Parts of a total."""

    OPEN = "open"
    """Items that are open at the cut-off."""
    NEW_BUSINESS = "new_business"
    """Items that will be issued and paid after it."""
    TOTAL = "total"


@dataclass(frozen=True, slots=True)
class InvoiceForecasts:
    """One element an open item (issued by the cut-off, neither paid nor closed by it)."""

    row: NDArray[np.int64]
    """Position in the ledger."""
    p10: Days
    p50: Days
    p90: Days
    """Day numbers (`date_of`): settled by then with 10, 50, 90 percent; `NEVER` past the model's reach."""
    week_probability: Shares
    """(items, weeks): settled within that week; what is missing to 1 lies after the horizon."""
    late_60_probability: Shares
    """Settled later than 60 days past due."""
    expected_minor: Minor
    """(items, weeks): open amount times probability, rounded to the minor unit."""
    basis: NDArray[np.int8]
    """`Basis` of each item."""


@dataclass(frozen=True, slots=True)
class WeekTotals:
    """Collections by week of one dimension and layer; one line a (group, currency), amounts in minor units."""

    dimension: str
    layer: Layer
    group: Codes
    """Codes as the caller gave them; 0 for the dimension `organization`."""
    currency: Codes
    """Codes of `Ledger.currencies`."""
    mean_minor: Minor
    """(lines, weeks)."""
    p10_minor: Minor
    p50_minor: Minor
    p90_minor: Minor
    cumulative_p10_minor: Minor
    """(lines, weeks): of everything from the cut-off to the end of that week."""
    cumulative_p90_minor: Minor


@dataclass(frozen=True, slots=True)
class Forecast:
    """What one run says."""

    cutoff: date
    model_version: str
    scenario: Scenario
    invoices: InvoiceForecasts
    totals: tuple[WeekTotals, ...]
    """For `organization` and every dimension asked for: the layers open, new business and total."""


Groups = Mapping[str, Codes]
"""Dimension name → group code of each ledger *row* (account, segment, collector, …), constant within an account."""
