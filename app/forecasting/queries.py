"""SQL of the forecasting room besides the ledger's history: runs, models, and what is kept of a forecast."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select

from app.accounts.models import Account
from app.core.ids import new_id
from app.forecasting.errors import ForecastDetailsGone, ForecastModelNotFound, ForecastRunNotFound
from app.forecasting.models import ForecastInvoice, ForecastModel, ForecastRun, ForecastWeeks
from app.forecasting.results import Instalments, OpenInstalments, Series
from app.infra.database import ReadSession, WriteSession
from app.invoices.models import Instalment, Invoice

ROWS_PER_INSERT = 5_000
_INSERT_INVOICES = """
INSERT INTO forecast_invoices (organization_id, id, run_id, instalment_id, account_id, currency, due_date, amount_minor,
    p10_date, p50_date, p90_date, week_permyriad, permyriad_30, late_60_permyriad, basis, expected_minor,
    expected_30_minor)
SELECT $1, r.id, $2, r.instalment_id, r.account_id, r.currency, r.due, r.amount, r.p10, r.p50, r.p90,
    r.weeks::smallint[], r.permyriad_30, r.late_60, r.basis, r.expected, r.expected_30
FROM unnest($3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::date[], $8::bigint[], $9::date[], $10::date[],
    $11::date[], $12::text[], $13::smallint[], $14::smallint[], $15::text[], $16::bigint[], $17::bigint[])
    AS r(id, instalment_id, account_id, currency, due, amount, p10, p50, p90, weeks, permyriad_30, late_60, basis,
         expected, expected_30)
"""
_INSERT_WEEKS = """
INSERT INTO forecast_weeks (organization_id, id, run_id, layer, group_by, key, currency, total_minor, mean_minor,
    p10_minor, p50_minor, p90_minor, cumulative_p10_minor, cumulative_p90_minor, naive_due_date_minor,
    naive_customer_median_minor, naive_mean_13_minor)
SELECT $1, r.id, $2, r.layer, r.group_by, r.key, r.currency, r.total, r.mean::bigint[], r.p10::bigint[],
    r.p50::bigint[], r.p90::bigint[], r.c10::bigint[], r.c90::bigint[], r.n1::bigint[], r.n2::bigint[], r.n3::bigint[]
FROM unnest($3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[], $9::text[], $10::text[],
    $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[], $17::text[])
    AS r(id, layer, group_by, key, currency, total, mean, p10, p50, p90, c10, c90, n1, n2, n3)
