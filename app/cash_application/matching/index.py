"""The candidates of one run, indexed once: by reference key, by account, by open amount."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence, Set
from datetime import date

from app.cash_application.matching.formats import NumberFormats, learn_formats, running_number
from app.cash_application.matching.types import ItemKind, OpenItem, PaymentFacts, Settings
from app.core.reference_keys import fold, number_keys, squeeze

KEY_ITEMS_LIMIT = 60
READ_THROUGH_LIMIT = 32
"""So few numbers are read through for cut ones; of more a sorted list is made."""
NUMBER_LENGTH_MINIMUM = 4


class ItemIndex:
    """Open items and what is left of them while a run hands them out.

    `remaining` is the only thing that changes. Items are kept in one order of their own (invoice date,
    number, id), so that the order of the input is without effect.
    """

    def __init__(
        self,
        items: Iterable[OpenItem],
        settings: Settings,
        formats: NumberFormats | None = None,
        asked: Set[str] = frozenset(),
    ) -> None:
        """`asked` are the keys that will be looked for; any other one makes the index of keys anew, with all."""
        ordered = sorted(items, key=lambda item: (item.invoice_date.toordinal(), item.number, item.id))
        self.items = {item.id: item for item in ordered if item.open_minor > 0}
        self.settings = settings
        self.remaining = {item.id: item.open_minor for item in self.items.values()}
        self.by_account: defaultdict[tuple[str, str, str], list[OpenItem]] = defaultdict(list)
        self.by_amount: defaultdict[tuple[str, str, int], list[OpenItem]] = defaultdict(list)
        self._parts: defaultdict[str, list[OpenItem]] = defaultdict(list)
        for item in self.items.values():
            self.by_account[item.account_id, item.legal_entity_id, item.currency].append(item)
            self.by_amount[item.legal_entity_id, item.currency, item.open_minor].append(item)
            self._parts[item.document_id].append(item)
        self._asked: Set[str] | None = asked
        self._by_key = self._keyed() if asked else {}
        self.formats: NumberFormats = formats or learn_formats(
            number for item in self.items.values() for number in (item.number, *item.references)
        )
        self._information: dict[str, int] = {}
        self._by_size: dict[tuple[str, str, str], tuple[list[int], list[OpenItem]]] = {}
        self._numbers: dict[tuple[str, str, str], Numbers] = {}

    def _keyed(self) -> dict[str, list[tuple[OpenItem, int, int]]]:
        """Items with field and level by those keys of their numbers that are asked for (None: all)."""
        asked = self._asked
        found: dict[str, list[tuple[OpenItem, int, int]]] = {}
        for item in self.items.values():
            for field, number in enumerate((item.number, *item.references)):
                for level, key in enumerate(number_keys(number)):
                    if asked is None or key in asked:
                        found.setdefault(key, []).append((item, field, level))
        return found

    def is_open_for(self, item: OpenItem, payment: PaymentFacts) -> bool:
        """Whether the item can be paid by this payment at all: entity, currency, something left, dated
        before.
        """
        return (
            self.remaining[item.id] > 0
            and item.legal_entity_id == payment.legal_entity_id
            and item.currency == payment.currency
            and (item.invoice_date - payment.value_date).days <= self.settings.future_days
        )

    def pool(self, account_id: str, payment: PaymentFacts) -> list[OpenItem]:
        """The account's items that the payment can settle, oldest invoice date first."""
        items = self.by_account.get((account_id, payment.legal_entity_id, payment.currency))
        if not items:
            return []
        latest = date.fromordinal(payment.value_date.toordinal() + self.settings.future_days)
        return items[: bisect_right(items, latest, key=_invoice_date)]

    def exchangeable(self, item: OpenItem, payment: PaymentFacts) -> list[OpenItem]:
        """Parts of the item's document that nothing but the due date tells from it, itself included, by due date."""
        parts = self._parts[item.document_id]
        if len(parts) == 1:
            return parts
        left = self.remaining[item.id]
        alike = [
            part
            for part in parts
            if self.remaining[part.id] == left
            and (part.kind, part.account_id, part.number) == (item.kind, item.account_id, item.number)
            and (part.discount_minor, part.discount_date) == (item.discount_minor, item.discount_date)
            and self.is_open_for(part, payment)
        ]
        return sorted(alike, key=lambda part: (part.due_date, part.id))

    def by_size(self, account_id: str, payment: PaymentFacts) -> tuple[list[int], list[OpenItem]]:
        """What the account's items have left (credit memos negative), ascending, and the items; of any date.

        Remembered until something is taken from the account.
        """
        key = (account_id, payment.legal_entity_id, payment.currency)
        known = self._by_size.get(key)
        if known is None:
            ordered = sorted((signed(i, self.remaining[i.id]), i.id, i) for i in self.by_account.get(key, ()))
            known = self._by_size[key] = ([size for size, _, _ in ordered], [item for _, _, item in ordered])
        return known

    def take(self, item_id: str, left_minor: int) -> None:
        """Set what is left of an item; one with nothing left leaves its account's list."""
        self.remaining[item_id] = left_minor
        item = self.items[item_id]
        key = (item.account_id, item.legal_entity_id, item.currency)
        self._by_size.pop(key, None)
        if left_minor == 0:
            items = self.by_account[key]
            at = bisect_left(items, item.invoice_date, key=_invoice_date)
            while items[at] is not item:
                at += 1
            del items[at]

    def find(self, key: str, payment: PaymentFacts) -> Sequence[tuple[OpenItem, int, int]]:
        """Items (with field and level of the key) that a key names; none when it names too many to mean one."""
        if self._asked is not None and key not in self._asked:
            self._asked = None
            self._by_key = self._keyed()
        hits = self._by_key.get(key, ())
        if not hits or len(hits) > KEY_ITEMS_LIMIT:
            return ()
        return [hit for hit in hits if self.is_open_for(hit[0], payment)]

    def information(self, number: str) -> int:
        """See `NumberFormats.information`; remembered."""
        known = self._information.get(number)
        if known is None:
            known = self._information[number] = self.formats.information(number)
        return known

    def numbers_of(self, account_id: str, payment: PaymentFacts) -> Numbers:
        """All numbers of an account's items, folded, for comparisons in one call; remembered."""
        key = (account_id, payment.legal_entity_id, payment.currency)
        known = self._numbers.get(key)
        if known is None:
            known = self._numbers[key] = Numbers(self.by_account.get(key, ()))
        return known


