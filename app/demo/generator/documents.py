"""Invoices, debit memos, finance charges and credit memos of the sample company, with its ERP's number ranges."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta

from app.demo.generator.company import TERMS_BY_CODE
from app.demo.generator.customers import Customer, scaled
from app.demo.generator.dice import Dice, Wheel
from app.demo.generator.habits import business_day

_PRICES_EUR_CENTS = (4_20, 7_95, 12_60, 18_90, 24_50, 39_00, 58_40, 84_75, 129_00, 215_00, 340_00, 795_00, 1_240_00)
_LARGE_PRICES = (2_480_00, 4_950_00, 12_900_00)
_QUANTITY = Wheel([((1, 6), 40), ((7, 25), 34), ((26, 80), 20), ((81, 300), 6)])
_SIZE_FACTOR = {"key": (1, 5), "large": (1, 4), "middle": (1, 2), "small": (1, 1)}
_US_TAX_BASIS_POINTS = (0, 0, 0, 0, 625, 725, 825)
_MONTH_WEIGHT = (88, 96, 112, 100, 98, 106, 96, 78, 108, 110, 108, 90)
_ERP_SWITCH_DAYS = 300  # the British entity changed its number range so many days before the end


@dataclass(slots=True, eq=False)
class Part:
    """An instalment: what is due when, and what the truth says is still open (minor units)."""

    document: Document
    due: date
    amount: int
    open: int
    partly_paid: bool = False


@dataclass(slots=True, eq=False)
class Document:
    """A document of the ledger. Amounts are positive minor units; the kind says the sign."""

    kind: str
    customer: Customer
    invoice_date: date
    accounting_date: date
    terms: str
    amount: int
    tax: int
    number: str = ""
    external_id: str = ""
    opening_open: int = 0
    purchase_order: str = ""
    delivery: str = ""
    contract: str = ""
    discount: int = 0
    discount_until: date | None = None
    settles_deduction: bool = False
    parts: list[Part] = field(default_factory=list)

    @property
    def entity(self) -> str:
        """Code of the legal entity."""
        return self.customer.country.entity

    @property
    def currency(self) -> str:
        """ISO 4217 code."""
        return self.customer.currency

    @property
    def open(self) -> int:
        """What the truth says is still open, in minor units."""
        return sum(part.open for part in self.parts)

    @property
    def due_date(self) -> date | None:
        """The due date of a document with one part; None for instalments and credit memos (terms decide)."""
        return self.parts[0].due if len(self.parts) == 1 and self.kind != "credit_memo" else None


def _net_amount(customer: Customer, dice: Dice) -> int:
    """The sum of one to five lines of price × quantity: many small invoices, few very large ones."""
    low, high = _SIZE_FACTOR[customer.size]
    total = 0
    for _ in range(dice.pick((1, 1, 1, 2, 2, 3, 5))):
        price = dice.pick(_LARGE_PRICES) if dice.chance(14) else dice.pick(_PRICES_EUR_CENTS)
        few, many = _QUANTITY.spin(dice) if price < 300_00 else (1, 8)
        total += price * dice.between(few, many) * dice.between(low, high)
    total = total * (1000 - dice.pick((0, 0, 0, 25, 50, 120))) // 1000 + dice.pick((0, 0, 9_50, 14_90, 48_00))
    return max(scaled(total, customer.currency), 1)


def _tax(customer: Customer, net: int, dice: Dice) -> int:
    rates = {"DE": 1900, "GB": 2000, "US": dice.pick(_US_TAX_BASIS_POINTS)}
    return (net * rates.get(customer.country.code, 0) + 5_000) // 10_000


def _order_number(customer: Customer, day: date, dice: Dice) -> str:
    style = customer.habits.order_style
    if dice.chance(80):
        return ""
    if style == "sap":
        return "4500" + dice.digits(6)
    if style == "po":
        return f"PO-{dice.digits(5)}"
    if style == "year":
        return f"B{day:%y}-{dice.between(1, 9999):04d}"
    return ""


def add_parts(document: Document) -> Document:
    """Split the document into its instalments by its terms, all open."""
    document.opening_open = document.amount
    if document.kind == "credit_memo":
        document.parts = [Part(document, document.invoice_date, document.amount, document.amount)]
        return document
    terms = TERMS_BY_CODE[document.terms]
    for due, amount in terms.due_dates(document.invoice_date, document.amount):
        document.parts.append(Part(document, due, amount, amount))
    document.discount, document.discount_until = terms.discount(document.invoice_date, document.amount)
    return document


def _invoice(customer: Customer, day: date, until: date, dice: Dice) -> Document:
    net = customer.contract_minor if customer.contract_minor and dice.chance(600) else _net_amount(customer, dice)
    tax = _tax(customer, net, dice)
    posted = min(day + timedelta(days=dice.pick((1, 2))), until) if dice.chance(150) else day
    document = Document("invoice", customer, day, posted, customer.terms, net + tax, tax)
    if dice.chance(25):  # now and then somebody types other terms than those agreed
        document.terms = dice.pick(("NET14", "NET30", "NET60"))
    document.purchase_order = _order_number(customer, day, dice)
    document.delivery = f"8{dice.digits(7)}" if dice.chance(850) else ""
    document.contract = f"RV-{customer.number[-4:]}" if net == customer.contract_minor else ""
    return add_parts(document)


def _side_documents(invoices: list[Document], until: date, dice: Dice) -> list[Document]:
    """Credit memos (returns, price corrections), debit memos (freight, corrections) and finance charges."""
    others: list[Document] = []
    for invoice in invoices:
        draw = dice.below(1000)
        day = business_day(invoice.invoice_date + timedelta(days=dice.between(5, 25)))
        if draw >= 42 or day > until:
            continue
        if draw < 26:
            amount = max(invoice.amount * dice.pick((5, 8, 10, 20, 50)) // 100, 1)
            others.append(credit_memo(invoice, day, amount))
        elif draw < 37:
            net = max(scaled(dice.between(25_00, 480_00), invoice.currency), 1)
            tax = _tax(invoice.customer, net, dice)
            others.append(add_parts(Document("debit_memo", invoice.customer, day, day, "NET30", net + tax, tax)))
        else:
            fee = max(scaled(dice.pick((25_00, 40_00, 40_00, 72_50)), invoice.currency), 1)
            others.append(add_parts(Document("finance_charge", invoice.customer, day, day, "NET14", fee, 0)))
    return others


def credit_memo(invoice: Document, day: date, amount: int) -> Document:
    """A credit memo over part of an invoice, with the invoice's share of tax."""
    tax = amount * invoice.tax // invoice.amount
    memo = Document("credit_memo", invoice.customer, day, day, "", amount, tax)
    memo.purchase_order = invoice.purchase_order
    return add_parts(memo)


