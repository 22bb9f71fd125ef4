"""What every kind of rows has in common: texts to a draft (no database), drafts to rows of the rooms (set-wise)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Protocol
from uuid import UUID

from app.accounts.commands import AccountCommand
from app.accounts.upsert import upsert_accounts
from app.core.errors import DomainError
from app.infra.database import ReadSession, WriteSession
from app.integrations import queries
from app.integrations.import_fields import SOURCE_DEFAULT, KindFields
from app.integrations.import_mapping import ImportMapping, ImportOptions
from app.integrations.row_values import CellReader, Fault, check_lengths, check_texts

MULTILINE = frozenset({"remittance_text", "reason"})
ACCOUNTS_KEPT_MAX = 200_000


@dataclass(slots=True)
class ParsedRow:
    """A row after reading: its draft when it is in order, what was wrong, and what it adds to the control totals."""

    line: int
    draft: Any = None
    faults: list[Fault] = field(default_factory=list)
    currency: str | None = None
    minor: int | None = None
    changed_at: datetime | None = None  # at its source

    @property
    def refused(self) -> bool:
        """A fault that is more than a note."""
        return self.draft is None


class Loader(Protocol):
    """Rows of one kind. `parse` runs in a thread of its own and touches no database."""

    known: KindFields
    overlaps: bool
    """Whether a chunk may be written while the one before it is not committed yet."""
    healed_later: frozenset[str]
    """Codes of refusals that a later row of the file may heal: such rows are tried again at the end."""

    async def prepare(self, session: ReadSession) -> None:
        """Read what rows refer to by code."""

    def parse(self, line: int, texts: tuple[str, ...], *, suspicious: bool) -> ParsedRow:
        """One row to a draft."""

    def key(self, row: ParsedRow) -> str | None:
        """What must not stand twice in one file, or None."""

    async def load(self, session: WriteSession, rows: Sequence[ParsedRow]) -> list[str | DomainError]:
        """Write the drafts; what became of each, in order."""


class RowRefused(DomainError):
    """A row refers to something that is not there."""

    code = "import.reference_unknown"


@dataclass(slots=True)
class Reading:
    """How to read the cells of one kind, and the defaults of the options."""

    known: KindFields
    mapping: ImportMapping
    options: ImportOptions
    cells: CellReader = field(init=False)
    lengths: tuple[int, ...] = field(init=False)
    shortest: int = field(init=False)

    def __post_init__(self) -> None:
        self.cells = CellReader(self.mapping.format, self.options)
        self.lengths = tuple(self.known.lengths.get(name, 10**9) for name in self.known.names)
        self.shortest = min(self.lengths)

    @property
    def source(self) -> str:
        """Where a row comes from when it does not say so."""
        return self.options.source or SOURCE_DEFAULT

    def check(self, texts: tuple[str, ...], suspicious: bool, faults: list[Fault]) -> None:
        """Faults of texts: too long, or with characters that cannot stand there."""
        if max(map(len, texts)) > self.shortest:
            check_lengths(self.known.names, texts, self.lengths, faults)
        if suspicious:
            check_texts(self.known.names, texts, MULTILINE, faults)


@dataclass(slots=True)
class LegalEntities:
    """Legal entities by code, and the one that is meant when a row names none."""

    ids: dict[str, UUID] = field(default_factory=dict)
    codes: dict[UUID, str] = field(default_factory=dict)
    default: UUID | None = None
    use_only: bool = False

    async def prepare(self, session: ReadSession, code: str | None) -> None:
        """Raises RowRefused when the code of the options is unknown."""
        self.ids = await queries.legal_entity_ids(session)
        self.codes = {id_: found for found, id_ in self.ids.items()}
        if code is not None:
            self.default = self.ids.get(code)
            if self.default is None:
                raise RowRefused(f"no legal entity has the code {code!r}", pointer="/options/legal_entity")
        elif len(self.ids) == 1:
            self.default = next(iter(self.ids.values()))

    def find(self, code: str, faults: list[Fault]) -> UUID | None:
        """The legal entity of that code, or the default for none."""
        found = self.ids.get(code) if code else self.default
        if found is None and code and self.use_only and len(self.ids) == 1:
            found = self.default
        if found is None:
            detail = f"no legal entity has the code {code[:40]!r}" if code else "several legal entities: name one"
            faults.append(Fault("legal_entity", "import.legal_entity_unknown", detail))
        return found


@dataclass(frozen=True, slots=True)
class AccountRef:
    """How a row names its account; all empty for none."""

    number: str
    source: str
    external_id: str
    name: str
    currency: str

    @property
    def key(self) -> tuple[str, str]:
        """The external id within its source counts more than the number."""
        return (self.source, self.external_id) if self.external_id else ("", self.number)


@dataclass(frozen=True, slots=True)
class FoundAccounts:
    """Accounts of a chunk: those on record, and those that its own transaction has just made."""

    known: Mapping[tuple[str, str], UUID]
    made: Mapping[tuple[str, str], UUID]

    def get(self, ref: AccountRef) -> UUID | None:
        """The account, or None when it does not exist."""
        key = ref.key
        return self.known.get(key) or self.made.get(key)


@dataclass(slots=True)
class AccountFinder:
    """Accounts by number or external id, looked up once; made on request when they are missing."""

    create: bool
    _known: dict[tuple[str, str], UUID] = field(default_factory=dict)

    async def look_up(self, session: WriteSession, wanted: Iterable[AccountRef]) -> FoundAccounts:
        """Find (or make) the accounts of a chunk."""
        missing = {ref.key: ref for ref in wanted if ref.key not in self._known}
        if len(self._known) + len(missing) > ACCOUNTS_KEPT_MAX:
            self._known = {}
            missing = {ref.key: ref for ref in wanted}
        if missing:
            await self._find(session, missing)
        absent = [ref for key, ref in missing.items() if key not in self._known]
        made = await self._create(session, absent) if absent and self.create else {}
        return FoundAccounts(self._known, made)

    async def _find(self, session: ReadSession, missing: Mapping[tuple[str, str], AccountRef]) -> None:
        numbers = [key[1] for key, ref in missing.items() if not ref.external_id]
        references = [key for key, ref in missing.items() if ref.external_id]
        if numbers:
            self._known.update({("", n): id_ for n, id_ in (await queries.account_ids(session, numbers)).items()})
        if references:
            self._known.update(await queries.account_ids_by_reference(session, references))

    async def _create(self, session: WriteSession, absent: Sequence[AccountRef]) -> dict[tuple[str, str], UUID]:
        commands = [
            AccountCommand(
                number=ref.number or ref.external_id,
                name=ref.name or ref.number or ref.external_id,
                currency=ref.currency,
                source=ref.source if ref.external_id else None,
                external_id=ref.external_id or None,
            )
            for ref in absent
        ]
        results = zip(absent, await upsert_accounts(session, commands), strict=True)
        return {ref.key: result.id for ref, result in results if not isinstance(result, DomainError)}


def account_unknown(ref: AccountRef) -> RowRefused:
    """The refusal of a row whose account does not exist."""
    name = "account_external_id" if ref.external_id else "account_number"
    return RowRefused(f"no account {ref.external_id or ref.number!r}", pointer=f"/{name}")


def into_open_period(on: date, first_open: date | None) -> date | None:
    """The accounting date of a late fact: None (its own date) when that is open, else the first open day."""
    return first_open if first_open is not None and on < first_open else None
