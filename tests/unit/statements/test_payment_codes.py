"""What the codes of payments say, and which code applies."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from app.core.payment_references import creditor_reference, qr_reference
from app.statements.instructions import instructions_of
from app.statements.payment_codes import Party, epc_payload, is_qr_iban, swiss_payload

QR_IBAN, SWISS_IBAN, GERMAN_IBAN = "CH4431999123000889012", "CH9300762011623852957", "DE89370400440532013000"
CREDITOR = Party("Robert Schneider AG", "Rue du Lac 1268", "2501", "Biel", "CH")
DEBTOR = Party("Pia-Maria Rutschmann-Schnyder", "Grosse Marktgasse 28", "9400", "Rorschach", "CH")


def test_the_example_of_the_swiss_guidelines() -> None:
    """SIX, Implementation Guidelines QR-bill, annex A, example 1 (with the number of the house in the street)."""
    payload = swiss_payload(
        iban=QR_IBAN, creditor=CREDITOR, amount_minor=194_975, currency="CHF", debtor=DEBTOR,
        reference="210000000003139471430009017", text="Order of 15.06.2020",
    )  # fmt: skip
    assert payload.split("\n") == [
        "SPC", "0200", "1", QR_IBAN, "S", "Robert Schneider AG", "Rue du Lac 1268", "", "2501", "Biel", "CH",
        "", "", "", "", "", "", "", "1949.75", "CHF",
        "S", "Pia-Maria Rutschmann-Schnyder", "Grosse Marktgasse 28", "", "9400", "Rorschach", "CH",
        "QRR", "210000000003139471430009017", "Order of 15.06.2020", "EPD",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [
        {"currency": "USD"}, {"iban": GERMAN_IBAN}, {"creditor": Party("No address AG", country="CH")},
        {"reference": "RF18539007547034"}, {"reference": None}, {"amount_minor": 0}, {"iban": SWISS_IBAN},
        {"amount_minor": 1_000_000_000_00},
    ],
)  # fmt: skip
def test_what_no_bank_would_take_is_no_qr_bill(changes: dict[str, Any]) -> None:
    facts: dict[str, Any] = {
        "iban": QR_IBAN, "creditor": CREDITOR, "amount_minor": 100, "currency": "CHF", "debtor": DEBTOR,
        "reference": "210000000003139471430009017", "text": "",
    }  # fmt: skip
    swiss_payload(**facts)
    with pytest.raises(ValueError, match=r"."):
        swiss_payload(**{**facts, **changes})


def test_an_epc_code_carries_the_structured_reference_or_a_text() -> None:
    facts: dict[str, Any] = {"name": "Acme Łódź 株式会社", "iban": GERMAN_IBAN, "bic": None, "amount_minor": 12_30}
    with_reference = epc_payload(**facts, reference="RF18539007547034", text="C-1")
    assert with_reference.split("\n") == [
        "BCD", "002", "1", "SCT", "", "Acme Łódź ....", GERMAN_IBAN, "EUR12.30", "", "RF18539007547034",
    ]  # fmt: skip
    assert epc_payload(**facts, reference=None, text="C-1").split("\n")[8:] == ["", "", "C-1"]
    with pytest.raises(ValueError, match="331"):
        epc_payload(**{**facts, "name": "ü" * 70}, reference=None, text="ü" * 140)


def test_a_qr_iban_is_known_by_its_institution() -> None:
    assert is_qr_iban(QR_IBAN)
    assert not is_qr_iban(SWISS_IBAN)
    assert not is_qr_iban("DE89319990440532013000")


ENTITY, OTHER = UUID(int=1), UUID(int=2)


def _bank(identifier: str | None, currency: str, entity: UUID = ENTITY, **address: str) -> dict[str, Any]:
    place = {"street": None, "postal_code": None, "city": None, "country": "CH"} | address
    return {"legal_entity_id": entity, "legal_entity": f"Entity {entity.int}", "name": "Bank", "bic": None,
            "identifier": identifier, "currency": currency, **place}  # fmt: skip


def _item(minor: int, currency: str, entity: UUID = ENTITY) -> dict[str, Any]:
    return {"legal_entity_id": entity, "currency": currency, "open_minor": minor}


ACCOUNT = {"id": uuid4(), "number": "C-1", "name": "Brandt", "legal_name": None, "street": None, "postal_code": None,
           "city": None, "country": "DE"}  # fmt: skip
BIEL = {"postal_code": "2501", "city": "Biel"}


def test_each_entity_and_currency_has_its_own_account_reference_and_code() -> None:
    banks = [
        _bank(SWISS_IBAN, "CHF", **BIEL), _bank(QR_IBAN, "CHF", **BIEL), _bank("12345", "EUR", OTHER),
        _bank(GERMAN_IBAN, "EUR", OTHER), _bank("GB29NWBK60161331926819", "GBP", OTHER),
    ]  # fmt: skip
    items = [_item(100_00, "CHF"), _item(30_00, "EUR", OTHER), _item(5_00, "GBP", OTHER), _item(9_00, "USD")]
    credits = [{"legal_entity_id": OTHER, "currency": "EUR", "left_minor": 10_00}]
    found = instructions_of(ACCOUNT, items, credits, banks)
    shown = [(one.currency, one.amount_minor, one.bank and one.bank["identifier"], one.code) for one in found]
    assert shown == [
        ("CHF", 100_00, QR_IBAN, "swiss_qr_bill"), ("USD", 9_00, None, None),
        ("EUR", 20_00, GERMAN_IBAN, "epc"), ("GBP", 5_00, "GB29NWBK60161331926819", None),
    ]  # fmt: skip
    assert [one.reference for one in found] == [qr_reference("C-1"), *[creditor_reference("C-1")] * 3]


def test_an_ordinary_swiss_account_takes_the_creditor_reference() -> None:
    (one,) = instructions_of(ACCOUNT, [_item(1_00, "EUR")], [], [_bank(SWISS_IBAN, "EUR", **BIEL)])
    assert one.payload is not None
    assert one.payload.split("\n")[-4:] == ["SCOR", creditor_reference("C-1"), "C-1", "EPD"]


def test_without_an_address_of_the_entity_there_is_no_code_but_a_reference() -> None:
    (one,) = instructions_of(ACCOUNT, [_item(1_00, "CHF")], [], [_bank(QR_IBAN, "CHF")])
    assert (one.code, one.payload, one.reference) == (None, None, qr_reference("C-1"))


def test_nothing_is_asked_for_where_the_customer_is_owed() -> None:
    credits = [{"legal_entity_id": ENTITY, "currency": "CHF", "left_minor": 10_00}]
    assert instructions_of(ACCOUNT, [_item(10_00, "CHF")], credits, [_bank(QR_IBAN, "CHF")]) == []
