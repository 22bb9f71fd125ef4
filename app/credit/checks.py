"""Answer an order: approve, refer or refuse, by the policy in force; and what a person answers to a referred one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from app.accounts.errors import AccountNotFound
from app.core.ids import new_id
from app.core.money import convert
from app.credit import queries
from app.credit.errors import ApprovalByProposer, ApprovalLimitExceeded, DecisionNotReferred
from app.credit.exposure import ExposureRows, group_exposure
from app.credit.models import CreditDecision
from app.credit.orders import OrderCommand, upsert_orders
from app.credit.refresh import minimum_overdue_minor
from app.credit.rules import (
    CreditFacts,
    Exposure,
    GroupLevel,
    Hold,
    Order,
    Reason,
    decide,
    effective_status,
    ladder,
    worst,
)
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import ReadSession, WriteSession
from app.invoices.approval import within_own_limit

_PATH = """
WITH RECURSIVE up AS (
    SELECT id, parent_id, 0 AS depth FROM accounts WHERE organization_id = $1 AND id = $2
    UNION ALL
    SELECT a.id, a.parent_id, up.depth + 1 FROM up
    JOIN accounts a ON a.organization_id = $1 AND a.id = up.parent_id WHERE up.depth < 32
)
SELECT id FROM up ORDER BY depth
"""
_TREE = """
WITH RECURSIVE tree AS (
    SELECT id, parent_id, 0 AS depth FROM accounts WHERE organization_id = $1 AND id = $2
    UNION
    SELECT a.id, a.parent_id, tree.depth + 1 FROM tree
    JOIN accounts a ON a.organization_id = $1 AND a.parent_id = tree.id WHERE tree.depth < 32
)
SELECT id, parent_id FROM tree ORDER BY depth LIMIT 10000
"""


@dataclass(frozen=True, slots=True)
class CheckOrder:
    """An order to be answered. With a reference, what is reported open of the same order is left out of the exposure;
    with `reserve`, an approved order counts as open from now on, until the source reports it or the policy's
    `reservation_days` are over."""

    account_id: UUID
    amount_minor: int
    currency: str
    source: str | None = None
    external_id: str | None = None
    reserve: bool = False


@dataclass(frozen=True, slots=True)
class CreditView:
    """An account's credit as of a day: what is open of it and of its group, limit, status, policy."""

    today: date
    account: Any
    top: Any | None
    exposure: Exposure
    group_exposure: Exposure | None
    rows: ExposureRows
    status: str
    group_status: str
    ladder_level: str
    ladder_reasons: tuple[Reason, ...]
    in_force: queries.PolicyInForce
    levels: tuple[LevelView, ...] = ()


@dataclass(frozen=True, slots=True)
class LevelView:
    """An account on the way up, with what it and all below it owe, in its currency."""

    account: Any
    exposure: Exposure
    status: str


async def credit_view(
    session: ReadSession,
    account_id: UUID,
    today: date,
    *,
    without_order: tuple[str, str] | None = None,
    order_currency: str | None = None,
    lock: bool = False,
) -> CreditView:
    """Everything that an answer needs; the status is that of this moment, not of last night. Raises AccountNotFound."""
    path = [row["id"] for row in await session.driver.fetch(_PATH, session.organization_id, account_id)]
    top_id = path[-1] if path else account_id
    accounts = {row["id"]: row for row in await queries.credit_accounts(session, path, lock=lock)}
    if account_id not in accounts:
        raise AccountNotFound("no such account")
    account, top = accounts[account_id], accounts[top_id] if top_id != account_id else None
    currencies = {row["currency"] for row in accounts.values()} | ({order_currency} if order_currency else set())
    rows = await group_exposure(session, account_id, today, currencies, without_order=without_order)
    in_force = await queries.policy_on(session, today)
    holds = await queries.standing_holds(session, list(accounts))
    own = rows.exposure(account["currency"], [account_id])
    minimum = minimum_overdue_minor(in_force.policy.minimum_overdue_minor, rows.rates, own.currency)
    level, reasons = ladder(in_force.policy, own, account["credit_limit_minor"], minimum)
    status = effective_status(level, holds.get(account_id, []), today, account["source_credit_status"] or "ok")
    group_status = "ok"
    if top is not None:  # what people and the ERP said of the top holds for the group; its own lateness does not
        group_status = effective_status("ok", holds.get(top["id"], []), today, top["source_credit_status"] or "ok")
    return CreditView(
        today=today,
        account=account,
        top=top,
        exposure=own,
        group_exposure=None if top is None else rows.exposure(top["currency"]),
        rows=rows,
        status=status,
        group_status=group_status,
        ladder_level=level,
        ladder_reasons=reasons,
        in_force=in_force,
        levels=await _levels(session, list(dict.fromkeys(path[:-1])), top_id, accounts, holds, rows, today),
    )