"""
_CURRENT = "SELECT id FROM forecast_runs WHERE organization_id = $1 AND current"
_LATEST = """
SELECT id FROM forecast_runs WHERE organization_id = $1 AND state = 'done' AND kind <> 'what_if' AND details_kept
ORDER BY as_of DESC, id DESC LIMIT 1
"""
_GROUP_NAMES = {
    "legal_entity": "SELECT id, code, name FROM legal_entities WHERE organization_id = $1 AND id = ANY($2::uuid[])",
    "collector": """
        SELECT id, email AS code, display_name AS name FROM users WHERE organization_id = $1 AND id = ANY($2::uuid[])
    """,
    "account": "SELECT id, number AS code, name FROM accounts WHERE organization_id = $1 AND id = ANY($2::uuid[])",
}


@dataclass(frozen=True, slots=True)
class RunFilter:
    """What the list of runs may be narrowed by."""

    kind: str | None = None
    state: str | None = None
    as_of: date | None = None
    current: bool | None = None


@dataclass(frozen=True, slots=True)
class WeeksFilter:
    """Which series of a run."""

    group_by: str
    layer: str | None = None
    key: str | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class InvoicesFilter:
    """Which instalments of a run."""

    account_id: UUID | None = None
    collector_id: UUID | None = None
    segment: str | None = None
    currency: str | None = None
    p50_from: date | None = None
    p50_until: date | None = None
    late_60_at_least: int | None = None


async def get_run(session: ReadSession, run_id: UUID, *, lock: bool = False) -> ForecastRun:
    """The row. Raises ForecastRunNotFound."""
    found = await session.get(
        ForecastRun, (session.organization_id, run_id), with_for_update=lock or None, populate_existing=True
    )
    if found is None:
        raise ForecastRunNotFound("no forecast has this id")
    return found


async def shown_run(session: ReadSession, run_id: UUID | None) -> ForecastRun:
    """The run that is asked for; else the current one, else the latest without a scenario. It is done.

    Raises ForecastRunNotFound, ForecastDetailsGone.
    """
    if run_id is None:
        key = session.organization_id
        run_id = await session.driver.fetchval(_CURRENT, key) or await session.driver.fetchval(_LATEST, key)
        if run_id is None:
            raise ForecastRunNotFound("there is no forecast yet; start one")
    found = await get_run(session, run_id)
    if found.state != "done":
        raise ForecastDetailsGone(f"the forecast is {found.state}")
    return found


async def get_model(session: ReadSession, model_id: UUID, *, lock: bool = False) -> ForecastModel:
    """The row. Raises ForecastModelNotFound."""
    found = await session.get(
        ForecastModel, (session.organization_id, model_id), with_for_update=lock or None, populate_existing=True
    )
    if found is None:
        raise ForecastModelNotFound("no forecasting model has this id")
    return found


async def model_content(session: ReadSession, model_id: UUID) -> bytes | None:
    """The model itself, or None when it is not kept any more."""
    sql = "SELECT content FROM forecast_models WHERE organization_id = $1 AND id = $2"
    found: bytes | None = await session.driver.fetchval(sql, session.organization_id, model_id)
    return found


def runs_statement(organization_id: UUID, wanted: RunFilter) -> Select[Any]:
    """Runs, without order and bounds."""
    statement = select(ForecastRun).where(ForecastRun.organization_id == organization_id)
    for column, value in (
        (ForecastRun.kind, wanted.kind),
        (ForecastRun.state, wanted.state),
        (ForecastRun.as_of, wanted.as_of),
        (ForecastRun.current, wanted.current),
    ):
        if value is not None:
            statement = statement.where(column == value)
    return statement


def models_statement(organization_id: UUID, state: str | None) -> Select[Any]:
    """Models, without order and bounds."""
    statement = select(ForecastModel).where(ForecastModel.organization_id == organization_id)
    return statement if state is None else statement.where(ForecastModel.state == state)


def weeks_statement(run: ForecastRun, wanted: WeeksFilter) -> Select[Any]:
    """Series of a run, without order and bounds."""
    statement = select(ForecastWeeks).where(
        ForecastWeeks.organization_id == run.organization_id,
        ForecastWeeks.run_id == run.id,
        ForecastWeeks.group_by == wanted.group_by,
    )
    for column, value in (
        (ForecastWeeks.layer, wanted.layer),
        (ForecastWeeks.key, wanted.key),
        (ForecastWeeks.currency, wanted.currency),
    ):
        if value is not None:
            statement = statement.where(column == value)
    return statement


def invoices_statement(run: ForecastRun, wanted: InvoicesFilter) -> Select[Any]:
    """Instalments of a run with the numbers of invoice and account, without order and bounds."""
    row = ForecastInvoice
    columns: tuple[Any, ...] = (
        row, Instalment.invoice_id, Invoice.number, Instalment.ordinal, Account.number, Account.name,
    )  # fmt: skip
    statement: Select[Any] = (
        select(*columns)
        .join(Instalment, (Instalment.organization_id == row.organization_id) & (Instalment.id == row.instalment_id))
        .join(Invoice, (Invoice.organization_id == row.organization_id) & (Invoice.id == Instalment.invoice_id))
        .join(Account, (Account.organization_id == row.organization_id) & (Account.id == row.account_id))
        .where(row.organization_id == run.organization_id, row.run_id == run.id)
    )
    for column, value in (
        (row.account_id, wanted.account_id),
        (Account.collector_id, wanted.collector_id),
        (Account.segment, wanted.segment),
        (row.currency, wanted.currency),
    ):
        if value is not None:
            statement = statement.where(column == value)
    if wanted.p50_from is not None:
        statement = statement.where(row.p50_date >= wanted.p50_from)
    if wanted.p50_until is not None:
        statement = statement.where(row.p50_date <= wanted.p50_until)
    if wanted.late_60_at_least is not None:
        statement = statement.where(row.late_60_permyriad >= wanted.late_60_at_least)
    return statement


async def group_names(session: ReadSession, group_by: str, keys: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Number (or code) and name of the groups whose key is an id."""
    sql = _GROUP_NAMES.get(group_by)
    wanted = [key for key in dict.fromkeys(keys) if key]
    if sql is None or not wanted:
        return {}
    rows = await session.driver.fetch(sql, session.organization_id, [UUID(key) for key in wanted])
    return {str(row["id"]): (row["code"], row["name"]) for row in rows}


async def replace_details(
    session: WriteSession, run_id: UUID, book: OpenInstalments, made: Instalments, series: Sequence[Series]
) -> None:
    """Write what a run says, in place of what an attempt before it may have left."""
    key = session.organization_id
    for table in ("forecast_invoices", "forecast_weeks"):
        await session.driver.execute(f"DELETE FROM {table} WHERE organization_id = $1 AND run_id = $2", key, run_id)
    for start in range(0, len(made.place), ROWS_PER_INSERT):
        part = slice(start, start + ROWS_PER_INSERT)
        places = made.place[part]
        await session.driver.execute(
            _INSERT_INVOICES, key, run_id,
            [new_id() for _ in places],
            [book.ids[place] for place in places],
            [book.account_ids[place] for place in places],
            [book.currencies[place] for place in places],
            [book.due[place] for place in places],
            made.amount_minor[part], made.p10[part], made.p50[part], made.p90[part],
            [_array(weeks) for weeks in made.week_permyriad[part]],
            made.permyriad_30[part], made.late_60_permyriad[part], made.basis[part], made.expected_minor[part],
            made.expected_30_minor[part],
        )  # fmt: skip
    for start in range(0, len(series), ROWS_PER_INSERT):
        rows = series[start : start + ROWS_PER_INSERT]
        await session.driver.execute(
            _INSERT_WEEKS, key, run_id,
            [new_id() for _ in rows],
            [row.layer for row in rows],
            [row.group_by for row in rows],
            [row.key for row in rows],
            [row.currency for row in rows],
            [sum(row.mean) for row in rows],
            *([_array(getattr(row, name)) for row in rows]
              for name in ("mean", "p10", "p50", "p90", "cumulative_p10", "cumulative_p90")),
            *([_array(row.naive.get(name)) for row in rows] for name in ("due_date", "customer_median", "mean_13")),
        )  # fmt: skip


def _array(values: Sequence[int] | None) -> str | None:
    """The text form of an array: arrays of arrays cannot be taken apart row by row."""
    return None if values is None else "{" + json.dumps(values)[1:-1] + "}"
