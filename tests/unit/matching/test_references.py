import pytest

from app.cash_application.matching.account_references import named_accounts
from app.cash_application.matching.coded_references import (
    coded_numbers,
    is_731,
    is_belgian,
    is_luhn,
)
from app.cash_application.matching.formats import learn_formats
from app.cash_application.matching.references import (
    KEYS_LIMIT,
    document_keys,
    lookup_keys,
    text_tokens,
)
from app.core.payment_references import (
    creditor_reference,
    is_creditor_reference,
    modulo_10_recursive,
    qr_reference,
)
from app.core.reference_keys import tail_of
from tests.unit.matching.facts import payment


def meant(text: str, number: str, *references: str) -> bool:
    return bool(lookup_keys(payment(1, text)) & document_keys(number, references))


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("Rechnung RE-2024-00123 vom 01.02.2024", "RE-2024-00123"),
        ("re 2024 00123", "RE-2024-00123"),
        ("RE202400123", "RE-2024-00123"),
        ("2024-00123", "RE-2024-00123"),
        ("RE-2O24-OO123", "RE-2024-00123"),
        ("re-2024-00l23", "RE-2024-00123"),
        ("10 01 234", "1001234"),
        ("0001001234", "1001234"),
        ("inv 1001234/1001239", "1001239"),
        ("INV1001-1005", "INV1003"),
        ("1001/02/05", "1005"),
        ("1001 bis 1005", "1004"),
        ("1001, 02 und 05", "1002"),
        ("no 0: 3757109844no 1: 2121894433", "2121894433"),
        ("payment for PO4500123, thanks", "PO4500123"),
        ("22749", "INV100000000022749"),
        ("37571098442121894433", "2121894433"),
    ],
)
def test_a_text_means_the_number(text: str, number: str) -> None:
    assert meant(text, number)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("9910012349", "1001234"),
        ("10012345", "1001234"),
        ("ACC71001234X9", "1234"),
        ("1001-1005", "1006"),
        ("1001-9005", "1002"),
        ("1001/1002", "10011"),
        ("a2b3", "23"),
        ("INVOICE", "INVOICE"),
    ],
)
def test_a_text_does_not_mean_the_number(text: str, number: str) -> None:
    assert not meant(text, number)


def test_dates_and_amounts_are_the_weakest_tokens() -> None:
    kinds = {token.key: token.kind for token in text_tokens("inv 4711 of 01.02.2024 EUR 1.250,00")}
    assert kinds["4711"] == "whole"
    assert kinds["1250"] == "masked"
    assert kinds["01022024"] == "masked"


def test_other_references_have_keys() -> None:
    assert meant("Ihre Bestellung PO-77123", "RE1", "PO 77123")


def test_the_end_to_end_id_is_read_but_not_its_empty_form() -> None:
    assert "4711001" in lookup_keys(payment(1, end_to_end_id="E2E-4711001"))
    assert not lookup_keys(payment(1, end_to_end_id="NOTPROVIDED"))


def test_keys_are_bounded() -> None:
    text = " ".join(str(10_000 + 7 * n) for n in range(3_000))
    assert len(lookup_keys(payment(1, text))) <= KEYS_LIMIT


def test_the_tail_is_what_follows_the_filling_zeros() -> None:
    assert tail_of("INV100000000022749") == "22749"
    assert tail_of("RE2024123") == "2024123"
    assert tail_of("ABC") == ""


def test_creditor_references_are_opened() -> None:
    assert is_creditor_reference("RF18539007547034")
    assert not is_creditor_reference("RF19539007547034")
    assert "539007547034" in coded_numbers("RF18 5390 0754 7034")
    assert "539007547034" in lookup_keys(payment(1, structured_references=("RF18 5390 0754 7034",)))


def test_the_reference_of_an_account_is_no_number_of_a_document() -> None:
    rf, qr = creditor_reference("10001"), qr_reference("10001")
    assert rf
    assert qr
    for carried in (rf, qr, f"{rf[:4]} {rf[4:8]} {rf[8:]}", f"{qr[:2]} {qr[2:7]} {qr[7:]}"):
        paid = payment(1, f"pay 4711 {carried} thanks", structured_references=(carried,), end_to_end_id=carried)
        assert named_accounts(paid) == ("10001",)
        assert lookup_keys(paid) == {"4711", "PAY4711"}
    assert lookup_keys(payment(1, "RF18539007547034")) >= {"539007547034"}, "any other reference is opened"


def test_swiss_and_belgian_and_nordic_check_digits() -> None:
    qr = "21000000000313947143000901"
    assert modulo_10_recursive(qr) == 7
    assert "313947143000901" in "".join(coded_numbers(qr + "7"))
    assert is_belgian("010806817183")
    assert "108068171" in [number[:9] for number in coded_numbers("+++010/8068/17183+++")]
    assert is_luhn("79927398713")
    assert is_731("1232")
    assert not is_731("1233")


def test_formats_say_what_tells_numbers_apart() -> None:
    formats = learn_formats(f"INV1000000000{n:05d}" for n in range(10_000, 10_060))
    assert formats.information("INV100000000010033") == 2
    assert formats.looks_like_number("1NV100000000010033")
    assert not formats.looks_like_number("12345678")
    few = learn_formats(["RE10001", "RE10002"])
    assert few.information("RE10001") == 5


def test_formats_do_not_depend_on_order() -> None:
    numbers = [f"A{n * 37 % 1000:06d}" for n in range(100)]
    assert learn_formats(numbers) == learn_formats(reversed(numbers))
