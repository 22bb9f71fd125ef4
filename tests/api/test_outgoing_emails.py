"""The outbox over HTTP: what a person sees and decides."""

from __future__ import annotations

import httpx

from app.core.clock import utc_now
from app.core.ids import new_id
from app.infra.mail import outbox
from tests.conftest import RolledBackDatabase
from tests.factories import Tenant


async def test_an_unknown_outcome_is_shown_and_decided_by_a_person(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    subject_id = new_id()
    async with database.write(tenant.organization_id, tenant.actor) as session:
        email_id = await outbox.queue_email(
            session, recipient="ap@brandt.example", subject="Reminder", text="Please pay.", purpose="dunning",
            subject_kind="notice", subject_id=subject_id,
        )  # fmt: skip
        claimed = await outbox.claim_email(session, email_id, utc_now())
        assert claimed is not None
        await outbox.record_outcome(session, claimed, "unknown", "lost", utc_now())
    (shown,) = (await client.get("/v1/outgoing-emails", params={"state": "unknown"})).json()["data"]
    assert (shown["id"], shown["error"]) == (str(email_id), "lost")
    assert shown["allowed_actions"] == ["mark_sent", "mark_failed", "send_again"]
    where = f"/v1/outgoing-emails/{email_id}"
    assert (await client.get(where)).headers["etag"] == f'"{shown["version"]}"'
    stale = await client.post(f"{where}/decide", json={"decision": "mark_sent"}, headers={"If-Match": '"1"'})
    assert stale.status_code == 412
    again = await client.post(f"{where}/decide", json={"decision": "send_again", "reason": "they never got it"})
    assert (again.json()["state"], again.json()["attempts"]) == ("planned", 0)
    refused = await client.post(f"{where}/decide", json={"decision": "mark_sent"})
    assert (refused.status_code, refused.json()["code"]) == (409, "mail.not_decidable")
    query = {"subject_kind": "notice", "subject_id": str(subject_id)}
    assert len((await client.get("/v1/outgoing-emails", params=query)).json()["data"]) == 1
