"""SQL of late charges: what happened to the instalments, what was charged before, which rates hold. Set-wise."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select

from app.dunning.charges import shipped
from app.dunning.charges.errors import AgreementNotFound, ChargeNotFound, ChargingRunNotFound
from app.dunning.charges.models import (
    Charge,
    ChargeItem,
    ChargeSettings,
    ChargeWaiver,
    ChargingRun,
    InterestAgreement,
    InterestPiece,
)
from app.dunning.charges.rules import Agreement, DatedRate, DebtHistory, Piece
from app.dunning.charges.spared import spared_of
from app.infra.database import ReadSession
from app.invoices.models import Adjustment, Instalment, Invoice

RANKS = {"account": 3, "segment": 2, "organization": 1}
# References are looked up one by one by their keys (OFFSET 0 keeps the planner from turning that into a scan): as fast
# for a hundred thousand items, and never slow where it knows nothing of the tables.
_DEBTS = """
SELECT p.id, p.invoice_id, p.account_id, p.legal_entity_id, p.currency, p.due_date, p.amount_minor, p.open_minor,
    v.kind, v.number, v.void
FROM instalments p CROSS JOIN LATERAL (
    SELECT i.kind, i.number, i.voided_at IS NOT NULL AS void FROM invoices i
    WHERE i.organization_id = $1 AND i.id = p.invoice_id OFFSET 0) v
WHERE p.organization_id = $1 AND p.id = ANY($2::uuid[])
"""
# What was owed by an account that was merged away is charged to the one that it became.
_OWNERS = """
SELECT a.id, o.id AS owner_id, o.segment, o.language FROM accounts a
JOIN accounts o ON o.organization_id = $1 AND o.id = CASE WHEN a.status = 'merged' THEN a.parent_id ELSE a.id END
WHERE a.organization_id = $1 AND a.id = ANY($2::uuid[])
"""
_COUNTRIES = "SELECT id, country FROM legal_entities WHERE organization_id = $1 AND id = ANY($2::uuid[])"
# Money counts from its value date on, however late it was applied, and a credit from its date. What was undone (a
# payment that bounced, money that belonged elsewhere) never counted.
_CHANGES = """
SELECT a.instalment_id, least(a.effective_date, p.value_date, c.credit_date) AS on_date,
    sum(a.amount_minor + a.discount_minor + a.write_off_minor)::bigint AS minor
FROM applications a
LEFT JOIN LATERAL (
    SELECT value_date FROM payments WHERE organization_id = $1 AND id = a.payment_id OFFSET 0) p ON true
LEFT JOIN LATERAL (
    SELECT credit_date FROM credit_memos WHERE organization_id = $1 AND id = a.credit_memo_id OFFSET 0) c ON true
LEFT JOIN LATERAL (
    SELECT true AS done FROM applications WHERE organization_id = $1 AND reverses_id = a.id OFFSET 0) undone ON true
WHERE a.organization_id = $1 AND a.instalment_id = ANY($2::uuid[]) AND a.reverses_id IS NULL AND undone.done IS NULL
GROUP BY 1, 2
UNION ALL
SELECT d.instalment_id, d.effective_date, sum(d.amount_minor)::bigint
FROM adjustments d LEFT JOIN LATERAL (
    SELECT true AS done FROM adjustments WHERE organization_id = $1 AND reverses_id = d.id OFFSET 0) undone ON true
WHERE d.organization_id = $1 AND d.instalment_id = ANY($2::uuid[]) AND d.state = 'posted' AND d.reverses_id IS NULL
  AND undone.done IS NULL
GROUP BY 1, 2
"""
_VOIDED = """
SELECT c.id FROM charges c CROSS JOIN LATERAL (
    SELECT f.voided_at FROM invoices f WHERE f.organization_id = $1 AND f.id = c.invoice_id OFFSET 0) f
