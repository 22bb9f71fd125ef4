"""Join advices with payments, whichever came first; hand a payment's lines to the matcher; see what is settled."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from app.accounts.rules import identity_keys, normalize_identity
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import ReadSession, WriteSession
from app.infra.jobs import owe
from app.remittances import queries
from app.remittances.joining import EARLY_DAYS, LATE_DAYS, NAMED_DAYS, Advice, Join, Receipt, plan_joins, share_lines
from app.remittances.rules import reference_keys


@dataclass(frozen=True, slots=True)
class AdvisedPart:
    """What an advice says that a payment settles. `amount_minor` None: the advice does not tell for this payment."""

    document_number: str
    amount_minor: int | None
    discount_minor: int
    deduction_minor: int
    deduction_reason: str | None


async def join_open(session: WriteSession) -> int:
    """Join open advices with payments of which nothing is used yet; how many advices found theirs.

    A payment that was tried without success before waits for the matcher again, and a run is owed. Repeatable.
    """
    rows = await queries.open_advices(session)
    if not rows:
        return 0
    days = [_days(row) for row in rows]
    earliest, latest = min(first for first, _ in days), max(last for _, last in days)
    receipts = await queries.open_receipts(session, {row["currency"] for row in rows}, earliest, latest)
    if not receipts:
        return 0
    by_identity = await _accounts_by_identity(session, [*rows, *receipts])
    advices = [_advice(row, by_identity) for row in rows]
    plan = plan_joins(advices, [_receipt(row, by_identity) for row in receipts])
    if not plan:
        return 0
    payments = {str(row["id"]): row["amount_minor"] for row in receipts}
    await _write(session, plan, payments)
    joined = [UUID(id_) for join in plan for id_ in join.payments]
    if await queries.wait_again(session, joined):
        owe(session, "matching", "run")
    return sum(len(join.advices) for join in plan)


def _days(advice: Any) -> tuple[date, date]:
    """The first and the last day on which the payment of this advice may count."""
    if advice["expected_date"] is None:
        return advice["received_on"] - timedelta(days=NAMED_DAYS), advice["received_on"] + timedelta(days=NAMED_DAYS)
    expected: date = advice["expected_date"]
    return expected - timedelta(days=EARLY_DAYS), expected + timedelta(days=LATE_DAYS)


async def advised_parts(session: ReadSession, payment_ids: Iterable[UUID]) -> dict[UUID, list[AdvisedPart]]:
    """What joined advices say about these payments, by payment.

    Amounts are left out where an advice does not add up, or where several payments share its lines and more than one
    split is possible: its documents are then named, no more.
    """
    found: dict[UUID, list[AdvisedPart]] = defaultdict(list)
    for row in await queries.lines_of_payments(session, payment_ids):
        positions = row["positions"]
        if positions is not None and row["position"] not in positions:
            continue
        told = positions is not None and row["totals_check"] == "agrees"
        found[row["payment_id"]].append(
            AdvisedPart(
                document_number=row["document_number"],
                amount_minor=row["amount_minor"] if told else None,
                discount_minor=row["discount_minor"] if told else 0,
                deduction_minor=row["deduction_minor"] if told else 0,
                deduction_reason=row["deduction_reason"] if told else None,
            )
        )
    return dict(found)


async def settle_joined(session: WriteSession) -> None:
    """Joined advices whose payments are wholly used are settled; those whose payment the bank took back are open."""
    used = await queries.used_advices(session)
    withdrawn = [row["id"] for row in used if row["withdrawn"]] + await queries.bounced_advices(session)
    done = [row["id"] for row in used if not row["withdrawn"]]
    if withdrawn:
        await queries.end_joins(session, withdrawn, "payment_withdrawn")
        await queries.set_states(session, withdrawn, "open")
    if done:
        await queries.set_states(session, done, "settled")
    for ids, event, state in ((withdrawn, "reopened", "open"), (done, "settled", "settled")):
        for id_ in ids:
            _record(session, id_, event, {"state": state})


async def _write(session: WriteSession, plan: Iterable[Join], payments: Mapping[str, int]) -> None:
    rows: list[tuple[UUID, UUID, str, list[int] | None]] = []
    lines: dict[UUID, list[tuple[int, int]]] = defaultdict(list)
    for line in await queries.line_rows(session, {UUID(id_) for join in plan for id_ in join.advices}):
        lines[line.advice_id].append((line.position, line.amount_minor))
    for join in plan:
        for advice in join.advices:
            advice_id = UUID(advice)
            shared = share_lines([minor for _, minor in lines[advice_id]], [payments[id_] for id_ in join.payments])
            for index, payment in enumerate(join.payments):
                positions: list[int] | None = [position for position, _ in lines[advice_id]]
                if len(join.payments) > 1:
                    positions = None
                    if shared is not None:
                        whose = zip(lines[advice_id], shared, strict=True)
                        positions = [position for (position, _), owner in whose if owner == index]
                rows.append((advice_id, UUID(payment), join.evidence.name.lower(), positions))
    await queries.insert_joins(session, rows)
    advices = list(dict.fromkeys(row[0] for row in rows))
    await queries.set_states(session, advices, "joined")
    for advice_id, payment_id, evidence, _ in rows:
        _record(session, advice_id, "joined", {"state": "joined", "payment_id": payment_id, "evidence": evidence})


async def _accounts_by_identity(session: ReadSession, rows: Iterable[Any]) -> dict[tuple[str, str], set[str]]:
    values = {value for row in rows for _, value in _identities(row)}
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in await queries.identity_rows(session, values):
        found[row["kind"], row["normalized_value"]].add(str(row["account_id"]))
    return found


def _name(row: Any) -> str | None:
    return normalize_identity("payer_name", row["payer_name"]) if row["payer_name"] else None


def _bank(row: Any) -> str | None:
    value = row["payer_bank_identifier"]
    return normalize_identity("bank_identifier", value) if value else None


def _identities(row: Any) -> set[tuple[str, str]]:
    """Kind and every stored form of what identifies the payer."""
    given = (("payer_name", row["payer_name"]), ("bank_identifier", row["payer_bank_identifier"]))
    return {(kind, key) for kind, value in given if value for key in identity_keys(kind, value)}


def _known_accounts(row: Any, by_identity: Mapping[tuple[str, str], set[str]]) -> set[str]:
    """The account itself, or those that name and bank identifier stand for."""
    if row["account_id"] is not None:
        return {str(row["account_id"])}
    return {account for identity in _identities(row) for account in by_identity.get(identity, ())}


def _advice(row: Any, by_identity: Mapping[tuple[str, str], set[str]]) -> Advice:
    accounts = _known_accounts(row, by_identity) or {str(id_) for id_ in row["line_accounts"] or () if id_}
    names = {normalize_identity("payer_name", name) for name in (row["account_name"], row["legal_name"]) if name}
    return Advice(
        id=str(row["id"]),
        currency=row["currency"],
        amount_minor=row["amount_minor"],
        received=row["received_on"],
        legal_entity_id=str(row["legal_entity_id"]) if row["legal_entity_id"] else None,
        reference_key=row["reference_key"],
        expected=row["expected_date"],
        accounts=frozenset(accounts),
        names=frozenset(names | ({_name(row) or ""} - {""})),
        bank_identifier=_bank(row),
        repeats=bool(row["repeats"]),
    )


def _receipt(row: Any, by_identity: Mapping[tuple[str, str], set[str]]) -> Receipt:
    coded = (row["remittance"] or {}).get("structured_references") or ()
    return Receipt(
        id=str(row["id"]),
        legal_entity_id=str(row["legal_entity_id"]),
        currency=row["currency"],
        amount_minor=row["amount_minor"],
        value_date=row["value_date"],
        reference_keys=reference_keys(row["remittance_text"], row["bank_reference"], row["end_to_end_id"], *coded),
        accounts=frozenset(_known_accounts(row, by_identity)),
        name=_name(row),
        bank_identifier=_bank(row),
    )


def _record(session: WriteSession, advice_id: UUID, event: str, after: dict[str, object]) -> None:
    record_change(session, ChangeRow("remittance_advice", advice_id, f"remittance_advice.{event}", after=after))
