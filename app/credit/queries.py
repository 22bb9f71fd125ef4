"""SQL of the credit room besides exposure and score: policy, standing holds, profiles, accounts, files, reviews."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Select, and_, exists, select
from sqlalchemy.orm import aliased

from app.accounts.models import Account
from app.core.errors import NotFound
from app.core.ids import new_id
from app.credit.errors import (
    DecisionNotFound,
    HoldNotFound,
    PolicyNotFound,
    ReviewNotFound,
    SecurityNotFound,
)
from app.credit.models import (
    CreditDecision,
    CreditHold,
    CreditPolicyVersion,
    CreditProfile,
    CreditReview,
    CreditSecurity,
)
from app.credit.rules import DEFAULT_POLICY, DEFAULT_POLICY_VERSION, CreditPolicy, Hold, policy_from_json
from app.infra.database import ReadSession, WriteSession

Row = TypeVar("Row")
_POLICY = """
SELECT number, definition FROM credit_policies
WHERE organization_id = $1 AND state = 'active' AND valid_from <= $2 ORDER BY valid_from DESC LIMIT 1
"""
_ACCOUNTS = """
SELECT a.id, a.number, a.currency, a.credit_limit_minor, a.credit_status, a.source_credit_status, a.risk_class,
       a.status, a.created_at, p.id IS NOT NULL AS has_profile, coalesce(p.ladder_level, 'ok') AS ladder_level,
       p.ladder_reasons, p.score, p.days_beyond_terms, p.policy_version, p.limit_valid_until, p.last_review_on,
       p.next_review_on
FROM accounts a LEFT JOIN credit_profiles p ON p.organization_id = $1 AND p.id = a.id
WHERE a.organization_id = $1 AND a.id = ANY($2::uuid[]) ORDER BY a.id
"""
_NEXT_ACCOUNTS = """
SELECT id FROM accounts WHERE organization_id = $1 AND id > $2 AND status <> 'merged' ORDER BY id LIMIT $3
"""
_UPSERT_PROFILES = """
INSERT INTO credit_profiles AS p (organization_id, id, ladder_level, ladder_reasons, score, days_beyond_terms,
    policy_version, evaluated_on, next_review_on)
SELECT $1, r.id, r.ladder_level, r.ladder_reasons, r.score, r.days_beyond_terms, $7, $8, r.next_review_on
FROM unnest($2::uuid[], $3::text[], $4::jsonb[], $5::int[], $6::int[], $9::date[])
    AS r(id, ladder_level, ladder_reasons, score, days_beyond_terms, next_review_on)
ON CONFLICT (organization_id, id) DO UPDATE SET ladder_level = excluded.ladder_level,
    ladder_reasons = excluded.ladder_reasons, score = excluded.score, days_beyond_terms = excluded.days_beyond_terms,
    policy_version = excluded.policy_version, evaluated_on = excluded.evaluated_on,
    next_review_on = excluded.next_review_on, recorded_at = current_setting('app.recorded_at')::timestamptz
WHERE (p.ladder_level, p.ladder_reasons, p.score, p.days_beyond_terms, p.policy_version, p.next_review_on)
    IS DISTINCT FROM (excluded.ladder_level, excluded.ladder_reasons, excluded.score, excluded.days_beyond_terms,
                      excluded.policy_version, excluded.next_review_on)
"""
_UPSERT_SCORES = """
INSERT INTO credit_scores AS s (organization_id, id, account_id, month, score, factors, policy_version, computed_on)
SELECT $1, r.id, r.account_id, $6, r.score, r.factors, $7, $8
FROM unnest($2::uuid[], $3::uuid[], $4::int[], $5::jsonb[]) AS r(id, account_id, score, factors)
ON CONFLICT (organization_id, account_id, month) DO UPDATE SET score = excluded.score, factors = excluded.factors,
    policy_version = excluded.policy_version, computed_on = excluded.computed_on,
    recorded_at = current_setting('app.recorded_at')::timestamptz
WHERE (s.score, s.factors, s.policy_version)
    IS DISTINCT FROM (excluded.score, excluded.factors, excluded.policy_version)
"""
_SET_STATUS = """
UPDATE accounts a SET credit_status = r.status, version = a.version + 1,
    updated_at = current_setting('app.recorded_at')::timestamptz
