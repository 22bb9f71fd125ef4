"""Record advices, once each; cancel them; find the documents that their lines name."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Literal
from uuid import UUID

from app.core.errors import DomainError
from app.core.ids import new_id
from app.core.reference_keys import reference_key as number_key
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import WriteSession
from app.infra.jobs import owe
from app.infra.versions import RECORDED_NOW, check_version
from app.ledger.errors import LegalEntityUnknown as NoLegalEntity
from app.ledger.posting import legal_entity_facts
from app.payments.queries import existing_accounts
from app.remittances import queries
from app.remittances.errors import (
    AccountUnknown,
    AdviceNotOpen,
    DuplicateAdvice,
    DuplicateExternalId,
    LegalEntityUnknown,
)
from app.remittances.models import RemittanceAdvice
from app.remittances.rules import RecordAdvice, check_advice, content_sha256, reference_key, resolution_of

JOB_KIND = "remittances"
ONE_AT_A_TIME = "join"


async def record_advice(session: WriteSession, command: RecordAdvice) -> UUID:
    """Record an advice and owe its joining; returns its id.

    One with the reference and amount of another that is not over, but other lines, is kept and marked (`repeats_id`):
    neither is joined until a person cancels one. Raises AdviceInvalid, AccountUnknown, LegalEntityUnknown,
    DuplicateAdvice (the same content; `remittance_advice_id` is in the facts), DuplicateExternalId.
    """
    check_advice(command)
    await _check_parties(session, command)
    sha256 = content_sha256(command)
    known = await queries.find_by_content(session, sha256)
    if known is not None:
        raise DuplicateAdvice("the same advice is on record", remittance_advice_id=known)
    if command.external_id is not None and await queries.find_by_external(session, command.source, command.external_id):
        raise DuplicateExternalId(
            f"{command.source} has an advice {command.external_id} already", pointer="/external_ref"
        )
    advice = RemittanceAdvice(organization_id=session.organization_id, id=new_id(), version=1)
    await _fill(session, advice, command, sha256)
    session.add(advice)
    await session.flush()
    await _write_lines(session, advice, command)
    _record(session, advice.id, "recorded", after=_facts(command))
    return advice.id


async def upsert_advice(
    session: WriteSession, command: RecordAdvice
) -> tuple[UUID, Literal["created", "updated", "unchanged"]]:
    """Record the advice of `(source, external_id)`, or let it say what it says now while it is open or joined.

    A joined one that changes is joined anew. Raises as `record_advice`, and AdviceNotOpen when it is settled or
    cancelled and would change.
    """
    assert command.external_id is not None
    found = await queries.find_by_external(session, command.source, command.external_id)
    if found is None:
        return await record_advice(session, command), "created"
    advice = await queries.get_advice(session, found.id, lock=True)
    sha256 = content_sha256(command)
    if sha256 == advice.content_sha256:
        return advice.id, "unchanged"
    if advice.state not in ("open", "joined"):
        raise AdviceNotOpen(f"the advice is {advice.state}; send the new one under another key", state=advice.state)
    check_advice(command)
    await _check_parties(session, command)
    known = await queries.find_by_content(session, sha256)
    if known is not None:
        raise DuplicateAdvice("another advice says the same", remittance_advice_id=known)
    before = {"amount_minor": advice.amount_minor, "currency": advice.currency, "lines": advice.lines_count}
    await _end(session, advice, "rejoined")
    await _fill(session, advice, command, sha256)
    await _touch(session, advice, "open")
    await session.driver.execute(
        "DELETE FROM remittance_lines WHERE organization_id = $1 AND advice_id = $2",
        session.organization_id,
        advice.id,
    )
    await _write_lines(session, advice, command)
    _record(session, advice.id, "updated", before=before, after=_facts(command))
    return advice.id, "updated"


async def cancel_advice(
    session: WriteSession, advice_id: UUID, *, reason: str | None, expected_version: int | None
) -> None:
    """The advice holds no more: its payments lose its lines. Raises RemittanceAdviceNotFound, AdviceNotOpen,
    StaleVersion.
    """
    advice = await _lock_live(session, advice_id, expected_version)
    await _end(session, advice, "cancelled")
    advice.cancel_reason = reason
    await _touch(session, advice, "cancelled")
    _record(session, advice_id, "cancelled", after={"state": "cancelled"}, reason=reason)


async def rejoin_advice(session: WriteSession, advice_id: UUID, *, expected_version: int | None) -> None:
    """Look for its documents and payments anew. Raises RemittanceAdviceNotFound, AdviceNotOpen, StaleVersion."""
    advice = await _lock_live(session, advice_id, expected_version)
    await _end(session, advice, "rejoined")
    await _touch(session, advice, "open")
    await resolve_lines(session, advice)
    _record(session, advice_id, "reopened", after={"state": "open"})
    owe(session, JOB_KIND, ONE_AT_A_TIME)


async def resolve_lines(session: WriteSession, advice: RemittanceAdvice) -> None:
    """Write which open instalment or credit memo each line means; by number, then by open amount."""
    lines = await queries.line_rows(session, [advice.id])
    rows = await queries.documents_by_key(session, {line.number_key for line in lines}, advice.currency)
    found: dict[tuple[str, bool], list[Any]] = defaultdict(list)
    for row in rows:
        if advice.legal_entity_id in (None, row["legal_entity_id"]):
            found[row["number_key"], row["is_credit"]].append(row)
    resolved: list[tuple[UUID, str, UUID | None, UUID | None]] = []
    for line in lines:
        credit = line.amount_minor < 0
        candidates = found.get((line.number_key, credit), [])
        own = [row for row in candidates if row["account_id"] == advice.account_id]
        taken = abs(line.amount_minor) + line.discount_minor + line.deduction_minor
        chosen = resolution_of([(row["id"], row["open_minor"]) for row in own or candidates], taken)
        state = "resolved" if chosen else "ambiguous" if candidates else "unresolved"
        resolved.append((line.id, state, None if credit else chosen, chosen if credit else None))
    await queries.set_resolutions(session, resolved)


async def _check_parties(session: WriteSession, command: RecordAdvice) -> None:
    if command.account_id is not None and not await existing_accounts(session, [command.account_id]):
        raise AccountUnknown("no such account", pointer="/account_id")
    if command.legal_entity_id is not None:
        try:
            await legal_entity_facts(session, command.legal_entity_id)
        except NoLegalEntity:
            raise LegalEntityUnknown("no such legal entity", pointer="/legal_entity_id") from None


async def _fill(session: WriteSession, advice: RemittanceAdvice, command: RecordAdvice, sha256: str) -> None:
    key = reference_key(command.payment_reference)
    repeated = None
    if key is not None:
        repeated = await queries.find_repeated(session, key, command.currency, command.total_minor)
    for name in (
        "legal_entity_id", "account_id", "payer_name", "payer_bank_identifier", "payment_reference", "currency",
        "expected_date", "received_on", "channel", "source", "external_id",
    ):  # fmt: skip
        setattr(advice, name, getattr(command, name))
    advice.amount_minor, advice.lines_minor = command.total_minor, command.lines_minor
    advice.lines_count, advice.content_sha256 = len(command.lines), sha256
    advice.reference_key, advice.repeats_id = key, None if repeated == advice.id else repeated


async def _write_lines(session: WriteSession, advice: RemittanceAdvice, command: RecordAdvice) -> None:
    keyed = [(line, number_key(line.document_number)) for line in command.lines]
    await queries.insert_lines(session, advice.id, keyed)
    await resolve_lines(session, advice)
    owe(session, JOB_KIND, ONE_AT_A_TIME)


async def _lock_live(session: WriteSession, advice_id: UUID, expected_version: int | None) -> RemittanceAdvice:
    advice = await queries.get_advice(session, advice_id, lock=True)
    check_version(expected_version, advice.version)
    if advice.state not in ("open", "joined"):
        raise AdviceNotOpen(f"the advice is {advice.state}", state=advice.state)
    return advice


async def _end(session: WriteSession, advice: RemittanceAdvice, reason: str) -> None:
    """End its joins; payments that had its lines are tried again without them."""
    payments = await queries.end_joins(session, [advice.id], reason)
    if payments and await queries.wait_again(session, payments):
        owe(session, "matching", "run")


async def _touch(session: WriteSession, advice: RemittanceAdvice, state: str) -> None:
    advice.state, advice.version, advice.updated_at = state, advice.version + 1, RECORDED_NOW
    await session.flush()


def _facts(command: RecordAdvice) -> dict[str, object]:
    return {
        "amount_minor": command.total_minor,
        "currency": command.currency,
        "account_id": command.account_id,
        "lines": len(command.lines),
        "channel": command.channel,
        "expected_date": command.expected_date,
    }


def _record(session: WriteSession, advice_id: UUID, event: str, **facts: Any) -> None:
    record_change(session, ChangeRow("remittance_advice", advice_id, f"remittance_advice.{event}", **facts))


async def record_advices(session: WriteSession, commands: list[RecordAdvice]) -> list[UUID | DomainError]:
    """Record several advices of one file; the answer has, in order, the id or the refusal of each."""
    results: list[UUID | DomainError] = []
    for command in commands:
        try:
            results.append(await record_advice(session, command))
        except DomainError as refusal:
            results.append(refusal)
    return results
