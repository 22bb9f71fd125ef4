"""How right forecasts were: what came in, week by week, beside what was expected and beside the naive rows.

Money counts by its value date and by what it was applied to: an instalment that was known at the cut-off is of the open
layer, any other of the new business. Collector and segment are those that the account has when it is measured.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from app.core.ids import new_id
from app.core.money import convert
from app.forecasting import queries
from app.forecasting.models import ForecastRun
from app.forecasting.rules import HORIZON_WEEKS, NAIVE_ROWS, week_of, weeks_ended, weeks_final
from app.infra.database import SYSTEM, Database, ReadSession, WriteSession
from app.organizations.queries import Rates, rates_among

RUNS_PER_NIGHT = 60
_DUE = f"""
SELECT id FROM forecast_runs
WHERE organization_id = $1 AND state = 'done' AND kind <> 'what_if' AND measured_weeks < {HORIZON_WEEKS}
  AND (kind = 'on_demand' OR extract(isodow FROM as_of) = 7) AND as_of < $2::date - 7
ORDER BY as_of, id LIMIT $3
"""
# An application is dated on or after the payment's accounting date, which may be some days before its value date.
_ACTUAL = """
SELECT s.currency, s.legal_entity_id, c.collector_id, coalesce(c.segment, '') AS segment,
    s.invoice_date <= $2 AND s.accounting_date <= $2 AND s.recorded_at <= $3 AS was_open,
    (p.value_date - $2::date - 1) / 7 + 1 AS week, sum(a.amount_minor)::bigint AS minor
FROM applications a
JOIN payments p ON p.organization_id = $1 AND p.id = a.payment_id AND p.value_date > $2 AND p.value_date <= $4
JOIN instalments s ON s.organization_id = $1 AND s.id = a.instalment_id
JOIN accounts c ON c.organization_id = $1 AND c.id = s.account_id
WHERE a.organization_id = $1 AND a.payment_id IS NOT NULL AND a.effective_date > $2::date - 31
GROUP BY 1, 2, 3, 4, 5, 6
"""
_EXPECTED = """
SELECT layer, group_by, key, currency, mean_minor, p10_minor, p90_minor, naive_due_date_minor,
    naive_customer_median_minor, naive_mean_13_minor
FROM forecast_weeks WHERE organization_id = $1 AND run_id = $2 AND group_by <> 'account'
"""
_UPSERT = """
INSERT INTO forecast_accuracy AS f (organization_id, id, run_id, model_id, as_of, measured_on, layer, group_by, key,
    currency, week, ends_on, forecast_minor, p10_minor, p90_minor, actual_minor, naive_due_date_minor,
    naive_customer_median_minor, naive_mean_13_minor, final)
SELECT $1, r.id, $2, $3, $4, $5, r.layer, r.group_by, r.key, r.currency, r.week, r.ends_on, r.forecast, r.p10, r.p90,
    r.actual, r.n1, r.n2, r.n3, r.final
FROM unnest($6::uuid[], $7::text[], $8::text[], $9::text[], $10::text[], $11::smallint[], $12::date[], $13::bigint[],
    $14::bigint[], $15::bigint[], $16::bigint[], $17::bigint[], $18::bigint[], $19::bigint[], $20::boolean[])
    AS r(id, layer, group_by, key, currency, week, ends_on, forecast, p10, p90, actual, n1, n2, n3, final)
ON CONFLICT (organization_id, run_id, group_by, layer, key, currency, week) DO UPDATE
SET actual_minor = excluded.actual_minor, measured_on = excluded.measured_on, final = excluded.final WHERE NOT f.final
"""
_SUMS = f"""
SELECT layer, key, currency, week, count(*)::int AS cells, sum(forecast_minor)::bigint AS forecast,
    sum(actual_minor)::bigint AS actual, sum(abs(actual_minor))::bigint AS size,
    sum(abs(forecast_minor - actual_minor))::bigint AS missed,
    count(*) FILTER (WHERE actual_minor BETWEEN p10_minor AND p90_minor)::int AS inside,
    sum(p90_minor - p10_minor)::bigint AS width, count(*) FILTER (WHERE final)::int AS final_cells,
    {
    ", ".join(
        f"sum(naive_{name}_minor)::bigint AS {name}, "
        f"sum(abs(naive_{name}_minor - actual_minor))::bigint AS {name}_missed"
        for name in NAIVE_ROWS
    )
}
FROM forecast_accuracy
WHERE organization_id = $1 AND group_by = $2 AND ($3::text IS NULL OR layer = $3) AND ($4::uuid IS NULL OR run_id = $4)
  AND ($5::uuid IS NULL OR model_id = $5) AND ($6::date IS NULL OR as_of >= $6) AND ($7::date IS NULL OR as_of <= $7)
  AND ($8::text IS NULL OR key = $8) AND ($9::text IS NULL OR currency = $9) AND (NOT $10::boolean OR final)
