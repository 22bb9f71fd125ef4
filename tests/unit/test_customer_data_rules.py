"""Likely duplicates: the same company written twice is found, two companies that look alike are not."""

from __future__ import annotations

from itertools import permutations
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.customer_data.rules import BLOCK_LIMIT, AccountTraits, compare, find_pairs


def account(number: int, name: str, **more: object) -> AccountTraits:
    return AccountTraits(UUID(int=number), name, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Müller Maschinenbau GmbH", "Mueller Maschinenbau GmbH"),
        ("Acme Industrial Supplies Ltd", "ACME INDUSTRIAL SUPPLIES LIMITED"),
        ("Rossi & Figli S.r.l.", "Rossi e Figli SRL"),
        ("Nordic Timber Trading AB", "Nordic Timber Tradng AB"),
    ],
)
def test_one_company_written_twice(left: str, right: str) -> None:
    pairs = find_pairs([account(1, left, country="DE"), account(2, right, country="DE")])
    assert [(pair.account_id.int, pair.other_id.int) for pair in pairs] == [(1, 2)]
    assert dict(pairs[0].reasons)["country_same"] == 5


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Schmidt Bau GmbH", "Schmidt Logistik GmbH"),
        ("Weber Elektrotechnik AG", "Huber Elektrotechnik AG"),
        ("Northern Steel Ltd", "Southern Steel Ltd"),
    ],
)
def test_two_companies_of_one_trade_are_not_proposed(left: str, right: str) -> None:
    assert find_pairs([account(1, left, country="DE"), account(2, right, country="DE")]) == []


def test_another_country_or_one_group_speaks_against() -> None:
    one, two = account(1, "Falken Werkzeuge GmbH", country="DE"), account(2, "Falken Werkzeuge GmbH", country="DE")
    far = account(3, "Falken Werkzeuge GmbH", country="PL")
    branch = account(4, "Falken Werkzeuge GmbH", country="DE", parent_id=one.id)
    same, abroad, group = compare(one, two), compare(one, far), compare(one, branch)
    assert same is not None
    assert abroad is None or abroad.score < same.score
    assert group is None or group.score < same.score


def test_a_shared_bank_identifier_lifts_names_that_are_only_somewhat_alike() -> None:
    left = account(1, "Baeckerei Sonne Inh. K. Lang", bank_identifiers=frozenset({"DE02120300000000202051"}))
    right = account(2, "Baeckerei Sonne", bank_identifiers=frozenset({"DE02120300000000202051"}))
    assert find_pairs([left, right])
    assert not find_pairs([left, account(2, "Baeckerei Sonne")])


def test_free_mail_domains_mean_nothing() -> None:
    own = [account(n, "Kern Metall GmbH", emails=frozenset({f"a{n}@kern-metall.example"})) for n in (1, 2)]
    free = [account(n, "Kern Metall GmbH", emails=frozenset({f"a{n}@gmail.com"})) for n in (1, 2)]
    first, second = compare(*own), compare(*free)
    assert first is not None
    assert second is not None
    assert "email_domain_same" in dict(first.reasons)
    assert "email_domain_same" not in dict(second.reasons)


def test_a_word_that_everybody_has_does_not_make_millions_of_pairs() -> None:
    many = [account(n, f"Autohaus Nummer{n:05d} Eigenname{n * 7919:07d}") for n in range(1, BLOCK_LIMIT * 20)]
    assert find_pairs(many) == []


def test_the_order_of_accounts_does_not_matter() -> None:
    three = [account(1, "Delta Pumpen GmbH"), account(2, "Delta Pumpen GmbH"), account(3, "Delta Pumpen mbH")]
    results = {tuple(find_pairs(order)) for order in permutations(three)}
    assert len(results) == 1


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_names_are_compared_the_same_both_ways(left: str, right: str) -> None:
    assert compare(account(1, left), account(2, right)) == compare(account(2, right), account(1, left))
