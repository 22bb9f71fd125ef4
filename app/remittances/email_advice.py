"""From the text of an e-mail and what the caller says beside it to the advice that is recorded."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from app.remittances.email_text import TextAdvice, read_email_text
from app.remittances.errors import TextUnreadable
from app.remittances.rules import (
    NAME_LENGTH_MAX,
    REFERENCE_LENGTH_MAX,
    RecordAdvice,
)


def read_text_advice(
    text: str, currency: str | None, today: date, said: Mapping[str, Any]
) -> tuple[TextAdvice, RecordAdvice]:
    """What was read, and the command. Facts in `said` count more than those of the text.

    Raises TextUnreadable: no document with an amount was found, or no currency is known.
    """
    found = read_email_text(text, currency)
    if found.currency is None:
        raise TextUnreadable("the text names no currency, or several: say which", pointer="/currency")
    if not found.lines:
        detail = "no line was read as a document number with an amount whose meaning is sure"
        raise TextUnreadable(detail, pointer="/text", unread_lines=list(found.unread[:10]))
    read = {
        "payment_reference": (found.payment_reference or "")[:REFERENCE_LENGTH_MAX] or None,
        "payer_name": (found.payer_name or "")[:NAME_LENGTH_MAX] or None,
        "expected_date": found.expected_date,
    }
    facts = {name: value for name, value in said.items() if value is not None}
    command = RecordAdvice(
        currency=found.currency,
        lines=found.lines,
        received_on=today,
        amount_minor=found.amount_minor,
        channel="email_text",
        **{**read, **facts},
    )
    return found, command
