"""A story told by the generated Python client: an account, an invoice, its payment, a dispute, the aging.

`python scenario.py BASE_URL`, with the access token in DUECOURSE_TOKEN and `duecourse_client` on the path.
"""

from __future__ import annotations

import os
import sys
from datetime import date
from typing import Any
from uuid import uuid4

from duecourse_client import AuthenticatedClient
from duecourse_client.api.accounts import create_account
from duecourse_client.api.applications import apply_payment
from duecourse_client.api.disputes import open_dispute
from duecourse_client.api.invoices import create_invoice, get_invoice
from duecourse_client.api.organizations import list_legal_entities
from duecourse_client.api.payments import create_payment
from duecourse_client.api.reports import report_aging
from duecourse_client.models import (
    AccountCreate,
    ApplicationCreate,
    DisputeCreate,
    InvoiceCreate,
    PaymentCreate,
    Problem,
)


def must(found: Any) -> Any:
    """What was asked for. Raises RuntimeError with the problem instead."""
    if found is None or isinstance(found, Problem):
        raise RuntimeError(f"refused: {found}")
    return found


def main(base_url: str, token: str) -> None:
    """Tell the story, and check what the service says at its end."""
    suffix = uuid4().hex[:8]

    def key() -> str:
        return str(uuid4())

    with AuthenticatedClient(base_url=base_url, token=token) as client:
        entity = must(list_legal_entities.sync(client=client, limit=1)).data[0]
        body = AccountCreate.from_dict(
            {"number": f"PY-{suffix}", "name": "Brandt Maschinenbau GmbH", "currency": "EUR", "country": "DE"}
        )
        account = must(create_account.sync(client=client, body=body, idempotency_key=key()))

        def issue(number: str, amount: str) -> Any:
            invoice = InvoiceCreate.from_dict(
                {
                    "number": number,
                    "account_id": str(account.id),
                    "legal_entity_id": str(entity.id),
                    "currency": "EUR",
                    "amount": amount,
                    "invoice_date": "2026-01-05",
                    "due_date": "2026-02-04",
                }
            )
            return must(create_invoice.sync(client=client, body=invoice, idempotency_key=key()))

        paid, contested = issue(f"PY-1-{suffix}", "1250.00"), issue(f"PY-2-{suffix}", "400.00")
        receipt = PaymentCreate.from_dict(
            {
                "account_id": str(account.id),
                "legal_entity_id": str(entity.id),
                "amount": "1000.00",
                "currency": "EUR",
                "value_date": "2026-02-10",
                "match": False,
            }
        )
        payment = must(create_payment.sync(client=client, body=receipt, idempotency_key=key()))
        line = {"instalment_id": str(paid.instalments[0].id), "amount": "1000.00"}
        application = ApplicationCreate.from_dict({"effective_date": "2026-02-10", "currency": "EUR", "lines": [line]})
        must(apply_payment.sync(payment.id, client=client, body=application, idempotency_key=key()))
        case = DisputeCreate.from_dict(
            {
                "currency": "EUR",
                "reason_code": "damaged_goods",
                "lines": [{"instalment_id": str(contested.instalments[0].id)}],
            }
        )
        assert must(open_dispute.sync(client=client, body=case, idempotency_key=key())).currency == "EUR"

        assert must(get_invoice.sync(paid.id, client=client)).open_amount == "250.00"
        aging = must(report_aging.sync(client=client, as_of=date(2026, 3, 31), account_id=account.id))
        assert len(aging.rows) == 1
        assert aging.totals[0].open_amount == "650.00"
        refused = get_invoice.sync(uuid4(), client=client)
        assert isinstance(refused, Problem)
        assert refused.code == "invoice.not_found"
    print("the Python client did all of it")


if __name__ == "__main__":
    main(sys.argv[1], os.environ["DUECOURSE_TOKEN"])
