"""References of accounts: made, checked and read back."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import iso11649

from app.core.payment_references import (
    account_signs,
    account_signs_of,
    creditor_reference,
    grouped_reference,
    qr_reference,
)

SIGNS = string.ascii_letters + string.digits + "-/. "


@given(st.text(SIGNS, min_size=1, max_size=30))
def test_what_is_made_is_valid_and_read_back(number: str) -> None:
    signs = account_signs(number)
    for reference in (creditor_reference(number), qr_reference(number)):
        if reference is not None:
            assert account_signs_of(reference) == account_signs_of(grouped_reference(reference).lower()) == signs
    rf = creditor_reference(number)
    assert (rf is not None) == (1 <= len(signs) <= 19)
    assert rf is None or iso11649.is_valid(rf)


@pytest.mark.parametrize("number", ["0", "00012", "C-1", "C-100045", "9" * 22, "Z" * 14, "AB" * 7])
def test_zeros_and_letters_come_back_from_a_qr_reference(number: str) -> None:
    reference = qr_reference(number)
    assert reference is not None
    assert (len(reference), account_signs_of(reference)) == (27, account_signs(number))


def test_numbers_that_no_reference_can_hold_have_none() -> None:
    assert creditor_reference("Ä-1") is None
    assert qr_reference("Z" * 15) is None
    assert qr_reference("9" * 23) is None
    assert creditor_reference("--") is None


@given(st.text("0123456789", min_size=27, max_size=27))
def test_other_references_name_no_account(digits: str) -> None:
    found = account_signs_of(digits)
    assert found is None or qr_reference(found) == digits
    assert account_signs_of("RF18539007547034") is None
    assert account_signs_of("210000000003139471430009017") is None


def test_one_wrong_sign_is_noticed() -> None:
    reference = creditor_reference("C-100045")
    assert reference == "RF" + reference[2:4] + "ACC100045"
    for place in range(7, len(reference)):
        for sign in "0123456789":
            broken = reference[:place] + sign + reference[place + 1 :]
            assert broken == reference or account_signs_of(broken) is None


def test_people_read_them_in_groups() -> None:
    assert grouped_reference("RF18ACC100045") == "RF18 ACC1 0004 5"
    assert grouped_reference("210000000003139471430009017") == "21 00000 00003 13947 14300 09017"
