"""PDFs a second of one core: reminders, statements with an EPC code or a Swiss QR-bill, in four languages.

Processor time, not wall time, so that a busy machine does not change the figure. Each document is another one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from app.core.aging import AgingBounds, days_past_due
from app.infra.rendering.letters import Letter, letter_pdf
from app.infra.rendering.papers import paper_pdf
from app.statements.instructions import instructions_of
from app.statements.layout import statement_paper
from app.statements.statement import Item, Statement, totals_of
from app.statements.texts import Words

DOCUMENTS = 60
ITEMS = 8
TODAY = date(2026, 3, 9)
ENTITY = UUID(int=1)
LANGUAGES = ("en", "de", "fr", "es")
BOUNDS = AgingBounds((0, 30, 60, 90))
_PLACES = {
    "EUR": ("DE89370400440532013000", "Acme Lieferungen GmbH", "Industriestraße 1", "10115", "Berlin", "DE"),
    "CHF": ("CH4431999123000889012", "Acme Lieferungen AG", "Rue du Lac 1268", "2501", "Biel", "CH"),
}
_BODY = (
    "Dear Ada Example,\n\nplease find below what is overdue on your account. We ask you to settle it by {day}.\n\n"
    "If you have paid meanwhile, please disregard this reminder."
)
Result = dict[str, Any]


def letter(number: int, language: str = "en") -> Letter:
    """A reminder as it is set."""
    rows = tuple(
        (f"INV-{number}-{i}", "02/01/2026", "03/01/2026", str(8 + i), f"{number + i},250.00") for i in range(3)
    )
    return Letter(
        subject=f"Payment reminder C-{number}", before=_BODY.format(day="16 March 2026"),
        dated="9 March 2026", sender=("Acme Supplies", "1 Main Street", "10115 Berlin"),
        address=(f"Customer {number} Limited", "Ada Example", "Industriestraße 7", "10115 Berlin"),
        after="Sum due: 3,750.00 EUR\n\nAcme Supplies\nDE89 3704 0044 0532 0130 00\n\nKind regards",
        table=(("Invoice", "Invoice date", "Due date", "Days", "Open EUR"), *rows), right=(3, 4),
        footer=f"Acme Supplies · Account C-{number}", language=language,
    )  # fmt: skip


def statement(number: int, currency: str, items: int = ITEMS) -> Statement:
    """An account with open items in one currency, made of plain facts."""
    iban, name, street, postal_code, city, country = _PLACES[currency]
    account = {
        "id": UUID(int=number + 1), "number": f"C-{1000 + number}", "name": f"Customer {number}",
        "legal_name": f"Customer {number} Limited", "street": f"Bahnhofstrasse {number}", "postal_code": "8001",
        "city": "Zürich", "country": "CH", "address_supplement": None, "region": None, "language": "en",
    }  # fmt: skip
    bank = {
        "legal_entity_id": ENTITY, "legal_entity": name, "name": "House Bank", "bic": "COBADEFFXXX", "identifier": iban,
        "currency": currency, "street": street, "postal_code": postal_code, "city": city, "country": country,
    }  # fmt: skip
    found = []
    for part in range(items):
        due = TODAY - timedelta(days=12 * part - 10)
        row = {
            "legal_entity_id": ENTITY, "currency": currency, "kind": "invoice", "number": f"R-{number}-{part}",
            "instalments": 1, "ordinal": 1, "invoice_date": due - timedelta(days=30), "due_date": due,
            "amount_minor": 120_000 + number * 100 + part, "open_minor": 110_000 + number * 100 + part,
            "purchase_order": f"PO-{part}" if part % 2 else None,
        }  # fmt: skip
        late = days_past_due(TODAY, due)
        found.append(Item(row, max(0, late), BOUNDS.bucket_index(late), 5_000 if part == 2 else 0, 0))
    rows = [item.row for item in found]
    return Statement(
        account=account, organization=name, as_of=TODAY, labels=tuple(BOUNDS.labels()), items=found, credits=[],
        promises=[], banks=[bank], totals=totals_of(found, [], BOUNDS.bucket_count),
        instructions=instructions_of(account, rows, [], [bank]),
    )  # fmt: skip


def _statement_pdf(number: int, currency: str) -> bytes:
    words = Words(LANGUAGES[number % 4], "CH")
    made = statement(number, currency)
    return paper_pdf(statement_paper(replace(made), words), made.as_of)


def _rate(make: Callable[[int], bytes]) -> float:
    """Documents for each second of the processor; the first one, which loads the fonts, does not count."""
    make(10_000)
    began = time.process_time()
    for number in range(DOCUMENTS):
        make(number)
    return DOCUMENTS / (time.process_time() - began)


async def run() -> list[Result]:
    """All measures."""
    kinds: list[tuple[str, Callable[[int], bytes]]] = [
        ("PDF of a reminder", lambda number: letter_pdf(letter(number, LANGUAGES[number % 4]), TODAY)),
        ("PDF of a statement with an EPC code", lambda number: _statement_pdf(number, "EUR")),
        ("PDF of a statement with a Swiss QR-bill", lambda number: _statement_pdf(number, "CHF")),
    ]
    return [
        {"name": f"{name} (reach ≥ 50)", "ours": round(_rate(make)), "baseline": None, "ratio": None,
         "unit": "PDFs/s a core"}
        for name, make in kinds
    ]  # fmt: skip
