"""Every value of every listed choice of a query is served: groupings, kinds, statuses, formats, currencies."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from app.reports.catalogue import REPORTS
from app.reports.parameters import check_group, check_names
from app.reports.portfolio.rules import ReportOptionInvalid
from tests.api.operations import Operation, example, operations, resolve

CHOICES_MAX = 20
REFUSED = {
    "listForecastWeeks": "forecast_run.not_found",
    "listForecastInvoices": "forecast_run.not_found",
}
"""Operations that need a run first; the refusal says so."""


def _choices() -> Iterator[tuple[Operation, str, list[dict[str, str]]]]:
    """Each listed choice of a query: its operation, its name, and a query for each of its values."""
    for operation in operations():
        parameters = [found for found in operation.facts.get("parameters", ()) if found["in"] == "query"]
        required = {one["name"]: str(example(one["schema"], one["name"])) for one in parameters if one.get("required")}
        for one in parameters if operation.method == "GET" and operation.guarded else ():
            values = resolve(one["schema"]).get("enum", ())[:CHOICES_MAX]
            if values:
                yield operation, one["name"], [{**required, one["name"]: str(value)} for value in values]


CHOICES = list(_choices())


def means_nothing(operation: Operation, query: dict[str, str]) -> bool:
    """Whether a report has no use for a condition, or does not make a group: then it is refused by name."""
    definition = REPORTS.get(operation.path.removeprefix("/v1/reports/"))
    if definition is None:
        return False
    try:
        check_names(definition, frozenset(query))
        check_group(definition, query.get("group_by", definition.groups[0]))
    except ReportOptionInvalid:
        return True
    return False


@pytest.mark.parametrize(
    ("operation", "queries"),
    [(operation, queries) for operation, _, queries in CHOICES],
    ids=[f"{operation.name}-{name}" for operation, name, _ in CHOICES],
)
async def test_every_choice_of_a_query_is_served(
    client: httpx.AsyncClient, operation: Operation, queries: list[dict[str, str]]
) -> None:
    for query in queries:
        response = await client.get(operation.address(), params=query)
        told = f"{query}: {response.text}"
        assert response.status_code < 500, told
        if means_nothing(operation, query):
            assert (response.status_code, response.json()["code"]) == (422, "report.option_invalid"), told
        elif operation.name in REFUSED and response.status_code != 200:
            assert response.json()["code"] == REFUSED[operation.name], told
        elif not operation.path_parameters:
            assert response.status_code == 200, told
