"""What the lines of a finance charge say, in the languages of the service."""

from __future__ import annotations

from datetime import date

LANGUAGES = ("en", "de", "fr", "es")
_FEE = {
    "en": "Reminder fee, {number}",
    "de": "Mahngebühr, {number}",
    "fr": "Frais de relance, {number}",
    "es": "Gastos de reclamación, {number}",
}
_COMPENSATION = {
    "en": "Compensation for recovery costs, {number}",
    "de": "Pauschale für Beitreibungskosten, {number}",
    "fr": "Indemnité forfaitaire pour frais de recouvrement, {number}",
    "es": "Indemnización por costes de cobro, {number}",
}
_INTEREST = {
    "en": "Interest on {number}, {first} to {last}",
    "de": "Verzugszinsen auf {number}, {first} bis {last}",
    "fr": "Intérêts de retard sur {number}, du {first} au {last}",
    "es": "Intereses de demora sobre {number}, del {first} al {last}",
}
_GIVEN_BACK = {
    "en": "Interest given back on {number}, {first} to {last}",
    "de": "Erstattete Verzugszinsen auf {number}, {first} bis {last}",
    "fr": "Intérêts rendus sur {number}, du {first} au {last}",
    "es": "Intereses devueltos sobre {number}, del {first} al {last}",
}


def line_text(kind: str, language: str | None, number: str, first: date | None, last: date | None, back: bool) -> str:
    """The description of a line; English when the language is not one of the service's."""
    code = (language or "en")[:2].lower()
    texts = {"fee": _FEE, "compensation": _COMPENSATION}.get(kind, _GIVEN_BACK if back else _INTEREST)
    shown = texts.get(code, texts["en"])
    return shown.format(number=number, first=first and first.isoformat(), last=last and last.isoformat())
