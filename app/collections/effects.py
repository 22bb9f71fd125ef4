"""What completing an action does in other rooms besides promises and disputes: deliveries and credit holds."""

from __future__ import annotations

from datetime import date

from app.collections import queries
from app.collections.catalogue import Outcome
from app.collections.models import CollectionAction
from app.core.errors import Forbidden
from app.credit.holds import PlaceHold, place_hold
from app.infra.database import WriteSession
from app.invoices.delivery import RecordDelivery, record_deliveries
from app.invoices.queries import invoice_id_of

HOLD_SCOPE = "credit:write"
HOLD_REASON = "collections"


class HoldNotAllowed(Forbidden):
    """Whoever completes a credit hold must be allowed to place one."""

    code = "collection_action.hold_not_allowed"


async def note_not_received(session: WriteSession, action: CollectionAction, outcome: Outcome, on: date) -> None:
    """The customer says that the invoices of the action never came: their delivery says so too."""
    if outcome.effect != "resend_invoice":
        return
    parts = await queries.instalments_of_action(session, action.id)
    invoices = {await invoice_id_of(session, part) for part in parts}
    note = action.subject[:500]
    await record_deliveries(session, [RecordDelivery(invoice, "not_received", on, note=note) for invoice in invoices])


async def hold_credit(session: WriteSession, action: CollectionAction, outcome: Outcome, today: date) -> None:
    """A credit hold that is done holds the account. Raises HoldNotAllowed."""
    if action.type != "credit_hold" or outcome.code != "done":
        return
    if HOLD_SCOPE not in session.actor.scopes:
        raise HoldNotAllowed("a credit hold is placed by somebody who may write credit", scope=HOLD_SCOPE)
    await place_hold(session, PlaceHold(action.account_id, "hold", "hold", HOLD_REASON, action.subject[:500]), today)
