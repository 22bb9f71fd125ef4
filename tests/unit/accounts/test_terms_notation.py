"""Payment terms as text and as stored JSON: what is written is read back, what is unclear is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.accounts.rules import DiscountTier, InstalmentShare, PaymentTerms, PaymentTermsInvalid
from app.accounts.terms_notation import (
    TermsTextInvalid,
    describe_terms,
    parse_terms_text,
    terms_from_json,
    terms_text,
    terms_to_json,
)
from app.core.errors import DomainError
from tests.unit.accounts.strategies import payment_terms

TWO_TEN = PaymentTerms("T", net_days=30, discounts=(DiscountTier(200, 10),))
TENTH = PaymentTerms("T", months_after=1, day_of_month=10)


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("net 30", PaymentTerms("T", net_days=30)),
        ("NET30", PaymentTerms("T", net_days=30)),
        ("n/30", PaymentTerms("T", net_days=30)),
        ("30 days", PaymentTerms("T", net_days=30)),
        ("30 Days Net", PaymentTerms("T", net_days=30)),
        ("net 1 day", PaymentTerms("T", net_days=1)),
        ("Due on receipt", PaymentTerms("T")),
        ("immediately", PaymentTerms("T")),
        ("2/10 net 30", TWO_TEN),
        ("2/10, n/30", TWO_TEN),
        ("2/10n30", TWO_TEN),
        ("2%/10 net 30", TWO_TEN),
        ("2 % 10 days, net 30 days", TWO_TEN),
        ("  2.00/10   NET\t30 ", TWO_TEN),
        ("2.5/10 net 30", PaymentTerms("T", net_days=30, discounts=(DiscountTier(250, 10),))),
        (
            "3/10, 1.25/20, net 60",
            PaymentTerms("T", net_days=60, discounts=(DiscountTier(300, 10), DiscountTier(125, 20))),
        ),
        ("net 30 EOM", PaymentTerms("T", net_days=30, days_from_month_end=True)),
        ("30 days from end of month", PaymentTerms("T", net_days=30, days_from_month_end=True)),
        ("30 days then end of month", PaymentTerms("T", net_days=30, end_of_month=True)),
        ("EOM", PaymentTerms("T", end_of_month=True)),
        ("net EOM", PaymentTerms("T", end_of_month=True)),
        ("end of following month", PaymentTerms("T", end_of_month=True, months_after=1)),
        ("10th of following month", TENTH),
        ("10th of the next month", TENTH),
        ("net 10th prox.", None),
        ("net 10th prox", TENTH),
        ("10 prox", TENTH),
        ("MFI 10", TENTH),
        ("2/10, 10th of following month", replace(TENTH, discounts=(DiscountTier(200, 10),))),
        ("net 30, 10th of following month", replace(TENTH, net_days=30)),
        ("1st of following month", PaymentTerms("T", months_after=1, day_of_month=1)),
        ("net 0 plus 2 months", PaymentTerms("T", months_after=2)),
        (
            "30% net 0, 70% net 60",
            PaymentTerms("T", instalments=(InstalmentShare(3000, 0), InstalmentShare(7000, 60))),
        ),
        (
            "33.33% in 30 days; 66.67% in 60 days",
            PaymentTerms("T", instalments=(InstalmentShare(3333, 30), InstalmentShare(6667, 60))),
        ),
    ],
)
def test_texts_that_people_write(text: str, terms: PaymentTerms | None) -> None:
    if terms is None:
        with pytest.raises(TermsTextInvalid):
            parse_terms_text(text)
    else:
        assert parse_terms_text(text, code="T") == terms


HOSTILE = [
    "", " ", "net", "due", "30", "net x", "net -30", "net 30 30", "2/10", "2/10 EOM", "30 days end of month", "2/10/30",
    "net 30 EOM EOM", "١٢ days", "net ３０", "net 30\x00", "net 30 DROP TABLE", "ten days", "2/10th prox", "net 30.5",
    "net 99999", "net 9999", "2/40 net 30", "0/10 net 30", "100/10 net 30", "50% net 30", "50% net 30, 60% net 60",
    "60% net 60, 40% net 30", "4/1, 3/2, 2/3, 1/4, net 30", "32nd of following month", "0th of following month",
    "net 30 plus 13 months", "10th of following month then end of month", "net " + "0" * 400 + "30", "2.555/10 net 30",
    "1e1/10 net 30", "2,5/10 net 30", "\ud800", "net 30 then on the 0th",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_what_is_unclear_is_refused(text: str) -> None:
    with pytest.raises(PaymentTermsInvalid) as caught:
        parse_terms_text(text)
    assert caught.value.errors
    caught.value.detail.encode()
    assert len(caught.value.detail) < 400


@given(st.text(max_size=40) | st.from_regex(r"[0-9/%. ]{0,12}(net|n|eom|days|then|prox|month)[0-9/%. ]{0,12}"))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        terms = parse_terms_text(text)
    except DomainError:
        return
    assert parse_terms_text(terms_text(terms), code=terms.code) == terms


@given(payment_terms())
def test_what_is_printed_is_read_back(terms: PaymentTerms) -> None:
    text = terms_text(terms)
    assert parse_terms_text(text, code="T") == terms
    assert terms_text(parse_terms_text(text)) == text
    assert describe_terms(terms).endswith(".")


@pytest.mark.parametrize(
    ("terms", "text", "sentence"),
    [
        (TWO_TEN, "2/10 net 30", "2% discount within 10 days; due 30 days after the invoice date."),
        (PaymentTerms("T"), "net 0", "due on the invoice date."),
        (TENTH, "10th of following month", "due on the invoice date, then one month later, then on the 10th."),
        (
            PaymentTerms("T", net_days=30, end_of_month=True),
            "net 30 then end of month",
            "due 30 days after the invoice date, then at the end of that month.",
        ),
        (
            PaymentTerms("T", net_days=30, days_from_month_end=True),
            "net 30 EOM",
            "due 30 days after the end of the invoice's month.",
        ),
        (
            PaymentTerms("T", instalments=(InstalmentShare(3050, 0), InstalmentShare(6950, 1))),
            "30.5% net 0, 69.5% net 1",
            "30.5% due on the invoice date; 69.5% due 1 day after the invoice date.",
        ),
        (PaymentTerms("T", end_of_month=True), "EOM", "due on the invoice date, then at the end of that month."),
    ],
)
def test_canonical_text_and_sentence(terms: PaymentTerms, text: str, sentence: str) -> None:
    assert terms_text(terms) == text
    assert describe_terms(terms) == sentence


def test_the_text_is_the_code_unless_one_is_given() -> None:
    assert parse_terms_text(" 2/10  net 30 ").code == "2/10 net 30"
    assert parse_terms_text("2/10 net 30", code="A1").code == "A1"


@given(payment_terms())
def test_json_round_trip(terms: PaymentTerms) -> None:
    stored = json.loads(json.dumps(terms_to_json(terms)))
    assert terms_from_json("T", stored) == terms


def test_absent_fields_take_their_defaults() -> None:
    assert terms_from_json("T", {}) == PaymentTerms("T")
    assert terms_from_json("T", {"net_days": 30}) == PaymentTerms("T", net_days=30)


@pytest.mark.parametrize(
    "definition",
    [
        {"net_days": "30"},
        {"net_days": 30.0},
        {"end_of_month": 1},
        {"days_from_month_end": None},
        {"code": "other"},
        {"unknown": 1},
        {"discounts": {}},
        {"discounts": None},
        {"discounts": [None]},
        {"discounts": [{"percent_bp": 200}]},
        {"net_days": 30, "discounts": [{"percent_bp": 200, "days": 10, "more": 1}]},
        {"net_days": 30, "discounts": [{"percent_bp": "200", "days": 10}]},
        {"instalments": [{"share_bp": None, "net_days": 1}]},
        {"instalments": "abc"},
    ],
)
def test_a_definition_of_the_wrong_shape_is_refused(definition: dict[str, Any]) -> None:
    with pytest.raises(PaymentTermsInvalid) as caught:
        terms_from_json("T", definition)
    assert caught.value.errors
