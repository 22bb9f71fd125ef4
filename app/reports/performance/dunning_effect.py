"""What reminders bring: cash within some days of a step, beside the cash of reminders that were due and withheld.

Of the whole organization, or by group. Both are counted by instalment and step, once: of what was asked for (or would
have been), the part that payments settled within the window. Those withheld differ from those reminded (a dispute, a
promise), so that the difference is a comparison and no proof; the reasons stand beside it. Windows that are not over by
the report's day are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from app.infra.database import ReadSession
from app.reports.definitions import ReportDefinition, ReportRequest
from app.reports.grouping import accounts_of, key_sql
from app.reports.performance.framing import Record, fetch_in_one_currency, period_of
from app.reports.portfolio.framing import (
    GROUP_COLUMNS,
    framed,
    group_cells,
    names_of,
    notes_of,
    number_option,
    page_of,
)
from app.reports.portfolio.queries import PLANNER
from app.reports.portfolio.rules import ratio
from app.reports.rules import GROUPS
from app.reports.tables import Chart, Column, Report, ReportTable, Row

WINDOW_DAYS = 14
WINDOW_DAYS_MAX = 90
PERIOD_DAYS = 90
# $1 organization, $2 first day, $3 last day, $4 days of the window, $5 known_at, $6 account, $7 currency,
# $8 legal entity, $9 currencies that are shown as $10.
# An instalment that was withheld at a step and reminded of it within the window counts as reminded only.
# A reminder is known from the instant on at which it was carried out, a withheld one from the end of its run.
_ITEMS = """
WITH reminded AS (
    SELECT i.instalment_id, i.step_ordinal, n.channel, NULL::text AS reason, n.account_id, n.legal_entity_id,
           n.currency, i.done_on AS day, i.eligible_minor AS asked
    FROM dunning_notice_items i
    JOIN dunning_notices n ON n.organization_id = $1 AND n.id = i.notice_id
    WHERE i.organization_id = $1 AND i.live AND NOT i.covered AND i.done_on BETWEEN $2 AND $3
      AND ($6::uuid IS NULL OR n.account_id = $6) AND ($7::text IS NULL OR n.currency = $7)
      AND ($8::uuid IS NULL OR n.legal_entity_id = $8)
      AND ($5::timestamptz IS NULL OR coalesce(n.done_at, n.created_at) <= $5)
), withheld AS (
    SELECT DISTINCT ON (w.instalment_id, w.step_ordinal) w.instalment_id, w.step_ordinal, NULL::text AS channel,
           w.reason, w.account_id, e.legal_entity_id, w.currency, r.business_date AS day, w.amount_minor AS asked
    FROM dunning_withheld_items w
    JOIN dunning_runs r ON r.organization_id = $1 AND r.id = w.run_id AND r.kind <> 'simulation'
    JOIN instalments e ON e.organization_id = $1 AND e.id = w.instalment_id
    WHERE w.organization_id = $1 AND r.business_date BETWEEN $2 AND $3
      AND ($6::uuid IS NULL OR w.account_id = $6) AND ($7::text IS NULL OR w.currency = $7)
      AND ($8::uuid IS NULL OR e.legal_entity_id = $8)
      AND ($5::timestamptz IS NULL OR coalesce(r.finished_at, r.created_at) <= $5)
    ORDER BY w.instalment_id, w.step_ordinal, r.business_date, w.id
), item AS (
    SELECT * FROM reminded
    UNION ALL
    SELECT w.* FROM withheld w
    WHERE NOT EXISTS (
        SELECT FROM dunning_notice_items i
        JOIN dunning_notices n ON n.organization_id = $1 AND n.id = i.notice_id
        WHERE i.organization_id = $1 AND i.instalment_id = w.instalment_id AND i.step_ordinal = w.step_ordinal
          AND i.live AND i.done_on BETWEEN w.day AND w.day + $4::int
          AND ($5::timestamptz IS NULL OR coalesce(n.done_at, n.created_at) <= $5)
    )
), counted AS (
    SELECT t.step_ordinal, t.channel, t.reason, t.account_id, t.legal_entity_id, t.currency, t.asked,
           least(t.asked, greatest(0, coalesce((
               SELECT sum(x.amount_minor) FROM applications x
               WHERE x.organization_id = $1 AND x.instalment_id = t.instalment_id AND x.payment_id IS NOT NULL
                 AND x.effective_date > t.day AND x.effective_date <= t.day + $4::int
                 AND ($5::timestamptz IS NULL OR x.recorded_at <= $5)
           ), 0)))::bigint AS cash
    FROM item t
)
SELECT {group} AS key, {part} AS part, c.step_ordinal,
       CASE WHEN c.currency = ANY($9::text[]) THEN $10::text ELSE c.currency END AS currency,
       count(*) FILTER (WHERE c.reason IS NULL)::int AS reminders,
       count(DISTINCT c.account_id) FILTER (WHERE c.reason IS NULL)::int AS accounts,
       coalesce(sum(c.asked) FILTER (WHERE c.reason IS NULL), 0)::bigint AS asked,
       coalesce(sum(c.cash) FILTER (WHERE c.reason IS NULL), 0)::bigint AS cash,
       count(*) FILTER (WHERE c.reason IS NOT NULL)::int AS withheld,
       count(DISTINCT c.account_id) FILTER (WHERE c.reason IS NOT NULL)::int AS withheld_accounts,
       coalesce(sum(c.asked) FILTER (WHERE c.reason IS NOT NULL), 0)::bigint AS withheld_asked,
       coalesce(sum(c.cash) FILTER (WHERE c.reason IS NOT NULL), 0)::bigint AS withheld_cash
