"""What banks of several countries call the columns of their CSV statements, the surest words first. Pure.

All words as `guessing.folded` leaves them: lower case, no accents, blanks between words.
"""

from __future__ import annotations

WORDS: dict[str, tuple[str, ...]] = {
    "booking_date": (
        "booking date", "posting date", "post date", "posted date", "transaction date", "date", "buchungstag",
        "buchungsdatum", "buchung", "datum", "date operation", "date de l operation", "date d operation",
        "date comptable", "date de comptabilisation", "fecha operacion", "fecha de operacion", "fecha contable",
        "fecha",
        "data contabile", "data operazione", "data", "boekdatum", "boekingsdatum", "created utc", "created",
    ),
    "value_date": (
        "value date", "valuta", "valutadatum", "wertstellung", "wertstellungsdatum", "wert", "date de valeur",
        "date valeur", "valeur", "fecha valor", "data valuta", "valutadatum", "rentedatum", "available on utc",
        "available on",
    ),
    "amount": (
        "amount", "transaction amount", "betrag", "betrag eur", "betrag in eur", "umsatz", "umsatz in eur", "montant",
        "montant eur", "importe", "importe eur", "importo", "bedrag", "gross", "amount eur", "amount usd", "amount gbp",
    ),
    "debit": (
        "debit", "debit amount", "paid out", "money out", "withdrawal", "withdrawals", "debits", "soll", "lastschrift",
        "belastung", "debit euros", "montant debit", "debito", "cargo", "cargos", "dare", "uscite", "af",
    ),
    "credit": (
        "credit", "credit amount", "paid in", "money in", "deposit", "deposits", "credits", "haben", "gutschrift",
        "credit euros", "montant credit", "credito", "abono", "abonos", "avere", "entrate", "bij",
    ),
    "indicator": (
        "soll haben", "s h", "soll haben kennzeichen", "debit credit", "dr cr", "cr dr", "d c", "credit debit",
        "credit debit indicator", "debit credit indicator", "af bij", "sens", "debit credit code",
    ),
    "balance": (
        "balance", "running balance", "running bal", "account balance", "closing balance", "saldo",
        "saldo nach buchung", "kontostand", "solde", "saldo eur", "saldo disponible", "saldo na mutatie",
    ),
    "currency": ("currency", "currency code", "ccy", "wahrung", "waehrung", "devise", "moneda", "divisa", "valuta code",
                 "munt"),
    "fee": ("fee", "fees", "gebuhr", "frais", "comision"),
    "account": (
        "auftragskonto", "iban auftragskonto", "own account", "account number", "account iban", "our account",
        "numero de compte", "rekening", "iban bban",
    ),
    "text": (
        "description", "transaction description", "details", "narrative", "memo", "verwendungszweck",
        "vorgang verwendungszweck", "buchungsdetails", "purpose", "remittance information", "remittance",
        "payment details", "libelle", "libelle de l operation", "libelle operation", "detail", "motif", "communication",
        "concepto", "descripcion", "observaciones", "descrizione", "causale", "omschrijving", "mededelingen",
        "omschrijving 1", "additional information", "note", "subject",
    ),
    "type": (
        "type", "transaction type", "buchungstext", "vorgang", "umsatzart", "buchungsart", "reporting category",
        "type operation", "type d operation", "tipo", "mutatiesoort",
    ),
    "counterparty_name": (
        "counterparty", "counterparty name", "payer", "payer name", "name zahlungsbeteiligter", "name",
        "auftraggeber begunstigter", "auftraggeber empfanger", "beguenstigter zahlungspflichtiger",
        "begunstigter zahlungspflichtiger", "zahlungsbeteiligter", "auftraggeber zahlungsempfanger",
        "empfanger zahlungspflichtiger", "payee", "beneficiary", "partner name", "customer name", "nom",
        "donneur d ordre", "ordenante", "beneficiario", "naam tegenpartij", "ordinante",
    ),
    "counterparty_account": (
        "counterparty account", "counterparty iban", "iban", "kontonummer iban", "iban zahlungsbeteiligter",
        "kontonummer", "iban kontonummer", "konto nr", "payer account", "partner iban", "tegenrekening iban bban",
        "tegenrekening", "compte contrepartie", "cuenta ordenante",
    ),
    "counterparty_bank": (
        "bic", "bic swift code", "bic swift code zahlungsbeteiligter", "swift", "bic blz", "blz", "counterparty bank",
        "bic tegenpartij", "counterparty bic",
    ),
    "bank_reference": (
        "bank reference", "transaction id", "transaction reference", "reference number", "reference", "id",
        "sammlerreferenz", "numero d operation", "reference operation", "referencia", "volgnr", "fitid", "referenz",
    ),
    "end_to_end_id": (
        "end to end id", "end to end reference", "kundenreferenz end to end", "kundenreferenz",
        "end to end referenz", "ende zu ende referenz", "transactiereferentie", "customer reference", "e2e id",
    ),
    "payment_reference": (
        "creditor reference", "structured reference", "rf reference", "qr reference", "esr referenz", "qr referenz",
        "structured communication", "communication structuree", "gestructureerde mededeling", "betalingskenmerk", "kid",
        "viite", "ocr",
    ),
    "mandate_id": ("mandatsreferenz", "mandate", "mandate id", "mandate reference", "rum", "machtigingskenmerk"),
    "cheque_number": ("check number", "cheque number", "check", "cheque", "check or slip", "check no", "scheck nr"),
    "original_reference": ("reference txn id", "original reference", "source", "source id"),
}  # fmt: skip
CREDIT_WORDS = frozenset({
    "c", "cr", "crdt", "credit", "h", "haben", "gutschrift", "+", "bij", "in", "k", "credito", "deposit", "avere",
})  # fmt: skip
DEBIT_WORDS = frozenset({
    "d", "dr", "dbit", "debit", "s", "soll", "lastschrift", "-", "af", "out", "debito", "withdrawal", "dare",
})  # fmt: skip
CURRENCY_SIGNS = {"euros": "EUR", "euro": "EUR", "€": "EUR", "£": "GBP"}
