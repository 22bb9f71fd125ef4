"""How alike two accounts are, and what their data lack: pure rules."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from uuid import UUID

from rapidfuzz import fuzz

from app.cash_application.matching.names import loose_name, normalize_name, similarity

PROPOSED_FROM = 70
"""Score from which a pair is shown to a person."""
BLOCK_LIMIT = 60
"""A key shared by more accounts (an accountant's e-mail address, a very common word) says nothing."""
NAME_FLOOR = 0.80
SAME_WORD_FROM = 80.0
_FREE_MAIL = frozenset(
    ("gmail.com", "googlemail.com", "outlook.com", "hotmail.com", "yahoo.com", "gmx.de", "gmx.net", "web.de",
     "t-online.de", "icloud.com", "orange.fr", "free.fr", "laposte.net", "libero.it", "wanadoo.fr", "aol.com",
     "live.com", "proton.me")
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class AccountTraits:
    """What is compared of an account. Identifiers, addresses and numbers are normalized."""

    id: UUID
    name: str
    country: str | None = None
    parent_id: UUID | None = None
    bank_identifiers: frozenset[str] = frozenset()
    emails: frozenset[str] = frozenset()
    phones: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Pair:
    """Two accounts that may be one, the smaller id first; score 0 to 100 with its reasons."""

    account_id: UUID
    other_id: UUID
    score: int
    reasons: tuple[tuple[str, int], ...]


def find_pairs(accounts: Iterable[AccountTraits]) -> list[Pair]:
    """Pairs with a score of PROPOSED_FROM or more, best first. Only accounts that share a key are compared."""
    known = {account.id: account for account in accounts}
    blocks: dict[str, list[UUID]] = {}
    for account in known.values():
        for key in _keys(account):
            blocks.setdefault(key, []).append(account.id)
    wanted = {
        (min(pair), max(pair))
        for members in blocks.values()
        if 1 < len(members) <= BLOCK_LIMIT
        for pair in combinations(sorted(members), 2)
    }
    pairs = [pair for left, right in wanted if (pair := compare(known[left], known[right])) is not None]
    return sorted(pairs, key=lambda pair: (-pair.score, pair.account_id, pair.other_id))


def _keys(account: AccountTraits) -> set[str]:
    words = [word for word in loose_name(account.name).split() if len(word) > 2]
    keys = {f"w:{word}" for word in words} | {f"p:{word[:5]}" for word in words[:3]}
    keys |= {f"n:{loose_name(account.name)}", f"j:{loose_name(account.name).replace(' ', '')[:8]}"}
    keys |= {f"b:{value}" for value in account.bank_identifiers} | {f"t:{value}" for value in account.phones}
    return keys | {f"e:{value}" for value in account.emails}


def compare(left: AccountTraits, right: AccountTraits) -> Pair | None:
    """The pair with its score, or None when it is not worth showing.

    The name decides; a shared bank identifier, address or phone number supports it. Another country speaks against,
    a common parent too: branches of one group are often alike and yet kept apart on purpose.
    """
    likeness = similarity(left.name, right.name)
    if _each_has_a_word_of_its_own(left.name, right.name):
        likeness = min(likeness, 0.6)
    shared_bank = bool(left.bank_identifiers & right.bank_identifiers)
    if likeness < NAME_FLOOR and not (shared_bank and likeness >= 0.5):
        return None
    reasons: list[tuple[str, int]] = [("name_alike", round(likeness * 75))]
    if normalize_name(left.name) == normalize_name(right.name):
        reasons.append(("name_same", 10))
    if shared_bank:
        reasons.append(("bank_identifier_same", 25))
    if left.emails & right.emails:
        reasons.append(("email_same", 15))
    elif _domains(left) & _domains(right):
        reasons.append(("email_domain_same", 8))
    if left.phones & right.phones:
        reasons.append(("phone_same", 10))
    if left.country and right.country:
        reasons.append(("country_same", 5) if left.country == right.country else ("country_differs", -25))
    if _one_group(left, right):
        reasons.append(("one_group", -15))
    score = max(0, min(100, sum(points for _, points in reasons)))
    if score < PROPOSED_FROM:
        return None
    first, second = sorted((left.id, right.id))
    return Pair(first, second, score, tuple(reasons))


def _each_has_a_word_of_its_own(left: str, right: str) -> bool:
    """Weber Elektrotechnik and Huber Elektrotechnik: alike letter by letter, yet each says what the other does not."""
    first, second = loose_name(left).split(), loose_name(right).split()
    return _lacks(first, second) and _lacks(second, first)


def _lacks(words: list[str], others: list[str]) -> bool:
    return any(all(fuzz.ratio(word, other) < SAME_WORD_FROM for other in others) for word in words if len(word) > 2)


def _domains(account: AccountTraits) -> set[str]:
    found = {email.rpartition("@")[2] for email in account.emails}
    return found - _FREE_MAIL


def _one_group(left: AccountTraits, right: AccountTraits) -> bool:
    same_parent = left.parent_id is not None and left.parent_id == right.parent_id
    return same_parent or left.parent_id == right.id or right.parent_id == left.id


FINDINGS: dict[str, str] = {
    "no_dunning_contact": "No active contact for dunning or accounts payable with an e-mail address or phone number",
    "no_payment_terms": "No agreed payment terms",
    "no_country": "No country: language, holidays and legal rules cannot be chosen",
    "no_collector": "Nobody collects this account",
    "invalid_email": "An e-mail address that cannot be one",
    "bounced_address": "An e-mail came back from an address that is still used",
    "stale_contact": "No contact was changed or confirmed for two years",
    "terms_differ": "Invoices were issued with other terms than those agreed",
}
"""Kinds of findings with what they say."""
