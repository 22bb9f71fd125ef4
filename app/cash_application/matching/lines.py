"""Payers who say how a payment is split: remittance lines of a file or an advice, and amounts beside the numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from math import log

from app.cash_application.matching.amounts import Relation
from app.cash_application.matching.hypotheses import Case, Hypothesis, build_lines
from app.cash_application.matching.text_amounts import amounts_in
from app.cash_application.matching.types import Difference, ItemKind, OpenItem, RemittanceLine
from app.core.reference_keys import clean, number_keys

LINES_LOG = log(0.9)
STRUCTURE_LOG = -1.0
GAP_LIMIT = 14
LINES_LIMIT = 400
Split = list[tuple[OpenItem, RemittanceLine]]


def remittance_lines(case: Case, account_id: str) -> Iterable[Hypothesis]:
    """Lines that name documents, and whose amounts add up to the payment: the payer said it all.

    An amount that is not said is what the document has open; a line of a credit memo counts against the others,
    whatever its sign.
    """
    lines = case.payment.referred_documents
    if not lines or len(lines) > LINES_LIMIT:
        return
    for reading in _readings(lines):
        split = _split(case, account_id, reading)
        if split and sum(line.amount_minor or 0 for _, line in split) == case.payment.amount_minor:
            yield _hypothesis(case, "remittance_lines", account_id, split)
            return


def _readings(lines: Sequence[RemittanceLine]) -> Iterator[Sequence[RemittanceLine]]:
    """As given; and, where that does not add up, with amounts before discounts and deductions."""
    yield lines
    if any(line.amount_minor is not None and (line.discount_minor or line.deduction_minor) for line in lines):
        yield [
            line
            if line.amount_minor is None
            else replace(line, amount_minor=line.amount_minor - line.discount_minor - line.deduction_minor)
            for line in lines
        ]


def _split(case: Case, account_id: str, lines: Sequence[RemittanceLine]) -> Split:
    """Every line with the items it pays; empty where one of them is not clear."""
    split: Split = []
    used: set[str] = set()
    for line in lines:
        parts = _parts_of(case, account_id, line.number, used)
        paid = _paid(case, line, parts) if parts else []
        if not paid:
            return []
        split.extend(paid)
        used.update(item.id for item, _ in paid)
    return split


def _parts_of(case: Case, account_id: str, number: str, used: set[str]) -> list[OpenItem]:
    """The open parts of the one document of the payer's group that the number names, the earliest due first."""
    for key in number_keys(number)[:2]:
        fitting = {
            hit[0].id: hit[0]
            for hit in case.index.find(key, case.payment)
            if hit[0].id not in used and case.accounts.same_group(hit[0].account_id, account_id)
        }
        if len({item.document_id for item in fitting.values()}) == 1:
            return sorted(fitting.values(), key=lambda item: (item.due_date, item.id))
        own = [item for item in fitting.values() if item.number == number]
        if len({item.document_id for item in own}) == 1:
            return sorted(own, key=lambda item: (item.due_date, item.id))
        if fitting:
            return []
    return []


def _paid(case: Case, line: RemittanceLine, parts: list[OpenItem]) -> Split:
    """The line on one part of its document that has just this open, else on the parts in their order."""
    if parts[0].kind is ItemKind.CREDIT_MEMO:
        taken = case.index.remaining[parts[0].id]
        given = taken if line.amount_minor is None else abs(line.amount_minor)
        return [(parts[0], replace(line, amount_minor=-given))] if 0 < given <= taken else []
    if line.amount_minor is None:
        if len(parts) > 1:
            return []
        net = case.index.remaining[parts[0].id] - line.discount_minor - line.deduction_minor
        return [(parts[0], replace(line, amount_minor=net))] if net > 0 else []
    if line.amount_minor <= 0:
        return []
    settles = line.amount_minor + line.discount_minor
    for part in parts:
        if case.index.remaining[part.id] == settles + line.deduction_minor:
            return [(part, line)]
    for part in parts:
        if len(parts) == 1 and settles == case.index.remaining[part.id] - case.discounts((part,))[0]:
            return [(part, replace(line, discount_minor=line.discount_minor + case.discounts((part,))[0]))]
    if settles <= case.index.remaining[parts[0].id]:
        return [(parts[0], line)]
    return [] if line.discount_minor or line.deduction_minor else _over_parts(case, line, parts)


def _over_parts(case: Case, line: RemittanceLine, parts: list[OpenItem]) -> Split:
    left = line.amount_minor or 0
    split: Split = []
    for part in parts:
        taken = min(left, case.index.remaining[part.id])
        if taken > 0:
            split.append((part, replace(line, amount_minor=taken)))
            left -= taken
    return split if left == 0 else []


def text_lines(case: Case, account_id: str) -> Iterable[Hypothesis]:
    """The free text gives an amount behind every document that it names, and they add up to the payment."""
    text = case.payment.remittance_text
    amounts = amounts_in(text)
    if not amounts:
        return
    spoken = _amounts_beside_numbers(case, account_id, clean(text), amounts)
    if not spoken or sum(minor for _, minor in spoken) != case.payment.amount_minor:
        return
    split = _split(case, account_id, [RemittanceLine(number, minor) for number, minor in spoken])
    if split and sum(line.amount_minor or 0 for _, line in split) == case.payment.amount_minor:
        yield _hypothesis(case, "text_lines", account_id, split)


def _amounts_beside_numbers(
    case: Case, account_id: str, text: str, amounts: Sequence[tuple[int, int, int, bool]]
) -> list[tuple[str, int]]:
    """Numbers of documents and the amount behind each, in the order of the text; empty where one has none."""
    named: dict[tuple[int, int], str] = {}
    for item, mention in case.mentions.values():
        token = mention.mentions[0].token if mention.mentions else None
        if token is None or token.start < 0 or not mention.exact:
            continue
        if case.accounts.same_group(item.account_id, account_id):
            named[token.start, token.end] = item.number
    places = sorted(named)
    spoken: list[tuple[str, int]] = []
    for position, (start, end) in enumerate(places):
        following = places[position + 1][0] if position + 1 < len(places) else len(text)
        beside = [a for a in amounts if end <= a[0] and a[1] <= following and not _digits_in(text[end : a[0]])]
        if not beside or beside[0][0] - end > GAP_LIMIT:
            return []
        spoken.append((named[start, end], beside[0][2]))
    return spoken


def _digits_in(text: str) -> bool:
    return any(char.isdigit() for char in text)


def _hypothesis(case: Case, strategy: str, account_id: str, split: Split) -> Hypothesis:
    items = tuple(item for item, _ in split)
    lacking = sum(case.open_of(item) for item in items) - case.payment.amount_minor
    kind = Difference.NONE if lacking == 0 else Difference.PARTIAL
    lines = tuple(line for _, line in split)
    return build_lines(case, strategy, account_id, items, Relation(kind, LINES_LOG, 0, lacking), STRUCTURE_LOG, lines)