def _settle_before_opening(invoices: list[Document], since: date, dice: Dice) -> None:
    """Some of the oldest invoices were paid in part before the extract: the open amount is below the amount."""
    for invoice in invoices:
        old = invoice.invoice_date < since + timedelta(days=20) and len(invoice.parts) == 1
        if old and invoice.amount > 100 and dice.chance(60):
            invoice.opening_open = invoice.amount * dice.pick((30, 50, 60)) // 100
            invoice.parts[0].open = invoice.opening_open
            invoice.parts[0].partly_paid = True


def build_documents(customers: list[Customer], count: int, since: date, until: date, dice: Dice) -> list[Document]:
    """`count` invoices from `since` to `until` and their side documents, in the order of their dates."""
    days = [since + timedelta(days=n) for n in range((until - since).days + 1)]
    weighted = [
        (day, _MONTH_WEIGHT[day.month - 1] * (1000 + position // 3) * (2 if day.day >= 26 else 1))
        for position, day in enumerate(days)
        if business_day(day) == day
    ]
    calendar = Wheel(weighted)
    buyers = Wheel([(customer, customer.weight) for customer in customers])
    invoices = [_invoice(buyers.spin(dice), calendar.spin(dice), until, dice) for _ in range(count)]
    _settle_before_opening(invoices, since, dice)
    documents = invoices + _side_documents(invoices, until, dice)
    documents.sort(key=lambda document: document.invoice_date)  # stable: ties keep their drawn order
    return documents


class NumberRanges:
    """The ERP's number ranges: two or three formats per legal entity, each counted in the order of the dates."""

    def __init__(self, until: date) -> None:
        self._switch = until - timedelta(days=_ERP_SWITCH_DAYS)
        self._counters: dict[str, int] = {}

    def _next(self, name: str, start: int) -> int:
        self._counters[name] = self._counters.get(name, start) + 1
        return self._counters[name]

    def assign(self, documents: list[Document], dice: Dice) -> None:
        """Number the documents, which must be sorted by date."""
        for document in documents:
            document.number = self._number(document, dice)
            document.external_id = f"{document.entity}-{self._next('external', 5_100_000):08d}"

    def _number(self, document: Document, dice: Dice) -> str:
        year, entity, kind = document.invoice_date.year, document.entity, document.kind
        if kind != "invoice":
            return self._side_number(kind, entity, year)
        if entity == "DE01":
            if document.contract or dice.chance(90):
                return f"SV{year % 100:02d}{self._next(f'SV{year}', 400):05d}"
            return f"RE-{year}-{self._next(f'RE{year}', 0):06d}"
        if entity == "UK01":
            if document.invoice_date < self._switch:
                return f"INV{self._next('INV', 12_000):07d}"
            return f"SI/{year % 100:02d}/{self._next(f'SI{year}', 0):05d}"
        if dice.chance(120):
            return f"P{year % 10}-{self._next(f'P{year}', 1_000)}-{dice.pick('ABC')}"
        return f"90{self._next('US', 3_310_000):08d}"

    def _side_number(self, kind: str, entity: str, year: int) -> str:
        prefix = {
            "DE01": {"credit_memo": "GS", "debit_memo": "BL", "finance_charge": "ZI"},
            "UK01": {"credit_memo": "CRN", "debit_memo": "DN", "finance_charge": "FC"},
            "US01": {"credit_memo": "CM", "debit_memo": "DM", "finance_charge": "LF"},
        }[entity][kind]
        if entity == "DE01":
            return f"{prefix}-{year}-{self._next(f'{prefix}{year}', 0):05d}"
        return f"{prefix}{self._next(prefix, 2_000):06d}"
