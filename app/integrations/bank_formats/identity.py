"""Bank entry identity: a stable text key for the same money, read again or in another format.

With a reference of the bank the key is account, reference, amount, currency and sign. A short reference (many
banks number a day's bookings 1, 2, 3) is not trusted alone: the dates join it. Without a reference it is account,
dates, amount, sign, the payer's references and text. Either way an occurrence number within the statement tells
equal entries apart, so that two equal lines are two.

A batch booking that one file shows whole and another shows split has one `entry_key` in both. `new_transactions`
holds the rule of counting once, in both orders of arrival.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Container, Iterator
from dataclasses import dataclass

from app.integrations.bank_formats.records import Entry, Statement, Transaction

_TRUSTED_REFERENCE_LENGTH = 8  # shorter ones repeat from day to day


@dataclass(frozen=True, slots=True)
class EntryIdentity:
    """The keys of one entry and of its transactions, in their order. Each at most 50 ASCII characters."""

    entry: Entry
    entry_key: str
    transaction_keys: tuple[str, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """All keys to remember once the entry is counted."""
        return tuple(dict.fromkeys((self.entry_key, *self.transaction_keys)))


def identify(statement: Statement, *, account: str | None = None) -> Iterator[EntryIdentity]:
    """Keys for every entry of a statement, in its order.

    `account` is the caller's own name of the bank account (the id of its row, for example), so that files that
    write the account differently (IBAN here, bank code and number there) agree; default: as the file has it.
    """
    scope = account if account is not None else _squeeze(statement.account_identifier)
    page = max(statement.page_number or 1, 1)
    seen: Counter[str] = Counter()
    for entry in statement.entries:
        entry_key = _counted(_entry_content(scope, entry, page), seen)
        if len(entry.transactions) == 1:
            keys: tuple[str, ...] = (entry_key,)
        else:
            keys = tuple(
                _counted(_part_content(scope, entry, entry_key, transaction), seen)
                for transaction in entry.transactions
            )
        yield EntryIdentity(entry, entry_key, keys)


def new_transactions(identity: EntryIdentity, counted: Container[str]) -> tuple[tuple[str, Transaction], ...]:
    """The transactions of the entry that have not been counted yet, with their keys.

    `counted` holds the `keys` of everything counted before on this account. An entry that was counted whole is
    not counted again by its parts, nor the other way round.
    """
    if identity.entry_key in counted:
        return ()
    pairs = zip(identity.transaction_keys, identity.entry.transactions, strict=True)
    return tuple((key, transaction) for key, transaction in pairs if key not in counted)


def _entry_content(scope: str, entry: Entry, page: int) -> tuple[str, ...]:
    money = (entry.currency, "C" if entry.is_credit else "D", str(entry.amount_minor))
    dates = (str(entry.booking_date or entry.value_date), str(entry.value_date or entry.booking_date))
    reference = entry.bank_reference
    if reference is None and len(entry.transactions) == 1:
        reference = entry.transactions[0].references.bank_reference
    if reference:
        squeezed = _squeeze(reference)
        return ("ref", scope, squeezed, *money, *(() if _is_trusted(squeezed) else dates))
    # pages of one statement count from one each; the page keeps their equal lines apart
    return ("fp", scope, *money, *dates, _payer_references(entry), str(page))


def _part_content(scope: str, entry: Entry, entry_key: str, transaction: Transaction) -> tuple[str, ...]:
    money = (transaction.currency, "C" if transaction.is_credit else "D", str(transaction.amount_minor))
    own = transaction.references.bank_reference
    if own and own != entry.bank_reference and _is_trusted(_squeeze(own)):
        return ("ref", scope, _squeeze(own), *money)
    # what a richer format tells in addition must not change the key: the entry and the money decide
    return ("part", entry_key, *money)


def _payer_references(entry: Entry) -> str:
    """What the payer wrote; of a batch only the batch's own ids, for one format shows its parts, another not."""
    batch = entry.batch
    if len(entry.transactions) == 1 and (batch is None or (batch.transaction_count or 1) == 1):
        transaction = entry.transactions[0]
        parts = [transaction.references.end_to_end_id or ""]
        parts += [reference.value for reference in transaction.creditor_references]
        parts += transaction.unstructured
        return _squeeze("".join(parts))
    return _squeeze((batch and (batch.payment_information_id or batch.message_id)) or "")


def _is_trusted(squeezed: str) -> bool:
    return len(squeezed) >= _TRUSTED_REFERENCE_LENGTH


def _squeeze(text: str) -> str:
    """Letters and digits only, without case: line breaks and spacing differ between formats."""
    return "".join(character for character in text.casefold() if character.isalnum())


def _counted(content: tuple[str, ...], seen: Counter[str]) -> str:
    digest = hashlib.sha256("\x1f".join(content).encode()).hexdigest()[:36]
    seen[digest] += 1
    return f"{content[0]}:{digest}:{seen[digest]}"
