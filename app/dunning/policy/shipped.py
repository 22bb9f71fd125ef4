"""The policy that comes with the service: friendly at first, a person before anything that hurts. Pure.

It holds for accounts without any other. The template codes are those of the texts that come with the service too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

CODE = "standard"
NAME = "Standard"
DESCRIPTION = "A word before the due date, two reminders, a call, a final notice, then escalation, hold and referral"


@dataclass(frozen=True, slots=True)
class StepDraft:
    """A step as it is written: the columns of `dunning_steps` without keys."""

    name: str
    channel: str
    offset_days: int | None = None
    gap_days: int | None = None
    lapse_days: int | None = None
    template_code: str | None = None
    minimums: dict[str, int] = field(default_factory=dict)
    fee_fixed: dict[str, int] = field(default_factory=dict)
    fee_basis_points: int | None = None
    interest: bool = False
    compensation: bool = False
    approval: bool = False
    cc: tuple[str, ...] = ()
    attachments: tuple[str, ...] = ()
    work: dict[str, Any] = field(default_factory=dict)


STEPS = (
    StepDraft("Before the due date", "email", -3, lapse_days=0, template_code="friendly_reminder"),
    StepDraft("First reminder", "email", 4, template_code="first_reminder", attachments=("invoice_copies",)),
    StepDraft("Second reminder", "email", 14, 7, template_code="second_reminder", attachments=("statement",)),
    StepDraft("Call", "call_task", 21, 5),
    StepDraft(
        "Final notice", "email", 30, 7, template_code="final_notice", approval=True, cc=("collector",),
        attachments=("statement",),
    ),
    StepDraft("Escalation", "escalate", 40, 7),
    StepDraft("Credit hold", "credit_hold", 45, 5, approval=True, work={"level": "hold"}),
    StepDraft("Legal referral", "legal_referral", 60, 14, approval=True, work={"kind": "legal_case"}),
)  # fmt: skip
