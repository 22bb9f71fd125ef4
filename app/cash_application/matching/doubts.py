"""What keeps an answer from being applied without a person although it is the likeliest: another reading fits too.

Odds compare what was found; these rules look at what an answer leaves unsaid. Each is a question that a careful clerk
would ask, and each only lowers an answer to a proposal.
"""

from __future__ import annotations

from app.cash_application.matching.hypotheses import Case, Hypothesis
from app.cash_application.matching.payer import NAMED_NATS
from app.cash_application.matching.text_evidence import ItemText, Mention, overlap
from app.cash_application.matching.types import Difference, ItemKind, OpenItem

DOUBT_TEXTS = {
    "stranger": "The payer is another customer; somebody has to say that it pays for this one",
    "unconfirmed": "Neither payer nor amount confirms the document that the text names",
    "rest": "What stays open has two readings: a part, a discount, a netted credit or a surplus",
    "contradicted": "The text also names something else, or too little of what would be paid",
    "second": "Another set of open items has the same sum",
    "": "Payer or evidence does not allow this without a person's consent",
}
SURE_TEXT_NATS = 9.0
NEXT_PART_SHARE = 4
UNNAMED_LIMIT = 3


def mark_doubtful(case: Case, hypothesis: Hypothesis) -> None:
    """Keep from automatic application what has two readings, what nothing confirms, and what a stranger would pay."""
    doubt = _doubt(case, hypothesis)
    if doubt:
        hypothesis.never_automatic, hypothesis.doubt = True, doubt


def _doubt(case: Case, hypothesis: Hypothesis) -> str:
    """The code of the first doubt; empty without one."""
    strangers = [item for item in hypothesis.items if is_stranger(case, item.account_id)]
    if strangers and not _is_paid_for(case, hypothesis, strangers):
        return "stranger"
    if hypothesis.relation.free and not _is_confirmed(case, hypothesis):
        return "unconfirmed"
    if hypothesis.leaves_rest and _is_doubtful_rest(case, hypothesis):
        return "rest"
    return "contradicted" if _is_contradicted(case, hypothesis) else ""


def is_stranger(case: Case, account_id: str) -> bool:
    """Whether the payment names an account unrelated to this one: it pays for it only when a person says so.

    Factors pay for anybody.
    """
    if case.payer_nats(account_id) >= NAMED_NATS:
        return False
    named = [other for other, evidence in case.payers.items() if evidence.nats >= NAMED_NATS]
    known = case.accounts.accounts
    if any(other in known and known[other].is_factor for other in named):
        return False
    return bool(named) and not any(case.accounts.same_group(account_id, other) for other in named)


def _is_paid_for(case: Case, hypothesis: Hypothesis, strangers: list[OpenItem]) -> bool:
    """Whether somebody known only from earlier payments pays for others, as factors and treasuries do.

    Every document is named undamaged, the amounts agree exactly, and neither master data nor a person says that the
    payer is another customer.
    """
    if any(evidence.is_stated and evidence.nats >= NAMED_NATS for evidence in case.payers.values()):
        return False
    exact = hypothesis.relation.kind is Difference.NONE and hypothesis.relation.difference_minor == 0
    return exact and all(
        item.id in case.mentions and case.mentions[item.id][1].exact and case.text_nats(item) >= SURE_TEXT_NATS
        for item in strangers
    )


def _is_confirmed(case: Case, hypothesis: Hypothesis) -> bool:
    """Where the amount does not agree, the payer has to, or two numbers of every item."""
    return hypothesis.payer >= NAMED_NATS or all(
        item.id in case.mentions and len(case.mentions[item.id][1].mentions) > 1 for item in hypothesis.items
    )


def _is_doubtful_rest(case: Case, hypothesis: Hypothesis) -> bool:
    """Whether what is left open has two readings, and they leave something else open.

    Between the discounted and the full amount: a discount with a surplus, or a part. Beside open credit memos that
    would fit into what is lacking: they were netted, or it is a part. Just above an instalment: a surplus, or a bit
    of the next one.
    """
    relation = hypothesis.relation
    if relation.late_discount or hypothesis.lines:
        return False
    if relation.difference_minor < offered_discount(case, hypothesis.items):
        return True
    if not relation.free:
        return False
    if _begins_next_part(case, hypothesis):
        return True
    account_id = hypothesis.items[0].account_id
    return any(
        item.kind is ItemKind.CREDIT_MEMO
        and item not in hypothesis.items
        and case.index.remaining[item.id] <= relation.difference_minor
        for item in case.pool(account_id)
    )


