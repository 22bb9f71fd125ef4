"""Compute ladder, status and score of accounts anew: at night for all of them, on events for those concerned.

Set-wise: a few statements for any number of accounts, and only what differs is written. Repeatable: the same facts
give the same rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from app.core.money import convert
from app.credit import queries
from app.credit.exposure import accounts_exposure
from app.credit.queries import Evaluated, PolicyInForce
from app.credit.reviews.recommending import next_review_date
from app.credit.rules import Exposure, Hold, effective_status, ladder
from app.credit.score_queries import payment_facts, window_of
from app.credit.scoring import PaymentFacts, score_account
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import SYSTEM, Database, WriteSession
from app.organizations.queries import Rates, rates_among

NIGHT_BATCH = 1_000
_FIRST = UUID(int=0)


async def refresh_all(database: Database, organization_id: UUID, today: date) -> int:
    """Every account of the organization, in steps of NIGHT_BATCH, each a transaction; returns how many."""
    count, after = 0, _FIRST
    while True:
        async with database.write(organization_id, SYSTEM) as session:
            ids = await queries.next_accounts(session, after, NIGHT_BATCH)
            if ids:
                await refresh_accounts(session, ids, today)
        count += len(ids)
        if len(ids) < NIGHT_BATCH:
            return count
        after = ids[-1]


async def refresh_accounts(session: WriteSession, account_ids: Sequence[UUID], today: date) -> int:
    """Evaluate these accounts as of `today`; returns how many changed their status. Unknown ids are passed over."""
    accounts = await queries.credit_accounts(session, account_ids, lock=True)
    if not accounts:
        return 0
    ids = [row["id"] for row in accounts]
    in_force = await queries.policy_on(session, today)
    currencies = {row["id"]: row["currency"] for row in accounts}
    exposures = await accounts_exposure(session, currencies, today)
    holds = await queries.standing_holds(session, ids)
    window = window_of(today, in_force.policy.score_window_months)
    facts = await payment_facts(session, currencies, window)
    rates = await rates_among(session, currencies.values(), today)
    rows = [
        _evaluate(row, exposures[row["id"]], holds.get(row["id"], []), facts[row["id"]], in_force, today, rates)
        for row in accounts
    ]
    changed = [row for row, account in zip(rows, accounts, strict=True) if _differs(row, account)]
    if changed:
        await queries.write_evaluated(session, changed, in_force.version, today)
    moved = [row for row in changed if row.status != row.status_before]
    for row in moved:
        _log(session, row, today, in_force.version)
    return len(moved)


def _evaluate(
    account: Any,
    exposure: Exposure,
    holds: Sequence[Hold],
    facts: PaymentFacts,
    in_force: PolicyInForce,
    today: date,
    rates: Rates,
) -> Evaluated:
    policy = in_force.policy
    minimum = minimum_overdue_minor(policy.minimum_overdue_minor, rates, exposure.currency)
    level, reasons = ladder(policy, exposure, account["credit_limit_minor"], minimum)
    score = score_account(facts, policy.weights)
    return Evaluated(
        account_id=account["id"],
        ladder_level=level,
        ladder_reasons=[reason.as_json() for reason in reasons],
        score=score.value if score else None,
        factors=[factor.as_json() for factor in score.factors] if score else [],
        days_beyond_terms=facts.days_beyond_terms,
        next_review_on=next_review_date(
            last_review_on=account["last_review_on"],
            known_since=account["created_at"].date(),
            limit_valid_until=account["limit_valid_until"],
            months=policy.months_between_reviews(account["risk_class"]),
            has_limit=account["credit_limit_minor"] is not None,
        ),
        status_before=account["credit_status"],
        status=effective_status(level, holds, today, account["source_credit_status"] or "ok"),
    )


def minimum_overdue_minor(minimum_minor: int, rates: Rates, currency: str) -> int:
    """The policy's minimum in a currency; as it stands where there is no rate."""
    rate = rates.rate(rates.base_currency, currency)
    return minimum_minor if rate is None else convert(minimum_minor, rates.base_currency, currency, rate)


def _differs(row: Evaluated, account: Any) -> bool:
    """Whether anything is to be written. An account without anything of interest gets no profile at all."""
    if not account["has_profile"]:
        found = row.ladder_level != "ok" or row.score is not None or row.next_review_on is not None
        return found or row.status != row.status_before
    # Factors change with the days although the score stands: scored accounts are compared in the statement.
    return row.score is not None or (
        row.ladder_level, row.ladder_reasons, row.score, row.days_beyond_terms, row.next_review_on, row.status
    ) != (
        account["ladder_level"], account["ladder_reasons"], account["score"], account["days_beyond_terms"],
        account["next_review_on"], account["credit_status"],
    )  # fmt: skip


def _log(session: WriteSession, row: Evaluated, today: date, version: int) -> None:
    record_change(
        session,
        ChangeRow(
            "account",
            row.account_id,
            "account.credit_status_changed",
            {"credit_status": row.status_before},
            {"credit_status": row.status, "policy_version": version, "reasons": row.ladder_reasons},
            today,
        ),
    )
