"""The shape of the shipped wording: what each language says; `templates.py` puts it into templates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """What a step says. Texts are Jinja templates; blank lines part paragraphs. `sms` fits into two short messages."""

    name: str
    subject: str
    opening: str
    closing: str
    sms: str


@dataclass(frozen=True, slots=True)
class Wording:
    """A language: labels of the table and sums, greetings, and the steps by template code."""

    greeting: str
    greeting_anonymous: str
    farewell: str
    invoice: str
    invoice_date: str
    due_date: str
    days: str
    open_amount: str
    disputed: str
    total: str
    earlier: str
    fee: str
    interest: str
    compensation: str
    sum_due: str
    pay_to: str
    reference: str
    copies: str
    unsubscribe: str
    account: str
    statement: Step
    steps: Mapping[str, Step]
