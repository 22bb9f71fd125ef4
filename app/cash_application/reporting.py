"""The running report of a matching run: payments, lines and value by outcome, and why the rest was not applied."""

from __future__ import annotations

from typing import Any

from app.cash_application.matching.types import PaymentFacts, Proposal


def count_outcome(
    report: dict[str, Any], payment: PaymentFacts, proposal: Proposal, state: str, lines: int, note: str | None
) -> None:
    """Add one payment: by outcome, with its lines, and the value in minor units of its currency."""
    outcome = "applied" if state == "applied" else str(proposal.band) if lines else "none"
    if outcome == "automatic":  # sure, but held back: automatic application is off, or the books refused it
        outcome = "proposed"
    entry = report.setdefault(outcome, {"payments": 0, "lines": 0, "value_minor": {}})
    entry["payments"] += 1
    entry["lines"] += lines
    value = entry["value_minor"]
    value[payment.currency] = value.get(payment.currency, 0) + payment.amount_minor
    if outcome != "applied":
        reasons = report.setdefault("why_not", {})
        code = note.split(":")[0] if note else _first_code(proposal)
        reasons[code] = reasons.get(code, 0) + 1


def _first_code(proposal: Proposal) -> str:
    return proposal.reasons[0].code if proposal.reasons else "none"


def brief(report: dict[str, Any]) -> dict[str, Any]:
    """Payments by outcome, for the change log."""
    return {name: entry["payments"] for name, entry in report.items() if name != "why_not"}
