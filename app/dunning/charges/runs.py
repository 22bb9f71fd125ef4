"""Charging runs: every account is charged for its late days, those of settled documents too. Monthly or on demand.

A run is a row; a worker takes it on account by account. A worker that dies goes on where it stood, and what it had
charged already is not charged again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import groupby
from typing import Any
from uuid import UUID

import structlog

from app.core.ids import new_id
from app.dunning.charges import queries
from app.dunning.charges.charging import Charged, ChargeRequest, Quote, charge_notices, quote
from app.dunning.charges.models import ChargingRun
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import ReadSession, WriteSession
from app.infra.jobs import owe
from app.infra.versions import RECORDED_NOW

JOB = "dunning.charging"
NIGHT = "dunning.charging_night"
STEP_ACCOUNTS = 200
ITEMS_MAX = 5_000
"""Late items of an account, legal entity and currency that are charged at once."""
log = structlog.get_logger(__name__)


async def start_run(
    session: WriteSession, as_of: date, kind: str, *, compensation: bool, simulated: bool = False
) -> UUID:
    """Start a run; the workers take it on. Raises RunDayTaken when that day has been charged by a run."""
    run = ChargingRun(
        organization_id=session.organization_id, id=new_id(), kind=kind, as_of=as_of, compensation=compensation,
        simulated=simulated, started_by=session.actor.name,
    )  # fmt: skip
    session.add(run)
    await session.flush()
    owe(session, JOB, str(run.id))
    after = {"kind": kind, "as_of": as_of, "simulated": simulated}
    record_change(session, ChangeRow("charging_run", run.id, "charging_run.started", None, after, as_of))
    return run.id


async def start_monthly(session: WriteSession, business_date: date) -> UUID | None:
    """Start the run of the month when its day has come, or one was missed since; None when there is nothing to do.

    A run is never dated before the settings were last changed: who turns it on does not charge the past.
    """
    settings = await queries.charge_settings(session)
    as_of = business_date.replace(day=settings.run_day)
    if settings.run != "monthly" or as_of > business_date:
        return None
    if settings.changed_on is not None and as_of < settings.changed_on:
        return None
    if await queries.find_run_of(session, as_of) is not None:
        return None
    return await start_run(session, as_of, "monthly", compensation=settings.compensation)


async def step_run(session: WriteSession, run_id: UUID) -> bool:
    """Charge the next accounts; answers whether there are more. Raises ChargingRunNotFound."""
    run = await queries.get_run(session, run_id, lock=True)
    if run.state == "done":
        return False
    settings = await queries.charge_settings(session)
    accounts = await queries.accounts_after(session, run.after_account_id, STEP_ACCOUNTS)
    rows = await queries.late_items(session, accounts, run.as_of, settings.charge_from) if accounts else []
    requests = requests_of(rows, run.as_of, f"run:{run.id}", compensation=run.compensation)
    if requests and run.simulated:
        _count(run, requests, [_as_if(found) for found in await quote(session, requests)])
    elif requests:
        _count(run, requests, await charge_notices(session, requests))
    run.accounts += len(accounts)
    if accounts:
        run.after_account_id = accounts[-1]
    more = len(accounts) == STEP_ACCOUNTS
    if not more:
        run.state, run.finished_at = "done", RECORDED_NOW
        after = {"accounts": run.accounts, "charges": run.charges, "refused": run.refused, "totals": run.totals}
        record_change(session, ChangeRow("charging_run", run.id, "charging_run.done", None, after, run.as_of))
    run.version += 1
    run.updated_at = RECORDED_NOW
    await session.flush()
    return more


def requests_of(rows: Sequence[Any], as_of: date, prefix: str, *, compensation: bool) -> list[ChargeRequest]:
    """A request for each account, legal entity and currency of late items (sorted by these)."""
    found = []
    for (account_id, entity_id, currency), items in groupby(
        rows, key=lambda row: (row["account_id"], row["legal_entity_id"], row["currency"])
    ):
        ids = tuple(row["id"] for row in items)[:ITEMS_MAX]
        key = f"{prefix}:{account_id}:{entity_id}:{currency}"
        found.append(
            ChargeRequest(
                key,
                account_id,
                entity_id,
                currency,
                ids,
                as_of,
                interest=True,
                compensation=compensation,
                running=False,
            )
        )
    return found


def _as_if(found: Quote) -> Charged:
    """A quote in the place of what was charged."""
    if not found.assessment.items:
        return Charged(None, None)
    amounts = (found.fee_minor, found.interest_minor, found.compensation_minor, found.given_back_minor)
    return Charged(new_id(), None, *amounts)


def _count(run: ChargingRun, requests: Sequence[ChargeRequest], results: Sequence[Charged]) -> None:
    totals = dict(run.totals)
    for request, charged in zip(requests, results, strict=True):
        if charged.refusal is not None:
            run.refused += 1
            account = str(request.account_id)
            log.warning("charging.refused", run_id=str(run.id), account_id=account, code=charged.refusal.code)
        elif charged.charge_id is not None:
            run.charges += 1
            net = charged.fee_minor + charged.interest_minor + charged.compensation_minor - charged.corrected_minor
            totals[request.currency] = totals.get(request.currency, 0) + net
    run.totals = totals


async def late_requests(
    session: ReadSession, account_id: UUID, as_of: date, source_key: str, *, compensation: bool
) -> list[ChargeRequest]:
    """What a run would ask for of one account: for charging it alone, and to see what would be charged."""
    settings = await queries.charge_settings(session)
    rows = await queries.late_items(session, [account_id], as_of, settings.charge_from)
    return requests_of(rows, as_of, source_key, compensation=compensation)
