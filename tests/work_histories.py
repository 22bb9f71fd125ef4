"""Days of work on a wide ledger: promises, disputes and reminders beside the trade, each day with its own instants.

The recorded instants are those of the story (noon of the day), so that what was known on a day can be asked for.
"""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg

from app.core.errors import DomainError
from app.core.ids import new_id
from app.disputes import casework, resolving
from app.disputes.resolving import CreditOrder
from app.disputes.settling import EVENTS, causes_of, follow_open_amounts
from app.dunning.notices import mark_sent
from app.infra.database import SYSTEM, WriteSession
from app.infra.reactions import event_of
from app.payments.apply import apply
from app.payments.types import Apply, ApplyLine, Origin, Source
from app.promises.evaluation import evaluate_past_deadline
from app.promises.make import MakePromise, Reschedule, cancel_promise, make_promise, reschedule_promise
from tests.conftest import RolledBackDatabase
from tests.disputing import dispute
from tests.dunning_story import email, notices_of, run_on, use_policy
from tests.factories import Tenant
from tests.moving_clock import Clock
from tests.receivables import add_rate
from tests.trade_histories import START, begin
from tests.wide_histories import IN_EUROS, WideHistory

ORIGINS: tuple[Origin, ...] = ("manual", "manual", "automatic", "import")
KEPT = ("promises", "promise_items", "disputes")


