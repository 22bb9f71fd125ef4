"""Batch bookings: split when the details sum to the entry, else kept whole with the reason and every reference."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.core.money import Money
from app.integrations.bank_formats.detect import parse_bank_file
from app.integrations.bank_formats.records import Effect, Entry, Party, References, Transaction
from app.integrations.bank_formats.split import AmountKind, Detail, split_entry
from tests.unit.bank_formats.messages import camt, detail, entry


def read(*details: str, amount: str = "100.00", direction: str = "CRDT", count: int | None = None) -> Entry:
    batch = f"<Btch><NbOfTxs>{count}</NbOfTxs></Btch>" if count is not None else ""
    text = entry(amount, direction=direction, details=batch + "".join(details))
    (found,) = parse_bank_file(camt(text)).statements[0].entries
    return found


def e2e(name: str) -> str:
    return f"<EndToEndId>{name}</EndToEndId>"


def in_amount_details(text: str, *, kind: str = "TxAmt", currency: str = "EUR") -> str:
    return f'<AmtDtls><{kind}><Amt Ccy="{currency}">{text}</Amt></{kind}></AmtDtls>'


def kept_whole(found: Entry) -> list[str]:
    return [problem.code for problem in found.problems if problem.effect is Effect.KEPT_WHOLE]


def test_details_that_sum_become_transactions() -> None:
    found = read(detail("60.00", refs=e2e("A")), detail("40.00", refs=e2e("B")), count=2)
    assert [(t.signed_minor, t.end_to_end_id, t.ordinal) for t in found.transactions] == [
        (6000, "A", 1),
        (4000, "B", 2),
    ]
    assert not any(t.is_whole_entry for t in found.transactions)
    assert found.problems == ()


def test_amounts_of_version_two_stand_in_amount_details() -> None:
    found = read(detail(inside=in_amount_details("60")), detail(inside=in_amount_details("40")))
    assert [t.amount_minor for t in found.transactions] == [6000, 4000]


def test_debit_batch_splits_into_debits() -> None:
    found = read(detail("60.00"), detail("40.00"), direction="DBIT")
    assert [t.signed_minor for t in found.transactions] == [-6000, -4000]


def test_a_return_inside_a_batch_keeps_its_own_direction() -> None:
    found = read(detail("130.00", direction="CRDT"), detail("30.00", direction="DBIT"))
    assert [t.signed_minor for t in found.transactions] == [13000, -3000]


def test_details_over_several_groups_are_taken_together() -> None:
    text = entry("100.00", details=detail("60.00")).replace("</Ntry>", f"<NtryDtls>{detail('40.00')}</NtryDtls></Ntry>")
    (found,) = parse_bank_file(camt(text)).statements[0].entries
    assert [t.amount_minor for t in found.transactions] == [6000, 4000]


def test_foreign_details_use_the_amount_in_the_entry_currency() -> None:
    def foreign(usd: str, eur: str) -> str:
        counter = in_amount_details(eur, kind="CntrValAmt")
        return detail(usd, currency="USD", inside=counter)

    found = read(foreign("66.00", "60.00"), foreign("44.00", "40.00"))
    assert [(t.amount_minor, t.currency) for t in found.transactions] == [(6000, "EUR"), (4000, "EUR")]
    assert found.transactions[0].counter_value == Money(6000, "EUR")


def test_no_details_of_a_batch() -> None:
    found = read(count=20)
    assert kept_whole(found) == ["batch.details_missing"]
    assert [t.amount_minor for t in found.transactions] == [10000]


def test_details_without_amounts_keep_every_reference() -> None:
    found = read(
        detail(refs=e2e("A"), inside="<RmtInf><Ustrd>Invoice 1</Ustrd></RmtInf>"),
        detail(refs=e2e("B"), inside="<RmtInf><Ustrd>Invoice 2</Ustrd></RmtInf>"),
        count=2,
    )
    assert kept_whole(found) == ["batch.amounts_missing"]
    (whole,) = found.transactions
    assert (whole.is_whole_entry, whole.amount_minor) == (True, 10000)
    assert whole.unstructured == ("Invoice 1", "Invoice 2")
    assert whole.end_to_end_id is None
    assert whole.references.other == (("end_to_end_id", "A"), ("end_to_end_id", "B"))


def test_details_that_do_not_sum_keep_the_entry_whole() -> None:
    found = read(detail("60.00", refs=e2e("A")), detail("39.99", refs=e2e("B")), count=2)
    assert kept_whole(found) == ["batch.sum_differs"]
    assert [t.signed_minor for t in found.transactions] == [10000]


def payer(name: str) -> str:
    return f"<RltdPties><Dbtr><Nm>{name}</Nm></Dbtr></RltdPties>"


def test_a_payer_is_named_only_when_it_is_the_same_in_all() -> None:
    same = read(detail(inside=payer("Halle AG")), detail(inside=payer("Halle AG")))
    assert same.transactions[0].payer.name == "Halle AG"
    differing = read(detail(inside=payer("Halle AG")), detail(inside=payer("Moritz KG")))
    assert differing.transactions[0].payer == Party()
    assert differing.transactions[0].additional_information == ("Halle AG", "Moritz KG")


def test_one_detail_of_an_announced_many_does_not_name_the_payer_of_all() -> None:
    found = read(detail("100.00", refs=e2e("A"), inside=payer("Halle AG")), count=6)
    assert kept_whole(found) == ["batch.details_missing"]
    (whole,) = found.transactions
    assert (whole.payer, whole.end_to_end_id) == (Party(), "A")
    assert whole.additional_information == ("Halle AG",)


def test_sum_is_right_but_the_count_differs() -> None:
    found = read(detail("60.00"), detail("40.00"), count=3)
    assert len(found.transactions) == 2
    assert [problem.code for problem in found.problems] == ["batch.count_differs"]


def test_single_detail_never_changes_amount_or_direction_of_the_entry() -> None:
    other_amount = read(detail("99.00"))
    assert other_amount.transactions[0].signed_minor == 10000
    assert [p.code for p in other_amount.problems] == ["transaction.amount_differs"]
    other_currency = read(detail("0", currency="SEK"))
    assert [p.code for p in other_currency.problems] == ["transaction.amount_differs"]
    other_direction = read(detail("100.00", direction="DBIT"))
    assert other_direction.transactions[0].signed_minor == 10000
    assert [p.code for p in other_direction.problems] == ["transaction.direction_differs"]


def test_details_all_against_the_entry_are_not_split() -> None:
    found = read(detail("60.00", direction="DBIT"), detail("40.00", direction="DBIT"))
    assert kept_whole(found) == ["batch.sum_differs"]


amounts = st.integers(min_value=0, max_value=10**9)


@st.composite
def parts(draw: st.DrawFn) -> tuple[Detail, ...]:
    currency = st.sampled_from(["EUR", "EUR", "EUR", "USD"])
    kinds = st.lists(st.tuples(st.sampled_from(list(AmountKind)), st.builds(Money, amounts, currency)), max_size=3)
    ids = st.one_of(st.none(), st.sampled_from(["A", "B", "C"]))
    detail = st.builds(
        lambda found, credit, name: Detail(
            Transaction(1, 0, "", True, False, References(end_to_end_id=name), unstructured=(f"text {name}",)),
            tuple(found),
            credit,
        ),
        kinds,
        st.one_of(st.none(), st.booleans()),
        ids,
    )
    return tuple(draw(st.lists(detail, max_size=6)))


@given(parts(), amounts, st.booleans(), st.one_of(st.none(), st.integers(0, 9)), st.booleans())
def test_transactions_always_sum_to_the_entry(
    details: tuple[Detail, ...], amount: int, is_credit: bool, count: int | None, matching: bool
) -> None:
    if matching:  # half of the time an amount that the details do sum to
        found = [d.amount("EUR", tuple(AmountKind)) for d in details]
        total = sum(
            (a or 0) * (1 if (is_credit if d.is_credit is None else d.is_credit) else -1)
            for a, d in zip(found, details, strict=True)
        )
        amount, is_credit = abs(total), total >= 0
    transactions, problems = split_entry(Money(amount, "EUR"), is_credit, details, count, "entry 1")
    assert sum(t.signed_minor for t in transactions) == (amount if is_credit else -amount)
    assert {t.currency for t in transactions} == {"EUR"}
    assert all(t.amount_minor >= 0 for t in transactions)
    assert len(transactions) in (1, len(details))
    named = {d.transaction.end_to_end_id for d in details} - {None}
    kept = {t.end_to_end_id for t in transactions}
    kept |= {value for t in transactions for _name, value in t.references.other}
    assert named <= kept
    assert [text for t in transactions for text in t.unstructured] == [
        text for d in details for text in d.transaction.unstructured
    ]
    if len(details) > 1 and len(transactions) == 1:
        assert any(p.effect is Effect.KEPT_WHOLE for p in problems)
