"""The short forms of `python -m tests.chaos`: nothing acknowledged is lost, doubled or over-applied; reminders too."""

from __future__ import annotations

import os

import pytest

from tests.chaos.reminders import reminders_under_faults
from tests.chaos.run import chaos

SECONDS = float(os.environ.get("CHAOS_SECONDS", "20"))
SEED = int(os.environ.get("CHAOS_SEED", "1"))


@pytest.mark.slow
@pytest.mark.skipif(
    "DATABASE_URL" in os.environ or "REDIS_URL" in os.environ, reason="kills servers, therefore only its own ones"
)
def test_kills_by_turns_lose_and_double_nothing() -> None:
    outcome = chaos(SECONDS, SEED)
    print(outcome.text())
    assert outcome.faults == []
    assert sum(outcome.journal.acknowledged.values()) > 50
    assert outcome.journal.doubtful > 0, "no answer was lost: this run proves nothing"


@pytest.mark.slow
@pytest.mark.skipif(
    "DATABASE_URL" in os.environ or "REDIS_URL" in os.environ, reason="kills servers, therefore only its own ones"
)
def test_reminders_leave_once_whatever_fails() -> None:
    outcome = reminders_under_faults(200, 12, SEED, pace=1_200)
    print(outcome.text())
    assert outcome.faults == []
    assert outcome.states["sent"] > 100
    assert outcome.done["kill worker"] + outcome.done["stop worker"] > 0