FROM counted c LEFT JOIN {accounts} a ON a.organization_id = $1 AND a.id = c.account_id GROUP BY 1, 2, 3, 4
"""
_COUNTS = ("reminders", "withheld")
_ACCOUNTS = ("accounts", "withheld_accounts")
_AMOUNTS = ("asked", "cash", "withheld_asked", "withheld_cash")
_STEP = (Column("step", "count", "Step"), Column("currency"))
_REMINDED = (
    Column("reminders", "count", "Reminders"),
    Column("accounts", "count", "Accounts"),
    Column("asked_amount", "money", "Asked for"),
    Column("cash_amount", "money", "Cash in the window"),
    Column("cash_rate", "rate", "Cash rate"),
)
_WITHHELD = (
    Column("withheld", "count", "Withheld"),
    Column("withheld_accounts", "count", "Accounts withheld"),
    Column("withheld_amount", "money", "Withheld amount"),
    Column("withheld_cash_amount", "money", "Cash of withheld"),
    Column("withheld_cash_rate", "rate", "Cash rate of withheld"),
)
_EFFECT = Column("effect", "rate", "Difference")
NOTES = (
    "Cash: payments applied to the reminded instalments after the day of the reminder and within the window, never "
    "more than was asked for. Steps that a higher one covered are not counted.",
    "Withheld reminders had a reason (dispute, promise, cash that covers them): the difference compares, it does not "
    "prove.",
)


async def dunning_effect(session: ReadSession, request: ReportRequest) -> Report:
    """Steps in their order, with and without the reminder; by channel and by reason in tables of their own.

    With `group_by` each step stands once for each group, the groups with the most asked for first.
    Raises ReportOptionInvalid.
    """
    window = number_option(request, "window_days", WINDOW_DAYS, 1, WINDOW_DAYS_MAX)
    last = request.as_of - timedelta(days=window)
    start, _ = period_of(request, last - timedelta(days=PERIOD_DAYS - 1))
    await session.driver.execute(PLANNER)
    arguments = [session.organization_id, start, last, window, request.known_at, request.account_id, request.currency,
                 request.legal_entity_id]  # fmt: skip
    by_step, converter = await _rows(session, request, "NULL::text", arguments)
    by_reason, _ = await _rows(session, request, "c.reason", arguments)
    by_channel, _ = await _rows(session, request, "c.channel", arguments)
    shown, more = page_of(by_step, request)
    names = await names_of(session, request.group_by, [row["key"] for row in (*shown, *by_reason, *by_channel)])
    grouped = request.group_by not in ("organization", "currency")
    lead = GROUP_COLUMNS[:-1] if grouped else ()

    def place(row: Record) -> Row:
        return group_cells(row["key"], row["currency"], names)[:-1] if grouped else ()

    steps = ReportTable(
        "steps", "Effect of dunning by step", (*lead, *_STEP, *_REMINDED, *_WITHHELD, _EFFECT),
        [(*place(row), *_step(row), *_reminded(row), *_withheld(row), _effect(row)) for row in shown],
        chart=None if grouped else _CHART, has_more=more,
    )  # fmt: skip
    channels = ReportTable(
        "channels", "Reminders by channel", (*lead, Column("channel"), *_STEP, *_REMINDED),
        [(*place(row), row["part"], *_step(row), *_reminded(row)) for row in by_channel if row["part"] is not None],
    )  # fmt: skip
    reasons = ReportTable(
        "withheld", "Withheld reminders by reason", (*lead, Column("reason"), *_STEP, *_WITHHELD),
        [(*place(row), row["part"], *_step(row), *_withheld(row)) for row in by_reason if row["part"] is not None],
    )  # fmt: skip
    notes = [*NOTES, *notes_of(request, converter)]
    return framed("dunning-effect", "Effect of dunning", request, (steps, channels, reasons), notes,
                  reminders=f"{start.isoformat()} to {last.isoformat()}", window_days=window)  # fmt: skip


_CHART = Chart("bar", "step", ("cash_rate", "withheld_cash_rate"), "Share of cash within the window",
               split_by="currency")  # fmt: skip
_KEYS = ("key", "part", "step_ordinal")


async def _rows(
    session: ReadSession, request: ReportRequest, part: str, arguments: Sequence[Any]
) -> tuple[list[Record], Any]:
    statement = _ITEMS.format(
        group=key_sql(request.group_by, "c"), part=part, accounts=accounts_of(request.group_by)
    )  # fmt: skip
    records, converter = await fetch_in_one_currency(
        session, request, statement, arguments, _KEYS, _COUNTS, _AMOUNTS, _ACCOUNTS
    )
    largest: dict[Any, int] = {}
    for row in records:
        slot = (row["currency"], row["key"])
        largest[slot] = largest.get(slot, 0) + row["asked"] + row["withheld_asked"]
    records.sort(key=lambda row: (row["currency"], -largest[row["currency"], row["key"]], row["key"] or "",
                                  row["step_ordinal"], row["part"] or ""))  # fmt: skip
    return records, converter


def _step(row: Record) -> Row:
    return (row["step_ordinal"], row["currency"])


def _reminded(row: Record) -> Row:
    return (row["reminders"], row["accounts"], row["asked"], row["cash"], ratio(row["cash"], row["asked"]))


def _withheld(row: Record) -> Row:
    return (
        row["withheld"], row["withheld_accounts"], row["withheld_asked"], row["withheld_cash"],
        ratio(row["withheld_cash"], row["withheld_asked"]),
    )  # fmt: skip


def _effect(row: Record) -> Decimal | None:
    rate, other = ratio(row["cash"], row["asked"]), ratio(row["withheld_cash"], row["withheld_asked"])
    return None if rate is None or other is None else rate - other


DEFINITION = ReportDefinition(
    "dunning-effect", "Effect of dunning", ("reports:read", "dunning:read"), GROUPS, dunning_effect
)
