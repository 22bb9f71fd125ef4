"""The bank statements and the truth: they balance, follow each other, and tell the same story."""

import json
from collections import Counter, defaultdict
from datetime import date, timedelta
from itertools import pairwise

import pytest

from app.demo.generator.figures import BUCKETS, bucket
from app.demo.generator.generate import DemoManifest
from app.demo.generator.truth import TrueTransaction, read_truth
from tests.unit.demo.reading import ReadStatement, amount_of, date_of, read_extract, read_statements

UNAPPLIED = {"overpayment", "duplicate", "on_account"}


@pytest.fixture(scope="module")
def statements(demo: DemoManifest) -> list[ReadStatement]:
    return read_statements(demo)


@pytest.fixture(scope="module")
def truth(demo: DemoManifest) -> dict[str, TrueTransaction]:
    return read_truth(demo.truth_file)


def test_every_statement_balances_and_follows_the_one_before(
    demo: DemoManifest, statements: list[ReadStatement]
) -> None:
    by_account: dict[str, list[ReadStatement]] = defaultdict(list)
    for statement in statements:
        assert statement.opening + statement.entry_total == statement.closing, statement.path
        by_account[statement.account].append(statement)
    company = json.loads(demo.company_file.read_text(encoding="utf-8"))
    assert set(by_account) == {own["identifier"] for own in company["bank_accounts"]}
    for mine in by_account.values():
        assert [statement.sequence for statement in mine] == list(range(1, len(mine) + 1))
        assert (mine[0].first_day, mine[-1].last_day) == (demo.since, demo.until)
        for before, after in pairwise(mine):
            assert after.opening == before.closing
            assert after.first_day == before.last_day + timedelta(days=1)


def test_every_truth_stands_exactly_once_in_the_statements(
    statements: list[ReadStatement], truth: dict[str, TrueTransaction]
) -> None:
    seen = [transaction for statement in statements for transaction in statement.transactions]
    assert Counter(transaction.reference for transaction in seen) == dict.fromkeys(truth, 1)
    for transaction in seen:
        true = truth[transaction.reference]
        sign = 1 if true.direction == "credit" else -1
        assert (transaction.account, transaction.signed_minor) == (true.bank_account, sign * true.amount_minor)
        assert transaction.value.isoformat() == true.value_date


def test_settled_amounts_never_exceed_the_payment_and_the_rest_is_explained(truth: dict[str, TrueTransaction]) -> None:
    for true in truth.values():
        settled = sum(line.settled_minor for line in true.lines)
        assert settled <= true.amount_minor
        if true.lines and true.category not in UNAPPLIED:
            assert settled == true.amount_minor, true
        assert all((line.settled_minor < 0) == (line.kind == "credit_memo") for line in true.lines)


def test_what_the_truth_leaves_open_agrees_with_the_invoices_and_the_aging(
    demo: DemoManifest, truth: dict[str, TrueTransaction]
) -> None:
    mapping = demo.invoices_mapping_file
    documents = {
        (row["legal_entity"], row["kind"], row["number"]): row for row in read_extract(demo.invoices_file, mapping)
    }
    opened = {key: amount_of(row["open_amount"], row["currency"], mapping) for key, row in documents.items()}
    returned = {true.returns_bank_reference for true in truth.values()}
    for reference, true in truth.items():
        if reference in returned:
            continue
        for line in true.lines:
            key = (line.legal_entity, line.kind, line.number)
            opened[key] -= abs(line.settled_minor) + line.discount_minor
    assert min(opened.values()) == 0
    totals: dict[str, Counter[str]] = defaultdict(Counter)
    for key, minor in opened.items():
        due = date_of(documents[key]["due_date"])
        side = "credits" if key[1] == "credit_memo" else "owed"
        totals[documents[key]["currency"]][side] += minor
        if due is not None and minor:
            totals[documents[key]["currency"]][bucket((demo.until - due).days)] += minor
    for currency, row in demo.aging_minor.items():
        assert totals[currency]["owed"] == sum(row[name] for name in BUCKETS)
        assert totals[currency]["credits"] == row["credits"]
        assert all(totals[currency][name] <= row[name] for name in BUCKETS)  # instalments come on top


def test_money_moves_after_posting_and_discounts_are_in_time(
    demo: DemoManifest, truth: dict[str, TrueTransaction]
) -> None:
    rows = {
        (row["legal_entity"], row["kind"], row["number"]): row
        for row in read_extract(demo.invoices_file, demo.invoices_mapping_file)
    }
    days = {"D2N30": 10, "D3N45": 14}
    discounts = 0
    for true in truth.values():
        value = date.fromisoformat(true.value_date)
        for line in true.lines:
            row = rows[line.legal_entity, line.kind, line.number]
            posted, invoiced = date_of(row["accounting_date"]), date_of(row["invoice_date"])
            assert posted is not None
            assert invoiced is not None
            assert posted <= value <= demo.until
            if line.discount_minor:
                discounts += 1
                assert value <= invoiced + timedelta(days=days[row["payment_terms"]])
    assert discounts > 50


def test_returns_point_at_an_earlier_receipt_of_the_same_amount(truth: dict[str, TrueTransaction]) -> None:
    returns = [true for true in truth.values() if true.category == "return"]
    assert returns
    for back in returns:
        assert back.returns_bank_reference is not None
        original = truth[back.returns_bank_reference]
        assert (back.direction, original.direction) == ("debit", "credit")
        assert (back.amount_minor, back.end_to_end_id) == (original.amount_minor, original.end_to_end_id)
        assert back.end_to_end_id
        assert back.booking_date > original.booking_date


def test_the_xml_has_what_banks_send(demo: DemoManifest) -> None:
    everything = "".join(path.read_text(encoding="utf-8") for path in demo.statements)
    for element in (
        "<Btch>", "<RfrdDocInf>", "<CdtrRefInf>", "<RtrInf>", "<RvslInd>true", "<ChqNb>", "<MndtId>", "<UltmtDbtr>",
        "NOTPROVIDED", "<AddtlNtryInf>", "<Chrgs>", "<Othr>",
    ):  # fmt: skip
        assert element in everything, element
    assert max(len(text.split("<")[0]) for text in everything.split("<Ustrd>")[1:]) <= 160  # 140 before escaping


def test_the_company_looks_like_one(demo: DemoManifest, truth: dict[str, TrueTransaction]) -> None:
    receipts = [true for true in truth.values() if true.direction == "credit" and true.account_number]
    share = {name: 1000 * n // len(receipts) for name, n in Counter(true.category for true in receipts).items()}
    assert 300 < share["exact"] < 700
    assert share["multiple"] + share["parent_pays"] > 100
    for name in ("discount", "partial", "short_payment", "netted_credit", "overpayment", "instalment", "remainder"):
        assert 0 < share[name] < 150, name
    eur = demo.aging_minor["EUR"]
    owed = sum(eur[name] for name in BUCKETS)
    assert 55 <= eur["current"] * 100 // owed <= 92
    assert eur["91+"] * 100 // owed <= 10
    assert 2 <= owed * 100 // demo.billed_minor["EUR"] <= 12


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (-1, "current"),
        (0, "current"),
        (1, "1-30"),
        (30, "1-30"),
        (31, "31-60"),
        (90, "61-90"),
        (91, "91+"),
        (900, "91+"),
    ],
)
def test_buckets(days: int, expected: str) -> None:
    assert bucket(days) == expected
