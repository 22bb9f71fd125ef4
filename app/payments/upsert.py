"""Record receipts that a source may send again: what is on record is recognised, not recorded twice or overwritten."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from app.core.errors import DomainError
from app.infra.database import WriteSession
from app.invoices.upsert import Upserted
from app.payments.errors import DuplicateExternalId, RecordDiffers
from app.payments.queries import payment_facts
from app.payments.record import RecordPayment, record_payments

_IDENTITY = ("amount_minor", "currency", "value_date")


async def upsert_payments(session: WriteSession, commands: Sequence[RecordPayment]) -> list[Upserted | DomainError]:
    """Record each receipt; one whose `(source, external_id)` is on record with the same facts is `unchanged`.

    Money that came in is not rewritten: other facts under the same key are refused (RecordDiffers, naming the
    fields), reverse the payment and send it under another key. Refusals otherwise as in `record_payments`.
    """
    recorded = await record_payments(session, commands)
    known = {i: UUID(str(made.facts["payment_id"])) for i, made in enumerate(recorded)
             if isinstance(made, DuplicateExternalId)}  # fmt: skip
    rows = await payment_facts(session, set(known.values())) if known else {}
    results: list[Upserted | DomainError] = []
    for index, made in enumerate(recorded):
        if not isinstance(made, DomainError):
            results.append(Upserted(made, "created"))
        elif index in known:
            results.append(_compared(commands[index], rows[known[index]]))
        else:
            results.append(made)
    return results


def _compared(command: RecordPayment, row: Any) -> Upserted | DomainError:
    """`unchanged`, or the refusal that names what differs. The account may have changed here meanwhile."""
    different = [name for name in _IDENTITY if getattr(command, name) != row[name]]
    if command.account_id is not None and command.account_id not in (row["account_id"], row["original_account_id"]):
        different.append("account_id")
    if command.legal_entity_id is not None and command.legal_entity_id != row["legal_entity_id"]:
        different.append("legal_entity_id")
    if not different:
        return Upserted(row["id"], "unchanged")
    field = different[0].removesuffix("_minor")
    detail = f"the payment on record differs in {', '.join(name.removesuffix('_minor') for name in different)}"
    return RecordDiffers(detail, pointer=f"/{field}", payment_id=row["id"])
