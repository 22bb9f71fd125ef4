"""One possible answer for one payment, and what it weighs: all components are logarithms of probabilities
(nats).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from math import comb, log

from app.cash_application.matching.amounts import Relation, discount_of
from app.cash_application.matching.index import ItemIndex, signed
from app.cash_application.matching.payer import AccountIndex, PayerEvidence
from app.cash_application.matching.references import Token
from app.cash_application.matching.text_evidence import ItemText, mention_of_items, overlap, repaired_mentions
from app.cash_application.matching.types import Difference, ItemKind, OpenItem, PaymentFacts, RemittanceLine, Settings
from app.core.money import prorate
from app.core.reference_keys import clean

UNREFERENCED_LOG = log(0.03)
"""An item is paid without a word although the text does name numbers."""

UNREFERENCED_CUT_LOG = log(0.2)
"""The same where the text was cut at the end of the bank's field."""

TRUNCATED_LENGTHS = frozenset((18, 27, 35, 54, 65, 70, 80, 105, 108, 130, 140))
"""Usual lengths of remittance texts: one to four lines of 27 or 35, BACS 18, ACH addenda 80, SEPA 140."""

_OTHER_INCOME = re.compile(
    r"\b(?:REFUNDS?|INTEREST|TAX|DIVIDENDS?|LOAN|SALAR(?:Y|IES)|PAYROLL|CASHBACK|ZINS(?:EN)?|ERSTATTUNG|STEUER\w*|"
    r"RUCKERSTATTUNG|RUCKZAHLUNG|DIVIDENDE|DARLEHEN|GEHALT|LOHN|INTERETS?|REMBOURSEMENT|IMPOTS?|RIMBORSO|"
    r"INTERESSI|DEVOLUCION|INTERESES|RENTE|BELASTINGDIENST|FINANZAMT)\b"
)

DATE_FREE_DAYS = 150
DATE_STEP_DAYS = 60
DATE_COST_LIMIT = 6.0
EARLY_FREE_DAYS = 75


