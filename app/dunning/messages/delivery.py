"""Messages leave: claim (transaction) → network (none) → record (transaction), in small waves, at the agreed pace.

The transaction of a claim looks at the facts once more, just before the network: what is paid, promised, disputed or
blocked by now, and what the rules of contact say at this moment, does not leave. `sending` is committed before a byte
leaves; what nobody recorded within the grace becomes `unknown`. A wave is what may be lost sight of when a worker dies:
one message where the pace is slow, a few where it is not.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol, cast
from uuid import UUID

import structlog

from app.core.ids import new_id
from app.correspondence.contact_rules import Channel, Verdict
from app.correspondence.contacting import Attempt, check_contacts, judge
from app.dunning.messages import queries, writing
from app.dunning.messages.compose import DELIVER, LOST, PURPOSE, SUBJECT_KIND
from app.dunning.messages.events import react_to_failures
from app.dunning.messages.outcomes import record_states
from app.dunning.messages.preferences import find_message_preferences
from app.dunning.messages.rules import GRACE_SECONDS, pause_seconds, references_of, retry_at
from app.dunning.messages.standing import mark_notices, withheld_now
from app.infra.constraints import is_transient, refusal_of
from app.infra.database import SYSTEM, Database, WriteSession
from app.infra.jobs import owe
from app.infra.mail.smtp import Sent

WINDOW = 256
WAVE_MAX = 64
LANES = 2
PACED_WAVE_SECONDS = 0.1
FRESH_SECONDS = 10.0
"""Longer after its claim a message does not leave any more: somebody else may have come to a conclusion about it."""
RECORD_SECONDS = 600.0
NO_CONNECTION_PAUSE_SECONDS = 60.0
_CAPS = frozenset({"daily_cap", "weekly_cap"})
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Outgoing:
    """A message that is due: its row, and what the transport made of it beforehand."""

    row: Any
    recipient: str
    message_id: str | None = None
    references: tuple[str, ...] = ()
    reply_to: str | None = None
    wire: Any = None
    refusal: Sent | None = None

    @property
    def id(self) -> UUID:
        """The message's id."""
        found: UUID = self.row["id"]
        return found


class Transport(Protocol):
    """SMTP, or a gateway for short messages."""

    async def prepare(self, messages: Sequence[Outgoing]) -> None:
        """Build what leaves; nothing does yet. What cannot be built has its `refusal`."""

    async def send(self, message: Outgoing, may_go: Callable[[], bool]) -> Sent:
        """Hand one message over. `may_go` is asked just before; never raises for what a network does."""


