"""The front of an evidence file: the claim, the statement, what was done, said, promised, disputed and paid. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

from app.desk.papers.bundle import Placed
from app.desk.papers.evidence import LETTERS_MAX, TIMELINE_MAX, EvidenceFacts
from app.infra.rendering.papers import Contents, Grid, Heading, PageBreak, Paper, Part, Prose
from app.statements.layout import statement_parts
from app.statements.texts import Words

_SHOWN = ("status", "state", "to_state", "promised_date", "due_date", "channel", "outcome_code", "number")


def evidence_paper(
    facts: EvidenceFacts,
    words: Words,
    placed: Sequence[Placed],
    left_out: Sequence[tuple[str, str]],
    total: int,
    as_of: date,
) -> Paper:
    """The paper in front of the stored documents, with an index over both."""
    case, account = facts.case.case, facts.statement.account
    more = tuple((place.title, str(place.first_page)) for place in placed)
    parts: list[Part] = [Contents(words("index"), more), *_claim(facts, words), PageBreak()]
    parts += [Heading(words("statement")), *statement_parts(facts.statement, words, level=2)]
    parts += [*_told(facts, words), *_attachments(facts, words, placed, left_out)]
    return Paper(
        title=f"{words('evidence')} {case.number}",
        parts=tuple(parts),
        dated=words("as_of", date=words.long_day(as_of)),
        sender=(facts.statement.organization,),
        address=(account["legal_name"] or account["name"], words("account", number=account["number"])),
        footer=f"{words('evidence')} {case.number} · {account['number']}",
        language=words.language,
        total=total,
    )


def _claim(facts: EvidenceFacts, words: Words) -> Iterator[Part]:
    case = facts.case.case
    yield Heading(words("claim"))
    rows: list[tuple[str, ...]] = [
        (item["number"], words.day(item["due_date"]), words.amount(item["amount_minor"], case.currency),
         words.amount(item["collected_minor"], case.currency), words.amount(item["open_minor"], case.currency))
        for item in facts.case.items
    ]  # fmt: skip
    sums = (sum(item[name] for item in facts.case.items) for name in ("amount_minor", "collected_minor", "open_minor"))
    rows.append((words("total"), case.currency, *(words.amount(minor, case.currency) for minor in sums)))
    names = ("document", "due", "claimed", "collected", "open")
    yield Grid(tuple(words(name) for name in names), tuple(rows), (1, 0, 0, 0, 0), (2, 3, 4), (len(rows) - 1,))


def _told(facts: EvidenceFacts, words: Words) -> Iterator[Part]:
    """What happened, by kind; a kind of which there is nothing has no title."""
    case, currency = facts.case, facts.case.case.currency

    def table(title: str, names: tuple[str, ...], rows: list[tuple[str, ...]], widths: tuple[int, ...],
              right: tuple[int, ...] = ()) -> Iterator[Part]:  # fmt: skip
        if rows:
            yield Heading(words(title))
            yield Grid(tuple(words(name) for name in names), tuple(rows), widths, right)

    yield from table("actions", ("date", "kind", "subject", "outcome", "by"), [
        (words.day(row["done_on"]), row["type"], row["subject"],
         "\n".join(filter(None, (row["outcome_code"], row["outcome_note"]))), row["done_by"] or "")
        for row in case.actions
    ], (0, 0, 2, 3, 0))  # fmt: skip
    yield from table("made_promises", ("date", "promised", "amount", "kept", "status"), [
        (words.day(row["made_on"]), words.day(row["promised_date"]), words.amount(row["amount_minor"], row["currency"]),
         words.amount(row["kept_minor"], row["currency"]), row["status"])
        for row in case.promises
    ], (1, 1, 1, 1, 1), (2, 3))  # fmt: skip
    yield from table("disputes", ("document", "date", "amount", "status", "text"), [
        (row["number"], words.day(row["opened_on"]), words.amount(row["amount_minor"], row["currency"]), row["state"],
         row["description"] or "")
        for row in case.disputes
    ], (0, 0, 0, 0, 1), (2,))  # fmt: skip
    numbers = {item["instalment_id"]: item["number"] for item in case.items}
    yield from table("payments", ("document", "date", "amount"), [
        (numbers.get(row["instalment_id"], ""), words.day(row["value_date"]),
         words.amount(row["amount_minor"], row["currency"]))
        for row in case.payments
    ], (1, 1, 1), (2,))  # fmt: skip
    yield from table("costs", ("date", "kind", "text", "amount"), [
        (words.day(row.on_date), row.kind, row.description, words.amount(row.amount_minor, currency))
        for row in case.entries
    ], (0, 0, 1, 0), (3,))  # fmt: skip
    yield from _letters(facts.letters, words)
    yield from table("timeline", ("date", "event", "text", "by"), [
        (words.day(row["effective_date"] or row["recorded_at"].date()), row["event"], _facts(row), row["actor_name"])
        for row in facts.timeline
    ], (0, 0, 1, 0))  # fmt: skip
    if len(facts.timeline) == TIMELINE_MAX:
        yield Prose(words("shortened", count=TIMELINE_MAX))


def _letters(letters: Sequence[Any], words: Words) -> Iterator[Part]:
    if not letters:
        return
    yield Heading(words("letters"))
    rows = tuple(
        (words.day(row["at"].date()), f"{row['sender'] or row['author']}\n{row['recipient'] or ''}",
         f"{row['subject']}\n\n{row['body']}")
        for row in letters
    )  # fmt: skip
    yield Grid((words("date"), words("direction"), words("text")), rows, (0, 1, 3))
    if len(letters) == LETTERS_MAX:
        yield Prose(words("shortened", count=LETTERS_MAX))


def _facts(row: Any) -> str:
    after = row["after"] if isinstance(row["after"], dict) else {}
    shown = [f"{name}: {after[name]}" for name in _SHOWN if after.get(name) is not None]
    return "\n".join(filter(None, ("; ".join(shown), row["reason"])))


def _attachments(
    facts: EvidenceFacts, words: Words, placed: Sequence[Placed], left_out: Sequence[tuple[str, str]]
) -> Iterator[Part]:
    if not placed and not left_out:
        return
    yield Heading(words("attachments"))
    if placed:
        rows = tuple((place.title, f"{place.first_page}–{place.first_page + place.pages - 1}") for place in placed)
        yield Grid((words("file"), words("pages")), rows, (1, 0), (1,))
    if left_out:
        yield Heading(words("not_attached"), 2)
        yield Grid((words("file"), words("status")), tuple(left_out), (1, 0))
