"""What passes over the own bank accounts besides customers' payments: income that no customer owes, money from
nobody knows whom, and what the company itself pays."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from app.demo.generator.company import OwnBankAccount
from app.demo.generator.customers import scaled
from app.demo.generator.dice import Dice
from app.demo.generator.habits import business_day
from app.demo.generator.identifiers import bank_identifier
from app.demo.generator.transactions import Category, Transaction
from app.demo.generator.vocabulary import FIRST_NAMES, FORMS, LAST_NAMES, ROOTS, TRADES

_HOME = {"DE01": "DE", "UK01": "GB", "US01": "US"}
_UNKNOWN_TEXTS = (
    "Payment", "Anzahlung", "as agreed by phone", "Rechnung", "Inv 4711", "refund", "", "order of last week",
    "ACCT 99812", "Teilzahlung lt. Absprache",
)  # fmt: skip
_INCOME = (
    ("Revenue Office", "VAT refund period {n}"),
    ("Northmark Insurance", "Claim settlement SC-{n}"),
    ("Ferrum Recycling", "Scrap metal credit note {n}"),
    ("Varnholt Group Treasury", "Intercompany transfer {n}"),
    ("Heliox Energy", "Refund advance payments contract {n}"),
)
_FIRST_RUN_DAYS = 49  # the first customers have paid by then
_COSTS = (
    ("Payroll Varnholt", "Salaries {month}", "SALA"),
    ("Revenue Office", "Tax {month}", "TAXS"),
    ("Heliox Energy", "Energy {month}", "ESCT"),
    ("Gatewell Logistics Parks", "Rent warehouse {month}", "ESCT"),
)


@dataclass(frozen=True, slots=True)
class Flow:
    """How much goes over one own account in the whole time: number and sum (minor units) of customers' receipts."""

    own: OwnBankAccount
    receipts: int
    received_minor: int


def _firm(country: str, dice: Dice) -> str:
    family = {"DE": "german", "GB": "english", "US": "english"}[country]
    return f"{dice.pick(ROOTS[family])} {dice.pick(TRADES[family])} {dice.pick(FORMS[country])}"


def _credit(own: OwnBankAccount, day: date, amount: int, category: Category, name: str, text: str) -> Transaction:
    credit = Transaction(own, day, day, max(amount, 1), category)
    credit.payer_name, credit.text, credit.style = name, [text] if text else [], "fixed"
    return credit


def _debit(own: OwnBankAccount, day: date, amount: int, category: Category, name: str, text: str) -> Transaction:
    debit = _credit(own, day, amount, category, name, text)
    debit.credit = False
    debit.bank_code = ("PMNT", "ICDT", "ESCT")
    return debit


def _draw_days(since: date, until: date, count: int, dice: Dice) -> list[date]:
    span = (until - since).days
    days = (business_day(since + timedelta(days=dice.between(0, span))) for _ in range(count))
    return sorted(day for day in days if day <= until)