class Numbers:
    """The numbers of some items: as one list, and sorted from the front and from the back to find cut ones."""

    def __init__(self, items: Iterable[OpenItem]) -> None:
        self.texts: list[str] = []
        self.owners: list[tuple[OpenItem, int]] = []
        for item in items:
            for field, number in enumerate((item.number, *item.references)):
                folded = fold(squeeze(number))
                if len(folded) >= NUMBER_LENGTH_MINIMUM:
                    self.texts.append(folded)
                    self.owners.append((item, field))
        self.by_running_number: defaultdict[str, list[int]] = defaultdict(list)
        for position, (item, field) in enumerate(self.owners):
            running = running_number(item.number) if field == 0 else ""
            if len(running) > 1 and running != self.texts[position]:
                self.by_running_number[running].append(position)
        self._forwards: list[tuple[str, int]] | None = None
        self._backwards: list[tuple[str, int]] | None = None

    def cut_at_end(self, beginning: str) -> list[int]:
        """Positions of longer numbers that begin so."""
        if len(self.texts) <= READ_THROUGH_LIMIT:
            fitting = [
                (text, position)
                for position, text in enumerate(self.texts)
                if text.startswith(beginning) and len(text) > len(beginning)
            ]
            return [position for _, position in sorted(fitting)]
        if self._forwards is None:
            self._forwards = sorted((text, position) for position, text in enumerate(self.texts))
        return _beginning_so(self._forwards, beginning)

    def cut_at_start(self, ending: str) -> list[int]:
        """Positions of longer numbers that end so."""
        if len(self.texts) <= READ_THROUGH_LIMIT:
            fitting = [
                (text[::-1], position)
                for position, text in enumerate(self.texts)
                if text.endswith(ending) and len(text) > len(ending)
            ]
            return [position for _, position in sorted(fitting)]
        if self._backwards is None:
            self._backwards = sorted((text[::-1], position) for position, text in enumerate(self.texts))
        return _beginning_so(self._backwards, ending[::-1])


def _beginning_so(ordered: list[tuple[str, int]], beginning: str) -> list[int]:
    found = []
    for at in range(bisect_left(ordered, (beginning, -1)), len(ordered)):
        text, position = ordered[at]
        if not text.startswith(beginning):
            break
        if len(text) > len(beginning):
            found.append(position)
    return found


def _invoice_date(item: OpenItem) -> date:
    return item.invoice_date


def signed(item: OpenItem, minor: int) -> int:
    """What `minor` of this item adds to a payment: credit memos subtract."""
    return -minor if item.kind is ItemKind.CREDIT_MEMO else minor
