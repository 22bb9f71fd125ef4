"""Rows of a CSV statement to entries: amount, direction, days, references. Nothing of a row is lost. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TypeVar

from app.core.money import CURRENCIES
from app.integrations.bank_csv.cells import AmountReader, DateReader, plain_text, split_suffix
from app.integrations.bank_csv.errors import CsvRefused
from app.integrations.bank_csv.profile import INDICATOR, SUFFIX, TWO_COLUMNS, Profile
from app.integrations.bank_csv.table import Table, folded
from app.integrations.bank_formats.fields import FieldRefused, given, read_account
from app.integrations.bank_formats.line_text import squeeze_spaces
from app.integrations.bank_formats.records import (
    CreditorReference,
    Entry,
    EntryStatus,
    Party,
    References,
    StructuredRemittance,
    Transaction,
)

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class RowRead:
    """A row: its line, whose account it is of, and what it moved there. `balance_minor`: behind it, where stated."""

    line: int
    account: str | None
    currency: str
    signed_minor: int
    fee_minor: int
    balance_minor: int | None
    booking_date: date | None
    value_date: date | None
    status: EntryStatus
    is_reversal: bool
    texts: Mapping[str, tuple[str, ...]]
    more: tuple[str, ...]

    @property
    def moved_minor(self) -> int:
        """What the balance changes by; nothing while the row is not booked."""
        return self.signed_minor + self.fee_minor if self.status is EntryStatus.BOOKED else 0


@dataclass(slots=True)
class RowReader:
    """Reads the rows of one file. `currency_of` gives the currency of an account where neither row nor profile does."""

    profile: Profile
    table: Table
    currency_of: Callable[[str | None], str | None]
    account: str | None
    _amounts: AmountReader = field(init=False)
    _dates: DateReader = field(init=False)
    _choices: tuple[tuple[str, int, frozenset[str]], ...] = field(init=False)
    _rest: tuple[int, ...] = field(init=False)

    def __post_init__(self) -> None:
        self._amounts = AmountReader(self.table.form)
        self._dates = DateReader(self.table.form.date_formats)
        self._choices = tuple(
            (what, self._place(header), frozenset(text.casefold() for text in texts))
            for what, tables in (
                ("skip", self.profile.skip), ("pending", self.profile.pending), ("reversal", self.profile.reversals),
            )
            for header, texts in tables.items()
        )  # fmt: skip
        used = {place for places in self.table.places.values() for place in places}
        self._rest = tuple(place for place in range(len(self.table.header)) if place not in used)

    def read(self, line: int, cells: list[str]) -> RowRead | None:
        """The row; None for one that the profile leaves out. Raises CsvRefused, naming line and column."""
        marks = {what for what, place, texts in self._choices if cells[place].strip().casefold() in texts}
        if "skip" in marks:
            return None
        texts = {
            name: tuple(filter(None, (self._text(line, place, cells) for place in places)))
            for name, places in self.table.places.items()
        }
        account = next(iter(texts.get("account", ())), None) if self.account is None else self.account
        booked, valued = self._day(line, "booking_date", cells), self._day(line, "value_date", cells)
        currency = self._currency(line, texts, account)
        return RowRead(
            line=line,
            account=account,
            currency=currency,
            signed_minor=self._signed(line, cells, currency),
            fee_minor=self._fee(line, cells, currency),
            balance_minor=self._amount(line, "balance", cells, currency),
            booking_date=booked,
            value_date=valued,
            status=EntryStatus.PENDING if "pending" in marks else EntryStatus.BOOKED,
            is_reversal="reversal" in marks,
            texts=texts,
            more=self._more(line, cells),
        )

    def _place(self, header: str) -> int:
        titles = [folded(title) for title in self.table.header]
        known = [folded(name) for name in (header, *self.profile.other_headers.get(header, ()))]
        place = next((titles.index(name) for name in known if titles.count(name) == 1), None)
        if place is None:
            detail = "there is no such column, or it stands twice"
            raise CsvRefused("bank_file.csv_header", detail, line=max(self.table.header_line, 1), column=header)
        return place

    def _at(self, line: int, place: int, read: Callable[[], _T]) -> _T:
        try:
            return read()
        except FieldRefused as refusal:
            column = self.table.header[place] or str(place + 1)
            raise CsvRefused(f"bank_file.{refusal.code}", refusal.detail, line=line, column=column) from None

    def _text(self, line: int, place: int, cells: list[str]) -> str:
        return self._at(line, place, lambda: squeeze_spaces(plain_text(cells[place])))

    def _currency(self, line: int, texts: Mapping[str, tuple[str, ...]], account: str | None) -> str:
        stated = next(iter(texts.get("currency", ())), "").upper()
        currency = stated or self.profile.currency or self.currency_of(account)
        if not currency:
            detail = "no currency: name it in the profile, by a column, or by the option currency"
            raise CsvRefused("bank_file.currency_missing", detail, line=line)
        if currency not in CURRENCIES:
            column = self.profile.header_of("currency")
            raise CsvRefused("bank_file.csv_currency", f"{currency[:12]!r} is no currency", line=line, column=column)
        return currency

    def _amount(self, line: int, name: str, cells: list[str], currency: str) -> int | None:
        places = self.table.places.get(name)
        if places is None:
            return None
        return self._at(line, places[0], lambda: self._amounts.minor(cells[places[0]], currency))

    def _day(self, line: int, name: str, cells: list[str]) -> date | None:
        places = self.table.places.get(name)
        if places is None:
            return None
        return self._at(line, places[0], lambda: self._dates.day(cells[places[0]]))

    def _signed(self, line: int, cells: list[str], currency: str) -> int:
        """Money in is positive. Raises CsvRefused where the row does not say which way it goes."""
        sign = self.profile.sign
        if sign.kind == TWO_COLUMNS:
            return self._of_two(line, cells, currency)
        place = self.table.places["amount"][0]
        column = self.table.header[place]
        if sign.kind == SUFFIX:
            text, word = split_suffix(cells[place])
            found = self._at(line, place, lambda: self._amounts.minor(text, currency))
        else:
            found = self._amount(line, "amount", cells, currency)
            word = cells[self.table.places["indicator"][0]].strip().casefold() if sign.kind == INDICATOR else ""
        if found is None:
            raise CsvRefused("bank_file.csv_amount", "the amount is missing", line=line, column=column)
        if sign.kind not in (INDICATOR, SUFFIX):
            return found if sign.positive_is_credit else -found
        if found < 0:
            detail = "an amount beside a word for its direction has no sign"
            raise CsvRefused("bank_file.csv_sign", detail, line=line, column=column)
        if word not in sign.credit | sign.debit:
            where = column if sign.kind == SUFFIX else self.table.header[self.table.places["indicator"][0]]
            raise CsvRefused(
                "bank_file.csv_sign", f"{word[:20]!r} is neither credit nor debit", line=line, column=where
            )
        return found if word in sign.credit else -found

    def _of_two(self, line: int, cells: list[str], currency: str) -> int:
        debit, credit = (self._amount(line, name, cells, currency) for name in ("debit", "credit"))
        column = self.table.header[self.table.places["credit"][0]]
        if debit and credit:
            raise CsvRefused("bank_file.csv_sign", "both debit and credit have an amount", line=line, column=column)
        if debit is None and credit is None:
            raise CsvRefused("bank_file.csv_amount", "neither debit nor credit has an amount", line=line, column=column)
        if credit is not None and credit < 0:
            raise CsvRefused("bank_file.csv_sign", "a credit that is negative", line=line, column=column)
        if debit and (debit < 0) != self.profile.sign.debit_is_negative:
            shown = "negative" if debit < 0 else "positive"
            where = self.table.header[self.table.places["debit"][0]]
            detail = f"a debit that is {shown}, against what the profile says (sign.debit_is)"
            raise CsvRefused("bank_file.csv_sign", detail, line=line, column=where)
        return credit or -abs(debit or 0)

    def _fee(self, line: int, cells: list[str], currency: str) -> int:
        """A fee that the service has taken off, as a movement of the account: negative where it is taken."""
        found = self._amount(line, "fee", cells, currency) or 0
        return -found if self.profile.fee_positive else found

    def _more(self, line: int, cells: list[str]) -> tuple[str, ...]:
        """What stands in columns that the profile does not name."""
        found = [
            f"{self.table.header[place] or place + 1}: {text}"
            for place in self._rest
            if (text := self._text(line, place, cells))
        ]
        return tuple(found)


def entries_of(row: RowRead, ordinal: int) -> list[Entry]:
    """The entry of a row, and behind it the one of its fee. Ordinals count on from `ordinal`."""
    made = [_entry(row, ordinal, row.signed_minor, fee_of=None)]
    if row.fee_minor:
        made.append(_entry(row, ordinal + 1, row.fee_minor, fee_of=row.signed_minor))
    return made


def _entry(row: RowRead, ordinal: int, signed_minor: int, *, fee_of: int | None) -> Entry:
    def one(name: str) -> str | None:
        return given(next(iter(row.texts.get(name, ())), None))

    is_credit, is_fee = signed_minor >= 0, fee_of is not None
    account, is_iban = read_account(one("counterparty_account"))
    party = Party(one("counterparty_name"), account, is_iban, one("counterparty_bank"), one("ultimate_name"))
    reference, original = one("payment_reference"), one("original_reference")
    kind = one("type")
    text = row.texts.get("text", ())
    references = References(
        bank_reference=one("bank_reference"),
        end_to_end_id=None if is_fee else one("end_to_end_id"),
        mandate_id=one("mandate_id"),
        cheque_number=one("cheque_number"),
        other=(("original", original),) if original else (),
    )
    transaction = Transaction(
        ordinal=1,
        amount_minor=abs(signed_minor),
        currency=row.currency,
        is_credit=is_credit,
        is_whole_entry=True,
        references=references,
        payer=Party() if is_fee or not is_credit else party,
        payee=Party() if is_fee or is_credit else party,
        unstructured=("fee", *text) if is_fee else text,
        structured=(StructuredRemittance(CreditorReference(reference)),) if reference and not is_fee else (),
        bank_transaction_code=kind,
    )
    return Entry(
        ordinal=ordinal,
        amount_minor=abs(signed_minor),
        currency=row.currency,
        is_credit=is_credit,
        status=row.status,
        booking_date=row.booking_date,
        value_date=row.value_date,
        transactions=(transaction,),
        is_reversal=row.is_reversal and not is_fee,
        bank_reference=one("bank_reference"),
        bank_transaction_code=kind,
        additional_information=() if is_fee else row.more,
    )
