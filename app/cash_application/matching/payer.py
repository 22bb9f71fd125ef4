"""Who pays: accounts that a payment's bank identifier, names and numbers speak for, in nats.

An account already set by a person or an earlier step decides. Otherwise everything that points at an account
adds up; nothing here decides alone, and two accounts with the same weight stay two. What the run itself shows
(a bank identifier that came with undamaged references and matching amounts) counts like a learned identity.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from rapidfuzz import fuzz, process

from app.cash_application.matching.account_references import named_accounts
from app.cash_application.matching.names import (
    CUT_MINIMUM,
    is_cut_of,
    loose_name,
    name_parts,
    normalize_bank_identifier,
    normalize_name,
    similarity,
)
from app.cash_application.matching.references import Token
from app.cash_application.matching.types import (
    AccountFacts,
    IdentityKind,
    PayerIdentity,
    PaymentFacts,
    Reason,
)
from app.core.payment_references import account_signs
from app.core.reference_keys import number_keys

GIVEN_NATS = 14.0
REFERENCE_NATS = 12.0
BANK_IDENTIFIER_NATS = 9.0
STRICT_NAME_NATS = 8.0
LEARNED_NAME_NATS = 7.0
LOOSE_NAME_NATS = 6.0
OTHER_LEGAL_FORM_NATS = 1.5
SIMILAR_NAME_NATS = 4.0
ACCOUNT_NUMBER_NATS = 5.0
GROUP_MEMBER_NATS = 3.0
HEAD_PAYS_COST = 2.0
MEMBER_PAYS_COST = 4.0
NAMED_NATS = 5.0
"""From here on an account counts as named by the payment; documents of strangers are then never automatic."""

SIMILAR_CUTOFF = 86.0
SIMILAR_MARGIN = 0.04
ALL_NAMES_LIMIT = 3_000
SHORTLIST_LIMIT = 3_000
CUT_LIKENESS = 0.95
ACCOUNT_NUMBER_LENGTH_MINIMUM = 4
ACCOUNTS_PER_VALUE_LIMIT = 8
GROUP_LIMIT = 50


@dataclass(slots=True)
class PayerEvidence:
    """What speaks for one account: the sum in nats, and why."""

    nats: float = 0.0
    reasons: list[Reason] = field(default_factory=list)
    is_stated: bool = False

    def add(self, nats: float, code: str, text: str, *, stated: bool = True) -> None:
        """Count one more observation; `stated`: by master data or a person, not only seen in earlier payments."""
        self.nats += nats
        self.is_stated = self.is_stated or (stated and nats > 1.0)
        self.reasons.append(Reason(code, text))


class AccountIndex:
    """Accounts by number, name, bank identifier and group; built once a run."""

    def __init__(self, accounts: Iterable[AccountFacts], identities: Iterable[PayerIdentity]) -> None:
        self.accounts = {account.id: account for account in sorted(accounts, key=lambda account: account.id)}
        self._parents = {a.id: a.parent_id for a in self.accounts.values() if a.parent_id}
        self._members: defaultdict[str, list[str]] = defaultdict(list)
        self._by_number: defaultdict[str, set[str]] = defaultdict(set)
        self._by_signs: defaultdict[str, set[str]] = defaultdict(set)
        self._strict: defaultdict[str, set[str]] = defaultdict(set)
        self._loose: defaultdict[str, set[str]] = defaultdict(set)
        self._identities: defaultdict[tuple[IdentityKind, str], dict[str, float]] = defaultdict(dict)
        for account in self.accounts.values():
            self._members[self.root(account.id)].append(account.id)
            self._by_signs[account_signs(account.number)].add(account.id)
            for key in number_keys(account.number)[:2]:
                if len(key) >= ACCOUNT_NUMBER_LENGTH_MINIMUM:
                    self._by_number[key].add(account.id)
            for name in account.names:
                self._strict[normalize_name(name)].add(account.id)
                self._loose[loose_name(name)].add(account.id)
        for identity in identities:
            known = self._identities[identity.kind, identity.normalized_value]
            known[identity.account_id] = max(known.get(identity.account_id, 0.0), identity.strength)
        self._sorted_names: list[str] = []
        self._by_word: defaultdict[str, list[str]] = defaultdict(list)
        self._similar: dict[str, tuple[tuple[str, float], ...]] = {}

    def root(self, account_id: str) -> str:
        """The top of the account's group (itself where it has no parent); circles end where they began."""
        seen = {account_id}
        while (parent := self._parents.get(account_id)) is not None and parent not in seen:
            seen.add(parent)
            account_id = parent
        return account_id

    def group(self, account_id: str) -> list[str]:
        """All members of the account's group, itself included."""
        return self._members.get(self.root(account_id)) or [account_id]

    def same_group(self, one: str, other: str) -> bool:
        """Whether the two may pay for each other."""
        return one == other or self.root(one) == self.root(other)

    def by_number(self, key: str) -> set[str]:
        """Accounts with this number."""
        return self._by_number.get(key, set())

    def by_signs(self, signs: str) -> set[str]:
        """Accounts whose number has just these letters and digits."""
        return self._by_signs.get(signs, set())

    def by_identity(self, kind: IdentityKind, value: str) -> Mapping[str, float]:
        """Accounts with an identity of this value, with its strength."""
        return self._identities.get((kind, value), {})

    def by_strict_name(self, name: str) -> set[str]:
        """Accounts of exactly this name, legal form included."""
        return self._strict.get(normalize_name(name), set())

    def by_loose_name(self, name: str) -> set[str]:
        """Accounts of this name but for legal form and word order."""
        return self._loose.get(loose_name(name), set())

    def similar(self, name: str) -> tuple[tuple[str, float], ...]:
        """Accounts of a similar or longer name and their likeness 0..1, best first; remembered per name."""
        known = self._similar.get(name)
        if known is None:
            known = self._similar[name] = tuple(self._find_similar(name))
        return known

    def _find_similar(self, name: str) -> list[tuple[str, float]]:
        loose = loose_name(name)
        if len(loose) < 4:
            return []
        found: dict[str, float] = {}
        for candidate, _, _ in process.extract(
            loose, self._shortlist(loose), scorer=fuzz.ratio, score_cutoff=SIMILAR_CUTOFF, limit=6, processor=None
        ):
            for account_id in self._loose[candidate]:
                likeness = max(similarity(name, other) for other in self.accounts[account_id].names)
                found[account_id] = likeness
        if not found:
            found = dict.fromkeys(self._cut_names(normalize_name(name)), CUT_LIKENESS)
        return sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))[:ACCOUNTS_PER_VALUE_LIMIT]

    def _shortlist(self, loose: str) -> list[str]:
        """All names while they are few; of many only those that share a word, the rarest word first."""
        if len(self._loose) <= ALL_NAMES_LIMIT:
            return sorted(name for name in self._loose if name)
        if not self._by_word:
            for known in sorted(self._loose):
                for word in known.split():
                    self._by_word[word].append(known)
        words = sorted((len(self._by_word[word]), word) for word in loose.split() if word in self._by_word)
        chosen: list[str] = []
        for count, word in words:
            if len(chosen) + count > SHORTLIST_LIMIT:
                break
            chosen.extend(self._by_word[word])
        return list(dict.fromkeys(chosen))

    def _cut_names(self, strict: str) -> list[str]:
        """Accounts whose name begins with this cut one."""
        if len(strict) < CUT_MINIMUM:
            return []
        if not self._sorted_names:
            self._sorted_names = sorted(self._strict)
        found: list[str] = []
        for at in range(bisect_left(self._sorted_names, strict), len(self._sorted_names)):
            whole = self._sorted_names[at]
            if not is_cut_of(strict, whole) or len(found) > ACCOUNTS_PER_VALUE_LIMIT:
                break
            found.extend(sorted(self._strict[whole]))
        return found


