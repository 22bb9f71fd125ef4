"""What payers write: damaged in the text, untouched in the truth."""

from datetime import date

import pytest

from app.accounts.rules import schedule
from app.accounts.terms_notation import parse_terms_text, terms_from_json
from app.demo.generator.company import OWN_ACCOUNTS, TERMS_BY_CODE, company_json
from app.demo.generator.customers import Customer, build_customers
from app.demo.generator.dice import Dice
from app.demo.generator.documents import Document, add_parts
from app.demo.generator.remittance import _cut, _range_text, _with_typo, _written, write_remittance
from app.demo.generator.transactions import Category, Line, Transaction
from app.demo.generator.vocabulary import phrases

DAY = date(2024, 5, 6)


def invoice(customer: Customer, number: str) -> Document:
    document = add_parts(Document("invoice", customer, DAY, DAY, "NET30", 1_190_00, 190_00))
    document.number, document.purchase_order = number, "4500123456"
    return document


def payment(numbers: list[str], customer: Customer) -> Transaction:
    documents = [invoice(customer, number) for number in numbers]
    lines = [Line(document.parts[0], document.amount) for document in documents]
    amount = sum(document.amount for document in documents)
    made = Transaction(OWN_ACCOUNTS[0], DAY, DAY, amount, Category.MULTIPLE, customer=customer, lines=lines)
    made.mentions = documents
    return made


def test_texts_never_pass_the_banks_limit_and_do_not_touch_the_truth() -> None:
    numbers = [f"RE-2024-{n:06d}" for n in range(1, 31)]
    for customer in build_customers(60, Dice(3)):
        made = payment(numbers, customer)
        before = (made.amount, [(line.part.document.number, line.settled) for line in made.lines])
        write_remittance(made, Dice(customer.number))
        assert sum(len(text) for text in made.text) <= customer.habits.text_limit
        assert (made.amount, [(line.part.document.number, line.settled) for line in made.lines]) == before
        assert made.style


def test_a_cut_text_is_broken_into_lines_that_lose_nothing_but_blanks() -> None:
    text = ", ".join(f"RE-2024-{n:06d}" for n in range(20))
    for seed in range(40):
        pieces = _cut(text, 140, Dice(seed))
        assert "".join(pieces).replace(" ", "") == text[:140].strip().replace(" ", "")


@pytest.mark.parametrize(
    ("number", "short"),
    [("RE-2024-000034", "34"), ("INV0012345", "12345"), ("P4-1001-A", "1001"), ("9003310001", "9003310001")],
)
def test_short_digits_drop_prefix_and_leading_zeros(number: str, short: str) -> None:
    assert _written(number, "short_digits", Dice(1)) == short


def test_a_typo_changes_the_number_but_little() -> None:
    for seed in range(200):
        slip = _with_typo("RE-2024-001234", Dice(seed))
        assert abs(len(slip) - len("RE-2024-001234")) <= 1
        assert slip.startswith("RE-2")


def test_runs_become_ranges_and_others_are_abbreviated() -> None:
    words = phrases("de")
    run = _range_text(["RE-2024-000101", "RE-2024-000102", "RE-2024-000103"], words, Dice(1))
    assert run[0].startswith("RE-2024-000101 ")
    assert run[0].endswith("103")
    assert _range_text(["RE-2024-000101", "RE-2024-000177"], words, Dice(1)) == ["RE-2024-000101", "0177"]
    assert _range_text(["P4-1001-A", "P4-1002-B"], words, Dice(1)) == ["P4-1001-A", "P4-1002-B"]


def test_the_service_reads_the_companys_terms_as_the_generator_does() -> None:
    for stated in company_json(date(2024, 1, 1))["payment_terms"]:
        terms = terms_from_json(stated["code"], stated["definition"])
        assert parse_terms_text(stated["text"], stated["code"]) == terms
        for day in (date(2024, 1, 31), date(2024, 2, 29), date(2025, 6, 3)):
            mine = TERMS_BY_CODE[stated["code"]]
            plans = schedule(terms, day, 1_190_01)
            assert [(plan.due_date, plan.amount_minor) for plan in plans] == mine.due_dates(day, 1_190_01)
            assert (plans[0].discount_minor, plans[0].discount_date) == mine.discount(day, 1_190_01)


def test_terms_make_due_dates_discounts_and_instalments() -> None:
    assert TERMS_BY_CODE["EOM30"].due_dates(date(2024, 1, 31), 100) == [(date(2024, 3, 31), 100)]
    assert TERMS_BY_CODE["NET14"].due_dates(date(2024, 2, 20), 5) == [(date(2024, 3, 5), 5)]
    halves = TERMS_BY_CODE["INST50"].due_dates(date(2024, 1, 1), 101)
    assert [due for due, _ in halves] == [date(2024, 1, 31), date(2024, 3, 1)]
    assert sorted(amount for _, amount in halves) == [50, 51]
    assert TERMS_BY_CODE["D2N30"].discount(date(2024, 1, 1), 125) == (3, date(2024, 1, 11))  # 2.5 cents, half-up
    assert TERMS_BY_CODE["NET30"].discount(date(2024, 1, 1), 125) == (0, None)
