"""Pure rules of documents: tax and corrections over instalments never lose or invent a minor unit."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.accounts.rules import DiscountTier, InstalmentShare, PaymentTerms
from app.core.money import MAX_MINOR
from app.invoices.rules import (
    DueDateMissing,
    InstalmentCommand,
    InstalmentsDoNotSum,
    InvoiceInvalid,
    IssueInvoice,
    check_invoice,
    differs_from_agreed,
    plan_instalments,
    split_correction,
    split_opening_settlement,
    split_settlement,
    split_tax,
    status_of_invoice,
    tax_of_part,
)

MARCH = date(2026, 3, 1)
AN_ID = UUID(int=1)
PLAIN = IssueInvoice("invoice", "RE-1", AN_ID, AN_ID, "EUR", 10_000, MARCH, due_date=date(2026, 3, 31))
amounts = st.lists(st.integers(1, 10**9), min_size=1, max_size=8)


def with_parts(*parts: tuple[date, int], amount: int = 10_000) -> IssueInvoice:
    commands = tuple(InstalmentCommand(due, minor) for due, minor in parts)
    return replace(PLAIN, amount_minor=amount, due_date=None, instalments=commands)


@given(amounts, st.data())
def test_tax_over_instalments_sums_and_never_exceeds_one(parts: list[int], data: st.DataObject) -> None:
    tax = data.draw(st.integers(0, sum(parts)))
    taxes = split_tax(tax, parts)
    assert sum(taxes) == tax
    assert all(0 <= share <= part for share, part in zip(taxes, parts, strict=True))


def test_a_small_last_instalment_takes_no_more_tax_than_its_amount() -> None:
    assert split_tax(100, [50, 50, 1]) == [49, 50, 1]
    assert split_tax(3, [1, 1, 1]) == [1, 1, 1]


@given(amounts, st.data())
def test_tax_leaves_the_books_with_the_parts_and_wholly_with_the_last(parts: list[int], data: st.DataObject) -> None:
    amount_left, tax_left = sum(parts), data.draw(st.integers(0, sum(parts)))
    for part in parts:
        tax = tax_of_part(part, tax_left, amount_left)
        assert 0 <= tax <= part
        amount_left, tax_left = amount_left - part, tax_left - tax
        assert 0 <= tax_left <= amount_left
    assert tax_left == 0


def test_tax_of_a_part_is_its_share() -> None:
    assert tax_of_part(5_950, 1_900, 11_900) == 950
    assert tax_of_part(1, 0, 100) == 0
    assert tax_of_part(100, 0, 0) == 0


@given(amounts, st.data())
def test_a_correction_changes_the_last_instalments_first(opens: list[int], data: st.DataObject) -> None:
    delta = data.draw(st.integers(-sum(opens), 10**9))
    parts = split_correction(opens, delta)
    assert sum(parts) == delta
    left = [present + part for present, part in zip(opens, parts, strict=True)]
    assert min(left) >= 0
    touched = [index for index, part in enumerate(parts) if part]
    if touched and delta < 0:  # all behind the first touched one are taken wholly
        assert left[touched[0] + 1 :] == [0] * (len(opens) - touched[0] - 1)
    elif touched:
        assert touched == [len(opens) - 1]


def test_a_correction_below_what_is_open_is_refused() -> None:
    with pytest.raises(InvoiceInvalid):
        split_correction([5, 5], -11)


@given(st.lists(st.tuples(st.integers(1, 10**6), st.integers(0, 10**6)), min_size=1, max_size=8), st.data())
def test_settling_by_the_source_keeps_every_instalment_within_its_amount(
    parts: list[tuple[int, int]], data: st.DataObject
) -> None:
    sizes = [amount for amount, _ in parts]
    opens = [min(amount, left) for amount, left in parts]
    wanted = data.draw(st.integers(0, sum(sizes)))
    gains = split_settlement(opens, sizes, wanted)
    after = [present + gain for present, gain in zip(opens, gains, strict=True)]
    assert sum(after) == wanted
    assert all(0 <= left <= size for left, size in zip(after, sizes, strict=True))
    assert len({gain > 0 for gain in gains if gain}) <= 1, "never takes here and gives there"


def test_the_oldest_instalment_is_settled_first() -> None:
    assert split_settlement([50, 50], [50, 50], 40) == [-50, -10]
    assert split_settlement([0, 40], [50, 50], 70) == [20, 10]
    plans = plan_instalments(with_parts((date(2026, 5, 1), 6_000), (date(2026, 4, 1), 4_000)), None)
    assert split_opening_settlement(plans, 5_000) == [1_000, 4_000]


def test_what_a_document_must_be() -> None:
    for changes, pointer in (
        ({"amount_minor": 0}, "/amount"),
        ({"amount_minor": MAX_MINOR + 1}, "/amount"),
        ({"tax_minor": -1}, "/tax_amount"),
        ({"tax_minor": 10_001}, "/tax_amount"),
        ({"open_minor": 10_001}, "/open_amount"),
        ({"open_minor": -1}, "/open_amount"),
        ({"due_date": MARCH - timedelta(days=1)}, "/due_date"),
        ({"instalments": (InstalmentCommand(MARCH, 10_000),)}, "/due_date"),
    ):
        with pytest.raises(InvoiceInvalid) as refused:
            check_invoice(replace(PLAIN, **changes))
        assert refused.value.errors[0].pointer == pointer
    check_invoice(replace(PLAIN, due_date=MARCH, tax_minor=10_000, open_minor=0))


def test_instalments_are_given_or_come_from_due_date_or_terms() -> None:
    terms = PaymentTerms("2/10", net_days=30, discounts=(DiscountTier(200, 10),))
    (one,) = plan_instalments(PLAIN, terms)
    assert (one.due_date, one.discount_minor, one.discount_date) == (date(2026, 3, 31), 200, date(2026, 3, 11))
    (by_terms,) = plan_instalments(replace(PLAIN, due_date=None), terms)
    assert by_terms.due_date == date(2026, 3, 31)
    with pytest.raises(DueDateMissing):
        plan_instalments(replace(PLAIN, due_date=None), None)
    with pytest.raises(InstalmentsDoNotSum):
        plan_instalments(with_parts((MARCH, 4_000), (MARCH, 5_999)), None)
    with pytest.raises(InvoiceInvalid):
        plan_instalments(with_parts((MARCH, 10_000), (MARCH, 0)), None)
    with pytest.raises(InvoiceInvalid):
        plan_instalments(with_parts((MARCH - timedelta(days=1), 10_000)), None)


def test_terms_other_than_the_agreed_ones_are_flagged() -> None:
    net30 = PaymentTerms("n30", net_days=30)
    halves = PaymentTerms("2x", instalments=(InstalmentShare(5_000, 30), InstalmentShare(5_000, 60)))
    assert not differs_from_agreed(PLAIN, net30)
    assert differs_from_agreed(replace(PLAIN, due_date=date(2026, 4, 1)), net30)
    assert not differs_from_agreed(replace(PLAIN, due_date=None), net30)
    assert not differs_from_agreed(PLAIN, None)
    assert not differs_from_agreed(with_parts((date(2026, 3, 31), 5_000), (date(2026, 4, 30), 5_000)), halves)
    assert differs_from_agreed(PLAIN, halves)


def test_the_status_of_a_document_follows_its_instalments() -> None:
    assert status_of_invoice(["open", "open"]) == "open"
    assert status_of_invoice(["settled", "open"]) == "partially_applied"
    assert status_of_invoice(["settled", "written_off"]) == "settled"
    assert status_of_invoice(["written_off", "written_off"]) == "written_off"
    assert status_of_invoice(["void", "void"]) == "void"
