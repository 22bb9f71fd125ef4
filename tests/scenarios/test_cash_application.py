"""A desk of cash application over some weeks: what it teaches, what is unlearned, and a rule that goes wrong."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import httpx

from app.cash_application.number_formats import derive_formats
from app.infra.database import SYSTEM
from app.payments.undo import undo_applications
from app.payments.withdraw import ReversePayment, reverse_payment
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
    rows,
)
from tests.conftest import RolledBackDatabase, StaticAuthenticator
from tests.factories import ALL_SCOPES, Tenant, make_tenant
from tests.receivables import settle

QUEUE = "/v1/cash-application"
MAY = date(2026, 5, 4)


async def _lessons(client: httpx.AsyncClient, **wanted: str) -> list[dict[str, Any]]:
    return list((await client.get(f"{QUEUE}/lessons", params=wanted)).json()["data"])


async def _rule(client: httpx.AsyncClient, strategy: str) -> dict[str, Any]:
    return dict((await client.get(f"{QUEUE}/rules/{strategy}")).json())


async def test_a_payer_is_taught_by_hand_used_forgotten_and_not_taught_again(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    """Factor Finance pays for Hansen under a name that says nothing. A clerk applies it by hand, once."""
    async with database.write(tenant.organization_id, tenant.actor) as session:
        hansen = await add_customer(session, "C-2", "Hansen Logistik GmbH")
        first = await owed(session, tenant, "RE-1000002", 1_187_31, hansen)
        paid = await receipt(session, tenant, 1_187_31, payer_name="ZZ 9 FINANCE", payer_bank_identifier=IBAN)
    await match(database, tenant)
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await settle(session, paid, first, 1_187_31, MAY, identify=True)
    await catch_up(database, tenant)
    await catch_up(database, tenant)
    taught = await _lessons(client, state="active")
    assert [(row["kind"], row["origin"], row["taught_by"], row["account_id"]) for row in taught] == [
        ("bank_identifier", "manual", "Ada Tester", str(hansen)),
        ("payer_name", "manual", "Ada Tester", str(hansen)),
    ]

    async with database.write(tenant.organization_id, tenant.actor) as session:
        await owed(session, tenant, "RE-1000099", 2_341_17, hansen)
        known = await receipt(session, tenant, 2_341_17, payer_bank_identifier=IBAN, on=MAY)
    await match(database, tenant)
    assert (await proposals_of(database, tenant, known))[-1]["account_id"] == hansen

    identifier = taught[0]["id"]
    forgotten = await client.post(f"{QUEUE}/lessons/{identifier}/forget", json={"reason": "a factor, pays for many"})
    assert forgotten.status_code == 200, forgotten.text
    assert (forgotten.json()["state"], forgotten.json()["in_use"]) == ("forgotten", False)
    assert (await client.post(f"{QUEUE}/lessons/{identifier}/forget", json={})).status_code == 409

    async with database.write(tenant.organization_id, tenant.actor) as session:
        last = await owed(session, tenant, "RE-1000130", 777_13, hansen)
        unknown = await receipt(session, tenant, 777_14, payer_bank_identifier=IBAN, on=MAY)
    await match(database, tenant)
    assert (await proposals_of(database, tenant, unknown))[-1]["account_id"] is None, "the next run does not know it"
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await settle(session, unknown, last, 777_13, MAY, identify=True)
    await catch_up(database, tenant)
    assert await _lessons(client, state="active", kind="bank_identifier") == [], "money does not teach it again"


async def test_a_teaching_is_undone_with_the_application_that_taught_it(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        hansen = await add_customer(session, "C-2", "Hansen Logistik GmbH")
        meyer = await add_customer(session, "C-3", "Meyer & Soehne KG")
        wrong = await owed(session, tenant, "RE-1000002", 1_187_31, hansen)
        await owed(session, tenant, "RE-2000007", 1_187_31, meyer)
        paid = await receipt(session, tenant, 1_187_31, payer_name="M+S 0815", payer_bank_identifier=IBAN)
    await match(database, tenant)
    proposal = await proposal_of(database, tenant, paid)
    lines = [{"instalment_id": str(wrong), "amount": "1187.31"}]
    applied = await client.post(f"{QUEUE}/proposals/{proposal}/correct", json={"currency": "EUR", "lines": lines})
    assert applied.status_code == 200, applied.text
    assert [row["account_id"] for row in await _lessons(client, state="active")] == [str(hansen)] * 2

    async with database.write(tenant.organization_id, tenant.actor) as session:
        await undo_applications(session, UUID(applied.json()["application_group_id"]), MAY, "it was Meyer's")
    await catch_up(database, tenant)
    assert await _lessons(client, state="active") == []
    assert {row["state"] for row in await _lessons(client)} == {"withdrawn"}
    identities = "SELECT * FROM payer_identities WHERE organization_id = $1"
    assert await rows(database, tenant, identities) == [], "nobody is recognised by it any more"
    async with database.write(tenant.organization_id, tenant.actor) as session:
        again = await receipt(session, tenant, 999_99, payer_bank_identifier=IBAN, on=MAY)
    await match(database, tenant)
    assert (await proposals_of(database, tenant, again))[-1]["account_id"] is None


async def test_nothing_is_learned_across_organizations(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant, authenticator: StaticAuthenticator
) -> None:
    other = await make_tenant(database, name="Somebody Else")
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await owed(session, tenant, "RE-2026-001234", 119_31)
        await receipt(session, tenant, 119_31, remittance_text="RE-2026-001234", payer_bank_identifier=IBAN)
    async with database.write(other.organization_id, other.actor) as session:
        await owed(session, other, "RE-5500001", 999_31)
        theirs = await receipt(session, other, 500_00, payer_bank_identifier=IBAN)
    await match(database, tenant)
    assert [row["origin"] for row in await _lessons(client)] == ["automatic"]
    await match(database, other)
    assert (await proposals_of(database, other, theirs))[-1]["account_id"] is None
    token = {"Authorization": f"Bearer {authenticator.grant(other)}"}
    assert (await client.get(f"{QUEUE}/lessons", headers=token)).json()["data"] == []


async def test_a_rule_that_goes_wrong_switches_itself_off_and_a_person_switches_it_on_again(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant, authenticator: StaticAuthenticator
) -> None:
    """Eight payments quote their invoices. Six turn out to be meant for others: a clerk undoes them within days."""
    async with database.write(tenant.organization_id, tenant.actor) as session:
        payments = []
        for number in range(8):
            await owed(session, tenant, f"RE-2026-00{1200 + number * 7}", 119_31 + number * 1013)
            text = f"Rechnung RE-2026-00{1200 + number * 7}"
            payments.append(await receipt(session, tenant, 119_31 + number * 1013, remittance_text=text))
    await match(database, tenant)
    made = [(await proposals_of(database, tenant, payment))[-1] for payment in payments]
    assert {(row["state"], row["strategy"]) for row in made} == {("applied", "references")}

    async with database.write(tenant.organization_id, tenant.actor) as session:
        await reverse_payment(session, ReversePayment(payments[0], MAY, "bounced"))
    await catch_up(database, tenant)
    assert (await _rule(client, "references"))["figures"] is None, "that the bank took it back says nothing of the rule"

    for row in made[1:4]:
        undone = await client.post(f"{QUEUE}/proposals/{row['id']}/undo", json={"reason": "meant for another"})
        assert undone.status_code == 200, undone.text
    rule = await _rule(client, "references")
    assert (rule["automatic_enabled"], rule["figures"]["wrong"], rule["figures"]["applied"]) == (True, 3, 8)
    for row in made[4:7]:
        async with database.write(tenant.organization_id, tenant.actor) as session:
            await undo_applications(session, row["application_group_id"], MAY, "meant for another")
    await catch_up(database, tenant)

    rule = await _rule(client, "references")
    assert rule["automatic_enabled"] is False
    assert (rule["figures"]["wrong"], rule["figures"]["target"], rule["switched_by"]) == (6, 0.998, "the service")
    assert "reversed or corrected within 30 days" in rule["reason"]
    log = "SELECT * FROM change_log WHERE organization_id = $1 AND event = 'matching_rule.switched_off'"
    (notice,) = await rows(database, tenant, log)
    assert (notice["actor_kind"], notice["after"]["strategy"], notice["after"]["wrong"]) == ("system", "references", 6)
    settings = (await client.get(f"{QUEUE}/settings")).json()
    assert settings["automatic_enabled"] is True, "one bad rule is switched off alone"

    async with database.write(tenant.organization_id, tenant.actor) as session:
        open_item = await owed(session, tenant, "RE-2026-009001", 500_17)
        waits = await receipt(session, tenant, 500_17, remittance_text="RE-2026-009001", on=MAY)
    run_id = await match(database, tenant)
    held = (await proposals_of(database, tenant, waits))[-1]
    assert (held["state"], held["note"].split(":")[0]) == ("open", "automatic.rule_off")
    run = (await client.get(f"{QUEUE}/runs/{run_id}")).json()
    assert run["why_not"] == {"automatic.rule_off": 1}

    clerk = {"Authorization": f"Bearer {authenticator.grant(tenant, *(ALL_SCOPES - {'cash-application:approve'}))}"}
    switch = f"{QUEUE}/rules/references/automatic"
    on = {"enabled": True, "reason": "the supplier of the numbers was changed"}
    assert (await client.post(switch, json=on, headers=clerk)).status_code == 403
    bare = await client.post(switch, json={"enabled": True})
    assert (bare.status_code, bare.json()["code"]) == (422, "matching_settings.reason_missing")
    back = await client.post(switch, json=on)
    assert back.status_code == 200, back.text
    assert (back.json()["automatic_enabled"], back.json()["switched_by"]) == (True, "Ada Tester")
    await catch_up(database, tenant)
    assert (await _rule(client, "references"))["automatic_enabled"] is True, (
        "what was wrong before is not held against it"
    )
    await match(database, tenant, retry=True)
    assert (await payment_of(database, tenant, waits))["status"] == "applied"
    assert await open_minor(database, tenant, open_item) == 0


async def test_the_whole_is_switched_off_when_no_rule_alone_is_to_blame(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant, authenticator: StaticAuthenticator
) -> None:
    """Four wrong answers of one rule are not enough to condemn it, nor are four of another; eight together are."""
    async with database.write(tenant.organization_id, tenant.actor) as session:
        payments = []
        for number in range(8):
            await owed(session, tenant, f"RE-2026-00{1200 + number * 7}", 119_31 + number * 1013)
            text = f"Rechnung RE-2026-00{1200 + number * 7}"
            payments.append(await receipt(session, tenant, 119_31 + number * 1013, remittance_text=text))
    await match(database, tenant)
    made = [(await proposals_of(database, tenant, payment))[-1] for payment in payments]
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await session.driver.execute(
            "UPDATE proposals SET strategy = 'one_item' WHERE organization_id = $1 AND id = ANY($2::uuid[])",
            tenant.organization_id, [row["id"] for row in made[:4]],
        )  # fmt: skip
    for row in made:
        async with database.write(tenant.organization_id, tenant.actor) as session:
            await undo_applications(session, row["application_group_id"], MAY, "meant for another")
    await catch_up(database, tenant)
    settings = (await client.get(f"{QUEUE}/settings")).json()
    assert (settings["automatic_enabled"], settings["figures"]["wrong"]) == (False, 8)
    assert "credibly below" in settings["notice"]
    assert settings["allowed_actions"] == ["update", "switch_on"]
    assert {rule["automatic_enabled"] for rule in (await client.get(f"{QUEUE}/rules")).json()["data"]} == {True}

    body = {"automatic_enabled": True, "automatic_threshold": "0.99", "proposed_threshold": "0.4"}
    version = {"If-Match": f'"{settings["version"]}"'}
    by_the_back_door = await client.put(f"{QUEUE}/settings", json=body, headers=version)
    assert (by_the_back_door.status_code, by_the_back_door.json()["code"]) == (
        403,
        "matching_settings.switch_forbidden",
    )
    on = await client.post(f"{QUEUE}/settings/automatic", json={"enabled": True, "reason": "looked at all eight"})
    assert on.status_code == 200, on.text
    assert (on.json()["automatic_enabled"], on.json()["notice"], on.json()["figures"]) == (True, None, None)
    await catch_up(database, tenant)
    assert (await client.get(f"{QUEUE}/settings")).json()["automatic_enabled"] is True


async def test_how_payers_quote_numbers_is_learned(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    """The invoices are INV-2026-00xxxxx; Hansen's clerk writes the last six digits only."""
    async with database.write(tenant.organization_id, tenant.actor) as session:
        hansen = await add_customer(session, "C-2", "Hansen Logistik GmbH")
        first = await owed(session, tenant, "INV-2026-00734512", 812_31, hansen)
        for number in range(30):
            await owed(session, tenant, f"INV-2026-00{500000 + number * 37}", 1_000_00 + number * 777)
        paid = await receipt(session, tenant, 800_00, remittance_text="734512", payer_name="HL")
    async with database.write(tenant.organization_id, SYSTEM) as session:
        assert await derive_formats(session) == 1
    formats = (await client.get(f"{QUEUE}/number-formats")).json()
    assert [(row["shape"], row["prefix"], row["numbers"]) for row in formats["formats"]] == [
        ("INV9999" + "9" * 8, "INV202600", 31)
    ]  # fmt: skip
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await settle(session, paid, first, 800_00, MAY, identify=True)
    await catch_up(database, tenant)
    (quoted,) = await _lessons(client, kind="number_format")
    assert (quoted["value"], quoted["normalized_value"], quoted["in_use"]) == ("734512", "999999", True)
    shapes = [row["shape"] for row in (await client.get(f"{QUEUE}/number-formats")).json()["formats"]]
    assert shapes[1:] == ["999999"]
    await client.post(f"{QUEUE}/lessons/{quoted['id']}/forget", json={})
    assert len((await client.get(f"{QUEUE}/number-formats")).json()["formats"]) == 1
