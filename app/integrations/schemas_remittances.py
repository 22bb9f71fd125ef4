"""What an upload of remittance advices answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from app.core.errors import DomainError
from app.core.money import to_text
from app.infra.http.fields import AmountOut
from app.remittances.rules import RecordAdvice, TotalsCheck, totals_check


class UploadedAdvice(BaseModel):
    """One advice of the file."""

    status: Literal["created", "duplicate"]
    remittance_advice_id: UUID = Field(description="The advice that was recorded, or is on record already")
    payment_reference: str | None
    currency: str
    amount: AmountOut
    lines_count: int
    totals_check: TotalsCheck


class RemittanceUploadRead(BaseModel):
    """What became of the advices of a file, in the order of the file."""

    advices: list[UploadedAdvice]
    created: int
    duplicates: int


def upload_read(commands: Sequence[RecordAdvice], results: Sequence[UUID | DomainError]) -> RemittanceUploadRead:
    """From the commands and what became of each: the id, or the refusal of a duplicate, which names the id."""
    made = [_one(command, result) for command, result in zip(commands, results, strict=True)]
    created = sum(one.status == "created" for one in made)
    return RemittanceUploadRead(advices=made, created=created, duplicates=len(made) - created)


def _one(command: RecordAdvice, result: UUID | DomainError) -> UploadedAdvice:
    known = result.facts["remittance_advice_id"] if isinstance(result, DomainError) else result
    return UploadedAdvice(
        status="duplicate" if isinstance(result, DomainError) else "created",
        remittance_advice_id=UUID(str(known)),
        payment_reference=command.payment_reference,
        currency=command.currency,
        amount=to_text(command.total_minor, command.currency),
        lines_count=len(command.lines),
        totals_check=totals_check(command.total_minor, command.lines_minor),
    )
