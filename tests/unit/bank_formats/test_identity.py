"""The same money counts once, however often and in whichever format it is read; equal lines are two."""

from __future__ import annotations

from app.integrations.bank_formats.detect import parse_bank_file
from app.integrations.bank_formats.identity import identify, new_transactions
from app.integrations.bank_formats.records import Statement
from tests.unit.bank_formats.messages import IBAN, camt, detail, entry


def statement(*entries: str, **options: str) -> Statement:
    return parse_bank_file(camt(*entries, **options)).statements[0]


def keys(found: Statement, account: str | None = None) -> list[str]:
    return [key for identity in identify(found, account=account) for key in identity.transaction_keys]


def count_in(counted: set[str], *statements: Statement) -> list[int]:
    """What a reader that counts once would take, in minor units, in order."""
    taken: list[int] = []
    for found in statements:
        for identity in identify(found):
            taken += [transaction.signed_minor for _key, transaction in new_transactions(identity, counted)]
            counted |= set(identity.keys)
    return taken


UNNAMED = entry("4.50", reference=None, details=detail(inside="<RmtInf><Ustrd>KIOSK</Ustrd></RmtInf>"))


def test_reading_again_gives_the_same_keys() -> None:
    text = (entry("1.00"), UNNAMED, UNNAMED, entry("9.00", details=detail("4.00") + detail("5.00")))
    assert keys(statement(*text)) == keys(statement(*text))
    assert len(set(keys(statement(*text)))) == 5


def test_two_equal_lines_without_reference_are_two_and_stay_two() -> None:
    twice = statement(UNNAMED, UNNAMED)
    assert len(set(keys(twice))) == 2
    assert count_in(set(), twice, twice) == [450, 450]


def test_a_notification_and_the_statement_name_the_same_money() -> None:
    assert keys(statement(entry(), message="054")) == keys(statement(entry(), message="053"))
    one = statement(entry(reference="REF-00000001"), entry(reference="REF-00000002"))
    both = keys(one)
    assert keys(statement(entry(reference="REF-00000002"), message="054")) == both[1:]


def test_a_batch_shown_whole_and_shown_split_counts_once_in_either_order() -> None:
    whole = statement(entry("9.00", details="<Btch><NbOfTxs>2</NbOfTxs></Btch>"))
    parts = detail("4.00", refs="<AcctSvcrRef>PART-000001</AcctSvcrRef>") + detail("5.00")
    split = statement(entry("9.00", details=parts), message="054")
    assert count_in(set(), whole, split) == [900]
    assert count_in(set(), split, whole) == [400, 500]
    assert count_in(set(), split, split) == [400, 500]


def test_a_batch_split_and_the_same_parts_as_entries_of_their_own_count_once() -> None:
    parts = "".join(
        detail(amount, refs=f"<AcctSvcrRef>{name}</AcctSvcrRef>")
        for amount, name in (("4.00", "PART-000001"), ("5.00", "PART-000002"))
    )
    split = statement(entry("9.00", details=parts))
    single = statement(entry("4.00", reference="PART-000001"), entry("5.00", reference="PART-000002"), message="054")
    assert count_in(set(), split, single) == [400, 500]
    assert count_in(set(), single, split) == [400, 500]


def test_equal_parts_of_one_batch_are_two() -> None:
    assert len(set(keys(statement(entry("8.00", details=detail("4.00") + detail("4.00")))))) == 2


def test_sign_amount_account_and_reference_tell_entries_apart() -> None:
    base = keys(statement(entry()))
    assert keys(statement(entry(direction="DBIT"))) != base
    assert keys(statement(entry("100.01"))) != base
    assert keys(statement(entry(reference="BANK-REF-0002"))) != base
    other = f"<Acct><Id><IBAN>{IBAN[:-1]}0</IBAN></Id></Acct>"
    assert keys(statement(entry(), account=other)) != base
    assert keys(statement(entry(), account=other), account="1") == keys(statement(entry()), account="1")


def test_a_reference_that_says_none_is_no_reference() -> None:
    first, second = (
        statement(entry(reference="NONREF", booked=day, valued=day)) for day in ("2024-03-14", "2024-03-15")
    )
    assert keys(first) != keys(second)


def test_a_short_reference_repeats_from_day_to_day_and_needs_the_dates() -> None:
    first, second = (statement(entry(reference="1", booked=day, valued=day)) for day in ("2024-03-14", "2024-03-15"))
    assert keys(first) != keys(second)
    long_one, later = (statement(entry(valued=day)) for day in ("2024-03-14", "2024-03-15"))
    assert keys(long_one) == keys(later)


def test_spacing_and_line_breaks_of_texts_do_not_matter() -> None:
    broken = UNNAMED.replace("KIOSK", "KI\n OSK")
    assert keys(statement(broken)) == keys(statement(UNNAMED))
    assert keys(statement(UNNAMED.replace("KIOSK", "CAFE"))) != keys(statement(UNNAMED))


def test_equal_lines_on_two_pages_are_two() -> None:
    def page(number: int) -> Statement:
        pages = f"<StmtPgntn><PgNb>{number}</PgNb><LastPgInd>false</LastPgInd></StmtPgntn>"
        return statement(UNNAMED, statement=pages)

    assert count_in(set(), page(1), page(2), page(1)) == [450, 450]


def test_keys_are_short_ascii() -> None:
    for key in keys(statement(entry(reference="Ü" * 300), UNNAMED, entry("9.00", details=detail("4") + detail("5")))):
        assert key.isascii()
        assert len(key) <= 50
