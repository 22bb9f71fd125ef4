"""Signs of life, metrics, and the pages about the interface, which need no internet."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest

from app.infra.http.openapi import operations
from app.infra.http.problem_pages import catalogue
from app.openapi import main as openapi_command
from app.organizations.rules import SCOPES
from tests.api.operations import document
from tests.api.test_organizations import _problem
from tests.conftest import RolledBackDatabase


@pytest.fixture
def anonymous(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """A client without a token."""
    client.headers.pop("Authorization")
    return client


async def test_liveness_and_readiness(anonymous: httpx.AsyncClient, database: RolledBackDatabase) -> None:
    assert (await anonymous.get("/livez")).json() == {"status": "alive"}
    await database.driver.execute(
        "INSERT INTO heartbeats (process, kind, seen_at) VALUES"
        " ('a', 'sweeper', clock_timestamp() - interval '90 seconds'), ('b', 'sweeper', clock_timestamp()),"
        " ('c', 'worker', clock_timestamp() - interval '1 hour')"
    )
    ready = await anonymous.get("/readyz")
    assert ready.status_code == 200, ready.text
    body = ready.json()
    assert body["status"] == "ready"
    assert body["heartbeats"]["sweeper"] < 60
    assert 3590 < body["heartbeats"]["worker"] < 3700


async def test_not_ready_before_the_migration(anonymous: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.infra.http.health.newest_revision", lambda: "20991231_0001_next")
    response = await anonymous.get("/readyz")
    assert "20991231_0001_next" in _problem(response, 503, "not_ready")["detail"]


async def test_not_ready_without_database(anonymous: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    async def down(*_: object) -> Any:
        raise ConnectionRefusedError

    monkeypatch.setattr("app.infra.http.health._ask", down)
    response = await anonymous.get("/readyz")
    _problem(response, 503, "not_ready")
    assert response.headers["retry-after"] == "1"
    assert (await anonymous.get("/livez")).status_code == 200


async def test_metrics_name_routes_not_ids(client: httpx.AsyncClient) -> None:
    secret = "01981d8e-6a00-7000-8000-00000000dead"
    await client.get(f"/v1/users/{secret}")
    text = (await client.get("/metrics")).text
    assert "duecourse_http_request_seconds_count" in text
    assert secret not in text


async def test_docs_pages_load_nothing_from_elsewhere(anonymous: httpx.AsyncClient) -> None:
    front = await anonymous.get("/")
    assert front.status_code in (302, 307)
    assert front.headers["location"].endswith("docs")
    assert '"validatorUrl": null' in (await anonymous.get("/docs")).text
    for page in ("/docs", "/redoc"):
        html = await anonymous.get(page)
        assert html.status_code == 200
        assert html.headers["content-type"].startswith("text/html")
        addresses = re.findall(r"""(?:src|href)=["']([^"']+)""", html.text)
        assert addresses
        for address in addresses:
            assert address.startswith("/"), address
            file = await anonymous.get(address)
            assert file.status_code == 200
            assert len(file.content) > 500
            assert "max-age" in file.headers["cache-control"]
            assert b"//cdn." not in file.content
        assert "/openapi.json" in html.text
        policy = html.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'")
        assert "http" not in policy, "nothing is asked of anybody else"
        assert not re.findall(r"https?://(?!redocly\.com)[a-z0-9.-]+", html.text)


async def test_the_served_document_is_the_committed_one(anonymous: httpx.AsyncClient) -> None:
    """The file was written by another process with another hash seed: the document does not depend on it."""
    first = await anonymous.get("/openapi.json")
    same = first.json() == document()  # not within the assertion: its difference would take minutes
    assert same, "openapi/openapi.json is out of date; run: make openapi"
    assert first.headers["content-encoding"] == "gzip"
    again = await anonymous.get("/openapi.json", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    plain = await anonymous.get("/openapi.json", headers={"Accept-Encoding": "identity"})
    assert json.loads(plain.content) == document()
    assert plain.headers["content-type"] == "application/json"


def test_the_document_describes_problems_scopes_and_nothing_of_the_framework() -> None:
    described = document()
    assert described["openapi"].startswith("3.1")
    schemas = described["components"]["schemas"]
    assert {"Problem", "ProblemField", "Currency", "Number"} <= set(schemas)
    assert not {"HTTPValidationError", "ValidationError"} & set(schemas)
    flow = described["components"]["securitySchemes"]["oauth2"]["flows"]["clientCredentials"]
    assert flow == {"tokenUrl": "/v1/oauth/token", "scopes": dict(SCOPES)}
    seen: set[str] = set()
    for operation in operations(described):
        name = operation["operationId"]
        assert name not in seen
        assert re.fullmatch(r"[a-z]+([A-Z][a-z0-9]+)+", name), name
        seen.add(name)
        assert operation["summary"]
        assert operation["tags"]
        for security in operation.get("security", []):
            assert set(security.get("oauth2", [])) <= set(SCOPES), name
        for status, response in operation["responses"].items():
            if "$ref" in response:
                response = described["components"]["responses"][response["$ref"].rpartition("/")[2]]
            if not status.startswith("2"):
                assert set(response["content"]) == {"application/problem+json"}, (name, status)
    text = json.dumps(described)
    for reference in set(re.findall(r'"\$ref": "([^"]+)"', text)):
        found: Any = described
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]
    for schema in schemas.values():
        jsonschema_rs.meta.validate({**schema, "$schema": "https://json-schema.org/draft/2020-12/schema"})


async def test_every_problem_leads_to_a_page_that_explains_it(client: httpx.AsyncClient) -> None:
    index = (await client.get("/problems")).text
    for path, headers in (
        ("/v1/nothing", {}),
        ("/v1/users?limit=0", {}),
        ("/v1/users/01981d8e-6a00-7000-8000-00000000dead", {}),
        ("/v1/me", {"Authorization": "Bearer x"}),
    ):
        problem = (await client.get(path, headers=headers)).json()
        page = await client.get(problem["type"])
        assert page.status_code == 200, problem
        assert page.headers["content-type"].startswith("text/html")
        assert problem["code"] in page.text
        assert f">{problem['code']}<" in index
        assert str(problem["status"]) in page.text
    _problem(await client.get("/problems/no.such.code"), 404, "http.not_found")


def test_every_refusal_has_a_code_of_its_own_and_says_what_it_means() -> None:
    meanings = catalogue()
    assert len(meanings) > 60
    for one in meanings.values():
        assert re.fullmatch(r"[a-z0-9_]+(\.[a-z0-9_]+)*", one.code), one
        assert len(one.text) > 15, one
        assert 400 <= one.status < 600


def test_the_command_writes_and_compares(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    made = json.dumps({"info": document()["info"]}, indent=2)
    monkeypatch.setattr("app.openapi.render", lambda: made)  # takes seconds, and is compared above
    monkeypatch.setattr("app.openapi.FILE", tmp_path / "deep" / "openapi.json")
    assert openapi_command(["--check"]) == 1
    assert "out of date" in capsys.readouterr().err
    assert openapi_command([]) == 0
    assert openapi_command(["--check"]) == 0
    file = tmp_path / "deep" / "openapi.json"
    file.write_text(file.read_text().replace("Duecourse", "Overdue"))
    assert openapi_command(["--check"]) == 1
    assert '-    "title": "Overdue"' in capsys.readouterr().err.replace(",", "")
