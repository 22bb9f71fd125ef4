"""What the engine does with one payment or a few: each test is one rule of the field."""

from dataclasses import replace

import pytest

from app.cash_application.matching.duplicates import find_reversed
from app.cash_application.matching.engine import match
from app.cash_application.matching.types import (
    Band,
    Difference,
    IdentityKind,
    ItemKind,
    PayerIdentity,
    RemittanceLine,
    ResidualTreatment,
    Settings,
    Tolerance,
)
from tests.unit.matching.facts import account, item, one, payment, settled

NAMED = {"payer_name": "Company a"}


def filler(count: int = 12, account: str = "a") -> list:
    """Other open items of distinct amounts, so that nothing is right for want of choice."""
    return [
        item(f"f{account}{n}", 10_007 + 3_571 * n, f"X{700_000 + 13 * n}", account, issued=-60 + n, due=-30 + n)
        for n in range(count)
    ]


def test_an_exact_reference_with_its_amount_is_automatic() -> None:
    found = one(payment(125_000, "INV 4711001", **NAMED), [item("i", 125_000, "INV4711001"), *filler()])
    assert found.band is Band.AUTOMATIC
    assert settled(found) == {"i": 125_000}
    assert found.residual_treatment is ResidualTreatment.NOTHING_LEFT
    assert {"reference.exact", "amount.exact", "payer.name"} <= {reason.code for reason in found.reasons}


def test_the_owner_of_the_reference_identifies_an_unknown_payer() -> None:
    found = one(payment(125_000, "INV4711001", payer_name="?"), [item("i", 125_000, "INV4711001"), *filler()])
    assert found.band is Band.AUTOMATIC
    assert found.account_id == "a"


@pytest.mark.parametrize("text", ["INV471100l", "INV47110O1", "INV471 1001", "INV4711O01", "4711001", "INV47101001"])
def test_a_damaged_reference_is_confirmed_by_the_amount(text: str) -> None:
    found = one(payment(125_013, text, **NAMED), [item("i", 125_013, "INV4711001"), *filler()])
    assert found.band is Band.AUTOMATIC
    assert settled(found) == {"i": 125_013}


def test_swapped_digits_that_hit_another_real_invoice_yield_to_the_amount() -> None:
    items = [item("right", 125_013, "INV4711012"), item("hit", 990_000, "INV4711021"), *filler()]
    found = one(payment(125_013, "INV4711021", **NAMED), items)
    assert settled(found) == {"right": 125_013}


def test_of_two_equal_amounts_the_undamaged_reference_decides() -> None:
    items = [item("right", 125_013, "INV4711021"), item("near", 125_013, "INV4711012"), *filler()]
    assert settled(one(payment(125_013, "INV4711021", **NAMED), items)) == {"right": 125_013}


def test_a_damage_that_is_as_near_to_two_equal_amounts_abstains() -> None:
    items = [item("i", 125_013, "INV4711011"), item("j", 125_013, "INV4711012"), *filler()]
    found = one(payment(125_013, "INV4711019", **NAMED), items)
    assert found.band is Band.NONE
    assert found.reasons[0].code == "none.tie"
    assert {item_id for other in found.alternatives for item_id in other.item_ids} >= {"i", "j"}


def test_two_equal_amounts_without_a_reference_abstain() -> None:
    items = [item("i", 125_013, due=-3), item("j", 125_013, due=20), *filler()]
    found = one(payment(125_013, account="a"), items)
    assert found.allocations == ()
    assert found.residual_minor == 125_013
    assert found.residual_treatment is ResidualTreatment.ON_ACCOUNT


def test_a_number_inside_a_longer_one_is_no_reference() -> None:
    items = [item("i", 50_000, "4711001", account="b"), *filler()]
    found = one(payment(50_000, "TX 9947110013388", payer_name="?"), items, [account("a"), account("b")])
    assert found.band is not Band.AUTOMATIC


