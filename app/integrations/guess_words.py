"""What English, German, French and Spanish programs call the fields of an import, the surest words first. Pure.

All words as `guessing.folded` leaves them: lower case, no accents, blanks between words.
"""

from __future__ import annotations

_ACCOUNT = (
    "customer number", "customer no", "customer id", "customer", "account number", "account no", "account", "debtor",
    "debtor number", "client id", "client number", "kundennummer", "kundennr", "kunden nr", "kunde nr", "debitor",
    "debitorennummer", "debitoren nr", "debitornr", "kunde", "konto", "kontonummer", "numero client", "no client",
    "n client", "code client", "client", "compte client", "compte", "numero de cliente", "no cliente",
    "codigo cliente",
    "codigo de cliente", "cliente", "cuenta", "custnmbr", "kunnr", "accountnum",
)  # fmt: skip
_NAME = (
    "customer name", "account name", "name", "company", "company name", "kundenname", "firma", "name des kunden",
    "firmenname", "nom du client", "nom client", "raison sociale", "nom", "societe", "nombre del cliente",
    "nombre cliente", "razon social", "nombre", "empresa", "custname", "name1",
)  # fmt: skip
_NUMBER = (
    "invoice number", "invoice no", "invoice", "document number", "document no", "doc no", "doc number", "number",
    "no",
    "reference", "belegnummer", "beleg nr", "belegnr", "rechnungsnummer", "rechnungs nr", "rechnungsnr", "rechnung",
    "rechnung nr", "numero de facture", "numero facture", "no facture", "n facture", "facture", "n de facture",
    "numero piece", "numero de factura", "numero factura", "no factura", "n factura", "factura", "num factura",
    "numero documento", "docnumbr", "belnr", "num",
)  # fmt: skip
_CURRENCY = (
    "currency", "currency code", "ccy", "curr", "wahrung", "waehrung", "devise", "monnaie", "moneda", "divisa",
    "curncyid", "waers", "currencycode",
)  # fmt: skip
_AMOUNT = (
    "amount", "gross amount", "total amount", "total", "invoice amount", "gross", "original amount",
    "document amount",
    "value", "betrag", "bruttobetrag", "brutto", "rechnungsbetrag", "gesamtbetrag", "summe", "umsatz", "montant",
    "montant ttc", "total ttc", "ttc", "montant total", "importe", "importe total", "monto", "total factura",
    "ortrxamt", "wrbtr", "amountcur", "payment amount", "zahlbetrag", "zahlungsbetrag", "amount paid",
    "montant paye", "importe pagado", "applied amount", "ausgleichsbetrag",
)  # fmt: skip
WORDS: dict[str, tuple[str, ...]] = {
    "account_number": _ACCOUNT,
    "account_name": _NAME,
    "number": _NUMBER,
    "name": _NAME,
    "currency": _CURRENCY,
    "amount": _AMOUNT,
    "kind": (
        "type", "document type", "doc type", "transaction type", "belegart", "art", "typ", "dokumentart",
        "type de piece",
        "type de document", "nature", "tipo", "tipo de documento", "tipo documento", "blart", "rmdtypal",
    ),
    "tax_amount": (
        "tax", "tax amount", "vat", "vat amount", "steuer", "steuerbetrag", "mwst", "ust", "mehrwertsteuer", "tva",
        "montant tva", "iva", "importe iva", "impuesto", "cuota iva", "taxamnt", "wmwst",
    ),
    "open_amount": (
        "open amount", "balance", "open balance", "amount due", "outstanding", "outstanding amount",
        "amount remaining",
        "remaining amount", "balance due", "open", "offener betrag", "offen", "restbetrag", "saldo", "offener saldo",
        "noch offen", "reste du", "restant du", "solde", "montant du", "montant restant", "saldo pendiente",
        "pendiente",
        "importe pendiente", "curtrxam",
    ),
    "invoice_date": (
        "invoice date", "date", "document date", "issue date", "issued", "doc date", "rechnungsdatum", "belegdatum",
        "datum", "ausstellungsdatum", "date de facture", "date facture", "date de la facture", "date piece",
        "fecha factura", "fecha de factura", "fecha", "fecha de emision", "fecha emision", "docdate", "bldat",
    ),
    "accounting_date": (
        "posting date", "accounting date", "gl date", "booking date", "buchungsdatum", "buchungstag",
        "date de comptabilisation", "date comptable", "fecha contable", "fecha de contabilizacion", "glpostdt",
        "budat",
    ),
    "due_date": (
        "due date", "due", "payment due", "net due date", "faellig am", "fallig am", "falligkeit", "falligkeitsdatum",
        "faelligkeit", "faelligkeitsdatum", "fallig", "zahlbar bis", "date d echeance", "date echeance", "echeance",
        "fecha de vencimiento", "fecha vencimiento", "vencimiento", "vence", "duedate",
    ),
    "payment_terms": (
        "terms", "payment terms", "zahlungsbedingung", "zahlungsbedingungen", "zahlungsziel",
        "conditions de paiement",
        "condiciones de pago", "pymtrmid", "zterm",
    ),
    "purchase_order": (
        "po number", "purchase order", "po", "customer po", "order number", "your reference", "bestellnummer",
        "bestellung",
        "bestell nr", "ihre bestellung", "numero de commande", "commande", "bon de commande", "pedido",
        "numero de pedido", "orden de compra", "cspornbr",
    ),
    "delivery_reference": (
        "delivery note", "delivery", "shipment", "lieferschein", "lieferscheinnummer", "bon de livraison", "albaran",
    ),
    "contract_reference": ("contract", "contract number", "vertrag", "vertragsnummer", "contrat", "contrato"),
    "external_id": (
        "external id", "internal id", "id", "record id", "recid", "guid", "uuid", "identifiant", "identificador",
        "transaction id", "transaktions id", "id transaccion",
    ),
    "payment_date": (
        "payment date", "value date", "date paid", "paid on", "receipt date", "date", "valuta", "zahlungsdatum",
        "wertstellung",
        "wertstellungsdatum", "zahltag", "bezahlt am", "datum", "date de paiement", "date paiement", "date de valeur",
        "fecha de pago", "fecha pago", "fecha valor", "fecha", "docdate",
    ),
    "method": (
        "payment method", "method", "zahlungsart", "zahlweg", "mode de paiement", "forma de pago",
        "metodo de pago",
    ),
    "payer_name": (
        "payer", "payer name", "remitter", "paid by", "zahler", "auftraggeber", "einzahler", "zahlungspflichtiger",
        "payeur", "donneur d ordre", "ordenante", "pagador",
    ),
    "payer_bank_identifier": (
        "iban", "payer iban", "bank account", "account iban", "iban du payeur", "iban ordenante",
    ),
    "remittance_text": (
        "remittance", "remittance text", "description", "memo", "payment reference", "details", "verwendungszweck",
        "buchungstext", "libelle", "motif", "communication", "concepto", "descripcion",
    ),
    "bank_reference": (
        "bank reference", "check number", "cheque number", "transaction reference", "bankreferenz", "schecknummer",
        "reference bancaire", "numero de cheque", "referencia bancaria", "cheknmbr",
    ),
    "settles": (
        "settles", "paid invoices", "invoice numbers", "invoices", "rechnungen", "rechnungsnummern", "factures",
        "factures reglees", "facturas", "facturas pagadas",
    ),
    "from_external_id": ("payment id", "from document", "payment number", "zahlung", "paiement", "pago"),
    "to_external_id": ("invoice id", "to document", "applied to", "rechnung", "facture", "factura"),
    "applied_on": ("applied on", "apply date", "application date", "ausgleichsdatum", "date", "datum", "fecha"),
    "discount_amount": ("discount", "cash discount", "skonto", "escompte", "descuento", "distknam"),
    "write_off_amount": ("write off", "write off amount", "ausbuchung", "ecart", "ajuste", "wrofamnt"),
    "balance": ("balance", "account balance", "customer balance", "saldo", "kontostand", "solde", "custblnc"),
    "language": ("language", "sprache", "langue", "idioma"),
    "street": (
        "street", "address", "address 1", "address line 1", "strasse", "anschrift", "adresse", "rue", "direccion",
        "calle",
    ),
    "postal_code": (
        "zip", "zip code", "postal code", "postcode", "plz", "postleitzahl", "code postal", "codigo postal", "cp",
    ),
    "city": ("city", "town", "ort", "stadt", "ville", "ciudad", "poblacion", "localidad"),
    "region": ("state", "region", "province", "bundesland", "provincia"),
    "country": ("country", "country code", "land", "landerkennzeichen", "pays", "pais"),
    "segment": ("segment", "customer class", "customer group", "kundengruppe", "groupe client", "grupo de clientes"),
    "credit_limit": ("credit limit", "kreditlimit", "plafond de credit", "encours autorise", "limite de credito"),
    "contact_name": (
        "contact", "contact name", "contact person", "ansprechpartner", "interlocuteur", "persona de contacto",
        "contacto",
    ),
    "contact_email": ("email", "e mail", "contact email", "mail", "courriel", "correo", "correo electronico"),
    "contact_phone": ("phone", "telephone", "contact phone", "telefon", "tel", "telefono"),
    "email": ("email", "e mail", "mail", "courriel", "correo", "correo electronico"),
    "phone": ("phone", "telephone", "telefon", "tel", "telefono"),
    "role": ("role", "rolle", "funktion", "fonction", "funcion"),
    "parent_number": (
        "parent", "parent account", "parent customer", "konzern", "ubergeordnet", "maison mere", "matriz",
    ),
}  # fmt: skip
"""By field. A later word of the list is a little less sure."""
NOT_WORDS: dict[str, tuple[str, ...]] = {
    "amount": (
        "open", "offen", "due", "tax", "vat", "steuer", "tva", "iva", "discount", "remaining", "pendiente",
        "restant",
    ),
    "account_number": ("name", "nom", "nombre", "iban"),
    "number": ("customer", "kunden", "client", "cliente", "order", "bestell", "phone", "date", "datum"),
    "invoice_date": ("due", "posting", "payment", "fallig", "echeance", "vencimiento", "buchung"),
    "payment_date": ("due", "invoice", "posting"),
    "name": ("contact",),
    "external_id": ("customer", "client"),
}  # fmt: skip
"""Words beside which a field's own word means something else."""
KIND_WORDS: dict[str, tuple[str, ...]] = {
    "invoices": (
        "invoice", "due", "rechnung", "fallig", "faellig", "facture", "echeance", "factura", "vencimiento", "beleg",
    ),
    "payments": (
        "payment date", "value date", "payer", "remittance", "valuta", "zahlung", "verwendungszweck", "paiement",
        "pago",
        "wertstellung", "receipt",
    ),
    "accounts": (
        "street", "address", "city", "zip", "credit limit", "plz", "strasse", "adresse", "ville", "direccion",
        "ciudad",
        "email", "phone", "telefon",
    ),
    "contacts": ("contact", "role"),
    "applications": ("applied", "from document", "to document", "ausgleich"),
    "balances": ("custblnc", "account balance", "kontostand"),
}  # fmt: skip
VALUE_WORDS: dict[str, str] = {
    **dict.fromkeys(("invoice", "inv", "in", "rechnung", "re", "rg", "facture", "fa", "fac", "fc", "factura", "dr"),
     "invoice"),
    **dict.fromkeys(
        ("credit memo", "credit note", "cn", "cm", "cr", "gutschrift", "gs", "gu", "avoir", "av", "nota de credito",
         "abono", "ab", "nc", "note de credit", "credit"),
        "credit_memo",
    ),
    **dict.fromkeys(("debit memo", "debit note", "dm", "dn", "belastung", "note de debit", "nota de debito", "nd"),
     "debit_memo"),
    **dict.fromkeys(("finance charge", "interest", "zinsen", "verzugszinsen", "interets", "intereses", "fin"),
     "finance_charge"),
}  # fmt: skip
"""Kinds of documents by what they are called."""