async def _levels(
    session: ReadSession,
    below_top: Sequence[UUID],
    top_id: UUID,
    accounts: Mapping[UUID, Any],
    holds: Mapping[UUID, list[Hold]],
    rows: ExposureRows,
    today: date,
) -> tuple[LevelView, ...]:
    """The accounts between this one and the top that have a limit or a hold; this one too if members stand below it.

    As of the top, what people and the ERP said of them holds for all below; their own lateness does not.
    """
    statuses = {
        id_: effective_status("ok", holds.get(id_, []), today, accounts[id_]["source_credit_status"] or "ok")
        for id_ in below_top
    }
    telling = [id_ for id_ in below_top if accounts[id_]["credit_limit_minor"] is not None or statuses[id_] != "ok"]
    if not telling:
        return ()
    children: dict[UUID, list[UUID]] = {}
    for row in await session.driver.fetch(_TREE, session.organization_id, top_id):
        children.setdefault(row["parent_id"], []).append(row["id"])
    found = []
    for id_ in telling:
        members, at = [id_], 0
        while at < len(members):
            members += [child for child in children.get(members[at], ()) if child not in members]
            at += 1
        own = id_ == below_top[0]
        if own and len(members) == 1:
            continue  # its own limit is judged anyhow
        exposure = rows.exposure(accounts[id_]["currency"], members)
        found.append(LevelView(accounts[id_], exposure, "ok" if own else statuses[id_]))
    return tuple(found)


async def check_order(session: WriteSession, command: CheckOrder, today: date) -> CreditDecision:
    """Decide and keep the decision. Raises AccountNotFound.

    With `reserve` the account and those above it are locked: of two orders at once the second sees the first.
    """
    reference = None
    if command.source is not None and command.external_id is not None:
        reference = (command.source, command.external_id)
    view = await credit_view(
        session, command.account_id, today, without_order=reference, order_currency=command.currency,
        lock=command.reserve,
    )  # fmt: skip
    group, group_limit_minor = _group(view)
    order = Order(_converted(command, view, view.exposure.currency))
    if group is not None:
        order = Order(order.amount_minor, _converted(command, view, group.currency))
    facts = CreditFacts(
        exposure=view.exposure,
        limit_minor=view.account["credit_limit_minor"],
        status=view.status,
        score=view.account["score"],
        limit_valid_until=view.account["limit_valid_until"],
        group_exposure=group,
        group_limit_minor=group_limit_minor,
        group_status=view.group_status,
        account_status=view.account["status"],
        levels=tuple(
            GroupLevel(
                account_id=str(level.account["id"]),
                number=level.account["number"],
                exposure=level.exposure,
                limit_minor=level.account["credit_limit_minor"],
                order_minor=_converted(command, view, level.exposure.currency),
                status=level.status,
            )
            for level in view.levels
        ),
    )
    outcome, reasons = decide(order, facts, view.in_force.policy, today)
    row = await _keep(session, command, view, outcome, reasons, today)
    if command.reserve and reference is not None and outcome == "approve":
        await _reserve(session, command, today + timedelta(days=view.in_force.policy.reservation_days))
    return row


def _group(view: CreditView) -> tuple[Exposure | None, int | None]:
    """The exposure of the whole group and its limit, that of the top account.

    For an order of the top itself, too: what its members owe leaves it no more room than it leaves them.
    """
    if view.top is not None:
        return view.group_exposure, view.top["credit_limit_minor"]
    if all(row["account_id"] == view.account["id"] for row in view.rows.rows):
        return None, None
    return view.rows.exposure(view.exposure.currency), view.account["credit_limit_minor"]


def _converted(command: CheckOrder, view: CreditView, currency: str) -> int | None:
    rate = view.rows.rates.rate(command.currency, currency)
    return None if rate is None else convert(command.amount_minor, command.currency, currency, rate)


def _not_reserved(command: CheckOrder, outcome: str) -> str | None:
    """Why a check has no effect on the next one; None: the order counts as open from now on."""
    if command.source is None or command.external_id is None:
        return "no_order_ref"
    if not command.reserve:
        return "not_asked"
    return None if outcome == "approve" else "not_approved"


async def _reserve(session: WriteSession, command: CheckOrder, until: date) -> None:
    """Count the order from now on. One that the source has reported stays reported: with the amount of this check."""
    assert command.source is not None
    assert command.external_id is not None
    known = await _known(session, command.source, command.external_id)
    if known is None or known["reserved_until"] is not None:
        known = {**(dict(known) if known is not None else {}), "reserved_until": until}
    order = OrderCommand(
        command.source, command.external_id, command.currency, command.amount_minor, account_id=command.account_id,
        **dict(known),
    )  # fmt: skip
    await upsert_orders(session, [order])


async def _known(session: ReadSession, source: str, external_id: str) -> Any | None:
    return await session.driver.fetchrow(
        "SELECT number, order_date, expected_invoice_date, reserved_until FROM credit_orders"
        " WHERE organization_id = $1 AND source = $2 AND external_id = $3",
        session.organization_id, source, external_id,
    )  # fmt: skip


