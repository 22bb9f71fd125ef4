"""Structured references: published examples, and the property that one changed digit is noticed."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.integrations.bank_formats.references import (
    ReferenceKind,
    find_in_text,
    is_finnish,
    is_kid,
    is_ogm,
    is_qrr,
    is_rf,
    make_rf,
    normalize,
    recognize,
)

QRR = "210000000003139471430009017"


@pytest.mark.parametrize(
    ("kind", "text", "compact"),
    [
        (ReferenceKind.RF, "RF18 5390 0754 7034", "RF18539007547034"),
        (ReferenceKind.RF, "rf18539007547034", "RF18539007547034"),
        (ReferenceKind.QRR, "21 00000 00003 13947 14300 09017", QRR),
        (ReferenceKind.OGM, "+++090/9337/55493+++", "090933755493"),
        (ReferenceKind.OGM, "***090/9337/55493***", "090933755493"),
        (ReferenceKind.FI, "1232", "1232"),
        (ReferenceKind.KID, "2345676", "2345676"),
    ],
)
def test_published_examples(kind: ReferenceKind, text: str, compact: str) -> None:
    assert normalize(kind, text) == compact


@pytest.mark.parametrize("kind", list(ReferenceKind))
@pytest.mark.parametrize("text", ["", "0", "RF", "RF18", "0" * 27, "0" * 12, "INVOICE 4711", "RF١٨5390", "1" * 40])
def test_what_is_none(kind: ReferenceKind, text: str) -> None:
    assert normalize(kind, text) is None


def test_the_remainder_zero_of_belgium_is_written_97() -> None:
    assert is_ogm("000000009797")
    assert not is_ogm("000000009700")


bodies = st.text(string.digits + string.ascii_uppercase, min_size=1, max_size=21)


@given(bodies, st.data())
def test_rf_is_valid_and_one_changed_character_is_noticed(body: str, data: st.DataObject) -> None:
    reference = make_rf(body)
    assert is_rf(reference)
    place = data.draw(st.integers(4, len(reference) - 1))
    other = data.draw(st.sampled_from([c for c in string.digits if c != reference[place]]))
    if reference[place].isdigit():
        assert not is_rf(reference[:place] + other + reference[place + 1 :])


@given(st.integers(0, 26), st.sampled_from(string.digits))
def test_qrr_notices_one_changed_digit(place: int, digit: str) -> None:
    changed = QRR[:place] + digit + QRR[place + 1 :]
    assert is_qrr(changed) is (changed == QRR)


@given(st.text(string.digits, min_size=3, max_size=19).filter(lambda body: body.strip("0") != ""))
def test_exactly_one_check_digit_fits_in_finland(body: str) -> None:
    assert sum(is_finnish(body + digit) for digit in string.digits) == 1


def test_kid_by_either_modulus() -> None:
    assert is_kid("981")  # modulus 11
    assert is_kid("984")  # Luhn
    assert not is_kid("985")


@pytest.mark.parametrize("body", ["", "A B", "X" * 22, "Ä"])
def test_make_rf_refuses_other_bodies(body: str) -> None:
    with pytest.raises(ValueError, match="1 to 21"):
        make_rf(body)


def test_whole_values_are_recognized_by_what_they_prove() -> None:
    found = recognize("RF18 5390 0754 7034")
    assert found is not None
    assert (found.kind, found.value) == (ReferenceKind.RF, "RF18539007547034")
    assert recognize("4711") is None
    assert recognize("RF19539007547034") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("payment RF18 5390 0754 7034 thank you", ["RF18539007547034"]),
        ("RF18539007547034", ["RF18539007547034"]),
        ("rf18 5390 0754 7034 RF18539007547034", ["RF18539007547034", "RF18539007547034"]),
        ("ref. 21 00000 00003 13947 14300 09017.", [QRR]),
        ("voor +++090/9337/55493+++ en 090/9337/55493", ["090933755493", "090933755493"]),
        ("SURF18539007547034", []),
        (f"9{QRR}", []),
        ("RF18539007547035 and 21000000000313947143000901", []),
        ("12/3456/78901", []),
    ],
)
def test_references_in_free_text(text: str, expected: list[str]) -> None:
    assert [found.value for found in find_in_text(text)] == expected


@given(st.text(max_size=200))
def test_any_text_may_be_searched(text: str) -> None:
    for found in find_in_text(text):
        assert text[found.start : found.end]