@dataclass(slots=True)
class Case:
    """Everything known about one payment while its answer is sought."""

    payment: PaymentFacts
    tokens: tuple[Token, ...]
    mentions: dict[str, tuple[OpenItem, ItemText]]
    payers: dict[str, PayerEvidence]
    index: ItemIndex
    accounts: AccountIndex
    settings: Settings
    pools: dict[str, list[OpenItem]] = field(default_factory=dict)
    repaired: set[str] = field(default_factory=set)
    _read: set[str] = field(default_factory=set)
    _number_tokens: list[Token] | None = None
    _is_cut: bool | None = None

    def pool(self, account_id: str) -> list[OpenItem]:
        """The account's items open for this payment; remembered."""
        known = self.pools.get(account_id)
        if known is None:
            known = self.pools[account_id] = self.index.pool(account_id, self.payment)
        return known

    def payer_nats(self, account_id: str) -> float:
        """Weight of the account as the payer."""
        evidence = self.payers.get(account_id)
        return evidence.nats if evidence else 0.0

    def text_nats(self, item: OpenItem) -> float:
        """Weight of the text for the item; below zero when the text names numbers, but not its."""
        mention = self.mentions.get(item.id)
        if mention is not None and mention[1].nats > 0:
            return mention[1].nats
        return self.unnamed_nats

    @property
    def unnamed_nats(self) -> float:
        """Weight of a text that does not name an item; little where the text was cut, nothing where it names none."""
        if not self.names_numbers:
            return 0.0
        return UNREFERENCED_CUT_LOG if self.is_cut else UNREFERENCED_LOG

    @property
    def is_cut(self) -> bool:
        """Whether the text fills a bank's field to its end, so that something may be missing."""
        if self._is_cut is None:
            text = self.payment.remittance_text
            lengths = {len(text.rstrip()), len("".join(text.splitlines()).rstrip())}
            lengths |= {length + 1 for length in lengths}  # a blank at the cut is lost
            self._is_cut = bool(lengths & TRUNCATED_LENGTHS) or min(lengths) >= max(TRUNCATED_LENGTHS)
        return self._is_cut

    @property
    def names_numbers(self) -> bool:
        """Whether the text seems to name documents."""
        return bool(self.mentions) or bool(self.number_tokens())

    @property
    def is_other_income(self) -> bool:
        """Whether the text speaks of money that is no receivable, such as interest or a tax refund."""
        return bool(_OTHER_INCOME.search(clean(self.payment.remittance_text)))

    def number_tokens(self) -> list[Token]:
        """Tokens that look like document numbers, at most one for each stretch of text; remembered."""
        if self._number_tokens is None:
            kept: list[Token] = []
            for token in self.tokens:
                plausible = token.kind in ("structured", "whole", "digits")
                if not plausible or not self.index.formats.looks_like_number(token.key):
                    continue
                if self.is_own_number(token):
                    continue
                if not any(overlap(token, other) for other in kept):
                    kept.append(token)
            self._number_tokens = kept
        return self._number_tokens

    def is_own_number(self, token: Token) -> bool:
        """Whether this is the number of an account that may be the payer: it names no document."""
        return not self.payers.keys().isdisjoint(self.accounts.by_number(token.key))

    def repair(self, account_id: str) -> None:
        """Look for damaged numbers of the account's items in the text; once per account."""
        if account_id not in self.repaired and self.tokens:
            self.repaired.add(account_id)
            self.mentions = repaired_mentions(self.index, self.payment, self.tokens, account_id, self.mentions)

    def look_closely(self, items: list[OpenItem]) -> None:
        """Look for damaged numbers of a few items that the amount points at, also in what names another item."""
        unread = [item for item in items if item.id not in self._read]
        self._read.update(item.id for item in unread)
        for item_id, (item, text) in mention_of_items(self.index, self.tokens, unread).items():
            known = self.mentions.get(item_id)
            if known is not None:
                text = ItemText([*known[1].mentions, *text.mentions]).settle()
            self.mentions[item_id] = (item, text)

    def open_of(self, item: OpenItem) -> int:
        """What is left of the item, negative for a credit memo."""
        return signed(item, self.index.remaining[item.id])

    def discounts(self, items: tuple[OpenItem, ...]) -> tuple[int, int]:
        """Discount that may be taken on the items by this value date, and discount that came too late.

        Beside credit memos that are netted a payer counts it from the net or from the gross: what was paid tells.
        """
        taken = late = credited = 0
        for item in items:
            if item.discount_minor:
                now = discount_of(item, self.index.remaining[item.id], self.payment.value_date, self.settings)
                taken += now
                late += item.discount_minor - now
            elif item.kind is ItemKind.CREDIT_MEMO:
                credited += self.index.remaining[item.id]
        if taken and credited:
            gross = sum(self.index.remaining[item.id] for item in items) - credited
            of_net = prorate(taken, max(0, gross - credited), gross)
            if gross - credited - of_net == self.payment.amount_minor:
                return of_net, late
        return taken, late


@dataclass(slots=True)
class Hypothesis:
    """`items` in the order of payment; `relation` says how the amount stands to their total.

    `structure` is the logarithm of how usual such a set is, `text`, `payer`, `date` weigh the other evidence.
    """

    strategy: str
    account_id: str
    items: tuple[OpenItem, ...]
    relation: Relation
    structure: float
    text: float = 0.0
    payer: float = 0.0
    date: float = 0.0
    lines: tuple[RemittanceLine, ...] = ()
    never_automatic: bool = False
    doubt: str = ""
    confidence: float = 0.0
    multiplicity: int = 1

    @property
    def weight(self) -> float:
        """The joint logarithm of probability, up to a constant of the payment."""
        return self.structure + self.relation.log_probability + self.text + self.payer + self.date

    @property
    def key(self) -> tuple[str, ...]:
        """Two hypotheses with the same key are the same answer: the same items, and the same one left open in part."""
        open_rest = self.is_part_payment or (len(self.items) == 1 and self.leaves_rest)
        return ("part" if open_rest else "whole", *sorted(item.id for item in self.items))

    @property
    def leaves_rest(self) -> bool:
        """Whether something of the items stays open, planned or not."""
        return self.relation.kind is Difference.PARTIAL and self.relation.difference_minor > 0

    @property
    def is_part_payment(self) -> bool:
        """Whether the last item is only partly paid by plan, not by a tolerated difference."""
        return self.relation.kind is Difference.PARTIAL and self.relation.free


