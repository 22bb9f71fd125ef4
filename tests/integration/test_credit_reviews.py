"""The policy by its dates, the credit file and reviews on a real database."""

from __future__ import annotations

import json
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from app.core.ids import new_id
from app.credit import queries
from app.credit.checks import CheckOrder, check_order, credit_view
from app.credit.errors import (
    AccountUnknown,
    ApprovalByProposer,
    ApprovalLimitExceeded,
    FiguresInvalid,
    PolicyNotDraft,
    ReviewDecided,
    SecurityCancelled,
)
from app.credit.file.entries import (
    NewBureauScore,
    NewSecurity,
    NewStatement,
    add_bureau_scores,
    add_security,
    add_statements,
    cancel_security,
)
from app.credit.policies import activate_policy, change_policy, draft_policy
from app.credit.refresh import refresh_accounts
from app.credit.reviews.service import (
    NewReview,
    approve_review,
    change_proposal,
    open_review,
    recommend_review,
    reject_review,
)
from app.infra.database import Actor, WriteSession
from tests.conftest import RolledBackDatabase
from tests.factories import Tenant
from tests.receivables import add_account, flush, issue, value

TODAY = date(2026, 6, 15)
BOSS = Actor("user", new_id(), "Grace Approver", approval_limit_minor=None)
CLERK = Actor("user", new_id(), "Carl Clerk", approval_limit_minor=50_000)


async def limit(session: WriteSession, account_id: UUID, minor: int | None, **more: Any) -> None:
    for name, given in ({"credit_limit_minor": minor} | more).items():
        await session.driver.execute(
            f"UPDATE accounts SET {name} = $3 WHERE organization_id = $1 AND id = $2",
            session.organization_id, account_id, given,
        )  # fmt: skip


async def answer(session: WriteSession, account_id: UUID, amount_minor: int, **more: Any) -> str:
    command = CheckOrder(account_id, amount_minor, more.pop("currency", "EUR"), **more)
    return (await check_order(session, command, TODAY)).outcome


async def test_each_decision_names_the_policy_of_its_day(database: RolledBackDatabase, tenant: Tenant) -> None:
    async with database.write(tenant.organization_id, BOSS) as session:
        strict = await draft_policy(session, "strict", {"over_limit": "refuse"})
        await change_policy(session, strict, None, {"tolerance_percent": 10}, 1)
        await activate_policy(session, strict, TODAY + timedelta(days=1), TODAY, 2)
        with pytest.raises(PolicyNotDraft):
            await change_policy(session, strict, "x", {}, None)
        later = await draft_policy(session, "later", {})
        await activate_policy(session, later, TODAY + timedelta(days=10), TODAY, 1)
        await limit(session, tenant.account_id, 100)
        answers = []
        for days in (0, 1, 9, 10):
            command = CheckOrder(tenant.account_id, 111, "EUR")
            row = await check_order(session, command, TODAY + timedelta(days=days))
            answers.append((row.policy_version, row.outcome))
    assert answers == [(0, "refer"), (1, "refuse"), (1, "refuse"), (2, "refer")]


async def test_securities_reduce_what_is_unsecured_while_they_are_valid(session: WriteSession, tenant: Tenant) -> None:
    await issue(session, tenant, 1_000_00, TODAY)
    await flush(session)
    await limit(session, tenant.account_id, 500_00)
    new = NewSecurity(tenant.account_id, "insurance", "Euler", "EUR", 800_00, TODAY, TODAY + timedelta(9), 9_000)
    security = await add_security(session, new, TODAY)
    own = (await credit_view(session, tenant.account_id, TODAY)).exposure
    assert (own.secured_minor, own.unsecured_minor) == (720_00, 280_00)
    assert await answer(session, tenant.account_id, 1_00) == "approve"
    assert (await credit_view(session, tenant.account_id, TODAY + timedelta(10))).exposure.secured_minor == 0
    await cancel_security(session, security, "premium unpaid", TODAY, 1)
    assert await answer(session, tenant.account_id, 1_00) == "refer"
    with pytest.raises(SecurityCancelled):
        await cancel_security(session, security, "again", TODAY, None)


async def test_entries_of_the_file_are_taken_or_refused_one_by_one(session: WriteSession, tenant: Tenant) -> None:
    good = NewBureauScore("Bureau", Decimal(250), Decimal(600), Decimal(100), TODAY, account_number="C-1")
    results = await add_bureau_scores(
        session,
        [good, NewBureauScore("B", Decimal(1), Decimal(0), Decimal(9), TODAY, account_number="nobody"),
         NewBureauScore("B", Decimal(700), Decimal(600), Decimal(100), TODAY, account_number="C-1")],
    )  # fmt: skip
    assert [type(result) for result in results] == [tuple, AccountUnknown, FiguresInvalid]
    statements = await add_statements(
        session,
        [NewStatement(TODAY, "EUR", {"equity": 5}, account_id=tenant.account_id),
         NewStatement(TODAY, "EUR", {"luck": 5}, account_id=tenant.account_id),
         NewStatement(TODAY, "EUR", {}, account_id=tenant.account_id)],
    )  # fmt: skip
    assert [type(result) for result in statements] == [tuple, FiguresInvalid, FiguresInvalid]


