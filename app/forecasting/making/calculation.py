"""The work of the processor: fit, judge, forecast. Arrays in, rows to be kept out; no database, no clock.

Everything is computed in base currency (`factors`: base units for one minor unit of each currency), so that totals of
several currencies are simulated together. Figures of one currency are turned back and rounded once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.forecasting.making.fallback import fallen_back, with_mean, with_naive_days
from app.forecasting.making.history import Book
from app.forecasting.making.judging import score
from app.forecasting.making.naive import expected_days, mean_of_weeks, weekly
from app.forecasting.making.orders import FitOrder, ForecastOrder
from app.forecasting.model.engine import Model, fit, forecast
from app.forecasting.model.interface import (
    NEVER,
    Basis,
    Codes,
    Days,
    FitOptions,
    Forecast,
    ForecastOptions,
    InvoiceForecasts,
    Layer,
    Ledger,
    Minor,
    Scenario,
    WeekTotals,
    date_of,
    day_of,
)
from app.forecasting.model.learning import Learned
from app.forecasting.results import Fitted, Instalments, Made, Series
from app.forecasting.rules import HORIZON_WEEKS, NO_FALLBACK, PERMYRIAD

DAYS_30 = 30


def fit_model(order: FitOrder) -> Fitted:
    """Fit a model on everything known at the cut-off, and one on less to see how it would have done."""
    ledger = in_base(order.book, order.factors)
    options = FitOptions(holidays=order.holidays, seed=order.seed, trees_max=order.trees_max)
    snapshots: dict[int, Learned] = {}
    metrics = score(ledger, order.book.as_of, options, snapshots)
    model = fit(ledger, order.book.as_of, options, snapshots)
    parameters = {
        "segments": list(ledger.segments),
        "risk_classes": list(ledger.risk_classes),
        "facts": dict(model.facts),
    }
    return Fitted(model.to_bytes(), model.version, parameters, metrics)


def make_forecast(order: ForecastOrder) -> Made:
    """Forecast every open instalment and the totals of every group. Raises ValueError for a damaged model."""
    book = order.book
    if not (book.instalment_of_row >= 0).any() and not (book.ledger.paid != NEVER).any():
        return Made(_instalments(book, None), [])
    model = Model.from_bytes(order.content)
    ledger = _aligned(in_base(book, order.factors), order.parameters)
    what = order.scenario
    scenario = Scenario(
        name="expected" if what.expected else "what_if",
        promises_excluded=what.promises_excluded,
        disputes_settled=what.disputes_settled,
        late_days=what.late_days,
    )
    options = ForecastOptions(horizon_weeks=HORIZON_WEEKS, scenario=scenario, seed=order.seed)
    made = forecast(model, ledger, book.as_of, options, book.groups)
    expected = None
    if order.fallback != NO_FALLBACK and not what.expected:  # a what-if of it needs what it is compared with
        expected = forecast(model, ledger, book.as_of, replace(options, scenario=Scenario()), book.groups)
    invoices, named = made.invoices, order.fallback.days
    if named is not None:
        invoices = with_naive_days(
            named, ledger, day_of(book.as_of), invoices, None if expected is None else expected.invoices
        )
    return Made(_instalments(book, invoices), list(_series(order, ledger, made, expected)))


def in_base(book: Book, factors: tuple[float, ...]) -> Ledger:
    """The ledger with amounts in base currency, rounded to its minor unit."""
    if all(factor == 1 for factor in factors):
        return book.ledger
    factor = np.asarray(factors, np.float64)[book.currency_of_row]
    return replace(
        book.ledger,
        amount_minor=np.maximum(1, np.rint(book.ledger.amount_minor * factor)).astype(np.int64),
        open_minor=np.rint(book.ledger.open_minor * factor).astype(np.int64),
    )


def _aligned(ledger: Ledger, parameters: Mapping[str, Any]) -> Ledger:
    """The ledger with the codes of segments and risk classes that the model was fitted with; new ones come behind."""
    changed: dict[str, Any] = {}
    for column, names in (("segment", "segments"), ("risk_class", "risk_classes")):
        present: tuple[str, ...] = getattr(ledger, names)
        known = dict.fromkeys([*parameters.get(names, ()), *present])
        codes = {name: code for code, name in enumerate(known)}
        table = np.fromiter((codes[name] for name in present), np.int32, len(present))
        changed[column] = table[getattr(ledger, column)] if len(present) else getattr(ledger, column)
        changed[names] = tuple(known)
    return replace(ledger, **changed)


def _instalments(book: Book, found: InvoiceForecasts | None) -> Instalments:
    """Parts of one instalment together: probabilities by amount, the dates and the basis of the largest part."""
    if found is None or len(found.row) == 0:
        return Instalments(*([] for _ in Instalments.__dataclass_fields__))
    place = book.instalment_of_row[found.row]
    amount = book.ledger.open_minor[found.row]
    order = np.lexsort((-amount, place))
    places, first, inverse = np.unique(place[order], return_index=True, return_inverse=True)
    largest = order[first]
    totals = np.zeros(len(places), np.int64)
    np.add.at(totals, inverse, amount[order])
    share = (amount[order] / totals[inverse])[:, None]
    weeks = np.zeros((len(places), HORIZON_WEEKS))
    np.add.at(weeks, inverse, found.week_probability[order].astype(np.float64) * share)
    weeks = np.clip(weeks, 0, 1)
    late = np.zeros((len(places), 1))
    np.add.at(late, inverse, found.late_60_probability[order].astype(np.float64)[:, None] * share)
    whole, part = divmod(DAYS_30, 7)
    within_30 = np.clip(weeks[:, :whole].sum(axis=1) + weeks[:, whole] * part / 7, 0, 1)
    within = np.clip(weeks.sum(axis=1), 0, 1)
    return Instalments(
        place=places.tolist(),
        amount_minor=totals.tolist(),
        p10=_dates(found.p10[largest]),
        p50=_dates(found.p50[largest]),
        p90=_dates(found.p90[largest]),
        week_permyriad=_permyriad(weeks).tolist(),
        permyriad_30=_permyriad(within_30).tolist(),
        late_60_permyriad=_permyriad(np.clip(late[:, 0], 0, 1)).tolist(),
        basis=[Basis(int(basis)).name.lower() for basis in found.basis[largest]],
        expected_minor=np.minimum(totals, np.rint(totals * within).astype(np.int64)).tolist(),
        expected_30_minor=np.minimum(totals, np.rint(totals * within_30).astype(np.int64)).tolist(),
    )


def _dates(days: Days) -> list[date | None]:
    return [date_of(int(day)) for day in days]


def _permyriad(share: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.rint(share * PERMYRIAD).astype(np.int64)


def _series(order: ForecastOrder, ledger: Ledger, made: Forecast, expected: Forecast | None) -> Iterator[Series]:
    beside = _Beside(order, ledger)
    means = fallen_back(order.fallback, beside.weeks, made.totals, None if expected is None else expected.totals)
    for totals, mean in zip(made.totals, means, strict=True):
        whole = totals.dimension == "organization"
        if totals.dimension == "account" and totals.layer == Layer.NEW_BUSINESS:
            continue  # what is missing to the total; kept by the ten thousand it says little
        keys = (("", order.base_currency),) if whole else order.book.keys[totals.dimension]
        rates = dict(zip(order.book.currencies, order.factors, strict=True))
        shown = totals if mean is totals.mean_minor else with_mean(totals, mean)
        for line, code in enumerate(totals.group.tolist()):
            key, currency = keys[code]
            factor = 1.0 if whole else rates[currency]
            naive = beside.row(totals.dimension, code, str(totals.layer.value), factor)
            yield _line(shown, line, key, currency, factor, naive)


def _line(
    totals: WeekTotals, line: int, key: str, currency: str, factor: float, naive: dict[str, list[int] | None]
) -> Series:
    def own(values: Minor) -> list[int]:
        return _back(values[line], factor)

    return Series(
        layer=str(totals.layer.value),
        group_by=totals.dimension,
        key=key,
        currency=currency,
        mean=own(totals.mean_minor),
        p10=own(totals.p10_minor),
        p50=own(totals.p50_minor),
        p90=own(totals.p90_minor),
        cumulative_p10=own(totals.cumulative_p10_minor),
        cumulative_p90=own(totals.cumulative_p90_minor),
        naive=naive,
    )


def _back(values: Minor, factor: float) -> list[int]:
    """From base currency into the group's own."""
    found: list[int] = (values if factor == 1 else np.rint(values / factor).astype(np.int64)).tolist()
    return found


