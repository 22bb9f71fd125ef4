"""What a template may show: texts in the customer's language, never a figure to reckon with. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import format_decimal

from app.core.money import exponent


@lru_cache(maxsize=200)
def locale_of(language: str | None) -> Locale:
    """The locale of a language tag, else English."""
    try:
        return Locale.parse((language or "en").replace("-", "_"))
    except (UnknownLocaleError, ValueError, TypeError):
        return Locale.parse("en")


def shown_amount(minor: int, currency: str, language: str | None) -> str:
    """An amount as people write it in that language, with all decimals of its currency: `1.250,00`."""
    places = exponent(currency)
    value = Decimal(minor).scaleb(-places)
    pattern = "#,##0" + ("." + "0" * places if places else "")
    return str(format_decimal(value, format=pattern, locale=locale_of(language)))


def shown_date(day: date, language: str | None) -> str:
    """A day as people write it in that language."""
    return str(format_date(day, format="long", locale=locale_of(language)))


def template_values(
    *,
    organization_name: str,
    legal_entity_name: str | None,
    account: Any,
    contact: Any | None,
    invoices: Sequence[Any],
    today: date,
    language: str | None,
    author: str,
    signature: str | None,
    own: dict[str, str],
) -> dict[str, Any]:
    """The variables of a template. `own` are texts that the writer gave, under `values`."""
    shown = [_invoice(row, today, language) for row in invoices]
    totals: dict[str, list[int]] = {}
    for row in invoices:
        sums = totals.setdefault(row["currency"], [0, 0])
        sums[0] += row["open_minor"]
        sums[1] += row["open_minor"] if row["next_due"] is not None and row["next_due"] < today else 0
    return {
        "organization": {"name": organization_name},
        "legal_entity": {"name": legal_entity_name or organization_name},
        "account": {
            "number": account["number"],
            "name": account["name"],
            "legal_name": account["legal_name"] or account["name"],
        },
        "contact": {"name": (contact["name"] if contact else None) or "", "role": contact["role"] if contact else ""},
        "invoices": shown,
        "totals": [
            {
                "currency": currency,
                "open": shown_amount(sums[0], currency, language),
                "first_overdue": shown_amount(sums[1], currency, language),
            }
            for currency, sums in sorted(totals.items())
        ],
        "today": shown_date(today, language),
        "author": {"name": author},
        "signature": signature or "",
        "values": own,
    }


def _invoice(row: Any, today: date, language: str | None) -> dict[str, Any]:
    due = row["next_due"] or row["first_due"]
    return {
        "number": row["number"],
        "invoice_date": shown_date(row["invoice_date"], language),
        "due_date": shown_date(due, language),
        "days_past_due": max(0, (today - due).days),
        "amount": shown_amount(row["amount_minor"], row["currency"], language),
        "open_amount": shown_amount(row["open_minor"], row["currency"], language),
        "currency": row["currency"],
        "purchase_order": row["purchase_order"] or "",
    }


SAMPLE_OWN: dict[str, str] = {"message": "…"}


def sample_values(today: date) -> dict[str, Any]:
    """Values with which a template is tried when it is stored."""
    account = {"number": "C-1000", "name": "Example Ltd", "legal_name": "Example Limited"}
    row = {
        "number": "INV-1", "invoice_date": today, "next_due": today, "first_due": today, "currency": "EUR",
        "amount_minor": 125_000, "open_minor": 100_000, "purchase_order": "PO-1",
    }  # fmt: skip
    return template_values(
        organization_name="Organization",
        legal_entity_name="Legal Entity",
        account=account,
        contact={"name": "Ada Example", "role": "accounts_payable"},
        invoices=[row],
        today=today,
        language="en",
        author="Author",
        signature="Signature",
        own=dict(SAMPLE_OWN),
    )
