"""Commands of the accounts room: one canonical form, refusals that name the field, circles of parents."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.accounts.commands import (
    UNSET,
    AccountCommand,
    AccountInvalid,
    ContactCommand,
    canonical_country,
    canonical_language,
    normalized_account,
)
from app.accounts.rules import find_cycles, identity_keys, normalize_bank_identifier, normalize_identity

PLAIN = AccountCommand("C-1", "Brandt", "EUR")


def test_what_is_not_given_stays_not_given() -> None:
    found = normalized_account(PLAIN)
    assert found == PLAIN
    assert all(getattr(found, f.name) in (UNSET, None) for f in fields(found) if f.default in (UNSET, None))


def test_empty_text_clears_and_blanks_are_cut() -> None:
    found = normalized_account(replace(PLAIN, name="  Brandt GmbH\t", legal_name=" \u200b", segment=None))
    assert (found.name, found.legal_name, found.segment) == ("Brandt GmbH", None, None)


@pytest.mark.parametrize(("given_text", "expected"), [("DE", "de"), ("pt_br", "pt-BR"), ("", None), (None, None)])
def test_languages(given_text: str | None, expected: str | None) -> None:
    assert canonical_language(given_text) == expected


def test_countries() -> None:
    assert canonical_country(" de ") == "DE"
    for bad in ("D", "DEU", "D1", "Ü1"):
        with pytest.raises(AccountInvalid) as refused:
            canonical_country(bad)
        assert refused.value.errors[0].pointer == "/country"


@pytest.mark.parametrize("address", ["a@b.example", "a+b.c@x-y.co.uk", "1@2.example"])
def test_mail_addresses(address: str) -> None:
    contact = ContactCommand(email=address)
    assert normalized_account(replace(PLAIN, contact=contact)).contact == contact


@pytest.mark.parametrize(
    "address", ["a@b", "a b@c.example", "a@-b.example", "@c.example", "a@c..example", "a@b.example>"]
)
def test_what_is_no_mail_address(address: str) -> None:
    with pytest.raises(AccountInvalid) as refused:
        normalized_account(replace(PLAIN, contact=ContactCommand(email=address)))
    assert refused.value.errors[0].pointer == "/contact/email"


@given(st.text(max_size=300))
def test_any_name_is_kept_without_its_ends_or_refused(name: str) -> None:
    found: str | None = None
    pointer = None
    try:
        found = normalized_account(replace(PLAIN, name=name)).name
    except AccountInvalid as refusal:
        pointer = refusal.errors[0].pointer
    assert (found is None) == (pointer == "/name")
    if found is not None:
        assert found == name.strip()
        assert "\x00" not in found
        found.encode()  # storable


@given(st.text(max_size=60))
def test_bank_identifiers_are_normal_after_one_step(value: str) -> None:
    once = normalize_bank_identifier(value)
    assert not any(ch.isspace() for ch in once)
    assert normalize_bank_identifier(once) == once


def test_identities_meet_under_one_form() -> None:
    assert normalize_identity("bank_identifier", "de89 3704\u00a00044") == "DE8937040044"
    assert normalize_identity("payer_name", "Müller GmbH") == normalize_identity("payer_name", "MUELLER")


@pytest.mark.parametrize(
    ("name", "as_banks_write_it"),
    [("Müller AG", "MULLER"), ("Åberg", "ABERG"), ("Sørensen", "SORENSEN"), ("Søren", "SOEREN"), ("Œuvre", "OEUVRE")],
)
def test_an_umlaut_is_one_letter_however_it_is_spelled(name: str, as_banks_write_it: str) -> None:
    assert normalize_identity("payer_name", name) == normalize_identity("payer_name", as_banks_write_it)


def test_names_that_were_stored_with_spelled_out_umlauts_are_still_asked_for() -> None:
    assert identity_keys("payer_name", "Müller GmbH") == {"muller", "mueller"}
    assert identity_keys("bank_identifier", "de89 3704") == {"DE893704"}


@given(st.dictionaries(st.integers(0, 12), st.none() | st.integers(0, 12)))
def test_circles_are_found_exactly(parents: dict[int, int | None]) -> None:
    def walks_back(start: int) -> bool:
        current = parents.get(start)
        for _ in range(20):
            if current is None or current == start:
                return current == start
            current = parents.get(current)
        return False

    assert find_cycles(parents, list(parents)) == [node for node in parents if walks_back(node)]
