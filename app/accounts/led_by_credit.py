"""What of an account belongs to credit: limit, payment terms and risk class. Credit says whether hands may change it.

The credit room lies above this one, so it registers its answer when it is imported.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from app.core.errors import DomainError
from app.infra.database import WriteSession

LED = frozenset({"credit_limit_minor", "payment_terms_id", "risk_class"})
Guard = Callable[[WriteSession, frozenset[str], frozenset[str]], Awaitable[DomainError | None]]
_guards: list[Guard] = []


def guard_changes_by_hand(guard: Guard) -> None:
    """Ask `guard` before a person changes such fields of an account that is there: it answers why not, or None."""
    _guards.append(guard)


async def refusal_by_hand(session: WriteSession, fields: frozenset[str], scopes: frozenset[str]) -> DomainError | None:
    """Why somebody with these scopes may not change these fields directly, or None."""
    for guard in _guards:
        refusal = await guard(session, fields, scopes)
        if refusal is not None:
            return refusal
    return None
