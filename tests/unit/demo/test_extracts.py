"""The two extracts, read through their mapping files."""

import json
import re
from collections import Counter, defaultdict

import pytest
from stdnum import iban

from app.demo.generator.generate import DemoManifest
from tests.unit.demo.reading import amount_of, date_of, read_extract

ACCOUNT_FIELDS = {
    "number", "name", "parent_number", "currency", "payment_terms", "country", "language", "time_zone", "segment",
    "risk_class", "credit_limit", "contact_name", "contact_email", "contact_phone", "bank_identifier", "collector",
    "external_id", "source",
}  # fmt: skip
INVOICE_FIELDS = {
    "kind", "number", "account_number", "legal_entity", "currency", "amount", "tax_amount", "invoice_date",
    "accounting_date", "due_date", "payment_terms", "purchase_order", "delivery_reference", "contract_reference",
    "open_amount", "external_id", "source",
}  # fmt: skip


@pytest.fixture(scope="module")
def accounts(demo: DemoManifest) -> list[dict[str, str]]:
    return read_extract(demo.accounts_file, demo.accounts_mapping_file)


@pytest.fixture(scope="module")
def documents(demo: DemoManifest) -> list[dict[str, str]]:
    return read_extract(demo.invoices_file, demo.invoices_mapping_file)


def test_headers_differ_from_our_fields_and_the_mapping_covers_them(demo: DemoManifest) -> None:
    for path, fields in ((demo.accounts_mapping_file, ACCOUNT_FIELDS), (demo.invoices_mapping_file, INVOICE_FIELDS)):
        mapping = json.loads(path.read_text(encoding="utf-8"))
        assert set(mapping) == {"kind", "format", "columns", "constants", "options"}
        assert set(mapping["columns"]) | set(mapping["constants"]) == fields
        assert not set(mapping["columns"].values()) & fields


def test_accounts_are_whole(demo: DemoManifest, accounts: list[dict[str, str]]) -> None:
    company = json.loads(demo.company_file.read_text(encoding="utf-8"))
    numbers = [row["number"] for row in accounts]
    assert len(accounts) == demo.accounts == 220
    assert len(set(numbers)) == len({row["name"] for row in accounts}) == 220
    assert {row["payment_terms"] for row in accounts} <= {terms["code"] for terms in company["payment_terms"]}
    assert {row["collector"] for row in accounts} <= {user["email"] for user in company["users"]}
    seen: set[str] = set()
    for row in accounts:  # a parent stands before its subsidiaries
        assert not row["parent_number"] or row["parent_number"] in seen
        seen.add(row["number"])
    assert 20 <= sum(bool(row["parent_number"]) for row in accounts) <= 110


def test_contacts_use_reserved_domains_and_bank_identifiers_are_valid(accounts: list[dict[str, str]]) -> None:
    assert all(row["contact_email"].endswith(".example.com") for row in accounts if row["contact_email"])
    identifiers = [row["bank_identifier"] for row in accounts if row["bank_identifier"]]
    assert len(set(identifiers)) == len(identifiers) > 170
    assert all(iban.is_valid(each, check_country=False) for each in identifiers if each[:2].isalpha())


def test_documents_have_unique_numbers_in_several_formats(documents: list[dict[str, str]]) -> None:
    keys = Counter((row["legal_entity"], row["kind"], row["number"]) for row in documents)
    assert max(keys.values()) == 1
    assert max(Counter(row["external_id"] for row in documents).values()) == 1
    shapes: dict[str, set[str]] = defaultdict(set)
    for row in documents:
        if row["kind"] == "invoice":
            shapes[row["legal_entity"]].add(re.sub(r"\d", "9", row["number"]))
    assert {entity: len(found) >= 2 for entity, found in shapes.items()} == {"DE01": True, "UK01": True, "US01": True}


def test_amounts_and_dates_of_documents_are_in_order(demo: DemoManifest, documents: list[dict[str, str]]) -> None:
    path = demo.invoices_mapping_file
    partly_settled = 0
    for row in documents:
        amount = amount_of(row["amount"], row["currency"], path)
        assert 0 <= amount_of(row["tax_amount"], row["currency"], path) < amount
        open_minor = amount_of(row["open_amount"], row["currency"], path)
        assert 0 < open_minor <= amount
        partly_settled += open_minor < amount
        invoiced, posted, due = (date_of(row[name]) for name in ("invoice_date", "accounting_date", "due_date"))
        assert invoiced is not None
        assert posted is not None
        assert demo.since <= invoiced <= posted <= demo.until
        assert (due is None) == (row["kind"] == "credit_memo" or row["payment_terms"] == "INST50")
        assert due is None or due > invoiced
    assert partly_settled > 0


def test_kinds_and_currencies_are_all_there(demo: DemoManifest, documents: list[dict[str, str]]) -> None:
    assert Counter(row["kind"] for row in documents) == demo.documents
    assert set(demo.documents) == {"invoice", "debit_memo", "finance_charge", "credit_memo"}
    assert {"EUR", "GBP", "USD"} <= {row["currency"] for row in documents}
    by_account = {
        row["number"]: row["currency"] for row in read_extract(demo.accounts_file, demo.accounts_mapping_file)
    }
    assert all(by_account[row["account_number"]] == row["currency"] for row in documents)
