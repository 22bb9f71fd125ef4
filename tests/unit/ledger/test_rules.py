"""Pure rules of the ledger: one-sided rows, balances, the control equation."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from app.ledger import rules as chart
from app.ledger.rules import TransferRow, balance, proof_line

ENTITY = UUID(int=1)
ROW = TransferRow(ENTITY, "invoice.issued", chart.RECEIVABLES, chart.REVENUE, 100, "EUR", date(2026, 1, 1))


def test_a_negative_amount_swaps_the_sides_and_nothing_is_no_row() -> None:
    assert ROW.normalized() is ROW
    turned = replace(ROW, amount_minor=-100).normalized()
    assert turned == replace(ROW, debit_account=chart.REVENUE, credit_account=chart.RECEIVABLES)
    assert replace(ROW, amount_minor=0).normalized() is None


def test_the_chart_names_every_role_once() -> None:
    assert len(set(chart.CHART)) == len(chart.CHART)
    assert set(chart.CONTROL_ACCOUNTS) < set(chart.CHART)


def test_each_part_of_the_equation_is_compared() -> None:
    measures = {
        chart.OPEN_INSTALMENTS: 1000,
        chart.OPEN_CREDIT_MEMOS: 100,
        chart.PAYMENT_BALANCES: 70,
        chart.UNIDENTIFIED: 30,
        f"debits:{chart.RECEIVABLES}": 1500,
        f"credits:{chart.RECEIVABLES}": 600,
        f"credits:{chart.UNAPPLIED_CASH}": 40,
        f"credits:{chart.UNIDENTIFIED_CASH}": 30,
    }
    line = proof_line(ENTITY, "EUR", measures)
    assert (line.unapplied, line.subledger, line.control, line.holds) == (40, 830, 830, True)
    # Two errors that cancel in the sum are still two errors.
    errors = {f"credits:{chart.UNAPPLIED_CASH}": 41, chart.OPEN_CREDIT_MEMOS: 101}
    swapped = proof_line(ENTITY, "EUR", measures | errors)
    assert (swapped.difference, swapped.holds) == (0, False)
    assert (swapped.receivables_difference, swapped.unapplied_cash_difference) == (-1, 1)


_minor = st.integers(-(10**12), 10**12)


@given(*[_minor] * 4, *[st.integers(0, 10**12)] * 6)
def test_the_parts_always_sum_to_the_difference(
    a: int, b: int, c: int, d: int, e: int, f: int, g: int, h: int, i: int, j: int
) -> None:
    sides = [f"{side}:{role}" for role in chart.CONTROL_ACCOUNTS for side in ("debits", "credits")]
    measures = dict(zip([*chart.SUBLEDGER, *sides], [a, b, c, d, e, f, g, h, i, j], strict=True))
    line = proof_line(ENTITY, "EUR", measures)
    parts = line.receivables_difference + line.unapplied_cash_difference + line.unidentified_cash_difference
    assert line.difference == parts
    assert balance(measures, chart.RECEIVABLES) == e - f