async def _keep(
    session: WriteSession, command: CheckOrder, view: CreditView, outcome: str, reasons: tuple[Reason, ...], today: date
) -> CreditDecision:
    facts = {
        "exposure": exposure_json(view.exposure),
        "limit_minor": view.account["credit_limit_minor"],
        "status": worst([view.status, view.group_status]),
        "score": view.account["score"],
        "reserve": command.reserve and command.external_id is not None,
        "not_reserved": _not_reserved(command, outcome),
    }
    group, group_limit_minor = _group(view)
    if group is not None:
        facts["group_exposure"] = exposure_json(group)
        facts["group_limit_minor"] = group_limit_minor
    row = _new(session, command.account_id, command.currency, command.amount_minor, outcome, today)
    row.source, row.external_id = command.source, command.external_id
    row.reasons = [reason.as_json() for reason in reasons]
    row.facts = facts
    row.policy_version = view.in_force.version
    return await _write(session, row, "credit_decision.made")


async def answer_referred(
    session: WriteSession, decision_id: UUID, outcome: str, note: str, today: date
) -> CreditDecision:
    """A person approves or refuses a referred order, as a decision of its own. Approved, it is reserved if the check
    had asked for that, unless the source has reported it meanwhile.

    Raises DecisionNotFound, DecisionNotReferred, ApprovalByProposer (who asked does not answer),
    ApprovalLimitExceeded.
    """
    asked = await queries.get_decision(session, decision_id)
    if asked.outcome != "refer" or asked.answers_id is not None:
        raise DecisionNotReferred("only an order that was referred is answered by a person")
    if session.actor.id is None or session.actor.id == asked.actor_id:
        raise ApprovalByProposer("whoever asked for the check does not answer it")
    if outcome == "approve" and not await within_own_limit(session, asked.amount_minor, asked.currency, today):
        raise ApprovalLimitExceeded("the order is above your approval limit")
    row = _new(session, asked.account_id, asked.currency, asked.amount_minor, outcome, today)
    row.source, row.external_id, row.answers_id = asked.source, asked.external_id, asked.id
    row.reasons = [Reason("answered", note, outcome).as_json()]
    row.policy_version, row.note = asked.policy_version, note
    not_reserved = asked.facts.get("not_reserved")
    if outcome == "approve" and asked.facts.get("reserve"):
        reserved = await _reserve_answered(session, asked, today)
        not_reserved = None if reserved else "reported_by_source"
    row.facts = {**asked.facts, "not_reserved": not_reserved}
    return await _write(session, row, "credit_decision.answered")


async def _reserve_answered(session: WriteSession, asked: CreditDecision, today: date) -> bool:
    """False where the source has reported the order meanwhile."""
    path = await session.driver.fetch(_PATH, session.organization_id, asked.account_id)
    await queries.credit_accounts(session, [row["id"] for row in path], lock=True)  # as a check at the same time does
    assert asked.source is not None
    assert asked.external_id is not None
    known = await _known(session, asked.source, asked.external_id)
    if known is not None and known["reserved_until"] is None:
        return False
    command = CheckOrder(asked.account_id, asked.amount_minor, asked.currency, asked.source, asked.external_id)
    days = (await queries.policy_on(session, today)).policy.reservation_days
    await _reserve(session, command, today + timedelta(days=days))
    return True


def _new(
    session: WriteSession, account_id: UUID, currency: str, amount_minor: int, outcome: str, today: date
) -> CreditDecision:
    return CreditDecision(
        organization_id=session.organization_id,
        id=new_id(),
        account_id=account_id,
        currency=currency,
        amount_minor=amount_minor,
        outcome=outcome,
        decided_on=today,
        actor_kind=session.actor.kind,
        actor_id=session.actor.id,
        actor_name=session.actor.name,
    )


async def _write(session: WriteSession, row: CreditDecision, event: str) -> CreditDecision:
    session.add(row)
    await session.flush()
    await session.refresh(row)
    after = {
        "account_id": row.account_id, "outcome": row.outcome, "amount_minor": row.amount_minor,
        "currency": row.currency, "policy_version": row.policy_version, "external_id": row.external_id,
    }  # fmt: skip
    record_change(session, ChangeRow("credit_decision", row.id, event, None, after, row.decided_on, row.note))
    return row


def exposure_json(exposure: Exposure) -> dict[str, Any]:
    """The stored form of an exposure: minor units of its currency."""
    return {
        "currency": exposure.currency,
        "open_minor": exposure.open_minor,
        "overdue_minor": exposure.overdue_minor,
        "disputed_minor": exposure.disputed_minor,
        "credits_minor": exposure.credits_minor,
        "unapplied_minor": exposure.unapplied_minor,
        "orders_minor": exposure.orders_minor,
        "total_minor": exposure.total_minor,
        "secured_minor": exposure.secured_minor,
        "unsecured_minor": exposure.unsecured_minor,
        "days_late": exposure.days_late,
        "unconverted": list(exposure.unconverted),
    }
