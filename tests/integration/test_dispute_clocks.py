"""The clock of a dispute whose reason changes, and credits that nobody could approve."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from app.disputes import casework, queries, resolving
from app.disputes.resolving import CreditOrder
from app.disputes.rules import DisputeInvalid
from app.infra.database import SYSTEM, WriteSession
from tests.disputing import dispute
from tests.factories import Tenant
from tests.receivables import issue

MARCH_2 = date(2026, 3, 2)


async def test_another_reason_keeps_the_pauses_and_begins_with_the_reopening(
    session: WriteSession, tenant: Tenant
) -> None:
    _, owed = await issue(session, tenant, 10_000, MARCH_2)
    made = await dispute(session, (owed, 6_000), on=MARCH_2)
    step: dict[str, Any] = {"note": None, "expected_version": None}
    await casework.review_dispute(session, made, today=date(2026, 3, 3), **step)
    await casework.await_customer(session, made, today=date(2026, 3, 4), **step)
    await casework.review_dispute(session, made, today=date(2026, 3, 11), **step)  # five business days of waiting
    today = date(2026, 3, 12)
    await casework.edit_dispute(session, made, {"reason_code": "price"}, today=today, expected_version=None)
    assert (await queries.get_dispute(session, made, SYSTEM)).sla_due_on == date(
        2026, 3, 23
    )  # ten business days and five
    await resolving.withdraw_dispute(session, made, today=today, **step)
    back = date(2026, 4, 7)
    await casework.reopen_dispute(session, made, today=back, note="wrong after all", expected_version=None)
    await casework.edit_dispute(session, made, {"reason_code": "tax"}, today=back, expected_version=None)
    assert (await queries.get_dispute(session, made, SYSTEM)).sla_due_on == date(
        2026, 4, 14
    )  # five business days from the reopening


@pytest.mark.parametrize(
    ("order", "pointer"),
    [
        (CreditOrder(date(2026, 3, 3)), "/effective_date"),
        (CreditOrder(date(2026, 3, 1)), "/effective_date"),
        (CreditOrder(MARCH_2, amount_minor=1_000, tax_minor=1_001), "/tax_amount"),
    ],
)
async def test_a_credit_that_nobody_could_approve_is_not_asked_for(
    session: WriteSession, tenant: Tenant, order: CreditOrder, pointer: str
) -> None:
    _, owed = await issue(session, tenant, 10_000, MARCH_2)
    made = await dispute(session, (owed, 6_000), on=MARCH_2)
    with pytest.raises(DisputeInvalid) as refused:
        await resolving.credit_dispute(session, made, order, today=MARCH_2, expected_version=None)
    assert refused.value.errors[0].pointer == pointer
    assert await queries.pending_credit(session, made) is None
