"""What was disputed on a past day stays what it was, in the aging and in statements."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import httpx
import pytest

from app.disputes import moves, opening
from app.disputes.casework import edit_dispute, reopen_dispute
from app.disputes.past import disputed_on
from app.disputes.resolving import withdraw_dispute
from app.infra.database import WriteSession
from tests.conftest import RolledBackDatabase
from tests.disputing import dispute
from tests.factories import Tenant
from tests.receivables import issue

ISSUED = date(2026, 1, 5)
OPENED, LOWERED, ENDED, BACK = (date(2026, 3, day) for day in (2, 10, 20, 25))


async def _history(session: WriteSession, tenant: Tenant) -> UUID:
    """1,000 owed; 180 disputed from 2 March, 80 from the 10th, nothing from the 20th, 180 again from the 25th."""
    _, item = await issue(session, tenant, 1_000_00, ISSUED, number="RE-1")
    made = await dispute(session, (item, 180_00), on=OPENED)
    await edit_dispute(session, made, {"lines": {item: 80_00}}, today=LOWERED, expected_version=None)
    await withdraw_dispute(session, made, today=ENDED, note=None, expected_version=None)
    await reopen_dispute(session, made, today=BACK, note="it is wrong after all", expected_version=None)
    return item


async def test_each_day_has_its_disputed_amount(session: WriteSession, tenant: Tenant) -> None:
    item = await _history(session, tenant)
    days = [date(2026, 3, day) for day in (1, 2, 9, 10, 19, 20, 24, 25, 31)]
    found = [(await disputed_on(session, [item], day)).get(item, 0) for day in days]
    assert found == [0, 180_00, 180_00, 80_00, 80_00, 0, 0, 180_00, 180_00]


async def test_a_dispute_from_before_changes_were_kept_counts_until_it_ended(
    session: WriteSession, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(*_: object) -> None:
        """What an earlier release kept."""

    monkeypatch.setattr(opening, "keep_lines", nothing)
    monkeypatch.setattr(moves, "keep_lines", nothing)
    _, item = await issue(session, tenant, 1_000_00, ISSUED)
    made = await dispute(session, (item, 180_00), on=OPENED)
    await withdraw_dispute(session, made, today=ENDED, note=None, expected_version=None)
    days = [date(2026, 3, day) for day in (1, 2, 19, 20)]
    found = [(await disputed_on(session, [item], day)).get(item, 0) for day in days]
    assert found == [0, 180_00, 180_00, 0]


async def test_aging_and_statement_of_a_past_date_show_what_was_disputed_then(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await _history(session, tenant)
    for day, amount in (("2026-03-01", "0.00"), ("2026-03-05", "180.00"), ("2026-03-12", "80.00"),
                        ("2026-03-22", "0.00"), ("2026-03-31", "180.00")):  # fmt: skip
        paper = await client.get(f"/v1/accounts/{tenant.account_id}/statement", params={"as_of": day})
        assert paper.status_code == 200, paper.text
        assert [row["disputed"] for row in paper.json()["items"]] == [amount], day
        detail = await client.get("/v1/reports/aging-detail", params={"as_of": day})
        assert detail.status_code == 200, detail.text
        assert [row["disputed_amount"] or "0.00" for row in detail.json()["rows"]] == [amount], day
        aging = (await client.get("/v1/reports/aging", params={"as_of": day})).json()
        assert [row["amount"] for row in aging["disputed"]] == ([] if amount == "0.00" else [amount]), day
        assert [row["amount"] for row in aging["disputed_now"]] == ["180.00"]
