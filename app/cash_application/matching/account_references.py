"""References that name an account and no document: those of its statements, RF or Swiss QR (`core.payment_references`).

They say who pays. Their digits are taken out of a text before numbers of documents are looked for in it.
"""

from __future__ import annotations

from functools import lru_cache

from app.cash_application.matching.coded_references import coded_in_text
from app.cash_application.matching.types import PaymentFacts
from app.core.payment_references import account_signs_of
from app.core.reference_keys import clean


def named_accounts(payment: PaymentFacts) -> tuple[str, ...]:
    """The signs of the accounts that the payment's references name, structured ones first; each once."""
    found = [account_signs_of(reference) for reference in payment.structured_references]
    found += _in_text(payment.remittance_text)
    if payment.end_to_end_id:
        found.append(account_signs_of(payment.end_to_end_id))
    return tuple(dict.fromkeys(signs for signs in found if signs))


def without_account_references(cleaned: str) -> str:
    """The text with blanks where a reference of an account stands; every other sign keeps its place."""
    for reference, start, end in coded_in_text(cleaned):
        if account_signs_of(reference) is not None:
            cleaned = cleaned[:start] + " " * (end - start) + cleaned[end:]
    return cleaned


@lru_cache(maxsize=16_384)
def _in_text(text: str) -> tuple[str | None, ...]:
    return tuple(account_signs_of(reference) for reference, _, _ in coded_in_text(clean(text)))