def offered_discount(case: Case, items: tuple[OpenItem, ...]) -> int:
    """Discounts of the items that are not partly paid, earned or not."""
    return sum(item.discount_minor for item in items if case.index.remaining[item.id] == item.amount_minor)


def _begins_next_part(case: Case, hypothesis: Hypothesis) -> bool:
    if len(hypothesis.items) < 2:
        return False
    last = case.open_of(hypothesis.items[-1])
    return (last - hypothesis.relation.difference_minor) * NEXT_PART_SHARE < last


def _is_contradicted(case: Case, hypothesis: Hypothesis) -> bool:
    """Whether the text names, undamaged or in the shape of a real number, something else than what is paid.

    A repaired reading of a number that is another document's own, and an amount that agrees by itself while the text
    names another document, may both be chance: of one amount there is often a second.
    """
    if hypothesis.lines:
        return False
    chosen = {item.id for item in hypothesis.items}
    loose = [item for item in hypothesis.items if not _is_exact(case, item)]
    if not loose and not hypothesis.relation.free:
        return False
    unnamed = [item for item in loose if item.id not in case.mentions]
    if hypothesis.strategy == "references_completed" and len(unnamed) >= UNNAMED_LIMIT:
        return True  # three items of many reach almost any sum
    differs = hypothesis.relation.difference_minor and not hypothesis.relation.late_discount
    if differs and len(unnamed) > 1 and hypothesis.text > 0:
        return True  # a range of sums is reached by chance
    if any(_names_instead(case, hypothesis, item, text, chosen) for item, text in case.mentions.values()):
        return True
    return any(_is_other_number(case, hypothesis, item) for item in loose)


def _is_exact(case: Case, item: OpenItem) -> bool:
    return item.id in case.mentions and case.mentions[item.id][1].exact


def _names_instead(case: Case, hypothesis: Hypothesis, item: OpenItem, text: ItemText, chosen: set[str]) -> bool:
    """Whether this unpaid item is named undamaged: one of the payer's own, or a stranger's with just this amount."""
    if item.id in chosen or not text.exact or not case.index.is_open_for(item, case.payment):
        return False
    if any(item.document_id == other.document_id for other in hypothesis.items):
        return False
    named = [mention for mention in text.mentions if mention.quality == "exact"]
    if all(_is_explained(case, mention, hypothesis.items) for mention in named):
        return False
    if case.accounts.same_group(item.account_id, hypothesis.account_id):
        return item.kind is ItemKind.INVOICE or hypothesis.relation.free
    return abs(case.open_of(item)) == case.payment.amount_minor


def _is_explained(case: Case, mention: Mention, items: tuple[OpenItem, ...]) -> bool:
    """Whether one of the items is named as well by the same stretch of text."""
    return any(
        other.quality == "exact" and overlap(other.token, mention.token)
        for item in items
        if item.id in case.mentions
        for other in case.mentions[item.id][1].mentions
    )


def _is_other_number(case: Case, hypothesis: Hypothesis, item: OpenItem) -> bool:
    """Whether the text has a whole number of the item's own format that is another number.

    For an item that is paid in full one slip of the payer explains it, more than one does not; an item without any
    mention, or one that is paid in part, has nothing else to speak for it.
    """
    mention = case.mentions.get(item.id)
    if mention is not None and len(mention[1].mentions) > 1:
        return False
    if mention is not None and mention[1].nats > 0 and not hypothesis.relation.free:
        first = mention[1].mentions[0]
        return first.distance > 1 and case.index.formats.has_shape_of(first.token.raw, item.number)
    paid = [case.mentions[other.id][1] for other in hypothesis.items if other.id in case.mentions]
    read = [m.token for text in paid if text.exact for m in text.mentions]
    formats = case.index.formats
    return any(
        formats.has_shape_of(token.raw, item.number) and not any(overlap(token, other) for other in read)
        for token in case.tokens
        if token.kind in ("structured", "whole", "joined", "digits") and not case.is_own_number(token)
    )