class RunIdentities:
    """What undamaged, exactly paid references of this run say about its bank identifiers and names."""

    def __init__(self) -> None:
        self._counts: defaultdict[tuple[IdentityKind, str], dict[str, set[str]]] = defaultdict(dict)

    def learn(self, payment: PaymentFacts, account_id: str) -> None:
        """Count the payment's bank identifier and name for the account."""
        for key in identity_values(payment):
            self._counts[key].setdefault(account_id, set()).add(payment.id)

    def strengths(self, kind: IdentityKind, value: str, payment_id: str) -> dict[str, float]:
        """Share of the evidence per account, shrunk while few; what the payment itself showed does not count."""
        counts = {
            account: len(seen) - (payment_id in seen) for account, seen in self._counts.get((kind, value), {}).items()
        }
        total = sum(counts.values())
        return {account: count / (total + 0.5) for account, count in sorted(counts.items()) if count}


def identity_values(payment: PaymentFacts) -> list[tuple[IdentityKind, str]]:
    """Kind and normalized value of everything that identifies the payer: to look up, and to learn."""
    keys = []
    if payment.payer_bank_identifier:
        value = normalize_bank_identifier(payment.payer_bank_identifier)
        keys.append((IdentityKind.BANK_IDENTIFIER, value))
    if payment.payer_name:
        keys.append((IdentityKind.PAYER_NAME, normalize_name(payment.payer_name)))
    return keys