def test_an_invoice_dated_after_the_payment_is_no_candidate() -> None:
    late = item("i", 125_013, "INV4711001", issued=1)
    assert one(payment(125_013, "INV4711001", **NAMED), [late]).allocations == ()
    assert settled(one(payment(125_013, "INV4711001", day=1, **NAMED), [late])) == {"i": 125_013}


def test_another_currency_or_legal_entity_is_no_candidate() -> None:
    items = [item("i", 500, "INV4711001", currency="USD"), item("j", 500, "INV4711001", entity="2")]
    assert one(payment(500, "INV4711001", **NAMED), items).allocations == ()


def test_lists_and_ranges_settle_every_item() -> None:
    items = [item(f"i{n}", 10_000 + 7 * n, f"RE{4_000 + n}") for n in range(1, 6)]
    total = sum(each.open_minor for each in items)
    assert len(settled(one(payment(total, "RE4001-4005", **NAMED), [*items, *filler()]))) == 5
    assert len(settled(one(payment(total, "RE4001/02/03/04/05", **NAMED), [*items, *filler()]))) == 5


def test_partly_read_references_are_completed_by_amount() -> None:
    items = [item(f"i{n}", 100_003 + 7_919 * n, f"8{31 * n:06d}") for n in range(5)]
    text = f"{items[0].number} {items[1].number} ??????? 8x"
    total = sum(each.open_minor for each in items[:3])
    found = one(payment(total, text, **NAMED), [*items, *filler(6)])
    assert set(settled(found)) == {"i0", "i1", "i2"}


@pytest.mark.parametrize(("day", "taken"), [(5, True), (6, False)])
def test_the_discount_ends_with_its_date(day: int, taken: bool) -> None:
    items = [item("i", 100_000, "INV4711001", discount=2_000, discount_until=5), *filler()]
    found = one(payment(98_000, "INV4711001", day=day, **NAMED), items, settings=Settings(bank_charge_minor=0))
    assert found.allocations[0].discount_minor == (2_000 if taken else 0)
    assert found.allocations[0].difference is (Difference.DISCOUNT if taken else Difference.PARTIAL)


@pytest.mark.parametrize(("short", "difference"), [(3, Difference.WRITE_OFF), (40, Difference.PARTIAL)])
def test_a_small_difference_is_written_off_and_a_larger_one_stays_open(short: int, difference: Difference) -> None:
    settings = Settings(tolerance=Tolerance(under_minor=50), small_difference_minor=5, bank_charge_minor=0)
    items = [item("i", 100_000, "INV4711001"), *filler()]
    found = one(payment(100_000 - short, "INV4711001", **NAMED), items, settings=settings)
    assert found.band is Band.AUTOMATIC
    assert found.allocations[0].difference is difference
    assert found.allocations[0].write_off_minor == (short if difference is Difference.WRITE_OFF else 0)
    said = [reason.text for reason in found.reasons if reason.code.startswith("amount.")]
    assert said == [f"The payment is EUR 0.{short:02} less than the open amounts"]


def test_a_currency_that_nobody_knows_has_no_decimals_to_show() -> None:
    items = [item("i", 100_000, "INV4711001", currency="???"), *filler()]
    found = one(payment(99_999, "INV4711001", currency="???", **NAMED), items)
    assert "The payment is 1 minor units of ??? less than the open amounts" in [r.text for r in found.reasons]


def test_an_overpayment_within_tolerance_goes_on_account() -> None:
    settings = Settings(tolerance=Tolerance(over_minor=50))
    found = one(payment(100_040, "INV4711001", **NAMED), [item("i", 100_000, "INV4711001")], settings=settings)
    assert settled(found) == {"i": 100_000}
    assert (found.residual_minor, found.residual_treatment) == (40, ResidualTreatment.ON_ACCOUNT)


def test_bank_charges_that_the_bank_tells() -> None:
    items = [item("i", 100_000, "INV4711001"), *filler()]
    found = one(payment(98_500, "INV4711001", charges_minor=1_500, **NAMED), items)
    assert found.allocations[0].difference is Difference.BANK_CHARGE
    assert found.allocations[0].write_off_minor == 1_500


