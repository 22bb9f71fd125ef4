"""What payers write, and how much of it is believed: each test is one habit or one trap."""

from dataclasses import replace

import pytest

from app.cash_application.matching.engine import match
from app.cash_application.matching.references import text_tokens
from app.cash_application.matching.text_amounts import amounts_in, deduction_word, names_amount
from app.cash_application.matching.types import (
    Band,
    Difference,
    IdentityKind,
    IdentityOrigin,
    ItemKind,
    PayerIdentity,
    RemittanceLine,
    Settings,
)
from tests.unit.matching.facts import account, item, one, payment, settled

NAMED = {"payer_name": "Company a"}


def filler(count: int = 12, owner: str = "a") -> list:
    """Other open items of distinct amounts and numbers of one range."""
    return [
        item(f"f{owner}{n}", 10_007 + 3_571 * n, f"RE-2024-{70_000 + 13 * n:06d}", owner, issued=-60 + n, due=-30 + n)
        for n in range(count)
    ]


def parts(minor: int, count: int = 2, number: str = "RE-2024-000900") -> list:
    """Equal instalments of one document."""
    return [replace(item(f"d{n}", minor, number, due=30 * n - 5), document_id="d") for n in range(count)]


def test_of_equal_instalments_the_earliest_due_is_paid_first() -> None:
    found = one(payment(50_001, "RE-2024-000900", **NAMED), [*parts(50_001), *filler()])
    assert found.band is Band.AUTOMATIC
    assert settled(found) == {"d0": 50_001}


def test_a_part_of_a_document_with_instalments_follows_their_order() -> None:
    found = one(payment(20_000, "RE-2024-000900", **NAMED), [*parts(50_001), *filler()])
    assert settled(found) == {"d0": 20_000}


def test_a_little_more_than_an_instalment_waits_for_a_person() -> None:
    found = one(payment(50_099, "RE-2024-000900", **NAMED), [*parts(50_001), *filler()])
    assert found.band is not Band.AUTOMATIC


@pytest.mark.parametrize(
    ("text", "paid"),
    [
        ("RE-2024-000901 300,00, RE-2024-000902 1.200,13", {"i": 30_000, "j": 120_013}),
        ("RE-2024-000901 EUR 300.00; RE-2024-000902 1,200.13", {"i": 30_000, "j": 120_013}),
        ("inv RE-2024-000901: 300.00 RE-2024-000902: 1200.13", {"i": 30_000, "j": 120_013}),
    ],
)
def test_amounts_beside_the_numbers_say_which_one_was_cut_short(text: str, paid: dict[str, int]) -> None:
    items = [item("i", 90_001, "RE-2024-000901"), item("j", 120_013, "RE-2024-000902"), *filler()]
    found = one(payment(150_013, text, **NAMED), items)
    assert (found.band, found.strategy) == (Band.AUTOMATIC, "text_lines")
    assert settled(found) == paid


def test_amounts_that_do_not_add_up_are_not_believed() -> None:
    items = [item("i", 90_001, "RE-2024-000901"), item("j", 120_013, "RE-2024-000902"), *filler()]
    found = one(payment(210_014, "RE-2024-000901 300,00 RE-2024-000902 1.200,13", **NAMED), items)
    assert found.strategy != "text_lines"
    assert set(settled(found)) == {"i", "j"}


def test_amounts_in_texts_of_several_countries() -> None:
    assert [digits for *_, digits, _ in amounts_in("1.250,00 EUR 1,250.00 1 250.00 99")] == [125_000] * 3 + [99]
    assert names_amount("less claim 408.86", 40_886)
    assert names_amount("abzgl. 12", 1_200)
    assert not names_amount("RE-2024-040886", 40_886)
    assert deduction_word("RE 1 abzgl. Fehlmenge") == "abzgl"
    assert deduction_word("RE 1") is None


def test_a_named_deduction_is_a_dispute() -> None:
    items = [item("i", 125_013, "RE-2024-000901"), item("c", 5_000, "GS-1", kind=ItemKind.CREDIT_MEMO), *filler()]
    found = one(payment(120_013, "RE-2024-000901 less damaged goods 50.00", **NAMED), items)
    (part,) = found.allocations
    assert (part.item_id, part.deduction_minor, part.difference) == ("i", 5_000, Difference.DEDUCTION)


