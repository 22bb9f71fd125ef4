"""A report answers what it is asked, or refuses by name what it has no use for."""

from __future__ import annotations

import httpx
import pytest

from app.reports.catalogue import REPORTS
from app.reports.parameters import TAKES, WHY_NOT
from app.reports.rules import GROUPS
from tests.factories import Tenant


def test_the_list_is_that_of_the_catalogue() -> None:
    assert set(TAKES) == set(REPORTS)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("portfolio-status?group_by=segment", "group_by"),
        ("collector-performance?top=5", "top"),
        ("credit-limits?group_by=country", "group_by"),
        ("credit-limits?in_currency=EUR", "in_currency"),
        ("credit-holds?known_at=2026-01-01T00:00:00Z", "known_at"),
        ("provision-matrix?months=3", "months"),
        ("aging-detail?credits=netted", "credits"),
        ("aging?top=5", "top"),
        ("disputes?months=3", "months"),
        ("promises?months=3", "months"),
        ("cash-application?top=5", "top"),
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
    report = address.partition("?")[0]
    if report in WHY_NOT and name in ("group_by", "in_currency", "known_at"):
        assert WHY_NOT[report] in refused.json()["detail"]


def test_every_report_is_by_every_group_or_says_why() -> None:
    common = {"known_at", "in_currency", "legal_entity_id", "account_id", "currency"}
    for name, definition in REPORTS.items():
        whole = set(GROUPS) <= set(definition.groups) and common <= TAKES[name]
        assert whole == (name not in WHY_NOT), name


GROUPED = ("collector-performance", "dunning-effect", "provision-matrix", "disputes", "promises", "cash-application")


@pytest.mark.parametrize("name", GROUPED)
async def test_these_are_made_by_every_group(client: httpx.AsyncClient, tenant: Tenant, name: str) -> None:
    for group_by in GROUPS:
        asked = {"group_by": group_by, "known_at": "2026-01-01T00:00:00Z", "as_of": "2025-12-31", "in_currency": "EUR"}
        found = await client.get(f"/v1/reports/{name}", params=asked)
        assert found.status_code == 200, f"{group_by}: {found.text}"
        assert group_by in REPORTS[name].groups


@pytest.mark.parametrize(
    ("report", "parameters", "name"),
    [("credit-limits", {"top": "5"}, "top"), ("credit-holds", {"group_by": "country"}, "group_by")],
)
async def test_so_does_a_run(
    client: httpx.AsyncClient, tenant: Tenant, report: str, parameters: dict[str, str], name: str
) -> None:
    body = {"report": report, "format": "csv", "parameters": parameters}
    refused = await client.post("/v1/reports/runs", json=body)
    assert refused.status_code == 422, refused.text
    assert refused.json()["errors"][0]["pointer"] == f"/parameters/{name}"
