"""The selling company: three legal entities, their own bank accounts, payment terms and people. All invented."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from app.core import money

SOURCE = "ledgerworks"  # the name of the ERP that the extracts pretend to come from


@dataclass(frozen=True, slots=True)
class LegalEntity:
    """A company code of the sample organization."""

    code: str
    name: str
    country: str
    base_currency: str


@dataclass(frozen=True, slots=True)
class OwnBankAccount:
    """Where customers pay to. `identifier` is the IBAN, or the local number where there is none."""

    identifier: str
    scheme: str
    name: str
    bic: str
    currency: str
    entity: str
    prefix: str  # of the references that its bank gives to entries
    weekly: bool  # statements by week; otherwise by month
    opening_minor: int


@dataclass(frozen=True, slots=True)
class Terms:
    """Payment terms. The due date is invoice date + net days, then the month's end if `end_of_month`."""

    code: str
    name: str
    net_days: int
    end_of_month: bool = False
    discount_basis_points: int = 0
    discount_days: int = 0
    instalments: tuple[tuple[int, int], ...] = ()  # (percent, net days) each

    @property
    def text(self) -> str:
        """The terms as people write them: `2/10 net 30`."""
        if self.instalments:
            return ", ".join(f"{percent}% net {days}" for percent, days in self.instalments)
        discount = f"{self.discount_basis_points // 100}/{self.discount_days} " if self.discount_basis_points else ""
        return f"{discount}net {self.net_days}{' then end of month' if self.end_of_month else ''}"

    def due_dates(self, invoice_date: date, amount_minor: int) -> list[tuple[date, int]]:
        """Due date and amount in minor units of each instalment; the amounts sum to the invoice's."""
        if self.instalments:
            amounts = money.allocate(amount_minor, [percent for percent, _ in self.instalments])
            days = [invoice_date + timedelta(days=net) for _, net in self.instalments]
            return list(zip(days, amounts, strict=True))
        due = invoice_date + timedelta(days=self.net_days)
        if self.end_of_month:
            due = due.replace(day=monthrange(due.year, due.month)[1])
        return [(due, amount_minor)]

    def discount(self, invoice_date: date, amount_minor: int) -> tuple[int, date | None]:
        """Discount in minor units (half-up) and the last value date that earns it; (0, None) without one."""
        if not self.discount_basis_points:
            return 0, None
        discount = (amount_minor * self.discount_basis_points + 5_000) // 10_000
        return discount, invoice_date + timedelta(days=self.discount_days)