async def test_a_review_is_recommended_changed_and_approved_by_somebody_else(
    database: RolledBackDatabase, tenant: Tenant
) -> None:
    account_id = tenant.account_id
    async with database.write(tenant.organization_id, tenant.actor) as session:
        for month in range(4):
            await issue(session, tenant, 900_00, TODAY - timedelta(days=30 * month + 1))
        statement = NewStatement(TODAY - timedelta(days=90), "EUR", {"equity": 3_000_00}, account_id=account_id)
        await add_statements(session, [statement])
    async with database.write(tenant.organization_id, CLERK) as session:
        review = await open_review(session, NewReview(account_id, "due"), TODAY)
        await recommend_review(session, review, TODAY, 1)
        row = await queries.get_review(session, review)
        assert (row.state, row.recommended_terms, row.version) == ("recommended", "keep", 2)
        assert row.recommended_limit_minor == 300_00, "a tenth of the equity"
        assert "equity" in [reason["code"] for reason in row.reasons]
        await change_proposal(session, review, {"proposed_limit_minor": 700_00, "proposed_risk_class": "low"}, TODAY, 2)
        with pytest.raises(ApprovalByProposer):
            await approve_review(session, review, None, TODAY, None)
    other = Actor("user", new_id(), "Olga Other", approval_limit_minor=699_99)
    async with database.write(tenant.organization_id, other) as session:
        with pytest.raises(ApprovalLimitExceeded):
            await approve_review(session, review, None, TODAY, None)
    async with database.write(tenant.organization_id, BOSS) as session:
        await approve_review(session, review, "agreed", TODAY, 3)
        with pytest.raises(ReviewDecided):
            await reject_review(session, review, "no", TODAY, None)
        account = (await queries.credit_accounts(session, [account_id]))[0]
        assert (account["credit_limit_minor"], account["risk_class"]) == (700_00, "low")
        assert account["next_review_on"] == date(2028, 6, 15), "24 months for a low risk"
        kept = await session.driver.fetchrow("SELECT * FROM credit_limit_changes")
        assert (kept["limit_before_minor"], kept["limit_minor"], kept["valid_from"]) == (None, 700_00, TODAY)
        assert await answer(session, account_id, 1, currency="EUR") == "refer", "3,600 are open"


async def test_an_unlimited_limit_needs_an_unlimited_approver(database: RolledBackDatabase, tenant: Tenant) -> None:
    async with database.write(tenant.organization_id, CLERK) as session:
        review = await open_review(session, NewReview(tenant.account_id), TODAY)
        await recommend_review(session, review, TODAY, None)
        await change_proposal(session, review, {"proposed_limit_minor": None}, TODAY, None)
    async with database.write(tenant.organization_id, tenant.actor) as session:
        with pytest.raises(ApprovalLimitExceeded):
            await approve_review(session, review, None, TODAY, None)
    async with database.write(tenant.organization_id, BOSS) as session:
        await approve_review(session, review, None, TODAY, None)
        assert await value(session, "accounts", tenant.account_id, "credit_limit_minor") is None


async def test_reviews_fall_due_by_risk_class_until_one_is_open(session: WriteSession, tenant: Tenant) -> None:
    high = await add_account(session, "high")
    await add_account(session, "without a limit")
    created = date(2026, 1, 10)
    await session.driver.execute("UPDATE accounts SET created_at = '2026-01-10 12:00+00'")
    await limit(session, high, 5, risk_class="high")
    await limit(session, tenant.account_id, 5, risk_class="medium")
    await refresh_accounts(session, [high, tenant.account_id], created)
    due = [[row["number"] for row in await queries.reviews_due(session, day, 10)]
           for day in (date(2026, 7, 9), date(2026, 7, 10), date(2027, 1, 10))]  # fmt: skip
    assert due == [[], ["high"], ["high", "C-1"]]
    after = (date(2026, 7, 10), high)
    assert [row["number"] for row in await queries.reviews_due(session, date(2027, 1, 10), 10, after=after)] == ["C-1"]
    await open_review(session, NewReview(high, "due"), TODAY)
    assert [row["number"] for row in await queries.reviews_due(session, date(2027, 1, 10), 10)] == ["C-1"]


async def test_stored_reasons_are_json(session: WriteSession, tenant: Tenant) -> None:
    row = await check_order(session, CheckOrder(tenant.account_id, 1, "EUR"), TODAY)
    assert json.loads(json.dumps(row.reasons)) == row.reasons