GROUP BY 1, 2, 3, 4 ORDER BY layer, currency, key, week LIMIT $11 OFFSET $12
"""
_MODELS = """
SELECT m.id, m.model_version, m.cutoff, m.state, m.beats_naive, m.reasons, count(r.id)::int AS runs
FROM forecast_models m LEFT JOIN forecast_runs r ON r.organization_id = $1 AND r.model_id = m.id AND r.state = 'done'
WHERE m.organization_id = $1 GROUP BY m.organization_id, m.id ORDER BY m.state = 'active' DESC, m.id DESC LIMIT 10
"""
Cell = tuple[str, str, str, str, int]
"""Layer, dimension, key, currency, week."""


@dataclass(frozen=True, slots=True)
class AccuracyRequest:
    """Which comparisons are summed up."""

    group_by: str = "organization"
    layer: str | None = None
    run_id: UUID | None = None
    model_id: UUID | None = None
    as_of_from: date | None = None
    as_of_until: date | None = None
    key: str | None = None
    currency: str | None = None
    final_only: bool = False


async def measure_due(database: Database, organization_id: UUID, today: date) -> int:
    """Compare the runs whose weeks have ended with what came in; returns how many. Safe to repeat."""
    async with database.read(organization_id) as session:
        rows = await session.driver.fetch(_DUE, organization_id, today, RUNS_PER_NIGHT)
    for row in rows:
        async with database.write(organization_id, SYSTEM) as session:
            await measure_run(session, row["id"], today)
    return len(rows)


async def measure_run(session: WriteSession, run_id: UUID, today: date) -> int:
    """Compare the ended weeks of one run that are not final yet; returns how many weeks. Raises ForecastRunNotFound."""
    run = await queries.get_run(session, run_id, lock=True)
    first, last = run.measured_weeks + 1, weeks_ended(run.as_of, today)
    if run.state != "done" or run.kind == "what_if" or first > last:
        return 0
    actual = await _actuals(session, run, last)
    expected = await session.driver.fetch(_EXPECTED, session.organization_id, run_id)
    columns: list[list[Any]] = [[] for _ in range(15)]
    final = weeks_final(run.as_of, today)
    for row in expected:
        for week in range(first, last + 1):
            at = week - 1
            cell = (row["layer"], row["group_by"], row["key"], row["currency"], week)
            values = (
                new_id(), *cell, week_of(run.as_of, week)[1], row["mean_minor"][at], row["p10_minor"][at],
                row["p90_minor"][at], actual.get(cell, 0),
                *(None if (naive := row[f"naive_{name}_minor"]) is None else naive[at] for name in NAIVE_ROWS),
                week <= final,
            )  # fmt: skip
            for column, value in zip(columns, values, strict=True):
                column.append(value)
    await session.driver.execute(
        _UPSERT, session.organization_id, run_id, run.model_id, run.as_of, today, *columns
    )  # fmt: skip
    run.measured_weeks = max(run.measured_weeks, final)
    await session.flush()
    return last - first + 1


async def _actuals(session: ReadSession, run: ForecastRun, weeks: int) -> Mapping[Cell, int]:
    """What came in by cell, the organization's in base currency by the rates of the cut-off."""
    last = week_of(run.as_of, weeks)[1]
    rows = await session.driver.fetch(_ACTUAL, session.organization_id, run.as_of, run.known_at, last)
    rates = await rates_among(session, {row["currency"] for row in rows}, run.as_of)
    found: dict[Cell, int] = defaultdict(int)
    for row in rows:
        minor, currency = row["minor"], row["currency"]
        whole = (("organization", "", run.base_currency, _in_base(minor, currency, run.base_currency, rates)),)
        for group_by, key, code, value in (
            *whole,
            ("currency", currency, currency, minor),
            ("legal_entity", str(row["legal_entity_id"]), currency, minor),
            ("collector", str(row["collector_id"] or ""), currency, minor),
            ("segment", row["segment"], currency, minor),
        ):
            layer = "open" if row["was_open"] else "new_business"
            found[layer, group_by, key, code, row["week"]] += value
            found["total", group_by, key, code, row["week"]] += value
    return found


def _in_base(minor: int, currency: str, base: str, rates: Rates) -> int:
    rate = rates.rate(currency, base)
    return minor if rate is None or currency == base else convert(minor, currency, base, rate)


async def accuracy_sums(session: ReadSession, wanted: AccuracyRequest, *, limit: int | None, start: int) -> list[Any]:
    """Sums by layer, group, currency and week ahead: what the report's rates are made of."""
    rows = await session.driver.fetch(
        _SUMS, session.organization_id, wanted.group_by, wanted.layer, wanted.run_id, wanted.model_id,
        wanted.as_of_from, wanted.as_of_until, wanted.key, wanted.currency, wanted.final_only, limit, start,
    )  # fmt: skip
    return list(rows)


async def judged_models(session: ReadSession) -> list[Any]:
    """The latest models with their verdicts, the one in force first."""
    return list(await session.driver.fetch(_MODELS, session.organization_id))
