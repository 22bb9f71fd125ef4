"""The review queue over HTTP: order, filters and counts; every decision about a proposal, and its undo."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.cash_application import (
    IBAN,
    add_customer,
    catch_up,
    match,
    open_minor,
    owed,
    payment_of,
    proposal_of,
    proposals_of,
    receipt,
)
from tests.conftest import RolledBackDatabase, StaticAuthenticator
from tests.factories import ALL_SCOPES, Tenant

QUEUE = "/v1/cash-application"


@dataclass(frozen=True)
class Desk:
    """A customer Hansen with two invoices, and a receipt that is proposed for the first by name and amount."""

    client: httpx.AsyncClient
    database: RolledBackDatabase
    tenant: Tenant
    hansen: UUID
    first: UUID
    second: UUID
    payment: UUID
    proposal: UUID

    async def post(self, action: str, proposal: UUID | None = None, **body: Any) -> httpx.Response:
        return await self.client.post(f"{QUEUE}/proposals/{proposal or self.proposal}/{action}", json=body)

    async def open_of(self, instalment: UUID) -> int:
        return await open_minor(self.database, self.tenant, instalment)

    async def paid(self) -> Any:
        return await payment_of(self.database, self.tenant, self.payment)

    async def lessons(self, **wanted: str) -> list[dict[str, Any]]:
        found = await self.client.get(f"{QUEUE}/lessons", params=wanted)
        assert found.status_code == 200, found.text
        return list(found.json()["data"])


@pytest.fixture
async def desk(client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant) -> Desk:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        hansen = await add_customer(session, "C-2", "Hansen Logistik GmbH")
        first = await owed(session, tenant, "RE-1000002", 100_00, hansen)
        second = await owed(session, tenant, "RE-1000777", 250_00, hansen)
        payment = await receipt(session, tenant, 100_00, payer_name="Hansen Logistik GmbH", payer_bank_identifier=IBAN)
    await match(database, tenant)
    proposal = await proposal_of(database, tenant, payment)
    return Desk(client, database, tenant, hansen, first, second, payment, proposal)


async def test_a_proposal_shows_the_payment_the_documents_and_what_may_be_done(desk: Desk) -> None:
    found = (await desk.client.get(f"{QUEUE}/proposals/{desk.proposal}")).json()
    assert (found["state"], found["kind"], found["band"]) == ("open", "settlement", "proposed")
    assert found["lines"][0]["number"] == "RE-1000002"
    assert found["payment"]["payer_name"] == "Hansen Logistik GmbH"
    assert found["payment"]["unapplied_amount"] == "100.00"
    assert found["reasons"][0]["code"].startswith("strategy.")
    assert found["scores"]["amount"] > 0.5
    assert found["allowed_actions"] == ["accept", "correct", "split", "put_on_account", "reject", "hold"]


async def test_an_alternative_names_its_documents_too(desk: Desk) -> None:
    async with desk.database.write(desk.tenant.organization_id, desk.tenant.actor) as session:
        for number in ("RE-1000801", "RE-1000955"):
            await owed(session, desk.tenant, number, 333_00, desk.hansen)
        tied = await receipt(session, desk.tenant, 333_00, payer_name="Hansen Logistik GmbH")
    await match(desk.database, desk.tenant)
    proposal = await proposal_of(desk.database, desk.tenant, tied)
    found = (await desk.client.get(f"{QUEUE}/proposals/{proposal}")).json()
    named = {number for other in found["alternatives"] for number in other["numbers"]}
    assert {"RE-1000801", "RE-1000955"} & named
    assert "" not in named


async def test_the_actions_follow_the_scopes(desk: Desk, authenticator: StaticAuthenticator) -> None:
    for held, allowed in (
        (ALL_SCOPES - {"cash-application:write"}, []),
        (ALL_SCOPES - {"payments:write"}, ["reject", "hold"]),
    ):
        token = authenticator.grant(desk.tenant, *held)
        headers = {"Authorization": f"Bearer {token}"}
        found = await desk.client.get(f"{QUEUE}/proposals/{desk.proposal}", headers=headers)
        assert found.json()["allowed_actions"] == allowed


async def test_the_queue_is_ordered_by_value_filtered_and_counted(desk: Desk) -> None:
    async with desk.database.write(desk.tenant.organization_id, desk.tenant.actor) as session:
        small = await receipt(session, desk.tenant, 12_34, payer_name="Nobody")
        large = await receipt(session, desk.tenant, 9_000_00, payer_name="Nobody", on=date(2026, 4, 20))
    await match(desk.database, desk.tenant)

    async def payments(**wanted: str) -> list[str]:
        found = await desk.client.get(f"{QUEUE}/proposals", params={"state": "open", **wanted})
        assert found.status_code == 200, found.text
        return [row["payment_id"] for row in found.json()["data"]]

    assert await payments() == [str(large), str(desk.payment), str(small)]
    assert await payments(sort="value") == [str(small), str(desk.payment), str(large)]
    assert await payments(band="proposed") == [str(desk.payment)]
    assert await payments(account_id=str(desk.hansen)) == [str(desk.payment)]
    assert await payments(min_amount="50.00", max_amount="100.00") == [str(desk.payment)]
    assert await payments(value_from="2026-04-10") == [str(large)]
    assert await payments(value_to="2026-04-10", strategy="none") == [str(small)]
    assert await payments(legal_entity_id=str(desk.tenant.legal_entity_id), currency="USD") == []
    for sort in ("confidence", "value_date", "created", "recorded_at"):
        page = (await desk.client.get(f"{QUEUE}/proposals", params={"sort": sort, "limit": "1"})).json()
        rest = await desk.client.get(f"{QUEUE}/proposals", params={"sort": sort, "cursor": page["next_cursor"]})
        assert rest.status_code == 200, rest.text
        assert len(rest.json()["data"]) == 2
    counts = (await desk.client.get(f"{QUEUE}/counts")).json()
    assert (counts["open"], counts["proposed"], counts["without_answer"], counts["held"]) == (3, 1, 2, 0)
    assert {row["band"]: row["amount"] for row in counts["by"]} == {"proposed": "100.00", "none": "9012.34"}


async def test_what_is_accepted_is_applied_and_taught_and_the_undo_takes_all_of_it_back(desk: Desk) -> None:
    accepted = await desk.post("accept")
    assert accepted.status_code == 200, accepted.text
    assert (accepted.json()["state"], accepted.json()["decided_by"]) == ("accepted", "Ada Tester")
    assert accepted.json()["allowed_actions"] == ["correct", "split", "undo"]
    assert await desk.open_of(desk.first) == 0
    taught = await desk.lessons(state="active")
    assert {(row["kind"], row["value"]) for row in taught} == {
        ("bank_identifier", IBAN), ("payer_name", "Hansen Logistik GmbH")
    }  # fmt: skip
    assert {row["origin"] for row in taught} == {"accepted"}
    assert {row["taught_by"] for row in taught} == {"Ada Tester"}
    assert {row["proposal_id"] for row in taught} == {str(desk.proposal)}
    assert all(row["in_use"] and row["confirmations"] == 1 for row in taught)

    undone = await desk.post("undo", reason="the wrong customer")
    assert undone.status_code == 200, undone.text
    assert (undone.json()["state"], undone.json()["decided_by"]) == ("open", None)
    assert await desk.open_of(desk.first) == 100_00
    paid = await desk.paid()
    assert (paid["status"], paid["account_id"], paid["matching_state"]) == ("unidentified", None, "held")
    assert await desk.lessons(state="active") == []
    assert {row["reason"] for row in await desk.lessons(state="withdrawn")} == {"the wrong customer"}
    assert not any(row["in_use"] for row in await desk.lessons())
    again = await desk.post("accept")
    assert again.status_code == 200, again.text
    assert {row["state"] for row in await desk.lessons()} == {"withdrawn", "active"}


async def test_two_decisions_about_one_proposal(desk: Desk) -> None:
    seen = (await desk.client.get(f"{QUEUE}/proposals/{desk.proposal}")).headers["ETag"]
    address = f"{QUEUE}/proposals/{desk.proposal}"
    assert (await desk.client.post(f"{address}/accept", json={}, headers={"If-Match": seen})).status_code == 200
    late = await desk.client.post(f"{address}/accept", json={}, headers={"If-Match": seen})
    assert (late.status_code, late.json()["code"]) == (412, "stale_version")
    blind = await desk.post("accept")
    assert (blind.status_code, blind.json()["code"]) == (409, "proposal.decided")


async def test_a_repeated_request_with_its_key_decides_once(desk: Desk) -> None:
    address, key = f"{QUEUE}/proposals/{desk.proposal}/accept", {"Idempotency-Key": "accept-1"}
    one = await desk.client.post(address, json={}, headers=key)
    other = await desk.client.post(address, json={}, headers=key)
    assert (one.status_code, other.status_code) == (200, 200)
    assert other.headers["Idempotency-Replayed"] == "true"
    assert other.json() == one.json()


async def test_a_correction_applies_what_the_person_says(desk: Desk) -> None:
    lines = [{"instalment_id": str(desk.second), "amount": "90.00"}]
    corrected = await desk.post("correct", currency="EUR", lines=lines)
    assert corrected.status_code == 200, corrected.text
    assert corrected.json()["state"] == "corrected"
    assert (await desk.open_of(desk.first), await desk.open_of(desk.second)) == (100_00, 160_00)
    assert {row["origin"] for row in await desk.lessons()} == {"corrected"}
    assert (await desk.paid())["unapplied_minor"] == 10_00


async def test_a_correction_of_what_was_applied_undoes_it_first(desk: Desk) -> None:
    await desk.post("accept")
    lines = [{"instalment_id": str(desk.second), "amount": "100.00"}]
    corrected = await desk.post("correct", currency="EUR", lines=lines)
    assert corrected.status_code == 200, corrected.text
    assert corrected.json()["state"] == "corrected"
    assert (await desk.open_of(desk.first), await desk.open_of(desk.second)) == (100_00, 150_00)
    states = [(row["origin"], row["state"]) for row in await desk.lessons(kind="payer_name")]
    assert states == [("accepted", "withdrawn"), ("corrected", "active")]


async def test_one_payment_is_split_over_two_accounts(desk: Desk) -> None:
    async with desk.database.write(desk.tenant.organization_id, desk.tenant.actor) as session:
        theirs = await owed(session, desk.tenant, "RE-2000001", 70_00)
    parts = [
        {"instalment_id": str(desk.first), "amount": "25.00"},
        {"instalment_id": str(theirs), "amount": "70.00"},
        {"account_id": str(desk.hansen), "amount": "5.00"},
    ]
    split = await desk.post("split", currency="EUR", parts=parts)
    assert split.status_code == 200, split.text
    assert (await desk.open_of(desk.first), await desk.open_of(theirs)) == (75_00, 0)
    paid = await desk.paid()
    assert (paid["account_id"], paid["unapplied_minor"]) == (desk.hansen, 5_00)
    assert {row["account_id"] for row in await desk.lessons()} == {str(desk.hansen)}, "whoever paid, not whose it was"

    undone = await desk.post("undo")
    assert undone.status_code == 200, undone.text
    assert (await desk.open_of(desk.first), await desk.open_of(theirs)) == (100_00, 70_00)
    two = [{"account_id": str(desk.hansen), "amount": "50.00"},
           {"account_id": str(desk.tenant.account_id), "amount": "50.00"}]  # fmt: skip
    refused = await desk.post("split", currency="EUR", parts=two)
    assert (refused.status_code, refused.json()["code"]) == (422, "proposal.split_two_rests")


async def test_a_payment_is_left_on_account_and_given_back_by_the_undo(desk: Desk) -> None:
    put = await desk.post("put-on-account", account_id=str(desk.hansen), note="advance payment")
    assert put.status_code == 200, put.text
    assert put.json()["state"] == "on_account"
    paid = await desk.paid()
    assert (paid["status"], paid["account_id"], paid["matching_state"]) == ("unapplied", desk.hansen, "held")
    assert {row["origin"] for row in await desk.lessons(state="active")} == {"on_account"}
    undone = await desk.post("undo")
    assert undone.status_code == 200, undone.text
    assert (await desk.paid())["account_id"] is None
    assert await desk.lessons(state="active") == []


async def test_hold_release_reject(desk: Desk) -> None:
    held = await desk.post("hold", note="ask the sales office")
    assert (held.json()["state"], held.json()["note"]) == ("held", "ask the sales office")
    assert held.json()["allowed_actions"] == ["correct", "split", "put_on_account", "reject", "release"]
    assert (await desk.post("accept")).status_code == 409
    assert (await desk.post("release")).json()["state"] == "open"
    rejected = await desk.post("reject", note="not theirs")
    assert (rejected.json()["state"], rejected.json()["allowed_actions"]) == ("rejected", ["undo"])
    assert (await desk.paid())["matching_state"] == "held"
    assert (await desk.post("undo")).json()["state"] == "open"


async def test_many_are_accepted_at_once_one_result_each(desk: Desk) -> None:
    off = await desk.client.post(f"{QUEUE}/settings/automatic", json={"enabled": False, "reason": "people decide"})
    assert off.status_code == 200, off.text
    async with desk.database.write(desk.tenant.organization_id, desk.tenant.actor) as session:
        nothing = await receipt(session, desk.tenant, 77_77, payer_name="Nobody")
        second = await receipt(session, desk.tenant, 250_00, payer_name="Hansen Logistik GmbH")
    await match(desk.database, desk.tenant)
    ids = [desk.proposal, *[await proposal_of(desk.database, desk.tenant, p) for p in (nothing, second)]]
    items = [{"proposal_id": str(id_)} for id_ in (*ids, desk.proposal, desk.payment)]
    items.append({"proposal_id": str(ids[2]), "version": 9})

    refused = await desk.client.post(f"{QUEUE}/proposals/accept?atomic=true", json={"items": items})
    assert (refused.status_code, refused.json()["code"]) == (422, "batch.refused"), refused.text
    assert [error["pointer"] for error in refused.json()["errors"]] == [
        "/items/1", "/items/3", "/items/4", "/items/5"
    ]  # fmt: skip
    assert await desk.open_of(desk.first) == 100_00

    answered = await desk.client.post(f"{QUEUE}/proposals/accept", json={"items": items})
    assert answered.status_code == 200, answered.text
    codes = [row["problem"] and row["problem"]["code"] for row in answered.json()["results"]]
    assert codes == [None, "proposal.empty", None, "proposal.decided", "proposal.not_found", "stale_version"]
    assert (await desk.open_of(desk.first), await desk.open_of(desk.second)) == (0, 0)
    too_many = {"items": [{"proposal_id": str(desk.proposal)}] * 201}
    assert (await desk.client.post(f"{QUEUE}/proposals/accept", json=too_many)).status_code == 422


async def test_a_repeated_payment_is_held_and_may_be_released(desk: Desk) -> None:
    async with desk.database.write(desk.tenant.organization_id, desk.tenant.actor) as session:
        facts = {"payer_name": "Hansen Logistik GmbH", "end_to_end_id": "PAY-77"}
        one = await receipt(session, desk.tenant, 250_00, **facts)
        other = await receipt(session, desk.tenant, 250_00, **facts)
        third = await receipt(session, desk.tenant, 250_00, **facts)
    await match(desk.database, desk.tenant)
    held = (await desk.client.get(f"{QUEUE}/proposals", params={"kind": "duplicate", "state": "held"})).json()["data"]
    assert {row["payment_id"] for row in held} == {str(other), str(third)}
    assert {row["duplicate_of"] for row in held} <= {str(one), str(other)}
    assert held[0]["reasons"][0]["code"] == "duplicate"
    assert "confirm_duplicate" in held[0]["allowed_actions"]
    assert (await desk.client.get(f"{QUEUE}/counts")).json()["duplicates"] == 2

    released = await desk.post("release", await proposal_of(desk.database, desk.tenant, other), note="two deliveries")
    assert released.json()["state"] == "released"
    await match(desk.database, desk.tenant)
    assert [row["kind"] for row in await proposals_of(desk.database, desk.tenant, other)] == ["duplicate", "settlement"]

    twice = await desk.post(
        "confirm-duplicate", await proposal_of(desk.database, desk.tenant, third), treatment="reverse"
    )
    assert twice.status_code == 200, twice.text
    assert twice.json()["state"] == "duplicate"
    assert (await payment_of(desk.database, desk.tenant, third))["status"] == "reversed"


async def test_what_the_bank_takes_back_finds_its_payment(desk: Desk) -> None:
    await desk.post("accept")
    entry = {
        "legal_entity_id": str(desk.tenant.legal_entity_id), "reference": "entry-9", "amount": "100.00",
        "currency": "EUR", "value_date": "2026-04-10", "payer_name": "Hansen Logistik GmbH",
        "payer_bank_identifier": IBAN,
    }  # fmt: skip
    found = await desk.client.post(f"{QUEUE}/reversals", json=entry)
    assert found.status_code == 201, found.text
    assert (found.json()["kind"], found.json()["payment_id"]) == ("reversal", str(desk.payment))
    assert found.json()["allowed_actions"] == ["accept", "reject"]
    again = await desk.client.post(f"{QUEUE}/reversals", json=entry)
    assert again.json()["id"] == found.json()["id"], "one entry is proposed once"

    accepted = await desk.post("accept", UUID(found.json()["id"]))
    assert accepted.status_code == 200, accepted.text
    assert (await desk.paid())["status"] == "reversed"
    assert await desk.open_of(desk.first) == 100_00
    unclear = await desk.client.post(f"{QUEUE}/reversals", json={**entry, "reference": "entry-10"})
    assert (unclear.status_code, unclear.json()["code"]) == (422, "reversal.unclear")


async def test_an_application_undone_elsewhere_is_seen_by_its_proposal(desk: Desk) -> None:
    group = (await desk.post("accept")).json()["application_group_id"]
    undone = await desk.client.post(
        f"/v1/applications/{group}/reverse", json={"effective_date": "2026-05-02", "reason": "wrong"}
    )
    assert undone.status_code == 201, undone.text
    await catch_up(desk.database, desk.tenant)
    found = (await desk.client.get(f"{QUEUE}/proposals/{desk.proposal}")).json()
    assert (found["state"], found["allowed_actions"]) == ("undone", [])
    assert await desk.lessons(state="active") == []
