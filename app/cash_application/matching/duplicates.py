"""Payments that repeat an earlier one, and reversals that find what they reverse."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date

from app.cash_application.matching.names import normalize_bank_identifier, normalize_name
from app.cash_application.matching.types import PaymentFacts
from app.core.reference_keys import clean, squeeze

DUPLICATE_DAYS = 14
LIKE_PAYMENTS_LIMIT = 60
REVERSAL_DAYS = 90
TEXT_LENGTH_MIN = 5  # a shorter text stands in others by chance
_EMPTY = frozenset({"", "NOTPROVIDED", "NOTAVAILABLE"})


class EarlierPayments:
    """Earlier payments by what a repetition shares with them."""

    def __init__(self, payments: Iterable[PaymentFacts]) -> None:
        self._by_likeness: defaultdict[tuple[object, ...], list[PaymentFacts]] = defaultdict(list)
        for payment in sorted(payments, key=_order):
            self._by_likeness[_likeness(payment)].append(payment)

    def certain_duplicate(self, payment: PaymentFacts) -> str | None:
        """The earlier payment with the same payer, amount and end-to-end id: a second booking of one order."""
        if payment.is_no_duplicate or squeeze(payment.end_to_end_id) in _EMPTY:
            return None
        for other in self._near(payment):
            if squeeze(other.end_to_end_id) == squeeze(payment.end_to_end_id):
                return other.id
        return None

    def likely_duplicate(self, payment: PaymentFacts) -> str | None:
        """The earlier payment with the same payer, amount and text that names a number, at most 14 days
        before.

        Only to be held when nothing open explains the second one: rent of the same amount comes every month.
        """
        text = clean(payment.remittance_text)
        if payment.is_no_duplicate or not any(char.isdigit() for char in text):
            return None
        for other in self._near(payment):
            if clean(other.remittance_text) == text:
                return other.id
        return None

    def _near(self, payment: PaymentFacts) -> Sequence[PaymentFacts]:
        """The LIKE_PAYMENTS_LIMIT like payments just before this one, the earliest first."""
        alike = self._by_likeness.get(_likeness(payment), [])
        end = bisect_left(alike, _order(payment), key=_order)
        return [
            other
            for other in alike[max(0, end - LIKE_PAYMENTS_LIMIT) : end]
            if other.id != payment.id and (payment.value_date - other.value_date).days <= DUPLICATE_DAYS
        ]


def _order(payment: PaymentFacts) -> tuple[date, str]:
    return (payment.value_date, payment.id)


def _likeness(payment: PaymentFacts) -> tuple[object, ...]:
    payer = normalize_bank_identifier(payment.payer_bank_identifier) or normalize_name(payment.payer_name)
    return (payment.legal_entity_id, payment.currency, payment.amount_minor, payer)


def find_reversed(reversal: PaymentFacts, earlier: Iterable[PaymentFacts]) -> str | None:
    """The payment that a returned or bounced entry takes back; None when there is none or more than one.

    `reversal.amount_minor` is positive. The end-to-end id or the bank's reference decides; without them payer
    and text; the amount always has to agree, and the original lies at most 90 days back.
    """
    before = [
        other
        for other in earlier
        if other.id != reversal.id
        and other.amount_minor == reversal.amount_minor
        and other.currency == reversal.currency
        and other.legal_entity_id == reversal.legal_entity_id
        and 0 <= (reversal.value_date - other.value_date).days <= REVERSAL_DAYS
    ]
    for same in (_same_order, _same_bank_reference, _same_payer_and_text, _same_payer_text_within, _same_payer):
        found = [other.id for other in before if same(reversal, other)]
        if len(found) == 1:
            return found[0]
        if found:
            return None
    return None


def _same_order(one: PaymentFacts, other: PaymentFacts) -> bool:
    return squeeze(one.end_to_end_id) not in _EMPTY and squeeze(one.end_to_end_id) == squeeze(other.end_to_end_id)


def _same_bank_reference(one: PaymentFacts, other: PaymentFacts) -> bool:
    return squeeze(one.bank_reference) not in _EMPTY and one.bank_reference == other.bank_reference


def _same_payer(one: PaymentFacts, other: PaymentFacts) -> bool:
    return _likeness(one) == _likeness(other) and bool(_likeness(one)[-1])


def _same_payer_text_within(reversal: PaymentFacts, other: PaymentFacts) -> bool:
    """Banks put words of their own around the text of the payment that comes back."""
    text = clean(other.remittance_text)
    return _same_payer(reversal, other) and len(text) >= TEXT_LENGTH_MIN and text in clean(reversal.remittance_text)


def _same_payer_and_text(one: PaymentFacts, other: PaymentFacts) -> bool:
    return _same_payer(one, other) and clean(one.remittance_text) == clean(other.remittance_text)
