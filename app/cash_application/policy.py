"""What holds for a run: the organization's settings, those of its accounts, and the rules that are switched off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.cash_application.matching.types import Settings, Tolerance
from app.cash_application.rules import ON_ACCOUNT, Policy, confidence_factor
from app.cash_application.sql import policy as sql
from app.infra.database import ReadSession

_TOLERANCE = ("under_minor", "under_basis_points", "over_minor", "over_basis_points", "cap_minor")


async def load_policy(session: ReadSession) -> Policy:
    """The policy as stored; what nobody set is as shipped."""
    row = await sql.settings_row(session)
    rules = await sql.rule_rows(session)
    accounts = await sql.account_rows(session)
    stored: dict[str, Any] = (row["tolerances"] or {}) if row is not None else {}
    settings = engine_settings(row, stored, accounts)
    judged = {rule["strategy"]: rule["figures"] or {} for rule in rules}
    return Policy(
        settings=settings,
        automatic=row is None or bool(row["automatic_enabled"]),
        strategies_off=frozenset(rule["strategy"] for rule in rules if not rule["automatic_enabled"]),
        factors={
            strategy: confidence_factor(found.get("applied", 0) - found["wrong"], found["wrong"])
            for strategy, found in judged.items()
            if found.get("wrong")
        },
        careful_accounts=frozenset(str(a["account_id"]) for a in accounts if not a["automatic_allowed"]),
        residual=row["residual"] if row is not None else ON_ACCOUNT,
        residuals={str(a["account_id"]): a["residual"] for a in accounts if a["residual"]},
    )


def engine_settings(row: Any, stored: Mapping[str, Any], accounts: list[Any]) -> Settings:
    """Settings of the engine: each account's differences from the organization's stand by account id."""
    shipped = Settings()
    base = {name: getattr(shipped.tolerance, name) for name in _TOLERANCE} | _given(stored, _TOLERANCE)
    own = {str(a["account_id"]): a["tolerances"] or {} for a in accounts}
    return Settings(
        automatic_confidence=float(row["automatic_threshold"]) if row is not None else shipped.automatic_confidence,
        proposed_confidence=float(row["proposed_threshold"]) if row is not None else shipped.proposed_confidence,
        tolerance=Tolerance(**base),
        small_difference_minor=stored.get("small_difference_minor", shipped.small_difference_minor),
        bank_charge_minor=stored.get("bank_charge_minor", shipped.bank_charge_minor),
        accounts_tolerances={
            account: Tolerance(**base | _given(found, _TOLERANCE))
            for account, found in own.items()
            if _given(found, _TOLERANCE)
        },
        accounts_small_differences=_of_accounts(own, "small_difference_minor"),
        accounts_bank_charges=_of_accounts(own, "bank_charge_minor"),
    )


def _given(stored: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: stored[name] for name in names if stored.get(name) is not None}


def _of_accounts(own: Mapping[str, Mapping[str, Any]], name: str) -> dict[str, int]:
    return {account: found[name] for account, found in own.items() if found.get(name) is not None}
