"""Aging as tables: by group, and item by item. Both are read by a cursor while they are written, whatever their length.

The detail holds open instalments, and open credits with a minus: the rows of an account add up to its net amount.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from app.core.aging import AgingBounds
from app.core.money import convert
from app.infra.database import ReadSession
from app.reports.aging import AgingReport, aging_report, group_names, net_row
from app.reports.aging_queries import AgingRow, aging_row, detail_statement, group_statement
from app.reports.definitions import ReportDefinition, ReportRequest
from app.reports.portfolio.framing import GROUP_COLUMNS, bounds_of, framed, notes_of, word_option
from app.reports.portfolio.measures import Converter
from app.reports.rules import GROUPS, AgingRequest
from app.reports.tables import Cell, Chart, Column, Report, ReportTable, Row

CHUNK = 1_000
CREDITS = "credits"
_KINDS = {"invoice": "Invoice", "debit_memo": "Debit memo", "finance_charge": "Finance charge",
          "credit_memo": "Credit memo", "payment": "Unapplied payment"}  # fmt: skip
DETAIL = (
    Column("item_id", internal=True),
    Column("account_number", title="Account"),
    Column("account_name"),
    Column("legal_entity"),
    Column("collector"),
    Column("segment"),
    Column("country"),
    Column("risk_class"),
    Column("kind"),
    Column("number"),
    Column("instalment", "count"),
    Column("purchase_order"),
    Column("document_date", "date"),
    Column("due_date", "date"),
    Column("days_past_due", "days", "Days past due", places=0),
    Column("bucket"),
    Column("currency"),
    Column("amount", "money"),
    Column("open_amount", "money", "Open"),
    Column("disputed_amount", "money", "Disputed"),
    Column("promised_amount", "money", "Promised now"),
    Column("promised_date", "date", "Promised for"),
    Column("reminder_step", "count", "Last reminder"),
    Column("reminded_on", "date"),
)


_IN_ONE = (
    Column("in_currency", title="Shown in"),
    Column("open_in_currency_amount", "money", "Open, converted", currency_column="in_currency"),
)
"""What the detail has more when a currency is asked for: the open amount in it, empty where there is no rate."""


async def aging_request(session: ReadSession, request: ReportRequest, group_by: str | None = None) -> AgingRequest:
    """What aging is asked for: options `bounds`, `basis`, `credits`. Raises AgingBoundsInvalid, ReportOptionInvalid."""
    return AgingRequest(
        as_of=request.as_of,
        known_at=request.known_at,
        group_by=group_by or request.group_by,
        bounds=await bounds_of(session, request),
        by_invoice_date=word_option(request, "basis", ("due_date", "invoice_date")) == "invoice_date",
        net_credits=word_option(request, "credits", ("separate", "netted")) == "netted",
        legal_entity_id=request.legal_entity_id,
        account_id=request.account_id,
        currency=request.currency,
    )


async def by_group(session: ReadSession, request: ReportRequest) -> Report:
    """Groups by currency, largest open amount first, with the items one by one unless `detail` is `false`.

    Raises AgingBoundsInvalid, ReportOptionInvalid.
    """
    wanted = await aging_request(session, request)
    converter = await converter_of(session, request.in_currency, request.as_of)
    series = tuple(f"b{place}_amount" for place in range(wanted.bounds.bucket_count))
    chart = Chart("stacked_bar", _category(request.group_by), series, "Open by age", split_by="currency")
    columns = group_columns(wanted.bounds)
    if request.limit is not None or converter is not None:
        found = await aging_in(session, wanted, converter, start=request.start, limit=request.limit)
        names = await group_names(session, wanted.group_by, [row.key for row in found.rows])
        main = ReportTable("aging", "Aging", columns, [_group(row, names) for row in found.rows],
                           [_total(row) for row in found.totals], chart, found.has_more)  # fmt: skip
    else:
        totals: list[Row] = []
        main = ReportTable("aging", "Aging", columns, totals=totals, chart=chart,
                           stream=_groups(session, wanted, totals))  # fmt: skip
    tables = [main]
    if request.limit is None and word_option(request, "detail", ("true", "false")) == "true":
        tables.append(ReportTable("items", "Open items", detail_columns(converter),
                                  stream=_items(session, wanted, converter)))  # fmt: skip
    notes = ["Amounts of the detail stand in their own currency.", *notes_of(request, converter)]
    return framed("aging", "Aging", request, tables, notes, **_words(wanted))


async def by_item(session: ReadSession, request: ReportRequest) -> Report:
    """Open items one by one, by account and due date. Raises AgingBoundsInvalid, ReportOptionInvalid."""
    wanted = await aging_request(session, request, "organization")
    converter = await converter_of(session, request.in_currency, request.as_of)
    columns = detail_columns(converter)
    if request.limit is None:
        main = ReportTable("items", "Open items", columns, stream=_items(session, wanted, converter))
    else:
        statement, arguments = await detail_statement(session, wanted, start=request.start, limit=request.limit + 1)
        found = await session.driver.fetch(statement, *arguments)
        labels = _labels(wanted.bounds)
        rows = [_item(row, wanted, labels, converter) for row in found[: request.limit]]
        main = ReportTable("items", "Open items", columns, rows, has_more=len(found) > request.limit)
    notes = ["Credit memos and unapplied payments stand with a minus and without a bucket. Collector, segment and "
             "country are those of today, disputed parts those of the day.", *notes_of(request, converter)]  # fmt: skip
    return framed("aging-detail", "Aging, item by item", request, (main,), notes, **_words(wanted))


def detail_columns(converter: Converter | None) -> tuple[Column, ...]:
    """The columns of aging item by item."""
    return DETAIL if converter is None else (*DETAIL, *_IN_ONE)


def group_columns(bounds: AgingBounds) -> tuple[Column, ...]:
    """The columns of aging by group."""
    return (
        *GROUP_COLUMNS,
        Column("items", "count"),
        *(Column(f"b{place}_amount", "money", label) for place, label in enumerate(_labels(bounds))),
        Column("open_amount", "money", "Open"),
        Column("overdue_amount", "money", "Overdue"),
        Column("credit_memos_amount", "money", "Credit memos"),
        Column("unapplied_amount", "money", "Unapplied"),
        Column("net_amount", "money", "Net"),
    )


def _labels(bounds: AgingBounds) -> tuple[str, ...]:
    return ("Current", *(f"{label} days" for label in bounds.labels()[1:]))


def _category(group_by: str) -> str:
    if group_by in ("organization", "currency"):
        return "currency"
    return "name" if group_by in ("account", "parent_group", "legal_entity", "collector") else "code"


def _words(wanted: AgingRequest) -> dict[str, object]:
    return {
        "basis": "invoice date" if wanted.by_invoice_date else "due date",
        "credits": "netted, oldest first" if wanted.net_credits else "in columns of their own",
        "bounds": ",".join(map(str, wanted.bounds.upper)),
    }


async def converter_of(session: ReadSession, in_currency: str | None, day: date) -> Converter | None:
    """The rates of the day into one currency, or None when none is asked for."""
    if in_currency is None:
        return None
    rows = await session.driver.fetch(
        "SELECT DISTINCT currency FROM instalments WHERE organization_id = $1 UNION SELECT DISTINCT currency"
        " FROM payments WHERE organization_id = $1 UNION SELECT DISTINCT currency FROM credit_memos"
        " WHERE organization_id = $1",
        session.organization_id,
    )
    return await Converter.load(session, in_currency, [day], {row["currency"] for row in rows})


async def aging_in(
    session: ReadSession, wanted: AgingRequest, converter: Converter | None, *, start: int = 0, limit: int | None = None
) -> AgingReport:
    """The report; with a converter all in its currency, the currencies of a group added up, the largest first.

    What has no rate stays in its own currency. Each amount of a group and currency is converted by itself.
    """
    if converter is None:
        return await aging_report(session, wanted, start=start, limit=limit)
    found = await aging_report(session, wanted)
    rows = _merged([_converted(row, converter, wanted.as_of) for row in found.rows])
    rows.sort(key=lambda row: (row.currency, -sum(row.buckets), row.key is not None, str(row.key)))
    totals = _merged([replace(row, key=None) for row in rows])
    end = None if limit is None else start + limit
    return replace(found, totals=totals, rows=rows[start:end], has_more=end is not None and len(rows) > end)


def _converted(row: AgingRow, converter: Converter, day: date) -> AgingRow:
    rate = converter.rate(day, row.currency)
    if rate is None:
        return row
    values = (*row.buckets, row.credit_memos_minor, row.unapplied_minor)
    *buckets, memos, cash = (convert(minor, row.currency, converter.currency, rate) for minor in values)
    return AgingRow(row.key, converter.currency, row.items, tuple(buckets), memos, cash)


def _merged(rows: Sequence[AgingRow]) -> list[AgingRow]:
    sums: dict[tuple[Any, str], AgingRow] = {}
    for row in rows:
        slot = (row.key, row.currency)
        sums[slot] = row if slot not in sums else _added(sums[slot], row)
    return list(sums.values())


def _added(known: AgingRow, row: AgingRow) -> AgingRow:
    return replace(
        known,
        items=known.items + row.items,
        buckets=tuple(a + b for a, b in zip(known.buckets, row.buckets, strict=True)),
        credit_memos_minor=known.credit_memos_minor + row.credit_memos_minor,
        unapplied_minor=known.unapplied_minor + row.unapplied_minor,
    )


def _group(row: AgingRow, names: Any) -> Row:
    code, name = names.get(row.key, (row.key, None))
    key = None if row.key is None else str(row.key)
    return (key, None if code is None else str(code), name, *_amounts(row))


def _total(row: AgingRow) -> Row:
    return (None, "Total", None, *_amounts(row))


def _amounts(row: AgingRow) -> tuple[Cell, ...]:
    total = sum(row.buckets)
    memos, cash = row.credit_memos_minor, row.unapplied_minor
    return (row.currency, row.items, *row.buckets, total, total - row.buckets[0], memos, cash, total - memos - cash)


def _groups(
    session: ReadSession, wanted: AgingRequest, totals: list[Row]
) -> Callable[[], AsyncIterator[Sequence[Row]]]:
    async def stream() -> AsyncIterator[Sequence[Row]]:
        totals.clear()
        statement, arguments = await group_statement(session, wanted)
        sums: dict[str, AgingRow] = {}
        async for records in _pieces(session, statement, arguments):
            groups = [aging_row(record) for record in records if not record["is_total"]]
            if wanted.net_credits:  # the totals are the sums of the netted groups
                groups = [net_row(row) for row in groups]
                for row in groups:
                    known = sums.get(row.currency)
                    sums[row.currency] = replace(row, key=None) if known is None else _added(known, row)
            else:
                totals.extend(_total(aging_row(record)) for record in records if record["is_total"])
            names = await group_names(session, wanted.group_by, [row.key for row in groups])
            yield [_group(row, names) for row in groups]
        totals.extend(_total(sums[currency]) for currency in sorted(sums))

    return stream


def _items(
    session: ReadSession, wanted: AgingRequest, converter: Converter | None
) -> Callable[[], AsyncIterator[Sequence[Row]]]:
    async def stream() -> AsyncIterator[Sequence[Row]]:
        statement, arguments = await detail_statement(session, wanted)
        labels = _labels(wanted.bounds)
        async for records in _pieces(session, statement, arguments):
            yield [_item(record, wanted, labels, converter) for record in records]

    return stream


async def _pieces(session: ReadSession, statement: str, arguments: Sequence[Any]) -> AsyncIterator[list[Any]]:
    """The records of a statement through a cursor of the open transaction."""
    cursor = await session.driver.cursor(statement, *arguments)
    while records := await cursor.fetch(CHUNK):
        yield list(records)


def _item(row: Any, wanted: AgingRequest, labels: Sequence[str], converter: Converter | None) -> Row:
    bucket = CREDITS if row["age"] is None else labels[wanted.bounds.bucket_index(row["age"])]
    cells = (
        str(row["id"]), row["account_number"], row["account_name"], row["legal_entity"], row["collector"],
        row["segment"], row["country"], row["risk_class"], _KINDS[row["kind"]], row["number"], row["ordinal"],
        row["purchase_order"], row["invoice_date"], row["due_date"], row["late"], bucket, row["currency"],
        row["amount_minor"], row["open_minor"], row["disputed_minor"], row["promised_minor"], row["promised_day"],
        row["reminded_step"], row["reminded_day"],
    )  # fmt: skip
    return cells if converter is None else (*cells, *_shown(row["open_minor"], row["currency"], wanted, converter))


def _shown(minor: int, currency: str, wanted: AgingRequest, converter: Converter) -> Row:
    rate = converter.rate(wanted.as_of, currency)
    if rate is None:
        return (None, None)
    return (converter.currency, convert(minor, currency, converter.currency, rate))


DEFINITION = ReportDefinition("aging", "Aging", ("reports:read",), GROUPS, by_group)
DETAIL_DEFINITION = ReportDefinition(
    "aging-detail", "Aging, item by item", ("reports:read", "invoices:read"), ("organization",), by_item
)
