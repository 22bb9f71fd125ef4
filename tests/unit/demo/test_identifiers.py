"""Check digits of bank identifiers and creditor references."""

import pytest
from stdnum import iban, iso11649

from app.demo.generator.dice import Dice, Wheel
from app.demo.generator.identifiers import bank_identifier, creditor_reference, is_iban, with_iban_check_digits
from app.demo.generator.vocabulary import COUNTRIES

WITHOUT_IBAN = {"US", "CA", "MX", "JP"}


def test_the_published_example_gets_its_check_digits() -> None:
    assert with_iban_check_digits("DE", "370400440532013000") == "DE89370400440532013000"
    assert with_iban_check_digits("GB", "NWBK60161331926819") == "GB29NWBK60161331926819"


@pytest.mark.parametrize("country", sorted({country.code for country in COUNTRIES} - WITHOUT_IBAN))
def test_ibans_are_valid(country: str) -> None:
    dice = Dice(country)
    # Belgium's list of banks has no invented ones: there only format and check digits can be judged.
    for _ in range(50):
        assert iban.is_valid(bank_identifier(country, dice), check_country=country != "BE")


@pytest.mark.parametrize("country", sorted(WITHOUT_IBAN))
def test_countries_without_iban_have_local_numbers(country: str) -> None:
    identifier = bank_identifier(country, Dice(country))
    assert identifier.isdigit()
    assert not is_iban(identifier)


@pytest.mark.parametrize("number", ["RE-2024-001234", "INV0012345", "SI/25/00017", "9003310001"])
def test_creditor_references_are_valid_and_contain_the_number(number: str) -> None:
    reference = creditor_reference(number)
    assert iso11649.is_valid(reference)
    assert reference.endswith(number.replace("-", "").replace("/", ""))


def test_a_wheel_never_gives_an_option_of_weight_zero_and_gives_all_others() -> None:
    wheel, dice = Wheel([("never", 0), ("often", 9), ("seldom", 1)]), Dice(1)
    drawn = [wheel.spin(dice) for _ in range(2000)]
    assert set(drawn) == {"often", "seldom"}
    assert 120 < drawn.count("seldom") < 280


def test_forks_of_the_same_name_draw_the_same_and_others_do_not() -> None:
    assert Dice(1).fork("a").digits(12) == Dice(1).fork("a").digits(12)
    assert Dice(1).fork("a").digits(12) != Dice(1).fork("b").digits(12)
