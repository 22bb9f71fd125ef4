"""What the page says on which a customer unsubscribes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PageWords:
    """One language."""

    title: str
    question: str
    button: str
    done: str


_PAGES = {
    "en": PageWords(
        "Reminders by e-mail", "Do you want no more reminders of open invoices at this address?", "No more reminders",
        "You will get no more reminders at this address. Open invoices remain due.",
    ),
    "de": PageWords(
        "Zahlungserinnerungen per E-Mail", "Möchten Sie an diese Adresse keine Zahlungserinnerungen mehr erhalten?",
        "Keine Erinnerungen mehr",
        "An diese Adresse werden keine Zahlungserinnerungen mehr gesendet. Offene Rechnungen bleiben fällig.",
    ),
    "fr": PageWords(
        "Rappels par courriel", "Ne souhaitez-vous plus recevoir de rappels de factures à cette adresse ?",
        "Plus de rappels", "Vous ne recevrez plus de rappels à cette adresse. Les factures ouvertes restent dues.",
    ),
    "es": PageWords(
        "Recordatorios por correo electrónico", "¿No desea recibir más recordatorios de facturas en esta dirección?",
        "No más recordatorios",
        "No recibirá más recordatorios en esta dirección. Las facturas pendientes siguen debiéndose.",
    ),
}  # fmt: skip


def page_words(accept_language: str) -> PageWords:
    """The words in the first language of the header that there is, else English."""
    for part in accept_language.split(",")[:10]:
        found = _PAGES.get(part.strip()[:2].lower())
        if found is not None:
            return found
    return _PAGES["en"]
