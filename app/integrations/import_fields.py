"""What can be imported: the fields of each kind, which of them are needed, and the bounds of their texts. Pure.

The names are those of the mapping files (see docs/reference/mapping-format.md).
"""

from __future__ import annotations

from dataclasses import dataclass

SOURCE_DEFAULT = "import"


@dataclass(frozen=True, slots=True)
class KindFields:
    """The fields of a kind: all in their order, groups of which one each is needed, lengths of texts."""

    names: tuple[str, ...]
    needed: tuple[tuple[str, ...], ...]
    lengths: dict[str, int]


_NUMBER, _TEXT, _LONG = 64, 200, 4_000

ACCOUNTS = KindFields(
    names=(
        "number", "name", "currency", "source", "external_id", "legal_name", "parent_number", "payment_terms",
        "language", "time_zone", "street", "address_supplement", "postal_code", "city", "region", "country", "segment",
        "risk_class", "collector", "credit_limit", "credit_status", "active", "contact_role", "contact_name",
        "contact_email", "contact_phone", "bank_identifier", "payer_name",
    ),
    needed=(("number",), ("name",), ("currency",)),
    lengths={},  # the accounts room checks every text itself
)  # fmt: skip
CONTACTS = KindFields(
    names=(
        "account_number", "source", "account_external_id", "role", "name", "email", "phone", "language",
    ),
    needed=(("account_number", "account_external_id"), ("name", "email", "phone")),
    lengths={"account_number": _NUMBER, "source": _NUMBER, "account_external_id": _TEXT},
)  # fmt: skip
INVOICES = KindFields(
    names=(
        "kind", "number", "source", "external_id", "account_number", "account_external_id", "account_name",
        "legal_entity", "currency", "amount", "tax_amount", "open_amount", "invoice_date", "accounting_date",
        "due_date", "payment_terms", "purchase_order", "delivery_reference", "contract_reference", "reason_code",
        "reason", "voided", "functional_amount", "functional_tax_amount", "functional_open_amount",
    ),
    needed=(
        ("number",), ("account_number", "account_external_id"), ("currency",), ("amount", "functional_amount"),
        ("invoice_date",),
    ),
    lengths={
        "number": _NUMBER, "source": _NUMBER, "external_id": _TEXT, "account_number": _NUMBER,
        "account_external_id": _TEXT, "account_name": _TEXT, "purchase_order": _NUMBER,
        "delivery_reference": _NUMBER, "contract_reference": _NUMBER, "reason_code": _NUMBER, "reason": 500,
    },
)  # fmt: skip
PAYMENTS = KindFields(
    names=(
        "payment_date", "accounting_date", "amount", "currency", "source", "external_id", "account_number",
        "account_external_id", "account_name", "legal_entity", "bank_account", "method", "payer_name",
        "payer_bank_identifier", "remittance_text", "bank_reference", "end_to_end_id", "settles",
        "voided", "functional_amount", "functional_open_amount",
    ),
    needed=(("payment_date",), ("amount", "functional_amount"), ("currency",)),
    lengths={
        "source": _NUMBER, "external_id": _TEXT, "account_number": _NUMBER, "account_external_id": _TEXT,
        "account_name": _TEXT, "bank_account": _NUMBER, "payer_name": _TEXT, "payer_bank_identifier": _NUMBER,
        "remittance_text": _LONG, "bank_reference": _TEXT, "end_to_end_id": _TEXT, "settles": _LONG,
    },
)  # fmt: skip
APPLICATIONS = KindFields(
    names=(
        "source", "from_external_id", "to_external_id", "amount", "discount_amount", "write_off_amount", "currency",
        "applied_on", "functional_amount", "functional_discount_amount", "functional_write_off_amount",
        "from_amount", "from_currency", "reopened",
    ),
    needed=(
        ("from_external_id", "reopened"), ("to_external_id",), ("amount", "functional_amount", "reopened"),
        ("currency",), ("applied_on",),
    ),
    lengths={"source": _NUMBER, "from_external_id": _TEXT, "to_external_id": _TEXT},
)  # fmt: skip
BALANCES = KindFields(
    names=("account_number", "source", "account_external_id", "balance", "currency"),
    needed=(("account_number", "account_external_id"), ("balance",), ("currency",)),
    lengths={"account_number": _NUMBER, "source": _NUMBER, "account_external_id": _TEXT},
)
ORIGINAL_AMOUNTS = KindFields(
    names=("source", "external_id", "currency", "amount", "open_amount", "tax_amount"),
    needed=(("external_id",), ("currency",), ("amount",)),
    lengths={"source": _NUMBER, "external_id": _TEXT},
)
FIELDS: dict[str, KindFields] = {
    "accounts": ACCOUNTS, "contacts": CONTACTS, "invoices": INVOICES, "payments": PAYMENTS,
    "applications": APPLICATIONS, "balances": BALANCES, "original_amounts": ORIGINAL_AMOUNTS,
}  # fmt: skip
ROW_KINDS = tuple(FIELDS)
REMITTANCES = KindFields(
    names=(
        "document_number", "amount", "gross_amount", "discount_amount", "deduction_amount", "deduction_reason",
        "payment_reference", "payment_amount", "currency", "expected_date", "payer_name", "payer_bank_identifier",
        "account_number",
    ),
    needed=(("document_number",), ("amount", "gross_amount"), ("currency",)),
    lengths={
        "document_number": _NUMBER, "deduction_reason": _NUMBER, "payment_reference": 140, "payer_name": _TEXT,
        "payer_bank_identifier": _NUMBER, "account_number": _NUMBER,
    },
)  # fmt: skip
FIELDS["remittance_advices"] = REMITTANCES  # mapped as the others, but taken by an upload of its own, not by an import
BANK_STATEMENT = "bank_statement"
KINDS = (*ROW_KINDS, BANK_STATEMENT)
SCOPES = {
    "accounts": "accounts:write",
    "contacts": "accounts:write",
    "invoices": "invoices:write",
    "payments": "payments:write",
    "applications": "payments:write",
    "balances": "accounts:read",
    "original_amounts": "invoices:write",
    BANK_STATEMENT: "bank-statements:write",
}
"""What the caller must be allowed besides `imports:write`."""
