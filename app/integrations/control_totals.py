"""Control totals of an import by currency: rows and sums read, created, updated, unchanged, refused, rounded. Pure.

Credit memos count negative, so that the sums are what the file adds to the receivables.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

READ, REFUSED, ROUNDED = "read", "refused", "rounded"
OUTCOMES = ("created", "updated", "unchanged", REFUSED)
UNKNOWN = "unknown"
"""Instead of a currency: rows whose amount or currency could not be read."""
_OUTCOME_OF = {"corrected": "updated", "reissued": "updated"}


class ControlTotals:
    """Rows and minor units by currency and what became of them."""

    def __init__(self, stored: Mapping[str, Any] | None = None) -> None:
        """`stored`: what `as_json` gave before."""
        self._rows: Counter[tuple[str, str]] = Counter()
        self._minor: Counter[tuple[str, str]] = Counter()
        for currency, measures in (stored or {}).items():
            for measure, (rows, minor) in measures.items():
                self._rows[currency, measure] = int(rows)
                self._minor[currency, measure] = int(minor)

    def count(self, measure: str, currency: str | None, minor: int | None) -> None:
        """One row."""
        key = (UNKNOWN, measure) if currency is None or minor is None else (currency, measure)
        self._rows[key] += 1
        self._minor[key] += minor or 0

    def healed(self, outcome: str, currency: str | None, minor: int | None) -> None:
        """A row that was counted as refused has become this after all."""
        for measure, sign in ((REFUSED, -1), (outcome, 1)):
            key = (UNKNOWN, measure) if currency is None or minor is None else (currency, measure)
            self._rows[key] += sign
            self._minor[key] += sign * (minor or 0)

    def add(self, other: ControlTotals) -> None:
        """Take over the counts of a chunk."""
        self._rows.update(other._rows)
        self._minor.update(other._minor)

    def rows(self, measure: str) -> int:
        """Rows of that measure in all currencies."""
        return sum(rows for (_, found), rows in self._rows.items() if found == measure)

    def as_json(self) -> dict[str, dict[str, tuple[int, str]]]:
        """`{currency: {measure: [rows, minor units as text]}}`."""
        made: dict[str, dict[str, tuple[int, str]]] = {}
        for (currency, measure), rows in sorted(self._rows.items()):
            if not rows:
                continue
            made.setdefault(currency, {})[measure] = (rows, str(self._minor[currency, measure]))
        return made


def outcome_of(service_outcome: str) -> str:
    """The import's word for what a service says: corrected and reissued documents are updated ones."""
    return _OUTCOME_OF.get(service_outcome, service_outcome)
