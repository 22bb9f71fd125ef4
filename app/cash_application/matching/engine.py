"""The one entry of the engine: all payments of a run together, one proposal for each."""

from __future__ import annotations

from collections.abc import Sequence

from app.cash_application.matching.types import (
    AccountFacts,
    Band,
    OpenItem,
    PayerIdentity,
    PaymentFacts,
    Proposal,
    ResidualTreatment,
    Settings,
)


def match(
    payments: Sequence[PaymentFacts],
    items: Sequence[OpenItem],
    accounts: Sequence[AccountFacts] = (),
    identities: Sequence[PayerIdentity] = (),
    settings: Settings | None = None,
    earlier: Sequence[PaymentFacts] = (),
) -> tuple[Proposal, ...]:
    """One proposal per payment, in the order of `payments`; the answer does not depend on any input's order.

    `items` are the candidates: documents found by `lookup_keys`, and the open items of every account that the
    payments' identities or references name. `earlier` are payments of the last weeks, to recognise
    duplicates.
    """
    del items, accounts, identities, settings, earlier
    return tuple(
        Proposal(
            payment_id=payment.id,
            account_id=payment.account_id,
            allocations=(),
            residual_minor=payment.amount_minor,
            residual_treatment=ResidualTreatment.UNIDENTIFIED,
            strategy="none",
            confidence=0.0,
            band=Band.NONE,
        )
        for payment in payments
    )
