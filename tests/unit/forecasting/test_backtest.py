"""The backtest on files: what is refused, that nothing leaks, and the measures on the development data."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from app.cli import app
from app.forecasting.backtest import NothingToScore, Plan, run, size_segments
from app.forecasting.backtest_ledger import LedgerUnreadable, read_ledger
from app.forecasting.model.interface import date_of, day_of
from tests.unit.forecasting.synthetic import made_ledger

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data" / "invoices"
HEADER = "invoice,cust,issue,due,paid,amount\n"
KEYS = {
    "mae_days",
    "mae_days_customer_median",
    "mae_days_due_date",
    "coverage_invoice",
    "coverage_week",
    "error_4_weeks",
    "error_4_weeks_mean13",
    "pr_auc_late_60_over_base",
    "width_invoice_days",
    "width_week_relative",
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    ledger = made_ledger(accounts=8, weeks=30)
    target = tmp_path / "ledger.csv"
    with target.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER.strip().split(","))
        for row in range(len(ledger)):
            amount = f"{ledger.amount_minor[row] // 100}.{ledger.amount_minor[row] % 100:02d}"
            days = [date_of(int(column[row])) for column in (ledger.issued, ledger.due, ledger.paid)]
            writer.writerow([f"I{row}", ledger.accounts[ledger.account[row]], *days, amount])
    return target


def test_the_command_prints_all_figures(path: Path) -> None:
    answer = CliRunner().invoke(app, ["backtest", str(path), "--json"])
    assert answer.exit_code == 0, answer.output
    figures = json.loads(answer.stdout)
    assert set(figures) >= KEYS
    assert figures["mae_days"] < figures["mae_days_due_date"]
    assert figures["invoices"] > 100
    assert figures["cells_week"] > 200


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("invoice,cust,issue,due,amount\n", "no column paid"),
        (HEADER, "no invoice above zero"),
        (HEADER + "I1,A,2025-01-32,2025-02-01,,5\n", "line 2: issue '2025-01-32' is not a date"),
        (HEADER + "I1,A,2025-01-02,2025-02-01,,five\n", "line 2: amount 'five' is not a number"),
        (HEADER + "I1,,2025-01-02,2025-02-01,,5\n", "line 2: cust is empty"),
        (HEADER + "I1,A,,2025-02-01,,5\n", "line 2: issue is empty"),
        (HEADER + "I1,A,1025-01-02,1025-02-01,,5\nI2,A,2025-01-02,2025-02-01,,5\n", "a date is wrong"),
        (HEADER + "I1,A,2025-01-02,,,5\n", "line 2: due is empty"),
        (HEADER + "I1,A,2025-01-02,2025-02-01,,1,250.00\n", "line 2: more values than columns"),
        (HEADER + "I1,A,2025-01-02,2025-02-01,,1e30\n", "line 2: amount '1e30' is not a number"),
        (HEADER + "I1,A,2025-01-02,2025-02-01,02.03.2025,5\n", "line 2: paid '02.03.2025' is not a date"),
        (HEADER.replace(",", ";") + "I1;A;2025-01-02;2025-02-01;;5\n", "no column invoice"),
        ("", "no column invoice"),
    ],
)
def test_what_is_no_ledger_is_refused_clearly(tmp_path: Path, text: str, says: str) -> None:
    target = tmp_path / "ledger.csv"
    target.write_text(text)
    with pytest.raises(LedgerUnreadable, match=says):
        read_ledger(target)
    answer = CliRunner().invoke(app, ["backtest", str(target)])
    assert answer.exit_code == 1
    assert says in answer.stderr.replace("\n", " ")


def test_credits_and_early_payments_are_counted(tmp_path: Path) -> None:
    target = tmp_path / "ledger.csv"
    target.write_text(HEADER + "I1,A,2025-01-02,2025-02-01,2025-01-01,5.005\nC1,A,2025-01-02,2025-02-01,,-5\n")
    read = read_ledger(target)
    assert (read.skipped_credits, read.moved_to_issue) == (1, 1)
    assert read.ledger.amount_minor.tolist() == [500]
    assert read.ledger.paid.tolist() == read.ledger.issued.tolist()


def test_repeated_rows_count_once_and_parts_of_an_invoice_each(tmp_path: Path) -> None:
    target = tmp_path / "ledger.csv"
    row = "I1,A,2025-01-02,2025-02-01,,5\n"
    target.write_text(HEADER + row + row + "I1,A,2025-01-02,2025-03-01,,5\n" + ",A,2025-01-02,2025-02-01,,5\n" * 2)
    read = read_ledger(target)
    assert (len(read.ledger), read.repeated) == (4, 1)


def test_currencies_are_brought_to_one_scale(tmp_path: Path) -> None:
    target = tmp_path / "ledger.csv"
    rows = ("I1,A,2025-01-02,2025-02-01,,100,EUR", "I2,A,2025-01-02,2025-02-01,,300,EUR",
            "I3,B,2025-01-02,2025-02-01,,5000,JPY")  # fmt: skip
    target.write_text(HEADER.strip() + ",currency\n" + "\n".join(rows) + "\n")
    read = read_ledger(target)
    assert read.currencies == ("EUR", "JPY")
    assert read.ledger.currencies == ("EUR",)
    assert read.ledger.amount_minor.tolist() == [100_00, 300_00, 200_00]


def test_nothing_that_was_paid_is_refused(tmp_path: Path) -> None:
    target = tmp_path / "ledger.csv"
    target.write_text(HEADER + "".join(f"I{n},A,2025-01-{n + 1:02d},2025-02-01,,5\n" for n in range(25)))
    with pytest.raises(NothingToScore, match="nothing can be scored"):
        run(target, None)
    with pytest.raises(NothingToScore, match="before the first day"):
        run(target, date(2026, 1, 1))


@pytest.mark.parametrize("rows", [1, 5, 50])
@pytest.mark.parametrize("same_day", [True, False])
def test_tiny_ledgers_are_scored(tmp_path: Path, rows: int, same_day: bool) -> None:
    target = tmp_path / "ledger.csv"
    lines = []
    for n in range(rows):
        day = date_of(day_of(date(2025, 1, 1)) + (0 if same_day else 3 * n))
        lines.append(f"I{n},A,{day},{day},{date_of(day_of(day) + 9)},10\n")
    target.write_text(HEADER + "".join(lines))
    figures = run(target, date(2025, 1, 1))
    assert figures["invoices"] == rows
    assert json.loads(json.dumps(figures)) == figures


def test_origins_end_a_week_before_the_ledger_does(path: Path) -> None:
    read = read_ledger(path)
    plan = Plan.of(read.ledger, read.until, None)
    assert plan.origins[0] == plan.first - 1
    billed = int(read.ledger.issued.max())
    assert plan.origins[-1] + 7 <= billed < plan.origins[-1] + 14
    assert set(plan.fits) <= set(plan.origins)
    assert plan.fit_of(plan.origins[5]) <= plan.origins[5]


def test_classes_of_size_know_only_the_past() -> None:
    ledger = made_ledger()
    cutoff = int(ledger.issued.min()) + 70
    amount = np.where(ledger.issued > cutoff, ledger.amount_minor * 1_000, ledger.amount_minor)
    changed = replace(ledger, amount_minor=amount)
    assert np.array_equal(size_segments(ledger, cutoff), size_segments(changed, cutoff))


@pytest.mark.slow
@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared development data is not beside the repository")
def test_a_simulated_ledger_is_measured() -> None:
    figures = run(SHARED / "ledger_b.csv", date(2013, 7, 1), origins_max=1)
    assert figures["mae_days"] < 0.9 * figures["mae_days_due_date"]
    assert 0.7 < figures["coverage_invoice"] < 0.9
    assert figures["width_invoice_days"] < figures["width_invoice_days_own_history_same_coverage"]