def test_credit_memos_are_netted() -> None:
    memo = item("c", 20_000, "CM4719009", kind=ItemKind.CREDIT_MEMO)
    items = [item("i", 125_013, "INV4711001"), memo, *filler()]
    found = one(payment(105_013, "INV4711001 less CM4719009", **NAMED), items)
    assert settled(found) == {"i": 125_013, "c": -20_000}


def test_remittance_lines_say_it_all_deductions_included() -> None:
    items = [item("i", 100_000, "INV4711001"), item("j", 50_000, "INV4711002"), *filler()]
    lines = (
        RemittanceLine("INV4711001", 90_000, deduction_minor=10_000, deduction_reason="damaged goods"),
        RemittanceLine("INV4711002", 50_000),
    )
    found = one(payment(140_000, referred_documents=lines, **NAMED), items)
    assert found.band is Band.AUTOMATIC
    assert settled(found) == {"i": 90_000, "j": 50_000}
    assert found.allocations[0].deduction_minor == 10_000
    assert found.allocations[0].deduction_reason == "damaged goods"


def test_lines_that_do_not_add_up_are_not_believed() -> None:
    lines = (RemittanceLine("INV4711001", 90_000),)
    found = one(payment(95_000, referred_documents=lines, **NAMED), [item("i", 95_000, "INV4711001"), *filler()])
    assert settled(found) == {"i": 95_000}
    assert found.strategy == "references"


def test_a_part_payment_of_a_named_item() -> None:
    found = one(payment(40_000, "INV4711001 first part", **NAMED), [item("i", 125_013, "INV4711001"), *filler()])
    assert found.band is Band.AUTOMATIC
    assert settled(found) == {"i": 40_000}
    assert found.allocations[0].difference is Difference.PARTIAL


def test_a_part_payment_by_an_unknown_payer_waits_for_a_person() -> None:
    items = [item("i", 125_013, "INV4711001"), *filler()]
    assert one(payment(40_000, "INV4711001", payer_name="?"), items).band is not Band.AUTOMATIC


def test_of_several_documents_paid_short_a_person_says_which() -> None:
    items = [item("i", 125_013, "INV4711001"), item("j", 99_001, "INV4711009"), *filler()]
    found = one(payment(200_000, "INV4711001 INV4711009", **NAMED), items)
    assert found.band is not Band.AUTOMATIC


def test_several_payments_for_one_item_of_which_one_is_unreadable() -> None:
    items = [item("i", 125_013, "INV4711001"), *filler()]
    payments = [payment(60_000, "INV4711001", id="p1", **NAMED), payment(65_013, "rest", id="p2", day=3, **NAMED)]
    first, second = match(payments, items, [account()])
    assert (settled(first), settled(second)) == ({"i": 60_000}, {"i": 65_013})


def test_the_balance_everything_due_and_one_due_date() -> None:
    items = [item(f"i{n}", 10_007 + 3_571 * n, due=due) for n, due in enumerate([-20, -20, -5, 10, 30])]
    for chosen in (items, items[:3], items[:2]):
        found = one(payment(sum(each.open_minor for each in chosen), account="a"), items)
        assert set(settled(found)) == {each.id for each in chosen}


def test_oldest_first_is_a_proposal_at_most() -> None:
    items = filler()
    odd = payment(50_001, account="a")
    assert one(odd, items).alternatives[-1].strategy == "oldest_first"
    found = one(odd, items, settings=Settings(propose_oldest_first=True))
    assert (found.band, found.strategy) == (Band.PROPOSED, "oldest_first")


def test_instalments_of_one_document() -> None:
    parts = [replace(item(f"i{n}", 30_000 + n, "INV4711001", due=30 * n), document_id="d") for n in range(3)]
    assert settled(one(payment(30_001, "INV4711001", **NAMED), [*parts, *filler()])) == {"i1": 30_001}
    assert len(settled(one(payment(90_003, "INV4711001", **NAMED), [*parts, *filler()]))) == 3


