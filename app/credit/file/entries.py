"""The credit file of an account: bureau scores, financial statements, securities, remarks. Entered or imported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from app.accounts.queries import account_ids_by_number, known_ids
from app.core.errors import DomainError
from app.core.ids import new_id
from app.credit.errors import AccountUnknown, FiguresInvalid, SecurityCancelled, SecurityInvalid
from app.credit.models import BureauScore, CreditRemark, CreditSecurity, FinancialStatement
from app.credit.queries import get_security
from app.credit.refresh import refresh_accounts
from app.credit.reviews.recommending import FIGURES
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import WriteSession
from app.infra.versions import RECORDED_NOW, check_version


@dataclass(frozen=True, slots=True)
class NewBureauScore:
    """A bureau's score with its scale: `best_score` may be the lower end (an index where 100 is best, 600 worst)."""

    provider: str
    score: Decimal
    worst_score: Decimal
    best_score: Decimal
    scored_on: date
    account_id: UUID | None = None
    account_number: str | None = None
    rating: str | None = None
    recommended_limit_minor: int | None = None
    currency: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class NewStatement:
    """Figures of a period of so many months that ended on a day, minor units by the names in FIGURES."""

    period_end: date
    currency: str
    figures: Mapping[str, int]
    months: int = 12
    account_id: UUID | None = None
    account_number: str | None = None
    audited: bool = False
    note: str | None = None


@dataclass(frozen=True, slots=True)
class NewSecurity:
    """Up to `amount_minor`, of which `cover_bp` basis points are borne by the provider, from when to when."""

    account_id: UUID
    kind: str
    provider: str
    currency: str
    amount_minor: int
    valid_from: date
    valid_until: date | None = None
    cover_bp: int = 10_000
    reference: str | None = None
    note: str | None = None


async def add_bureau_scores(
    session: WriteSession, items: Sequence[NewBureauScore]
) -> list[tuple[str, UUID] | DomainError]:
    """Add each; ("created", id) or the refusal of each, in order: AccountUnknown, FiguresInvalid."""
    accounts = await _accounts(session, items)
    results: list[tuple[str, UUID] | DomainError] = []
    for item, account_id in zip(items, accounts, strict=True):
        low, high = sorted((item.worst_score, item.best_score))
        if account_id is None:
            results.append(AccountUnknown("no such account", pointer="/account_id"))
        elif low == high or not low <= item.score <= high:
            results.append(FiguresInvalid("the score lies between the ends of its scale", pointer="/score"))
        else:
            values = _values(item)
            row = BureauScore(**_identity(session), account_id=account_id, actor_name=session.actor.name, **values)
            session.add(row)
            facts = {"account_id": account_id, "provider": item.provider, "score": item.score}
            _log(session, "bureau_score", row.id, "bureau_score.added", facts, item.scored_on)
            results.append(("created", row.id))
    await session.flush()
    return results


async def add_statements(session: WriteSession, items: Sequence[NewStatement]) -> list[tuple[str, UUID] | DomainError]:
    """Add each; ("created", id) or the refusal of each, in order: AccountUnknown, FiguresInvalid."""
    accounts = await _accounts(session, items)
    results: list[tuple[str, UUID] | DomainError] = []
    for item, account_id in zip(items, accounts, strict=True):
        unknown = sorted(set(item.figures) - set(FIGURES))
        if account_id is None:
            results.append(AccountUnknown("no such account", pointer="/account_id"))
        elif not item.figures or unknown:
            detail = f"{unknown[0][:40]!r} is no figure" if unknown else "a statement has one figure at least"
            results.append(FiguresInvalid(detail, pointer="/figures"))
        else:
            values = _values(item) | {"figures": dict(item.figures)}
            row = FinancialStatement(
                **_identity(session), account_id=account_id, actor_name=session.actor.name, **values
            )
            session.add(row)
            facts = {"account_id": account_id, "period_end": item.period_end}
            _log(session, "financial_statement", row.id, "financial_statement.added", facts, item.period_end)
            results.append(("created", row.id))
    await session.flush()
    return results


async def add_security(session: WriteSession, new: NewSecurity, today: date) -> UUID:
    """Add insurance, a guarantee or the like. Raises AccountUnknown, SecurityInvalid."""
    if not await known_ids(session, "accounts", [new.account_id]):
        raise AccountUnknown("no such account", pointer="/account_id")
    if new.amount_minor <= 0:
        raise SecurityInvalid("a security covers a positive amount", pointer="/amount")
    if new.valid_until is not None and new.valid_until < new.valid_from:
        raise SecurityInvalid("a security ends after it begins", pointer="/valid_until")
    values = {name: getattr(new, name) for name in NewSecurity.__slots__}
    row = CreditSecurity(**_identity(session), **values)
    session.add(row)
    await session.flush()
    facts = {name: values[name] for name in ("account_id", "kind", "currency", "amount_minor", "cover_bp")}
    _log(session, "credit_security", row.id, "credit_security.added", facts, new.valid_from)
    await refresh_accounts(session, [new.account_id], today)
    return row.id


async def cancel_security(
    session: WriteSession, security_id: UUID, reason: str, today: date, expected_version: int | None
) -> None:
    """End a security today. Raises SecurityNotFound, StaleVersion, SecurityCancelled."""
    row = await get_security(session, security_id, lock=True)
    check_version(expected_version, row.version)
    if row.cancelled_on is not None:
        raise SecurityCancelled(f"it was cancelled on {row.cancelled_on}")
    row.cancelled_on, row.cancel_reason = today, reason
    row.version += 1
    row.updated_at = RECORDED_NOW
    await session.flush()
    facts = {"account_id": row.account_id, "cancelled_on": today}
    _log(session, "credit_security", row.id, "credit_security.cancelled", facts, today)
    await refresh_accounts(session, [row.account_id], today)


async def add_remark(session: WriteSession, account_id: UUID, kind: str, body: str) -> UUID:
    """Note what a collector knows of behaviour or risk; the change log holds that there is one, not what it says.

    Raises AccountUnknown.
    """
    if not await known_ids(session, "accounts", [account_id]):
        raise AccountUnknown("no such account", pointer="/account_id")
    row = CreditRemark(
        **_identity(session),
        account_id=account_id,
        kind=kind,
        body=body,
        actor_id=session.actor.id,
        actor_name=session.actor.name,
    )
    session.add(row)
    await session.flush()
    _log(session, "credit_remark", row.id, "credit_remark.added", {"account_id": account_id, "kind": kind}, None)
    return row.id


async def _accounts(
    session: WriteSession, items: Sequence[NewBureauScore] | Sequence[NewStatement]
) -> list[UUID | None]:
    known = await known_ids(session, "accounts", [i.account_id for i in items if i.account_id is not None])
    numbers = await account_ids_by_number(session, [i.account_number for i in items if i.account_number is not None])
    found: list[UUID | None] = []
    for item in items:
        if item.account_id is not None:
            found.append(item.account_id if item.account_id in known else None)
        else:
            found.append(numbers.get(item.account_number or ""))
    return found


def _values(item: NewBureauScore | NewStatement) -> dict[str, Any]:
    names = type(item).__slots__
    return {name: getattr(item, name) for name in names if name not in ("account_id", "account_number")}


def _identity(session: WriteSession) -> dict[str, UUID]:
    return {"organization_id": session.organization_id, "id": new_id()}


def _log(
    session: WriteSession, entity: str, row_id: UUID, event: str, after: Mapping[str, Any], day: date | None
) -> None:
    record_change(session, ChangeRow(entity, row_id, event, None, dict(after), day))