WHERE c.organization_id = $1 AND c.account_id = ANY($2::uuid[]) AND c.state = 'posted' AND f.voided_at IS NOT NULL
"""
_STANDING = """
SELECT id, kind, instalment_id, step_ordinal FROM charge_items
WHERE organization_id = $1 AND instalment_id = ANY($2::uuid[]) AND live AND charge_id <> ALL($3::uuid[])
"""
_CHARGED = """
SELECT charge_item_id, instalment_id, day_from, day_to, principal_minor, percent FROM interest_pieces
WHERE organization_id = $1 AND instalment_id = ANY($2::uuid[])
"""
_COMPENSATED = """
SELECT debt_invoice_id FROM charge_items
WHERE organization_id = $1 AND debt_invoice_id = ANY($2::uuid[]) AND live AND kind = 'compensation'
  AND charge_id <> ALL($3::uuid[])
"""
_RATES = """
SELECT table_code, valid_from, percent FROM interest_rates
WHERE organization_id = $1 AND table_code = ANY($2::text[]) AND NOT withdrawn
"""
# Items that bore interest before and were settled since: their last days are not lost.
_RUNNING = """
SELECT p.id FROM instalments p
WHERE p.organization_id = $1 AND p.account_id = ANY($2::uuid[]) AND p.open_minor = 0
  AND EXISTS (SELECT FROM charge_items i WHERE i.organization_id = $1 AND i.instalment_id = p.id
              AND i.kind = 'interest' AND i.live)
"""
# Late items of accounts: open ones past due, and those that were settled after their due date.
_LATE = """
SELECT p.id, CASE WHEN h.status = 'merged' THEN h.parent_id ELSE h.id END AS account_id, p.legal_entity_id, p.currency
FROM accounts h JOIN instalments p ON p.organization_id = $1 AND p.account_id = h.id
WHERE h.organization_id = $1 AND p.due_date < $3
  AND (h.id = ANY($2::uuid[]) AND h.status <> 'merged' OR h.parent_id = ANY($2) AND h.status = 'merged')
  AND (p.open_minor <> 0 OR EXISTS (
        SELECT FROM applications a WHERE a.organization_id = $1 AND a.instalment_id = p.id
          AND a.effective_date > greatest(p.due_date, $4::date))
    OR EXISTS (
        SELECT FROM adjustments d WHERE d.organization_id = $1 AND d.instalment_id = p.id AND d.state = 'posted'
          AND d.effective_date > greatest(p.due_date, $4::date))
    OR EXISTS (SELECT FROM charge_items i WHERE i.organization_id = $1 AND i.instalment_id = p.id
          AND i.kind = 'interest' AND i.live))
ORDER BY 2, p.legal_entity_id, p.currency, p.due_date, p.id
"""
_ACCOUNTS = """
SELECT a.id FROM accounts a
WHERE a.organization_id = $1 AND ($2::uuid IS NULL OR a.id > $2) AND a.status <> 'merged'
  AND (EXISTS (SELECT FROM instalments p WHERE p.organization_id = $1 AND p.account_id = a.id)
    OR EXISTS (SELECT FROM accounts m WHERE m.organization_id = $1 AND m.parent_id = a.id AND m.status = 'merged'))
