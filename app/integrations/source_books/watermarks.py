"""How far a table of a source was read. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

_BEGINNING = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True)
class Watermark:
    """Rows that were changed before `known` are on record here. A row that is refused must be read again."""

    known: datetime | None = None
    skipped: int = 0
    _latest: datetime | None = None
    _oldest_refused: datetime | None = None

    def is_known(self, changed_at: datetime | None) -> bool:
        """Whether the row is on record already; notes how far the file goes. The last instant is read again."""
        if changed_at is None:
            return False
        if self._latest is None or changed_at > self._latest:
            self._latest = changed_at
        if self.known is not None and changed_at < self.known:
            self.skipped += 1
            return True
        return False

    def refused(self, changed_at: datetime | None) -> None:
        """A row was refused; with None it is not known when it was changed, and the watermark stays where it is."""
        at = changed_at or _BEGINNING
        if self._oldest_refused is None or at < self._oldest_refused:
            self._oldest_refused = at

    @property
    def held(self) -> bool:
        """Whether a refused row keeps the watermark from going as far as the file."""
        return self._oldest_refused is not None

    @property
    def reached(self) -> datetime | None:
        """How far the table is read now; None when the rows do not say."""
        if self._latest is None or self._oldest_refused is None:
            return self._latest
        return None if self._oldest_refused == _BEGINNING else min(self._latest, self._oldest_refused)