@dataclass(slots=True)
class Delivery:
    """One run of sending for an organization and channel."""

    database: Database
    organization_id: UUID
    channel: str
    transport: Transport
    run_seconds: float
    now: Callable[[], datetime]
    sent: int = 0
    stopped: bool = False

    async def run(self) -> bool:
        """Send what is due until nothing is or the time is over. True when more is due at once."""
        deadline = time.monotonic() + self.run_seconds
        while time.monotonic() < deadline and not self.stopped:
            window, pace = await self._window()
            if not window:
                return False
            await self.transport.prepare(window)
            size = WAVE_MAX if pace is None else max(1, min(WAVE_MAX, int(pace / 60 * PACED_WAVE_SECONDS)))
            waves = [window[start : start + size] for start in range(0, len(window), size)]
            if pace is None:
                queue = iter(waves)
                await asyncio.gather(*(self._lane(queue, deadline) for _ in range(LANES)))
            else:
                await self._paced(waves, pace, deadline)
        return not self.stopped

    async def _lane(self, waves: Any, deadline: float) -> None:
        for wave in waves:
            if self.stopped or time.monotonic() >= deadline:
                return
            await self._whole(wave)

    async def _paced(self, waves: Sequence[Sequence[Outgoing]], pace: int, deadline: float) -> None:
        for wave in waves:
            if self.stopped or time.monotonic() >= deadline:
                return
            began = time.monotonic()
            await self._whole(wave)
            await asyncio.sleep(max(0.0, pause_seconds(len(wave), pace) - (time.monotonic() - began)))

    async def _whole(self, wave: Sequence[Outgoing]) -> None:
        """A wave once begun is brought to its end, also by a worker that stops."""
        doing = asyncio.ensure_future(self._wave(wave))
        try:
            await asyncio.shield(doing)
        except asyncio.CancelledError:
            await asyncio.wait([doing], timeout=FRESH_SECONDS)
            raise

    async def _window(self) -> tuple[list[Outgoing], int | None]:
        async with self.database.read(self.organization_id) as session:
            rows = await queries.due_messages(session, self.channel, self.now(), WINDOW)
            preferences, _ = await find_message_preferences(session)
            earlier: dict[UUID, list[str]] = {}
            if rows and self.channel == "email":
                earlier = await queries.earlier_messages(session, {row["account_id"] for row in rows})
            reply_to = preferences.reply_to or await queries.correspondence_reply_to(session)
        window = [
            Outgoing(
                row, row["recipient"] or "", references=tuple(references_of(earlier.get(row["account_id"], []))),
                reply_to=reply_to,
            )
            for row in rows
        ]  # fmt: skip
        return window, preferences.messages_per_minute

    async def _wave(self, wave: Sequence[Outgoing]) -> None:
        claim, begun = new_id(), time.monotonic()
        try:
            going = await self._begin(claim, wave)
        except Exception:
            # Nothing of this claim has left, whether it was committed or not.
            await self._until_written(lambda session: self._give_back(session, claim, wave))
            raise

        def may_go() -> bool:
            return time.monotonic() - begun < FRESH_SECONDS

        outcomes = await asyncio.gather(*(self._send(message, may_go) for message in going))
        pairs = list(zip(going, outcomes, strict=True))
        await self._until_written(lambda session: self._record(session, claim, pairs))
        self.sent += sum(outcome.outcome == "sent" for outcome in outcomes)
        if pairs and all((outcome.detail or "").startswith("no connection") for _, outcome in pairs):
            self.stopped = True

    async def _send(self, message: Outgoing, may_go: Callable[[], bool]) -> Sent:
        if message.refusal is not None:
            return message.refusal
        if not may_go():
            return Sent("retry", "it took too long until the message could go")
        try:
            return await self.transport.send(message, may_go)
        except Exception as error:  # a fault of ours after which nobody can say whether it left
            log.exception("dunning.message_send_failed", message_id=str(message.id))
            return Sent("unknown", f"{type(error).__name__} while the message was handed over")

    async def _begin(self, claim: UUID, wave: Sequence[Outgoing]) -> list[Outgoing]:
        """Claim the wave, take back what must not leave; answers what does."""
        now = self.now()
        async with self.database.write(self.organization_id, SYSTEM) as session:
            rows = [(one.id, one.message_id, " ".join(one.references)) for one in wave]
            ours = {row["id"]: row for row in await writing.claim_messages(session, claim, now, rows)}
            mine = [one for one in wave if one.id in ours]
            if not mine:
                return []
            refused = await self._refusals(session, mine, now)
            counted = {one.id: one.row["counted"] for one in mine}
            await writing.withdraw(session, claim, now, [(id_, *why, counted[id_]) for id_, why in refused.items()])
            suppressed: defaultdict[str, list[Outgoing]] = defaultdict(list)
            for one in mine:
                if one.id in refused and refused[one.id][0] == "suppressed":
                    suppressed[refused[one.id][1]].append(one)
            for reason, members in suppressed.items():
                await record_states(session, [(one.row, "suppressed", reason) for one in members], now)
            going = [one for one in mine if one.id not in refused]
            back = [one.row["notice_id"] for one in mine if one.id in refused and refused[one.id][0] == "approved"]
            await mark_notices(session, back, "approved", now)
            if going:
                minute = int(now.timestamp() // 60)
                owe(session, LOST, str(minute), run_at=now + timedelta(seconds=GRACE_SECONDS + 60))
            for _, not_before in {(why[0], why[2]) for why in refused.values() if why[2] is not None}:
                owe(session, DELIVER, self.channel, run_at=not_before)
        return going

    async def _refusals(
        self, session: WriteSession, wave: Sequence[Outgoing], now: datetime
    ) -> dict[UUID, tuple[str, str, datetime | None]]:
        """What must not leave now: state, reason, and when it may be tried again."""
        found: dict[UUID, tuple[str, str, datetime | None]] = {}
        withheld = await withheld_now(session, [one.row["notice_id"] for one in wave], now)
        present = await queries.addresses_now(session, {one.row["contact_id"] for one in wave if one.row["contact_id"]})
        column = "email" if self.channel == "email" else "phone"
        asked: list[Outgoing] = []
        for one in wave:
            contact = present.get(one.row["contact_id"])
            if one.row["notice_id"] in withheld:
                found[one.id] = ("suppressed", withheld[one.row["notice_id"]].reason, None)
            elif contact is None or not contact[column]:
                found[one.id] = ("suppressed", "no_contact", None)
            elif contact[column] != one.row["recipient"]:
                await queries.set_recipient(session, one.id, contact[column])
                found[one.id] = ("approved", "address_changed", now)
            else:
                asked.append(one)
        for one, verdict in zip(asked, await self._verdicts(session, asked, now), strict=True):
            if verdict.allowed or (one.row["counted"] and verdict.reason in _CAPS):
                continue
            state = "approved" if verdict.outcome == "delayed" and verdict.not_before is not None else "suppressed"
            found[one.id] = (state, str(verdict.reason), verdict.not_before)
        return found

    async def _verdicts(self, session: WriteSession, asked: Sequence[Outgoing], now: datetime) -> list[Verdict]:
        attempts = [
            Attempt(one.row["account_id"], cast(Channel, self.channel), now, PURPOSE, SUBJECT_KIND,
                    one.row["notice_id"], one.row["contact_id"])
            for one in asked
        ]  # fmt: skip
        first = [index for index, one in enumerate(asked) if not one.row["counted"]]
        again = [index for index, one in enumerate(asked) if one.row["counted"]]
        verdicts: list[Verdict] = [Verdict("allowed")] * len(asked)
        if first:
            counted = await check_contacts(session, [attempts[index] for index in first], "done")
            for index, verdict in zip(first, counted, strict=True):
                verdicts[index] = verdict
        if again:
            for index, verdict in zip(again, await judge(session, [attempts[i] for i in again]), strict=True):
                verdicts[index] = verdict
        return verdicts

    async def _record(self, session: WriteSession, claim: UUID, pairs: Sequence[tuple[Outgoing, Sent]]) -> None:
        now, rows, details = self.now(), [], {}
        for message, sent in pairs:
            state, not_before = str(sent.outcome), None
            if sent.outcome == "retry":
                not_before = retry_at(message.row["attempts"] + 1, now)
                state = "failed" if not_before is None else "approved"
            shown = None if sent.detail is None else sent.detail[:500].replace("\x00", "")
            rows.append((message.id, state, shown, not_before))
            details[message.id] = shown
            if not_before is not None:
                owe(session, DELIVER, self.channel, run_at=not_before)
        written = await writing.record(session, claim, now, rows)
        await record_states(session, [(row, row["state"], details.get(row["id"])) for row in written], now)
        await react_to_failures(session, [row["id"] for row in written if row["state"] == "failed"], now)

    async def _give_back(self, session: WriteSession, claim: UUID, wave: Sequence[Outgoing]) -> None:
        notices = await writing.release(session, claim, [one.id for one in wave])
        await mark_notices(session, notices, "approved", self.now())
        if notices:
            owe(session, DELIVER, self.channel)

    async def _until_written(self, work: Callable[[WriteSession], Any]) -> None:
        """Write it, however long the database is away: who has sent knows it best."""
        deadline, pause = time.monotonic() + RECORD_SECONDS, 0.1
        while True:
            try:
                async with self.database.write(self.organization_id, SYSTEM) as session:
                    await work(session)
                return
            except Exception as error:
                away = is_transient(error) or refusal_of(error) is not None or isinstance(error, OSError)
                if not away or time.monotonic() > deadline:
                    raise
                await asyncio.sleep(pause)
                pause = min(2.0, pause * 2)


async def end_lost(database: Database, organization_id: UUID, now: datetime) -> int:
    """Call every try unknown that nobody has recorded within the grace; answers how many."""
    async with database.write(organization_id, SYSTEM) as session:
        rows = await writing.end_lost(session, now - timedelta(seconds=GRACE_SECONDS), now)
        detail = "the worker ended before the outcome was recorded"
        await record_states(session, [(row, "unknown", detail) for row in rows], now)
    return len(rows)