ORDER BY a.id LIMIT $3
"""


@dataclass(frozen=True, slots=True)
class Debt:
    """An instalment as charging sees it. `number` and `kind` are those of its document."""

    id: UUID
    invoice_id: UUID
    account_id: UUID
    legal_entity_id: UUID
    currency: str
    number: str
    kind: str
    segment: str | None
    language: str | None
    country: str | None
    open_minor: int
    history: DebtHistory


@dataclass(frozen=True, slots=True)
class SettingsFacts:
    """How the organization charges; the defaults where it has not said."""

    run: str = "none"
    run_day: int = 1
    charge_from: date | None = None
    default_table_code: str | None = None
    payment_days: int = 0
    minimum_interest: Mapping[str, int] | None = None
    compensation: bool = False
    rejected_disputes: bool = False
    plan_interest: str = "if_broken"
    version: int = 0
    changed_on: date | None = None

    def minimum_minor(self, currency: str) -> int:
        """The least interest that an instalment is charged for at once, in minor units; at least one."""
        return max(1, (self.minimum_interest or {}).get(currency, 1))


async def charge_settings(session: ReadSession) -> SettingsFacts:
    """The settings of the organization, or the defaults."""
    statement = select(ChargeSettings).where(ChargeSettings.organization_id == session.organization_id)
    row = (await session.scalars(statement.execution_options(populate_existing=True))).one_or_none()
    if row is None:
        return SettingsFacts()
    return SettingsFacts(
        row.run, row.run_day, row.charge_from, row.default_table_code, row.payment_days, row.minimum_interest,
        row.compensation, row.rejected_disputes, row.plan_interest, row.version, row.updated_at.date(),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands of earlier charges: days by instalment, (instalment, step) of fees, documents compensated for."""

    days: Mapping[UUID, tuple[Piece, ...]]
    fees: frozenset[tuple[UUID, int | None]]
    compensated: frozenset[UUID]


async def debts(
    session: ReadSession, ids: Collection[UUID], settings: SettingsFacts
) -> tuple[dict[UUID, Debt], Standing]:
    """Instalments with their histories, and what stands of earlier charges; those that do not exist are left out.

    Void documents never owed anything.
    """
    wanted, organization_id = list(set(ids)), session.organization_id
    rows = await session.driver.fetch(_DEBTS, organization_id, wanted)
    accounts = list({row["account_id"] for row in rows})
    entities = list({row["legal_entity_id"] for row in rows})
    owners = {row["id"]: row for row in await session.driver.fetch(_OWNERS, organization_id, accounts)}
    countries = {row["id"]: row["country"] for row in await session.driver.fetch(_COUNTRIES, organization_id, entities)}
    changes: defaultdict[UUID, list[tuple[date, int]]] = defaultdict(list)
    for row in await session.driver.fetch(_CHANGES, organization_id, wanted):
        changes[row["instalment_id"]].append((row["on_date"], row["minor"]))
    spared = await spared_of(
        session, wanted, changes, rejected=settings.rejected_disputes, plans=settings.plan_interest != "always"
    )
    standing = await _standing(session, wanted, accounts, list({row["invoice_id"] for row in rows}))
    found = {}
    for row in rows:
        id_, gone, owner = row["id"], row["void"], owners[row["account_id"]]
        history = DebtHistory(
            row["due_date"],
            0 if gone else row["amount_minor"],
            () if gone else tuple(changes.get(id_, ())),
            tuple(spared.get(id_, ())),
            standing.days.get(id_, ()),
        )
        found[id_] = Debt(
            id_, row["invoice_id"], owner["owner_id"], row["legal_entity_id"], row["currency"], row["number"],
            row["kind"], owner["segment"], owner["language"], countries[row["legal_entity_id"]],
            0 if gone else row["open_minor"], history,
        )  # fmt: skip
    return found, standing


async def voided_charges(session: ReadSession, account_ids: Collection[UUID]) -> list[UUID]:
    """Charges of these accounts that count as posted although somebody voided their document."""
    return [row["id"] for row in await session.driver.fetch(_VOIDED, session.organization_id, list(account_ids))]