class _Beside:
    """The naive rows of every group, each dimension computed once."""

    def __init__(self, order: ForecastOrder, ledger: Ledger) -> None:
        self._order, self._ledger = order, ledger
        self._cutoff = day_of(order.book.as_of)
        self._open = np.flatnonzero(order.book.instalment_of_row >= 0)
        self._due, self._median = expected_days(ledger, self._cutoff, self._open)
        self._made: dict[str, dict[str, Minor]] = {}

    def row(self, dimension: str, code: int, layer: str, factor: float) -> dict[str, list[int] | None]:
        """Of the open layer and the total; coming invoices and single accounts have none."""
        if dimension == "account" or layer == Layer.NEW_BUSINESS:
            return {}
        made = self._rows(dimension)
        rows: dict[str, list[int] | None] = {name: _back(made[name][code], factor) for name in made}
        if layer == Layer.OPEN:
            rows["mean_13"] = None
        return rows

    def weeks(self, name: str, dimension: str, groups: Codes) -> Minor:
        """A naive row of these groups of a dimension, single accounts too, in base currency."""
        return self._rows(dimension)[name][groups]

    def _rows(self, dimension: str) -> dict[str, Minor]:
        if dimension not in self._made:
            whole = dimension == "organization"
            codes = np.zeros(len(self._ledger), np.int32) if whole else self._order.book.groups[dimension]
            self._made[dimension] = self._of(codes, 1 if whole else len(self._order.book.keys[dimension]))
        return self._made[dimension]

    def _of(self, codes: Codes, size: int) -> dict[str, Minor]:
        amounts = self._ledger.open_minor[self._open]
        return {
            "due_date": weekly(self._due, amounts, codes[self._open], size, self._cutoff),
            "customer_median": weekly(self._median, amounts, codes[self._open], size, self._cutoff),
            "mean_13": mean_of_weeks(self._ledger, self._ledger.amount_minor, codes, size, self._cutoff),
        }
