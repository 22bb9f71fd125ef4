"""Rows of invoices, debit memos, finance charges and credit memos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from app.core.errors import DomainError, NotFound
from app.infra.database import ReadSession, WriteSession, attempt
from app.integrations import queries
from app.integrations.functional_amounts import original_of, originals_needed, read_books, stated, total_of
from app.integrations.import_fields import INVOICES, KindFields
from app.integrations.loader import (
    AccountFinder,
    AccountRef,
    LegalEntities,
    ParsedRow,
    Reading,
    account_unknown,
    into_open_period,
)
from app.integrations.row_values import Fault, currency_of, flag
from app.integrations.source_books.queries import Original, Stated, state_documents
from app.integrations.source_books.undoing import standing, undo_all_of
from app.invoices.credit_memo_upsert import upsert_credit_memos, void_deleted_credit_memo
from app.invoices.credit_memos import IssueCreditMemo
from app.invoices.errors import NumberTaken
from app.invoices.rules import KINDS, IssueInvoice
from app.invoices.upsert import upsert_invoices
from app.invoices.void import void_deleted

CREDIT_MEMO = "credit_memo"
_NOWHERE = UUID(int=0)  # the account of a command until it is looked up


@dataclass(slots=True)
class Document:
    """A row in order: its command (without its account yet), and the account as the row names it."""

    command: IssueInvoice | IssueCreditMemo
    account: AccountRef
    voided: bool = False
    stated: Stated | None = None
    original_needed: bool = False


@dataclass(slots=True)
class InvoiceLoader:
    """Issues documents, or brings those on record up to date with what their source says."""

    reading: Reading
    today: Any
    import_id: UUID = _NOWHERE
    known: KindFields = field(default=INVOICES)
    overlaps: bool = True
    healed_later: frozenset[str] = frozenset()
    entities: LegalEntities = field(default_factory=LegalEntities)
    accounts: AccountFinder = field(init=False)
    terms: dict[str, UUID] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.accounts = AccountFinder(create=self.reading.options.on_missing_account == "create")

    async def prepare(self, session: ReadSession) -> None:
        """Legal entities and payment terms by code. Raises RowRefused for an unknown one in the options."""
        self.entities.use_only = self.reading.options.on_missing_legal_entity == "use_only"
        await self.entities.prepare(session, self.reading.options.legal_entity)
        self.terms = await queries.payment_terms_ids(session)

    def key(self, row: ParsedRow) -> str | None:
        """External id within the source, else the number within legal entity and kind."""
        command = row.draft.command
        if command.external_id is not None:
            return f"x|{command.source}|{command.external_id}"
        kind = command.kind if isinstance(command, IssueInvoice) else CREDIT_MEMO
        return f"n|{command.legal_entity_id.int}|{kind}|{command.source}|{command.number}"

    def parse(self, line: int, texts: tuple[str, ...], *, suspicious: bool) -> ParsedRow:
        """One row to a command."""
        (
            kind, number, source, external_id, account_number, account_external_id, account_name, legal_entity,
            currency, amount, tax_amount, open_amount, invoice_date, accounting_date, due_date, payment_terms,
            purchase_order, delivery_reference, contract_reference, reason_code, reason, voided, functional,
            functional_tax, functional_open,
        ) = texts  # fmt: skip
        reading = self.reading
        cells, faults = reading.cells, list[Fault]()
        reading.check(texts, suspicious, faults)
        currency = currency_of(currency or reading.options.currency or "", faults)
        minor = tax = open_minor = books = None
        if functional and not faults:
            own = (amount, tax_amount, open_amount)
            books = read_books(reading, (functional, functional_tax, functional_open), own, currency, faults)
            amount = functional
            if books is not None:
                minor, tax, open_minor = books.minor, books.tax_minor, books.open_minor
        elif not faults:
            minor = cells.amount(amount, currency, "amount", faults)
            tax = cells.amount(tax_amount, currency, "tax_amount", faults) if tax_amount else None
            open_minor = cells.amount(open_amount, currency, "open_amount", faults) if open_amount else None
        kind = kind or "invoice"
        sign = -1 if kind == CREDIT_MEMO else 1
        row = ParsedRow(line, None, faults, currency if minor is not None else None, minor and sign * minor)
        total_of(row, books, sign)
        entity = self.entities.find(legal_entity, faults)
        issued = cells.day(invoice_date, "invoice_date", faults)
        booked = cells.day(accounting_date, "accounting_date", faults) if accounting_date else None
        due = cells.day(due_date, "due_date", faults) if due_date else None
        terms = self.terms.get(payment_terms) if payment_terms else None
        if not (number and amount and invoice_date and (account_number or account_external_id)):
            self._missing(texts, faults)
        if payment_terms and terms is None:
            detail = f"no payment terms have the code {payment_terms[:40]!r}"
            faults.append(Fault("payment_terms", "import.payment_terms_unknown", detail))
        if kind not in KINDS and kind != CREDIT_MEMO:
            detail = f"{kind[:40]!r} is none of {', '.join(KINDS)}, {CREDIT_MEMO}"
            faults.append(Fault("kind", "import.value_invalid", detail))
        is_void = bool(flag(voided, "voided", faults)) if voided else False
        if minor is None or entity is None or issued is None or (faults and _refused(faults)):
            return row
        source = source or reading.source
        command: IssueInvoice | IssueCreditMemo
        if kind == CREDIT_MEMO:
            command = IssueCreditMemo(
                number, entity, _NOWHERE, currency, minor, issued, source, external_id or None, booked, tax or 0,
                None, reason_code or None, reason or None, open_minor,
            )  # fmt: skip
        else:
            command = IssueInvoice(
                kind, number, entity, _NOWHERE, currency, minor, issued, source, external_id or None, booked, tax or 0,
                due, terms, (), open_minor, purchase_order or None, delivery_reference or None,
                contract_reference or None,
            )  # fmt: skip
        account = AccountRef(account_number, source, account_external_id, account_name, currency)
        row.draft = Document(command, account, is_void)
        if books is not None and external_id:
            key = account_external_id or account_number
            row.draft.stated = stated(books, source, external_id, key, sign, voided=is_void)
            row.draft.original_needed = books.original_needed
        return row

    def _missing(self, texts: tuple[str, ...], faults: list[Fault]) -> None:
        cell = dict(zip(self.known.names, texts, strict=True))
        faults += [
            Fault(group[0], "import.value_missing", f"{' or '.join(group)} is missing")
            for group in self.known.needed
            if group != ("currency",) and not any(cell[name] for name in group)
        ]

    async def load(self, session: WriteSession, rows: Sequence[ParsedRow]) -> list[str | DomainError]:
        """Upsert the documents of a chunk: invoices first, then credit memos, each set-wise."""
        documents: list[Document] = [row.draft for row in rows]
        accounts = await self.accounts.look_up(session, [document.account for document in documents])
        late = self.reading.options.late_facts == "post_in_open_period"
        first_open = await queries.first_open_days(session) if late else {}
        results: list[str | DomainError] = [""] * len(rows)
        said = [document.stated for document in documents if document.stated is not None]
        originals = await self._look_into_books(session, documents, said) if said else {}
        standing_here = await self._standing(session, [d.command for d in documents if d.voided])
        invoices: list[tuple[int, IssueInvoice]] = []
        memos: list[tuple[int, IssueCreditMemo]] = []
        for index, document in enumerate(documents):
            if document.voided:
                here = (document.command.source, self._key_of(document.command)) in standing_here
                results[index] = await self._void(session, document.command) if here else "unchanged"
                continue
            account_id = accounts.get(document.account)
            if account_id is None:
                results[index] = account_unknown(document.account)
                continue
            command = document.command
            changes: dict[str, Any] = {"account_id": account_id}
            if document.original_needed:
                found = original_of(originals, command.source, command.external_id, command.currency)
                if isinstance(found, DomainError):
                    results[index] = found
                    continue
                follow = self.reading.options.open_amounts == "follow"
                changes |= {
                    "amount_minor": found.amount_minor,
                    "tax_minor": found.tax_minor or 0,
                    "open_minor": found.open_minor if follow else None,
                }
            if first_open:
                moved = into_open_period(command.posting_date, first_open.get(command.legal_entity_id))
                if moved is not None:
                    changes["accounting_date"] = moved
            if isinstance(command, IssueInvoice):
                invoices.append((index, _changed(command, changes)))
            else:
                memos.append((index, _changed(command, changes)))
        for index, result in await self._load_invoices(session, invoices):
            results[index] = result
        for index, result in await self._load_memos(session, memos):
            results[index] = result
        return results

    async def _look_into_books(
        self, session: WriteSession, documents: Sequence[Document], said: Sequence[Stated]
    ) -> dict[tuple[str, str], Original]:
        """Keep what the source says of its books, and read amounts in other currencies where rows need them."""
        await state_documents(session, self.import_id, said)
        needed = [(d.command.source, d.command.external_id, d.original_needed) for d in documents]
        return await originals_needed(session, needed)

    def _key_of(self, command: IssueInvoice | IssueCreditMemo) -> str:
        kind = CREDIT_MEMO if isinstance(command, IssueCreditMemo) else command.kind
        return command.external_id or self._id_of(kind, command.legal_entity_id, command.number)

    async def _standing(
        self, session: WriteSession, commands: Sequence[IssueInvoice | IssueCreditMemo]
    ) -> set[tuple[str, str]]:
        """Of documents that are void at their source, those that are here and not void yet."""
        keys = [(isinstance(command, IssueCreditMemo), (command.source, self._key_of(command))) for command in commands]
        invoices = await standing(session, [key for is_memo, key in keys if not is_memo], "invoice")
        return invoices | await standing(session, [key for is_memo, key in keys if is_memo], "credit_memo")

    async def _void(self, session: WriteSession, command: IssueInvoice | IssueCreditMemo) -> str | DomainError:
        """Void what the source voided after it came here; what was void before is not loaded at all."""
        is_memo, key = isinstance(command, IssueCreditMemo), self._key_of(command)
        try:
            async with attempt(session):
                await undo_all_of(session, command.source, key, is_memo=is_memo, today=self.today)
                if is_memo:
                    await void_deleted_credit_memo(session, command.source, key, today=self.today)
                else:
                    await void_deleted(session, command.source, key, today=self.today)
        except NotFound:
            return "unchanged"
        except DomainError as refusal:
            return refusal
        return "updated"

    async def _load_invoices(
        self, session: WriteSession, invoices: Sequence[tuple[int, IssueInvoice]]
    ) -> list[tuple[int, str | DomainError]]:
        if not invoices:
            return []
        numbered = []
        for position, (_, command) in enumerate(invoices):
            if command.external_id is None:
                numbered.append(position)
                _changed(command, {"external_id": self._id_of(command.kind, command.legal_entity_id, command.number)})
        commands = [command for _, command in invoices]
        done = await upsert_invoices(session, commands, today=self.today)
        await self._qualify_numbers(session, commands, numbered, done)
        again = [position for position in numbered if isinstance(done[position], NumberTaken)]
        if again:
            await self._load_numbers_on_record(session, commands, again, done)
        results = [result if isinstance(result, DomainError) else result.outcome for result in done]
        return [(index, result) for (index, _), result in zip(invoices, results, strict=True)]

    async def _qualify_numbers(
        self, session: WriteSession, commands: list[IssueInvoice], numbered: Sequence[int], done: list[Any]
    ) -> None:
        """Sources that give one number to documents of different types: the second one is named by its whole key."""
        if self.reading.options.on_number_taken != "qualify":
            return
        taken = [i for i, result in enumerate(done) if isinstance(result, NumberTaken) and i not in numbered]
        if not taken:
            return
        for index in taken:
            _changed(commands[index], {"number": (commands[index].external_id or "")[:64]})
        results = await upsert_invoices(session, [commands[index] for index in taken], today=self.today)
        for index, result in zip(taken, results, strict=True):
            done[index] = result

    async def _load_numbers_on_record(
        self, session: WriteSession, commands: list[IssueInvoice], again: Sequence[int], done: list[Any]
    ) -> None:
        """Where the file gives no external id the number serves: the document may be on record under another one."""
        keys = [(c.legal_entity_id, c.kind, c.source, c.number) for c in (commands[i] for i in again)]
        known = await queries.external_ids_by_number(session, keys)
        found = [(index, known[key]) for index, key in zip(again, keys, strict=True) if key in known]
        for index, external_id in found:
            _changed(commands[index], {"external_id": external_id})
        results = await upsert_invoices(session, [commands[index] for index, _ in found], today=self.today)
        for (index, _), result in zip(found, results, strict=True):
            done[index] = result

    def _id_of(self, kind: str, legal_entity_id: UUID, number: str) -> str:
        """The number itself; with kind and legal entity in front where it may not be unique without them."""
        kind_part = "" if kind in ("invoice", CREDIT_MEMO) else f"{kind}:"
        entity_part = "" if len(self.entities.ids) == 1 else f"{self.entities.codes[legal_entity_id]}:"
        return f"{entity_part}{kind_part}{number}"

    async def _load_memos(
        self, session: WriteSession, memos: Sequence[tuple[int, IssueCreditMemo]]
    ) -> list[tuple[int, str | DomainError]]:
        if not memos:
            return []
        commands = [
            command
            if command.external_id is not None
            else _changed(command, {"external_id": self._id_of(CREDIT_MEMO, command.legal_entity_id, command.number)})
            for _, command in memos
        ]
        done = await upsert_credit_memos(session, commands, today=self.today)
        results = [result if isinstance(result, DomainError) else result.outcome for result in done]
        return [(index, result) for (index, _), result in zip(memos, results, strict=True)]


def _changed(command: Any, changes: dict[str, Any]) -> Any:
    """The command with other values, in place: the loader made it, nobody else has seen it, and copies cost time."""
    for name, value in changes.items():
        object.__setattr__(command, name, value)
    return command


def _refused(faults: Sequence[Fault]) -> bool:
    return any(fault.severity == "refused" for fault in faults)
