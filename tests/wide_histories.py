"""Random histories of a trade that is wider than `trade_histories.py`: two legal entities, currencies of 0 to 3 places,
a tree of accounts, payments across currencies, discounts, finance charges and what lies in the future.
"""

from __future__ import annotations

import random
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from app.core.ids import new_id
from app.core.money import exponent
from app.infra.database import WriteSession
from app.invoices.credit_memos import IssueCreditMemo, issue_credit_memo
from app.invoices.issue import issue_invoice
from app.invoices.rules import IssueInvoice
from app.payments.apply import apply
from app.payments.record import RecordPayment, record_payment
from app.payments.types import Apply, ApplyLine, Source
from tests.conftest import RolledBackDatabase
from tests.factories import Tenant
from tests.receivables import add_rate
from tests.trade_histories import DAYS, START, History, begin

IN_EUROS = {"EUR": 1, "USD": 2, "JPY": 3, "KWD": 20}
"""Euros for one unit: whole numbers from minor to minor units, so that a conversion rounds nothing."""


def minor_factor(currency: str) -> int:
    """Cents for one minor unit of the currency."""
    factor = Decimal(IN_EUROS[currency]) * 100 / 10 ** exponent(currency)
    assert factor == int(factor)
    return int(factor)


class WideHistory(History):
    """What a trade has besides: it takes the same steps, and some of its own."""

    def __init__(self, tenant: Tenant, source: random.Random) -> None:
        super().__init__(tenant, source)
        self.entities: list[UUID] = [tenant.legal_entity_id]

    def day(self) -> date:
        """Now and then a day that no report has reached."""
        return START + timedelta(days=self.random.randrange(DAYS + 120 if self.random.random() < 0.1 else DAYS))

    def amount(self) -> int:
        return self.random.choice((1, 7, 99, 101, 333, self.random.randrange(1, 90_000)))

    async def invoice(self, session: WriteSession) -> None:
        self.number += 1
        day = self.day()
        command = IssueInvoice(
            kind=self.random.choice(("invoice", "invoice", "debit_memo", "finance_charge")), number=f"W-{self.number}",
            legal_entity_id=self.random.choice(self.entities), account_id=self.random.choice(self.accounts),
            currency=self.random.choice(tuple(IN_EUROS)), amount_minor=self.amount(), invoice_date=day,
            accounting_date=day + timedelta(days=self.random.choice((0, 0, 3, 20))),
            due_date=day + timedelta(days=self.random.choice((0, 14, 30, 31, 90))),
        )  # fmt: skip
        await issue_invoice(session, command)

    async def pay(self, session: WriteSession) -> None:
        command = RecordPayment(
            amount_minor=self.amount() * 3, currency=self.random.choice(tuple(IN_EUROS)), value_date=self.day(),
            legal_entity_id=self.random.choice(self.entities), account_id=self.random.choice((*self.accounts, None)),
        )  # fmt: skip
        self.payments.append(await record_payment(session, command))

    async def memo(self, session: WriteSession) -> None:
        self.number += 1
        command = IssueCreditMemo(
            number=f"WG-{self.number}", legal_entity_id=self.random.choice(self.entities),
            account_id=self.random.choice(self.accounts), currency=self.random.choice(tuple(IN_EUROS)),
            amount_minor=self.amount(), credit_date=self.day(),
        )  # fmt: skip
        self.memos.append(await issue_credit_memo(session, command))

    async def settle(self, session: WriteSession) -> None:
        """From a source that fits the instalment's legal entity, whatever its currency; with a discount at times."""
        part = await self._part(session)
        sources = [*((one, "payment") for one in self.payments), *((one, "credit_memo") for one in self.memos)]
        source_id, kind = self.random.choice(sources or [(new_id(), "payment")])
        amount = self.random.choice((part["open_minor"], max(1, part["open_minor"] // 3)))
        discount = self.random.choice((0, 0, amount // 20)) if kind == "payment" else 0
        line = ApplyLine(part["id"], max(1, amount - discount), discount)
        source = Source("payment" if kind == "payment" else "credit_memo", source_id)
        command = Apply(
            source, (line,), self.day(), allow_other_account=True, identify=True, allow_late_discount=True
        )  # fmt: skip
        self.groups.append((await apply(session, command)).group_id)

    async def _part(self, session: WriteSession) -> Any:
        return await self.instalment(session)


async def begin_wide(database: RolledBackDatabase, tenant: Tenant, source: random.Random) -> WideHistory:
    """The accounts of `begin`, a granddaughter, a second legal entity, and rates from long before."""
    history = await begin(database, tenant, source, WideHistory)
    assert isinstance(history, WideHistory)
    async with database.write(tenant.organization_id, tenant.actor) as session:
        entity, granddaughter = new_id(), new_id()
        await session.driver.execute(
            "INSERT INTO legal_entities (organization_id, id, code, name, country, base_currency)"
            " VALUES ($1, $2, 'second', 'Acme KK', 'JP', 'JPY')",
            tenant.organization_id, entity,
        )  # fmt: skip
        await session.driver.execute(
            "INSERT INTO accounts (organization_id, id, number, name, currency, parent_id, segment, country)"
            " VALUES ($1, $2, 'A-9', 'N', 'JPY', $3, 'industry', 'JP')",
            tenant.organization_id, granddaughter, history.accounts[3],
        )  # fmt: skip
        for start, factor in IN_EUROS.items():
            if start != "EUR":
                await add_rate(session, start, "EUR", START - timedelta(days=900), Decimal(factor))
    history.entities.append(entity)
    history.accounts.append(granddaughter)
    return history
