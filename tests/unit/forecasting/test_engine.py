"""Fitting and forecasting small ledgers: what was not known cannot matter, totals agree, thin ledgers are served."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from functools import cache

import numpy as np
import pytest

from app.forecasting.model.engine import Model, fit, forecast
from app.forecasting.model.interface import (
    NEVER,
    Basis,
    FitOptions,
    Forecast,
    ForecastOptions,
    HistoryItem,
    Layer,
    Ledger,
    Scenario,
    WeekTotals,
    day_of,
)
from tests.unit.forecasting.synthetic import START, cutoff_after, made_ledger

CUTOFF = cutoff_after(30)
FAST = FitOptions(rows_max=20_000, trees_max=20)
OPTIONS = ForecastOptions(simulations=150)


@cache
def fitted() -> Model:
    return fit(made_ledger(), CUTOFF, FAST)


def total(made: Forecast, layer: Layer, dimension: str = "organization") -> WeekTotals:
    return next(line for line in made.totals if line.dimension == dimension and line.layer is layer)


def test_a_model_survives_the_journey_as_bytes() -> None:
    model = fitted()
    again = Model.from_bytes(model.to_bytes())
    assert (again.version, again.cutoff, again.facts) == (model.version, model.cutoff, model.facts)
    ledger = made_ledger()
    assert np.array_equal(
        forecast(model, ledger, CUTOFF, OPTIONS).invoices.week_probability,
        forecast(again, ledger, CUTOFF, OPTIONS).invoices.week_probability,
    )


@pytest.mark.parametrize("damage", [lambda data: data[:-40], lambda data: b"no archive", lambda data: data[:200]])
def test_damaged_bytes_are_refused(damage: object) -> None:
    with pytest.raises(ValueError, match=r"damaged|release|model"):
        Model.from_bytes(damage(fitted().to_bytes()))  # type: ignore[operator]


def test_trees_that_could_walk_for_ever_are_refused() -> None:
    trees = fitted().learned.trees
    nodes = trees.nodes.copy()
    nodes["left"][np.flatnonzero(nodes["is_leaf"] == 0)[3]] = 0
    with pytest.raises(ValueError, match="damaged"):
        replace(trees, nodes=nodes).checked()


def test_what_came_after_the_cutoff_changes_nothing() -> None:
    whole = made_ledger()
    now = day_of(CUTOFF)
    known = made_ledger(until=now)
    known = known.take(np.flatnonzero(known.issued <= now))
    blind = fit(known, CUTOFF, FAST)
    assert blind.version == fitted().version
    seeing, unseeing = forecast(fitted(), whole, CUTOFF, OPTIONS), forecast(blind, known, CUTOFF, OPTIONS)
    assert np.array_equal(whole.issued[seeing.invoices.row], known.issued[unseeing.invoices.row])
    assert np.array_equal(seeing.invoices.week_probability, unseeing.invoices.week_probability)
    for layer in Layer:
        assert np.array_equal(total(seeing, layer).mean_minor, total(unseeing, layer).mean_minor)
        assert np.array_equal(total(seeing, layer).p90_minor, total(unseeing, layer).p90_minor)


def test_the_same_seed_says_the_same_and_order_of_quantiles_holds() -> None:
    ledger = made_ledger()
    groups = {"segment": ledger.segment, "account": ledger.account}
    one, two = (forecast(fitted(), ledger, CUTOFF, OPTIONS, groups) for _ in range(2))
    for first, second in zip(one.totals, two.totals, strict=True):
        assert np.array_equal(first.p10_minor, second.p10_minor)
        assert (first.p10_minor <= first.p50_minor).all()
        assert (first.p50_minor <= first.p90_minor).all()
        assert (first.p10_minor >= 0).all()
    invoices = one.invoices
    assert (invoices.p10 <= invoices.p50).all()
    assert (invoices.p50 <= invoices.p90).all()
    assert (invoices.week_probability.sum(axis=1) <= 1.0001).all()
    assert (invoices.basis == Basis.ACCOUNT).all()


def test_every_dimension_adds_up_to_the_organization() -> None:
    ledger = made_ledger()
    made = forecast(fitted(), ledger, CUTOFF, OPTIONS, {"segment": ledger.segment, "account": ledger.account})
    for layer in Layer:
        whole = total(made, layer).mean_minor.sum(axis=0)
        for dimension in ("segment", "account"):
            parts = total(made, layer, dimension)
            assert np.abs(parts.mean_minor.sum(axis=0) - whole).max() <= len(parts.group)
    assert np.abs(made.invoices.expected_minor.sum(axis=0) - total(made, Layer.OPEN).mean_minor[0]).max() <= 200


def test_new_business_is_what_is_usually_billed() -> None:
    ledger = made_ledger()
    made = forecast(fitted(), ledger, CUTOFF, OPTIONS)
    now = day_of(CUTOFF)
    recent = ledger.amount_minor[(ledger.issued > now - 91) & (ledger.issued <= now)].sum() / 13
    settled = total(made, Layer.NEW_BUSINESS).mean_minor[0, 8:].mean()
    assert settled == pytest.approx(recent, rel=0.15)
    assert Layer.NEW_BUSINESS not in {
        line.layer for line in forecast(fitted(), ledger, CUTOFF, replace(OPTIONS, new_business=False)).totals
    }


def test_payment_runs_are_found() -> None:
    """Accounts pay on one weekday each: the median should lie on it, or next to it."""
    ledger = made_ledger()
    invoices = forecast(fitted(), ledger, CUTOFF, OPTIONS).invoices
    names = [str(ledger.accounts[code]) for code in ledger.account[invoices.row]]
    hits = [(int(day) + 3) % 7 == int(name[1:]) % 5 for day, name in zip(invoices.p50, names, strict=True)]
    assert np.mean(hits) > 0.7


def test_scenarios_change_what_they_name() -> None:
    now = day_of(CUTOFF)
    ledger = made_ledger()
    rows = np.flatnonzero((ledger.issued <= now) & (ledger.paid > now))
    promised, disputed = ledger.promised_on.copy(), ledger.disputed_on.copy()
    made_on = ledger.promise_made_on.copy()
    promised[rows[::2]], made_on[rows[::2]] = now + 30, now
    disputed[rows[1::2]] = now - 2
    ledger = replace(ledger, promised_on=promised, promise_made_on=made_on, disputed_on=disputed)

    def first_weeks(scenario: Scenario) -> int:
        options = replace(OPTIONS, scenario=scenario, new_business=False)
        return int(total(forecast(fitted(), ledger, CUTOFF, options), Layer.OPEN).mean_minor[0, :2].sum())

    usual = first_weeks(Scenario())
    assert first_weeks(Scenario("no promises", promises_excluded=True)) > usual
    assert first_weeks(Scenario("settled", disputes_settled=True)) > usual
    assert first_weeks(Scenario("late", late_days=14)) < usual / 2


def test_money_of_two_currencies_is_never_added() -> None:
    ledger = made_ledger(accounts=4)
    halves = (ledger.account % 2).astype(np.int32)
    ledger = replace(ledger, currency=halves, currencies=("EUR", "USD"))
    made = forecast(fit(ledger, CUTOFF, FAST), ledger, CUTOFF, OPTIONS)
    assert total(made, Layer.TOTAL).currency.tolist() == [0, 1]


def item(number: int, paid: date | None, issued: date = START) -> HistoryItem:
    return HistoryItem(f"A{number % 3}", issued, issued + timedelta(days=30), 10_000, "EUR", paid)


THIN: dict[str, list[HistoryItem]] = {
    "nothing": [],
    "one open": [item(0, None)],
    "one paid": [item(0, START + timedelta(days=33))],
    "all open": [item(n, None) for n in range(50)],
    "identical": [item(0, START + timedelta(days=31))] * 50,
    "paid on issue": [item(n, START) for n in range(50)],
    "issued after the cut-off": [item(n, None, CUTOFF + timedelta(days=3)) for n in range(5)],
}


@pytest.mark.parametrize("name", THIN)
def test_thin_ledgers_are_served(name: str) -> None:
    ledger = Ledger.from_items(THIN[name])
    model = Model.from_bytes(fit(ledger, CUTOFF, FAST).to_bytes())
    made = forecast(model, ledger, CUTOFF, OPTIONS)
    open_count = sum(row.issued <= CUTOFF and row.paid is None for row in THIN[name])
    assert len(made.invoices.row) == open_count
    if open_count:
        assert (made.invoices.p50 > day_of(CUTOFF)).all()
        assert np.isfinite(made.invoices.week_probability).all()


def test_cold_start_names_whose_history_it_leans_on() -> None:
    base = made_ledger(until=day_of(CUTOFF))
    newcomer = HistoryItem("new", CUTOFF - timedelta(days=2), CUTOFF + timedelta(days=12), 5_000, "EUR")
    alone = Ledger.from_items([newcomer])
    made = forecast(fit(alone, CUTOFF, FAST), alone, CUTOFF, OPTIONS)
    assert made.invoices.basis.tolist() == [Basis.TERMS]
    known = base.take(np.flatnonzero(base.issued <= day_of(CUTOFF)))
    code = len(known.accounts)
    joined = replace(
        known,
        **{
            name: np.append(getattr(known, name), getattr(alone, name), axis=0)
            for name in Ledger.__dataclass_fields__
            if isinstance(getattr(known, name), np.ndarray)
        },
        accounts=(*known.accounts, "new"),
        payers=(*known.payers, "new"),
    )
    joined.account[-1] = joined.payer[-1] = code
    invoices = forecast(fit(joined, CUTOFF, FAST), joined, CUTOFF, OPTIONS).invoices
    assert invoices.basis[-1] == Basis.SEGMENT
    assert invoices.p90[-1] < NEVER