def test_running_numbers_alone_name_invoices_where_the_amount_agrees() -> None:
    items = [item(f"i{n}", 30_001 + 977 * n, f"RE-2024-{621 + 17 * n:06d}") for n in range(6)]
    found = one(payment(items[0].open_minor + items[2].open_minor, "621 655", **NAMED), [*items, *filler()])
    assert found.band is Band.AUTOMATIC
    assert set(settled(found)) == {"i0", "i2"}


def test_a_credit_memo_that_is_not_named_is_netted_when_the_amount_says_so() -> None:
    memo = item("c", 20_017, "GS-2024-00009", kind=ItemKind.CREDIT_MEMO)
    items = [item("i", 125_013, "RE-2024-000901"), memo, *filler()]
    found = one(payment(104_996, "RE-2024-000901", **NAMED), items)
    assert settled(found) == {"i": 125_013, "c": -20_017}
    part = one(payment(60_000, "RE-2024-000901", **NAMED), items)
    assert part.band is not Band.AUTOMATIC, "netted and more kept back, or a part"


def test_discounts_taken_too_late_stay_open_where_they_belong() -> None:
    items = [
        item("i", 100_000, "RE-2024-000901", discount=2_000, discount_until=-3),
        item("j", 50_000, "RE-2024-000902", discount=1_000, discount_until=-2),
        *filler(),
    ]
    found = one(payment(147_000, "RE-2024-000901 RE-2024-000902", **NAMED), items)
    assert settled(found) == {"i": 98_000, "j": 49_000}
    assert not any(part.discount_minor for part in found.allocations)


def test_an_earned_and_a_late_discount_in_one_payment() -> None:
    items = [
        item("i", 100_000, "RE-2024-000901", discount=2_000, discount_until=-3),
        item("j", 50_000, "RE-2024-000902", discount=1_000, discount_until=3),
        *filler(),
    ]
    found = one(payment(147_000, "RE-2024-000901 RE-2024-000902", **NAMED), items)
    assert settled(found) == {"i": 98_000, "j": 49_000}
    assert {part.item_id: part.discount_minor for part in found.allocations} == {"i": 0, "j": 1_000}


def test_between_net_and_gross_of_a_discount_a_person_decides() -> None:
    items = [item("i", 100_000, "RE-2024-000901", discount=3_000, discount_until=5), *filler()]
    found = one(payment(97_090, "RE-2024-000901", **NAMED), items, settings=Settings(bank_charge_minor=0))
    assert found.band is not Band.AUTOMATIC


def test_remittance_lines_without_amounts_with_credits_and_over_instalments() -> None:
    memo = item("c", 7_000, "GS-2024-00009", kind=ItemKind.CREDIT_MEMO)
    items = [item("i", 125_013, "RE-2024-000901"), memo, *parts(50_001), *filler()]
    lines = (
        RemittanceLine("RE-2024-000901", 125_013),
        RemittanceLine("GS-2024-00009"),
        RemittanceLine("RE-2024-000900", 60_001),
    )
    found = one(payment(178_014, referred_documents=lines, **NAMED), items)
    assert (found.band, found.strategy) == (Band.AUTOMATIC, "remittance_lines")
    assert settled(found) == {"i": 125_013, "c": -7_000, "d0": 50_001, "d1": 10_000}


def test_a_surplus_over_what_is_named_goes_on_account() -> None:
    items = [item("i", 125_013, "RE-2024-000901"), *filler()]
    found = one(payment(126_013, "RE-2024-000901", **NAMED), items)
    assert found.band is Band.AUTOMATIC
    assert (settled(found), found.residual_minor) == ({"i": 125_013}, 1_000)
    assert one(payment(190_017, "RE-2024-000901", **NAMED), items).band is not Band.AUTOMATIC
    assert one(payment(126_013, "RE-2024-000901, 77", **NAMED), items).band is not Band.AUTOMATIC


def test_a_number_of_a_document_that_is_not_open_is_not_taken_for_another() -> None:
    items = [item("i", 125_013, "RE-2024-070999"), *filler(30)]
    for text in ("RE-2024-071555", "invoice 071555"):
        found = one(payment(125_013, text, **NAMED), items)
        assert found.band is not Band.AUTOMATIC
    assert one(payment(125_013, "", **NAMED), items).band is Band.AUTOMATIC


def test_a_named_invoice_and_another_of_just_this_amount_wait() -> None:
    items = [item("named", 250_026, "RE-2024-070901"), item("other", 125_013, "RE-2024-070903"), *filler(30)]
    found = one(payment(125_013, "RE-2024-070901", **NAMED), items)
    assert found.band is not Band.AUTOMATIC
    assert any(reason.code == "doubt.contradicted" for reason in found.reasons)


