"""How strongly a payment's text speaks for an item, in nats (logarithm of a likelihood ratio).

Exact keys come from the index. Repairs compare tokens with the numbers of one account's open items: at most
REPAIR_DISTANCE digits lost, added, swapped or wrong (optimal string alignment), or a number cut at either
end. A repair costs what such damage is worth in probability, so that an undamaged neighbour always beats it,
and a repaired number never decides alone: amount or payer have to agree.
"""

from __future__ import annotations

from dataclasses import dataclass

from rapidfuzz import process
from rapidfuzz.distance import OSA

from app.cash_application.matching.index import ItemIndex, Numbers
from app.cash_application.matching.references import Token
from app.cash_application.matching.types import OpenItem, PaymentFacts

NATS_PER_CHARACTER = 2.3
REPAIR_DISTANCE = 3
REPAIR_LENGTH_MINIMUM = 5
CUT_LENGTH_MINIMUM = 4
COMPARISONS_LIMIT = 250_000
TOKENS_MINIMUM = 8
CONTAINED_EXTRA_MINIMUM = 2
SECOND_NUMBER_LIMIT = 16.0
_KIND_COST = {
    "structured": 0.0,
    "whole": 0.2,
    "digits": 1.2,
    "joined": 2.0,
    "expanded": 3.0,
    "tiled": 4.0,
    "masked": 7.0,
}
_LEVEL_COST = (0.0, 0.7, 3.0)
_DISTANCE_COST = (0.2, 6.5, 10.5, 14.5)
_CUT_COST = 5.5
_RUNNING_COST = 2.5
RUNNING_LENGTHS = range(2, 8)
_ONLY_EXACT = frozenset({"masked", "expanded", "tiled"})
_UNDAMAGED = frozenset({"structured", "whole", "digits", "joined"})
_YEARS = frozenset(str(year) for year in range(1990, 2060))


@dataclass(frozen=True, slots=True)
class Mention:
    """One token that may mean one number of an item. `field` 0 is the document's own number."""

    token: Token
    field: int
    nats: float
    quality: str
    distance: int


@dataclass(slots=True)
class ItemText:
    """All mentions of one item; `nats` is their joint weight, at most one per field and stretch of text."""

    mentions: list[Mention]
    nats: float = 0.0
    exact: bool = False

    def settle(self) -> ItemText:
        """Keep the best mention per field on stretches of text that do not overlap, and add up."""
        kept: list[Mention] = []
        for mention in sorted(self.mentions, key=lambda m: (-m.nats, m.field, m.token.start, m.token.key)):
            if all(mention.field != other.field and not overlap(mention.token, other.token) for other in kept):
                kept.append(mention)
        self.mentions = kept
        self.nats = kept[0].nats + min(SECOND_NUMBER_LIMIT, sum(m.nats for m in kept[1:])) if kept else 0.0
        self.exact = any(mention.quality == "exact" for mention in kept)
        return self


def overlap(left: Token, right: Token) -> bool:
    """Whether two tokens share a character of the text (fields outside the text never overlap)."""
    if left.start < 0 or right.start < 0:
        return left.key == right.key
    return left.start < right.end and right.start < left.end


def exact_mentions(
    index: ItemIndex, payment: PaymentFacts, tokens: tuple[Token, ...]
) -> dict[str, tuple[OpenItem, ItemText]]:
    """Items whose number or reference equals a token, with the weight of that."""
    found: dict[str, tuple[OpenItem, ItemText]] = {}
    for token in tokens:
        for item, field, level in index.find(token.key, payment):
            number = item.number if field == 0 else item.references[field - 1]
            width = min(index.information(number), len(token.key)) if token.key not in _YEARS else 1
            nats = NATS_PER_CHARACTER * width - _KIND_COST[token.kind] - _LEVEL_COST[level]
            undamaged = level <= 1 and token.kind in _UNDAMAGED
            quality = "exact" if undamaged else "weak"
            if nats > 0:
                entry = found.setdefault(item.id, (item, ItemText([])))
                entry[1].mentions.append(Mention(token, field, nats, quality, 0))
    for _, text in found.values():
        text.settle()
    return found


def repaired_mentions(
    index: ItemIndex,
    payment: PaymentFacts,
    tokens: tuple[Token, ...],
    account_id: str,
    known: dict[str, tuple[OpenItem, ItemText]],
) -> dict[str, tuple[OpenItem, ItemText]]:
    """`known` and, among the account's items, those whose number is a damaged or cut form of a token."""
    numbers = index.numbers_of(account_id, payment)
    found: dict[str, tuple[OpenItem, list[Mention]]] = {}
    taken = [mention.token for _, text in known.values() for mention in text.mentions if mention.quality == "exact"]
    for token in _worth_comparing(tokens, taken, len(numbers.texts)):
        for position, mention in _compare(index, token, numbers):
            item = numbers.owners[position][0]
            if index.is_open_for(item, payment):
                found.setdefault(item.id, (item, []))[1].append(mention)
    for token in tokens:
        if len(token.key) not in RUNNING_LENGTHS or token.key in _YEARS:
            continue
        if token.kind == "whole" and token.key.isdigit():
            for position, mention in _running_numbers(index, token, numbers):
                item = numbers.owners[position][0]
                if index.is_open_for(item, payment):
                    found.setdefault(item.id, (item, []))[1].append(mention)
    merged = dict(known)
    for item_id, (item, mentions) in found.items():
        before = known[item_id][1].mentions if item_id in known else []
        merged[item_id] = (item, ItemText([*before, *mentions]).settle())
    return merged


