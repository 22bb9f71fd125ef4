import csv
import json
from pathlib import Path

import pytest

from app.cash_application import benchmark
from app.cash_application.benchmark_data import Labelled, read_folder, read_ledger
from app.cash_application.matching.engine import match

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"
KEYS = {
    "payments",
    "fully_right",
    "wrong",
    "abstained",
    "precision_automatic",
    "coverage_automatic",
    "seconds_per_payment",
}


def write(path: Path, rows: list[dict[str, object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    invoices = [
        {
            "invoice_id": number,
            "Billing Number": f"48{number * 1_117:06d}",
            "Assignment Number": f"INV10000{number:05d}",
            "Document Number": f"19{number:08d}",
            "Customer ID": f"C{number % 3}",
            "Customer Name": f"Company {'ABC'[number % 3]} Ltd",
            "Currency Code": "USD",
            "Amount": f"{1000 + 37.5 * number:.2f}",
            "Document Date": "20240110",
            "Due Date": "20240210",
        }
        for number in range(1, 31)
    ]

    def paid(number: int, amount: float, text: str) -> dict[str, object]:
        return {
            "payment_id": number,
            "Business Partner": "Company B Ltd",
            "Account Number": "X1",
            "Memo Line": text,
            "Amount": repr(amount),
            "Currency": "USD",
            "Posting Date": "20240205",
        }

    payments = [
        paid(0, 1037.5000000000002, f"no {invoices[0]['Billing Number']}"),
        paid(1, 1150.0 + 1262.5, f"{invoices[3]['Assignment Number']} + {invoices[6]['Assignment Number']}"),
        paid(2, 17.11, "nothing"),
    ]
    matches = [
        {"match_id": 0, "match_category": "one_pay_one_inv", "invoice_ids": "[1]", "payment_ids": "[0]"},
        {"match_id": 1, "match_category": "one_pay_multi_inv", "invoice_ids": "[4, 7]", "payment_ids": "[1]"},
    ]
    for name, rows in (("invoices", invoices), ("payments", payments), ("matches", matches)):
        write(tmp_path / f"{name}.csv", rows)
    return tmp_path


def test_a_folder_is_read_at_the_precision_of_its_invoices(folder: Path) -> None:
    labelled = read_folder(folder)
    assert labelled.payments[0].amount_minor == 103_750
    assert labelled.truth["1"] == {"4", "7"}
    assert len(labelled.accounts) == 3


def test_the_json_has_exactly_the_agreed_keys(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert benchmark.main([str(folder), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert set(figures) == KEYS
    assert (figures["payments"], figures["fully_right"], figures["wrong"]) == (3, 1.0, 0.0)
    assert figures["coverage_automatic"] == pytest.approx(2 / 3, abs=1e-6)


def test_the_tables_are_printed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert benchmark.main([str(folder)]) == 0
    printed = capsys.readouterr().out
    assert "by category" in printed
    assert "one_pay_multi_inv" in printed
    assert "surest share" in printed


def test_a_path_without_data_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert benchmark.main([str(tmp_path)]) == 2
    assert "no labelled data" in capsys.readouterr().err


def test_a_ledger_knows_what_was_truly_open(tmp_path: Path) -> None:
    rows = [
        {
            "invoice": "1",
            "cust": "a",
            "issue": "2024-01-01",
            "due": "2024-01-31",
            "paid": "2024-02-01",
            "amount": "10.00",
        },
        {
            "invoice": "2",
            "cust": "a",
            "issue": "2024-01-05",
            "due": "2024-02-04",
            "paid": "2024-02-01",
            "amount": "20.50",
        },
        {"invoice": "3", "cust": "a", "issue": "2024-01-05", "due": "2024-02-04", "paid": "", "amount": "7.00"},
        {
            "invoice": "4",
            "cust": "a",
            "issue": "2024-02-02",
            "due": "2024-03-02",
            "paid": "2024-03-01",
            "amount": "9.99",
        },
    ]
    write(tmp_path / "ledger.csv", rows)
    first, second = read_ledger(tmp_path / "ledger.csv")
    assert first.payments[0].amount_minor == 3_050
    assert {item.id for item in first.items} == {"1", "2", "3"}
    assert {item.id for item in second.items} == {"3", "4"}


def test_fitting_prints_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert benchmark.main(["fit", "--misleading", "1"]) == 0
    namespace: dict[str, object] = {}
    exec(capsys.readouterr().out, namespace)
    assert set(namespace["SHIPPED_POINTS"]) == {"doubtful", "item", "named", "set"}  # type: ignore[call-overload]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "right", "precision", "coverage"), [("refs_single", 0.96, 0.998, 0.93), ("refs_multi", 0.93, 0.997, 0.88)]
)
def test_shared_data_reach_the_measures(name: str, right: float, precision: float, coverage: float) -> None:
    """A sixth of the customers, with all that is theirs; the whole is measured by the benchmark command."""
    folder = SHARED / "matching" / name
    if not folder.is_dir():
        pytest.skip("the shared development data is not beside the repository")
    whole = read_folder(folder)
    some = {found.id for found in whole.accounts if sum(map(ord, found.id)) % 6 == 0}
    items = [each for each in whole.items if each.account_id in some]
    ids = {each.id for each in items}
    payments = [facts for facts in whole.payments if whole.truth[facts.id] <= ids]
    part = Labelled(payments, items, whole.accounts, whole.truth, whole.categories)
    proposals = match(payments, items, whole.accounts, settings=benchmark.FOLDER_SETTINGS)
    figures = benchmark.Report(list(benchmark.score(part, proposals))).as_json()
    assert figures["payments"] > 500
    assert figures["fully_right"] >= right
    assert figures["precision_automatic"] >= precision
    assert figures["coverage_automatic"] >= coverage