FROM unnest($2::uuid[], $3::text[]) AS r(id, status)
WHERE a.organization_id = $1 AND a.id = r.id AND a.credit_status <> r.status
"""
_STATUS_CHANGES = """
INSERT INTO credit_status_changes (organization_id, id, account_id, status_before, status, reasons, policy_version,
    effective_date, actor_name)
SELECT $1, r.id, r.account_id, r.status_before, r.status, r.reasons, $7, $8, $9
FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::jsonb[])
    AS r(id, account_id, status_before, status, reasons)
"""
_REVIEWS_DUE = """
SELECT p.id AS account_id, p.next_review_on, p.score, a.number, a.name, a.risk_class, a.credit_status,
       a.credit_limit_minor, a.currency, a.collector_id, p.limit_valid_until
FROM credit_profiles p JOIN accounts a ON a.organization_id = $1 AND a.id = p.id AND a.status = 'active'
WHERE p.organization_id = $1 AND p.next_review_on IS NOT NULL AND p.next_review_on <= $2
  AND ($3::date IS NULL OR (p.next_review_on, p.id) > ($3, $4::uuid))
  AND ($6::uuid IS NULL OR a.collector_id = $6)
  AND NOT EXISTS (SELECT FROM credit_reviews r WHERE r.organization_id = $1 AND r.account_id = p.id
                  AND r.state IN ('draft', 'recommended'))
ORDER BY p.next_review_on, p.id LIMIT $5
"""


@dataclass(frozen=True, slots=True)
class PolicyInForce:
    """The policy of a day and the version that decisions name."""

    version: int
    policy: CreditPolicy


async def policy_on(session: ReadSession, day: date) -> PolicyInForce:
    """The activated version with the latest start that has come; the shipped default where there is none."""
    row = await session.driver.fetchrow(_POLICY, session.organization_id, day)
    if row is None:
        return PolicyInForce(DEFAULT_POLICY_VERSION, DEFAULT_POLICY)
    return PolicyInForce(row["number"], policy_from_json(row["definition"]))


async def standing_holds(session: ReadSession, account_ids: Sequence[UUID]) -> dict[UUID, list[Hold]]:
    """Holds and overrides of these accounts that are not released; by account."""
    rows = await session.driver.fetch(
        "SELECT account_id, kind, level, placed_on, until FROM credit_holds"
        " WHERE organization_id = $1 AND account_id = ANY($2::uuid[]) AND released_on IS NULL",
        session.organization_id,
        list(account_ids),
    )
    found: dict[UUID, list[Hold]] = {}
    for row in rows:
        hold = Hold(row["kind"], row["level"], row["placed_on"], row["until"])
        found.setdefault(row["account_id"], []).append(hold)
    return found


async def credit_accounts(session: ReadSession, account_ids: Iterable[UUID], *, lock: bool = False) -> list[Any]:
    """What credit needs of accounts, with what was computed of them; locked in the order of their ids if asked."""
    statement = f"{_ACCOUNTS} FOR NO KEY UPDATE OF a" if lock else _ACCOUNTS
    return list(await session.driver.fetch(statement, session.organization_id, list(account_ids)))


async def next_accounts(session: ReadSession, after: UUID, limit: int) -> list[UUID]:
    """The next accounts behind an id, in the order of ids."""
    rows = await session.driver.fetch(_NEXT_ACCOUNTS, session.organization_id, after, limit)
    return [row["id"] for row in rows]


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What a refresh found of an account."""

    account_id: UUID
    ladder_level: str
    ladder_reasons: list[dict[str, Any]]
    score: int | None
    factors: list[dict[str, Any]]
    days_beyond_terms: int | None
    next_review_on: date | None
    status_before: str
    status: str