class WorkHistory(WideHistory):
    """What people do about the ledger, one day after the other."""

    def __init__(self, tenant: Tenant, source: random.Random) -> None:
        super().__init__(tenant, source)
        self.today = START
        self.second = 0
        self.days: dict[date, dict[str, list[Any]]] = {}

    def day(self) -> date:
        """Today, or some days back: facts that become known late."""
        return self.today - timedelta(days=self.random.choice((0, 0, 0, 2, 9)))

    def instant(self) -> datetime:
        """The next second of the day's noon."""
        self.second += 1
        return datetime.combine(self.today, time(11), UTC) + timedelta(seconds=self.second)

    async def settle(self, session: WriteSession) -> None:
        part = await self.instalment(session)
        amount = self.random.choice((part["open_minor"], max(1, part["open_minor"] // 3)))
        source = Source("payment", self.pick(self.payments))
        if self.memos and self.random.random() < 0.3:
            source = Source("credit_memo", self.random.choice(self.memos))
        origin: Origin = self.random.choice(ORIGINS)
        line = ApplyLine(part["id"], amount)
        command = Apply(source, (line,), self.day(), origin, allow_other_account=True, identify=True)
        self.groups.append((await apply(session, command)).group_id)

    async def step(self, session: WriteSession) -> None:
        actions = [self.invoice] * 5 + [self.pay] * 3 + [self.settle] * 4 + [self.promise] * 4 + [self.contest] * 4 + [
            self.memo, self.undo, self.bounce, self.end_promise, self.end_dispute, self.end_dispute, self.lower,
            self.move_payment, self.write_off,
        ]  # fmt: skip
        await self.random.choice(actions)(session)

    async def promise(self, session: WriteSession) -> None:
        parts = [await self.instalment(session) for _ in range(self.random.choice((1, 1, 3)))]
        facts = await session.driver.fetch(
            "SELECT id, account_id, currency, open_minor FROM instalments WHERE organization_id = $1"
            " AND id = ANY($2::uuid[])", self.tenant.organization_id, [part["id"] for part in parts],
        )  # fmt: skip
        first = facts[0]
        of_account = [one for one in facts if (one["account_id"], one["currency"]) == (first["account_id"],
                                                                                       first["currency"])]  # fmt: skip
        items = [(one["id"], max(1, one["open_minor"] // self.random.choice((1, 2)))) for one in of_account]
        whole = self.random.random() < 0.3
        command = MakePromise(
            first["account_id"], first["currency"], self.today + timedelta(days=self.random.randrange(8)),
            sum(minor for _, minor in items), () if whole else items, grace_days=1,
        )  # fmt: skip
        await make_promise(session, command, today=self.today)

    async def end_promise(self, session: WriteSession) -> None:
        promise = await self._any(session, "promises")
        if self.random.random() < 0.5:
            await cancel_promise(session, promise, reason="typed twice", today=self.today)
        else:
            later = Reschedule(self.today + timedelta(days=3))
            await reschedule_promise(session, promise, later, today=self.today)

    async def contest(self, session: WriteSession) -> None:
        part = await self.instalment(session)
        amount = max(1, part["open_minor"] // self.random.choice((1, 2, 3)))
        reason = self.random.choice(("damaged_goods", "price"))
        await dispute(session, (part["id"], amount), on=self.today, reason=reason)

    async def end_dispute(self, session: WriteSession) -> None:
        case, kind = await self._any(session, "disputes"), self.random.randrange(4)
        if kind == 0:
            order = CreditOrder(self.today, self.random.choice((None, 5)))
            await resolving.credit_dispute(session, case, order, today=self.today, expected_version=None)
        elif kind == 1:
            await resolving.reject_dispute(session, case, today=self.today, note="no", expected_version=None)
        elif kind == 2:
            await resolving.withdraw_dispute(session, case, today=self.today, note=None, expected_version=None)
        else:
            await casework.reopen_dispute(session, case, today=self.today, note="again", expected_version=None)

    async def lower(self, session: WriteSession) -> None:
        case = await self._any(session, "disputes")
        line = await session.driver.fetchrow(
            "SELECT instalment_id, disputed_minor FROM dispute_lines WHERE organization_id = $1 AND dispute_id = $2",
            self.tenant.organization_id, case,
        )  # fmt: skip
        assert line is not None
        changes = {"lines": {line["instalment_id"]: line["disputed_minor"] // 2}}
        await casework.edit_dispute(session, case, changes, today=self.today, expected_version=None)

    async def _any(self, session: WriteSession, table: str) -> UUID:
        rows = await session.driver.fetch(
            f"SELECT id FROM {table} WHERE organization_id = $1 ORDER BY id", self.tenant.organization_id
        )
        return self.pick([row["id"] for row in rows])


class Days:
    """Runs a history day by day, as the workers would, and keeps what the tables said at the end of each day."""

    def __init__(self, database: RolledBackDatabase, history: WorkHistory) -> None:
        self.database, self.history = database, history
        self.clock = Clock(database, history.tenant, history.today)
        begin_now = database._begin

        async def begin_then(driver: asyncpg.Connection, head: str, begin: str) -> None:
            await begin_now(driver, head, begin)
            await driver.execute(f"SELECT set_config('app.recorded_at', '{history.instant().isoformat()}', true)")

        database._begin = begin_then  # type: ignore[method-assign]

    async def run(self, days: int, steps: int, reminders: tuple[int, ...]) -> None:
        """So many days of so many steps; reminders go out on some of them."""
        history, key = self.history, self.history.tenant.organization_id
        for number in range(days):
            for _ in range(steps):
                try:
                    async with self.database.write(key, history.tenant.actor) as session:
                        await history.step(session)
                except DomainError:
                    continue
            if number in reminders:
                async with self.database.write(key, history.tenant.actor) as session:
                    run_id = await run_on(session, history.today)
                    sent = [row["id"] for row in await notices_of(session, run_id)]
                    await mark_sent(session, sent[::2], history.today)
                    await session.driver.execute(  # not the clock of this machine
                        "UPDATE dunning_notices SET done_at = updated_at WHERE organization_id = $1 AND run_id = $2"
                        " AND done_at IS NOT NULL", key, run_id,
                    )  # fmt: skip
            await self._night()

    async def _night(self) -> None:
        """What the workers do, and the snapshot of the day; then it is tomorrow."""
        history, key = self.history, self.history.tenant.organization_id
        await self.clock.react()
        async with self.database.write(key, SYSTEM) as session:
            rows = await session.driver.fetch(
                "SELECT * FROM change_log WHERE organization_id = $1 AND event = ANY($2::text[])"
                " AND recorded_at >= $3 ORDER BY id", key, sorted(EVENTS),
                datetime.combine(history.today, time(0), UTC),
            )  # fmt: skip
            causes = await causes_of(session, [event_of(row, place) for place, row in enumerate(rows, 1)])
            await follow_open_amounts(session, causes, history.today)
            await evaluate_past_deadline(session, history.today)
        async with self.database.read(key) as session:
            history.days[history.today] = await read_work(session, KEPT)
        history.today += timedelta(days=1)
        self.clock.today = history.today


async def begin_work(database: RolledBackDatabase, tenant: Tenant, source: random.Random) -> tuple[WorkHistory, Days]:
    """The accounts of a wide history, in one more legal entity, some with a contact; a policy of two reminders."""
    history = await begin(database, tenant, source, WorkHistory)
    assert isinstance(history, WorkHistory)
    entity = new_id()
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await session.driver.execute(
            "INSERT INTO legal_entities (organization_id, id, code, name, country, base_currency)"
            " VALUES ($1, $2, 'second', 'Acme KK', 'JP', 'JPY')", tenant.organization_id, entity,
        )  # fmt: skip
        for code, factor in IN_EUROS.items():
            if code != "EUR":
                await add_rate(session, code, "EUR", START - timedelta(days=900), Decimal(factor))
        for account in history.accounts[:3]:
            await session.driver.execute(
                "INSERT INTO contacts (organization_id, id, account_id, role, email, consents)"
                " VALUES ($1, $2, $3, 'dunning', 'ap@example.com', '{\"email\": true}')",
                tenant.organization_id, new_id(), account,
            )  # fmt: skip
        await use_policy(session, (email(1), email(6)), since=START - timedelta(days=100))
    history.entities.append(entity)
    return history, Days(database, history)


async def read_work(session: Any, tables: tuple[str, ...]) -> dict[str, list[Any]]:
    """All rows of these tables."""
    return {
        name: list(
            await session.driver.fetch(
                f"SELECT * FROM {name} WHERE organization_id = $1 ORDER BY id", session.organization_id
            )
        )
        for name in tables
    }