async def _standing(session: ReadSession, ids: list[UUID], accounts: list[UUID], invoice_ids: list[UUID]) -> Standing:
    """Charges whose document was voided elsewhere do not stand, even while nobody has released them."""
    organization_id = session.organization_id
    gone = await voided_charges(session, accounts)
    items = await session.driver.fetch(_STANDING, organization_id, ids, gone)
    interest = {row["id"] for row in items if row["kind"] == "interest"}
    days: defaultdict[UUID, list[Piece]] = defaultdict(list)
    for row in await session.driver.fetch(_CHARGED, organization_id, ids) if interest else ():
        if row["charge_item_id"] in interest:
            piece = Piece(row["day_from"], row["day_to"], row["principal_minor"], row["percent"])
            days[row["instalment_id"]].append(piece)
    compensated = await session.driver.fetch(_COMPENSATED, organization_id, invoice_ids, gone)
    return Standing(
        {id_: tuple(pieces) for id_, pieces in days.items()},
        frozenset((row["instalment_id"], row["step_ordinal"]) for row in items if row["kind"] == "fee"),
        frozenset(row["debt_invoice_id"] for row in compensated),
    )


async def rate_tables(session: ReadSession, codes: Collection[str]) -> dict[str, list[DatedRate]]:
    """The dated rates of these tables, shipped ones with the organization's own rows laid over them."""
    found: dict[str, dict[date, Decimal]] = {
        code: {r.valid_from: r.percent for r in shipped.TABLES[code].rates()} if code in shipped.TABLES else {}
        for code in codes
    }
    for row in await session.driver.fetch(_RATES, session.organization_id, list(codes)):
        found[row["table_code"]][row["valid_from"]] = row["percent"]
    return {code: [DatedRate(on, percent) for on, percent in sorted(rows.items())] for code, rows in found.items()}


async def agreements(
    session: ReadSession, account_ids: Collection[UUID], segments: Collection[str]
) -> list[InterestAgreement]:
    """Agreements of these accounts and segments, and those of the organization."""
    table = InterestAgreement
    statement = select(table).where(
        table.organization_id == session.organization_id,
        (table.scope == "organization") | table.account_id.in_(list(account_ids)) | table.segment.in_(list(segments)),
    )
    return list((await session.scalars(statement)).all())


def agreement_facts(row: InterestAgreement) -> Agreement:
    """The row as the rules take it."""
    return Agreement(RANKS[row.scope], row.valid_from, row.valid_to, row.table_code, row.percent, row.on_charges)


async def compensation_bands(session: ReadSession, currencies: Collection[str]) -> dict[str, list[tuple[int, int]]]:
    """(debt from, sum) by currency: the organization's own, else those shipped; without those that have none."""
    rows = await session.driver.fetch(
        "SELECT currency, bands FROM compensation_schedules WHERE organization_id = $1 AND currency = ANY($2::text[])",
        session.organization_id,
        list(currencies),
    )
    found = {code: list(shipped.COMPENSATION[code]) for code in currencies if code in shipped.COMPENSATION}
    found.update({row["currency"]: [(start, minor) for start, minor in row["bands"]] for row in rows})
    return found


async def running_items(session: ReadSession, account_ids: Collection[UUID]) -> list[UUID]:
    """Settled instalments of these accounts that bore interest before they were settled."""
    rows = await session.driver.fetch(_RUNNING, session.organization_id, list(account_ids))
    return [row["id"] for row in rows]


async def late_items(
    session: ReadSession, account_ids: Sequence[UUID], as_of: date, charge_from: date | None
) -> list[Any]:
    """(id, account_id, legal_entity_id, currency) of what is or was late, in the order of accounts."""
    earliest = charge_from or date(1900, 1, 1)
    return await session.driver.fetch(_LATE, session.organization_id, list(account_ids), as_of, earliest)


async def accounts_after(session: ReadSession, after: UUID | None, limit: int) -> list[UUID]:
    """The next accounts that have documents, by id."""
    return [row["id"] for row in await session.driver.fetch(_ACCOUNTS, session.organization_id, after, limit)]


async def get_charge(session: ReadSession, charge_id: UUID, *, lock: bool = False) -> Charge:
    """The charge. Raises ChargeNotFound."""
    key = (session.organization_id, charge_id)
    found = await session.get(Charge, key, with_for_update=lock or None, populate_existing=True)
    if found is None:
        raise ChargeNotFound("no such charge")
    return found


