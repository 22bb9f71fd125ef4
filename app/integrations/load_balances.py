"""Rows of balances: what the system that keeps the books says each customer owes, compared with what is here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from app.core.errors import DomainError
from app.core.money import to_text
from app.infra.database import ReadSession, WriteSession
from app.integrations.application_queries import account_balances
from app.integrations.import_fields import BALANCES, KindFields
from app.integrations.loader import AccountFinder, AccountRef, ParsedRow, Reading, account_unknown
from app.integrations.row_values import Fault, currency_of


class BalanceDiffers(DomainError):
    """The account owes another amount here than the row says."""

    code = "import.balance_differs"


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
        ids = {account_id for found in wanted if (account_id := accounts.get(found.account)) is not None}
        present = await account_balances(session, ids)
        results: list[str | DomainError] = []
        for found in wanted:
            account_id = accounts.get(found.account)
            if account_id is None:
                results.append(account_unknown(found.account) if found.balance_minor else "unchanged")
                continue
            here = present.get((account_id, found.currency), 0)
            if here == found.balance_minor:
                results.append("unchanged")
                continue
            said, owed = to_text(found.balance_minor, found.currency), to_text(here, found.currency)
            difference = to_text(here - found.balance_minor, found.currency)
            detail = f"the source says {said} {found.currency}, here it is {owed}; the difference is {difference}"
            results.append(BalanceDiffers(detail, pointer="/balance"))
        return results
