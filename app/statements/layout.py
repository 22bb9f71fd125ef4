"""A statement as a paper, as a workbook and as rows of CSV. Pure: facts in, parts out."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from app.core.money import to_decimal, to_text
from app.infra.rendering.papers import Beside, Grid, Heading, Paper, Part, Prose
from app.infra.rendering.workbooks import Cell, Sheet
from app.statements.payment_layout import payment_parts, payment_slips, statement_address
from app.statements.statement import Item, Statement, Totals
from app.statements.texts import Words

CSV_HEADER = (
    "kind", "document", "reference", "date", "due_date", "days_late", "bucket", "currency", "amount", "open",
    "disputed", "promised",
)  # fmt: skip


def document_name(item: Item) -> str:
    """The number of the invoice, and which of its instalments it is when there are several."""
    row = item.row
    return str(row["number"]) if row["instalments"] == 1 else f"{row['number']} ({row['ordinal']}/{row['instalments']})"


def statement_paper(statement: Statement, words: Words) -> Paper:
    """The statement as a paper in the words of a language."""
    account = statement.account
    senders = tuple(dict.fromkeys(str(row["legal_entity"]) for row in statement.banks))
    return Paper(
        title=words("statement"),
        parts=(*statement_parts(statement, words), *payment_slips(statement, words)),
        dated=f"{words('account', number=account['number'])} · {words('as_of', date=words.long_day(statement.as_of))}",
        sender=senders or (statement.organization,),
        address=statement_address(statement, words),
        footer=f"{words('statement')} · {account['number']} · {words.day(statement.as_of)}",
        language=words.language,
    )


def statement_parts(statement: Statement, words: Words, *, level: int = 1) -> Iterator[Part]:
    """The parts of a statement, for a paper of its own or within another."""
    if not statement.totals:
        yield Prose(words("nothing"))
    for totals in statement.totals:
        yield Heading(f"{words('totals')} {totals.currency}", level)
        yield _totals(statement, totals, words)
    yield from payment_parts(statement, words, level=level)
    for totals in statement.totals:
        items = [item for item in statement.items if item.row["currency"] == totals.currency]
        if items:
            yield Heading(f"{words('open_items')} {totals.currency}", level)
            yield _items(items, totals, words)
    if statement.credits:
        yield Heading(words("credits"), level)
        yield _credits(statement, words)
    if statement.promises:
        yield Heading(words("promises"), level)
        yield Grid(
            (words("date"), words("currency"), words("amount"), words("kept")),
            tuple(
                (words.day(row["promised_date"]), row["currency"], words.amount(row["amount_minor"], row["currency"]),
                 words.amount(row["kept_minor"], row["currency"]))
                for row in statement.promises
            ),
            widths=(1, 1, 1, 1), right=(2, 3),
        )  # fmt: skip


def _totals(statement: Statement, totals: Totals, words: Words) -> Beside:
    """By age, with what is left of it; beside it what parts of the open amount are."""
    shown = [(words.bucket(label), minor) for label, minor in zip(statement.labels, totals.buckets, strict=True)]
    shown += [(words("open"), totals.open_minor), (words("unapplied"), -totals.unapplied_minor)]
    shown += [(words("credit_memo"), -totals.credits_minor), (words("balance"), totals.balance_minor)]
    parts = [(words("overdue"), totals.overdue_minor), (words("disputed"), totals.disputed_minor)]
    parts.append((words("promised"), totals.promised_minor))
    left, right = (
        tuple((name, words.amount(minor, totals.currency)) for name, minor in rows) for rows in (shown, parts)
    )
    head, opened = ("", totals.currency), len(statement.labels)
    return Beside(
        ((Grid(head, left, (2, 1), (1,), (opened, len(left) - 1)),), (Grid(head, right, (2, 1), (1,)),)), (1, 1)
    )


def _items(items: list[Item], totals: Totals, words: Words) -> Grid:
    names = ("document", "kind", "date", "due", "days_late", "amount", "open", "disputed", "promised")
    currency = totals.currency
    rows = [
        (
            _numbered(item), words(item.row["kind"]), words.day(item.row["invoice_date"]),
            words.day(item.row["due_date"]), str(item.days_late) if item.days_late else "",
            *(words.amount(minor, currency) for minor in (item.row["amount_minor"], item.row["open_minor"])),
            *(words.amount(minor, currency) if minor else "" for minor in (item.disputed_minor, item.promised_minor)),
        )
        for item in items
    ]  # fmt: skip
    sums = (totals.open_minor, totals.disputed_minor, totals.promised_minor)
    rows.append((words("total"), "", "", "", "", "", *(words.amount(minor, currency) for minor in sums)))
    widths = (1, 0, 0, 0, 0, 0, 0, 0, 0)
    return Grid(tuple(words(name) for name in names), tuple(rows), widths, (4, 5, 6, 7, 8), (len(rows) - 1,))


def _numbered(item: Item) -> str:
    order = item.row["purchase_order"]
    return document_name(item) + (f"\n{order}" if order else "")


def _credits(statement: Statement, words: Words) -> Grid:
    names = ("kind", "reference", "date", "currency", "amount", "open")
    rows = tuple(
        (
            words(row["kind"]), row["reference"], words.day(row["on_date"]), row["currency"],
            words.amount(row["amount_minor"], row["currency"]), words.amount(-row["left_minor"], row["currency"]),
        )
        for row in statement.credits
    )  # fmt: skip
    return Grid(tuple(words(name) for name in names), rows, (0, 1, 0, 0, 0, 0), (4, 5))


def statement_sheets(statement: Statement, words: Words) -> list[Sheet]:
    """Open items, credits and totals as sheets with real dates and numbers."""
    items = [
        (
            document_name(item), words(row["kind"]), row["purchase_order"], row["invoice_date"], row["due_date"],
            item.days_late, words.bucket(statement.labels[item.bucket]), row["currency"],
            *(to_decimal(minor, row["currency"]) for minor in (row["amount_minor"], row["open_minor"],
                                                               item.disputed_minor, item.promised_minor)),
        )
        for item in statement.items for row in (item.row,)
    ]  # fmt: skip
    credits: list[tuple[Cell, ...]] = [
        (words(row["kind"]), row["reference"], row["on_date"], row["currency"],
         to_decimal(row["amount_minor"], row["currency"]), to_decimal(row["left_minor"], row["currency"]))
        for row in statement.credits
    ]  # fmt: skip
    names = ("document", "kind", "purchase_order", "date", "due", "days_late", "overdue", "currency", "amount", "open")
    return [
        Sheet(words("open_items"), (*map(words, names), words("disputed"), words("promised")), items),
        Sheet(
            words("payment")[:31] if not credits else words("credits")[:31],
            tuple(words(name) for name in ("kind", "reference", "date", "currency", "amount", "open")),
            credits,
        ),
        Sheet(words("totals"), _totals_header(statement, words), [_totals_row(totals) for totals in statement.totals]),
    ]


def _totals_header(statement: Statement, words: Words) -> tuple[str, ...]:
    names = ("open", "overdue", "disputed", "promised", "credit_memo", "unapplied", "balance")
    return (words("currency"), *(words.bucket(label) for label in statement.labels), *(words(name) for name in names))


def _totals_row(totals: Totals) -> tuple[Cell, ...]:
    amounts = (
        *totals.buckets, totals.open_minor, totals.overdue_minor, totals.disputed_minor, totals.promised_minor,
        -totals.credits_minor, -totals.unapplied_minor, totals.balance_minor,
    )  # fmt: skip
    decimals: tuple[Decimal, ...] = tuple(to_decimal(minor, totals.currency) for minor in amounts)
    return (totals.currency, *decimals)


def statement_cells(statement: Statement) -> Iterator[tuple[object, ...]]:
    """Rows of CSV for programs: one for each open item, credit and unapplied payment; no words of a language."""
    for item in statement.items:
        row, currency = item.row, item.row["currency"]
        amounts = (row["amount_minor"], row["open_minor"], item.disputed_minor, item.promised_minor)
        yield (
            row["kind"], document_name(item), row["purchase_order"], row["invoice_date"], row["due_date"],
            item.days_late, statement.labels[item.bucket], currency, *(to_text(minor, currency) for minor in amounts),
        )  # fmt: skip
    for row in statement.credits:
        currency = row["currency"]
        left = (to_text(row["amount_minor"], currency), to_text(-row["left_minor"], currency))
        yield (row["kind"], row["reference"], None, row["on_date"], None, None, None, currency, *left, None, None)