def test_another_customers_number_and_the_payers_own_invoice_of_one_amount_wait() -> None:
    items = [
        item("theirs", 125_013, "RE-2024-070901", account="b"),
        item("own", 125_013, "RE-2024-070902"),
        *filler(30),
    ]
    found = one(payment(125_013, "RE-2024-070901", **NAMED), items, [account(), account("b")])
    assert found.band is not Band.AUTOMATIC


@pytest.mark.parametrize(
    "text", ["TEL. 70901234", "IBAN DE89 3704 7090 1234 0000 00", "+49 70901234 call", "17.05.2024"]
)
def test_telephones_bank_details_and_dates_name_nothing(text: str) -> None:
    items = [item("i", 125_013, "70901234"), item("k", 99_900, "17052024"), *filler()]
    found = one(payment(60_000, text, **NAMED), items)
    assert found.band is not Band.AUTOMATIC
    assert all(token.kind == "masked" for token in text_tokens(text) if token.key in ("70901234", "17052024"))


def test_the_same_text_again_does_not_take_an_item_of_the_same_amount() -> None:
    items = [item("i", 125_013, "RE-2024-070901"), item("j", 125_013, "RE-2024-070902"), *filler()]
    first = payment(125_013, "RE-2024-070901", id="p1", **NAMED)
    again = payment(125_013, "RE-2024-070901", id="p2", day=3, **NAMED)
    answers = match([first, again], items, [account()])
    assert settled(answers[0]) == {"i": 125_013}
    assert answers[1].duplicate_of == "p1"


def test_a_payer_known_only_from_earlier_payments_may_pay_for_others() -> None:
    seen = PayerIdentity("b", IdentityKind.PAYER_NAME, "finexa factoring gmbh", IdentityOrigin.LEARNED, 0.9)
    bank = PayerIdentity("b", IdentityKind.BANK_IDENTIFIER, "DE77", IdentityOrigin.LEARNED, 0.9)
    facts = payment(125_013, "RE-2024-000901", payer_name="Finexa Factoring GmbH", payer_bank_identifier="DE77")
    items = [item("i", 125_013, "RE-2024-000901"), *filler(owner="b")]
    accounts = [account(), account("b")]
    assert one(facts, items, accounts, identities=[seen, bank]).band is Band.AUTOMATIC
    assert one(replace(facts, amount_minor=60_000), items, accounts, identities=[seen, bank]).band is not Band.AUTOMATIC
    entered = replace(bank, origin=IdentityOrigin.ENTERED, strength=1.0)
    assert one(facts, items, accounts, identities=[seen, entered]).band is not Band.AUTOMATIC


def test_the_head_of_a_group_pays_a_members_invoice_in_part() -> None:
    accounts = [account("a", parent="h"), account("h", "Head Holding")]
    items = [item("i", 125_013, "RE-2024-000901"), *filler()]
    found = one(payment(60_000, "RE-2024-000901", payer_name="Head Holding"), items, accounts)
    assert settled(found) == {"i": 60_000}
    assert found.band is Band.AUTOMATIC


@pytest.mark.parametrize(
    "text",
    [
        "RF18 5390 0754 7034",
        "ref rf18539007547034 thanks",
        "+++090/9337/55493+++",
        "21 00000 00003 13947 14300 09017",
    ],
)
def test_coded_references_in_free_text_are_read_where_their_check_digits_are_right(text: str) -> None:
    number = {"R": "539007547034", "r": "539007547034", "+": "0909337554", "2": "7143000901"}[text[0]]
    found = one(payment(125_013, text, **NAMED), [item("i", 125_013, number), *filler()])
    assert found.band is Band.AUTOMATIC
    assert any(reason.code.startswith("reference.") for reason in found.reasons)


@pytest.mark.parametrize("sign", ["-", " - ", " bis ", " to ", " à ", " al ", ".."])
@pytest.mark.parametrize("shape", ["RE-2024-{:06d}", "INV{:06d}", "{:07d}"])
def test_ranges_in_several_languages_and_formats(sign: str, shape: str) -> None:
    items = [item(f"i{n}", 10_000 + 77 * n, shape.format(1_558 + n)) for n in range(4)]
    text = f"{items[0].number}{sign}{items[-1].number}"
    found = one(payment(sum(each.open_minor for each in items), text, **NAMED), [*items, *filler()])
    assert set(settled(found)) == {"i0", "i1", "i2", "i3"}
