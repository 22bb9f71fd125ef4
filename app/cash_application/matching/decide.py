"""One payment by itself: all strategies over its likely accounts, weighed against each other."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.cash_application.matching.amounts import relation
from app.cash_application.matching.confidence import (
    is_second_solution,
    is_tie,
    log_sum,
    raw_odds,
    something_else_log,
    strongest_first,
)
from app.cash_application.matching.doubts import mark_doubtful
from app.cash_application.matching.hypotheses import Case, Hypothesis, any_set_log, build, text_weight
from app.cash_application.matching.item_sets import twins_log
from app.cash_application.matching.payer import NAMED_NATS
from app.cash_application.matching.strategies import SINGLE_LOG, STRATEGIES, exactly_named
from app.cash_application.matching.types import ItemKind, OpenItem

ACCOUNTS_LIMIT = 6
SETTLED_FROM = "one_item"
ALWAYS_ASKED = ("remittance_lines", "text_lines", "references")
"""What the text says is weighed against items of the same amount before anything is settled."""

SURE_NATS = 12.0
TEXT_SURE_NATS = 6.0
AMOUNT_ONLY_LIMIT = 8


@dataclass(slots=True)
class Verdict:
    """The ranked answers of one payment; `raw` is the log-odds of the first, `total` the weight of
    everything.
    """

    case: Case
    ranked: list[Hypothesis] = field(default_factory=list)
    raw: float = -25.0
    total: float = 0.0
    tie: bool = False
    seen: dict[str, int] = field(default_factory=dict)

    @property
    def best(self) -> Hypothesis | None:
        """The weightiest answer."""
        return self.ranked[0] if self.ranked else None


def decide(case: Case) -> Verdict:
    """Ask the strategies in order, for every likely account, until no later one could change the answer."""
    accounts = likely_accounts(case)
    something_else = something_else_log(case, _named_sums(case, accounts))
    found: list[Hypothesis] = []
    ranked: list[Hypothesis] = []
    for name, strategy in STRATEGIES:
        before = len(found)
        for account_id in accounts:
            found.extend(strategy(case, account_id))
        if len(found) == before and (name != SETTLED_FROM or not found):
            continue
        if name in ALWAYS_ASKED:
            continue
        ranked = strongest_first(found)
        if _is_settled(case, ranked, something_else):
            break
    if not ranked or not (_is_settled(case, ranked, something_else) or _names_payer(case)):
        found.extend(_by_amount_alone(case))
        ranked = strongest_first(found)
    return verdict_of(case, ranked, something_else)


def verdict_of(case: Case, ranked: list[Hypothesis], something_else: float) -> Verdict:
    """Weigh ranked answers against each other and against everything else."""
    verdict = Verdict(case, ranked)
    verdict.total = log_sum([something_else, *(hypothesis.weight for hypothesis in ranked)])
    if ranked:
        twins = twins_log(case, ranked[0])
        against = something_else if twins is None else log_sum([something_else, twins])
        verdict.raw = raw_odds(ranked[0], ranked[1:], against)
        verdict.tie = is_tie(ranked)
        if len(ranked) > 1 and is_second_solution(ranked[0], ranked[1]):
            ranked[0].never_automatic, ranked[0].doubt = True, "second"
        verdict.seen = {item.id: case.index.remaining[item.id] for item in ranked[0].items}
        mark_doubtful(case, ranked[0])
    return verdict


def likely_accounts(case: Case) -> list[str]:
    """Accounts worth looking at: those the payer evidence names, and owners of what the text names."""
    weights: dict[str, float] = {}
    for account_id, evidence in case.payers.items():
        weights[account_id] = evidence.nats
    if case.payment.account_id is not None:
        allowed = set(case.accounts.group(case.payment.account_id))
        return sorted(allowed & (weights.keys() | allowed), key=lambda a: (-weights.get(a, 0.0), a))[:ACCOUNTS_LIMIT]
    owners: dict[str, float] = {}
    for item, text in case.mentions.values():
        owners[item.account_id] = max(owners.get(item.account_id, 0.0), text.nats)
    for account_id, nats in owners.items():
        weights[account_id] = weights.get(account_id, 0.0) + nats
    return sorted(weights, key=lambda account_id: (-weights[account_id], account_id))[:ACCOUNTS_LIMIT]


def _named_sums(case: Case, accounts: list[str]) -> list[tuple[str, int, float]]:
    sums = []
    for account_id in accounts:
        named = exactly_named(case, account_id)
        if named:
            total = sum(case.open_of(item) for item in named)
            prior = any_set_log(len(case.pool(account_id)), len(named))
            sums.append((account_id, total, text_weight(case, named) + prior))
    return sums


def _is_settled(case: Case, ranked: list[Hypothesis], something_else: float) -> bool:
    """A text that names the items and an amount that agrees: later strategies look where no text points."""
    best = ranked[0]
    if best.text < TEXT_SURE_NATS * len(best.items) or best.relation.free:
        return False
    if best.leaves_rest and any(item.kind is ItemKind.CREDIT_MEMO for item in case.pool(best.account_id)):
        return False  # a credit memo may be what is lacking
    runner_up = max([something_else, *(other.weight for other in ranked[1:])])
    return best.weight - runner_up >= SURE_NATS


def _names_payer(case: Case) -> bool:
    return any(evidence.nats >= NAMED_NATS for evidence in case.payers.values())


def _by_amount_alone(case: Case) -> list[Hypothesis]:
    """No payer is known: items of any account with just this amount; the text has to confirm one of them."""
    payment = case.payment
    items: list[OpenItem] = [
        item
        for item in case.index.by_amount.get((payment.legal_entity_id, payment.currency, payment.amount_minor), ())
        if case.index.is_open_for(item, payment) and case.open_of(item) == payment.amount_minor
    ]
    if not items or len(items) > AMOUNT_ONLY_LIMIT or payment.account_id is not None:
        return []
    if case.names_numbers:
        case.look_closely(items)
    found = []
    for item in items:
        taken, late = case.discounts((item,))
        fitting = relation(payment, case.open_of(item), taken, late, case.settings)
        if fitting is not None:
            structure = SINGLE_LOG - max(4.0, len(case.index.items).bit_length() * 0.7)
            hypothesis = build(case, "amount_alone", item.account_id, (item,), fitting, structure)
            hypothesis.never_automatic = hypothesis.text <= 0
            found.append(hypothesis)
    return found
