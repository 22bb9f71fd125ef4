"""How a payment's amount can stand to the open amounts it settles, with the logarithm of how likely that is.

All amounts are integers in minor units; only probabilities are floats. A difference that is not exact costs
the more the wider the range is in which it would have been accepted, so that a wide tolerance never looks
like a match.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from math import log

from app.cash_application.matching.text_amounts import names_amount
from app.cash_application.matching.types import Difference, OpenItem, PaymentFacts, Settings, Tolerance

EXACT_LOG = log(0.75)
DISCOUNT_LOG = log(0.30)
LATE_DISCOUNT_LOG = log(0.02)
UNDER_LOG = log(0.12)
OVER_LOG = log(0.03)
TOLD_CHARGE_LOG = log(0.30)
CHARGE_LOG = log(0.02)
PARTIAL_LOG = log(0.08)
SURPLUS_LOG = log(0.005)
NAMED_DEDUCTION_LOG = log(0.05)
ZEROS_LIMIT = 4
NATS_PER_ZERO = 1.6


@dataclass(frozen=True, slots=True)
class Relation:
    """`difference_minor` is what the payment lacks (negative: has too much) after the discount taken.

    `free`: the amount is not tied to the total at all (part payments and surpluses).
    """

    kind: Difference
    log_probability: float
    discount_minor: int = 0
    difference_minor: int = 0
    late_discount: bool = False
    free: bool = False


def discount_of(item: OpenItem, remaining_minor: int, value_date: date, settings: Settings) -> int:
    """The discount that a payment of this value date may take on the item; none once it is partly paid."""
    if item.discount_minor <= 0 or item.discount_date is None or remaining_minor != item.open_minor:
        return 0
    grace = timedelta(days=settings.discount_grace_days)
    for last, minor in ((item.discount_date, item.discount_minor), *item.later_discounts):
        if value_date <= last + grace:
            return min(minor, item.open_minor)
    return 0


def relation(
    payment: PaymentFacts, total_minor: int, discount_minor: int, late_discount_minor: int, settings: Settings
) -> Relation | None:
    """The most likely way in which the payment settles open amounts of `total_minor` in full; None when it
    does not.

    `discount_minor` may still be taken by value date, `late_discount_minor` not any more (its part then stays
    open).
    """
    lacking = total_minor - payment.amount_minor
    if lacking == 0:
        return Relation(Difference.NONE, EXACT_LOG)
    if discount_minor and lacking == discount_minor:
        return Relation(Difference.DISCOUNT, DISCOUNT_LOG, discount_minor)
    tolerance = settings.tolerance
    best = _within_tolerance(payment, total_minor, 0, tolerance, settings)
    if discount_minor:
        taken = _within_tolerance(payment, total_minor, discount_minor, tolerance, settings)
        if taken is not None and (best is None or taken.log_probability > best.log_probability):
            best = taken
    late = _late_discount(lacking, discount_minor, late_discount_minor)
    return late if late is not None and (best is None or late.log_probability > best.log_probability) else best


def _late_discount(lacking: int, discount: int, late: int) -> Relation | None:
    """Discounts taken after their dates, alone or beside some that were earned; what came too late stays open."""
    if not late:
        return None
    if lacking == late:
        return Relation(Difference.PARTIAL, LATE_DISCOUNT_LOG, 0, late, late_discount=True)
    if discount and lacking == late + discount:
        return Relation(Difference.PARTIAL, LATE_DISCOUNT_LOG, discount, late, late_discount=True)
    return None


def _within_tolerance(
    payment: PaymentFacts, total: int, discount: int, tolerance: Tolerance, settings: Settings
) -> Relation | None:
    lacking = total - discount - payment.amount_minor
    base = DISCOUNT_LOG if discount else 0.0
    if 0 < lacking <= tolerance.under(total):
        nearness = log(lacking + 1) + log(log(tolerance.under(total) + 2))
        kind = Difference.WRITE_OFF if lacking <= settings.small_difference_minor else Difference.PARTIAL
        if discount and kind is Difference.PARTIAL:
            return None  # a discount is earned only where the item is settled by it
        return Relation(kind, base + UNDER_LOG - nearness, discount, lacking)
    if 0 < lacking == payment.charges_minor:
        return Relation(Difference.BANK_CHARGE, base + TOLD_CHARGE_LOG, discount, lacking)
    if 0 < lacking <= settings.bank_charge_minor and lacking * 20 <= total and not discount:
        # Nobody says that this was a charge: the cash is applied, and the rest stays open for a person to judge.
        guess = base + CHARGE_LOG - log(settings.bank_charge_minor)
        return Relation(Difference.PARTIAL, guess, discount, lacking)
    if lacking < 0 and -lacking <= tolerance.over(total):
        nearness = log(1 - lacking) + log(log(tolerance.over(total) + 2))
        return Relation(Difference.NONE, base + OVER_LOG - nearness, discount, lacking)
    return None


def accepted_range(payment: PaymentFacts, settings: Settings) -> tuple[int, int]:
    """Totals of open amounts, lowest and highest, that this payment settles within tolerance."""
    tolerance = settings.tolerance
    amount = payment.amount_minor
    return amount - tolerance.over(amount), amount + tolerance.under(amount)


def log_density(minor: int, size_minor: int | None = None) -> float:
    """Logarithm of the chance that a freely chosen amount is just this one: flat over its own (or a given) size.

    Round amounts are common, so each trailing zero beyond the last makes a coincidence likelier (the factor is
    damped, at most four zeros count).
    """
    zeros = 0
    while zeros < ZEROS_LIMIT and minor % 10 ** (zeros + 1) == 0:
        zeros += 1
    return -log(max(2, abs(size_minor or minor))) + NATS_PER_ZERO * zeros


def part_payment(payment: PaymentFacts, total_minor: int) -> Relation:
    """Less than the total, by any amount."""
    lacking = total_minor - payment.amount_minor
    chance = log_density(payment.amount_minor, total_minor)
    return Relation(Difference.PARTIAL, PARTIAL_LOG + chance, 0, lacking, free=True)


def named_deduction(payment: PaymentFacts, total_minor: int) -> Relation | None:
    """The text gives just the amount that is lacking: it was kept back. None where it does not."""
    lacking = total_minor - payment.amount_minor
    if lacking <= 0 or not names_amount(payment.remittance_text, lacking):
        return None
    return Relation(Difference.PARTIAL, NAMED_DEDUCTION_LOG, 0, lacking, free=True)


def surplus(payment: PaymentFacts, total_minor: int) -> Relation:
    """More than everything that is named: rare, and the surplus may be anything."""
    lacking = total_minor - payment.amount_minor
    chance = log_density(payment.amount_minor)
    return Relation(Difference.NONE, SURPLUS_LOG + chance, 0, lacking, free=True)
