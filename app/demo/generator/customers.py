"""The customer accounts: groups and single companies, their master data and their hidden habits."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isqrt

from app.demo.generator.company import COLLECTORS, email
from app.demo.generator.dice import Dice, Wheel
from app.demo.generator.habits import Habits, draw_habits
from app.demo.generator.identifiers import bank_identifier
from app.demo.generator.vocabulary import (
    COUNTRIES,
    FIRST_NAMES,
    FORMS,
    LAST_NAMES,
    ROOTS,
    TRADES,
    Country,
)

_COUNTRY = Wheel([(country, country.weight) for country in COUNTRIES])
_TERMS = {country.code: Wheel(country.terms) for country in COUNTRIES}
_SEGMENT = Wheel([("oem", 30), ("distributor", 25), ("industrial", 30), ("public_sector", 5), ("service", 10)])
_LIMIT_BASE = {"key": 900_000, "large": 250_000, "middle": 50_000, "small": 10_000}
_GROUP_SHARE = 16  # one group for so many accounts
_MINOR_OF_100_EUR = {"EUR": 100_00, "GBP": 86_00, "USD": 109_00, "JPY": 16_000, "KWD": 33_500}


def scaled(eur_cents: int, currency: str) -> int:
    """About the same value in minor units of another currency: prices of the sample, not exchange rates."""
    return eur_cents * _MINOR_OF_100_EUR[currency] // 100_00


@dataclass(slots=True, eq=False)
class Customer:
    """One account. `bank_identifier` is what it pays from, `listed_identifier` what the master data knows."""

    number: str
    name: str
    parent: Customer | None
    country: Country
    terms: str
    segment: str
    size: str
    risk_class: str
    weight: int
    credit_limit_minor: int | None
    contact_name: str
    contact_email: str
    contact_phone: str
    bank_identifier: str
    listed_identifier: str
    collector: str
    habits: Habits
    pays_centrally: bool = False
    contract_minor: int = 0  # a fixed amount that is billed again and again; 0 without a contract
    insolvent: bool = False
    children: list[Customer] = field(default_factory=list)

    @property
    def currency(self) -> str:
        """ISO 4217 code of the account's currency."""
        return self.country.currency

    @property
    def payer(self) -> Customer:
        """Who pays this account's invoices: the parent in a group that pays centrally, else itself."""
        return self.parent if self.parent is not None and self.parent.pays_centrally else self


@dataclass(frozen=True, slots=True)
class _Seat:
    """A place to fill: which root its name has, and whether it heads a group or belongs to one."""

    root: str
    country: Country
    head: int | None  # index of the group's head among the seats
    heads: bool


