"""Reviews of limit and terms: a draft, a recommendation with its reasons, a proposal, and somebody else's decision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any
from uuid import UUID

from app.accounts.queries import known_ids, lock_account_tree
from app.accounts.upsert import update_account
from app.core.ids import new_id
from app.core.money import MAX_MINOR
from app.credit import queries
from app.credit.checks import credit_view
from app.credit.errors import (
    ApprovalByProposer,
    ApprovalLimitExceeded,
    ReviewDecided,
    ReviewInvalid,
)
from app.credit.models import CreditLimitChange, CreditReview
from app.credit.queries import get_review
from app.credit.refresh import refresh_accounts
from app.credit.reviews.queries import review_inputs
from app.credit.reviews.recommending import ReviewFacts, payment_capacity_minor, recommend
from app.credit.scoring import months_before
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import WriteSession
from app.infra.versions import RECORDED_NOW, check_version
from app.invoices.approval import within_own_limit

PROPOSAL = frozenset({"proposed_limit_minor", "proposed_payment_terms_id", "proposed_risk_class", "valid_until"})


@dataclass(frozen=True, slots=True)
class NewReview:
    """Review an account's limit and terms: because it is due, an order asks for it, its risk changed, or by hand."""

    account_id: UUID
    trigger: str = "manual"
    note: str | None = None


async def open_review(session: WriteSession, new: NewReview, today: date) -> UUID:
    """A draft with the account's present limit and terms. Raises AccountNotFound; ReviewOpen from the key."""
    view = await credit_view(session, new.account_id, today)
    row = CreditReview(
        organization_id=session.organization_id,
        id=new_id(),
        account_id=new.account_id,
        state="draft",
        trigger=new.trigger,
        note=new.note,
        currency=view.account["currency"],
        limit_before_minor=view.account["credit_limit_minor"],
        payment_terms_before_id=(await review_inputs(session, new.account_id, today)).payment_terms_id,
        created_by=session.actor.name,
        created_by_id=session.actor.id,
        hands=_with_hand([], session),
    )
    session.add(row)
    await session.flush()
    _log(session, row, "credit_review.opened", today)
    return row.id


