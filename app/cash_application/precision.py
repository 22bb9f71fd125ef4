"""Is what was applied automatically right? Each rule is judged by its own reversals, then the organization as a whole.

Automatic application switches itself off, with a notice, once its precision is credibly below the target. A person
switches it on again, with a reason; outcomes before that do not count any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from app.cash_application import learning
from app.cash_application.errors import ReasonMissing, RuleNotFound
from app.cash_application.matching.proposals import STRATEGY_TEXTS
from app.cash_application.models import MatchingSettings
from app.cash_application.rules import JUDGED_DAYS, PRECISION_TARGET, Outcomes, reason_of
from app.cash_application.settings import find_settings, new_settings
from app.cash_application.sql import outcomes as sql
from app.cash_application.sql import policy as policy_sql
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import ReadSession, WriteSession
from app.infra.versions import RECORDED_NOW, check_version

SERVICE = "the service"


async def judge(session: WriteSession, now: datetime) -> list[str]:
    """Count outcomes, keep the figures, switch off what is credibly below its target; returns what was switched off.

    First every rule by itself; then all rules that are still on, together: the whole is switched off with them.
    """
    settings = await find_settings(session, lock=True)
    target = float(settings.precision_target) if settings is not None else PRECISION_TARGET
    rows = await sql.outcomes(session, now - timedelta(days=JUDGED_DAYS))
    off = {row["strategy"] for row in await policy_sql.rule_rows(session) if not row["automatic_enabled"]}
    switched = []
    figures = {}
    for row in rows:
        found = Outcomes(row["strategy"], row["total"], row["wrong"])
        if found.strategy not in off and found.precision.is_credibly_below(target):
            await _switch_rule_off(session, found, target)
            off.add(found.strategy)
            switched.append(found.strategy)
        elif found.wrong:
            figures[found.strategy] = found.figures(target)
    if figures:
        await policy_sql.put_figures(session, figures)
    rest = [row for row in rows if row["strategy"] not in off]
    whole = Outcomes("all", sum(row["total_since"] for row in rest), sum(row["wrong_since"] for row in rest))
    is_on = settings is None or settings.automatic_enabled
    if is_on and whole.precision.is_credibly_below(target):
        await _switch_all_off(session, settings, whole, target)
        switched.append(whole.strategy)
    return switched


async def _switch_rule_off(session: WriteSession, found: Outcomes, target: float) -> None:
    reason, figures = reason_of(found, target), found.figures(target)
    rule_id = await policy_sql.put_rule(
        session, found.strategy, enabled=False, reason=reason, figures=figures, by=SERVICE
    )
    after = {"strategy": found.strategy, "automatic_enabled": False, **figures}
    before = {"automatic_enabled": True}
    record_change(
        session, ChangeRow("matching_rule", rule_id, "matching_rule.switched_off", before, after, reason=reason)
    )


async def _switch_all_off(
    session: WriteSession, settings: MatchingSettings | None, found: Outcomes, target: float
) -> None:
    if settings is None:
        settings = new_settings(session)
    settings.automatic_enabled, settings.notice = False, reason_of(found, target)
    settings.figures = found.figures(target)
    await _stamp(session, settings, SERVICE)
    after = {"automatic_enabled": False, **settings.figures}
    record_change(
        session,
        ChangeRow("matching_settings", settings.id, "matching_settings.automatic_switched_off",
                  {"automatic_enabled": True}, after, reason=settings.notice),
    )  # fmt: skip


async def _stamp(session: WriteSession, settings: MatchingSettings, by: str) -> None:
    settings.switched_by, settings.switched_at, settings.updated_at = by, RECORDED_NOW, RECORDED_NOW
    settings.version = settings.version + 1
    await session.flush()


async def switch_automatic(
    session: WriteSession, *, enabled: bool, reason: str | None, expected_version: int | None
) -> None:
    """Switch automatic application of the organization on or off by a person. Raises ReasonMissing, StaleVersion."""
    found = await find_settings(session, lock=True)
    check_version(expected_version, found.version if found is not None else 0)
    settings = found if found is not None else new_settings(session)
    if enabled and not reason:
        raise ReasonMissing("say why automatic application is to be switched on again", pointer="/reason")
    before = {"automatic_enabled": settings.automatic_enabled}
    settings.automatic_enabled, settings.notice, settings.figures = enabled, None if enabled else reason, {}
    if enabled:
        settings.judged_since = RECORDED_NOW
    await _stamp(session, settings, session.actor.name)
    event = f"matching_settings.automatic_switched_{'on' if enabled else 'off'}"
    after = {"automatic_enabled": enabled}
    record_change(session, ChangeRow("matching_settings", settings.id, event, before, after, reason=reason))


async def switch_rule(
    session: WriteSession, strategy: str, *, enabled: bool, reason: str | None, expected_version: int | None
) -> None:
    """Switch one rule of the engine on or off by a person. Raises RuleNotFound, ReasonMissing, StaleVersion."""
    row = await find_rule(session, strategy)
    check_version(expected_version, row["version"] if row is not None else 0)
    if enabled and not reason:
        raise ReasonMissing("say why the rule is to apply automatically again", pointer="/reason")
    was = row is None or row["automatic_enabled"]
    rule_id = await policy_sql.put_rule(
        session, strategy, enabled=enabled, reason=reason, figures={}, by=session.actor.name
    )
    event = f"matching_rule.switched_{'on' if enabled else 'off'}"
    after = {"strategy": strategy, "automatic_enabled": enabled}
    record_change(session, ChangeRow("matching_rule", rule_id, event, {"automatic_enabled": was}, after, reason=reason))


async def find_rule(session: ReadSession, strategy: str) -> Any | None:
    """The stored switch of a strategy; None where it stands as shipped. Raises RuleNotFound for an unknown one."""
    rows = {row["strategy"]: row for row in await policy_sql.rule_rows(session)}
    if strategy not in STRATEGY_TEXTS and strategy not in rows:
        raise RuleNotFound("no such rule")
    return rows.get(strategy)


async def after_undo(session: WriteSession, groups: Sequence[UUID], now: datetime) -> None:
    """Applications were undone: unlearn what they taught, let their proposals say so, judge what made them."""
    await learning.withdraw(session, groups=groups, reason="the application was undone")
    for proposal_id in await sql.mark_undone(session, groups):
        record_change(session, ChangeRow("proposal", proposal_id, "proposal.undone", after={"state": "undone"}))
    if await sql.any_was_wrong(session, groups):
        await judge(session, now)