def _seats(count: int, dice: Dice) -> list[_Seat]:
    seats: list[_Seat] = []
    for _ in range(count // _GROUP_SHARE):
        country = _COUNTRY.spin(dice)
        root = dice.pick(ROOTS[country.family])
        head = len(seats)
        size = dice.between(2, 8)
        if len(seats) + size + 1 > count * 4 // 10:  # at most four of ten accounts belong to a group
            break
        seats.append(_Seat(root, country, None, True))
        members = (country if dice.chance(550) else _COUNTRY.spin(dice) for _ in range(size))
        seats.extend(_Seat(root, member, head, False) for member in members)
    while len(seats) < count:
        country = _COUNTRY.spin(dice)
        seats.append(_Seat(dice.pick(ROOTS[country.family]), country, None, False))
    return seats


def _name(seat: _Seat, taken: set[str], dice: Dice) -> str:
    """A name that no other account has; many share their first word, as real ledgers do."""
    form = dice.pick(FORMS[seat.country.code])
    if seat.heads:
        trade = dice.pick(("Holding", "Group", dice.pick(TRADES[seat.country.family])))
    else:
        trade = dice.pick(TRADES[seat.country.family])
    root = seat.root
    for attempt in range(1_000_000):
        name = f"{root} {trade} {form}"
        if name not in taken:
            taken.add(name)
            return name
        trade = dice.pick(TRADES[seat.country.family])
        if attempt >= 3:
            root = f"{seat.root} {dice.pick(LAST_NAMES)}" if attempt < 30 else f"{seat.root} {attempt}"
        else:
            root = seat.root if seat.head is not None else dice.pick(ROOTS[seat.country.family])
    raise AssertionError("names ran out")


def _size(rank: int, count: int) -> str:
    share = rank * 1000 // count
    return "key" if share < 15 else "large" if share < 120 else "middle" if share < 450 else "small"


def _collector(country: Country, dice: Dice) -> str:
    region = "DE" if country.code in ("DE", "AT", "CH") else "EU" if country.entity == "DE01" else country.entity[:2]
    return email(dice.pick(COLLECTORS[region]))


def _contact(name: str, country: Country, dice: Dice) -> tuple[str, str, str]:
    """Name, e-mail, phone. One in fourteen accounts has no contact at all, as in any ledger."""
    if dice.chance(70):
        return "", "", ""
    first, last = dice.pick(FIRST_NAMES), dice.pick(LAST_NAMES)
    domain = "".join(char for char in name.lower() if char.isascii() and char.isalnum())[:24] or "customer"
    mailbox = dice.pick((f"{first}.{last}".lower(), "accounts.payable", "invoices"))
    phone = f"{country.phone}{dice.between(100, 999)}" if country.phone else ""
    if country.phone.endswith("555 01"):
        phone = f"{country.phone}{dice.between(10, 99)}"
    elif country.phone.endswith("99 00 "):
        phone = f"{country.phone}{dice.between(10, 99)} {dice.between(10, 99)}"
    return f"{first} {last}", f"{mailbox}@{domain}.example.com", phone


def _customer(
    seat: _Seat, number: str, rank: int, count: int, parent: Customer | None, dice: Dice, taken: set[str]
) -> Customer:
    name = _name(seat, taken, dice)
    size = _size(rank, count)
    country = seat.country
    habits = draw_habits(name, country, "large" if seat.heads else size, dice)
    contact_name, contact_email, contact_phone = _contact(name, country, dice)
    identifier = bank_identifier(country.code, dice)
    listed = identifier if dice.chance(780 if habits.method == "cheque" else 900) else ""
    limit: int | None = scaled(_LIMIT_BASE[size] * dice.between(4, 30) * 10, country.currency)
    limit = limit // _MINOR_OF_100_EUR[country.currency] * _MINOR_OF_100_EUR[country.currency] if limit else 0
    if dice.chance(100):
        limit = None if dice.chance(900) else 0
    late = habits.delay[1]
    return Customer(
        number=number,
        name=name,
        parent=parent,
        country=country,
        terms=_TERMS[country.code].spin(dice),
        segment="key_account" if size == "key" else _SEGMENT.spin(dice),
        size=size,
        risk_class="A" if late <= 1 else "B" if late <= 6 else "C" if late <= 16 else "D",
        weight=2_000_000 // ((rank + 15) * isqrt(rank + 15)) + 80,
        credit_limit_minor=limit,
        contact_name=contact_name,
        contact_email=contact_email,
        contact_phone=contact_phone,
        bank_identifier=identifier,
        listed_identifier=listed,
        collector=_collector(country, dice),
        habits=habits,
        contract_minor=scaled(dice.between(80, 900) * 5_00, country.currency) if dice.chance(60) else 0,
        insolvent=size in ("middle", "small") and dice.chance(4),
    )


def build_customers(count: int, dice: Dice) -> list[Customer]:
    """`count` accounts in the order of their numbers; about a third of them in groups."""
    seats = _seats(count, dice)
    ranks = dice.shuffled(range(count))
    taken: set[str] = set()
    customers: list[Customer] = []
    number = 100_000
    for seat, rank in zip(seats, ranks, strict=True):
        number += dice.between(1, 3)
        parent = customers[seat.head] if seat.head is not None else None
        customer = _customer(seat, str(number), rank, count, parent, dice, taken)
        if seat.heads:
            customer.pays_centrally = dice.chance(380)
        if parent is not None:
            parent.children.append(customer)
        customers.append(customer)
    return customers