def date_cost(case: Case, items: tuple[OpenItem, ...]) -> float:
    """How unusual the value date is for what is paid: nothing for months around the due date, then a little."""
    if not items:
        return 0.0
    worst = 0.0
    for item in items:
        late = (case.payment.value_date - item.due_date).days
        beyond = late - DATE_FREE_DAYS if late > 0 else -late - EARLY_FREE_DAYS
        if beyond > 0:
            worst = max(worst, min(DATE_COST_LIMIT, beyond / DATE_STEP_DAYS))
    return -worst


def any_set_log(pool_size: int, count: int) -> float:
    """Any `count` of `pool_size` open items, larger sets rarer: the prior of a set without an order of its
    own.
    """
    size = max(pool_size, count)
    return log(0.5) * count - log(max(1, comb(size, count)))


def build(
    case: Case,
    strategy: str,
    account_id: str,
    items: tuple[OpenItem, ...],
    relation: Relation,
    structure: float,
) -> Hypothesis:
    """A hypothesis with text, payer and date weighed; of equal parts of one document the earliest due are meant."""
    items = earliest_parts(case, items)
    return Hypothesis(
        strategy=strategy,
        account_id=account_id,
        items=items,
        relation=relation,
        structure=structure,
        text=text_weight(case, items),
        payer=payer_weight(case, account_id, items),
        date=date_cost(case, items),
    )


def build_lines(
    case: Case,
    strategy: str,
    account_id: str,
    items: tuple[OpenItem, ...],
    relation: Relation,
    structure: float,
    lines: tuple[RemittanceLine, ...],
) -> Hypothesis:
    """A hypothesis whose items are paid line by line, as the payer said; the lines stand in the order of the items."""
    weights = (text_weight(case, items), payer_weight(case, account_id, items), date_cost(case, items))
    return Hypothesis(strategy, account_id, items, relation, structure, *weights, lines)


def earliest_parts(case: Case, items: tuple[OpenItem, ...]) -> tuple[OpenItem, ...]:
    """The items, each equal instalment of a document exchanged for the earliest due one that is not there yet.

    A payer names documents, not instalments: of two equal ones the older is paid first, and that is no tie.
    """
    waiting: dict[str, list[OpenItem]] = {}
    chosen: list[OpenItem] = []
    for item in items:
        alike = case.index.exchangeable(item, case.payment)
        if len(alike) < 2:
            chosen.append(item)
            continue
        left = waiting.setdefault(alike[0].id, list(alike))
        chosen.append(left.pop(0))
    return tuple(chosen)


def text_weight(case: Case, items: tuple[OpenItem, ...]) -> float:
    """Sum of what the text says for each of the items."""
    return sum(text_shares(case, items))


def text_shares(case: Case, items: tuple[OpenItem, ...]) -> list[float]:
    """Weight of the text for each item; a stretch of damaged text speaks for one item only, an exact number for all
    that bear it.
    """
    if len(items) == 1:
        return [case.text_nats(items[0])]
    spent: list[Token] = []
    shares = [0.0] * len(items)
    unnamed = case.unnamed_nats
    weights = [case.text_nats(item) for item in items]
    for position in sorted(range(len(items)), key=lambda at: (-weights[at], items[at].id)):
        mention = case.mentions.get(items[position].id)
        shares[position] = weights[position] if mention is None else _unspent_nats(mention[1], spent, unnamed)
    return shares


def _unspent_nats(text: ItemText, spent: list[Token], unnamed: float) -> float:
    best = unnamed
    for mention in text.mentions:
        token = mention.token
        free = all(token.start < 0 or not (token.start < o.end and o.start < token.end) for o in spent)
        if free:
            best = text.nats if mention is text.mentions[0] else max(best, mention.nats)
            break
        if mention.quality == "exact" and any(token.key == other.key for other in spent):
            best = max(best, 2.0)
    spent.extend(mention.token for mention in text.mentions)
    return best


def payer_weight(case: Case, account_id: str, items: tuple[OpenItem, ...]) -> float:
    """Weight of the payer for the accounts whose items are paid: the least of them."""
    return min([case.payer_nats(item.account_id) for item in items] or [case.payer_nats(account_id)])
