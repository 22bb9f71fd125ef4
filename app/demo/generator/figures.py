"""Figures of the generated company: what is open by age, what kinds of payments there are. For checks and display."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date

from app.demo.generator.documents import Document
from app.demo.generator.transactions import Transaction

BUCKETS = ("current", "1-30", "31-60", "61-90", "91+")


def bucket(days_past_due: int) -> str:
    """The aging bucket: current up to 0 days past due, then 30 days each, the last one open."""
    if days_past_due <= 0:
        return "current"
    return BUCKETS[min((days_past_due + 29) // 30, 4)]


def aging(documents: Iterable[Document], as_of: date) -> dict[str, dict[str, int]]:
    """Open minor units by currency and bucket; credit memos in a column `credits` of their own."""
    result: dict[str, dict[str, int]] = {}
    for document in documents:
        if document.open == 0:
            continue
        row = result.setdefault(document.currency, dict.fromkeys((*BUCKETS, "credits"), 0))
        for part in document.parts:
            column = "credits" if document.kind == "credit_memo" else bucket((as_of - part.due).days)
            row[column] += part.open
    return result


def count_categories(transactions: Iterable[Transaction]) -> dict[str, int]:
    """Number of transactions of each category, the most frequent first."""
    counts = Counter(transaction.category.value for transaction in transactions)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
