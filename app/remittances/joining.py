"""Which payments an advice announced. Pure: the same advices and payments in any order give the same answer.

Evidence is the payment reference, the payer, and the date, in this order; the amount must always agree exactly. One
advice may be paid by several payments, and one payment may pay several advices. Whatever has two equally good answers
is left alone: a wrong join would hand a payment somebody else's lines.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import IntEnum
from itertools import combinations

PARTNERS_LIMIT = 12
"""So many payments of one payer (or advices for one) are tried together; with more, nothing is unique enough."""
TOGETHER_LIMIT = 4
EARLY_DAYS = 10
LATE_DAYS = 45
NEAR_DAYS = 5
NAMED_DAYS = 400
"""An advice without an announced day may be recorded long after its payment; its reference still tells which."""
CUT_NAME_MINIMUM = 8
SHARING_LIMIT = 200
"""So many may share a reference, a payer or an amount; where more do, nobody is told apart by it."""


class Evidence(IntEnum):
    """Why an advice and a payment belong together, the strongest last."""

    NONE = 0
    DATE = 1
    PAYER = 2
    REFERENCE = 3


@dataclass(frozen=True, slots=True)
class Advice:
    """An open advice. `accounts` are those that it may speak for; `expected` is announced, `received` known."""

    id: str
    currency: str
    amount_minor: int
    received: date
    legal_entity_id: str | None = None
    reference_key: str | None = None
    expected: date | None = None
    accounts: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    bank_identifier: str | None = None
    repeats: bool = False  # it may be a second copy of another advice: a person decides


@dataclass(frozen=True, slots=True)
class Receipt:
    """A payment with nothing applied yet. `reference_keys` are all numbers of its references and texts."""

    id: str
    legal_entity_id: str
    currency: str
    amount_minor: int
    value_date: date
    reference_keys: frozenset[str] = frozenset()
    accounts: frozenset[str] = frozenset()
    name: str | None = None
    bank_identifier: str | None = None


@dataclass(frozen=True, slots=True)
class Join:
    """These payments pay these advices, and the amounts add up. One of the two sides has one member."""

    advices: tuple[str, ...]
    payments: tuple[str, ...]
    evidence: Evidence


def evidence_of(advice: Advice, receipt: Receipt) -> Evidence:
    """How well the two fit besides their amounts; NONE where currency, legal entity, payer or date contradict."""
    if advice.currency != receipt.currency or advice.legal_entity_id not in (None, receipt.legal_entity_id):
        return Evidence.NONE
    days = (receipt.value_date - (advice.expected or advice.received)).days
    same = _same_payer(advice, receipt)
    if advice.reference_key is not None and advice.reference_key in receipt.reference_keys:
        contradicts = same is False and receipt.accounts and advice.accounts
        return Evidence.REFERENCE if _in_time(advice, days, NAMED_DAYS) and not contradicts else Evidence.NONE
    if not _in_time(advice, days, LATE_DAYS):
        return Evidence.NONE
    if same:
        return Evidence.PAYER
    near = advice.expected is not None and abs((receipt.value_date - advice.expected).days) <= NEAR_DAYS
    return Evidence.DATE if same is None and near else Evidence.NONE


def _in_time(advice: Advice, days: int, unannounced: int) -> bool:
    """Whether money may come so many days behind the announced day; `unannounced`: the bound where there is none."""
    return -EARLY_DAYS <= days <= LATE_DAYS if advice.expected is not None else abs(days) <= unannounced


def _same_payer(advice: Advice, receipt: Receipt) -> bool | None:
    """True, False, or None where one of the two says too little."""
    pairs: tuple[tuple[frozenset[str], frozenset[str]], ...] = (
        (advice.accounts, receipt.accounts),
        (_some(advice.bank_identifier), _some(receipt.bank_identifier)),
    )
    known = [bool(left & right) for left, right in pairs if left and right]
    if advice.names and receipt.name:
        known.append(any(_alike(name, receipt.name) for name in advice.names))
    return any(known) if known else None


def _alike(left: str, right: str) -> bool:
    """Equal names, or one is the other cut short, as bank fields do."""
    short, whole = sorted((left, right), key=len)
    return left == right or (len(short) >= CUT_NAME_MINIMUM and whole.startswith(short))


def _some(value: str | None) -> frozenset[str]:
    return frozenset((value,)) if value else frozenset()


class _Index:
    """One side by what the other may share with it: the reference, the payer, the amount."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, Hashable], list[str]] = defaultdict(list)

    def add(self, id_: str, keys: Iterable[tuple[str, Hashable]]) -> None:
        """A member under its keys."""
        for key in set(keys):
            self._found[key].append(id_)

    def sharing(self, keys: Iterable[tuple[str, Hashable]]) -> list[str]:
        """Members with one of the keys; none where very many share one, because then a rival could be overlooked."""
        members = [self._found.get(key, ()) for key in set(keys)]
        if any(len(some) > SHARING_LIMIT for some in members):
            return []
        return sorted({id_ for some in members for id_ in some})


