"""Rows of accounts, with the contact and the bank identifier that an extract usually carries beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from app.accounts.commands import UNSET, AccountCommand, ContactCommand
from app.accounts.errors import ParentUnknown
from app.accounts.queries import terms_ids_by_code
from app.accounts.terms import create_payment_terms
from app.accounts.terms_notation import parse_terms_text
from app.accounts.upsert import upsert_accounts
from app.core.errors import DomainError
from app.infra.database import ReadSession, WriteSession
from app.integrations import queries
from app.integrations.import_fields import ACCOUNTS, KindFields
from app.integrations.loader import AccountRef, ParsedRow, Reading, account_unknown
from app.integrations.row_values import Fault, currency_of, flag

_OPTIONAL = {
    "legal_name": "legal_name",
    "parent_number": "parent_number",
    "payment_terms": "payment_terms_code",
    "language": "language",
    "time_zone": "time_zone",
    "street": "street",
    "address_supplement": "address_supplement",
    "postal_code": "postal_code",
    "city": "city",
    "region": "region",
    "country": "country",
    "segment": "segment",
    "risk_class": "risk_class",
    "collector": "collector_email",
}
"""Fields that an empty cell clears, when the file has them at all."""
KEPT = "(kept)"
"""As name: the account is on record, and keeps its name and currency."""
_CONTACT = {"contact_name": "name", "contact_email": "email", "contact_phone": "phone"}


@dataclass(slots=True)
class AccountLoader:
    """Creates accounts, or brings them up to date by (source, external id), else by number."""

    reading: Reading
    given: frozenset[str]  # the fields that the file has a column (or the mapping a constant) for
    known: KindFields = field(default=ACCOUNTS)
    overlaps: bool = False
    healed_later: frozenset[str] = frozenset({ParentUnknown.code})

    async def prepare(self, session: ReadSession) -> None:
        """The accounts room resolves parents, terms and collectors itself."""

    def key(self, row: ParsedRow) -> str | None:
        """Accounts may stand several times, for example once for each contact."""
        return None

    def parse(self, line: int, texts: tuple[str, ...], *, suspicious: bool) -> ParsedRow:
        """One row to an `AccountCommand`."""
        cell = dict(zip(self.known.names, texts, strict=True))
        faults: list[Fault] = []
        self.reading.check(texts, suspicious, faults)
        currency = currency_of(cell["currency"] or self.reading.options.currency or "", faults)
        limit = None if faults else self.reading.cells.amount(cell["credit_limit"], currency, "credit_limit", faults)
        active = flag(cell["active"], "active", faults)
        missing = [name for name in ("number", "name") if not cell[name]]
        faults += [Fault(name, "import.value_missing", f"{name} is missing") for name in missing]
        row = ParsedRow(line, faults=faults, currency=currency if not faults else None, minor=0)
        if any(fault.severity == "refused" for fault in faults):
            return row
        given: dict[str, Any] = {target: cell[name] or None for name, target in _OPTIONAL.items() if name in self.given}
        if "credit_limit" in self.given:
            given["credit_limit_minor"] = limit
        if cell["credit_status"]:
            given["credit_status"] = cell["credit_status"]
        if active is not None:
            given["active"] = active
        row.draft = AccountCommand(
            number=cell["number"],
            name=cell["name"],
            currency=currency,
            source=(cell["source"] or self.reading.source) if cell["external_id"] else None,
            external_id=cell["external_id"] or None,
            contact=self._contact(cell),
            bank_identifier=cell["bank_identifier"] or None,
            payer_name=cell["payer_name"] or None,
            **given,
        )
        return row

    async def _create_terms(self, session: WriteSession, rows: Sequence[ParsedRow]) -> None:
        """Make terms of codes that say what they mean, such as "2/10 net 30"; a row with another code is refused."""
        codes = {row.draft.payment_terms_code for row in rows} - {None, UNSET}
        known = await terms_ids_by_code(session, codes)
        for code in sorted(codes - set(known)):
            try:
                terms = parse_terms_text(code, code)
            except DomainError:
                continue
            await create_payment_terms(session, terms)

    async def _keep_names(self, session: WriteSession, rows: Sequence[ParsedRow]) -> dict[int, AccountRef]:
        """Give rows that keep the name that of the account; those (by identity) of which there is no account."""
        kept = [row for row in rows if row.draft.name == KEPT]
        if not kept:
            return {}
        found = await queries.accounts_on_record(session, [row.draft.number for row in kept])
        unknown: dict[int, AccountRef] = {}
        for row in kept:
            account = found.get(row.draft.number)
            if account is None:
                unknown[id(row)] = AccountRef(row.draft.number, "", "", "", "")
            else:
                row.draft = replace(row.draft, name=account["name"], currency=account["currency"])
        return unknown

    def _contact(self, cell: dict[str, str]) -> ContactCommand | None:
        """The contact of the row; what the file does not say keeps its value."""
        if not any(cell[name] for name in _CONTACT):
            return None
        facts: dict[str, Any] = {target: cell[name] or UNSET for name, target in _CONTACT.items()}
        if cell["contact_role"]:
            facts["role"] = cell["contact_role"]
        return ContactCommand(**facts)

    async def load(self, session: WriteSession, rows: Sequence[ParsedRow]) -> list[str | DomainError]:
        """Create or update the accounts of a chunk."""
        if self.reading.options.on_missing_payment_terms == "create":
            await self._create_terms(session, rows)
        unknown = await self._keep_names(session, rows)
        if unknown:
            rest = [row for row in rows if id(row) not in unknown]
            done = dict(zip(map(id, rest), await self.load(session, rest), strict=True)) if rest else {}
            return [done.get(id(row)) or account_unknown(unknown[id(row)]) for row in rows]
        results = await upsert_accounts(session, [row.draft for row in rows])
        return [result if isinstance(result, DomainError) else result.outcome for result in results]
