"""Requests for credits of disputes that are taken back."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from app.disputes import queries, resolving
from app.disputes.errors import NoCreditPending
from app.disputes.resolving import CreditOrder
from app.infra.database import WriteSession
from tests.disputing import dispute, person
from tests.factories import Tenant
from tests.receivables import issue, value

MARCH_2 = date(2026, 3, 2)
WRITER = ("disputes:read", "all-disputes:read", "disputes:write", "invoices:write")


async def test_whoever_asked_for_a_credit_takes_the_request_back(session: WriteSession, tenant: Tenant) -> None:
    _, owed = await issue(session, tenant, 100_000, MARCH_2)
    made = await dispute(session, (owed, 18_000), on=MARCH_2)
    session.actor = person("Rita", *WRITER, limit=17_999)
    order = CreditOrder(MARCH_2)
    step: dict[str, Any] = {"today": MARCH_2, "note": None, "expected_version": None}
    with pytest.raises(NoCreditPending):
        await resolving.withdraw_credit(session, made, **step)
    assert await resolving.credit_dispute(session, made, order, today=MARCH_2, expected_version=None) == "requested"
    await resolving.withdraw_credit(session, made, **step)
    (credit,) = (await queries.credits_of(session, [made]))[made]
    assert (credit.state, credit.decided_by, credit.decision_note) == ("rejected", "Rita", "taken back")
    assert await value(session, "instalments", owed, "open_minor") == 100_000
    less = CreditOrder(MARCH_2, amount_minor=17_000)
    assert await resolving.credit_dispute(session, made, less, today=MARCH_2, expected_version=None) == "credited"
