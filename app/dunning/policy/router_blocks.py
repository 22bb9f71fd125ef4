"""HTTP of dunning blocks."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from app.core.clock import utc_now
from app.dunning.models import DunningBlock
from app.dunning.policy import blocks, queries
from app.dunning.policy.schemas import BlockCreate, BlockLift, BlockRead, BlockUpdate, block_read
from app.infra.database import ReadSession, WriteSession
from app.infra.http.fields import resource_response
from app.infra.http.paging import Page, PageRequest, SortKey, choose_sort, fetch_page, page_request
from app.infra.http.problems import problems
from app.infra.http.requests import Answer, Write, answer, created, reads, writes
from app.organizations.queries import local_today

router = APIRouter(prefix="/dunning/blocks", tags=["dunning"])
DunningRead = Annotated[ReadSession, reads("dunning:read")]
DunningWrite = Annotated[Write, writes("dunning:write")]
Paging = Annotated[PageRequest, Depends(page_request)]
_SORTS = {"created": (SortKey(DunningBlock.id, UUID),)}


@router.get("", operation_id="listDunningBlocks", summary="List blocks", response_model=Page[BlockRead],
            responses=problems())  # fmt: skip
async def list_blocks(
    read: DunningRead,
    page: Paging,
    account_id: UUID | None = None,
    instalment_id: UUID | None = None,
    standing: Annotated[bool, Query(description="Only those that hold today")] = False,
) -> Response:
    """The latest first."""
    on = await local_today(read, utc_now()) if standing else None
    statement = queries.blocks_statement(read.organization_id, account_id, instalment_id, on)
    sort, keys = choose_sort(page, _SORTS, "-created")
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [block_read(row[0]) for row in rows]
    return resource_response(Page[BlockRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.post("", operation_id="placeDunningBlock", summary="Block the dunning of an account or an instalment",
             status_code=201, response_model=BlockRead, responses=problems())  # fmt: skip
async def place(body: BlockCreate, write: DunningWrite) -> Response:
    """What waits is withdrawn; what is on its way is looked at just before it goes out."""

    async def work(session: WriteSession) -> Answer:
        today = await local_today(session, write.now)
        block_id = await blocks.place_block(session, body.command(today), today)
        made = block_read(await blocks.get_block(session, block_id))
        return created(made, version=made.version, location=f"/v1/dunning/blocks/{block_id}")

    return await write.run(work)


@router.get("/{dunning_block_id}", operation_id="getDunningBlock", summary="Read a block", response_model=BlockRead,
            responses=problems(404))  # fmt: skip
async def get(dunning_block_id: UUID, read: DunningRead) -> Response:
    """The block; `ETag` is its version."""
    found = block_read(await blocks.get_block(read, dunning_block_id))
    return resource_response(found, found.version)


@router.patch("/{dunning_block_id}", operation_id="updateDunningBlock", summary="Move the end of a block",
              response_model=BlockRead, responses=problems(404, 409, 412, 428))  # fmt: skip
async def update(dunning_block_id: UUID, body: BlockUpdate, write: DunningWrite) -> Response:
    """Today at the earliest; null is until somebody lifts it."""

    async def work(session: WriteSession) -> Answer:
        today = await local_today(session, write.now)
        version = write.expected_version()
        await blocks.extend_block(session, dunning_block_id, until=body.until, today=today, expected_version=version)
        made = block_read(await blocks.get_block(session, dunning_block_id))
        return answer(made, version=made.version)

    return await write.run(work)


@router.post("/{dunning_block_id}/lift", operation_id="liftDunningBlock", summary="Lift a block",
             response_model=BlockRead, responses=problems(404, 409, 412))  # fmt: skip
async def lift(dunning_block_id: UUID, body: BlockLift, write: DunningWrite) -> Response:
    """From now on its items are dunned again, each where its chain stood."""

    async def work(session: WriteSession) -> Answer:
        await blocks.lift_block(
            session,
            dunning_block_id,
            reason=body.reason,
            today=await local_today(session, write.now),
            expected_version=write.expected_version(required=False),
        )
        made = block_read(await blocks.get_block(session, dunning_block_id))
        return answer(made, version=made.version)

    return await write.run(work)