async def write_evaluated(session: WriteSession, rows: Sequence[Evaluated], version: int, today: date) -> None:
    """Write what differs from before: profiles, the month's scores, statuses with their history."""
    organization = session.organization_id
    await session.driver.execute(
        _UPSERT_PROFILES, organization, [row.account_id for row in rows], [row.ladder_level for row in rows],
        [json.dumps(row.ladder_reasons) for row in rows], [row.score for row in rows],
        [row.days_beyond_terms for row in rows], version, today, [row.next_review_on for row in rows],
    )  # fmt: skip
    scored = [row for row in rows if row.score is not None]
    if scored:
        await session.driver.execute(
            _UPSERT_SCORES, organization, [new_id() for _ in scored], [row.account_id for row in scored],
            [row.score for row in scored], [json.dumps(row.factors) for row in scored], today.replace(day=1), version,
            today,
        )  # fmt: skip
    moved = [row for row in rows if row.status != row.status_before]
    if moved:
        await session.driver.execute(
            _SET_STATUS, organization, [row.account_id for row in moved], [row.status for row in moved]
        )
        await session.driver.execute(
            _STATUS_CHANGES, organization, [new_id() for _ in moved], [row.account_id for row in moved],
            [row.status_before for row in moved], [row.status for row in moved],
            [json.dumps(row.ladder_reasons) for row in moved], version, today, session.actor.name,
        )  # fmt: skip


async def reviews_due(
    session: ReadSession,
    today: date,
    limit: int,
    *,
    after: tuple[date, UUID] | None = None,
    collector_id: UUID | None = None,
) -> list[Any]:
    """Accounts whose credit review is due and not begun, longest due first; `after` is (next_review_on, account_id).

    Rows have account_id, number, name, next_review_on, score, risk_class, credit_status, credit_limit_minor, currency,
    collector_id, limit_valid_until.
    """
    day, account_id = after or (None, None)
    return list(
        await session.driver.fetch(_REVIEWS_DUE, session.organization_id, today, day, account_id, limit, collector_id)
    )


async def keep_review_dates(
    session: WriteSession, account_id: UUID, reviewed_on: date, limit_valid_until: date | None
) -> None:
    """Note that the account's limit was reviewed, and until when it is valid."""
    await session.driver.execute(
        "INSERT INTO credit_profiles AS p (organization_id, id, last_review_on, limit_valid_until)"
        " VALUES ($1, $2, $3, $4) ON CONFLICT (organization_id, id)"
        " DO UPDATE SET last_review_on = excluded.last_review_on, limit_valid_until = excluded.limit_valid_until",
        session.organization_id,
        account_id,
        reviewed_on,
        limit_valid_until,
    )


_COUNTS = """
SELECT (SELECT count(*) FROM credit_decisions d WHERE d.organization_id = $1 AND d.outcome = 'refer' AND NOT EXISTS (
            SELECT FROM credit_decisions a WHERE a.organization_id = $1 AND a.answers_id = d.id)) AS referred_waiting,
       (SELECT count(*) FROM credit_reviews WHERE organization_id = $1 AND state = 'draft') AS reviews_drafted,
       (SELECT count(*) FROM credit_reviews WHERE organization_id = $1 AND state = 'recommended') AS reviews_to_decide,
       (SELECT count(*) FROM credit_profiles p JOIN accounts a ON a.organization_id = $1 AND a.id = p.id
            AND a.status = 'active' WHERE p.organization_id = $1 AND p.next_review_on <= $2 AND NOT EXISTS (
            SELECT FROM credit_reviews r WHERE r.organization_id = $1 AND r.account_id = p.id
            AND r.state IN ('draft', 'recommended'))) AS reviews_due,
       (SELECT count(*) FROM credit_holds WHERE organization_id = $1 AND released_on IS NULL
            AND (until IS NULL OR until >= $2)) AS holds_standing,
       (SELECT count(*) FROM credit_securities WHERE organization_id = $1 AND cancelled_on IS NULL
            AND valid_until BETWEEN $2 AND $2 + 30) AS securities_ending,
       (SELECT count(*) FROM accounts WHERE organization_id = $1 AND credit_status = 'watch') AS accounts_on_watch,
       (SELECT count(*) FROM accounts WHERE organization_id = $1 AND credit_status = 'hold') AS accounts_on_hold,
       (SELECT count(*) FROM accounts WHERE organization_id = $1 AND credit_status = 'stop') AS accounts_on_stop
"""


async def credit_counts(session: ReadSession, today: date) -> dict[str, int]:
    """How much waits: referred orders, reviews, securities that end within 30 days, accounts by status."""
    row = await session.driver.fetchrow(_COUNTS, session.organization_id, today)
    assert row is not None
    return dict(row)


