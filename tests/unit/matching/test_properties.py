"""What holds whatever comes in: nothing is over-applied, parts add up, order is without effect, ties do not apply."""

from collections import defaultdict
from dataclasses import replace
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from app.cash_application.matching.engine import match
from app.cash_application.matching.types import (
    Band,
    ItemKind,
    OpenItem,
    PaymentFacts,
    Proposal,
    RemittanceLine,
    Settings,
    Tolerance,
)
from tests.unit.matching.facts import account, item, payment

ACCOUNTS = [account("a", "Alder Foods GmbH"), account("b", "Alder Foods AG"), account("c", "Birch", parent="a")]
SETTINGS = Settings(tolerance=Tolerance(under_minor=30, over_minor=20, under_basis_points=10), small_difference_minor=9)
NUMBERS = st.sampled_from(["RE1001", "RE1002", "RE1010", "RE1100", "RE10010", "4711", "RE-2024-17", "2024"])


@st.composite
def open_items(draw) -> list[OpenItem]:
    drawn = draw(
        st.lists(
            st.tuples(
                st.sampled_from([100, 100, 200, 250, 999, 1_000, 12_345, 100_000]),
                NUMBERS,
                st.sampled_from("abc"),
                st.integers(-90, 5),
                st.integers(-40, 40),
                st.booleans(),
                st.integers(0, 9),
            ),
            min_size=1,
            max_size=9,
        )
    )
    return [
        item(
            f"i{position}",
            minor,
            number,
            owner,
            issued,
            due,
            discount=minor // 50 if discounted else 0,
            discount_until=3 if discounted else None,
            kind=ItemKind.CREDIT_MEMO if memo == 0 else ItemKind.INVOICE,
        )
        for position, (minor, number, owner, issued, due, discounted, memo) in enumerate(drawn)
    ]


@st.composite
def runs(draw) -> tuple[list[PaymentFacts], list[OpenItem]]:
    items = draw(open_items())
    payments = []
    for position in range(draw(st.integers(1, 5))):
        chosen = draw(st.lists(st.sampled_from(items), max_size=4, unique_by=lambda each: each.id))
        minor = sum(each.open_minor for each in chosen) - draw(st.sampled_from([0, 0, 0, 2, 20, -15, 77]))
        text = draw(st.sampled_from([" ", ", ", "/"])).join(each.number for each in chosen)
        text = draw(st.sampled_from([text, text[1:], text.replace("0", "O"), "", "RE1001-1010"]))
        lines = tuple(RemittanceLine(each.number, each.open_minor) for each in chosen) if draw(st.booleans()) else ()
        payments.append(
            payment(
                max(1, minor),
                text,
                id=f"p{position}",
                account=draw(st.sampled_from([None, None, "a"])),
                day=draw(st.integers(-5, 5)),
                payer_name=draw(st.sampled_from(["Alder Foods GmbH", "ALDER FOODS", "Birch", ""])),
                referred_documents=lines,
                charges_minor=draw(st.sampled_from([0, 0, 20])),
            )
        )
    return payments, items


def taken(proposals: tuple[Proposal, ...]) -> dict[str, int]:
    total: dict[str, int] = defaultdict(int)
    for proposal in proposals:
        for part in proposal.allocations:
            total[part.item_id] += abs(part.amount_minor) + part.discount_minor + part.write_off_minor
    return total


@given(runs())
@settings(max_examples=250, deadline=None)
def test_parts_and_residual_equal_the_payment_and_no_item_is_overdrawn(run) -> None:
    payments, items = run
    known = {each.id: each for each in items}
    proposals = match(payments, items, ACCOUNTS, (), SETTINGS)
    for facts, proposal in zip(payments, proposals, strict=True):
        assert proposal.payment_id == facts.id
        assert sum(part.amount_minor for part in proposal.allocations) + proposal.residual_minor == facts.amount_minor
        assert proposal.residual_minor >= 0
        assert all(left <= known[item_id].open_minor for item_id, left in taken((proposal,)).items())
        assert all(part.discount_minor >= 0 <= part.write_off_minor for part in proposal.allocations)
        assert 0 <= proposal.confidence <= 1
        for part in proposal.allocations:
            sign = -1 if known[part.item_id].kind is ItemKind.CREDIT_MEMO else 1
            assert part.amount_minor * sign > 0 or part.discount_minor or part.write_off_minor
    automatic = tuple(proposal for proposal in proposals if proposal.band is Band.AUTOMATIC)
    assert all(left <= known[item_id].open_minor for item_id, left in taken(automatic).items())


@given(runs(), st.integers(0, 2**32))
@settings(max_examples=150, deadline=None)
def test_the_order_of_the_input_never_matters(run, seed: int) -> None:
    payments, items = run
    expected = {proposal.payment_id: proposal for proposal in match(payments, items, ACCOUNTS, (), SETTINGS)}
    random = Random(seed)
    shuffled = [random.sample(each, len(each)) for each in (payments, items, ACCOUNTS)]
    again = match(shuffled[0], shuffled[1], shuffled[2], (), SETTINGS)
    assert {proposal.payment_id: proposal for proposal in again} == expected


@given(st.integers(1, 10**9), st.integers(2, 6), st.integers(0, 30), st.booleans())
@settings(max_examples=80, deadline=None)
def test_a_tie_never_applies(minor: int, count: int, others: int, known: bool) -> None:
    twins = [item(f"t{n}", minor, f"N{88_000 + 7 * n}", due=n) for n in range(count)]
    rest = [item(f"r{n}", minor + 1 + n * 17, f"N{99_000 + 7 * n}") for n in range(others)]
    facts = payment(minor, payer_name="Alder Foods GmbH", account="a" if known else None)
    (found,) = match([facts], [*twins, *rest], ACCOUNTS, (), Settings(tolerance=Tolerance()))
    assert found.band is not Band.AUTOMATIC
    assert not {part.item_id for part in found.allocations} & {each.id for each in twins}


@given(st.lists(st.integers(1, 10**6), min_size=3, max_size=12, unique=True), st.data())
@settings(max_examples=80, deadline=None)
def test_an_exchangeable_item_keeps_a_found_set_from_being_applied(amounts: list[int], data) -> None:
    chosen = data.draw(st.lists(st.sampled_from(amounts), min_size=2, max_size=2, unique=True))
    items = [item(f"i{n}", minor, issued=-50 + n, due=-n * 5 % 37) for n, minor in enumerate(amounts)]
    twin = replace(item("twin", chosen[0], issued=-20, due=11), number="TWIN1")
    (found,) = match([payment(sum(chosen), account="a")], [*items, twin], ACCOUNTS, (), Settings())
    if found.band is Band.AUTOMATIC:
        # Only a set that stands for itself (a balance, a due date, one item) may still be applied.
        assert found.strategy in ("account_balance", "all_due", "due_date", "due_until", "one_item")


@given(runs())
@settings(max_examples=60, deadline=None)
def test_names_of_ids_do_not_matter(run) -> None:
    payments, items = run
    automatic = {
        proposal.payment_id: {part.item_id for part in proposal.allocations}
        for proposal in match(payments, items, ACCOUNTS, (), SETTINGS)
        if proposal.band is Band.AUTOMATIC
    }
    renamed = [replace(each, id=f"z{len(items) - position}") for position, each in enumerate(items)]
    back = {new.id: old.id for new, old in zip(renamed, items, strict=True)}
    again = {
        proposal.payment_id: {back[part.item_id] for part in proposal.allocations}
        for proposal in match(payments, renamed, ACCOUNTS, (), SETTINGS)
        if proposal.band is Band.AUTOMATIC
    }
    assert again == automatic
