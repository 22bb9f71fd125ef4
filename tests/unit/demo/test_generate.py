"""The whole generator: the same arguments give the same bytes, sizes follow the arguments, edges hold."""

import hashlib
import json
import os
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest

from app.demo.generator.generate import DemoManifest, first_day, generate, manifest_json
from app.demo.generator.truth import read_truth
from tests.unit.demo.reading import read_statements


def digest(folder: Path) -> str:
    """One hash over names and contents of all files."""
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            total.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return total.hexdigest()


def test_the_same_seed_gives_the_same_bytes_in_another_process(tmp_path: Path) -> None:
    generate(tmp_path / "here", seed=5, accounts=40, invoices=300)
    environment = {**os.environ, "PYTHONHASHSEED": "12345"}
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-m", "app.demo.generator", str(tmp_path / "there"), "--seed", "5", "--accounts", "40",
         "--invoices", "300"],
        env=environment, cwd=root, timeout=60, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert digest(tmp_path / "here") == digest(tmp_path / "there")
    assert "40 accounts" in done.stdout


def test_another_seed_gives_another_company(tmp_path: Path) -> None:
    first = generate(tmp_path / "a", seed=1, accounts=20, invoices=60)
    second = generate(tmp_path / "b", seed=2, accounts=20, invoices=60)
    assert first.accounts_file.read_bytes() != second.accounts_file.read_bytes()


def test_sizes_follow_the_arguments(tmp_path: Path, demo: DemoManifest) -> None:
    small = generate(tmp_path, seed=11, accounts=50, invoices=400)
    assert (small.accounts, small.documents["invoice"]) == (50, 400)
    assert (demo.accounts, demo.documents["invoice"]) == (220, 2500)
    assert len(small.statements) == len(demo.statements)
    assert small.receipts * 3 < demo.receipts


@pytest.mark.parametrize(("accounts", "invoices"), [(1, 0), (1, 1), (3, 5), (17, 0)])
def test_the_smallest_companies_hold_together(tmp_path: Path, accounts: int, invoices: int) -> None:
    manifest = generate(tmp_path, accounts=accounts, invoices=invoices)
    assert manifest.documents.get("invoice", 0) == invoices
    for statement in read_statements(manifest):
        assert statement.opening + statement.entry_total == statement.closing
    assert len(read_truth(manifest.truth_file)) == manifest.transactions


@pytest.mark.parametrize(("accounts", "invoices"), [(0, 10), (-1, 0), (5, -1)])
def test_impossible_sizes_are_refused(tmp_path: Path, accounts: int, invoices: int) -> None:
    with pytest.raises(ValueError, match="at least one account"):
        generate(tmp_path / "none", accounts=accounts, invoices=invoices)
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("until", "since"),
    [
        (date(2025, 12, 31), date(2024, 1, 1)),
        (date(2024, 2, 29), date(2022, 3, 1)),
        (date(2026, 2, 28), date(2024, 2, 29)),
    ],
)
def test_the_time_is_two_years_that_end_on_the_last_day(until: date, since: date) -> None:
    assert first_day(until) == since


def test_the_last_day_is_the_callers(tmp_path: Path) -> None:
    until = date(2024, 2, 29)
    manifest = generate(tmp_path, accounts=10, invoices=80, until=until)
    values = [true.value_date for true in read_truth(manifest.truth_file).values()]
    assert max(values) <= until.isoformat()
    assert max(values) > (until - timedelta(days=20)).isoformat()


def test_the_manifest_file_says_what_the_manifest_says(demo: DemoManifest) -> None:
    written = json.loads((demo.folder / "manifest.json").read_text(encoding="utf-8"))
    assert written == json.loads(json.dumps(manifest_json(demo)))
    assert all((demo.folder / path).is_file() for path in written["statements"])
