"""Splitting a booking line into its transactions, or keeping it whole with the reason.

The entry's amount and direction are what moved on the account and always win. Details are taken apart only when
their amounts, in the entry's currency and with their signs, sum exactly to the entry.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeVar

from app.core.money import Money
from app.integrations.bank_formats.records import (
    Effect,
    Party,
    Problem,
    References,
    Transaction,
)

_T = TypeVar("_T")


class AmountKind(StrEnum):
    """Where a detail's amount stands. In the order in which they are trusted for splitting."""

    DETAIL = "detail"  # the transaction's own amount
    TRANSACTION = "transaction"  # AmtDtls/TxAmt
    COUNTER_VALUE = "counter_value"  # AmtDtls/CntrValAmt
    INSTRUCTED = "instructed"  # AmtDtls/InstdAmt: before charges and exchange


@dataclass(frozen=True, slots=True)
class Detail:
    """A transaction detail before it is known what it stands for: amounts by kind, direction if given."""

    transaction: Transaction
    amounts: tuple[tuple[AmountKind, Money], ...] = ()
    is_credit: bool | None = None

    def amount(self, currency: str, kinds: Iterable[AmountKind]) -> int | None:
        """The first amount of these kinds that is in the currency."""
        for kind in kinds:
            for found, money in self.amounts:
                if found is kind and money.currency == currency:
                    return money.minor
        return None


def split_entry(
    entry: Money, is_credit: bool, details: Sequence[Detail], announced_count: int | None, where: str
) -> tuple[tuple[Transaction, ...], tuple[Problem, ...]]:
    """The transactions of an entry of positive amount, and what is to be said about them.

    One transaction standing for the whole entry when there are no details, one, or details that do not sum.
    """
    if not details:
        return _without_details(entry, is_credit, announced_count, where)
    parts = _parts(entry, is_credit, details)
    if len(details) == 1:
        return _single(entry, is_credit, details[0], announced_count, where, parts is not None)
    if parts is None:
        problem = Problem(where, *_why_not_split(entry, details), Effect.KEPT_WHOLE)
        return (_whole(entry, is_credit, details, is_complete=True),), (problem,)
    problems: tuple[Problem, ...] = ()
    if announced_count is not None and announced_count != len(details):
        detail = f"the bank announces {announced_count} transactions and gives {len(details)}; their sum is right"
        problems = (Problem(where, "batch.count_differs", detail),)
    return parts, problems


def _without_details(
    entry: Money, is_credit: bool, announced_count: int | None, where: str
) -> tuple[tuple[Transaction, ...], tuple[Problem, ...]]:
    whole = Transaction(1, entry.minor, entry.currency, is_credit, is_whole_entry=True)
    if announced_count is None or announced_count <= 1:
        return (whole,), ()
    detail = f"a batch of {announced_count} transactions without their details"
    return (whole,), (Problem(where, "batch.details_missing", detail, Effect.KEPT_WHOLE),)


def _single(
    entry: Money, is_credit: bool, detail: Detail, announced_count: int | None, where: str, sums: bool
) -> tuple[tuple[Transaction, ...], tuple[Problem, ...]]:
    problems: list[Problem] = []
    is_complete = announced_count is None or announced_count <= 1
    if not is_complete:
        text = f"a batch of {announced_count} transactions with the details of one"
        problems.append(Problem(where, "batch.details_missing", text, Effect.KEPT_WHOLE))
    if detail.is_credit is not None and detail.is_credit != is_credit:
        problems.append(
            Problem(where, "transaction.direction_differs", "the detail's direction is not the entry's, which counts")
        )
    elif not sums and any(kind is AmountKind.DETAIL for kind, _money in detail.amounts):
        text = "the detail's amount or currency is not the entry's, which counts"
        problems.append(Problem(where, "transaction.amount_differs", text))
    return (_whole(entry, is_credit, [detail], is_complete=is_complete),), tuple(problems)


