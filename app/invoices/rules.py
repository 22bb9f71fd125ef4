"""Pure rules of what is owed: what an invoice must be, how it splits, how its number is referred to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from uuid import UUID

from app.accounts.rules import InstalmentPlan, PaymentTerms, discount_offers, schedule
from app.core.errors import RuleViolation
from app.core.money import MAX_MINOR, allocate

INSTALMENTS_LIMIT = 60
LINES_LIMIT = 1_000
KINDS = ("invoice", "debit_memo", "finance_charge")
REQUESTABLE = ("write_off", "small_difference", "bank_charge", "rounding", "waived_charge")
"""Kinds of adjustments that people ask for; the others are posted by a source or with a void."""


class InvoiceInvalid(RuleViolation):
    """Amounts or dates of the document contradict each other."""

    code = "invoice.invalid"


class DueDateMissing(RuleViolation):
    """Neither a due date, nor instalments, nor payment terms say when it falls due."""

    code = "invoice.due_date_missing"


class InstalmentsDoNotSum(RuleViolation):
    """The instalments do not sum to the amount."""

    code = "invoice.instalments_do_not_sum"


@dataclass(frozen=True, slots=True)
class InstalmentCommand:
    """An instalment that the caller gives explicitly."""

    due_date: date
    amount_minor: int


@dataclass(frozen=True, slots=True)
class LineCommand:
    """A line of the document, as information."""

    description: str
    amount_minor: int
    tax_minor: int = 0
    quantity: Decimal | None = None


@dataclass(frozen=True, slots=True)
class IssueInvoice:
    """An invoice, debit memo or finance charge to be issued. Amounts in minor units, tax included in `amount_minor`.

    `open_minor` below the amount makes an opening settlement: the rest was settled before the document came here.
    """

    kind: str
    number: str
    legal_entity_id: UUID
    account_id: UUID
    currency: str
    amount_minor: int
    invoice_date: date
    source: str = "manual"
    external_id: str | None = None
    accounting_date: date | None = None
    tax_minor: int = 0
    due_date: date | None = None
    payment_terms_id: UUID | None = None
    instalments: tuple[InstalmentCommand, ...] = ()
    open_minor: int | None = None
    purchase_order: str | None = None
    delivery_reference: str | None = None
    contract_reference: str | None = None
    lines: tuple[LineCommand, ...] = field(default=())
    corrects_id: UUID | None = None

    @property
    def posting_date(self) -> date:
        """The accounting date: the invoice date unless given."""
        return self.accounting_date or self.invoice_date


def check_invoice(command: IssueInvoice) -> None:
    """Raise InvoiceInvalid when amounts or dates of the document contradict each other."""
    if not 0 < command.amount_minor <= MAX_MINOR:
        raise InvoiceInvalid("the amount must be positive; the kind of the document says its sign", pointer="/amount")
    if not 0 <= command.tax_minor <= command.amount_minor:
        raise InvoiceInvalid("the tax must be between zero and the amount", pointer="/tax_amount")
    if command.open_minor is not None and not 0 <= command.open_minor <= command.amount_minor:
        raise InvoiceInvalid("the open amount must be between zero and the amount", pointer="/open_amount")
    if command.due_date is not None and command.due_date < command.invoice_date:
        raise InvoiceInvalid("the due date is before the invoice date", pointer="/due_date")
    if command.due_date is not None and command.instalments:
        raise InvoiceInvalid("give a due date or instalments, not both", pointer="/due_date")
    if len(command.instalments) > INSTALMENTS_LIMIT:
        raise InvoiceInvalid(f"at most {INSTALMENTS_LIMIT} instalments", pointer="/instalments")


def plan_instalments(command: IssueInvoice, terms: PaymentTerms | None) -> tuple[InstalmentPlan, ...]:
    """The instalments of the document: those given, else one by its due date, else by the terms.

    A discount of the terms is kept also when the due date was given. The parts are positive and sum to the amount.
    Raises InvoiceInvalid, InstalmentsDoNotSum, DueDateMissing.
    """
    check_invoice(command)
    if command.instalments:
        return _explicit(command)
    if command.due_date is not None:
        return (_single(command, command.due_date, terms),)
    if terms is None:
        detail = "give a due date, instalments or payment terms (the account has none agreed)"
        raise DueDateMissing(detail, pointer="/due_date")
    return schedule(terms, command.invoice_date, command.amount_minor)


def differs_from_agreed(command: IssueInvoice, agreed: PaymentTerms | None) -> bool:
    """Whether a given due date, or given instalments, are others than the agreed terms of the account make."""
    given = [part.due_date for part in command.instalments]
    if command.due_date is not None:
        given = [command.due_date]
    if agreed is None or not given:
        return False
    return given != [plan.due_date for plan in schedule(agreed, command.invoice_date, command.amount_minor)]


def _explicit(command: IssueInvoice) -> tuple[InstalmentPlan, ...]:
    plans = []
    for ordinal, part in enumerate(command.instalments, start=1):
        pointer = f"/instalments/{ordinal - 1}"
        if part.amount_minor <= 0:
            raise InvoiceInvalid("an instalment is positive", pointer=f"{pointer}/amount")
        if part.due_date < command.invoice_date:
            raise InvoiceInvalid("an instalment falls due before the invoice date", pointer=f"{pointer}/due_date")
        plans.append(InstalmentPlan(ordinal, part.due_date, part.amount_minor))
    if sum(plan.amount_minor for plan in plans) != command.amount_minor:
        raise InstalmentsDoNotSum("the instalments must sum to the amount", pointer="/instalments")
    return tuple(plans)


def _single(command: IssueInvoice, due: date, terms: PaymentTerms | None) -> InstalmentPlan:
    offers = discount_offers(terms, command.invoice_date, due, command.amount_minor) if terms is not None else ()
    first = offers[0] if offers else None
    return InstalmentPlan(
        ordinal=1,
        due_date=due,
        amount_minor=command.amount_minor,
        discount_date=first.discount_date if first else None,
        discount_minor=first.discount_minor if first else 0,
        offers=offers,
    )


def split_opening_settlement(plans: Sequence[InstalmentPlan], settled_minor: int) -> list[int]:
    """How much of each instalment was settled before loading: oldest due date first, summing to `settled_minor`."""
    parts = [0] * len(plans)
    if settled_minor == 0:
        return parts
    for index in sorted(range(len(plans)), key=lambda i: (plans[i].due_date, plans[i].ordinal)):
        parts[index] = min(settled_minor, plans[index].amount_minor)
        settled_minor -= parts[index]
    return parts


def split_correction(opens: Sequence[int], delta_minor: int) -> list[int]:
    """What a new amount of the document adds to each instalment, in their order: an increase to the last one, a
    decrease from the last one backwards as far as each has open. Raises InvoiceInvalid when less is open.
    """
    parts = [0] * len(opens)
    if delta_minor > 0:
        parts[-1] = delta_minor
        return parts
    for index in reversed(range(len(opens))):
        parts[index] = -min(-delta_minor, opens[index])
        delta_minor -= parts[index]
    if delta_minor:
        raise InvoiceInvalid("the amount would fall below what is settled", pointer="/amount")
    return parts


def split_settlement(opens: Sequence[int], amounts: Sequence[int], open_minor: int) -> list[int]:
    """What each instalment gains so that all have `open_minor` open, 0 ≤ open_minor ≤ Σ amounts.

    What is settled is taken from the first instalment on; what is open again is given back from the last one on.
    """
    parts = [0] * len(opens)
    delta = open_minor - sum(opens)
    order = range(len(opens)) if delta < 0 else reversed(range(len(opens)))
    for index in order:
        parts[index] = max(delta, -opens[index]) if delta < 0 else min(delta, amounts[index] - opens[index])
        delta -= parts[index]
    return parts


def status_of_instalment(open_minor: int, amount_minor: int) -> str:
    """`settled`, `partially_applied` or `open`; void and written off are set by their own events."""
    if open_minor == 0:
        return "settled"
    return "open" if open_minor == amount_minor else "partially_applied"


def status_of_invoice(statuses: Sequence[str]) -> str:
    """The document's status from those of its instalments."""
    kinds = set(statuses)
    if len(kinds) == 1:
        return statuses[0]
    unfinished = kinds & {"open", "partially_applied"}
    if not unfinished:
        return "settled"
    return "open" if kinds == {"open"} else "partially_applied"


def split_tax(tax_minor: int, amounts: Sequence[int]) -> list[int]:
    """The tax of a document within each of its parts: sums exactly, and no part has more tax than amount.

    The largest remainder gives every part its exact share rounded down or up, and tax ≤ Σ amounts.
    """
    return allocate(tax_minor, amounts) if tax_minor else [0] * len(amounts)


def tax_of_part(part_minor: int, tax_left_minor: int, amount_left_minor: int) -> int:
    """The tax that leaves the books with a part of what is left of a document, by the ratio of what is left.

    Rounded so that the rest keeps its share rounded down: parts taken one after the other carry all the tax in the
    end, and none carries more tax than amount. 0 ≤ tax left ≤ amount left, 0 ≤ part ≤ amount left.
    """
    if not tax_left_minor:
        return 0
    return tax_left_minor - tax_left_minor * (amount_left_minor - part_minor) // amount_left_minor
