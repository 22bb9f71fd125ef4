"""Remittance advices out of EDI files (X12 820, EDIFACT REMADV), with the accounts that they name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from uuid import UUID

from app.accounts.rules import normalize_identity
from app.infra.database import ReadSession
from app.integrations import party_lookup
from app.integrations.errors import ImportFileRefused
from app.integrations.queries import account_ids
from app.integrations.remittance_formats.advice import EdiAdvice
from app.integrations.remittance_formats.detect import SNIFF_BYTES, RemittanceFile, is_edi, read_remittance_file
from app.integrations.remittance_upload import ADVICES_MAX, FILE_BYTES_MAX
from app.remittances.rules import RecordAdvice


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


async def with_accounts(session: ReadSession, advices: Sequence[EdiAdvice]) -> list[RecordAdvice]:
    """The commands, each with the one account that its surest known hint stands for; without one it is left open."""
    hints = {hint for advice in advices for hint in advice.account_hints}
    numbers = await account_ids(session, {value for kind, value in hints if kind == "number"})
    identified = await party_lookup.accounts_of_identities(
        session, [(kind, normalize_identity(kind, value)) for kind, value in hints if kind != "number"]
    )
    return [
        replace(advice.command, account_id=_account(advice.account_hints, numbers, identified)) for advice in advices
    ]


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
