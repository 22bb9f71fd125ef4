"""What an upload of remittance advices answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from app.core.errors import DomainError
from app.core.money import to_text
from app.infra.http.fields import AmountOut
from app.integrations.remittance_formats.advice import LeftOut
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
    place: str | None = Field(description="Interchange, group and set of an EDI file; null for tables")
    account_id: UUID | None = Field(description="The account that the advice names, as far as it is known")


class LeftOutRead(BaseModel):
    """Part of an EDI file that is no advice of a payment, and why."""

    place: str
    code: str = Field(
        description="`not_a_remittance`, `test_interchange`, `prenotification`, `debit`, `no_documents`, `no_payment`,"
        " `cancellation`"
    )
    detail: str


class WithdrawnAdvice(BaseModel):
    """An advice on record that a message of the file cancelled or replaced."""

    place: str
    remittance_advice_id: UUID


class RemittanceUploadRead(BaseModel):
    """What became of the advices of a file, in the order of the file."""

    advices: list[UploadedAdvice]
    created: int
    duplicates: int
    left_out: list[LeftOutRead]
    withdrawn: list[WithdrawnAdvice] = []


def upload_read(
    commands: Sequence[RecordAdvice],
    results: Sequence[UUID | DomainError],
    places: Sequence[str | None] | None = None,
    left_out: Sequence[LeftOut] = (),
    withdrawn: Sequence[tuple[str, UUID]] = (),
) -> RemittanceUploadRead:
    """From the commands and what became of each: the id, or the refusal of a duplicate, which names the id."""
    where = places or [None] * len(commands)
    made = [_one(command, result, place) for command, result, place in zip(commands, results, where, strict=True)]
    created = sum(one.status == "created" for one in made)
    return RemittanceUploadRead(
        advices=made,
        created=created,
        duplicates=len(made) - created,
        left_out=[LeftOutRead(place=part.place, code=part.code, detail=part.detail) for part in left_out],
        withdrawn=[WithdrawnAdvice(place=place, remittance_advice_id=id_) for place, id_ in withdrawn],
    )


def _one(command: RecordAdvice, result: UUID | DomainError, place: str | None) -> UploadedAdvice:
    known = result.facts["remittance_advice_id"] if isinstance(result, DomainError) else result
    return UploadedAdvice(
        status="duplicate" if isinstance(result, DomainError) else "created",
        remittance_advice_id=UUID(str(known)),
        payment_reference=command.payment_reference,
        currency=command.currency,
        amount=to_text(command.total_minor, command.currency),
        lines_count=len(command.lines),
        totals_check=totals_check(command.total_minor, command.lines_minor),
        place=place,
        account_id=command.account_id,
    )