def _parts(entry: Money, is_credit: bool, details: Sequence[Detail]) -> tuple[Transaction, ...] | None:
    signed = entry.minor if is_credit else -entry.minor
    every_kind = tuple(AmountKind)
    for kinds in (every_kind, *((kind,) for kind in every_kind)):
        amounts = [detail.amount(entry.currency, kinds) for detail in details]
        found = [amount for amount in amounts if amount is not None]
        if len(found) < len(details):
            continue
        directions = [is_credit if detail.is_credit is None else detail.is_credit for detail in details]
        total = sum(amount if credit else -amount for amount, credit in zip(found, directions, strict=True))
        if total == signed:
            return tuple(
                replace(
                    detail.transaction,
                    ordinal=ordinal,
                    amount_minor=amount,
                    currency=entry.currency,
                    is_credit=credit,
                    is_whole_entry=False,
                )
                for ordinal, (detail, amount, credit) in enumerate(zip(details, found, directions, strict=True), 1)
            )
    return None


def _why_not_split(entry: Money, details: Sequence[Detail]) -> tuple[str, str]:
    missing = sum(1 for detail in details if detail.amount(entry.currency, tuple(AmountKind)) is None)
    if missing:
        return "batch.amounts_missing", f"{missing} of {len(details)} details have no amount in {entry.currency}"
    return "batch.sum_differs", f"the {len(details)} details do not sum to the entry"


def _whole(entry: Money, is_credit: bool, details: Sequence[Detail], *, is_complete: bool) -> Transaction:
    """One transaction with everything that the details say; a payer only when it is the same in all of them.

    `is_complete` False: the file does not show all payers, so the one shown is not taken for the payer of all.
    """
    transactions = [detail.transaction for detail in details]
    if len(transactions) == 1:
        only = transactions[0]
        if not is_complete and only.payer.name is not None:
            only = replace(only, additional_information=(only.payer.name, *only.additional_information))
        return replace(
            only,
            ordinal=1,
            amount_minor=entry.minor,
            currency=entry.currency,
            is_credit=is_credit,
            is_whole_entry=True,
            payer=only.payer if is_complete else Party(),
        )
    payers = list(dict.fromkeys(transaction.payer for transaction in transactions))
    payees = list(dict.fromkeys(transaction.payee for transaction in transactions))
    shared_payer = len(payers) == 1
    names = [party.name for party in payers if party.name is not None and not shared_payer]
    return Transaction(
        ordinal=1,
        amount_minor=entry.minor,
        currency=entry.currency,
        is_credit=is_credit,
        is_whole_entry=True,
        references=_merged_references([transaction.references for transaction in transactions]),
        payer=payers[0] if shared_payer else Party(),
        payee=payees[0] if len(payees) == 1 else Party(),
        unstructured=tuple(text for transaction in transactions for text in transaction.unstructured),
        structured=tuple(block for transaction in transactions for block in transaction.structured),
        charges=tuple(charge for transaction in transactions for charge in transaction.charges),
        returned=_same([transaction.returned for transaction in transactions]),
        purpose=_same([transaction.purpose for transaction in transactions]),
        bank_transaction_code=_same([transaction.bank_transaction_code for transaction in transactions]),
        additional_information=tuple(
            dict.fromkeys(
                [*names, *(text for transaction in transactions for text in transaction.additional_information)]
            )
        ),
    )


_REFERENCE_FIELDS = (
    "bank_reference",
    "end_to_end_id",
    "instruction_id",
    "transaction_id",
    "uetr",
    "mandate_id",
    "message_id",
    "payment_information_id",
    "cheque_number",
    "clearing_reference",
)


def _merged_references(all_references: Sequence[References]) -> References:
    """A reference that is the same in all stays what it is; different ones are listed by name, none is lost."""
    same: dict[str, str] = {}
    other: dict[tuple[str, str], None] = {}
    for field in _REFERENCE_FIELDS:
        values: list[str | None] = [getattr(references, field) for references in all_references]
        first = values[0]
        if first is not None and all(value == first for value in values):
            same[field] = first
        else:
            other.update(((field, value), None) for value in values if value is not None)
    for references in all_references:
        other.update((pair, None) for pair in references.other)
    return References(**same, other=tuple(other))


def _same(values: Sequence[_T]) -> _T | None:
    return values[0] if all(value == values[0] for value in values) else None
