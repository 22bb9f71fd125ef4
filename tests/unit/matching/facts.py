"""Short ways to state facts in tests: amounts in cents, days as offsets from the first of June 2024."""

from datetime import date, timedelta

from app.cash_application.matching.engine import match
from app.cash_application.matching.types import (
    AccountFacts,
    ItemKind,
    OpenItem,
    PaymentFacts,
    Proposal,
    Settings,
)

TODAY = date(2024, 6, 1)


def item(
    id: str,
    minor: int,
    number: str = "",
    account: str = "a",
    issued: int = -30,
    due: int = 0,
    references: tuple[str, ...] = (),
    discount: int = 0,
    discount_until: int | None = None,
    kind: ItemKind = ItemKind.INVOICE,
    currency: str = "EUR",
    entity: str = "1",
) -> OpenItem:
    return OpenItem(
        id=id,
        document_id=id,
        account_id=account,
        legal_entity_id=entity,
        number=number or f"INV{sum(map(ord, id)) * 7919:08d}",
        currency=currency,
        open_minor=minor,
        amount_minor=minor,
        invoice_date=TODAY + timedelta(days=issued),
        due_date=TODAY + timedelta(days=due),
        kind=kind,
        references=references,
        discount_minor=discount,
        discount_date=None if discount_until is None else TODAY + timedelta(days=discount_until),
    )


def payment(
    minor: int, text: str = "", id: str = "p", account: str | None = None, day: int = 0, **more
) -> PaymentFacts:
    more.setdefault("legal_entity_id", "1")
    more.setdefault("currency", "EUR")
    return PaymentFacts(
        id=id,
        amount_minor=minor,
        value_date=TODAY + timedelta(days=day),
        account_id=account,
        remittance_text=text,
        **more,
    )


def account(id: str = "a", *names: str, number: str = "", parent: str | None = None, **more) -> AccountFacts:
    return AccountFacts(id, number or f"9{ord(id[0]):05d}", names or (f"Company {id}",), parent, **more)


def one(payment_: PaymentFacts, items, accounts=(), settings: Settings | None = None, identities=()) -> Proposal:
    return match([payment_], items, accounts or [account()], identities, settings)[0]


def settled(proposal: Proposal) -> dict[str, int]:
    return {allocation.item_id: allocation.amount_minor for allocation in proposal.allocations}
