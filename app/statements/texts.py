"""The words of statements and evidence files in four languages; dates and amounts as each of them writes them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from typing import Literal

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import get_decimal_symbol, get_group_symbol

from app.core.money import exponent

PaperLanguage = Literal["en", "de", "fr", "es"]
_WORDS: Mapping[str, tuple[str, str, str, str]] = {
    "statement": ("Account statement", "Kontoauszug", "Relevé de compte", "Estado de cuenta"),
    "as_of": ("as of {date}", "Stand {date}", "au {date}", "a {date}"),
    "account": ("Account {number}", "Konto {number}", "Compte {number}", "Cuenta {number}"),
    "open_items": ("Open items", "Offene Posten", "Postes ouverts", "Partidas abiertas"),
    "document": ("Document", "Beleg", "Pièce", "Documento"),
    "kind": ("Kind", "Art", "Type", "Tipo"),
    "invoice": ("Invoice", "Rechnung", "Facture", "Factura"),
    "debit_memo": ("Debit memo", "Belastung", "Note de débit", "Nota de débito"),
    "finance_charge": ("Finance charge", "Verzugszinsen", "Intérêts de retard", "Intereses de demora"),
    "credit_memo": ("Credit memo", "Gutschrift", "Avoir", "Nota de crédito"),
    "payment": ("Payment not yet applied", "Zahlung, noch nicht zugeordnet", "Paiement non affecté",
                "Pago sin aplicar"),
    "date": ("Date", "Datum", "Date", "Fecha"),
    "due": ("Due", "Fällig", "Échéance", "Vencimiento"),
    "days_late": ("Days late", "Tage überfällig", "Jours de retard", "Días de retraso"),
    "amount": ("Amount", "Betrag", "Montant", "Importe"),
    "open": ("Open", "Offen", "Restant dû", "Pendiente"),
    "disputed": ("Disputed", "Strittig", "Contesté", "En disputa"),
    "promised": ("Promised", "Zugesagt", "Promis", "Prometido"),
    "currency": ("Currency", "Währung", "Devise", "Divisa"),
    "purchase_order": ("Your order", "Ihre Bestellung", "Votre commande", "Su pedido"),
    "reference": ("Reference", "Referenz", "Référence", "Referencia"),
    "credits": ("Credits and payments not yet applied", "Gutschriften und nicht zugeordnete Zahlungen",
                "Avoirs et paiements non affectés", "Abonos y pagos sin aplicar"),
    "promises": ("Promised for the account", "Für das Konto zugesagt", "Promis pour le compte",
                 "Prometido para la cuenta"),
    "totals": ("Totals", "Summen", "Totaux", "Totales"),
    "total": ("Total", "Summe", "Total", "Total"),
    "not_due": ("Not due", "Nicht fällig", "Non échu", "No vencido"),
    "days": ("{range} days", "{range} Tage", "{range} jours", "{range} días"),
    "overdue": ("Overdue", "Überfällig", "Échu", "Vencido"),
    "unapplied": ("Not yet applied", "Nicht zugeordnet", "Non affecté", "Sin aplicar"),
    "balance": ("Balance", "Saldo", "Solde", "Saldo"),
    "bank_details": ("Please pay to", "Bitte zahlen Sie auf", "Veuillez payer sur", "Por favor, pague a"),
    "mail_subject": ("Account statement {number} as of {date}", "Kontoauszug {number}, Stand {date}",
                     "Relevé de compte {number} au {date}", "Estado de cuenta {number} a {date}"),
    "mail_greeting": ("Good day,", "Guten Tag,", "Bonjour,", "Buenos días:"),
    "mail_body": ("enclosed please find the statement of your account {number} as of {date}.",
                  "anbei erhalten Sie den Auszug Ihres Kontos {number} mit Stand {date}.",
                  "veuillez trouver ci-joint le relevé de votre compte {number} au {date}.",
                  "adjuntamos el estado de su cuenta {number} a {date}."),
    "mail_reference": ("Please pay with the reference {reference}.",
                       "Bitte geben Sie bei der Zahlung die Referenz {reference} an.",
                       "Veuillez indiquer la référence {reference} lors du paiement.",
                       "Por favor, indique la referencia {reference} al pagar."),
    "mail_contested": ("If something is not right, simply answer this e-mail.",
                       "Wenn etwas nicht stimmt, antworten Sie einfach auf diese E-Mail.",
                       "Si quelque chose n'est pas exact, répondez simplement à cet e-mail.",
                       "Si algo no es correcto, responda simplemente a este correo."),
    "payee": ("Payee", "Zahlungsempfänger", "Bénéficiaire", "Beneficiario"),
    "to_pay": ("Amount to pay", "Zu zahlen", "Montant à payer", "Importe a pagar"),
    "payment_reference": ("Payment reference", "Zahlungsreferenz", "Référence de paiement", "Referencia de pago"),
    "scan_to_pay": ("Pay by scanning the code with your banking app.",
                    "Zum Bezahlen den Code mit der Banking-App scannen.",
                    "Pour payer, scannez le code avec votre application bancaire.",
                    "Para pagar, escanee el código con la aplicación de su banco."),
    "slip_behind": ("The QR-bill is on a page of its own at the end.",
                    "Die QR-Rechnung steht auf einer eigenen Seite am Ende.",
                    "La QR-facture se trouve sur une page à part à la fin.",
                    "La factura QR está en una página aparte al final."),
    "bank": ("Bank account", "Bankkonto", "Compte bancaire", "Cuenta bancaria"),
    "iban": ("IBAN / account number", "IBAN / Kontonummer", "IBAN / numéro de compte", "IBAN / número de cuenta"),
    "nothing": ("Nothing is open.", "Es ist nichts offen.", "Rien n'est dû.", "No hay nada pendiente."),
    "evidence": ("Evidence file", "Beweisakte", "Dossier de preuves", "Expediente de pruebas"),
    "index": ("Contents", "Inhalt", "Sommaire", "Índice"),
    "claim": ("The claim", "Die Forderung", "La créance", "La deuda"),
    "case": ("Case", "Fall", "Dossier", "Caso"),
    "claimed": ("Claimed", "Gefordert", "Réclamé", "Reclamado"),
    "collected": ("Collected since", "Seither eingegangen", "Encaissé depuis", "Cobrado desde entonces"),
    "timeline": ("Timeline", "Verlauf", "Chronologie", "Cronología"),
    "event": ("Event", "Ereignis", "Événement", "Suceso"),
    "by": ("By", "Von", "Par", "Por"),
    "actions": ("What was done", "Was unternommen wurde", "Ce qui a été fait", "Lo que se hizo"),
    "subject": ("Subject", "Betreff", "Objet", "Asunto"),
    "outcome": ("Outcome", "Ergebnis", "Résultat", "Resultado"),
    "letters": ("Letters and e-mails", "Briefe und E-Mails", "Lettres et e-mails", "Cartas y correos"),
    "direction": ("From / to", "Von / an", "De / à", "De / a"),
    "text": ("Text", "Text", "Texte", "Texto"),
    "made_promises": ("Promises to pay", "Zahlungszusagen", "Promesses de paiement", "Promesas de pago"),
    "kept": ("Kept", "Gehalten", "Tenu", "Cumplido"),
    "status": ("Status", "Status", "Statut", "Estado"),
    "disputes": ("Disputes", "Reklamationen", "Litiges", "Disputas"),
    "payments": ("Payments applied to the items", "Zahlungen auf die Posten", "Paiements affectés aux postes",
                 "Pagos aplicados a las partidas"),
    "costs": ("Costs and recoveries", "Kosten und Erlöse", "Frais et recouvrements", "Costes y recuperaciones"),
    "attachments": ("Attachments", "Anlagen", "Annexes", "Anexos"),
    "file": ("File", "Datei", "Fichier", "Archivo"),
    "pages": ("Pages", "Seiten", "Pages", "Páginas"),
    "not_attached": ("Kept separately", "Gesondert aufbewahrt", "Conservé à part", "Se conserva aparte"),
    "attachment": ("Attachment {number}: {name}", "Anlage {number}: {name}", "Annexe {number} : {name}",
                   "Anexo {number}: {name}"),
    "shortened": ("Only the latest {count} are shown.", "Gezeigt sind nur die letzten {count}.",
                  "Seuls les {count} derniers sont montrés.", "Solo se muestran los últimos {count}."),
}  # fmt: skip
LANGUAGES: tuple[PaperLanguage, ...] = ("en", "de", "fr", "es")


class Words:
    """The words of one language, and how its country writes dates and amounts."""

    def __init__(self, language: str | None, country: str | None = None) -> None:
        code = (language or "en").replace("_", "-").split("-")[0].lower()
        self.language: PaperLanguage = next((known for known in LANGUAGES if known == code), "en")
        self._place = LANGUAGES.index(self.language)
        self.locale = _locale(language if code == self.language else None, self.language, country)
        self._signs = get_group_symbol(self.locale), get_decimal_symbol(self.locale)

    def __call__(self, name: str, /, **values: object) -> str:
        """A word or sentence. Raises KeyError for an unknown name."""
        return _WORDS[name][self._place].format(**values)

    def day(self, day: date | None) -> str:
        """A date as it is written; empty without one."""
        return "" if day is None else str(format_date(day, "medium", locale=self.locale))

    def long_day(self, day: date) -> str:
        """A date with the name of its month."""
        return str(format_date(day, "long", locale=self.locale))

    def amount(self, minor: int, currency: str) -> str:
        """An amount without its currency, with the currency's places: as babel's `#,##0.00`, in a tenth of its time."""
        group, point = self._signs
        places = exponent(currency)
        whole, part = divmod(abs(minor), 10**places)
        text = f"{whole:,}".replace(",", group)
        if places:
            text += f"{point}{part:0{places}d}"
        return f"-{text}" if minor < 0 else text

    def bucket(self, label: str) -> str:
        """The name of an aging bucket."""
        return self("not_due") if label == "current" else self("days", range=label.replace("-", "–"))


@lru_cache(maxsize=200)
def _locale(wanted: str | None, language: str, country: str | None) -> Locale:
    """The locale of the language as spoken in a country: of the tag itself, else the account's country."""
    tags = [wanted.replace("-", "_")] if wanted and len(wanted) > 2 else []
    if country:
        tags.append(f"{language}_{country}")
    for tag in (*tags, language):
        try:
            return Locale.parse(tag)
        except (UnknownLocaleError, ValueError):
            continue
    return Locale("en")


def grouped_identifier(identifier: str) -> str:
    """An IBAN in groups of four (ISO 13616); a local number as it is."""
    if not (len(identifier) >= 15 and identifier[:2].isalpha() and identifier[2:4].isdigit()):
        return identifier
    return " ".join(identifier[start : start + 4] for start in range(0, len(identifier), 4))