def _keys_of(one: Advice | Receipt) -> dict[Evidence, list[tuple[str, Hashable]]]:
    """What joins by each evidence: the keys that a partner then shares."""
    if isinstance(one, Advice):
        references = [one.reference_key] if one.reference_key is not None else []
        names = one.names
    else:
        references, names = sorted(one.reference_keys), _some(one.name)
    reference: list[tuple[str, Hashable]] = [("reference", key) for key in references]
    payer: list[tuple[str, Hashable]] = [("account", account) for account in one.accounts]
    payer += [("bank", value) for value in _some(one.bank_identifier)]
    payer += [("name", name[:CUT_NAME_MINIMUM]) for name in names]
    amount: list[tuple[str, Hashable]] = [("amount", (one.currency, one.amount_minor))]
    return {Evidence.REFERENCE: reference, Evidence.PAYER: [*reference, *payer], Evidence.DATE: amount}


class _Board:
    """What is still to be joined, and what was."""

    def __init__(self, advices: Iterable[Advice], receipts: Iterable[Receipt]) -> None:
        self.advices = {one.id: one for one in advices}
        self.receipts = {one.id: one for one in receipts}
        self.joins: list[Join] = []
        both: list[Advice | Receipt] = [*self.advices.values(), *self.receipts.values()]
        self._keys = {one.id: _keys_of(one) for one in both}
        self._of_advices, self._of_receipts = _Index(), _Index()
        for id_ in self.advices:
            self._of_advices.add(id_, [key for keys in self._keys[id_].values() for key in keys])
        for id_ in self.receipts:
            self._of_receipts.add(id_, [key for keys in self._keys[id_].values() for key in keys])

    def receipts_for(self, advice: Advice, evidence: Evidence) -> list[Receipt]:
        """Payments that fit the advice by so much evidence or more, whatever their amounts."""
        ids = self._of_receipts.sharing(self._keys[advice.id][evidence])
        here = (self.receipts[id_] for id_ in ids if id_ in self.receipts)
        return [one for one in here if evidence_of(advice, one) >= evidence]

    def advices_for(self, receipt: Receipt, evidence: Evidence) -> list[Advice]:
        """Advices that fit the payment by so much evidence or more, whatever their amounts."""
        ids = self._of_advices.sharing(self._keys[receipt.id][evidence])
        here = (self.advices[id_] for id_ in ids if id_ in self.advices)
        return [one for one in here if evidence_of(one, receipt) >= evidence]

    def take(self, found: Iterable[Join]) -> None:
        """Keep those joins that no other one contradicts, all at once: the order never decides."""
        made = list(dict.fromkeys(found))
        used: dict[str, int] = defaultdict(int)
        for join in made:
            for member in (*join.advices, *join.payments):
                used[member] += 1
        for join in made:
            if all(used[member] == 1 for member in (*join.advices, *join.payments)):
                self.joins.append(join)
        for join in self.joins:
            for id_ in join.advices:
                self.advices.pop(id_, None)
            for id_ in join.payments:
                self.receipts.pop(id_, None)


def plan_joins(advices: Iterable[Advice], receipts: Iterable[Receipt]) -> tuple[Join, ...]:
    """The joins that are unique, the strongest evidence first: one to one, then several on one side."""
    board = _Board((one for one in advices if not one.repeats), receipts)
    for evidence in (Evidence.REFERENCE, Evidence.PAYER, Evidence.DATE):
        board.take(_one_to_one(board, evidence))
        if evidence is Evidence.REFERENCE:
            board.take(_by_whole_reference(board))
        if evidence is not Evidence.DATE:
            board.take(_several_payments(board, evidence))
            board.take(_several_advices(board, evidence))
    return tuple(sorted(board.joins, key=lambda join: (join.advices, join.payments)))


