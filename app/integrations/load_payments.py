"""Rows of payments: receipts on record elsewhere, with or without their account, and what they settle if it is said."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, get_args
from uuid import UUID

from app.core.errors import DomainError
from app.core.reference_keys import reference_key
from app.infra.database import ReadSession, WriteSession, attempt
from app.integrations import queries
from app.integrations.functional_amounts import original_of, originals_needed, read_books, stated, total_of
from app.integrations.import_fields import PAYMENTS, KindFields
from app.integrations.loader import (
    AccountFinder,
    AccountRef,
    FoundAccounts,
    LegalEntities,
    ParsedRow,
    Reading,
    RowRefused,
    account_unknown,
)
from app.integrations.outbound.known import exported_payments
from app.integrations.row_values import Fault, currency_of
from app.integrations.seen_keys import SeenKeys
from app.integrations.source_books.queries import Stated, state_documents
from app.integrations.source_books.undoing import reverse_voided
from app.organizations.rules import normalize_identifier
from app.payments.apply import apply_many
from app.payments.record import Method, RecordPayment, record_payments
from app.payments.types import LINES_LIMIT, Apply, ApplyLine, Source

BOUNCED = "bounced"
_NOWHERE = UUID(int=0)
METHODS: tuple[str, ...] = get_args(Method)
_SEPARATORS = re.compile(r"[;,|\s]+")


@dataclass(slots=True)
class Receipt:
    """A row in order: its command without its account yet, the account as named, the documents that it settles."""

    command: RecordPayment
    account: AccountRef | None
    settles: tuple[str, ...]
    booked: date
    voided: str = ""
    stated: Stated | None = None
    original_needed: bool = False


@dataclass(slots=True)
class PaymentLoader:
    """Records receipts once: by external id, by bank reference, or by what the row says and how often it says it."""

    reading: Reading
    today: date = date.min
    import_id: UUID = _NOWHERE
    known: KindFields = field(default=PAYMENTS)
    overlaps: bool = False
    healed_later: frozenset[str] = frozenset()
    entities: LegalEntities = field(default_factory=LegalEntities)
    accounts: AccountFinder = field(init=False)
    banks: dict[tuple[str, str], UUID] = field(default_factory=dict)
    _alike: SeenKeys = field(default_factory=SeenKeys)

    def __post_init__(self) -> None:
        self.accounts = AccountFinder(create=self.reading.options.on_missing_account == "create")

    async def prepare(self, session: ReadSession) -> None:
        """Legal entities by code, own bank accounts by identifier. Raises RowRefused."""
        self.entities.use_only = self.reading.options.on_missing_legal_entity == "use_only"
        await self.entities.prepare(session, self.reading.options.legal_entity)
        self.banks = await queries.bank_account_ids(session)

    def key(self, row: ParsedRow) -> str | None:
        """The external id within the source."""
        command = row.draft.command
        return f"{command.source}|{command.external_id}"

    def parse(self, line: int, texts: tuple[str, ...], *, suspicious: bool) -> ParsedRow:
        """One row to a command."""
        cell = dict(zip(self.known.names, texts, strict=True))
        reading = self.reading
        cells, faults = reading.cells, list[Fault]()
        reading.check(texts, suspicious, faults)
        currency = currency_of(cell["currency"] or reading.options.currency or "", faults)
        minor, books = None, None
        if cell["functional_amount"] and not faults:
            functional = (cell["functional_amount"], "", cell["functional_open_amount"])
            books = read_books(reading, functional, (cell["amount"], "", ""), currency, faults)
            minor, cell["amount"] = books.minor if books is not None else None, cell["functional_amount"]
        elif not faults:
            minor = cells.amount(cell["amount"], currency, "amount", faults)
        row = ParsedRow(line, None, faults, currency if minor is not None else None, minor)
        total_of(row, books)
        value_date = cells.day(cell["payment_date"], "payment_date", faults)
        booked = cells.day(cell["accounting_date"], "accounting_date", faults)
        for name in ("payment_date", "amount"):
            if not cell[name]:
                faults.append(Fault(name, "import.value_missing", f"{name} is missing"))
        method = cell["method"] or "bank_transfer"
        if method not in METHODS:
            faults.append(Fault("method", "import.value_invalid", f"{method[:40]!r} is none of {', '.join(METHODS)}"))
        bank = self._bank_account(cell["bank_account"], currency, faults)
        entity = self.entities.find(cell["legal_entity"], faults) if bank is None or cell["legal_entity"] else None
        settles = tuple(text for text in _SEPARATORS.split(cell["settles"]) if text)
        if len(settles) > LINES_LIMIT:
            faults.append(Fault("settles", "import.value_invalid", f"more than {LINES_LIMIT} documents"))
        if minor is None or value_date is None or any(fault.severity == "refused" for fault in faults):
            return row
        source = cell["source"] or reading.source
        command = RecordPayment(
            amount_minor=minor,
            currency=currency,
            value_date=value_date,
            legal_entity_id=entity,
            bank_account_id=bank,
            accounting_date=booked,
            method=method,  # type: ignore[arg-type]  # checked above
            payer_name=cell["payer_name"] or None,
            payer_bank_identifier=cell["payer_bank_identifier"] or None,
            remittance_text=cell["remittance_text"] or None,
            bank_reference=cell["bank_reference"] or None,
            end_to_end_id=cell["end_to_end_id"] or None,
            source=source,
            external_id=cell["external_id"] or cell["bank_reference"] or self._content_id(texts),
            into_open_period=reading.options.late_facts == "post_in_open_period",
            match=reading.options.matching == "run",
        )
        account = None
        if cell["account_number"] or cell["account_external_id"]:
            account = AccountRef(
                cell["account_number"], source, cell["account_external_id"], cell["account_name"], currency
            )
        row.draft = Receipt(command, account, settles, booked or value_date, cell["voided"])
        if books is not None and cell["external_id"]:
            key = cell["account_external_id"] or cell["account_number"]
            is_void = _is_void(cell["voided"])
            row.draft.stated = stated(books, source, cell["external_id"], key, -1, voided=is_void)
            row.draft.original_needed = books.original_needed
        return row

    def _bank_account(self, text: str, currency: str, faults: list[Fault]) -> UUID | None:
        if not text:
            return None
        found = self.banks.get((normalize_identifier(text), currency))
        if found is None:
            detail = f"no own bank account {text[:40]!r} in {currency[:3]}"
            faults.append(Fault("bank_account", "import.bank_account_unknown", detail))
        return found

    def _content_id(self, texts: tuple[str, ...]) -> str:
        """What the row says, and the how manieth row of the file says so: two equal rows are two receipts."""
        digest = hashlib.sha256("\x1f".join(texts).encode("utf-8", "replace")).hexdigest()[:32]
        for number in range(1, 1_000_000):
            found = f"row:{digest}:{number}"
            if self._alike.add(found):
                return found
        return f"row:{digest}"

    async def load(self, session: WriteSession, rows: Sequence[ParsedRow]) -> list[str | DomainError]:
        """Record the receipts of a chunk that are new, and apply those that say what they settle."""
        receipts: list[Receipt] = [row.draft for row in rows]
        named = [receipt.account for receipt in receipts if receipt.account is not None]
        accounts = await self.accounts.look_up(session, named)
        references = [(r.command.source, r.command.external_id or "") for r in receipts]
        known = await queries.payments_by_reference(session, references)
        known |= await exported_payments(session, [key for key in references if key not in known])
        said = [receipt.stated for receipt in receipts if receipt.stated is not None]
        if said:
            await state_documents(session, self.import_id, said)
        originals = await originals_needed(
            session, [(r.command.source, r.command.external_id, r.original_needed) for r in receipts]
        )
        documents = await self._documents(session, receipts)
        results: list[str | DomainError] = ["created"] * len(rows)
        fresh: list[tuple[int, RecordPayment]] = []
        for index, receipt in enumerate(receipts):
            account_id = accounts.get(receipt.account) if receipt.account is not None else None
            if receipt.account is not None and account_id is None:
                results[index] = account_unknown(receipt.account)
                continue
            command = replace(receipt.command, account_id=account_id)
            if receipt.original_needed:
                original = original_of(originals, command.source, command.external_id, command.currency)
                if isinstance(original, DomainError):
                    results[index] = original
                    continue
                command = replace(command, amount_minor=original.amount_minor)
            found = known.get(references[index])
            if _is_void(receipt.voided):
                results[index] = await self._void(session, receipt, found)
            elif found is not None:
                results[index] = _compare(command, found)
            elif missing := [text for text in receipt.settles if reference_key(text) not in documents]:
                results[index] = RowRefused(f"nothing is open under {missing[0][:64]!r}", pointer="/settles")
            else:
                fresh.append((index, command))
        recorded = await record_payments(session, [command for _, command in fresh]) if fresh else []
        made: list[tuple[int, Any]] = []
        for (index, _), result in zip(fresh, recorded, strict=True):
            if isinstance(result, DomainError):
                results[index] = result
            else:
                made.append((index, result))
        await self._apply(session, receipts, made, documents, accounts)
        return results

    async def _void(self, session: WriteSession, receipt: Receipt, found: Any | None) -> str | DomainError:
        """Reverse what the source voided after it came here; what was void before is not recorded at all."""
        if found is None:
            return "unchanged"
        try:
            async with attempt(session):
                bounced = receipt.voided == BOUNCED
                done = await reverse_voided(session, found["id"], today=self.today, bounced=bounced)
        except DomainError as refusal:
            return refusal
        return "updated" if done else "unchanged"

    async def _documents(self, session: WriteSession, receipts: Sequence[Receipt]) -> dict[str, list[Any]]:
        keys = {reference_key(text) for receipt in receipts for text in receipt.settles}
        return await queries.open_instalments_by_number(session, keys - {""}) if keys else {}

    async def _apply(
        self,
        session: WriteSession,
        receipts: Sequence[Receipt],
        made: Sequence[tuple[int, Any]],
        documents: Any,
        accounts: FoundAccounts,
    ) -> None:
        """Apply to the documents in the order in which the row names them, oldest instalment first.

        A receipt that cannot be applied as it says stays unapplied, for the matching or a person.
        """
        if not documents:
            return
        first_open = await queries.first_open_days(session)
        commands: list[Apply] = []
        taken: dict[UUID, int] = {}
        for index, payment_id in made:
            receipt = receipts[index]
            left, on = receipt.command.amount_minor, receipt.booked
            lines: list[ApplyLine] = []
            for part in _parts(receipt, documents, accounts):
                take = min(left, part["open_minor"] - taken.get(part["id"], 0))
                if take > 0:
                    taken[part["id"]] = taken.get(part["id"], 0) + take
                    left -= take
                    lines.append(ApplyLine(part["id"], take))
                    on = max(on, part["accounting_date"], first_open.get(part["legal_entity_id"], on))
            if lines:
                commands.append(Apply(Source("payment", payment_id), tuple(lines), on, origin="import", identify=True))
        if commands:
            await apply_many(session, commands)


def _is_void(text: str) -> bool:
    return text == BOUNCED or text.lower() in ("1", "true", "yes", "y")


def _parts(receipt: Receipt, documents: dict[str, list[Any]], accounts: FoundAccounts) -> list[Any]:
    """Open instalments of the named documents: the account's own where numbers are not unique."""
    account_id = accounts.get(receipt.account) if receipt.account is not None else None
    found: list[Any] = []
    for text in dict.fromkeys(receipt.settles):
        parts = [part for part in documents[reference_key(text)] if part["currency"] == receipt.command.currency]
        own = [part for part in parts if part["account_id"] == account_id]
        found += own or parts
    return found


def _compare(command: RecordPayment, found: Any) -> str | DomainError:
    """A receipt on record is never changed by an import: it is reversed and recorded anew."""
    same = (command.amount_minor, command.currency, command.value_date) == (
        found["amount_minor"],
        found["currency"],
        found["value_date"],
    )
    if same and command.account_id in (None, found["original_account_id"]):
        return "unchanged"
    return RowRefused(
        f"payment {found['id']} has this reference with another amount, currency, date or account; reverse it first",
        pointer="/external_id",
    )
