"""From a weighed answer to a proposal: allocations that add up to the cent, scores and reasons in words."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp

from app.cash_application.matching.amounts import discount_of
from app.cash_application.matching.doubts import DOUBT_TEXTS
from app.cash_application.matching.hypotheses import Case, Hypothesis
from app.cash_application.matching.index import ItemIndex
from app.cash_application.matching.text_amounts import deduction_word
from app.cash_application.matching.types import (
    Allocation,
    Alternative,
    Band,
    Difference,
    ItemKind,
    OpenItem,
    PaymentFacts,
    Proposal,
    Reason,
    ResidualTreatment,
    Scores,
)
from app.core.money import CurrencyUnknown, to_text
from app.core.money import allocate as split

ALTERNATIVES_LIMIT = 4
REASONS_LIMIT = 12
STRATEGY_TEXTS = {
    "remittance_lines": "The remittance lines name the documents and add up to the payment",
    "text_lines": "The text gives an amount for every document that it names, and they add up to the payment",
    "references": "The documents named in the text add up to the payment",
    "references_part": "The text names the documents, and the payment pays them in part",
    "references_some": "Some of the documents named in the text add up to the payment",
    "references_surplus": "The text names the documents; the payment is more than they need",
    "references_completed": "Readable and damaged numbers, completed by amount, add up to the payment",
    "one_item": "One open item has just this amount",
    "amount_alone": "One open item of any account has just this amount",
    "part_payment": "The text names an item with a damaged number, and the payment pays it in part",
    "account_balance": "The payment is the balance of the account",
    "all_due": "The payment is everything that is due",
    "due_date": "The payment is everything of one due date",
    "due_until": "The payment is everything due until one date",
    "invoice_month": "The payment is all invoices of one month",
    "neighbours": "Items that follow each other add up to the payment",
    "neighbours_but_one": "Items that follow each other, but for one, add up to the payment",
    "neighbours_but_two": "Items that follow each other, but for two, add up to the payment",
    "pair": "One pair of open items adds up to the payment",
    "triple": "One triple of open items adds up to the payment",
    "subset": "One set of open items adds up to the payment",
    "several_payments": "This and other payments of the payer together settle the item",
    "oldest_first": "Nothing decides: the oldest items first",
}


def allocate(index: ItemIndex, hypothesis: Hypothesis, payment: PaymentFacts) -> tuple[tuple[Allocation, ...], int]:
    """Allocations of the answer with what is left of the items now, and the residual of the payment.

    Credit memos are netted in full; invoices take discounts, then a small write-off or charge on the largest
    item; a part payment fills the items in their order. Never more than the payment has or an item has open.
    """
    if hypothesis.lines:
        return _by_lines(hypothesis, payment)
    left = payment.amount_minor + sum(
        index.remaining[item.id] for item in hypothesis.items if item.kind is ItemKind.CREDIT_MEMO
    )
    reason = _deduction_reason(hypothesis, payment)
    discounts = _discounts(index, hypothesis, payment)
    write_offs = _write_offs(index, hypothesis)
    kept = _kept_back(index, hypothesis, payment)
    allocations = []
    for item in hypothesis.items:
        open_minor = index.remaining[item.id]
        if item.kind is ItemKind.CREDIT_MEMO:
            allocations.append(Allocation(item.id, -open_minor))
            continue
        discount, write_off = discounts.get(item.id, 0), write_offs.get(item.id, 0)
        cash = min(left, open_minor - discount - write_off - kept.get(item.id, 0))
        if cash <= 0:
            continue
        left -= cash
        lacking = open_minor - cash - discount - write_off
        if reason is not None and lacking > 0:
            allocations.append(Allocation(item.id, cash, discount, write_off, lacking, reason, Difference.DEDUCTION))
            continue
        difference = _difference(hypothesis, cash, discount, write_off, open_minor)
        allocations.append(Allocation(item.id, cash, discount, write_off, difference=difference))
    return tuple(allocations), left


def _deduction_reason(hypothesis: Hypothesis, payment: PaymentFacts) -> str | None:
    """What the text gives as the reason for paying one item short; it then is disputed, not merely open."""
    relation = hypothesis.relation
    if len(hypothesis.items) != 1 or relation.kind is not Difference.PARTIAL or relation.difference_minor <= 0:
        return None
    return deduction_word(payment.remittance_text)


def _by_lines(hypothesis: Hypothesis, payment: PaymentFacts) -> tuple[tuple[Allocation, ...], int]:
    allocations = tuple(
        Allocation(
            item.id,
            line.amount_minor or 0,
            line.discount_minor,
            0,
            line.deduction_minor,
            line.deduction_reason,
            Difference.DEDUCTION if line.deduction_minor else Difference.NONE,
        )
        for item, line in zip(hypothesis.items, hypothesis.lines, strict=True)
    )
    return allocations, payment.amount_minor - sum(allocation.amount_minor for allocation in allocations)


def _discounts(index: ItemIndex, hypothesis: Hypothesis, payment: PaymentFacts) -> dict[str, int]:
    if not hypothesis.relation.discount_minor:
        return {}
    settings = index.settings
    offered = {
        item.id: discount_of(item, index.remaining[item.id], payment.value_date, settings)
        for item in hypothesis.items
        if item.kind is ItemKind.INVOICE
    }
    taken = hypothesis.relation.discount_minor
    if 0 < taken < sum(offered.values()):  # counted from the net of credit memos
        return dict(zip(offered, split(taken, list(offered.values())), strict=True))
    return offered


def _kept_back(index: ItemIndex, hypothesis: Hypothesis, payment: PaymentFacts) -> dict[str, int]:
    """What stays open by item when several are paid: late discounts where they belong, the rest on the largest."""
    relation = hypothesis.relation
    if not hypothesis.leaves_rest or relation.free or len(hypothesis.items) < 2:
        return {}
    invoices = [item for item in hypothesis.items if item.kind is ItemKind.INVOICE]
    if relation.late_discount:
        return {
            item.id: item.discount_minor
            for item in invoices
            if item.discount_minor
            and not discount_of(item, index.remaining[item.id], payment.value_date, index.settings)
        }
    largest = max(invoices, key=lambda item: (index.remaining[item.id], item.id))
    room = index.remaining[largest.id] - 1
    return {largest.id: min(room, relation.difference_minor)}


def _write_offs(index: ItemIndex, hypothesis: Hypothesis) -> dict[str, int]:
    """A tolerated shortfall or bank charge goes to the largest invoice, which can bear it."""
    relation = hypothesis.relation
    if relation.kind not in (Difference.WRITE_OFF, Difference.BANK_CHARGE) and not (
        relation.kind is Difference.DISCOUNT and relation.difference_minor > 0
    ):
        return {}
    invoices = [item for item in hypothesis.items if item.kind is ItemKind.INVOICE]
    largest = max(invoices, key=lambda item: (index.remaining[item.id], item.id))
    return {largest.id: max(0, relation.difference_minor)}


def _difference(hypothesis: Hypothesis, cash: int, discount: int, write_off: int, open_minor: int) -> Difference:
    if write_off:
        charge = hypothesis.relation.kind is Difference.BANK_CHARGE
        return Difference.BANK_CHARGE if charge else Difference.WRITE_OFF
    if cash + discount < open_minor:
        return Difference.PARTIAL
    return Difference.DISCOUNT if discount else Difference.NONE


def proposal_of(
    case: Case, hypothesis: Hypothesis, others: Sequence[Hypothesis], confidence: float, raw: float, band: Band
) -> Proposal:
    """The proposal of one answer."""
    payment = case.payment
    allocations, residual = allocate(case.index, hypothesis, payment)
    treatment = ResidualTreatment.ON_ACCOUNT if residual else ResidualTreatment.NOTHING_LEFT
    return Proposal(
        payment_id=payment.id,
        account_id=hypothesis.account_id,
        allocations=allocations,
        residual_minor=residual,
        residual_treatment=treatment,
        strategy=hypothesis.strategy,
        confidence=confidence,
        band=band,
        scores=_scores(hypothesis, raw),
        reasons=_reasons(case, hypothesis),
        alternatives=alternatives_of(others, hypothesis),
        raw_score=raw,
    )


def abstention(
    payment: PaymentFacts,
    reason: Reason,
    account_id: str | None = None,
    alternatives: tuple[Alternative, ...] = (),
    raw: float = -25.0,
    duplicate_of: str | None = None,
) -> Proposal:
    """No allocation: the payment stays on the account, unidentified, or on hold, and the reason says why."""
    if duplicate_of is not None:
        treatment = ResidualTreatment.HOLD
    elif account_id is None:
        treatment = ResidualTreatment.UNIDENTIFIED
    else:
        treatment = ResidualTreatment.ON_ACCOUNT
    return Proposal(
        payment_id=payment.id,
        account_id=account_id,
        allocations=(),
        residual_minor=payment.amount_minor,
        residual_treatment=treatment,
        strategy="none",
        confidence=0.0,
        band=Band.NONE,
        reasons=(reason,),
        alternatives=alternatives,
        raw_score=raw,
        duplicate_of=duplicate_of,
    )


def alternatives_of(others: Sequence[Hypothesis], best: Hypothesis | None = None) -> tuple[Alternative, ...]:
    """The next best answers, with their weight relative to the best one."""
    top = best.weight if best is not None else (others[0].weight if others else 0.0)
    return tuple(
        Alternative(
            other.account_id,
            tuple(sorted(item.id for item in other.items)),
            other.strategy,
            round(1 / (1 + exp(min(30.0, max(-30.0, top - other.weight)))), 4),
        )
        for other in others[:ALTERNATIVES_LIMIT]
    )


def _scores(hypothesis: Hypothesis, raw: float) -> Scores:
    def squash(nats: float, scale: float) -> float:
        return round(1 - exp(-max(0.0, nats) / scale), 3)

    return Scores(
        reference=squash(hypothesis.text / max(1, len(hypothesis.items)), 6.0),
        amount=round(exp(hypothesis.relation.log_probability), 3) if not hypothesis.relation.free else 0.2,
        payer=squash(hypothesis.payer, 4.0),
        date=round(exp(hypothesis.date), 3),
        uniqueness=round(1 / (1 + exp(-raw)), 4),
    )


def _money(minor: int, currency: str) -> str:
    try:
        return f"{currency} {to_text(minor, currency)}"
    except CurrencyUnknown:  # labelled data of others name what they like
        return f"{minor} minor units of {currency}"


def _reasons(case: Case, hypothesis: Hypothesis) -> tuple[Reason, ...]:
    reasons = [Reason(f"strategy.{hypothesis.strategy}", STRATEGY_TEXTS.get(hypothesis.strategy, ""))]
    relation = hypothesis.relation
    if relation.discount_minor:
        reasons.append(Reason("amount.discount", "The early-payment discount is taken by value date"))
    if relation.late_discount:
        reasons.append(Reason("amount.discount_late", "A discount was taken after its date; that part stays open"))
    elif not relation.free and relation.difference_minor:
        what = "less" if relation.difference_minor > 0 else "more"
        difference = _money(abs(relation.difference_minor), case.payment.currency)
        text = f"The payment is {difference} {what} than the open amounts"
        reasons.append(Reason(f"amount.{relation.kind}", text))
    elif not relation.free and not relation.discount_minor:
        reasons.append(Reason("amount.exact", "The amounts agree exactly"))
    for item in hypothesis.items[:REASONS_LIMIT]:
        reasons.extend(_mention_reasons(case, item))
    payer = case.payers.get(hypothesis.account_id)
    if payer is not None:
        reasons.extend(payer.reasons)
    if hypothesis.never_automatic:
        reasons.append(Reason(f"doubt.{hypothesis.doubt or 'unclear'}", DOUBT_TEXTS[hypothesis.doubt]))
    return tuple(reasons[: 2 * REASONS_LIMIT])


def _mention_reasons(case: Case, item: OpenItem) -> list[Reason]:
    mention = case.mentions.get(item.id)
    if mention is None:
        return []
    reasons = []
    for found in mention[1].mentions:
        number = item.number if found.field == 0 else item.references[found.field - 1]
        if found.quality == "exact":
            reasons.append(Reason("reference.exact", f"The text names {number}"))
        elif found.quality == "running":
            reasons.append(Reason("reference.running", f"{found.token.raw} is the running number of {number}"))
        elif found.quality == "repaired":
            text = f"{found.token.raw} is {number} but for {found.distance} damaged characters"
            reasons.append(Reason("reference.repaired", text))
        else:
            reasons.append(Reason(f"reference.{found.quality}", f"{found.token.raw} is a part of {number}"))
    return reasons
