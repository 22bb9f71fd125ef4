"""Batches over HTTP: up to 1,000 items, one result for each in order, or all or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel

from app.core.errors import DomainError, FieldError, RuleViolation
from app.infra.http.problems import ProblemField

BATCH_ITEMS_LIMIT = 1_000
Atomic = Annotated[bool, Query(description="All or nothing: one refused item refuses the batch")]


class BatchRefused(RuleViolation):
    """An atomic batch has items that are refused; nothing was done."""

    code = "batch.refused"


class ItemProblem(BaseModel):
    """Why one item was refused."""

    code: str
    detail: str
    errors: list[ProblemField]


class BatchItem(BaseModel):
    """What became of one item."""

    index: int
    status: Literal["created", "updated", "corrected", "reissued", "unchanged", "refused"]
    id: UUID | None
    problem: ItemProblem | None


class BatchResult(BaseModel):
    """One result for each item, in the order of the request."""

    results: list[BatchItem]
    refused: int


def batch_result(outcomes: Sequence[tuple[str, UUID] | DomainError], *, atomic: bool) -> BatchResult:
    """The answer of a batch. Raises BatchRefused for an atomic one with a refusal, naming every item at fault."""
    refusals = [(i, outcome) for i, outcome in enumerate(outcomes) if isinstance(outcome, DomainError)]
    if atomic and refusals:
        errors = tuple(FieldError(f"/items/{i}{_pointer(e)}", e.code, e.detail) for i, e in refusals[:100])
        raise BatchRefused(f"{len(refusals)} items are refused; nothing was done", errors=errors)
    return BatchResult(results=[_item(i, outcome) for i, outcome in enumerate(outcomes)], refused=len(refusals))


def _pointer(error: DomainError) -> str:
    return error.errors[0].pointer if error.errors else ""


def _item(index: int, outcome: tuple[str, UUID] | DomainError) -> BatchItem:
    if isinstance(outcome, DomainError):
        fields = [ProblemField(pointer=f.pointer, code=f.code, detail=f.detail) for f in outcome.errors]
        problem = ItemProblem(code=outcome.code, detail=outcome.detail, errors=fields)
        return BatchItem(index=index, status="refused", id=None, problem=problem)
    status, id_ = outcome
    return BatchItem.model_validate({"index": index, "status": status, "id": id_, "problem": None})