def identify_payer(
    payment: PaymentFacts, tokens: Sequence[Token], accounts: AccountIndex, run: RunIdentities
) -> dict[str, PayerEvidence]:
    """Accounts that the payment points at, with their evidence; empty when nothing does."""
    found: defaultdict[str, PayerEvidence] = defaultdict(PayerEvidence)
    if payment.account_id is not None:
        found[payment.account_id].add(GIVEN_NATS, "payer.given", "The account was already known")
    else:
        _by_references(payment, accounts, found)
        _by_identities(payment, accounts, run, found)
        _by_names(payment, accounts, found)
        _by_account_number(tokens, accounts, found)
    for account_id, evidence in sorted(found.items(), key=lambda pair: (-pair[1].nats, pair[0])):
        for member in accounts.group(account_id)[:GROUP_LIMIT]:
            if member not in found:
                cost = HEAD_PAYS_COST if accounts.root(account_id) == account_id else MEMBER_PAYS_COST
                nats = max(min(GROUP_MEMBER_NATS, evidence.nats / 2), evidence.nats - cost)
                found[member].add(nats, "payer.group", "A member of the payer's group of companies")
    return dict(found)


def _by_references(payment: PaymentFacts, accounts: AccountIndex, found: defaultdict[str, PayerEvidence]) -> None:
    """The reference of a statement, whose check digits are right: it was made for this account."""
    for signs in named_accounts(payment):
        named = accounts.by_signs(signs)
        for account_id in sorted(named):
            number = accounts.accounts[account_id].number
            text = f"The payment carries the reference of account {number}"
            found[account_id].add(REFERENCE_NATS / len(named), "payer.reference", text)


def _by_identities(
    payment: PaymentFacts,
    accounts: AccountIndex,
    run: RunIdentities,
    found: defaultdict[str, PayerEvidence],
) -> None:
    for kind, value in identity_values(payment):
        bank = kind is IdentityKind.BANK_IDENTIFIER
        if not bank and len(accounts.by_strict_name(payment.payer_name)) > 1:
            continue  # what earlier payments showed does not tell two customers of one name apart
        known = dict(accounts.by_identity(kind, value))
        nats = BANK_IDENTIFIER_NATS if bank else LEARNED_NAME_NATS
        what = "bank account" if bank else "name"
        for account_id, strength in sorted(known.items()):
            share = strength / max(1.0, sum(known.values()))
            text = f"The payer's {what} is known for this account"
            found[account_id].add(nats * share, f"payer.{kind}", text, stated=strength >= 1.0)
        for account_id, strength in run.strengths(kind, value, payment.id).items():
            if account_id not in known and strength > 0.3:
                text = f"Other payments of this run show the payer's {what} to be this account's"
                found[account_id].add(nats * strength, f"payer.{kind}.run", text, stated=False)


def _by_names(payment: PaymentFacts, accounts: AccountIndex, found: defaultdict[str, PayerEvidence]) -> None:
    """Exact names first; likeness only where nothing else is known. A name of two accounts counts half for
    each.
    """
    parts = [*name_parts(payment.ultimate_payer_name), *name_parts(payment.payer_name)]
    for part in dict.fromkeys(parts):
        strict = accounts.by_strict_name(part)
        for account_id in sorted(strict):
            nats = STRICT_NAME_NATS / len(strict)
            found[account_id].add(nats, "payer.name", f"The payer's name is the account's: {part[:70]}")
        if strict:
            continue
        loose = accounts.by_loose_name(part) if loose_name(part) else set()
        for account_id in sorted(loose):
            nats = _loose_nats(part, accounts.accounts[account_id]) / len(loose)
            text = f"The payer's name is the account's but for legal form or word order: {part[:70]}"
            found[account_id].add(nats, "payer.name_loose", text)
        if loose or any(evidence.nats >= NAMED_NATS for evidence in found.values()):
            continue
        similar = accounts.similar(part)
        if similar and (len(similar) == 1 or similar[0][1] - similar[1][1] >= SIMILAR_MARGIN):
            account_id, likeness = similar[0]
            nats = SIMILAR_NAME_NATS * max(0.0, (likeness - 0.75) * 4)
            text = f"The payer's name is {likeness:.0%} like the account's: {part[:70]}"
            found[account_id].add(nats, "payer.name_similar", text)


def _loose_nats(name: str, account: AccountFacts) -> float:
    """Less where both names carry a legal form and the forms differ: two companies of one family."""
    mine = set(normalize_name(name).split()) - set(loose_name(name).split())
    for other in account.names:
        if loose_name(other) == loose_name(name):
            theirs = set(normalize_name(other).split()) - set(loose_name(other).split())
            if not mine or not theirs or mine & theirs:
                return LOOSE_NAME_NATS
    return OTHER_LEGAL_FORM_NATS


def _by_account_number(tokens: Sequence[Token], accounts: AccountIndex, found: defaultdict[str, PayerEvidence]) -> None:
    named = {
        account_id
        for token in tokens
        if token.kind in ("structured", "whole", "digits")
        for account_id in accounts.by_number(token.key)
    }
    for account_id in sorted(named):
        nats = ACCOUNT_NUMBER_NATS / len(named)
        number = accounts.accounts[account_id].number
        found[account_id].add(nats, "payer.account_number", f"The text names the account number {number}")
