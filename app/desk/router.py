"""HTTP of the desk: worklist, timeline, account at a glance, search."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from app.accounts.queries import get_account
from app.core.clock import utc_now, zone
from app.core.money import to_minor
from app.core.reference_keys import reference_key
from app.desk import queries
from app.desk.models import TimelineEntry, WorklistEntry
from app.desk.overview import overview
from app.desk.queries import TimelineFilter, WorklistFilter
from app.desk.schemas import (
    CountRead,
    NextAction,
    OverviewRead,
    SearchHit,
    SearchResult,
    SignalKind,
    SnoozeRequest,
    TimelineEntryRead,
    WorklistCountsRead,
    WorklistEntryRead,
    overview_read,
    payment_hit,
    timeline_entry_read,
    worklist_entry_read,
)
from app.desk.timeline_events import TimelineKind
from app.desk.worklist import snooze, wake
from app.infra.database import ReadSession, WriteSession
from app.infra.http.fields import Amount, BusinessDate, Country, resource_response, text
from app.infra.http.paging import Page, PageRequest, SortKey, choose_sort, fetch_page, page_request
from app.infra.http.problems import problems
from app.infra.http.requests import Answer, Write, answer, callers, reads, writes
from app.infra.principal import Principal
from app.organizations.queries import local_today, organization_facts

router = APIRouter(tags=["desk"])
_TIMELINE = {"position": (SortKey(TimelineEntry.position, int),)}
_WORKLIST = {"score": (SortKey(WorklistEntry.score_minor, int), SortKey(WorklistEntry.id, UUID))}
WorklistReader = Annotated[ReadSession, reads("collections:read")]


@router.get(
    "/worklist",
    operation_id="listWorklist",
    summary="Accounts that ask for work, the most rewarding first",
    response_model=Page[WorklistEntryRead],
    responses=problems(),
)
async def list_worklist(
    read: WorklistReader,
    principal: Annotated[Principal, callers("collections:read")],
    page: Annotated[PageRequest, Depends(page_request)],
    mine: Annotated[bool, Query(description="Only the caller's accounts")] = False,
    collector_id: UUID | None = None,
    unassigned: Annotated[bool, Query(description="Only accounts without a collector")] = False,
    next_action: NextAction | None = None,
    signal: SignalKind | None = None,
    segment: Annotated[str, text(64)] | None = None,
    country: Country | None = None,
    overdue_at_least: Amount | None = None,
    days_late_at_least: Annotated[int | None, Query(ge=0, le=10_000)] = None,
    snoozed: Annotated[bool | None, Query(description="Snoozed ones only, or not; `false` unless said")] = False,
) -> Response:
    """Each account stands once, with its collector (or whoever covers the absence), and explains its place."""
    today = await local_today(read, utc_now())
    base = (await organization_facts(read)).base_currency
    wanted = WorklistFilter(
        collector_id=principal.actor.id if mine else collector_id,
        unassigned=unassigned,
        next_action=next_action,
        signal=signal,
        segment=segment,
        country=country,
        overdue_at_least_minor=None
        if overdue_at_least is None
        else to_minor(overdue_at_least, base, pointer="/query/overdue_at_least"),
        days_late_at_least=days_late_at_least,
        snoozed=snoozed,
    )
    sort, keys = choose_sort(page, _WORKLIST, "-score")
    statement = queries.worklist_statement(read.organization_id, wanted, today)
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [worklist_entry_read(entry, number, name, asleep) for entry, number, name, asleep, *_ in map(tuple, rows)]
    return resource_response(Page[WorklistEntryRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.get(
    "/worklist/counts",
    operation_id="countWorklist",
    summary="Numbers for badges",
    response_model=WorklistCountsRead,
    responses=problems(),
)
async def count_worklist(
    read: WorklistReader,
    principal: Annotated[Principal, callers("collections:read")],
    mine: Annotated[bool, Query(description="Only the caller's accounts")] = False,
    collector_id: UUID | None = None,
) -> Response:
    """Entries by what they ask for and by signal, without the snoozed ones; an entry may show several signals."""
    today = await local_today(read, utc_now())
    rows = await queries.worklist_counts(read, principal.actor.id if mine else collector_id, today)
    by_axis: dict[str, list[CountRead]] = {"next_action": [], "signal": [], "snoozed": []}
    for row in rows:
        by_axis[row["axis"]].append(CountRead(name=row["name"], count=row["count"]))
    return resource_response(
        WorklistCountsRead(
            total=sum(found.count for found in by_axis["next_action"]),
            snoozed=sum(found.count for found in by_axis["snoozed"]),
            next_actions=sorted(by_axis["next_action"], key=lambda found: (-found.count, found.name)),
            signals=sorted(by_axis["signal"], key=lambda found: (-found.count, found.name)),
        )
    )


@router.post(
    "/worklist/{worklist_entry_id}/snooze",
    operation_id="snoozeWorklistEntry",
    summary="Leave an account alone until a day",
    response_model=WorklistEntryRead,
    responses=problems(404, 412),
)
async def snooze_entry(
    worklist_entry_id: UUID, body: SnoozeRequest, write: Annotated[Write, writes("collections:write")]
) -> Response:
    """It comes back by itself on that day. The reason stands on the account's timeline."""

    async def work(session: WriteSession) -> Answer:
        today = await local_today(session, write.now)
        await queries.worklist_entry(session, worklist_entry_id, today)
        await snooze(
            session,
            worklist_entry_id,
            until_date=body.until_date,
            reason=body.reason,
            today=today,
            expected_version=write.expected_version(required=False),
        )
        return answer(worklist_entry_read(*await queries.worklist_entry(session, worklist_entry_id, today)))

    return await write.run(work)


