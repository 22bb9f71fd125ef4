"""The proof on a real database: random histories against a model, stored balances, planted differences, two times."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app.core.ids import new_id
from app.infra.database import Database, WriteSession, settled_before
from app.ledger import rules as chart
from app.ledger.balances import balances_at
from app.ledger.errors import KnownAtNotSettled
from app.ledger.kept_balances import _rows
from app.ledger.proof import prove
from app.ledger.queries import insert_period_balances, set_closed_through, supersede_period_balances
from app.ledger.rules import proof_line
from app.ledger.two_times import Times, resolve_times, snapshot_at
from tests.conftest import RolledBackDatabase
from tests.factories import Tenant, make_tenant
from tests.receivables import credit, flush, issue, pay, settle

DAY = date(2026, 1, 1)
START = datetime(2026, 1, 1, tzinfo=UTC)
Row = tuple[date, datetime, str, int]  # effective, recorded, measure, minor


@dataclass
class History:
    """Documents and their rows, written straight into the tables and, independently, into a plain list."""

    session: WriteSession
    tenant: Tenant
    dice: random.Random
    now: datetime = START
    closed_through: date = DAY - timedelta(days=1)
    journal: list[Row] = field(default_factory=list)
    documents: list[Row] = field(default_factory=list)
    payments: list[tuple[date, datetime, list[Row], list[tuple[date, datetime, int, UUID | None]]]] = field(
        default_factory=list
    )
    open: dict[str, list[list[Any]]] = field(default_factory=lambda: defaultdict(list))

    async def tick(self) -> None:
        """Later, in another transaction as far as the rows can tell."""
        self.now += timedelta(hours=self.dice.randrange(1, 40))
        await self.session.driver.execute("SELECT set_config('app.recorded_at', $1, true)", self.now.isoformat())

    def day(self) -> date:
        """Any date in the open period, often before what was recorded earlier."""
        return self.closed_through + timedelta(days=self.dice.randrange(1, 40))

    async def insert(self, table: str, **values: Any) -> UUID:
        row_id = new_id()
        values = {"organization_id": self.tenant.organization_id, "id": row_id, **values}
        marks = ", ".join(f"${i + 1}" for i in range(len(values)))
        await self.session.driver.execute(
            f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})", *values.values()
        )
        return row_id

    async def transfer(self, debit: str, credit: str, minor: int, on: date) -> None:
        await self.insert(
            "transfers", posting_id=new_id(), legal_entity_id=self.tenant.legal_entity_id, event="test",
            debit_account=debit, credit_account=credit, amount_minor=minor, currency="EUR", effective_date=on,
        )  # fmt: skip
        self.journal += [(on, self.now, f"debits:{debit}", minor), (on, self.now, f"credits:{credit}", minor)]

    async def invoice(self) -> None:
        minor, on, number = self.dice.randrange(1, 10_000), self.day(), str(new_id())
        common = {"account_id": self.tenant.account_id, "legal_entity_id": self.tenant.legal_entity_id,
                  "currency": "EUR", "amount_minor": minor, "accounting_date": on, "invoice_date": on}  # fmt: skip
        invoice = await self.insert("invoices", kind="invoice", number=number, number_key=number, **common)
        instalment = await self.insert(
            "instalments", invoice_id=invoice, ordinal=1, due_date=on, original_due_date=on, **common
        )
        self.documents.append((on, self.now, chart.OPEN_INSTALMENTS, minor))
        self.open["instalment"].append([instalment, minor, on])
        await self.transfer(chart.RECEIVABLES, chart.REVENUE, minor, on)

    async def adjust(self) -> None:
        if not self.open["instalment"]:
            return
        part = self.dice.choice(self.open["instalment"])
        if part[1] == 0:
            return
        minor, on = self.dice.randrange(1, part[1] + 1), max(self.day(), part[2])
        state = self.dice.choice(["posted", "posted", "requested"])
        await self.insert(
            "adjustments", instalment_id=part[0], legal_entity_id=self.tenant.legal_entity_id,
            account_id=self.tenant.account_id, currency="EUR", kind="write_off", reason_code="x", amount_minor=minor,
            state=state, effective_date=on, requested_by="x", posted_at=self.now if state == "posted" else None,
        )  # fmt: skip
        if state == "posted":
            part[1] -= minor
            self.documents.append((on, self.now, chart.OPEN_INSTALMENTS, -minor))
            await self.transfer(chart.BAD_DEBT, chart.RECEIVABLES, minor, on)

    async def credit_memo(self) -> None:
        minor, on, number = self.dice.randrange(1, 5_000), self.day(), str(new_id())
        memo = await self.insert(
            "credit_memos", number=number, number_key=number, legal_entity_id=self.tenant.legal_entity_id,
            account_id=self.tenant.account_id, currency="EUR", amount_minor=minor, credit_date=on, accounting_date=on,
        )  # fmt: skip
        self.documents.append((on, self.now, chart.OPEN_CREDIT_MEMOS, minor))
        self.open["credit_memo"].append([memo, minor, on])
        await self.transfer(chart.REVENUE, chart.RECEIVABLES, minor, on)

    async def payment(self) -> None:
        minor, on = self.dice.randrange(1, 10_000), self.day()
        account = self.dice.choice([None, self.tenant.account_id])
        payment = await self.insert(
            "payments", legal_entity_id=self.tenant.legal_entity_id, account_id=account, original_account_id=account,
            currency="EUR", amount_minor=minor, value_date=on, accounting_date=on, account_since=on,
        )  # fmt: skip
        rows: list[Row] = [(on, self.now, chart.PAYMENT_BALANCES, minor)]
        self.payments.append((on, self.now, rows, [(on, self.now, 0, account)]))
        self.open["payment"].append([payment, minor, on, account, len(self.payments) - 1])
        held = chart.UNIDENTIFIED_CASH if account is None else chart.UNAPPLIED_CASH
        await self.transfer(chart.BANK, held, minor, on)

    async def identify(self) -> None:
        candidates = [p for p in self.open["payment"] if p[1] > 0]
        if not candidates:
            return
        part = self.dice.choice(candidates)
        account = None if part[3] else self.tenant.account_id
        on = max(self.day(), part[2])
        await self.insert(
            "payment_movements", payment_id=part[0], kind="account_change", amount_minor=part[1],
            from_account_id=part[3], to_account_id=account, effective_date=on, actor_name="x",
        )  # fmt: skip
        changes = self.payments[part[4]][3]
        changes.append((on, self.now, len(changes), account))
        sides = (chart.UNIDENTIFIED_CASH, chart.UNAPPLIED_CASH)
        await self.transfer(*(sides if account else sides[::-1]), part[1], on)
        part[2], part[3] = on, account

    async def withdraw(self) -> None:
        candidates = [p for p in self.open["payment"] if p[1] > 0]
        if not candidates:
            return
        part = self.dice.choice(candidates)
        minor, on = self.dice.randrange(1, part[1] + 1), max(self.day(), part[2])
        await self.insert(
            "payment_movements", payment_id=part[0], kind="refund", amount_minor=minor, effective_date=on,
            actor_name="x",
        )  # fmt: skip
        part[1], part[2] = part[1] - minor, on
        self.payments[part[4]][2].append((on, self.now, chart.PAYMENT_BALANCES, -minor))
        held = chart.UNIDENTIFIED_CASH if part[3] is None else chart.UNAPPLIED_CASH
        await self.transfer(held, chart.BANK, minor, on)

    async def apply(self) -> None:
        kind = self.dice.choice(["payment", "credit_memo"])
        sources = [s for s in self.open[kind] if s[1] > 0 and (kind == "credit_memo" or s[3] is not None)]
        targets = [t for t in self.open["instalment"] if t[1] > 0]
        if not sources or not targets:
            return
        source, target = self.dice.choice(sources), self.dice.choice(targets)
        minor = self.dice.randrange(1, min(source[1], target[1]) + 1)
        discount = self.dice.randrange(0, target[1] - minor + 1) if self.dice.random() < 0.3 else 0
        on = max(self.day(), source[2], target[2])
        values = {
            f"{kind}_id": source[0], "group_id": new_id(), "legal_entity_id": self.tenant.legal_entity_id,
            "account_id": self.tenant.account_id, "source_account_id": self.tenant.account_id,
            "instalment_id": target[0], "currency": "EUR", "source_currency": "EUR", "origin": "manual",
            "actor_kind": "user", "actor_name": "x",
        }  # fmt: skip
        made = await self.insert("applications", amount_minor=minor, discount_minor=discount,
                                 source_amount_minor=minor, effective_date=on, **values)  # fmt: skip
        await self.settle(kind, source, 1, minor, discount, on)
        net, last = 1, on
        if self.dice.random() < 0.3:  # undone later, from a later day on
            await self.tick()
            net, last = 0, max(self.day(), on)
            await self.insert("applications", amount_minor=-minor, discount_minor=-discount, reverses_id=made,
                              source_amount_minor=-minor, effective_date=last, **values)  # fmt: skip
            await self.settle(kind, source, -1, minor, discount, last)
        source[1], target[1] = source[1] - net * minor, target[1] - net * (minor + discount)
        source[2] = target[2] = last

    async def settle(self, kind: str, source: list[Any], sign: int, minor: int, discount: int, on: date) -> None:
        """Note and book one application, or with sign −1 its undo."""
        self.documents.append((on, self.now, chart.OPEN_INSTALMENTS, -sign * (minor + discount)))
        if kind == "payment":
            self.payments[source[4]][2].append((on, self.now, chart.PAYMENT_BALANCES, -sign * minor))
        else:
            self.documents.append((on, self.now, chart.OPEN_CREDIT_MEMOS, -sign * minor))
        held = chart.UNAPPLIED_CASH if kind == "payment" else chart.RECEIVABLES
        for debit, amount in ((held, minor), (chart.DISCOUNTS_ALLOWED, discount)):
            if amount:
                sides = (debit, chart.RECEIVABLES) if sign > 0 else (chart.RECEIVABLES, debit)
                await self.transfer(*sides, amount, on)

    async def step(self) -> None:
        """One more event."""
        await self.tick()
        await self.dice.choice(
            [self.invoice, self.invoice, self.adjust, self.credit_memo, self.payment, self.payment, self.identify,
             self.withdraw, self.apply, self.apply]
        )()  # fmt: skip

    def expected(self, as_of: date, known_at: datetime | None) -> dict[str, int]:
        """The measures by the plain list."""
        found: defaultdict[str, int] = defaultdict(int)

        def counts(on: date, recorded: datetime) -> bool:
            return on <= as_of and (known_at is None or recorded <= known_at)

        for on, recorded, measure, minor in (*self.journal, *self.documents):
            if counts(on, recorded):
                found[measure] += minor
        for _, _, rows, changes in self.payments:
            left = sum(minor for on, recorded, _, minor in rows if counts(on, recorded))
            seen = [change for change in changes if counts(change[0], change[1])]
            found[chart.PAYMENT_BALANCES] += left
            if seen and max(seen, key=lambda change: (change[0], change[1], change[2]))[3] is None:
                found[chart.UNIDENTIFIED] += left
        return {measure: minor for measure, minor in found.items() if minor}


async def keep_balances(history: History, through: date) -> None:
    """What a close keeps, without its rules about today."""
    await history.tick()
    session, entity = history.session, history.tenant.legal_entity_id
    found = await balances_at(session, [entity], Times(through))
    await insert_period_balances(session, entity, through, list(_rows(found, "EUR")))
    await set_closed_through(session, entity, through)
    history.closed_through = through


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
async def test_stored_plus_delta_equals_full_equals_the_model(session: WriteSession, tenant: Tenant, seed: int) -> None:
    history = History(session, tenant, random.Random(seed))
    entity = tenant.legal_entity_id
    closes: list[tuple[date, datetime]] = []
    for round_ in range(4):
        for _ in range(25):
            await history.step()
        through = history.closed_through + timedelta(days=history.dice.randrange(5, 30))
        await keep_balances(history, through)
        closes.append((through, history.now))
        if round_ == 1 and seed % 2:  # reopened: facts may be dated there again
            await supersede_period_balances(session, entity, closes[0][0])
            history.closed_through = closes.pop(0)[0]
            closes.pop()
            closes = [(history.closed_through, START)]
    used = 0
    for _ in range(60):
        as_of = DAY + timedelta(days=history.dice.randrange(0, 160))
        known_at = history.dice.choice([None, START + (history.now - START) * history.dice.random()])
        times = Times(as_of, known_at)
        quick = await balances_at(session, [entity], times)
        full = await balances_at(session, [entity], times, full=True)
        expected = history.expected(as_of, known_at)
        for found in (quick, full):
            values = {key: minor for key, minor in found.values.get((entity, "EUR"), {}).items() if minor}
            assert values == expected, times
        assert not full.stored_through
        used += bool(quick.stored_through)
        line = proof_line(entity, "EUR", expected)
        assert line.holds, times
    assert used > 5


async def test_the_proof_of_real_postings_and_of_planted_differences(committed: Database, owner_url: str) -> None:
    tenant = await make_tenant(committed)
    async with committed.write(tenant.organization_id, tenant.actor) as session:
        _, instalment = await issue(session, tenant, 10_000, DAY)
        payment = await pay(session, tenant, 6_000, DAY)
        unknown = await pay(session, tenant, 900, DAY, account_id=None)
        memo = await credit(session, tenant, 500, DAY)
        _, small = await issue(session, tenant, 1_000, DAY)
        await settle(session, payment, instalment, 4_000, DAY)
        await settle(session, payment, small, 900, DAY, write_off=100)

    async def proof(*, full: bool) -> Any:
        async with snapshot_at(committed, tenant.organization_id, None, None, datetime.now(UTC)) as (session, times):
            return await prove(session, times, full=full, running=True)

    async def tamper(statement: str, *arguments: object) -> None:
        owner = await asyncpg.connect(owner_url)
        try:
            assert await owner.execute(statement, tenant.organization_id, *arguments) == "UPDATE 1"
        finally:
            await owner.close()

    good = await proof(full=True)
    assert good.holds
    (line,) = good.lines
    assert (line.open_instalments, line.open_credit_memos) == (6_000, 500)
    assert (line.unapplied, line.unidentified) == (1_100, 900)
    assert (line.subledger, line.control) == (3_500, 3_500)

    issued = "WHERE organization_id = $1 AND event = 'invoice.issued' AND amount_minor > 9000"
    entry = f"UPDATE transfers SET amount_minor = amount_minor + $2 {issued}"
    await tamper(entry, 7)
    (line,) = (await proof(full=False)).lines
    assert (line.difference, line.receivables_difference, line.holds) == (-7, -7, False)
    await tamper(entry, -7)
    assert (await proof(full=False)).holds

    for table, column, row_id, name in (
        ("instalments", "applied_minor", instalment, "instalment"),
        ("payments", "applied_minor", payment, "payment"),
        ("payments", "withdrawn_minor", unknown, "payment"),
        ("credit_memos", "withdrawn_minor", memo, "credit_memo"),
    ):
        change = f"UPDATE {table} SET {column} = {column} + $3 WHERE organization_id = $1 AND id = $2"
        await tamper(change, row_id, 5)
        found = await proof(full=False)
        assert all(line.holds for line in found.lines)  # rows are as they were; only the running column lies
        assert not found.holds
        assert [(d.document, d.id, d.recomputed_minor - d.running_minor) for d in found.running.differences] == [
            (name, row_id, 5)
        ]
        await tamper(change, row_id, -5)
    moved = "UPDATE payments SET original_account_id = $2 WHERE organization_id = $1 AND id = $3"
    await tamper(moved, tenant.account_id, unknown)
    (line,) = (await proof(full=True)).lines
    assert (line.difference, line.unapplied_cash_difference, line.unidentified_cash_difference) == (0, -900, 900)
    assert not line.holds


async def test_opposite_errors_hide_from_sums_but_not_from_documents(
    database: RolledBackDatabase, tenant: Tenant
) -> None:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        (_, first), (_, second) = [await issue(session, tenant, 1_000, DAY) for _ in range(2)]
        await flush(session)
        history = History(session, tenant, random.Random(0), now=datetime.now(UTC))
        await keep_balances(history, DAY)
        change = "UPDATE instalments SET adjusted_minor = $3 WHERE organization_id = $1 AND id = $2"
        await session.driver.execute(change, tenant.organization_id, first, 10)
        await session.driver.execute(change, tenant.organization_id, second, -10)
        times = Times(DAY + timedelta(days=9))
        quick = await prove(session, times, running=True)
        full = await prove(session, times, running=True, full=True)
    assert quick.running is not None
    assert full.running is not None
    assert (quick.running.holds, quick.running.by_document) == (True, False)
    assert (full.running.holds, {d.id for d in full.running.differences}) == (False, {first, second})


async def test_a_known_at_is_taken_only_when_it_is_settled(committed: Database) -> None:
    tenant = await make_tenant(committed)
    today = date(2026, 1, 1)
    async with committed.write(tenant.organization_id, tenant.actor) as writer:
        began: datetime = await writer.driver.fetchval("SELECT current_setting('app.recorded_at')::timestamptz")
        async with committed.read(tenant.organization_id) as session:
            assert await settled_before(session) <= began
            for late in (began, began + timedelta(days=1)):
                with pytest.raises(KnownAtNotSettled) as refused:
                    await resolve_times(session, None, late, today)
                assert refused.value.errors[0].pointer == "/query/known_at"
                assert datetime.fromisoformat(str(refused.value.facts["settled_before"])) <= began
            early = began - timedelta(seconds=2)
            assert await resolve_times(session, None, early, today) == Times(today, early)
    async with committed.read(tenant.organization_id) as session:
        assert (await resolve_times(session, DAY, began, today)).known_at == began
