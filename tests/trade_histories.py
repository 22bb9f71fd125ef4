"""Random histories of the trade, made through the services themselves, for reports to be checked against."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from app.core.errors import DomainError
from app.core.ids import new_id
from app.infra.database import WriteSession
from app.invoices.adjustments import RequestAdjustment, request_adjustment, reverse_adjustment
from app.invoices.credit_memos import IssueCreditMemo, issue_credit_memo, refund_credit_memo
from app.invoices.due_dates import change_due_date
from app.invoices.issue import issue_invoice
from app.invoices.rules import InstalmentCommand, IssueInvoice
from app.invoices.void import void_invoice
from app.payments.apply import apply
from app.payments.identify import ChangeAccount, change_account, identify_payment
from app.payments.record import RecordPayment, record_payment
from app.payments.types import Apply, ApplyLine, Source
from app.payments.undo import undo_applications
from app.payments.withdraw import RefundPayment, ReversePayment, refund_payment, reverse_payment
from tests.conftest import RolledBackDatabase
from tests.factories import Tenant

START = date(2026, 1, 1)
DAYS = 150


class History:
    """Random events of the trade through the services themselves; refusals are part of the trade."""

    def __init__(self, tenant: Tenant, source: random.Random) -> None:
        self.tenant, self.random = tenant, source
        self.accounts: list[UUID] = []
        self.payments: list[UUID] = []
        self.memos: list[UUID] = []
        self.groups: list[UUID] = []
        self.write_offs: list[UUID] = []
        self.number = 0

    def day(self) -> date:
        return START + timedelta(days=self.random.randrange(DAYS))

    async def step(self, session: WriteSession) -> None:
        actions = [self.invoice] * 4 + [self.pay] * 3 + [self.settle] * 6 + [
            self.memo, self.undo, self.adjust, self.void, self.move_due_date, self.refund, self.bounce, self.identify,
            self.move_due_date, self.move_due_date, self.write_off, self.write_off, self.write_back,
            self.move_payment, self.pay_back,
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

    async def write_off(self, session: WriteSession) -> None:
        part = await self.instalment(session)
        amount = self.random.choice((part["open_minor"], max(1, part["open_minor"] // 2)))
        command = RequestAdjustment(part["id"], "write_off", amount, self.day(), "insolvent")
        self.write_offs.append(await request_adjustment(session, command))

    async def write_back(self, session: WriteSession) -> None:
        await reverse_adjustment(session, self.pick(self.write_offs), effective_date=self.day(), reason="x")

    async def move_payment(self, session: WriteSession) -> None:
        account = self.random.choice((*self.accounts, None))
        await change_account(session, ChangeAccount(self.pick(self.payments), account, self.day()))

    async def pay_back(self, session: WriteSession) -> None:
        await refund_payment(session, RefundPayment(self.pick(self.payments), self.day(), 100))


SEGMENTS = ("retail", "industry", None, "retail")
COUNTRIES = ("DE", "FR", "DE", None)


async def begin(
    database: RolledBackDatabase, tenant: Tenant, source: random.Random, kind: type[History] = History
) -> History:
    """Four accounts: of two segments and two countries, the last a daughter of the first; the first has a collector."""
    history, collector = kind(tenant, source), new_id()
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await session.driver.execute(
            "INSERT INTO users (organization_id, id, email, display_name) VALUES ($1, $2, 'c@example.com', 'Carla')",
            tenant.organization_id, collector,
        )  # fmt: skip
        for number in range(4):
            account = new_id()
            await session.driver.execute(
                "INSERT INTO accounts (organization_id, id, number, name, currency, parent_id, segment, country,"
                " collector_id) VALUES ($1, $2, $3, 'N', 'EUR', $4, $5, $6, $7)",
                tenant.organization_id, account, f"A-{number}", history.accounts[0] if number == 3 else None,
                SEGMENTS[number], COUNTRIES[number], collector if number < 2 else None,
            )  # fmt: skip
            history.accounts.append(account)
    return history


async def step(database: RolledBackDatabase, history: History) -> datetime | None:
    """One event in its own transaction; its recorded instant, or None when it was refused as a whole."""
    tenant = history.tenant
    try:
        async with database.write(tenant.organization_id, tenant.actor) as session:
            await history.step(session)
            found = await session.driver.fetchval("SELECT current_setting('app.recorded_at')::timestamptz")
    except DomainError:
        return None
    assert isinstance(found, datetime)
    return found


async def run(database: RolledBackDatabase, history: History, steps: int) -> list[datetime]:
    """So many events; the recorded instants of those that were not refused."""
    found = [await step(database, history) for _ in range(steps)]
    return [instant for instant in found if instant is not None]
