"""While a run builds its report: progress by the clock, and no query goes on for a cancelled one."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Any, cast
from uuid import uuid4

import pytest

from app.reports.schedules import runs
from app.reports.tables import Report

REPORT = Report("dso", "Days sales outstanding", date(2026, 6, 30), None, {}, ())


class Making(runs._Making):
    """Keeps what would be written; `cancelled_at` is the percentage at which somebody has cancelled."""

    written: list[int]
    cancelled_at = 101

    async def _write(self, percent: int) -> None:
        self._percent = percent
        self.written.append(percent)
        if percent >= self.cancelled_at:
            raise runs._Cancelled


@pytest.fixture
def making(monkeypatch: pytest.MonkeyPatch) -> Making:
    monkeypatch.setattr(runs, "PROGRESS_SECONDS", 0.005)
    monkeypatch.setattr(runs, "HALF_BUILT_SECONDS", 0.02)
    made = Making(cast(Any, None), cast(Any, None), uuid4(), cast(Any, None))
    made.written = []
    return made


async def test_progress_grows_and_never_says_built(making: Making) -> None:
    async def build() -> Report:
        while len(making.written) < 4:
            await asyncio.sleep(0.001)
        return REPORT

    assert await making.while_built(build()) is REPORT
    assert making.written == sorted(making.written)
    assert making.written[0] < making.written[-1] < runs.BUILT_PERCENT


async def test_a_cancelled_run_stops_its_query(making: Making) -> None:
    stopped = asyncio.Event()

    async def build() -> Report:
        try:
            await asyncio.sleep(60)
        finally:
            stopped.set()
        return REPORT

    making.cancelled_at = 8
    with pytest.raises(runs._Cancelled):
        await making.while_built(build())
    assert stopped.is_set()


async def test_what_the_building_raises_is_raised(making: Making) -> None:
    async def build() -> Report:
        raise ValueError("no such thing")

    with pytest.raises(ValueError, match="no such thing"):
        await making.while_built(build())
    assert making.written == []
