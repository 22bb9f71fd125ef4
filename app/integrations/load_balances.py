"""Rows of balances: what the system that keeps the books says each customer owes, compared with what is here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from app.core.errors import DomainError
from app.core.money import to_text
from app.infra.database import ReadSession, WriteSession
from app.integrations.import_fields import BALANCES, KindFields
from app.integrations.loader import AccountFinder, AccountRef, FoundAccounts, ParsedRow, Reading, account_unknown
from app.integrations.row_values import Fault, currency_of
from app.integrations.source_books.reconciling import Line, documents_of, keep_lines, owed_here


class BalanceDiffers(DomainError):
    """The account owes another amount here than the row says."""

    code = "import.balance_differs"


class DocumentsDiffer(DomainError):
    """The documents that the source states do not add up to the balance that it states."""

    code = "import.documents_differ"


@dataclass(frozen=True, slots=True)
class Balance:
    """A row in order."""

    account: AccountRef
    balance_minor: int
    currency: str


@dataclass(slots=True)
class BalanceLoader:
    """Changes nothing: a row that agrees is `unchanged`, one that does not is refused with both amounts."""

    reading: Reading
    import_id: UUID | None = None
    known: KindFields = field(default=BALANCES)
    overlaps: bool = False
    healed_later: frozenset[str] = frozenset()
    accounts: AccountFinder = field(default_factory=lambda: AccountFinder(create=False))

    async def prepare(self, session: ReadSession) -> None:
        """Nothing is read beforehand."""

    def key(self, row: ParsedRow) -> str | None:
        """One balance for an account and currency."""
        found: Balance = row.draft
        return f"{found.account.key}|{found.currency}"

    def parse(self, line: int, texts: tuple[str, ...], *, suspicious: bool) -> ParsedRow:
        """One row to a Balance."""
        cell = dict(zip(self.known.names, texts, strict=True))
        faults: list[Fault] = []
        reading = self.reading
        reading.check(texts, suspicious, faults)
        currency = currency_of(cell["currency"] or reading.options.currency or "", faults)
        minor = None if faults else reading.cells.amount(cell["balance"], currency, "balance", faults)
        if not (cell["account_number"] or cell["account_external_id"]):
            faults.append(Fault("account_number", "import.value_missing", "account_number is missing"))
        if minor is None and not faults:
            faults.append(Fault("balance", "import.value_missing", "balance is missing"))
        row = ParsedRow(line, None, faults, currency if not faults else None, minor)
        if minor is None or faults:
            return row
        source = cell["source"] or reading.source
        account = AccountRef(cell["account_number"], source, cell["account_external_id"], "", currency)
        row.draft = Balance(account, minor, currency)
        return row

    async def load(self, session: WriteSession, rows: Sequence[ParsedRow]) -> list[str | DomainError]:
        """Compare the balances of a chunk."""
        wanted: list[Balance] = [row.draft for row in rows]
        accounts = await self.accounts.look_up(session, [found.account for found in wanted])
        lines = await self._lines(session, wanted, accounts)
        if self.import_id is not None:
            await keep_lines(session, self.import_id, list({(x.account_key, x.currency): x for x in lines}.values()))
        results: list[str | DomainError] = []
        for found, line in zip(wanted, lines, strict=True):
            if line.verdict == "agrees":
                results.append("unchanged")
            elif line.verdict == "unknown_account":
                results.append(account_unknown(found.account))
            else:
                results.append(_difference(line))
        return results

    async def _lines(self, session: ReadSession, wanted: Sequence[Balance], accounts: FoundAccounts) -> list[Line]:
        ids = {account_id for found in wanted if (account_id := accounts.get(found.account)) is not None}
        here: dict[tuple[UUID, str], int] = {}
        documents: dict[tuple[str, str, str], int] = {}
        for currency in {found.currency for found in wanted}:
            here |= {(id_, currency): minor for id_, minor in (await owed_here(session, ids, currency)).items()}
            for source in {found.account.source for found in wanted}:
                keys = {key_of(found.account) for found in wanted if found.account.source == source}
                stated = await documents_of(session, source, keys, currency)
                documents |= {(source, key, currency): minor for key, minor in stated.items()}
        lines = []
        for found in wanted:
            account_id, key = accounts.get(found.account), key_of(found.account)
            owed = here.get((account_id, found.currency), 0) if account_id is not None else 0
            said = documents.get((found.account.source, key, found.currency))
            lines.append(Line(account_id, key, found.currency, found.balance_minor, said, owed))
        return lines


def key_of(account: AccountRef) -> str:
    """The account as its source names it."""
    return account.external_id or account.number


def _difference(line: Line) -> DomainError:
    """The refusal of a row that says another amount: the one here, or the sum of the source's own documents."""
    stated = line.stated_minor or 0
    said = to_text(stated, line.currency)
    if line.verdict == "source_differs":
        total = to_text(line.documents_minor or 0, line.currency)
        detail = f"the source says {said} {line.currency}, but its open documents add up to {total}"
        return DocumentsDiffer(detail, pointer="/balance")
    owed, difference = to_text(line.here_minor, line.currency), to_text(line.here_minor - stated, line.currency)
    detail = f"the source says {said} {line.currency}, here it is {owed}; the difference is {difference}"
    return BalanceDiffers(detail, pointer="/balance")