def _worth_comparing(tokens: tuple[Token, ...], taken: list[Token], number_count: int) -> list[Token]:
    """Tokens not yet understood; where an account has very many numbers, single words before joined ones."""
    left = [
        token
        for token in tokens
        if len(token.key) >= CUT_LENGTH_MINIMUM
        and token.kind not in _ONLY_EXACT
        and not any(overlap(token, other) for other in taken)
    ]
    limit = max(TOKENS_MINIMUM, COMPARISONS_LIMIT // max(1, number_count))
    if len(left) > limit:
        left.sort(key=lambda token: (token.kind == "joined", token.start, token.end, token.key))
    return left[:limit]


def mention_of_items(
    index: ItemIndex, tokens: tuple[Token, ...], items: list[OpenItem]
) -> dict[str, tuple[OpenItem, ItemText]]:
    """Repairs looked for among a few items only (those that the amount already points at)."""
    found: dict[str, tuple[OpenItem, ItemText]] = {}
    for item in items:
        numbers = Numbers([item])
        mentions = [
            mention
            for token in tokens
            if len(token.key) >= CUT_LENGTH_MINIMUM and token.kind not in _ONLY_EXACT
            for _, mention in _compare(index, token, numbers)
        ]
        if mentions:
            found[item.id] = (item, ItemText(mentions).settle())
    return found


def _compare(index: ItemIndex, token: Token, numbers: Numbers) -> list[tuple[int, Mention]]:
    """Positions in `numbers` that the token may be a damaged or cut form of."""
    found: list[tuple[int, Mention]] = []
    length = len(token.key)
    seen: set[int] = set()
    if length >= REPAIR_LENGTH_MINIMUM:
        limit = 1 if length < 7 else 2 if length < 9 else REPAIR_DISTANCE
        for text, distance, position in process.extract(
            token.key, numbers.texts, scorer=OSA.distance, score_cutoff=limit, limit=None, processor=None
        ):
            if distance >= CONTAINED_EXTRA_MINIMUM and text in token.key:
                continue  # a number inside a longer one is no reference
            owner = numbers.owners[position]
            width = min(_width(index, owner), len(text), length)
            nats = NATS_PER_CHARACTER * width - _KIND_COST[token.kind] - _DISTANCE_COST[int(distance)]
            if nats > 0:
                seen.add(position)
                quality = "exact" if distance == 0 else "repaired"
                found.append((position, Mention(token, owner[1], nats, quality, int(distance))))
    if token.kind != "joined":
        found.extend(cut for cut in _cut_forms(index, token, numbers) if cut[0] not in seen)
    return found


def _running_numbers(index: ItemIndex, token: Token, numbers: Numbers) -> list[tuple[int, Mention]]:
    """Numbers whose running part, without leading zeros, is the token: `123` for `RE-2026-000123`."""
    nats = NATS_PER_CHARACTER * len(token.key) - _RUNNING_COST - _KIND_COST[token.kind]
    return [
        (position, Mention(token, numbers.owners[position][1], nats, "running", 0))
        for position in numbers.by_running_number.get(token.key, ())
        if nats > 0 and _width(index, numbers.owners[position]) >= len(token.key)
    ]


def _cut_forms(index: ItemIndex, token: Token, numbers: Numbers) -> list[tuple[int, Mention]]:
    """Longer numbers that the token is the end or the beginning of; only what varies in its format counts."""
    length = len(token.key)
    shown: dict[int, int] = {}
    for position in numbers.cut_at_end(token.key):
        varying = _width(index, numbers.owners[position])
        shown[position] = max(0, varying - (len(numbers.texts[position]) - length))
    for position in numbers.cut_at_start(token.key):
        owner = numbers.owners[position]
        same = index.formats.shared_ending(owner[0].number if owner[1] == 0 else owner[0].references[owner[1] - 1])
        shown[position] = min(max(0, length - same), _width(index, owner))
    found = []
    for position, characters in shown.items():
        nats = NATS_PER_CHARACTER * characters - _CUT_COST - _KIND_COST[token.kind]
        if nats > 0:
            missing = len(numbers.texts[position]) - length
            found.append((position, Mention(token, numbers.owners[position][1], nats, "cut", missing)))
    return found


def _width(index: ItemIndex, owner: tuple[OpenItem, int]) -> int:
    item, field = owner
    return index.information(item.number if field == 0 else item.references[field - 1])