async def recommend_review(session: WriteSession, review_id: UUID, today: date, expected_version: int | None) -> None:
    """Compute the recommendation from the facts of today and propose it; again, as long as nobody has decided.

    Raises ReviewNotFound, StaleVersion, ReviewDecided.
    """
    row = await _lock(session, review_id, expected_version, "draft", "recommended")
    view = await credit_view(session, row.account_id, today)
    inputs = await review_inputs(session, row.account_id, today)
    row.currency = view.account["currency"]
    statement = inputs.statement
    figures = statement["figures"] if statement is not None else {}
    facts = ReviewFacts(
        monthly_sales_minor=inputs.monthly_sales_minor,
        peak_exposure_minor=max(inputs.peak_minor, view.exposure.total_minor),
        net_days=inputs.net_days,
        days_beyond_terms=view.account["days_beyond_terms"],
        score=view.account["score"],
        limit_minor=view.account["credit_limit_minor"],
        secured_minor=sum(cover.amount_minor * cover.cover_bp // 10_000 for cover in view.exposure.covers),
        equity_minor=inputs.converted(figures.get("equity")),
        capacity_minor=inputs.converted(_capacity_minor(statement)),
        bureau_percent=inputs.bureau_percent,
        status=view.status,
    )
    found = recommend(facts)
    row.recommended_limit_minor, row.recommended_terms = found.limit_minor, found.terms
    row.reasons, row.facts = [reason.as_json() for reason in found.reasons], asdict(facts)
    row.policy_version = view.in_force.version
    row.proposed_limit_minor, row.proposed_payment_terms_id = found.limit_minor, row.payment_terms_before_id
    row.valid_until = months_before(today, -view.in_force.policy.limit_valid_months)
    _propose(session, row)
    await session.flush()
    _log(session, row, "credit_review.recommended", today)


async def change_proposal(
    session: WriteSession, review_id: UUID, changes: Mapping[str, Any], today: date, expected_version: int | None
) -> None:
    """Propose another limit (None: unlimited), other terms, a risk class or validity than the recommended ones.

    Whoever does so has a hand in the review and does not decide it. Raises ReviewNotFound, StaleVersion, ReviewDecided,
    ReviewInvalid.
    """
    row = await _lock(session, review_id, expected_version, "recommended")
    assert set(changes) <= PROPOSAL | {"note"}
    terms_id, limit = changes.get("proposed_payment_terms_id"), changes.get("proposed_limit_minor")
    if terms_id is not None and not await known_ids(session, "payment_terms", [terms_id]):
        raise ReviewInvalid("no such payment terms", pointer="/payment_terms_id")
    if limit is not None and not 0 <= limit <= MAX_MINOR:
        raise ReviewInvalid("the limit is zero or more, and in range", pointer="/limit")
    valid_until = changes.get("valid_until")
    if valid_until is not None and valid_until <= today:
        raise ReviewInvalid("the limit is valid beyond today", pointer="/valid_until")
    for name, value in changes.items():
        setattr(row, name, value)
    _propose(session, row)
    await session.flush()
    _log(session, row, "credit_review.changed", today)


async def approve_review(
    session: WriteSession, review_id: UUID, note: str | None, today: date, expected_version: int | None
) -> None:
    """Give the account the proposed limit, terms and risk class from today on.

    Raises ReviewNotFound, StaleVersion, ReviewDecided, ReviewInvalid (validity is over), ApprovalByProposer,
    ApprovalLimitExceeded (also for an unlimited limit by somebody whose approvals are limited).
    """
    await lock_account_tree(session)  # `update_account` wants it before any row of an account is locked
    row = await _lock(session, review_id, expected_version, "recommended")
    _check_other_person(session, row)
    (account,) = await queries.credit_accounts(session, [row.account_id])
    if account["currency"] != row.currency:
        raise ReviewInvalid("the account's currency has changed; compute the recommendation anew", pointer="/limit")
    unlimited = row.proposed_limit_minor is None
    allowed = session.actor.approval_limit_minor is None if unlimited else await within_own_limit(
        session, row.proposed_limit_minor or 0, row.currency, today
    )  # fmt: skip
    if not allowed:
        raise ApprovalLimitExceeded("the limit is above what you may approve")
    if row.valid_until is not None and row.valid_until <= today:
        raise ReviewInvalid("the proposed validity is over", pointer="/valid_until")
    changes: dict[str, Any] = {"credit_limit_minor": row.proposed_limit_minor}
    if row.proposed_payment_terms_id != row.payment_terms_before_id:  # else what somebody agreed meanwhile stays
        changes["payment_terms_id"] = row.proposed_payment_terms_id
    if row.proposed_risk_class is not None:
        changes["risk_class"] = row.proposed_risk_class
    await update_account(session, row.account_id, changes)
    _decide(session, row, "approved", note, today)
    session.add(_limit_change(session, row, today))
    await session.flush()
    await queries.keep_review_dates(session, row.account_id, today, row.valid_until)
    _log(session, row, "credit_review.approved", today)
    await refresh_accounts(session, [row.account_id], today)


async def reject_review(
    session: WriteSession, review_id: UUID, note: str, today: date, expected_version: int | None
) -> None:
    """Leave everything as it is; the account counts as reviewed only when a review was approved.

    Raises ReviewNotFound, StaleVersion, ReviewDecided, ApprovalByProposer.
    """
    row = await _lock(session, review_id, expected_version, "draft", "recommended")
    if row.state == "recommended":
        _check_other_person(session, row)
    _decide(session, row, "rejected", note, today)
    await session.flush()
    _log(session, row, "credit_review.rejected", today)


def _capacity_minor(statement: Any | None) -> int | None:
    return None if statement is None else payment_capacity_minor(statement["figures"], statement["months"])


def _propose(session: WriteSession, row: CreditReview) -> None:
    row.state = "recommended"
    row.proposed_by, row.proposed_by_id = session.actor.name, session.actor.id
    row.hands = _with_hand(row.hands, session)
    _touch(row)


def _decide(session: WriteSession, row: CreditReview, state: str, note: str | None, today: date) -> None:
    row.state, row.decision_note, row.decided_on = state, note, today
    row.decided_by, row.decided_by_id = session.actor.name, session.actor.id
    _touch(row)


def _check_other_person(session: WriteSession, row: CreditReview) -> None:
    if session.actor.id is None or had_a_hand(row, session.actor.id):
        raise ApprovalByProposer("whoever opened, proposed or edited the review does not decide it")


def _with_hand(hands: list[Any], session: WriteSession) -> list[Any]:
    own = None if session.actor.id is None else str(session.actor.id)
    return hands if own is None or own in hands else [*hands, own]


def had_a_hand(row: CreditReview, actor_id: UUID | None) -> bool:
    """Whether somebody opened, proposed or edited the review, however long ago."""
    return actor_id in (row.created_by_id, row.proposed_by_id) or str(actor_id) in row.hands


async def _lock(session: WriteSession, review_id: UUID, expected_version: int | None, *states: str) -> CreditReview:
    found = await get_review(session, review_id)
    await queries.credit_accounts(session, [found.account_id], lock=True)  # accounts before reviews, as everywhere
    row = await get_review(session, review_id, lock=True)
    check_version(expected_version, row.version)
    if row.state not in states:
        raise ReviewDecided(f"the review is {row.state}", state=row.state)
    return row


def _limit_change(session: WriteSession, row: CreditReview, today: date) -> CreditLimitChange:
    return CreditLimitChange(
        organization_id=session.organization_id,
        id=new_id(),
        account_id=row.account_id,
        review_id=row.id,
        currency=row.currency,
        limit_before_minor=row.limit_before_minor,
        limit_minor=row.proposed_limit_minor,
        payment_terms_before_id=row.payment_terms_before_id,
        payment_terms_id=row.proposed_payment_terms_id,
        risk_class=row.proposed_risk_class,
        valid_from=today,
        valid_until=row.valid_until,
        actor_name=session.actor.name,
    )


def _touch(row: CreditReview) -> None:
    row.version += 1
    row.updated_at = RECORDED_NOW


def _log(session: WriteSession, row: CreditReview, event: str, today: date) -> None:
    after = {
        "account_id": row.account_id, "state": row.state, "currency": row.currency,
        "recommended_limit_minor": row.recommended_limit_minor, "proposed_limit_minor": row.proposed_limit_minor,
        "valid_until": row.valid_until,
    }  # fmt: skip
    record_change(session, ChangeRow("credit_review", row.id, event, None, after, today, row.decision_note))