ENTITIES = (
    LegalEntity("DE01", "Varnholt Antriebstechnik GmbH", "DE", "EUR"),
    LegalEntity("UK01", "Varnholt Drive Parts Ltd", "GB", "GBP"),
    LegalEntity("US01", "Varnholt Power Transmission Inc.", "US", "USD"),
)
OWN_ACCOUNTS = (
    OwnBankAccount(
        "DE10999040010027451800", "IBAN", "EUR main", "VARBDEFFXXX", "EUR", "DE01", "DA", True, 1_284_503_17
    ),
    OwnBankAccount(
        "DE96999070240418830500", "IBAN", "EUR collections", "VARCDEHHXXX", "EUR", "DE01", "DC", True, 306_118_42
    ),
    OwnBankAccount("DE09999040010027451818", "IBAN", "KWD", "VARBDEFFXXX", "KWD", "DE01", "DK", False, 41_250_375),
    OwnBankAccount("GB88VARB09990012840917", "IBAN", "GBP main", "VARBGB2LXXX", "GBP", "UK01", "GA", True, 612_940_55),
    OwnBankAccount("004417290386", "OTHER", "USD lockbox", "VARBUS44XXX", "USD", "US01", "UA", True, 955_781_03),
    OwnBankAccount("004417290394", "OTHER", "JPY", "VARBUS44XXX", "JPY", "US01", "UJ", False, 38_402_611),
)
TERMS = (
    Terms("NET14", "14 days net", 14),
    Terms("NET30", "30 days net", 30),
    Terms("NET45", "45 days net", 45),
    Terms("NET60", "60 days net", 60),
    Terms("D2N30", "2 % within 10 days, 30 days net", 30, discount_basis_points=200, discount_days=10),
    Terms("D3N45", "3 % within 14 days, 45 days net", 45, discount_basis_points=300, discount_days=14),
    Terms("EOM30", "30 days, end of month", 30, end_of_month=True),
    Terms("INST50", "50 % in 30 days, 50 % in 60 days", 60, instalments=((50, 30), (50, 60))),
)
TERMS_BY_CODE = {terms.code: terms for terms in TERMS}
COLLECTORS = {
    "DE": ("mara.lindner", "tobias.kern"),
    "EU": ("lucie.arnaud", "piotr.halas"),
    "UK": ("owen.prior", "grace.tolley"),
    "US": ("dana.whitlow", "marcus.ode"),
}
_DISPLAY = (
    ("mara.lindner", "Mara Lindner", "collector"),
    ("tobias.kern", "Tobias Kern", "collector"),
    ("lucie.arnaud", "Lucie Arnaud", "collector"),
    ("piotr.halas", "Piotr Halas", "collector"),
    ("owen.prior", "Owen Prior", "collector"),
    ("grace.tolley", "Grace Tolley", "collector"),
    ("dana.whitlow", "Dana Whitlow", "collector"),
    ("marcus.ode", "Marcus Ode", "collector"),
    ("ingrid.sahl", "Ingrid Sahl", "cash_application"),
    ("henry.cole", "Henry Cole", "cash_application"),
    ("renate.voss", "Renate Voss", "collections_manager"),
    ("akio.brandt", "Akio Brandt", "credit_manager"),
    ("nadia.ferro", "Nadia Ferro", "dispute_resolver"),
    ("samuel.okafor", "Samuel Okafor", "auditor"),
)
_RATES_TO_EUR = (("GBP", "1.1570"), ("USD", "0.9120"), ("JPY", "0.006240"), ("KWD", "2.9710"))


def email(login: str) -> str:
    """The address of one of the company's people (example.com is reserved for examples, RFC 2606)."""
    return f"{login}@varnholt.example.com"


def _terms_json(terms: Terms) -> dict[str, Any]:
    """Code, name, the notation that people write, and the definition as `accounts.terms_notation` stores it."""
    tiers = [{"percent_bp": terms.discount_basis_points, "days": terms.discount_days}]
    return {
        "code": terms.code,
        "name": terms.name,
        "text": terms.text,
        "definition": {
            "net_days": 0 if terms.instalments else terms.net_days,
            "end_of_month": terms.end_of_month,
            "discounts": tiers if terms.discount_basis_points else [],
            "instalments": [{"share_bp": share * 100, "net_days": days} for share, days in terms.instalments],
        },
    }


def company_json(since: date) -> dict[str, Any]:
    """Everything that has to exist before the first import; the content of `company.json`."""
    return {
        "organization": {
            "name": "Varnholt Group (demo)",
            "time_zone": "Europe/Berlin",
            "calendar_country": "DE",
            "base_currency": "EUR",
            "source": SOURCE,
        },
        "legal_entities": [
            {"code": e.code, "name": e.name, "country": e.country, "base_currency": e.base_currency} for e in ENTITIES
        ],
        "bank_accounts": [
            {
                "identifier": own.identifier,
                "scheme": own.scheme,
                "name": own.name,
                "bic": own.bic,
                "currency": own.currency,
                "legal_entity": own.entity,
            }
            for own in OWN_ACCOUNTS
        ],
        "payment_terms": [_terms_json(terms) for terms in TERMS],
        "users": [{"email": email(login), "display_name": name, "roles": [role]} for login, name, role in _DISPLAY],
        "exchange_rates": [
            {"from_currency": currency, "to_currency": "EUR", "rate_date": since.isoformat(), "rate": rate}
            for currency, rate in _RATES_TO_EUR
        ],
    }
