"""Aging against a slow and obvious reference: every figure of any (as_of, known_at) equals it to the cent."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from app.core.errors import DomainError
from app.core.ids import new_id
from app.infra.database import WriteSession
from app.invoices.adjustments import RequestAdjustment, request_adjustment
from app.invoices.credit_memos import IssueCreditMemo, issue_credit_memo, refund_credit_memo
from app.invoices.due_dates import change_due_date
from app.invoices.issue import issue_invoice
from app.invoices.rules import InstalmentCommand, IssueInvoice
from app.invoices.void import void_invoice
from app.payments.apply import apply
from app.payments.identify import identify_payment
from app.payments.record import RecordPayment, record_payment
from app.payments.types import Apply, ApplyLine, Source
from app.payments.undo import undo_applications
from app.payments.withdraw import ReversePayment, reverse_payment
from app.reports.aging import aging_report
from app.reports.aging_queries import nothing_later
from app.reports.rules import AgingRequest, net_oldest_first
from tests.conftest import RolledBackDatabase
from tests.factories import Tenant

START = date(2026, 1, 1)
DAYS = 150


class History:
    """Random events of the trade through the services themselves; refusals are part of the trade."""

    def __init__(self, tenant: Tenant, seed: int) -> None:
        self.tenant, self.random = tenant, random.Random(seed)
        self.accounts: list[UUID] = []
        self.payments: list[UUID] = []
        self.memos: list[UUID] = []
        self.groups: list[UUID] = []
        self.number = 0

    def day(self) -> date:
        return START + timedelta(days=self.random.randrange(DAYS))

    async def step(self, session: WriteSession) -> None:
        actions = [self.invoice] * 4 + [self.pay] * 3 + [self.settle] * 6 + [
            self.memo, self.undo, self.adjust, self.void, self.move_due_date, self.refund, self.bounce, self.identify,
        ]  # fmt: skip
        await self.random.choice(actions)(session)

    def pick(self, known: list[UUID]) -> UUID:
        if not known:
            raise DomainError("there is none yet")
        return self.random.choice(known)

    async def invoice(self, session: WriteSession) -> None:
        self.number += 1
        day, amount = self.day(), self.random.randrange(1, 500) * 100
        parts: tuple[InstalmentCommand, ...] = ()
        if self.random.random() < 0.3 and amount > 100:
            parts = (InstalmentCommand(day, 100), InstalmentCommand(day + timedelta(days=40), amount - 100))
        command = IssueInvoice(
            kind="invoice",
            number=f"R-{self.number}",
            legal_entity_id=self.tenant.legal_entity_id,
            account_id=self.random.choice(self.accounts),
            currency=self.random.choice(("EUR", "USD")),
            amount_minor=amount,
            invoice_date=day,
            due_date=None if parts else day + timedelta(days=self.random.randrange(60)),
            instalments=parts,
            open_minor=self.random.choice((None, None, None, amount // 2)),
        )
        await issue_invoice(session, command)

    async def pay(self, session: WriteSession) -> None:
        command = RecordPayment(
            amount_minor=self.random.randrange(1, 800) * 100,
            currency=self.random.choice(("EUR", "USD")),
            value_date=self.day(),
            legal_entity_id=self.tenant.legal_entity_id,
            account_id=self.random.choice((*self.accounts, None)),
        )
        self.payments.append(await record_payment(session, command))

    async def memo(self, session: WriteSession) -> None:
        self.number += 1
        command = IssueCreditMemo(
            number=f"G-{self.number}",
            legal_entity_id=self.tenant.legal_entity_id,
            account_id=self.random.choice(self.accounts),
            currency=self.random.choice(("EUR", "USD")),
            amount_minor=self.random.randrange(1, 200) * 100,
            credit_date=self.day(),
        )
        self.memos.append(await issue_credit_memo(session, command))

    async def settle(self, session: WriteSession) -> None:
        part = await self.instalment(session)
        source = Source("payment", self.pick(self.payments))
        if self.memos and self.random.random() < 0.3:
            source = Source("credit_memo", self.pick(self.memos))
        amount = self.random.choice((part["open_minor"], max(1, part["open_minor"] // 3), 1000))
        line = ApplyLine(part["id"], amount)
        group = await apply(session, Apply(source, (line,), self.day(), allow_other_account=True, identify=True))
        self.groups.append(group.group_id)

    async def undo(self, session: WriteSession) -> None:
        await undo_applications(session, self.pick(self.groups), effective_date=self.day(), reason="x")

    async def adjust(self, session: WriteSession) -> None:
        part = await self.instalment(session)
        amount = self.random.choice((part["open_minor"], 100))
        await request_adjustment(session, RequestAdjustment(part["id"], "small_difference", amount, self.day(), "test"))

    async def void(self, session: WriteSession) -> None:
        part = await self.instalment(session)
        await void_invoice(session, part["invoice_id"], effective_date=self.day(), reason="x")

    async def move_due_date(self, session: WriteSession) -> None:
        part = await self.instalment(session)
        await change_due_date(session, part["id"], due_date=self.day(), effective_date=self.day(), reason="x")

    async def refund(self, session: WriteSession) -> None:
        await refund_credit_memo(
            session, self.pick(self.memos), amount_minor=100, effective_date=self.day(), reason="x",
            expected_version=None,
        )  # fmt: skip

    async def bounce(self, session: WriteSession) -> None:
        await reverse_payment(session, ReversePayment(self.pick(self.payments), self.day(), "bounced", None))

    async def identify(self, session: WriteSession) -> None:
        await identify_payment(session, self.pick(self.payments), self.random.choice(self.accounts), self.day())

    async def instalment(self, session: WriteSession) -> Any:
        rows = await session.driver.fetch(
            "SELECT id, invoice_id, open_minor FROM instalments WHERE organization_id = $1 AND open_minor > 0"
            " ORDER BY id",
            self.tenant.organization_id,
        )
        if not rows:
            raise DomainError("nothing is open")
        return self.random.choice(rows)


async def _rows(database: RolledBackDatabase, tenant: Tenant, table: str) -> list[Any]:
    async with database.read(tenant.organization_id) as read:
        return list(
            await read.driver.fetch(
                f"SELECT * FROM {table} WHERE organization_id = $1 ORDER BY id", tenant.organization_id
            )
        )


class Reference:
    """The obvious way: loop over all rows, count those dated and recorded in time."""

    TABLES = ("instalments", "applications", "adjustments", "instalment_changes", "credit_memos",
              "credit_memo_movements", "payments", "payment_movements")  # fmt: skip

    def __init__(self, tables: dict[str, list[Any]]) -> None:
        self.tables = tables

    @classmethod
    async def of(cls, database: RolledBackDatabase, tenant: Tenant) -> Reference:
        return cls({table: await _rows(database, tenant, table) for table in cls.TABLES})

    def aging(self, request: AgingRequest) -> dict[tuple[str | None, str], list[int]]:
        """By account and currency: buckets, credit memos, unapplied cash."""
        result: dict[tuple[str | None, str], list[int]] = defaultdict(lambda: [0] * 7)

        def counts(row: Any, dated: str = "effective_date", recorded: str = "recorded_at") -> bool:
            known = request.known_at
            return row[dated] <= request.as_of and (known is None or row[recorded] <= known)

        for part in self.tables["instalments"]:
            if not counts(part, "accounting_date"):
                continue
            left = part["amount_minor"]
            for row in self.tables["applications"]:
                if row["instalment_id"] == part["id"] and counts(row):
                    left -= row["amount_minor"] + row["discount_minor"] + row["write_off_minor"]
            for row in self.tables["adjustments"]:
                if row["instalment_id"] == part["id"] and row["state"] == "posted":
                    left -= row["amount_minor"] if counts(row, "effective_date", "posted_at") else 0
            changes = [r for r in self.tables["instalment_changes"] if r["instalment_id"] == part["id"] and counts(r)]
            changes.sort(key=lambda row: (row["effective_date"], row["recorded_at"], row["id"]))
            day = changes[-1]["due_date"] if changes else part["original_due_date"]
            day = part["invoice_date"] if request.by_invoice_date else day
            bucket = request.bounds.bucket_index((request.as_of - day).days)
            result[str(part["account_id"]), part["currency"]][bucket] += left
        self._credits(result, counts)
        return {key: values for key, values in result.items() if any(values)}

    def _credits(self, result: dict[tuple[str | None, str], list[int]], counts: Any) -> None:
        for memo in self.tables["credit_memos"]:
            if counts(memo, "accounting_date"):
                left = memo["amount_minor"] - self._used("credit_memo_id", memo["id"], counts)
                for row in self.tables["credit_memo_movements"]:
                    left -= row["amount_minor"] if row["credit_memo_id"] == memo["id"] and counts(row) else 0
                result[str(memo["account_id"]), memo["currency"]][5] += left
        for payment in self.tables["payments"]:
            if counts(payment, "accounting_date"):
                left = payment["amount_minor"] - self._used("payment_id", payment["id"], counts)
                account = payment["original_account_id"]
                moves = [r for r in self.tables["payment_movements"] if r["payment_id"] == payment["id"] and counts(r)]
                moves.sort(key=lambda row: (row["effective_date"], row["recorded_at"], row["id"]))
                for row in moves:
                    if row["kind"] == "account_change":
                        account = row["to_account_id"]
                    else:
                        left -= row["amount_minor"]
                key = None if account is None else str(account)
                result[key, payment["currency"]][6] += left

    def _used(self, column: str, source_id: UUID, counts: Any) -> int:
        rows = self.tables["applications"]
        return sum(row["source_amount_minor"] for row in rows if row[column] == source_id and counts(row))


async def _history(
    database: RolledBackDatabase, tenant: Tenant, seed: int, steps: int
) -> tuple[History, list[datetime]]:
    history, instants = History(tenant, seed), []
    async with database.write(tenant.organization_id, tenant.actor) as session:
        for number in range(4):
            account = new_id()
            await session.driver.execute(
                "INSERT INTO accounts (organization_id, id, number, name, currency, parent_id, segment)"
                " VALUES ($1, $2, $3, 'N', 'EUR', $4, $5)",
                tenant.organization_id, account, f"A-{number}", history.accounts[0] if number == 3 else None,
                ("retail", "industry", None, "retail")[number],
            )  # fmt: skip
            history.accounts.append(account)
    for _ in range(steps):
        instant = await _step(database, tenant, history)
        if instant is not None:
            instants.append(instant)
    assert len(instants) > steps // 3, "most steps were refused"
    return history, instants


async def _step(database: RolledBackDatabase, tenant: Tenant, history: History) -> datetime | None:
    """One event in its own transaction; its recorded instant, or None when it was refused as a whole."""
    try:
        async with database.write(tenant.organization_id, tenant.actor) as session:
            await history.step(session)
            found = await session.driver.fetchval("SELECT current_setting('app.recorded_at')::timestamptz")
    except DomainError:
        return None
    assert isinstance(found, datetime)
    return found


async def _ours(database: RolledBackDatabase, tenant: Tenant, request: AgingRequest) -> dict[Any, list[int]]:
    async with database.read(tenant.organization_id, snapshot=True) as read:
        report = await aging_report(read, request)
    return {
        (row.key, row.currency): [*row.buckets, row.credit_memos_minor, row.unapplied_minor]
        for row in report.rows
        if any(row.buckets) or row.credit_memos_minor or row.unapplied_minor
    }


@pytest.mark.parametrize("seed", range(6))
async def test_any_pair_of_dates_equals_the_reference(database: RolledBackDatabase, tenant: Tenant, seed: int) -> None:
    history, instants = await _history(database, tenant, seed, 90)
    reference = await Reference.of(database, tenant)
    known_times: list[datetime | None] = [None, *history.random.sample(instants, 4)]
    for known_at in known_times:
        for days in (0, 40, 75, 110, DAYS, DAYS + 100):
            for by_invoice_date in (False, True):
                request = AgingRequest(
                    as_of=START + timedelta(days=days),
                    known_at=known_at,
                    group_by="account",
                    by_invoice_date=by_invoice_date,
                )
                assert await _ours(database, tenant, request) == reference.aging(request), (days, known_at)


async def test_later_postings_leave_earlier_pairs_as_they_were(database: RolledBackDatabase, tenant: Tenant) -> None:
    history, instants = await _history(database, tenant, 99, 60)
    pairs = [AgingRequest(START + timedelta(days=d), instants[-1], "account") for d in (30, 90, 200)]
    before = [await _ours(database, tenant, pair) for pair in pairs]
    assert sum([await _step(database, tenant, history) is not None for _ in range(40)]) > 10
    assert [await _ours(database, tenant, pair) for pair in pairs] == before


async def test_the_quick_form_is_taken_and_gives_the_same(database: RolledBackDatabase, tenant: Tenant) -> None:
    _, _ = await _history(database, tenant, 7, 80)
    quick = AgingRequest(START + timedelta(days=400), None, "account")
    async with database.read(tenant.organization_id) as read:
        assert await nothing_later(read, quick)
        now = await read.driver.fetchval("SELECT clock_timestamp()")
    slow = AgingRequest(quick.as_of, now, "account")
    found = await _ours(database, tenant, quick)
    assert found
    assert found == await _ours(database, tenant, slow)


@pytest.mark.parametrize("group_by", ["organization", "legal_entity", "parent_group", "segment", "currency", "country"])
async def test_groups_add_up_to_the_accounts(database: RolledBackDatabase, tenant: Tenant, group_by: str) -> None:
    await _history(database, tenant, 11, 80)
    as_of = START + timedelta(days=120)
    accounts = await _ours(database, tenant, AgingRequest(as_of, None, "account"))
    groups = await _ours(database, tenant, AgingRequest(as_of, None, group_by))
    for currency in ("EUR", "USD"):
        one = [sum(column) for column in zip(*[v for (_, c), v in accounts.items() if c == currency], strict=True)]
        other = [sum(column) for column in zip(*[v for (_, c), v in groups.items() if c == currency], strict=True)]
        assert one == other, currency


def test_credits_are_netted_oldest_first() -> None:
    assert net_oldest_first([100, 50, 30], 60) == ([100, 20, 0], 0)
    assert net_oldest_first([10, 0, 5], 40) == ([0, 0, 0], 25)