def _unknown(flow: Flow, since: date, until: date, dice: Dice) -> list[Transaction]:
    """About seven of a thousand receipts come from somebody whom no record names."""
    home = _HOME[flow.own.entity]
    result = []
    for day in _draw_days(since, until, flow.receipts * 7 // 1000, dice):
        person = f"{dice.pick(FIRST_NAMES)} {dice.pick(LAST_NAMES)}"
        name = _firm(home, dice) + " i.G." if dice.chance(500) else person
        amount = scaled(dice.between(12_00, 6_400_00), flow.own.currency)
        credit = _credit(flow.own, day, amount, Category.UNKNOWN_PAYER, name, dice.pick(_UNKNOWN_TEXTS))
        if dice.chance(800):
            credit.payer_identifier = bank_identifier(home, dice)
        result.append(credit)
    return result


def _income(flow: Flow, since: date, until: date, dice: Dice) -> list[Transaction]:
    result = []
    for day in _draw_days(since, until, max(flow.receipts * 5 // 1000, 2), dice):
        name, text = dice.pick(_INCOME)
        amount = scaled(dice.between(180_00, 24_000_00), flow.own.currency)
        text = text.format(n=dice.digits(5))
        credit = _credit(flow.own, day, amount, Category.NOT_RECEIVABLE, name, text)
        credit.payer_identifier = bank_identifier(_HOME[flow.own.entity], dice)
        result.append(credit)
    return result


def _month_ends(since: date, until: date) -> list[date]:
    """The last business day of each month that ends in the time, found without a clock."""
    days = (since + timedelta(days=n) for n in range((until - since).days + 1))
    ends = [day for day in days if (day + timedelta(days=1)).day == 1]
    result = []
    for end in ends:
        while business_day(end) != end:
            end -= timedelta(days=1)
        if end >= since:
            result.append(end)
    return result


def _monthly(flow: Flow, since: date, until: date, dice: Dice) -> list[Transaction]:
    """Bank fees each month, interest each quarter, salaries, taxes and rent from the larger accounts."""
    own, result = flow.own, []
    months = _month_ends(since, until)
    for end in months:
        fee = scaled(dice.between(8_00, 140_00), own.currency)
        charge = _debit(own, end, fee, Category.FEE, "", "")
        charge.information = f"Account charges {end:%m/%Y}"
        charge.bank_code = ("ACMT", "MDOP", "CHRG")
        result.append(charge)
        if end.month % 3 == 0:
            amount = scaled(dice.between(40_00, 900_00), own.currency)
            interest = _credit(own, end, amount, Category.NOT_RECEIVABLE, "", "")
            interest.information = f"Credit interest quarter {end.month // 3}"
            interest.bank_code = ("ACMT", "MCOP", "INTR")
            result.append(interest)
        if own.weekly:
            share = flow.received_minor // max(len(months), 1)
            for name, text, sub_family in _COSTS:
                amount = share * dice.between(20, 60) // 1000
                cost = _debit(own, end, amount, Category.SUPPLIER_PAYMENT, name, text.format(month=f"{end:%m/%Y}"))
                cost.bank_code = ("PMNT", "ICDT", sub_family)
                result.append(cost)
    return result


def _suppliers(flow: Flow, since: date, until: date, dice: Dice) -> list[Transaction]:
    """A weekly run of supplier payments, booked as one batch: about 70 % of what comes in."""
    fridays = [since + timedelta(days=n) for n in range(_FIRST_RUN_DAYS, (until - since).days + 1)]
    fridays = [day for day in fridays if day.weekday() == 4 and business_day(day) == day]
    per_run = max(3, min(8, flow.receipts // 300))
    each = flow.received_minor * 6 // 10 * 2 // max(len(fridays) * (2 + per_run), 1)
    result = []
    for day in fridays:
        for _ in range(dice.between(2, per_run)):
            home = _HOME[flow.own.entity]
            amount = each * dice.between(200, 2200) // 1000
            text = f"Your invoice {dice.digits(6)}"
            debit = _debit(flow.own, day, amount, Category.SUPPLIER_PAYMENT, _firm(home, dice), text)
            debit.payer_identifier, debit.batch = bank_identifier(home, dice), "suppliers"
            debit.end_to_end = f"SUP{dice.digits(9)}"
            result.append(debit)
    return result


def other_transactions(flows: list[Flow], since: date, until: date, dice: Dice) -> list[Transaction]:
    """Everything on the statements that is no payment of a customer, in proportion to what customers pay."""
    result: list[Transaction] = []
    for flow in flows:
        stream = dice.fork(flow.own.identifier)
        result += _unknown(flow, since, until, stream)
        result += _income(flow, since, until, stream)
        result += _monthly(flow, since, until, stream)
        if flow.own.weekly:
            result += _suppliers(flow, since, until, stream)
    return result
