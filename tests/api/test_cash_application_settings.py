"""Settings of the organization and of accounts, how they act on a run, and the reports about it, over HTTP."""

from __future__ import annotations

from typing import Any

import httpx

from app.core.ids import new_id
from tests.cash_application import (
    MARCH,
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
from tests.conftest import RolledBackDatabase
from tests.factories import Tenant
from tests.receivables import settle

QUEUE = "/v1/cash-application"
SETTINGS: dict[str, Any] = {
    "automatic_enabled": True, "automatic_threshold": "0.97", "proposed_threshold": "0.4",
}  # fmt: skip


async def test_shipped_settings_are_changed_by_version(client: httpx.AsyncClient) -> None:
    shipped = await client.get(f"{QUEUE}/settings")
    assert shipped.headers["ETag"] == '"0"'
    found = shipped.json()
    assert (found["automatic_enabled"], found["precision_target"], found["residual"]) == (True, 0.998, "on_account")
    assert found["allowed_actions"] == ["update", "switch_off"]
    body = {**SETTINGS, "precision_target": "0.995", "residual": "review", "tolerances": {"under_minor": 100}}
    assert (await client.put(f"{QUEUE}/settings", json=body)).status_code == 428
    changed = await client.put(f"{QUEUE}/settings", json=body, headers={"If-Match": '"0"'})
    assert changed.status_code == 200, changed.text
    assert (changed.json()["version"], changed.json()["residual"]) == (1, "review")
    assert changed.json()["tolerances"]["under_minor"] == 100
    stale = await client.put(f"{QUEUE}/settings", json=body, headers={"If-Match": '"0"'})
    assert stale.status_code == 412
    crossed = {**SETTINGS, "automatic_threshold": "0.3"}
    refused = await client.put(f"{QUEUE}/settings", json=crossed, headers={"If-Match": '"1"'})
    assert (refused.status_code, refused.json()["code"]) == (422, "matching_settings.invalid")


async def test_an_account_has_tolerances_of_its_own(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    """Hansen always rounds down to whole euros: a shortfall of 80 cents is written off for Hansen, for nobody else."""
    async with database.write(tenant.organization_id, tenant.actor) as session:
        hansen = await add_customer(session, "C-2", "Hansen Logistik GmbH")
        first = await owed(session, tenant, "RE-2026-001203", 119_80, hansen)
        other = await owed(session, tenant, "RE-2026-001777", 323_80)
        theirs = await receipt(session, tenant, 119_00, remittance_text="RE-2026-001203", account_id=hansen)
        strict = await receipt(
            session, tenant, 323_00, remittance_text="RE-2026-001777", account_id=tenant.account_id
        )  # fmt: skip
    address = f"{QUEUE}/account-settings/{hansen}"
    assert (await client.get(address)).status_code == 404
    body = {"tolerances": {"under_minor": 100, "small_difference_minor": 100}}
    made = await client.put(address, json=body)
    assert made.status_code == 200, made.text
    assert made.json()["tolerances"]["over_minor"] is None
    listed = (await client.get(f"{QUEUE}/account-settings")).json()["data"]
    assert [row["account_id"] for row in listed] == [str(hansen)]
    await match(database, tenant)
    (tolerated,) = await proposals_of(database, tenant, theirs)
    assert tolerated["lines"][0]["write_off_minor"] == 80, tolerated
    if tolerated["state"] == "open":
        accepted = await client.post(f"{QUEUE}/proposals/{tolerated['id']}/accept", json={})
        assert accepted.status_code == 200, accepted.text
    assert await open_minor(database, tenant, first) == 0, "80 cents are written off"
    (short,) = await proposals_of(database, tenant, strict)
    assert short["lines"][0]["write_off_minor"] == 0
    assert await open_minor(database, tenant, other) >= 80

    nobody = await client.put(f"{QUEUE}/account-settings/{new_id()}", json=body)
    assert nobody.status_code == 404
    assert (await client.put(address, json=body, headers={"If-Match": '"7"'})).status_code == 412
    assert (await client.delete(address)).status_code == 204
    assert (await client.delete(address)).status_code == 404


async def test_an_account_is_kept_from_automatic_application(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await owed(session, tenant, "RE-2026-001203", 119_80)
        paid = await receipt(session, tenant, 119_80, remittance_text="RE-2026-001203")
    made = await client.put(f"{QUEUE}/account-settings/{tenant.account_id}", json={"automatic_allowed": False})
    assert made.status_code == 200, made.text
    await match(database, tenant)
    (found,) = await proposals_of(database, tenant, paid)
    assert (found["state"], found["note"].split(":")[0]) == ("open", "automatic.account_excluded")
    accepted = await client.post(f"{QUEUE}/proposals/{found['id']}/accept", json={})
    assert accepted.status_code == 200, accepted.text


async def test_what_happens_to_a_residual(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await owed(session, tenant, "RE-2026-001203", 119_80)
        paid = await receipt(session, tenant, 119_83, remittance_text="RE-2026-001203")
    body = {**SETTINGS, "residual": "review"}
    assert (await client.put(f"{QUEUE}/settings", json=body, headers={"If-Match": '"0"'})).status_code == 200
    await match(database, tenant)
    (found,) = await proposals_of(database, tenant, paid)
    assert (found["residual_minor"], found["state"], found["note"].split(":")[0]) == (3, "open", "automatic.residual")
    body = {**SETTINGS, "residual": "small_to_income"}
    assert (await client.put(f"{QUEUE}/settings", json=body, headers={"If-Match": '"1"'})).status_code == 200
    await match(database, tenant, retry=True)
    row = await payment_of(database, tenant, paid)
    assert (row["unapplied_minor"], row["withdrawn_minor"], row["applied_minor"]) == (0, 3, 119_80)


async def test_a_run_and_the_report_state_their_denominators(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    """Five receipts: two applied by themselves (one wrongly), one by a proposal, one by hand, one not at all."""
    async with database.write(tenant.organization_id, tenant.actor) as session:
        hansen = await add_customer(session, "C-2", "Hansen Logistik GmbH")
        for number, minor in (("RE-2026-001203", 119_31), ("RE-2026-001307", 50_69), ("RE-2026-001411", 230_17)):
            await owed(session, tenant, number, minor)
        await owed(session, tenant, "RE-1000002", 100_00, hansen)
        by_hand = await owed(session, tenant, "RE-1000777", 333_33, hansen)
        await receipt(session, tenant, 170_00, remittance_text="RE-2026-001203, RE-2026-001307")
        wrong = await receipt(session, tenant, 230_17, remittance_text="RE-2026-001411")
        proposed = await receipt(session, tenant, 100_00, payer_name="Hansen Logistik GmbH")
        manual = await receipt(session, tenant, 300_00)
        await receipt(session, tenant, 4_321_00, payer_name="Nobody")
        await receipt(session, tenant, 1_00, on=MARCH)
    run_id = await match(database, tenant)
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await settle(session, manual, by_hand, 300_00, MARCH.replace(month=5), identify=True)
    for payment, action in ((proposed, "accept"), (wrong, "undo")):
        proposal = await proposal_of(database, tenant, payment)
        done = await client.post(f"{QUEUE}/proposals/{proposal}/{action}", json={})
        assert done.status_code == 200, done.text
    await catch_up(database, tenant)

    run = (await client.get(f"{QUEUE}/runs/{run_id}")).json()
    assert (run["payments_done"], run["applied"]["payments"], run["applied"]["lines"]) == (6, 2, 3)
    assert run["automatic_rate"] == round(2 / 6, 6)
    assert run["automatic_line_rate"] == round(3 / 4, 6)
    assert run["automatic_value_rates"] == {"EUR": round(400_17 / 5_122_17, 6)}
    assert (run["total_precision"]["applied"], run["total_precision"]["wrong"]) == (2, 1)
    assert run["time_to_apply"]["payments"] == 1
    assert sum(run["why_not"].values()) == 4

    asked = {"value_from": "2026-04-01", "value_to": "2026-04-30"}
    answer = await client.get("/v1/reports/cash-application", params=asked)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    rates = {rate["by"]: (rate["automatic"], rate["total"], rate["rate"]) for rate in found["rates"]}
    assert rates == {
        "payments": ("1", "5", 0.2),
        "lines": ("2", "4", 0.5),
        "value": ("170.00", "5121.17", round(170_00 / 5_121_17, 6)),
    }
    assert {row["way"]: row["count"] for row in found["payments"]} == {
        "automatic": 1, "proposed": 1, "manual": 1, "not_applied": 2
    }  # fmt: skip
    overall = found["precision"][0]
    assert (overall["strategy"], overall["applied"], overall["wrong"], overall["precision"]) == ("all", 2, 1, 0.5)
    assert {row["way"] for row in found["time_to_apply"]} == {"automatic", "proposed", "manual"}
    assert sum(row["payments"] for row in found["why_not"]) == 3
    assert set(found["denominators"]) == {"payments", "lines", "value", "precision"}
    assert sum(row["decided"] for row in found["calibration"]) >= 1

    text = await client.get("/v1/reports/cash-application", params={**asked, "format": "csv"})
    assert text.headers["content-type"].startswith("text/csv")
    assert "automatic match rate,payments,,1,5,,,0.2" in text.text
    upside_down = {"value_from": "2026-05-01", "value_to": "2026-04-30"}
    refused = await client.get("/v1/reports/cash-application", params=upside_down)
    assert (refused.status_code, refused.json()["code"]) == (422, "report.window_invalid")
    nothing = (await client.get("/v1/reports/cash-application", params={**asked, "currency": "USD"})).json()
    assert [rate["rate"] for rate in nothing["rates"]] == [None, None]
