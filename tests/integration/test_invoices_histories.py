"""Random histories of documents against a model that knows nothing but signed amounts and days.

Every step is tried on the service and on the model: both accept it or both refuse it. Then the open amount, due date
and status of every instalment must be the model's, as of every day and as known after every step; the journal must
carry the same sums; nothing is ever below zero.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.core.errors import DomainError
from app.infra.database import WriteSession
from app.invoices.adjustments import RequestAdjustment, request_adjustment, reverse_adjustment
from app.invoices.credit_memos import refund_credit_memo, void_credit_memo
from app.invoices.due_dates import change_due_date
from app.invoices.issue import issue_invoice
from app.invoices.rules import InstalmentCommand, IssueInvoice
from app.invoices.upsert import upsert_invoices
from app.invoices.void import void_invoice
from app.payments.balances import CREDIT_MEMO_BALANCES, instalment_balances_as_of
from app.payments.undo import undo_applications
from tests.conftest import RolledBackDatabase
from tests.control_account import assert_books_agree
from tests.factories import Tenant, make_tenant
from tests.receivables import add_account, credit, pay, settle

START = date(2026, 3, 1)
DAYS = 9  # few days, so that dates collide
STEPS = (
    "invoice", "two_parts", "adjust", "adjust", "adjust", "reverse", "reverse", "reverse", "void", "pay", "pay", "undo",
    "undo", "due", "correct", "correct", "other_account", "memo", "use_memo", "refund_memo", "void_memo",
)  # fmt: skip
FIRST: tuple[tuple[Any, ...], ...] = (("invoice", 0, 0, 20, 0), ("two_parts", 0, 8, 9, 2), ("memo", 0, 0, 9, 1))


@dataclass
class Part:
    """An instalment, or a credit memo: signed events, the last day on which something came back, due dates."""

    since: int
    events: list[tuple[int, int]]
    due: list[tuple[int, int]] = field(default_factory=list)
    original_due: int = 0
    came_back: int = -1
    applied: int = 0
    adjusted: int = 0
    amount: int = 0
    written_off: bool = False
    void: bool = False

    def at(self, day: int) -> int:
        return sum(minor for when, minor in self.events if when <= day)

    @property
    def open(self) -> int:
        return self.at(10**6)

    def can_be_paid(self, minor: int, day: int) -> bool:
        days = {day, *(when for when, _ in self.events if when > day)}
        return day >= self.since and all(self.at(when) >= minor for when in days)

    def can_be_lowered(self, minor: int, day: int) -> bool:
        return not self.void and minor <= self.open and day >= max(self.since, self.came_back)

    def lose(self, day: int, minor: int) -> None:
        self.events.append((day, -minor))
        self.written_off = False
        if minor < 0:
            self.came_back = max(self.came_back, day)

    def due_at(self, day: int) -> int:
        return next((due for when, due in reversed(self.due) if when <= day), self.original_due)

    @property
    def status(self) -> str:
        if self.void:
            return "void"
        if self.open == 0:
            return "written_off" if self.written_off else "settled"
        return "open" if self.open == self.amount else "partially_applied"


@dataclass
class Doc:
    parts: list[Part]
    day: int  # the invoice date
    account: int = 0

    @property
    def earliest(self) -> int:
        return max(max(part.since, part.came_back) for part in self.parts)


@dataclass
class Undoable:
    """An adjustment or application: which part (and memo) lost how much, when."""

    part: Part
    memo: Part | None
    minor: int
    day: int
    undone: bool = False


@dataclass
class World:
    """The model, and the ids of the same things in the service, place by place."""

    tenant: Tenant
    accounts: list[UUID]
    docs: list[Doc] = field(default_factory=list)
    doc_ids: list[UUID] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    part_ids: list[UUID] = field(default_factory=list)
    memos: list[Part] = field(default_factory=list)
    memo_ids: list[UUID] = field(default_factory=list)
    adjustments: list[Undoable] = field(default_factory=list)
    adjustment_ids: list[UUID] = field(default_factory=list)
    applications: list[Undoable] = field(default_factory=list)
    group_ids: list[UUID] = field(default_factory=list)
    allowed: bool = True

    async def add(self, session: WriteSession, invoice_id: UUID, doc: Doc) -> None:
        rows = await session.driver.fetch(
            "SELECT id FROM instalments WHERE organization_id = $1 AND invoice_id = $2 ORDER BY ordinal",
            session.organization_id, invoice_id,
        )  # fmt: skip
        self.docs.append(doc)
        self.doc_ids.append(invoice_id)
        self.parts += doc.parts
        self.part_ids += [row["id"] for row in rows]

    def command(self, index: int, doc: Doc, minors: list[int]) -> IssueInvoice:
        dues = [InstalmentCommand(on(doc.day + 30 + n), minor) for n, minor in enumerate(minors)]
        return IssueInvoice(
            "invoice", f"RE-{index}", self.tenant.legal_entity_id, self.accounts[doc.account], "EUR", sum(minors),
            on(doc.day), source="gp", external_id=str(index), tax_minor=sum(minors) // 6, instalments=tuple(dues),
        )  # fmt: skip


def on(day: int) -> date:
    return START + timedelta(days=day)


def new_part(day: int, minor: int, place: int) -> Part:
    return Part(since=day, events=[(day, minor)], amount=minor, original_due=day + 30 + place)


async def take(name: str, x: int, y: int, minor: int, day: int, world: World, session: WriteSession) -> None:
    """One step: the model's verdict, then the service (which may refuse), then the model's books."""
    world.allowed = True
    if name in ("invoice", "two_parts"):
        minors = [minor] if name == "invoice" else [minor, y + 1]
        doc = Doc([new_part(day, part, place) for place, part in enumerate(minors)], day)
        await world.add(session, await issue_invoice(session, world.command(len(world.docs), doc, minors)), doc)
        return
    if name == "memo":
        world.memo_ids.append(await credit(session, world.tenant, minor, on(day)))
        world.memos.append(Part(since=day, events=[(day, minor)], amount=minor))
        return
    if name in ("void", "correct", "other_account"):
        await change_document(name, x % len(world.docs), minor, day, world, session)
    elif name.endswith("_memo"):
        await change_memo(name, x % len(world.memos), y, minor, day, world, session)
    else:
        await change_part(name, x, minor, day, world, session)


async def change_part(name: str, x: int, minor: int, day: int, world: World, session: WriteSession) -> None:
    p = x % len(world.parts)
    part, part_id = world.parts[p], world.part_ids[p]
    if name == "adjust":
        world.allowed = part.can_be_lowered(minor, day)
        command = RequestAdjustment(part_id, "write_off", minor, on(day), "bad_debt")
        world.adjustment_ids.append(await request_adjustment(session, command))
        part.lose(day, minor)
        part.adjusted += minor
        part.written_off = part.open == 0
        world.adjustments.append(Undoable(part, None, minor, day))
        return
    if name == "pay":
        payment = await pay(session, world.tenant, minor, START)
        world.allowed = part.can_be_paid(minor, day)
        group = await settle(session, payment, part_id, minor, on(day), allow_other_account=True)
        world.group_ids.append(group.group_id)
        part.lose(day, minor)
        part.applied += minor
        world.applications.append(Undoable(part, None, minor, day))
        return
    if name == "due":
        wanted = day + 20 + minor
        world.allowed = not part.void and day >= max(part.since, max((when for when, _ in part.due), default=0))
        await change_due_date(session, part_id, due_date=on(wanted), effective_date=on(day), reason="agreed")
        if wanted != part.due_at(10**6):
            part.due.append((day, wanted))
        return
    done, ids = ((world.adjustments, world.adjustment_ids) if name == "reverse"
                 else (world.applications, world.group_ids))  # fmt: skip
    if not done:
        return
    index = x % len(done)
    item = done[index]
    world.allowed = not item.undone and day >= item.day
    if name == "reverse":
        await reverse_adjustment(session, ids[index], effective_date=on(day), reason="wrong")
        item.part.adjusted -= item.minor
    else:
        await undo_applications(session, ids[index], on(day), "wrong")
        item.part.applied -= item.minor
        if item.memo is not None:
            item.memo.applied -= item.minor
            item.memo.lose(day, -item.minor)
    item.part.lose(day, -item.minor)
    item.undone = True


async def change_document(name: str, d: int, minor: int, day: int, world: World, session: WriteSession) -> None:
    doc = world.docs[d]
    void = doc.parts[0].void
    touched = any(part.applied or part.adjusted for part in doc.parts)
    if name == "void":
        world.allowed = not void and not touched and day >= doc.earliest
        await void_invoice(session, world.doc_ids[d], effective_date=on(day), reason="wrong")
        void_parts(doc, day)
        return
    minors = [part.amount for part in doc.parts]
    if name == "correct":
        minors[-1] = minor
    else:
        doc = Doc(doc.parts, doc.day, 1 - doc.account)
    if void:  # nothing of this reference is left: another document of its own
        return
    last, delta = doc.parts[-1], minors[-1] - doc.parts[-1].amount
    world.allowed = not touched if name == "other_account" else -delta <= last.open
    (result,) = await upsert_invoices(session, [world.command(d, doc, minors)], today=on(day))
    if isinstance(result, DomainError):
        raise result
    if name == "other_account":
        begin = doc.earliest
        void_parts(doc, begin)
        since = max(doc.day, begin) if begin > world.docs[d].parts[0].since else doc.day
        again = Doc([new_part(doc.day, part, place) for place, part in enumerate(minors)], doc.day, doc.account)
        for part in again.parts:
            part.since, part.events = since, [(since, part.amount)]
        await world.add(session, result.id, again)
        world.docs[d], world.docs[-1] = again, doc  # the reference names the new one
        world.doc_ids[d], world.doc_ids[-1] = world.doc_ids[-1], world.doc_ids[d]
        return
    if delta:
        last.lose(max(day, doc.earliest), -delta)
        last.amount = minor
    for part, due in zip(doc.parts, (doc.day + 30 + n for n in range(len(minors))), strict=True):
        assert part.due or part.original_due == due  # dates agreed here stay


def void_parts(doc: Doc, day: int) -> None:
    for part in doc.parts:
        if part.open:
            part.lose(day, part.open)
        part.void = True


async def change_memo(name: str, m: int, y: int, minor: int, day: int, world: World, session: WriteSession) -> None:
    memo, memo_id = world.memos[m], world.memo_ids[m]
    if name == "use_memo":
        p = y % len(world.parts)
        part = world.parts[p]
        world.allowed = memo.can_be_paid(minor, day) and part.can_be_paid(minor, day)
        group = await settle(
            session, memo_id, world.part_ids[p], minor, on(day), credit_memo=True, allow_other_account=True
        )
        world.group_ids.append(group.group_id)
        part.lose(day, minor)
        memo.lose(day, minor)
        part.applied, memo.applied = part.applied + minor, memo.applied + minor
        world.applications.append(Undoable(part, memo, minor, day))
        return
    if name == "refund_memo":
        world.allowed = memo.can_be_lowered(minor, day)
        await refund_credit_memo(
            session, memo_id, amount_minor=minor, effective_date=on(day), reason="asked", expected_version=None
        )
        memo.lose(day, minor)
        memo.adjusted += minor
        return
    world.allowed = not memo.void and not memo.applied and not memo.adjusted and day >= max(memo.since, memo.came_back)
    await void_credit_memo(session, memo_id, effective_date=on(day), reason="wrong", expected_version=None)
    memo.lose(day, memo.open)
    memo.void = True


def balances(world: World, day: int) -> tuple[dict[UUID, int], dict[UUID, int]]:
    """Open amounts of instalments and credit memos that exist on that day."""
    parts = {i: part.at(day) for i, part in zip(world.part_ids, world.parts, strict=True) if part.since <= day}
    memos = {i: memo.at(day) for i, memo in zip(world.memo_ids, world.memos, strict=True) if memo.since <= day}
    assert all(minor >= 0 for minor in (*parts.values(), *memos.values()))
    return parts, memos


async def found_balances(
    session: WriteSession, day: int, known_at: datetime
) -> tuple[dict[UUID, int], dict[UUID, int]]:
    rows = await session.driver.fetch(CREDIT_MEMO_BALANCES, session.organization_id, on(day), known_at)
    memos = {row["credit_memo_id"]: row["balance_minor"] for row in rows}
    return await instalment_balances_as_of(session, on(day), known_at), memos


async def check_rows(session: WriteSession, world: World, known_at: datetime) -> None:
    """As known now: amounts and due dates of every day, statuses and columns in the end, and the journal."""
    for day in range(DAYS + 1):
        assert await found_balances(session, day, known_at) == balances(world, day), day
        rows = await session.driver.fetch(
            "SELECT DISTINCT ON (p.id) p.id, coalesce(c.due_date, p.original_due_date) AS due FROM instalments p"
            " LEFT JOIN instalment_changes c ON c.instalment_id = p.id AND c.effective_date <= $2"
            " WHERE p.organization_id = $1 ORDER BY p.id, c.effective_date DESC, c.recorded_at DESC, c.id DESC",
            session.organization_id, on(day),
        )  # fmt: skip
        assert {row["id"]: row["due"] for row in rows} == {
            i: on(part.due_at(day)) for i, part in zip(world.part_ids, world.parts, strict=True)
        }
    rows = await session.driver.fetch(
        "SELECT id, open_minor, status, due_date, amount_minor + corrected_minor AS amount FROM instalments"
        " WHERE organization_id = $1", session.organization_id,
    )  # fmt: skip
    assert {row["id"]: tuple(row)[1:] for row in rows} == {
        i: (part.open, part.status, on(part.due_at(10**6)), part.amount)
        for i, part in zip(world.part_ids, world.parts, strict=True)
    }
    await assert_books_agree(session, *(on(day) for day in range(DAYS + 1)))


step = st.tuples(
    st.sampled_from(STEPS), st.integers(0, 3), st.integers(0, 3), st.integers(1, 12), st.integers(0, DAYS - 1)
)


@given(
    steps=st.lists(step, min_size=14, max_size=40), probes=st.lists(st.integers(0, DAYS - 1), min_size=2, max_size=2)
)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
async def test_every_history_of_documents_balances_on_every_day(
    database: RolledBackDatabase, steps: list[tuple[Any, ...]], probes: list[int]
) -> None:
    tenant = await make_tenant(database)
    async with database.write(tenant.organization_id, tenant.actor) as session:
        world = World(tenant, [tenant.account_id, await add_account(session, "C-2")])
    remembered: list[tuple[datetime, list[Any]]] = []
    for taken in (*FIRST, *steps):
        refusal = None
        try:
            async with database.write(tenant.organization_id, tenant.actor) as session:
                await take(*taken, world, session)
        except DomainError as error:
            refusal = error
        assert world.allowed == (refusal is None), (taken, refusal and (refusal.code, refusal.detail))
        async with database.write(tenant.organization_id, tenant.actor) as session:
            now = await session.driver.fetchval("SELECT clock_timestamp()")
        remembered.append((now, [balances(world, day) for day in probes]))
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await check_rows(session, world, remembered[-1][0])
        for known_at, expected in remembered[:-1]:
            for day, wanted in zip(probes, expected, strict=True):
                assert await found_balances(session, day, known_at) == wanted
