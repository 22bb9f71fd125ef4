"""HTTP of assignment, absence cover, targets and playbooks."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from sqlalchemy import any_, literal, select

from app.collections.models import Playbook, RuleVersion
from app.collections.portfolio import assignment, playbooks, targets
from app.collections.portfolio.schemas import (
    AssignmentCreate,
    AssignmentHistory,
    AssignmentHistoryRow,
    AssignmentPreview,
    AssignmentResult,
    AssignmentRulesCreate,
    AssignmentRulesRead,
    AssignmentRunCreate,
    AssignmentRunRead,
    Attainment,
    CoverCreate,
    CoverList,
    CoverRead,
    Month,
    PlaybookCreate,
    PlaybookRead,
    PlaybookRevisions,
    PlaybookUpdate,
    Subject,
    TargetCreate,
    TargetRead,
    TargetUpdate,
    assignment_preview,
    assignment_rules_read,
    attainment_row,
    cover_read,
    month_start,
    playbook_read,
    revision_read,
    run_read,
    target_read,
)
from app.collections.rule_versions import add_version
from app.collections.rules import check_assignment_rules
from app.core.clock import utc_now
from app.core.money import to_minor
from app.disputes.catalogue import show_playbooks_with
from app.infra.database import ReadSession, WriteSession
from app.infra.http.fields import changes, resource_response
from app.infra.http.paging import Page, PageRequest, SortKey, choose_sort, fetch_page, page_request
from app.infra.http.problems import problems
from app.infra.http.requests import Answer, Write, answer, created, reads, writes
from app.organizations.queries import local_today

show_playbooks_with(playbooks.playbooks_for)
router = APIRouter(tags=["collectors"])
CollectionsRead = Annotated[ReadSession, reads("collections:read")]
CollectionsApprove = Annotated[Write, writes("collections:approve")]
Paging = Annotated[PageRequest, Depends(page_request)]
_RULE_SORTS = {"created": (SortKey(RuleVersion.id, UUID),)}
_PLAYBOOK_SORTS = {"created": (SortKey(Playbook.id, UUID),), "code": (SortKey(Playbook.code, str),)}


@router.post(
    "/assignments",
    operation_id="assignAccounts",
    summary="Give up to 1,000 accounts to a collector",
    response_model=AssignmentResult,
    responses=problems(404, 409, 413),
)
async def assign_accounts(body: AssignmentCreate, write: CollectionsApprove) -> Response:
    """What the former collector had planned for them goes along; the history stays."""

    async def work(session: WriteSession) -> Answer:
        today = await local_today(session, write.now)
        changed = await assignment.assign_accounts(
            session, body.account_ids, body.collector_id, reason=body.reason, today=today
        )
        return answer(AssignmentResult(changed=changed))

    return await write.run(work)


@router.get(
    "/assignments",
    operation_id="listAssignments",
    summary="Collectors that an account had",
    response_model=AssignmentHistory,
    responses=problems(),
)
async def history(read: CollectionsRead, account_id: UUID) -> Response:
    """Latest first."""
    rows = await assignment.history_of(read, account_id)
    return resource_response(AssignmentHistory(data=[AssignmentHistoryRow.model_validate(dict(row)) for row in rows]))


@router.get(
    "/assignment-rules",
    operation_id="listAssignmentRules",
    summary="List the versions of the assignment rules",
    response_model=Page[AssignmentRulesRead],
    responses=problems(),
)
async def list_rules(read: CollectionsRead, page: Paging) -> Response:
    """In force is the one with the latest `valid_from` that is not in the future; of two the later written."""
    statement = select(RuleVersion).where(
        RuleVersion.organization_id == read.organization_id, RuleVersion.kind == "assignment"
    )
    sort, keys = choose_sort(page, _RULE_SORTS, "-created")
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [assignment_rules_read(row[0]) for row in rows]
    return resource_response(Page[AssignmentRulesRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.post(
    "/assignment-rules",
    operation_id="setAssignmentRules",
    summary="Write a new version of the assignment rules",
    status_code=201,
    response_model=AssignmentRulesRead,
    responses=problems(409),
)
async def set_rules(body: AssignmentRulesCreate, write: CollectionsApprove) -> Response:
    """Nothing moves until a run applies them."""

    async def work(session: WriteSession) -> Answer:
        today = await local_today(session, write.now)
        row = await add_version(
            session, "assignment", body.plain(), valid_from=body.valid_from or today, note=body.note
        )
        return created(assignment_rules_read(row), location="/v1/assignment-rules")

    return await write.run(work)


@router.post(
    "/assignment-rules/preview",
    operation_id="previewAssignmentRules",
    summary="Show what assignment rules would do",
    response_model=AssignmentPreview,
    responses=problems(),
)
async def preview(body: AssignmentRulesCreate, write: CollectionsApprove) -> Response:
    """A dry run over all active accounts; nothing is written."""

    async def work(session: WriteSession) -> Answer:
        rules = body.plain()
        check_assignment_rules(rules)
        return answer(assignment_preview(await assignment.preview_assignment(session, rules)))

    return await write.run(work)


@router.post(
    "/assignment-runs",
    operation_id="startAssignmentRun",
    summary="Apply the assignment rules to all accounts",
    status_code=202,
    response_model=AssignmentRunRead,
    responses=problems(409),
)
async def start_run(body: AssignmentRunCreate, write: CollectionsApprove) -> Response:
    """In the background; the run tells how far it is."""

    async def work(session: WriteSession) -> Answer:
        today = await local_today(session, write.now)
        row = await assignment.start_run(session, only_unassigned=body.only_unassigned, today=today)
        return Answer(run_read(row), 202, row.version, f"/v1/assignment-runs/{row.id}")

    return await write.run(work)


@router.get(
    "/assignment-runs/{assignment_run_id}",
    operation_id="getAssignmentRun",
    summary="How far an assignment run is",
    response_model=AssignmentRunRead,
    responses=problems(404),
)
async def get_run(assignment_run_id: UUID, read: CollectionsRead) -> Response:
    """State and counts."""
    found = await assignment.get_run(read, assignment_run_id)
    return resource_response(run_read(found), found.version)


@router.post(
    "/collector-covers",
    operation_id="addCover",
    summary="Cover a collector's absence",
    status_code=201,
    response_model=CoverRead,
    responses=problems(409),
)
async def add_cover(body: CoverCreate, write: CollectionsApprove) -> Response:
    """The accounts keep their collector; the stand-in sees them from the first to the last day."""

    async def work(session: WriteSession) -> Answer:
        row = await assignment.add_cover(
            session, body.collector_id, body.cover_id, body.start_date, body.end_date, body.reason
        )
        return created(cover_read(row), version=row.version, location="/v1/collector-covers")

    return await write.run(work)


@router.get(
    "/collector-covers",
    operation_id="listCovers",
    summary="List absence covers",
    response_model=CoverList,
    responses=problems(),
)
async def list_covers(read: CollectionsRead) -> Response:
    """Those that run or are to come, and who stands in for whom today (through covers of covers)."""
    today = await local_today(read, utc_now())
    rows = await assignment.list_covers(read, today)
    present = {str(collector): cover for collector, cover in (await assignment.covers_on(read, today)).items()}
    return resource_response(CoverList(data=[cover_read(row) for row in rows], today=present))


@router.post(
    "/collector-covers/{collector_cover_id}/cancel",
    operation_id="cancelCover",
    summary="End an absence cover",
    response_model=CoverRead,
    responses=problems(404, 412),
)
async def cancel_cover(collector_cover_id: UUID, write: CollectionsApprove) -> Response:
    """The collector is back, or never went."""

    async def work(session: WriteSession) -> Answer:
        today = await local_today(session, write.now)
        version = write.expected_version(required=False)
        row = await assignment.cancel_cover(session, collector_cover_id, today=today, expected_version=version)
        return answer(cover_read(row), version=row.version)

    return await write.run(work)


@router.post(
    "/collector-targets",
    operation_id="setTarget",
    summary="Give a collector a target for a month",
    status_code=201,
    response_model=TargetRead,
    responses=problems(409),
)
async def set_target(body: TargetCreate, write: CollectionsApprove) -> Response:
    """Money to bring in, and contacts to make."""

    async def work(session: WriteSession) -> Answer:
        minor = to_minor(body.amount, body.currency)
        row = await targets.set_target(
            session, body.collector_id, month_start(body.month), body.currency, minor, body.contacts
        )
        return created(target_read(row), version=row.version, location=f"/v1/collector-targets?month={body.month}")

    return await write.run(work)


@router.get(
    "/collector-targets",
    operation_id="listTargets",
    summary="Targets of a month and what was reached",
    response_model=Attainment,
    responses=problems(),
)
async def list_targets(
    read: CollectionsRead,
    month: Annotated[Month | None, Query(description="yyyy-mm; this month when missing")] = None,
    collector_id: UUID | None = None,
) -> Response:
    """Collected money by value date, contacts and promises, also of collectors without a target."""
    wanted = month or (await local_today(read, utc_now())).strftime("%Y-%m")
    rows = await targets.attainment(read, month_start(wanted), collector_id)
    return resource_response(Attainment(month=wanted, data=[attainment_row(row) for row in rows]))


@router.patch(
    "/collector-targets/{target_id}",
    operation_id="updateTarget",
    summary="Change a target",
    response_model=TargetRead,
    responses=problems(404, 412, 428),
)
async def update_target(target_id: UUID, body: TargetUpdate, write: CollectionsApprove) -> Response:
    """Amount and contacts."""

    async def work(session: WriteSession) -> Answer:
        wanted = changes(body)
        row = await targets.get_target(session, target_id)
        if "amount" in wanted:
            wanted["amount_minor"] = to_minor(wanted.pop("amount"), row.currency)
        row = await targets.update_target(session, target_id, wanted, expected_version=write.expected_version())
        return answer(target_read(row), version=row.version)

    return await write.run(work)


@router.post(
    "/playbooks",
    operation_id="writePlaybook",
    summary="Write a playbook",
    status_code=201,
    response_model=PlaybookRead,
    responses=problems(409, 413),
)
async def write_playbook(body: PlaybookCreate, write: CollectionsApprove) -> Response:
    """Shown beside the reason codes, outcomes and types of action that it names."""

    async def work(session: WriteSession) -> Answer:
        row = await playbooks.write_playbook(session, body.code, body.title, body.body, body.subjects)
        return created(playbook_read(row), version=row.version, location=f"/v1/playbooks/{row.id}")

    return await write.run(work)


@router.get(
    "/playbooks",
    operation_id="listPlaybooks",
    summary="List playbooks",
    response_model=Page[PlaybookRead],
    responses=problems(),
)
async def list_playbooks(
    read: CollectionsRead, page: Paging, subject: Subject | None = None, active: bool | None = None
) -> Response:
    """With their latest texts; `subject=outcome:refused` gives those about it."""
    statement = select(Playbook).where(Playbook.organization_id == read.organization_id)
    if subject is not None:
        statement = statement.where(literal(subject) == any_(Playbook.subjects))
    if active is not None:
        statement = statement.where(Playbook.active.is_(active))
    sort, keys = choose_sort(page, _PLAYBOOK_SORTS, "code")
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [playbook_read(row[0]) for row in rows]
    return resource_response(Page[PlaybookRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.get(
    "/playbooks/{playbook_id}",
    operation_id="getPlaybook",
    summary="Read a playbook",
    response_model=PlaybookRead,
    responses=problems(404),
)
async def get_playbook(playbook_id: UUID, read: CollectionsRead) -> Response:
    """The latest text; `ETag` is its version."""
    row = await playbooks.get_playbook(read, playbook_id)
    return resource_response(playbook_read(row), row.version)


@router.patch(
    "/playbooks/{playbook_id}",
    operation_id="updatePlaybook",
    summary="Change a playbook",
    response_model=PlaybookRead,
    responses=problems(404, 412, 413, 428),
)
async def update_playbook(playbook_id: UUID, body: PlaybookUpdate, write: CollectionsApprove) -> Response:
    """A new title or text is a new revision; the earlier one stays readable."""

    async def work(session: WriteSession) -> Answer:
        version = write.expected_version()
        row = await playbooks.change_playbook(session, playbook_id, changes(body), expected_version=version)
        return answer(playbook_read(row), version=row.version)

    return await write.run(work)


@router.get(
    "/playbooks/{playbook_id}/revisions",
    operation_id="listPlaybookRevisions",
    summary="The texts that a playbook had",
    response_model=PlaybookRevisions,
    responses=problems(404),
)
async def list_revisions(playbook_id: UUID, read: CollectionsRead) -> Response:
    """Latest first."""
    rows = await playbooks.revisions_of(read, playbook_id)
    return resource_response(PlaybookRevisions(data=[revision_read(row) for row in rows]))
