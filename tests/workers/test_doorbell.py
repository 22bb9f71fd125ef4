"""The doorbell by itself: few rings for many commits, silence when Redis is away, JSON in the queue."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from uuid import UUID

import pytest

from app.core.ids import new_id
from app.infra import doorbell
from app.infra.doorbell import QUEUE, ArqDoorbell, connect_redis, make_doorbell
from app.settings import Settings

KINDS = frozenset({"seal"})


class CountingDoorbell(ArqDoorbell):
    """Remembers what it was to send; may be deaf."""

    def __init__(self) -> None:
        super().__init__("unix:///nowhere")
        self.sent: list[set[tuple[UUID, str]]] = []
        self.deaf = False

    async def _send(self, rings: set[tuple[UUID, str]]) -> None:
        self.sent.append(rings)
        await asyncio.sleep(10 if self.deaf else 0.001)


async def test_many_commits_ring_few_times_and_the_last_one_rings() -> None:
    bell, organization = CountingDoorbell(), new_id()
    for _ in range(20):
        await asyncio.gather(*(bell.ring(organization, KINDS) for _ in range(10)))
    last = frozenset({"last"})
    await bell.ring(organization, last)
    await asyncio.sleep(0.1)
    assert 1 < len(bell.sent) <= 41
    assert (organization, "last") in bell.sent[-1]


async def test_a_deaf_redis_costs_one_short_wait_and_then_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doorbell, "CLOSED_SECONDS", 0.2)
    bell, organization, loop = CountingDoorbell(), new_id(), asyncio.get_running_loop()
    bell._closed_seconds = 0.2
    bell.deaf = True
    began = loop.time()
    await bell.ring(organization, KINDS)
    assert loop.time() - began < 2 * doorbell.TIMEOUT_SECONDS
    for _ in range(100):
        await bell.ring(organization, KINDS)
    assert len(bell.sent) == 1
    bell.deaf = False
    await asyncio.sleep(0.25)
    await bell.ring(organization, KINDS)
    assert len(bell.sent) == 2


async def test_rings_are_json_and_one_of_a_kind_waits(redis_url: str) -> None:
    bell, organization, redis = ArqDoorbell(redis_url), new_id(), connect_redis(redis_url)
    try:
        for _ in range(3):
            await bell.ring(organization, KINDS)
        raw = await redis.get(f"arq:job:seal:{organization}")
        assert json.loads(raw)["a"] == [str(organization), "seal"]
        waiting = await redis.zrange(QUEUE, 0, -1)
        assert waiting.count(f"seal:{organization}".encode()) == 1
    finally:
        await bell.close()
        await redis.aclose(close_connection_pool=True)


def test_without_redis_there_is_no_doorbell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REDIS_URL", raising=False)
    assert make_doorbell(Settings(data_dir=tmp_path)) is None
