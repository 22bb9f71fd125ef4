"""The story of one payer, told step by step."""

from datetime import date, timedelta

from app.demo.generator.company import OWN_ACCOUNTS
from app.demo.generator.customers import Customer, build_customers
from app.demo.generator.dice import Dice
from app.demo.generator.documents import Document, add_parts, credit_memo
from app.demo.generator.payers import PayerStory, Stranger
from app.demo.generator.transactions import Category, Line, Transaction

UNTIL = date(2024, 12, 31)
DAY = date(2024, 5, 6)


def story(documents: list[Document], payer: Customer, seed: int = 1) -> PayerStory:
    return PayerStory(payer, OWN_ACCOUNTS[0], documents, UNTIL, [Stranger("Finexa", "")], Dice(seed))


def customer() -> Customer:
    return build_customers(1, Dice(7))[0]


def invoice(payer: Customer, amount: int, terms: str = "NET30") -> Document:
    return add_parts(Document("invoice", payer, DAY, DAY, terms, amount, 0))


def test_a_return_opens_invoice_and_netted_credit_memo_again() -> None:
    payer = customer()
    bill = invoice(payer, 1000_00)
    memo = credit_memo(bill, DAY, 200_00)
    told = story([], payer)
    lines = [Line(bill.parts[0], 1000_00), Line(memo.parts[0], -200_00)]
    bill.parts[0].open = memo.parts[0].open = 0
    payment = Transaction(OWN_ACCOUNTS[0], DAY, DAY, 800_00, Category.NETTED_CREDIT, customer=payer, lines=lines)
    told._return(payment, DAY + timedelta(days=4))
    assert (bill.open, memo.open) == (1000_00, 200_00)
    assert [(back.category, back.amount, back.credit) for back in told.transactions] == [
        (Category.RETURN, 800_00, False)
    ]


def test_all_that_is_paid_and_all_that_stays_open_is_what_was_billed() -> None:
    for seed in range(60):
        payer = build_customers(1, Dice(seed))[0]
        bills = [invoice(payer, 100_00 + n, terms) for n, terms in enumerate(("NET14", "D2N30", "INST50", "EOM30") * 8)]
        told = story(bills, payer, seed)
        told.tell()
        gone = {back.returns for back in told.transactions if back.returns is not None}
        lines = [line for paid in told.transactions if paid not in gone for line in paid.lines]
        settled = sum(line.settled + line.discount for line in lines)
        assert settled + sum(bill.open for bill in bills) == sum(bill.amount for bill in bills)
        assert all(0 <= part.open <= part.amount for bill in bills for part in bill.parts)


def test_an_unearned_discount_stays_open_as_a_deduction() -> None:
    found = 0
    for seed in range(200):
        payer = build_customers(1, Dice(seed))[0]
        if payer.habits.discount != "stretched" or payer.habits.method == "direct_debit":
            continue
        bill = invoice(payer, 1000_00, "D2N30")
        told = story([bill], payer, seed)
        told.tell()
        for paid in told.transactions:
            if paid.category is Category.UNEARNED_DISCOUNT:
                found += 1
                assert bill.discount_until is not None
                assert paid.value > bill.discount_until
                assert [(line.settled, line.discount, line.deduction) for line in paid.lines] == [(980_00, 0, 20_00)]
                assert bill.open == 20_00
    assert found > 3
