"""Labelled data made to mislead: dense number ranges, equal amounts, near-equal names, numbers inside longer
ones.

Every swapped or lost digit of a number is likely to hit another real invoice, a third of the amounts come
from a short price list, companies share most of their name, texts carry foreign numbers, and some payments
settle nothing. Much of it cannot be decided by anybody: what is measured is that the engine then abstains.
Seeded and without I/O.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random

from app.cash_application.benchmark_data import Labelled
from app.cash_application.matching.types import AccountFacts, OpenItem, PaymentFacts

FIRST_DAY = date(2024, 1, 2)
_STEM_WORDS = "Alder Birch Cedar Dover Elmar Fjord Gerber Hansen Iber Jansen Keller Lindner Moreau Novak Olsen Petrov"
_STEMS = _STEM_WORDS.split()
_TRADES = ("Foods", "Food", "Logistics", "Logistik", "Trading", "Handels")
_FORMS = ("GmbH", "AG", "Ltd", "S.p.A.", "SARL", "& Co. KG")
_PRICES = (9_900, 11_900, 23_800, 49_900, 100_000, 119_000, 250_000)
_WORDS = ("INVOICE", "RE", "Rechnung", "payment of", "RF", "inv no", "Zahlung", "")
_FORMATS = ("R-2024-{:05d}", "{:08d}", "INV{:06d}", "4{:05d}", "SI/24/{:04d}")


@dataclass(slots=True)
class _World:
    random: Random
    accounts: list[AccountFacts] = field(default_factory=list)
    banks: dict[str, str] = field(default_factory=dict)
    items: dict[str, OpenItem] = field(default_factory=dict)
    unpaid: dict[str, list[OpenItem]] = field(default_factory=dict)
    run: Labelled = field(default_factory=lambda: Labelled([], [], []))


def misleading_run(seed: int, accounts: int = 120, invoices: int = 3_600, payments: int = 1_000) -> Labelled:
    """One labelled run; the same seed gives the same run."""
    world = _World(Random(seed))  # noqa: S311
    _make_accounts(world, accounts)
    _make_invoices(world, invoices)
    day = FIRST_DAY + timedelta(days=60)
    made = 0
    while made < payments:
        made += _pay(world, day)
        if world.random.random() < 0.05:
            day += timedelta(days=1)
    world.run.accounts = world.accounts
    world.run.items = list(world.items.values())
    world.random.shuffle(world.run.items)
    return world.run


def _make_accounts(world: _World, count: int) -> None:
    random = world.random
    for number in range(count):
        name = f"{random.choice(_STEMS)} {random.choice(_TRADES)} {random.choice(_FORMS)}"
        account = AccountFacts(f"a{number}", str(70_000 + number), (name,))
        world.accounts.append(account)
        world.banks[account.id] = f"DE{random.randrange(10**19, 10**20)}"
        world.unpaid[account.id] = []


def _make_invoices(world: _World, count: int) -> None:
    random = world.random
    shape = random.choice(_FORMATS)
    first = random.randrange(1, 3_000)
    for position in range(count):
        account = random.choice(world.accounts[: max(3, len(world.accounts) // random.choice((1, 1, 8)))])
        minor = random.choice(_PRICES) if random.random() < 0.35 else random.randrange(500, 3_000_000)
        issued = FIRST_DAY + timedelta(days=position * 150 // count)
        terms = random.choice((14, 30, 30, 60))
        discounted = random.random() < 0.15
        item = OpenItem(
            id=f"i{position}",
            document_id=f"i{position}",
            account_id=account.id,
            legal_entity_id="1",
            number=shape.format(first + position),
            currency="EUR",
            open_minor=minor,
            amount_minor=minor,
            invoice_date=issued,
            due_date=issued + timedelta(days=terms),
            references=(f"PO{random.randrange(4500000, 4502000)}",) if random.random() < 0.3 else (),
            discount_minor=minor * 2 // 100 if discounted else 0,
            discount_date=issued + timedelta(days=10) if discounted else None,
        )
        world.items[item.id] = item
        world.unpaid[account.id].append(item)


def _pay(world: _World, day: date) -> int:
    """Make one payment or one split payment; how many were made."""
    random = world.random
    account = random.choice(world.accounts)
    pool = [item for item in world.unpaid[account.id] if item.invoice_date <= day]
    kind = random.random()
    if kind < 0.05 or not pool:
        text = random.choice(("REFUND", "INTEREST Q3", f"TAX {random.randrange(10**7, 10**8)}", _foreign(world)))
        _add(world, account, [], random.choice((*_PRICES, random.randrange(500, 3_000_000))), text, day)
        return 1
    if kind < 0.15:
        item = random.choice(pool)
        first = random.randrange(item.open_minor // 5, item.open_minor * 4 // 5)
        for minor in (first, item.open_minor - first):
            _add(world, account, [item], minor, _text(world, [item]), day + timedelta(days=random.randrange(6)))
        world.unpaid[account.id].remove(item)
        return 2
    if kind < 0.20:
        chosen = [item for item in pool if item.due_date <= day] or [random.choice(pool)]
        text = random.choice(("", "all due", "STATEMENT")) if len(chosen) > 1 else _text(world, chosen)
    elif kind < 0.45:
        chosen = random.sample(pool, min(len(pool), random.randrange(2, 7)))
        text = _text(world, chosen)
    else:
        chosen = [random.choice(pool)]
        text = _text(world, chosen)
    minor = sum(_paid_for(world, item, day) for item in chosen)
    if random.random() < 0.05 and minor > 50_000:
        minor -= random.choice((500, 1_000, 1_500, random.randrange(1, 90)))
    for item in chosen:
        world.unpaid[account.id].remove(item)
    _add(world, account, chosen, minor, text, day)
    return 1


def _paid_for(world: _World, item: OpenItem, day: date) -> int:
    taken = item.discount_date is not None and day <= item.discount_date and world.random.random() < 0.8
    return item.open_minor - (item.discount_minor if taken else 0)


def _add(world: _World, account: AccountFacts, items: list[OpenItem], minor: int, text: str, day: date) -> None:
    random = world.random
    name = account.names[0]
    roll = random.random()
    if roll < 0.2:
        name = name.upper()[:27]
    elif roll < 0.3:
        name = name.rsplit(" ", 1)[0]
    elif roll < 0.35:
        name = random.choice(world.accounts).names[0]
    payment = PaymentFacts(
        id=f"p{random.randrange(10**12)}",
        legal_entity_id="1",
        currency="EUR",
        amount_minor=max(1, minor),
        value_date=day,
        payer_name=name,
        payer_bank_identifier=world.banks[account.id] if random.random() < 0.85 else "",
        remittance_text=text,
    )
    world.run.payments.append(payment)
    world.run.truth[payment.id] = frozenset(item.id for item in items)
    kind = "nothing" if not items else "one" if len(items) == 1 else "several"
    world.run.categories[payment.id] = kind


def _text(world: _World, items: list[OpenItem]) -> str:
    random = world.random
    if random.random() < 0.12:
        return random.choice(("", "thank you", "monthly payment"))
    quoted = []
    for item in items:
        number = item.references[0] if item.references and random.random() < 0.15 else item.number
        quoted.append(_damaged(random, number) if random.random() < 0.3 else number)
    text = f"{random.choice(_WORDS)} " + random.choice((" ", ", ", " + ", "/")).join(quoted)
    if random.random() < 0.25:
        text += " " + _foreign(world)
    return text[: random.choice((140, 140, 35))]


def _foreign(world: _World) -> str:
    """Numbers that mean nothing here: a longer number with an invoice number inside, another's invoice, a
    phone.
    """
    random = world.random
    other = random.choice(list(world.items.values())).number
    return random.choice(
        (f"{random.randrange(10, 99)}{other}{random.randrange(10, 99)}", f"TEL {random.randrange(10**8, 10**9)}", other)
    )


def _damaged(random: Random, number: str) -> str:
    digits = [position for position, char in enumerate(number) if char.isdigit()]
    at = random.choice(digits)
    kind = random.randrange(7)
    if kind == 0:
        return number[:at] + number[at + 1 :]
    if kind == 1 and at + 1 < len(number):
        return number[:at] + number[at + 1] + number[at] + number[at + 2 :]
    if kind == 2:
        return number[:at] + number[at] + number[at:]
    if kind == 3:
        return number.replace("0", "O").replace("1", "l")
    if kind == 4:
        return number[:at] + " " + number[at:]
    if kind == 5:
        return number[:at] + str(random.randrange(10)) + number[at + 1 :]
    return "".join(char for char in number if char.isdigit()).lstrip("0")
