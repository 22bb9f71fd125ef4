"""The customary last resort, shown to a person and never applied by itself: the oldest items first."""

from __future__ import annotations

from app.cash_application.matching.amounts import part_payment, surplus
from app.cash_application.matching.hypotheses import Case, Hypothesis, build
from app.cash_application.matching.types import OpenItem

ITEMS_LIMIT = 200


def oldest_first(case: Case, account_id: str) -> Hypothesis | None:
    """The account's invoices by due date until the payment is used up; None when nothing is open."""
    pool = sorted(case.pool(account_id), key=lambda item: (item.due_date, item.invoice_date, item.number, item.id))
    left = case.payment.amount_minor
    chosen: list[OpenItem] = []
    for item in pool:
        if left <= 0 or len(chosen) >= ITEMS_LIMIT:
            break
        if case.open_of(item) > 0:
            chosen.append(item)
            left -= case.open_of(item)
    if not chosen:
        return None
    total = sum(case.open_of(item) for item in chosen)
    how = part_payment(case.payment, total) if left <= 0 else surplus(case.payment, total)
    found = build(case, "oldest_first", account_id, tuple(chosen), how, 0.0)
    found.never_automatic = True
    return found