async def get_run(session: ReadSession, run_id: UUID, *, lock: bool = False) -> ChargingRun:
    """The charging run. Raises ChargingRunNotFound."""
    key = (session.organization_id, run_id)
    found = await session.get(ChargingRun, key, with_for_update=lock or None, populate_existing=True)
    if found is None:
        raise ChargingRunNotFound("no such charging run")
    return found


async def find_run_of(session: ReadSession, as_of: date) -> ChargingRun | None:
    """The run that charged until this day, or None."""
    statement = select(ChargingRun).where(
        ChargingRun.organization_id == session.organization_id, ChargingRun.as_of == as_of, ~ChargingRun.simulated
    )
    return (await session.scalars(statement)).one_or_none()


def waivers_statement(organization_id: UUID) -> Select[Any]:
    """Waivers with their adjustments and the numbers of the documents, without order and bounds."""
    statement: Any = (
        select(ChargeWaiver, Adjustment, Invoice.number)
        .join(
            Adjustment, (Adjustment.organization_id == organization_id) & (Adjustment.id == ChargeWaiver.adjustment_id)
        )
        .join(Instalment, (Instalment.organization_id == organization_id) & (Instalment.id == Adjustment.instalment_id))
        .join(Invoice, (Invoice.organization_id == organization_id) & (Invoice.id == Instalment.invoice_id))
        .where(ChargeWaiver.organization_id == organization_id)
    )
    joined: Select[Any] = statement
    return joined


async def get_agreement(session: ReadSession, agreement_id: UUID, *, lock: bool = False) -> InterestAgreement:
    """The agreement. Raises AgreementNotFound."""
    key = (session.organization_id, agreement_id)
    found = await session.get(InterestAgreement, key, with_for_update=lock or None, populate_existing=True)
    if found is None:
        raise AgreementNotFound("no such interest agreement")
    return found


async def find_posted(session: ReadSession, source_keys: Collection[str]) -> dict[str, Charge]:
    """The standing charges of these source keys."""
    statement = select(Charge).where(
        Charge.organization_id == session.organization_id, Charge.source_key.in_(list(source_keys)),
        Charge.state == "posted",
    )  # fmt: skip
    rows = (await session.scalars(statement.execution_options(populate_existing=True))).all()
    return {row.source_key: row for row in rows}


async def items_of(session: ReadSession, charge_ids: Collection[UUID]) -> dict[UUID, list[ChargeItem]]:
    """The items of each charge, in their order."""
    statement = select(ChargeItem).where(
        ChargeItem.organization_id == session.organization_id, ChargeItem.charge_id.in_(list(charge_ids))
    )
    found: dict[UUID, list[ChargeItem]] = {charge_id: [] for charge_id in charge_ids}
    for item in await session.scalars(statement.order_by(ChargeItem.id).execution_options(populate_existing=True)):
        found[item.charge_id].append(item)
    return found


async def pieces_of(session: ReadSession, item_ids: Collection[UUID]) -> dict[UUID, list[InterestPiece]]:
    """The pieces of each interest item, by day."""
    statement = select(InterestPiece).where(
        InterestPiece.organization_id == session.organization_id, InterestPiece.charge_item_id.in_(list(item_ids))
    )
    found: dict[UUID, list[InterestPiece]] = {item_id: [] for item_id in item_ids}
    for piece in (await session.scalars(statement.order_by(InterestPiece.day_from, InterestPiece.id))).all():
        found[piece.charge_item_id].append(piece)
    return found


def statement_of(table: Any, organization_id: UUID, equal: Mapping[str, object]) -> Select[Any]:
    """Rows of the organization, narrowed by the columns that are given."""
    statement = select(table).where(table.organization_id == organization_id)
    for name, value in equal.items():
        if value is not None:
            statement = statement.where(getattr(table, name) == value)
    return statement