def test_a_purchase_order_stands_for_its_invoice() -> None:
    items = [item("i", 125_013, "INV4711001", references=("PO-4500123",)), *filler()]
    assert settled(one(payment(125_013, "order 4500123", **NAMED), items)) == {"i": 125_013}


def test_a_member_of_the_group_may_pay_and_a_stranger_may_not() -> None:
    accounts = [account("a", parent="c"), account("b", parent="c"), account("c"), account("s")]
    items = [item("i", 125_013, "INV4711001", account="b"), *filler(account="b")]
    text = "INV4711001"
    assert one(payment(125_013, text, payer_name="Company a"), items, accounts).band is Band.AUTOMATIC
    assert one(payment(125_013, text, payer_name="Company s"), items, accounts).band is not Band.AUTOMATIC
    factor = [*accounts[:3], replace(accounts[3], is_factor=True)]
    assert one(payment(125_013, text, payer_name="Company s"), items, factor).band is Band.AUTOMATIC


def test_an_account_that_is_given_is_not_left() -> None:
    items = [item("i", 125_013, "INV4711001", account="b"), *filler()]
    found = one(payment(125_013, "INV4711001", account="a"), items, [account("a"), account("b")])
    assert "i" not in settled(found)


def test_a_learned_bank_identifier_decides_between_equal_amounts() -> None:
    items = [item("i", 125_013, account="a"), item("j", 125_013, account="b")]
    known = PayerIdentity("b", IdentityKind.BANK_IDENTIFIER, "DE1234567890")
    found = one(
        payment(125_013, payer_bank_identifier="DE12 3456 7890"),
        items,
        [account("a"), account("b")],
        identities=[known],
    )
    assert settled(found) == {"j": 125_013}


def test_the_same_payment_again_is_held() -> None:
    items = [item("i", 125_013, "INV4711001"), *filler()]
    first = payment(125_013, "INV4711001", id="p1", **NAMED)
    again = payment(125_013, "INV4711001", id="p2", day=2, **NAMED)
    answers = match([again, first], items, [account()])
    assert settled(answers[1]) == {"i": 125_013}
    assert (answers[0].duplicate_of, answers[0].residual_treatment) == ("p1", ResidualTreatment.HOLD)


def test_the_same_order_booked_twice_is_held_whatever_is_open() -> None:
    items = [item("i", 500, "INV4711001"), item("j", 500, "INV4711002")]
    earlier = payment(500, "rent", id="p0", day=-3, end_to_end_id="E1", **NAMED)
    answer = match([payment(500, "INV4711001", end_to_end_id="E1", **NAMED)], items, [account()], earlier=[earlier])[0]
    assert answer.duplicate_of == "p0"


def test_rent_of_the_same_amount_comes_every_month() -> None:
    items = [item("may", 80_000, "R202405"), item("june", 80_000, "R202406")]
    payments = [payment(80_000, "R202405", id="p1", **NAMED), payment(80_000, "R202406", id="p2", day=9, **NAMED)]
    first, second = match(payments, items, [account()])
    assert (settled(first), settled(second)) == ({"may": 80_000}, {"june": 80_000})


def test_a_reversal_finds_its_payment() -> None:
    earlier = [
        payment(500, "one", id="p1", end_to_end_id="E1"),
        payment(500, "two", id="p2", payer_name="X"),
        payment(700, "two", id="p3", payer_name="X"),
    ]
    assert find_reversed(payment(500, id="r", day=5, end_to_end_id="E1"), earlier) == "p1"
    assert find_reversed(payment(500, "two", id="r", day=5, payer_name="X"), earlier) == "p2"
    assert find_reversed(payment(500, id="r", day=400, end_to_end_id="E1"), earlier) is None
    assert find_reversed(payment(700, id="r", payer_name="Y"), earlier) is None


