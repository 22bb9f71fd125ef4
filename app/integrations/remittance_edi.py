"""Remittance advices out of EDI files (X12 820, EDIFACT REMADV), with the accounts that they name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from uuid import UUID

from app.accounts.rules import normalize_identity
from app.core.errors import DomainError
from app.infra.database import ReadSession, WriteSession
from app.integrations import party_lookup
from app.integrations.errors import ImportFileRefused
from app.integrations.queries import account_ids
from app.integrations.remittance_formats.advice import LeftOut, Withdrawal
from app.integrations.remittance_formats.detect import SNIFF_BYTES, RemittanceFile, is_edi, read_remittance_file
from app.integrations.remittance_upload import ADVICES_MAX, FILE_BYTES_MAX
from app.remittances.queries import find_by_content
from app.remittances.record import cancel_advice, record_advices
from app.remittances.rules import RecordAdvice, content_sha256, reference_key

_FORMER = """
SELECT id, state FROM remittance_advices
WHERE organization_id = $1 AND reference_key = ANY($2::text[]) AND channel = 'edifact_remadv' AND state <> 'cancelled'
    AND (account_id IS NULL OR $3::uuid IS NULL OR account_id = $3)
    AND (payer_name IS NULL OR $4::text IS NULL OR lower(payer_name) = lower($4))
    AND (payer_bank_identifier IS NULL OR $5::text IS NULL OR payer_bank_identifier = $5)
ORDER BY id DESC LIMIT 5
"""


def is_edi_file(path: Path) -> bool:
    """Whether the file begins as X12 or EDIFACT."""
    with path.open("rb") as stream:
        return is_edi(stream.read(SNIFF_BYTES))


def read_edi_file(path: Path, currency: str | None, today: date, take_tests: bool) -> RemittanceFile:
    """The advices of the file. Raises ImportFileRefused (its size), RemittanceFileRefused (its content)."""
    if path.stat().st_size > FILE_BYTES_MAX:
        raise ImportFileRefused("import.file_too_large", f"a file of advices is at most {FILE_BYTES_MAX} bytes")
    found = read_remittance_file(path.read_bytes(), currency=currency, received_on=today, take_tests=take_tests)
    if len(found.advices) > ADVICES_MAX:
        raise ImportFileRefused("import.too_many_rows", f"a file has at most {ADVICES_MAX} advices")
    return found


@dataclass(slots=True)
class Recorded:
    """What became of a file: commands with their results in its order, advices taken back, and what was left out."""

    places: list[str | None] = field(default_factory=list)
    commands: list[RecordAdvice] = field(default_factory=list)
    results: list[UUID | DomainError] = field(default_factory=list)
    withdrawn: list[tuple[str, UUID]] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)


async def record_edi(session: WriteSession, file: RemittanceFile) -> Recorded:
    """Record and take back, in the order of the file. An advice that is on record already takes nothing back."""
    found = Recorded(left_out=list(file.left_out))
    hints = {hint for part in file.parts for hint in part.account_hints}
    known = await _known_accounts(session, hints)
    for part in file.parts:
        account_id = _account(part.account_hints, *known)
        if isinstance(part, Withdrawal):
            await _withdraw(session, part, account_id, found, must=True)
            continue
        command = replace(part.command, account_id=account_id)
        is_new = await find_by_content(session, content_sha256(command)) is None
        if (
            part.replaces is not None
            and is_new
            and not await _withdraw(session, part.replaces, account_id, found, must=False)
        ):
            continue
        (result,) = await record_advices(session, [command])
        found.places.append(part.place)
        found.commands.append(command)
        found.results.append(result)
    return found


async def _withdraw(
    session: WriteSession, part: Withdrawal, account_id: UUID | None, found: Recorded, *, must: bool
) -> bool:
    """Cancel the one advice that is meant. False: it cannot be taken back, and the part is left out with the reason."""
    keys = [key for text in part.references if (key := reference_key(text)) is not None]
    rows = await session.driver.fetch(
        _FORMER, session.organization_id, keys, account_id, part.payer_name, part.payer_bank_identifier
    )
    if not rows:
        if must:
            detail = "takes back an advice that is not on record, or is cancelled already"
            found.left_out.append(LeftOut(part.place, "cancellation", detail))
        return True
    if len(rows) > 1:
        detail = f"takes back an advice, but {len(rows)} on record have its reference: cancel the right one"
        found.left_out.append(LeftOut(part.place, "cancellation", detail))
        return False
    (row,) = rows
    if row["state"] == "settled":
        detail = f"takes back the advice {row['id']}, which is settled: undo what its payment was applied to first"
        found.left_out.append(LeftOut(part.place, "cancellation", detail))
        return False
    what = "replaced" if not must else "cancelled"
    await cancel_advice(session, row["id"], reason=f"{what} by the payer: {part.place}"[:500], expected_version=None)
    found.withdrawn.append((part.place, row["id"]))
    return True


async def _known_accounts(
    session: ReadSession, hints: set[tuple[str, str]]
) -> tuple[dict[str, UUID], dict[tuple[str, str], set[UUID]]]:
    numbers = await account_ids(session, {value for kind, value in hints if kind == "number"})
    identified = await party_lookup.accounts_of_identities(
        session, [(kind, normalize_identity(kind, value)) for kind, value in hints if kind != "number"]
    )
    return numbers, identified


def _account(
    hints: Iterable[tuple[str, str]], numbers: dict[str, UUID], identified: dict[tuple[str, str], set[UUID]]
) -> UUID | None:
    for kind, value in hints:
        if kind == "number":
            found = {numbers[value]} if value in numbers else set()
        else:
            found = identified.get((kind, normalize_identity(kind, value)), set())
        if len(found) == 1:
            return next(iter(found))
    return None