def profiles_statement(organization_id: UUID, max_score: int | None, collector_id: UUID | None) -> Any:
    """A list of scored accounts with what was computed of them, without order and bounds."""
    statement = (
        select(CreditProfile, Account.number, Account.name, Account.credit_status, Account.risk_class)
        .join(Account, and_(Account.organization_id == organization_id, Account.id == CreditProfile.id))
        .where(CreditProfile.organization_id == organization_id, CreditProfile.score.is_not(None))
    )
    if max_score is not None:
        statement = statement.where(CreditProfile.score <= max_score)
    return statement if collector_id is None else statement.where(Account.collector_id == collector_id)


async def scores_of(session: ReadSession, account_ids: Sequence[UUID]) -> dict[UUID, Any]:
    """Score, days beyond terms and ladder of these accounts, by id; for worklists. Accounts never evaluated lack."""
    rows = await session.driver.fetch(
        "SELECT id, score, days_beyond_terms, ladder_level, evaluated_on FROM credit_profiles"
        " WHERE organization_id = $1 AND id = ANY($2::uuid[])",
        session.organization_id,
        list(account_ids),
    )
    return {row["id"]: row for row in rows}


async def latest_score(session: ReadSession, account_id: UUID) -> Any | None:
    """The newest monthly score with its factors, or None."""
    return await session.driver.fetchrow(
        "SELECT month, score, factors, policy_version, computed_on FROM credit_scores"
        " WHERE organization_id = $1 AND account_id = $2 ORDER BY month DESC LIMIT 1",
        session.organization_id,
        account_id,
    )


async def get_policy(session: ReadSession, policy_id: UUID, *, lock: bool = False) -> CreditPolicyVersion:
    """One version. Raises PolicyNotFound."""
    return await _get(session, CreditPolicyVersion, policy_id, PolicyNotFound("no such credit policy"), lock)


async def get_decision(session: ReadSession, decision_id: UUID) -> CreditDecision:
    """One decision. Raises DecisionNotFound."""
    return await _get(session, CreditDecision, decision_id, DecisionNotFound("no such credit decision"), False)


async def get_hold(session: ReadSession, hold_id: UUID, *, lock: bool = False) -> CreditHold:
    """One hold or override. Raises HoldNotFound."""
    return await _get(session, CreditHold, hold_id, HoldNotFound("no such hold"), lock)


async def get_security(session: ReadSession, security_id: UUID, *, lock: bool = False) -> CreditSecurity:
    """One security. Raises SecurityNotFound."""
    return await _get(session, CreditSecurity, security_id, SecurityNotFound("no such security"), lock)


async def get_review(session: ReadSession, review_id: UUID, *, lock: bool = False) -> CreditReview:
    """One review. Raises ReviewNotFound."""
    return await _get(session, CreditReview, review_id, ReviewNotFound("no such credit review"), lock)


async def _get(session: ReadSession, table: type[Row], row_id: UUID, refusal: NotFound, lock: bool) -> Row:
    found = await session.get(
        table,
        (session.organization_id, row_id),
        with_for_update={"key_share": True} if lock else None,
        populate_existing=True,
    )
    if found is None:
        raise refusal
    return found


def decisions_statement(organization_id: UUID, equal: Mapping[str, Any], waiting: bool | None) -> Select[Any]:
    """A list of decisions; `waiting` are referred ones that nobody has answered."""
    statement = statement_of(CreditDecision, organization_id, equal)
    if waiting is None:
        return statement
    answers = aliased(CreditDecision)
    answered = exists().where(answers.organization_id == organization_id, answers.answers_id == CreditDecision.id)
    open_question = and_(CreditDecision.outcome == "refer", ~answered)
    return statement.where(open_question if waiting else ~open_question)


async def answered_among(session: ReadSession, decision_ids: Sequence[UUID]) -> set[UUID]:
    """Those of the decisions that a person has answered."""
    rows = await session.driver.fetch(
        "SELECT answers_id FROM credit_decisions WHERE organization_id = $1 AND answers_id = ANY($2::uuid[])",
        session.organization_id,
        list(decision_ids),
    )
    return {row["answers_id"] for row in rows}


def statement_of(table: type[Row], organization_id: UUID, equal: Mapping[str, Any]) -> Select[Row]:
    """A list of one table narrowed by the filters that are not None, without order and bounds."""
    of: Any = table
    statement = select(table).where(of.organization_id == organization_id)
    for name, value in equal.items():
        if value is not None:
            statement = statement.where(getattr(of, name) == value)
    return statement