@router.post(
    "/worklist/{worklist_entry_id}/wake",
    operation_id="wakeWorklistEntry",
    summary="End the snooze of an account",
    response_model=WorklistEntryRead,
    responses=problems(404),
)
async def wake_entry(worklist_entry_id: UUID, write: Annotated[Write, writes("collections:write")]) -> Response:
    """The account stands on the list again at once; nothing happens when it was not snoozed."""

    async def work(session: WriteSession) -> Answer:
        today = await local_today(session, write.now)
        await wake(session, worklist_entry_id, today=today)
        return answer(worklist_entry_read(*await queries.worklist_entry(session, worklist_entry_id, today)))

    return await write.run(work)


@router.get(
    "/accounts/{account_id}/timeline",
    operation_id="listTimeline",
    summary="Everything that happened with an account, newest first",
    response_model=Page[TimelineEntryRead],
    responses=problems(404),
)
async def list_timeline(
    account_id: UUID,
    read: Annotated[ReadSession, reads("accounts:read")],
    caller: Annotated[Principal, callers("accounts:read")],
    page: Annotated[PageRequest, Depends(page_request)],
    kind: Annotated[list[TimelineKind] | None, Query(description="Only these kinds; may be repeated")] = None,
    since: Annotated[BusinessDate | None, Query(description="Recorded on this day or later")] = None,
    until: Annotated[BusinessDate | None, Query(description="Recorded on this day or earlier")] = None,
) -> Response:
    """In the order in which changes were committed; a change appears when it is sealed, mostly within a second.

    Whoever works on some disputes only meets those.
    """
    await get_account(read, account_id)
    local = zone((await organization_facts(read)).time_zone)
    wanted = TimelineFilter(
        kinds=tuple(kind or ()),
        since=None if since is None else datetime.combine(since, time.min, local),
        until=None if until is None else datetime.combine(until, time.min, local) + timedelta(days=1),
        only_disputes_of=caller.actor,
    )
    sort, keys = choose_sort(page, _TIMELINE, "-position")
    statement = queries.timeline_statement(read.organization_id, account_id, wanted)
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [timeline_entry_read(row[0]) for row in rows]
    return resource_response(Page[TimelineEntryRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.get(
    "/accounts/{account_id}/overview",
    operation_id="getAccountOverview",
    summary="An account at a glance",
    response_model=OverviewRead,
    responses=problems(404),
)
async def get_overview(account_id: UUID, read: Annotated[ReadSession, reads("accounts:read")]) -> Response:
    """Balances by currency, last payment, what is open, and its place on the worklist."""
    return resource_response(overview_read(await overview(read, account_id, await local_today(read, utc_now()))))


@router.get(
    "/search",
    operation_id="searchEverything",
    summary="Find accounts, documents and payments",
    response_model=SearchResult,
    responses=problems(),
)
async def find(
    read: Annotated[ReadSession, reads("accounts:read", "invoices:read")],
    caller: Annotated[Principal, callers("accounts:read", "invoices:read")],
    q: Annotated[
        str,
        text(100),
        Query(description="Beginning of a number, part of a name, a document's number, a bank reference"),
    ],
) -> Response:
    """Accounts whose number begins with the words, then names that contain them, then documents of that number.

    With `payments:read` also payments whose bank reference or end-to-end id it is, exactly.
    """
    rows = await queries.search(read, q, reference_key(q))
    data = [
        SearchHit(kind=row["kind"], id=row["id"], number=row["number"], text=row["text"], account_id=row["account_id"])
        for row in sorted(rows, key=lambda row: row["place"])
    ]
    first: dict[UUID, SearchHit] = {}  # an account found by number and by name stands once
    for hit in data:
        first.setdefault(hit.id, hit)
    paid = await queries.search_payments(read, q) if "payments:read" in caller.scopes else []
    return resource_response(SearchResult(data=list(first.values()), payments=[payment_hit(row) for row in paid]))