def _one_to_one(board: _Board, evidence: Evidence) -> Iterator[Join]:
    for advice in list(board.advices.values()):
        for receipt in board.receipts_for(advice, evidence):
            if receipt.amount_minor == advice.amount_minor:
                yield Join((advice.id,), (receipt.id,), evidence)


def _by_whole_reference(board: _Board) -> Iterator[Join]:
    """All payments that carry the reference of one advice, or all advices of one payment, with the same sum."""
    carrying: dict[str, list[Advice]] = defaultdict(list)
    for advice in list(board.advices.values()):
        receipts = board.receipts_for(advice, Evidence.REFERENCE)
        for receipt in receipts:
            carrying[receipt.id].append(advice)
        if len(receipts) > 1 and sum(one.amount_minor for one in receipts) == advice.amount_minor:
            yield Join((advice.id,), tuple(sorted(one.id for one in receipts)), Evidence.REFERENCE)
    for receipt_id, advices in carrying.items():
        total = sum(one.amount_minor for one in advices)
        if len(advices) > 1 and total == board.receipts[receipt_id].amount_minor:
            yield Join(tuple(sorted(one.id for one in advices)), (receipt_id,), Evidence.REFERENCE)


def _several_payments(board: _Board, evidence: Evidence) -> Iterator[Join]:
    for advice in list(board.advices.values()):
        fitting = [
            (one.id, one.amount_minor)
            for one in board.receipts_for(advice, evidence)
            if one.amount_minor < advice.amount_minor
        ]
        chosen = unique_set(fitting, advice.amount_minor)
        if chosen is not None:
            yield Join((advice.id,), chosen, evidence)


def _several_advices(board: _Board, evidence: Evidence) -> Iterator[Join]:
    for receipt in list(board.receipts.values()):
        fitting = [
            (one.id, one.amount_minor)
            for one in board.advices_for(receipt, evidence)
            if one.amount_minor < receipt.amount_minor
        ]
        chosen = unique_set(fitting, receipt.amount_minor)
        if chosen is not None:
            yield Join(chosen, (receipt.id,), evidence)


def unique_set(amounts: Sequence[tuple[str, int]], target: int) -> tuple[str, ...] | None:
    """The only set of two to TOGETHER_LIMIT members with just this sum; None without one, with two, or with more than
    PARTNERS_LIMIT members to choose from.
    """
    if not 2 <= len(amounts) <= PARTNERS_LIMIT:
        return None
    found: tuple[str, ...] | None = None
    for count in range(2, min(TOGETHER_LIMIT, len(amounts)) + 1):
        for chosen in combinations(sorted(amounts), count):
            if sum(amount for _, amount in chosen) == target:
                if found is not None:
                    return None
                found = tuple(id_ for id_, _ in chosen)
    return found


SHARED_LINES_LIMIT = 24
SHARE_STEPS_LIMIT = 200_000


def share_lines(amounts: Sequence[int], payments: Sequence[int]) -> tuple[int, ...] | None:
    """Which payment each line belongs to, as positions in `payments`, so that each gets just its amount.

    None where there is no such split, more than one, or the search is past its bound. Equal payments that could be
    exchanged, or equal lines, make two splits: nobody knows which is meant.
    """
    if len(payments) == 1:
        return (0,) * len(amounts) if sum(amounts) == payments[0] else None
    if len(amounts) > SHARED_LINES_LIMIT or sum(amounts) != sum(payments):
        return None
    left, chosen, found, steps = list(payments), [0] * len(amounts), [], 0
    stack = [(0, 0)]
    while stack:
        position, choice = stack.pop()
        steps += 1
        if steps > SHARE_STEPS_LIMIT:
            return None
        if choice > 0:
            left[choice - 1] += amounts[position]
        if choice == len(payments):
            continue
        stack.append((position, choice + 1))
        left[choice] -= amounts[position]
        chosen[position] = choice
        if position + 1 < len(amounts):
            stack.append((position + 1, 0))
        elif not any(left):
            found.append(tuple(chosen))
            if len(found) > 1:
                return None
    return found[0] if found else None
