"""The candidates of one run, indexed once: by reference key, by account, by open amount."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from app.cash_application.matching.formats import NumberFormats, learn_formats
from app.cash_application.matching.references import fold, number_keys, squeeze
from app.cash_application.matching.types import ItemKind, OpenItem, PaymentFacts, Settings

KEY_ITEMS_LIMIT = 60


class ItemIndex:
    """Open items and what is left of them while a run hands them out.

    `remaining` is the only thing that changes. Items are kept in one order of their own (invoice date,
    number, id), so that the order of the input is without effect.
    """

    def __init__(self, items: Iterable[OpenItem], settings: Settings) -> None:
        ordered = sorted(items, key=lambda item: (item.invoice_date, item.number, item.id))
        self.items = {item.id: item for item in ordered if item.open_minor > 0}
        self.settings = settings
        self.remaining = {item.id: item.open_minor for item in self.items.values()}
        self.by_account: defaultdict[tuple[str, str, str], list[OpenItem]] = defaultdict(list)
        self.by_key: defaultdict[str, list[tuple[OpenItem, int, int]]] = defaultdict(list)
        self.by_amount: defaultdict[tuple[str, str, int], list[OpenItem]] = defaultdict(list)
        for item in self.items.values():
            self.by_account[item.account_id, item.legal_entity_id, item.currency].append(item)
            self.by_amount[item.legal_entity_id, item.currency, item.open_minor].append(item)
            for field, number in enumerate((item.number, *item.references)):
                for level, key in enumerate(number_keys(number)):
                    self.by_key[key].append((item, field, level))
        self.formats: NumberFormats = learn_formats(
            number for item in self.items.values() for number in (item.number, *item.references)
        )
        self._information: dict[str, int] = {}
        self._folded: dict[tuple[str, str, str], tuple[list[str], list[tuple[OpenItem, int]]]] = {}

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
        latest = payment.value_date.toordinal() + self.settings.future_days
        remaining = self.remaining
        return [item for item in items if remaining[item.id] > 0 and item.invoice_date.toordinal() <= latest]

    def find(self, key: str, payment: PaymentFacts) -> Sequence[tuple[OpenItem, int, int]]:
        """Items (with field and level of the key) that a key names; none when it names too many to mean one."""
        hits = self.by_key.get(key, ())
        if not hits or len(hits) > KEY_ITEMS_LIMIT:
            return ()
        return [hit for hit in hits if self.is_open_for(hit[0], payment)]

    def information(self, number: str) -> int:
        """See `NumberFormats.information`; remembered."""
        known = self._information.get(number)
        if known is None:
            known = self._information[number] = self.formats.information(number)
        return known

    def folded_numbers(self, account_id: str, payment: PaymentFacts) -> tuple[list[str], list[tuple[OpenItem, int]]]:
        """All numbers of an account's items, folded, beside their item and field: for comparisons in one
        call.
        """
        key = (account_id, payment.legal_entity_id, payment.currency)
        known = self._folded.get(key)
        if known is None:
            texts: list[str] = []
            owners: list[tuple[OpenItem, int]] = []
            for item in self.by_account.get(key, ()):
                for field, number in enumerate((item.number, *item.references)):
                    folded = fold(squeeze(number))
                    if len(folded) >= 4:
                        texts.append(folded)
                        owners.append((item, field))
            known = self._folded[key] = (texts, owners)
        return known


def signed(item: OpenItem, minor: int) -> int:
    """What `minor` of this item adds to a payment: credit memos subtract."""
    return -minor if item.kind is ItemKind.CREDIT_MEMO else minor