def test_other_income_of_a_common_amount_settles_nothing() -> None:
    items = [item(f"i{n}", 49_900, account="ab"[n % 2]) for n in range(1, 8)] + [item("z", 49_900, account="z")]
    accounts = [account("a"), account("b"), account("z")]
    found = one(payment(49_900, "TAX REFUND", payer_name="Company z"), items, accounts)
    assert found.band is not Band.AUTOMATIC


def test_a_payment_without_an_amount_is_refused() -> None:
    with pytest.raises(ValueError, match="positive"):
        match([payment(0)], [])


def test_a_reason_in_the_text_turns_a_short_payment_into_a_deduction() -> None:
    items = [item("i", 125_013, "INV4711001"), *filler()]
    (part,) = one(payment(115_013, "INV4711001 less damaged goods", **NAMED), items).allocations
    assert (part.amount_minor, part.deduction_minor, part.deduction_reason) == (115_013, 10_000, "damaged")
    assert part.difference is Difference.DEDUCTION
    (plain,) = one(payment(115_013, "INV4711001", **NAMED), items).allocations
    assert (plain.deduction_minor, plain.difference) == (0, Difference.PARTIAL)


def test_a_charge_that_nobody_tells_stays_open() -> None:
    items = [item("i", 125_013, "INV4711001"), *filler()]
    found = one(payment(124_013, "INV4711001", **NAMED), items)
    assert found.band is Band.AUTOMATIC
    assert found.allocations[0].write_off_minor == 0
    assert found.allocations[0].difference is Difference.PARTIAL


def test_a_discount_is_taken_only_where_it_settles_the_item() -> None:
    items = [item("i", 100_000, "INV4711001", discount=2_000, discount_until=5), *filler()]
    found = one(payment(97_200, "INV4711001", **NAMED), items)
    assert settled(found) == {"i": 97_200}
    assert found.allocations[0].discount_minor == 0


def test_strangers_do_not_settle_an_item_together_either() -> None:
    items = [item("i", 125_013, "INV4711001", account="b"), *filler(account="b"), *filler()]
    payments = [
        payment(60_000, "INV4711001", id="p1", **NAMED),
        payment(65_013, "INV4711001", id="p2", day=3, **NAMED),
    ]
    answers = match(payments, items, [account("a"), account("b")])
    assert [answer.band is Band.AUTOMATIC for answer in answers] == [False, False]


def test_two_part_payments_outweigh_a_damaged_number_that_hits_another_invoice() -> None:
    items = [item("right", 125_013, "INV4711012"), item("hit", 990_001, "INV4711021"), *filler()]
    payments = [
        payment(60_000, "INV4711012", id="p1", **NAMED),
        payment(65_013, "INV4711021", id="p2", day=3, **NAMED),
    ]
    first, second = match(payments, items, [account()])
    assert (settled(first), settled(second)) == ({"right": 60_000}, {"right": 65_013})


def test_two_numbers_of_one_item_outweigh_one_that_hits_another_of_the_same_amount() -> None:
    right = item("right", 125_013, "3001234561", references=("INV4711012",))
    hit = item("hit", 125_013, "3001234651", references=("INV8822077",))
    found = one(payment(125_013, "3001234651 INV4711012", **NAMED), [right, hit, *filler()])
    assert found.band is not Band.AUTOMATIC or settled(found) == {"right": 125_013}


def test_an_account_may_have_a_tolerance_of_its_own() -> None:
    items = [item("i", 100_000, "INV4711001"), *filler()]
    strict = Settings(tolerance=Tolerance(), bank_charge_minor=0, small_difference_minor=400)
    own = [replace(account(), tolerance=Tolerance(under_minor=300))]
    assert one(payment(99_800, "INV4711001", **NAMED), items, own, strict).allocations[0].write_off_minor == 200
    assert one(payment(99_800, "INV4711001", **NAMED), items, settings=strict).allocations[0].write_off_minor == 0
    by_id = replace(strict, accounts_tolerances={"a": Tolerance(under_minor=300)})
    assert one(payment(99_800, "INV4711001", **NAMED), items, settings=by_id).allocations[0].write_off_minor == 200
