"""A report answers what it is asked, or refuses by name what it has no use for."""

from __future__ import annotations

import httpx
import pytest

from app.reports.catalogue import REPORTS
from app.reports.parameters import TAKES
from tests.factories import Tenant


def test_the_list_is_that_of_the_catalogue() -> None:
    assert set(TAKES) == set(REPORTS)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("collector-performance?group_by=segment", "group_by"),
        ("collector-performance?top=5", "top"),
        ("credit-limits?group_by=country", "group_by"),
        ("credit-limits?in_currency=EUR", "in_currency"),
        ("credit-holds?known_at=2026-01-01T00:00:00Z", "known_at"),
        ("provision-matrix?account_id=01890000-0000-7000-8000-000000000000", "account_id"),
        ("top-balances?group_by=country", "group_by"),
        ("aging-detail?in_currency=EUR", "in_currency"),
        ("aging?top=5", "top"),
        ("disputes?known_at=2026-01-01T00:00:00Z", "known_at"),
        ("promises?months=3", "months"),
        ("cash-application?group_by=account", "group_by"),
        ("dso?cohort_days=3", "cohort_days"),
    ],
)
async def test_what_has_no_meaning_is_refused_by_name(
    client: httpx.AsyncClient, tenant: Tenant, address: str, name: str
) -> None:
    refused = await client.get(f"/v1/reports/{address}")
    assert (refused.status_code, refused.json()["code"]) == (422, "report.option_invalid"), refused.text
    (error,) = refused.json()["errors"]
    assert error["pointer"] == f"/query/{name}"


@pytest.mark.parametrize(
    ("report", "parameters", "name"),
    [("credit-limits", {"top": "5"}, "top"), ("collector-performance", {"group_by": "country"}, "group_by")],
)
async def test_so_does_a_run(
    client: httpx.AsyncClient, tenant: Tenant, report: str, parameters: dict[str, str], name: str
) -> None:
    body = {"report": report, "format": "csv", "parameters": parameters}
    refused = await client.post("/v1/reports/runs", json=body)
    assert refused.status_code == 422, refused.text
    assert refused.json()["errors"][0]["pointer"] == f"/parameters/{name}"
