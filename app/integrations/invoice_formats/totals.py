"""Which types of documents become receivables, and the sums that must hold (EN 16931, BR-CO-15 and BR-CO-16)."""

from __future__ import annotations

from dataclasses import dataclass

from app.integrations.invoice_formats.errors import InvoiceFileRefused

CREDIT_TYPES = frozenset({"81", "83", "261", "262", "296", "308", "381", "396", "420", "458", "532"})
"""Types of UNTDID 1001 that EN 16931 counts as credit notes."""
DEBIT_TYPES = frozenset({"80", "82", "84", "383"})
_NOT_OWED = {
    "325": "a proforma invoice is no claim",
    "351": "a despatch advice is no claim",
    "310": "an offer is no claim",
}


@dataclass(frozen=True, slots=True)
class Totals:
    """Totals of a document, as far as it gives them, and where the total with tax and the payable amount stand."""

    net: int | None
    tax: int | None
    inclusive: int | None
    prepaid: int
    rounding: int
    payable: int | None
    inclusive_path: str
    payable_path: str


def check_type(type_code: str, path: str) -> None:
    """Raise InvoiceFileRefused for a document that nobody owes anything for."""
    if type_code in _NOT_OWED:
        raise InvoiceFileRefused("not_receivable", f"type {type_code}: {_NOT_OWED[type_code]}", path=path)


def settle_totals(totals: Totals) -> tuple[int, int, int]:
    """(gross, tax, payable): what is owed with tax and rounding, the tax in it, and what is left after prepayment.

    Raises InvoiceFileRefused when the totals contradict each other, or say too little.
    """
    net, tax, inclusive, payable = totals.net, totals.tax, totals.inclusive, totals.payable
    if inclusive is None and net is not None and tax is not None:
        inclusive = net + tax
    if inclusive is None and payable is not None:
        inclusive = payable + totals.prepaid - totals.rounding
    if inclusive is None:
        raise InvoiceFileRefused("totals_differ", "the total with tax is missing", path=totals.inclusive_path)
    if net is not None and tax is not None and net + tax != inclusive:
        detail = "the total with tax is not the total without tax plus the tax"
        raise InvoiceFileRefused("totals_differ", detail, path=totals.inclusive_path)
    gross = inclusive + totals.rounding
    if payable is None:
        payable = gross - totals.prepaid
    if gross - totals.prepaid != payable:
        detail = "the payable amount is not the total with tax, less what is prepaid, plus the rounding"
        raise InvoiceFileRefused("totals_differ", detail, path=totals.payable_path)
    if tax is None:
        tax = inclusive - net if net is not None else 0
    return gross, tax, payable
