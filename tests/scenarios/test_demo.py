"""The main job, small: a company and its statements come in by the public imports, cash is applied, the books hold."""

from __future__ import annotations

import re

import pytest

from tests.installation import installation

AUTOMATIC_SHARE_MINIMUM = 75.0  # percent of the payments of invoices; the full size reaches more, see the README
PRECISION_MINIMUM = 97.0


@pytest.mark.slow
def test_the_demo_company_is_loaded_matched_and_proved() -> None:
    with installation() as made:
        made.cli("migrate", DATABASE_URL=made.owner_url)
        made.start_service()
        made.wait_until_ready("worker", "sweeper")
        sizes = {"DUECOURSE_DEMO_ACCOUNTS": "40", "DUECOURSE_DEMO_INVOICES": "300", "DUECOURSE_DEMO_STATEMENTS": "60"}
        sizes["DUECOURSE_DEMO_FORECAST_SECONDS"] = "300"
        printed = made.run([made.python, "-m", "app.demo.load"], DUECOURSE_PORT=str(made.port), **sizes)
        sizes["DUECOURSE_DEMO_STATEMENTS"] = "6"
        sizes["DUECOURSE_DEMO_FORECAST_SECONDS"] = "0"
        again = made.run([made.python, "-m", "app.demo.load"], DUECOURSE_PORT=str(made.port), **sizes)
    assert "proof: holds, difference 0" in printed, printed
    assert "expected collections in EUR" in printed, printed
    assert _percent(printed, "payments of invoices") >= AUTOMATIC_SHARE_MINIMUM, printed
    assert _percent(printed, "right among automatic") >= PRECISION_MINIMUM, printed
    # Loaded once more, nothing is new: the same receipts, the same figures.
    assert _row(again, "receipts, all") == _row(printed, "receipts, all")
    assert "proof: holds, difference 0" in again


def _row(printed: str, name: str) -> list[str]:
    line = next(line for line in printed.splitlines() if line.startswith(f"│ {name}"))
    return [cell.strip() for cell in line.strip("│").split("│")]


def _percent(printed: str, name: str) -> float:
    found = re.fullmatch(r"([0-9.]+) %", _row(printed, name)[3])
    assert found is not None, printed
    return float(found.group(1))
