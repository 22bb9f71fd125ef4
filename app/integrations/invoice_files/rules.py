"""From what an electronic invoice says to what is recorded: kind and sign, instalments, discount terms. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from app.accounts.rules import MAX_CODE_LENGTH, DiscountTier, PaymentTerms, PaymentTermsInvalid
from app.accounts.terms_notation import terms_text
from app.core.errors import RuleViolation
from app.integrations.invoice_formats.records import EInvoice
from app.integrations.invoice_formats.totals import DEBIT_TYPES
from app.invoices.rules import LINES_LIMIT, InstalmentCommand, LineCommand

SOURCE = "e-invoice"
CREDIT_MEMO = "credit_memo"
DISCOUNTS_MAX = 3


class DueDatesUnclear(RuleViolation):
    """Several due dates without amounts that sum to the total."""

    code = "invoice_file.due_dates_unclear"


class AmountNotReceivable(RuleViolation):
    """Nothing is owed by the document, or more is prepaid than it amounts to."""

    code = "invoice_file.amount_not_receivable"


@dataclass(frozen=True, slots=True)
class Owed:
    """Kind and amounts as they are recorded: never negative. `open_minor` None: all of it is open."""

    kind: str
    amount_minor: int
    tax_minor: int
    open_minor: int | None


def owed(invoice: EInvoice, *, prepaid_is_settled: bool) -> Owed:
    """An invoice of a negative total is a credit memo, a credit note of a negative total a debit memo.

    Raises AmountNotReceivable.
    """
    sign = -1 if invoice.gross_minor < 0 else 1
    is_credit = invoice.is_credit != (sign < 0)
    kind = "invoice"
    if is_credit:
        kind = CREDIT_MEMO
    elif invoice.is_credit or invoice.type_code in DEBIT_TYPES:
        kind = "debit_memo"
    amount, tax, payable = sign * invoice.gross_minor, sign * invoice.tax_minor, sign * invoice.payable_minor
    if amount == 0:
        raise AmountNotReceivable("the document amounts to nothing", pointer=invoice.amount_path)
    if not 0 <= payable <= amount:
        detail = "what is left to pay is not between zero and the amount of the document"
        raise AmountNotReceivable(detail, pointer=invoice.amount_path)
    return Owed(kind, amount, tax, payable if prepaid_is_settled and payable != amount else None)


def due(invoice: EInvoice, what: Owed) -> tuple[date | None, tuple[InstalmentCommand, ...]]:
    """One due date, or instalments that sum to the amount; (None, ()) where the agreed terms of the account decide.

    What is prepaid is an instalment of its own, due at once, where the file divides only the rest. Raises
    DueDatesUnclear.
    """
    if invoice.instalments:
        parts = _parts(invoice, what)
        if len(parts) == 1:
            return parts[0].due_date, ()
        return None, parts
    if invoice.due_date is None and what.open_minor == 0:
        return invoice.issue_date, ()
    return invoice.due_date, ()


def _parts(invoice: EInvoice, what: Owed) -> tuple[InstalmentCommand, ...]:
    path = invoice.instalments[0].path
    given = [part.amount_minor for part in invoice.instalments]
    amounts = [abs(minor) for minor in given if minor is not None]
    if len(amounts) < len(given):
        raise DueDatesUnclear("several due dates, and not every one with its amount", pointer=path)
    rest = what.amount_minor - sum(amounts)
    prepaid = abs(invoice.gross_minor) - abs(invoice.payable_minor)
    if rest not in (0, prepaid):
        raise DueDatesUnclear("the parts do not sum to the amount of the document", pointer=path)
    days = [part.due_date for part in invoice.instalments]
    parts = sorted((day, minor) for day, minor in zip(days, amounts, strict=True) if minor)
    first = [(invoice.issue_date, rest)] if rest else []
    return tuple(InstalmentCommand(day, minor) for day, minor in [*first, *parts])


def discount_terms(invoice: EInvoice, due_date: date | None) -> tuple[PaymentTerms | None, str | None]:
    """The payment terms that give the discount of the file, and a note where it cannot be taken over."""
    tiers = [tier for tier in invoice.discounts if tier.base_minor in (None, invoice.gross_minor)]
    if not invoice.discounts:
        return None, None
    if due_date is None or len(tiers) < len(invoice.discounts) or len(tiers) > DISCOUNTS_MAX:
        return None, "discount_not_taken: it is of a part of the amount, or no one due date is given"
    net_days = (due_date - invoice.issue_date).days
    steps = sorted({(tier.days, int(tier.percent * 100)) for tier in tiers})
    try:
        discounts = tuple(DiscountTier(basis_points, days) for days, basis_points in steps)
        terms = PaymentTerms("-", net_days=net_days, discounts=discounts)
        return PaymentTerms(terms_text(terms)[:MAX_CODE_LENGTH].strip(), net_days=net_days, discounts=discounts), None
    except PaymentTermsInvalid as refusal:
        return None, f"discount_not_taken: {refusal.detail}"


def lines_of(invoice: EInvoice) -> tuple[LineCommand, ...]:
    """The lines as information; none when there are too many."""
    if len(invoice.lines) > LINES_LIMIT:
        return ()
    return tuple(LineCommand(line.description, line.net_minor, 0, line.quantity) for line in invoice.lines)
