"""Which accounts an event concerns: those whose exposure, status or score it may change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from app.infra.database import ReadSession
from app.infra.reactions import Event

EVENTS = frozenset(
    {
        "account.created", "account.updated", "invoice.issued", "invoice.corrected", "invoice.voided",
        "invoice.due_date_changed", "credit_memo.issued", "credit_memo.updated", "credit_memo.voided",
        "credit_memo.refunded", "payment.recorded", "payment.identified", "payment.unidentified", "payment.moved",
        "payment.reversed", "payment.refunded", "payment.marked_not_receivable", "application.created",
        "application.reversed", "adjustment.posted", "promise.kept", "promise.broken", "promise.reopened",
        "dispute.opened", "dispute.reduced", "dispute.reopened", "dispute.resolved_credited",
        "dispute.resolved_rejected", "dispute.resolved_paid", "dispute.withdrawn",
        "credit_order.reported", "credit_order.updated",
    }
)  # fmt: skip
"""Changes that move exposure, lateness or behaviour. Holds and securities act in their own transactions."""

_OF_DOCUMENTS = """
SELECT account_id FROM instalments WHERE organization_id = $1 AND id = ANY($2::uuid[])
UNION SELECT account_id FROM invoices WHERE organization_id = $1 AND id = ANY($3::uuid[])
UNION SELECT account_id FROM payments WHERE organization_id = $1 AND id = ANY($3::uuid[]) AND account_id IS NOT NULL
UNION SELECT account_id FROM credit_memos WHERE organization_id = $1 AND id = ANY($3::uuid[])
UNION SELECT account_id FROM disputes WHERE organization_id = $1 AND id = ANY($3::uuid[])
"""


async def accounts_concerned(session: ReadSession, events: Sequence[Event]) -> list[UUID]:
    """The accounts that the events name, or that own the documents they name; each once, sorted."""
    accounts: set[UUID] = set()
    instalments: set[UUID] = set()
    documents: set[UUID] = set()
    for event in events:
        if event.entity_type == "account":
            accounts.add(event.entity_id)
            continue
        for facts in (event.before, event.after):
            accounts |= _ids(facts, "account_id", "from_account_id", "to_account_id")
            instalments |= _ids(facts, "instalment_id")
            documents |= _ids(facts, "payment_id", "credit_memo_id", "invoice_id")
            for line in facts.get("lines") or ():
                instalments |= _ids(line, "instalment_id")
        documents.add(event.entity_id)
    rows = await session.driver.fetch(_OF_DOCUMENTS, session.organization_id, list(instalments), list(documents))
    return sorted(accounts | {row["account_id"] for row in rows})


def _ids(facts: Any, *names: str) -> set[UUID]:
    return {UUID(value) for name in names if isinstance(value := facts.get(name), str)}
