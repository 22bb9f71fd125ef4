"""Webhook endpoints over HTTP: the secret is shown once, inside addresses are refused, deliveries are seen."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from app.core.clock import utc_now
from app.core.ids import new_id
from app.infra.change_log import ChangeRow, record_change
from app.infra.jobs import owe
from app.infra.seal import seal
from app.integrations.webhooks.delivery import claim_batch, plan_deliveries
from tests.conftest import RolledBackDatabase
from tests.factories import Tenant

URL = "https://erp.example.com/hooks"


@pytest.fixture(autouse=True)
def _with_a_key(client: httpx.AsyncClient) -> None:
    settings: Any = client._transport.app.state.settings  # type: ignore[attr-defined]
    settings.token_secret = settings.token_secret or SecretStr("k" * 48)


async def make(client: httpx.AsyncClient, **more: Any) -> dict[str, Any]:
    answer = await client.post("/v1/webhook-endpoints", json={"url": URL, **more})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def test_the_secret_is_shown_once_and_never_in_a_replay(client: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": "hook-1"}
    first = await client.post("/v1/webhook-endpoints", json={"url": URL}, headers=headers)
    assert first.json()["secret"].startswith("whsec_")
    replay = await client.post("/v1/webhook-endpoints", json={"url": URL}, headers=headers)
    assert (replay.status_code, replay.json()["secret"]) == (201, None)
    assert replay.json()["id"] == first.json()["id"]
    shown = await client.get(first.headers["location"])
    assert "secret" not in shown.json()
    assert shown.json()["allowed_actions"] == ["edit", "rotate_secret", "test", "redeliver_failed"]


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({"url": "http://erp.example.com/"}, "outbound.target_refused", "/url"),
        ({"url": "https://169.254.169.254/latest/meta-data"}, "outbound.target_refused", "/url"),
        ({"url": "https://localhost/hook"}, "outbound.target_refused", "/url"),
        ({"url": URL, "event_types": ["Invoice issued"]}, "webhook_endpoint.event_types_invalid", "/event_types"),
        ({"event_types": []}, "request.invalid", "/url"),
    ],
)
async def test_refusals_name_the_field(
    client: httpx.AsyncClient, body: dict[str, Any], code: str, pointer: str
) -> None:
    answer = await client.post("/v1/webhook-endpoints", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, code), answer.text
    assert answer.json()["errors"][0]["pointer"] == pointer


async def test_changed_switched_off_and_rotated(client: httpx.AsyncClient) -> None:
    made = await make(client, event_types=["payment.*"])
    where = f"/v1/webhook-endpoints/{made['id']}"
    assert (await client.patch(where, json={"active": False})).status_code == 428
    off = await client.patch(where, json={"active": False, "description": "ERP"}, headers={"If-Match": '"1"'})
    assert (off.json()["state"], off.json()["description"]) == ("off", "ERP")
    assert (await client.patch(where, json={"url": URL}, headers={"If-Match": '"1"'})).status_code == 412
    refused = await client.post(f"{where}/test")
    assert (refused.status_code, refused.json()["code"]) == (409, "webhook_endpoint.not_active")
    on = await client.patch(where, json={"active": True}, headers={"If-Match": off.headers["etag"]})
    assert on.json()["state"] == "active"
    rotated = await client.post(f"{where}/rotate-secret", json={"overlap_hours": 1})
    assert rotated.json()["secret"] != made["secret"]
    assert rotated.json()["previous_secret_until"] is not None
    listed = (await client.get("/v1/webhook-endpoints", params={"state": "active"})).json()["data"]
    assert [row["id"] for row in listed] == [made["id"]]


async def test_deliveries_are_listed_and_made_again(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    made = await make(client, event_types=["invoice.*"])
    async with database.write(tenant.organization_id, tenant.actor) as session:
        record_change(session, ChangeRow("invoice", new_id(), "invoice.issued"))
        record_change(session, ChangeRow("payment", new_id(), "payment.recorded"))
    await seal(database, tenant.organization_id)
    async with database.write(tenant.organization_id, tenant.actor) as session:
        owe(session, "test", "nothing")
        await plan_deliveries(session, utc_now())
    query = {"endpoint_id": made["id"]}
    (row,) = (await client.get("/v1/webhook-deliveries", params=query)).json()["data"]
    assert (row["event_type"], row["state"], row["attempts"]) == ("invoice.issued", "planned", 0)
    where = f"/v1/webhook-deliveries/{row['id']}"
    again = await client.post(f"{where}/redeliver")
    assert (again.status_code, again.json()["code"]) == (409, "webhook_delivery.under_way")
    version = (await client.get(f"/v1/webhook-endpoints/{made['id']}")).headers["etag"]
    await client.patch(
        f"/v1/webhook-endpoints/{made['id']}", json={"active": False}, headers={"If-Match": version}
    )  # what waits is cancelled
    shown = (await client.get(where)).json()
    assert (shown["state"], shown["tries"], shown["allowed_actions"]) == ("cancelled", [], ["redeliver"])
    assert (await client.post(f"{where}/redeliver")).json()["code"] == "webhook_endpoint.not_active"
    version = (await client.get(f"/v1/webhook-endpoints/{made['id']}")).headers["etag"]
    await client.patch(f"/v1/webhook-endpoints/{made['id']}", json={"active": True}, headers={"If-Match": version})
    assert (await client.post(f"/v1/webhook-endpoints/{made['id']}/redeliver-failed")).json() == {"deliveries": 1}


async def test_a_secret_of_another_installation_disables_the_endpoint(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    made = await make(client)
    settings: Any = client._transport.app.state.settings  # type: ignore[attr-defined]
    other = settings.model_copy(
        update={"secrets_key": SecretStr("another key" * 4), "token_secret": SecretStr("a" * 43)}
    )
    async with database.write(tenant.organization_id, tenant.actor) as session:
        assert await claim_batch(session, other, made["id"], utc_now()) is None
    shown = (await client.get(f"/v1/webhook-endpoints/{made['id']}")).json()
    assert (shown["state"], "another key" in shown["disabled_reason"]) == ("disabled", True)
