from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from app.forecasting.model.interface import NEVER, HistoryItem, Ledger, date_of, day_of


def test_days_and_dates_are_each_others_inverse() -> None:
    assert day_of(date(1970, 1, 2)) == 1
    assert date_of(day_of(date(2026, 2, 28))) == date(2026, 2, 28)
    assert day_of(None) == NEVER
    assert date_of(NEVER) is None


def test_items_become_columns() -> None:
    items = [
        HistoryItem("a", date(2026, 1, 1), date(2026, 1, 31), 1_000, "EUR", paid=date(2026, 2, 2), segment="retail"),
        HistoryItem("b", date(2026, 1, 5), date(2026, 1, 5), 2_000, "USD", open_minor=500, payer="a",
                    notices=(date(2026, 1, 10), date(2026, 1, 20))),
    ]  # fmt: skip
    ledger = Ledger.from_items(items)
    assert len(ledger) == 2
    assert [ledger.accounts[code] for code in ledger.account] == ["a", "b"]
    assert [ledger.payers[code] for code in ledger.payer] == ["a", "a"]
    assert [ledger.segments[code] for code in ledger.segment] == ["retail", ""]
    assert ledger.open_minor.tolist() == [1_000, 500]
    assert ledger.paid.tolist() == [day_of(date(2026, 2, 2)), NEVER]
    assert (ledger.notices[1] < NEVER).sum() == 2


def test_take_keeps_the_names() -> None:
    ledger = Ledger.from_columns(
        account=["x", "y", "x"], issued=[1, 2, 3], due=[4, 5, 6], amount_minor=[1, 2, 3], currency=["EUR"] * 3
    )
    part = ledger.take(np.array([1]))
    assert part.accounts == ("x", "y")
    assert part.account.tolist() == [1]


@pytest.mark.parametrize("name", ["paid", "closed", "disputed_on", "promised_on", "legal_on"])
def test_absent_columns_are_never(name: str) -> None:
    ledger = Ledger.from_columns(account=["x"], issued=[1], due=[2], amount_minor=[3], currency=["EUR"])
    assert getattr(ledger, name).tolist() == [NEVER]
