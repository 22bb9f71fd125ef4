"""Rules of disputes, pure: states, who may do what next, how money and credits reduce what is disputed."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from app.core.calendar import BusinessCalendar
from app.core.errors import Conflict, RuleViolation

ACTIVE = ("open", "in_review", "awaiting_customer")
RESOLVED = ("resolved_credited", "resolved_rejected", "resolved_paid", "withdrawn")
STATES = (*ACTIVE, *RESOLVED)
MOVES: Mapping[str, tuple[str, ...]] = {
    "open": ("in_review", *RESOLVED),
    "in_review": ("awaiting_customer", *RESOLVED),
    "awaiting_customer": ("in_review", *RESOLVED),
    "resolved_credited": (),
    "resolved_rejected": ("open",),
    "resolved_paid": ("open",),
    "withdrawn": ("open",),
}
"""From a state to those that may follow. A credited dispute is over: what is wrong with the credit is a new one."""
LINES_MAX = 200
SLA_DAYS_MAX = 250
OTHER = "other"
_NUMBER_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: no I, L, O, U to misread


class DisputeStateInvalid(Conflict):
    """The dispute's state does not allow this."""

    code = "dispute.state_invalid"


class DisputeInvalid(RuleViolation):
    """The dispute's parts contradict each other or what is open."""

    code = "dispute.invalid"


class DisputedTooMuch(RuleViolation):
    """More would be disputed than is open and not disputed already."""

    code = "dispute.too_much"


@dataclass(frozen=True, slots=True)
class TeamDefault:
    """A team that every organization starts with."""

    code: str
    label: str


@dataclass(frozen=True, slots=True)
class ReasonDefault:
    """A reason that every organization starts with; `aliases` are words by which payers name it on their advices."""

    code: str
    label: str
    team: str
    sla_business_days: int
    aliases: tuple[str, ...] = ()


TEAMS: tuple[TeamDefault, ...] = (
    TeamDefault("logistics", "Logistics"),
    TeamDefault("quality", "Quality"),
    TeamDefault("sales", "Sales"),
    TeamDefault("billing", "Billing"),
    TeamDefault("customer_service", "Customer service"),
    TeamDefault("legal", "Legal"),
)
REASONS: tuple[ReasonDefault, ...] = (
    ReasonDefault("damaged_goods", "Damaged goods", "logistics", 10, ("damage", "damaged", "damages", "broken")),
    ReasonDefault("missing_goods", "Short or missing delivery", "logistics", 10,
                  ("short shipment", "shortage", "short delivery", "missing", "short quantity")),
    ReasonDefault("wrong_goods", "Wrong goods", "logistics", 10, ("wrong item", "wrong article")),
    ReasonDefault("goods_not_received", "Goods not received", "logistics", 10, ("not delivered", "non delivery")),
    ReasonDefault("late_delivery", "Late delivery", "logistics", 10, ("late", "delay")),
    ReasonDefault("returned_goods", "Returned goods", "logistics", 10, ("return", "returns", "returned")),
    ReasonDefault("freight", "Freight or handling charge", "logistics", 5, ("freight", "shipping", "handling")),
    ReasonDefault("quality", "Quality complaint", "quality", 15, ("defect", "defective", "quality issue")),
    ReasonDefault("price", "Price difference", "sales", 10, ("pricing", "price", "wrong price", "price error")),
    ReasonDefault("discount", "Discount not agreed or late", "sales", 5, ("cash discount", "skonto", "discount")),
    ReasonDefault("rebate", "Rebate or promotion", "sales", 15, ("promotion", "promo", "rebate", "bonus", "allowance")),
    ReasonDefault("tax", "Tax", "billing", 5, ("vat", "sales tax", "tax error")),
    ReasonDefault("wrong_invoice", "Invoice is wrong", "billing", 5, ("invoice error", "billing error", "wrong po")),
    ReasonDefault("duplicate_invoice", "Invoiced twice", "billing", 5, ("duplicate", "double invoice")),
    ReasonDefault("already_paid", "Paid already", "billing", 5, ("paid", "previously paid")),
    ReasonDefault("bank_charges", "Bank charges taken off", "billing", 5, ("bank fee", "bank fees", "bank charge")),
    ReasonDefault("contract", "Contract terms", "legal", 15, ("penalty", "contract", "contractual")),
    ReasonDefault(OTHER, "Other", "customer_service", 10),
)  # fmt: skip


def dispute_number(dispute_id: UUID) -> str:
    """The business number `DS-XXXXX-XXXXX` of an id: its last 50 bits, which are random."""
    bits = dispute_id.int & ((1 << 50) - 1)
    letters = [_NUMBER_ALPHABET[(bits >> shift) & 31] for shift in range(45, -1, -5)]
    return f"DS-{''.join(letters[:5])}-{''.join(letters[5:])}"


def check_move(state: str, to_state: str) -> None:
    """Raise DisputeStateInvalid unless that state may follow."""
    if to_state not in MOVES[state]:
        raise DisputeStateInvalid(f"a dispute that is {state} cannot become {to_state}", state=state)


@dataclass(frozen=True, slots=True)
class ActionFacts:
    """What decides which actions a caller may take."""

    state: str
    scopes: Collection[str]
    actor_id: UUID | None
    credit_requested: bool = False
    credit_requested_by: UUID | None = None


def allowed_actions(facts: ActionFacts) -> list[str]:
    """The actions that the caller may take now, as sub-resources of the dispute."""
    actions: list[str] = []
    active = facts.state in ACTIVE
    if "disputes:write" in facts.scopes:
        actions.append("comment")
        if active:
            actions += ["edit", "assign", "withdraw"]
            if "in_review" in MOVES[facts.state]:
                actions.append("review")
            if "awaiting_customer" in MOVES[facts.state]:
                actions.append("await-customer")
            if not facts.credit_requested:
                actions.append("resolve")
        elif "open" in MOVES[facts.state]:
            actions.append("reopen")
    decides = "disputes:approve" in facts.scopes and facts.actor_id is not None
    if active and facts.credit_requested and decides and facts.actor_id != facts.credit_requested_by:
        actions += ["approve-credit", "reject-credit"]
    asked = facts.actor_id is not None and facts.actor_id == facts.credit_requested_by
    if active and facts.credit_requested and asked and "disputes:write" in facts.scopes:
        actions.append("withdraw-credit")
    return sorted(actions)


@dataclass(frozen=True, slots=True)
class Line:
    """A disputed part as it is now; lines are given oldest first."""

    id: UUID
    dispute_id: UUID
    instalment_id: UUID
    disputed_minor: int


def reductions(lines: Sequence[Line], open_minor: Mapping[UUID, int]) -> dict[UUID, int]:
    """What each line loses, so that no instalment is disputed for more than is open; the oldest dispute loses first.

    Money that leaves the open amount at or above the disputed one is taken for the undisputed part.
    """
    excess = {
        instalment_id: max(0, sum(x.disputed_minor for x in lines if x.instalment_id == instalment_id) - left)
        for instalment_id, left in open_minor.items()
    }
    taken: dict[UUID, int] = {}
    for line in lines:
        less = min(line.disputed_minor, excess.get(line.instalment_id, 0))
        if less:
            taken[line.id] = less
            excess[line.instalment_id] -= less
    return taken


def split_credit(amount_minor: int, disputed: Sequence[tuple[UUID, int]]) -> list[tuple[UUID, int]]:
    """Share a credit among (instalment, still disputed and open) in their order. Raises DisputeInvalid if too much."""
    if amount_minor <= 0:
        raise DisputeInvalid("the amount must be positive", pointer="/amount")
    parts: list[tuple[UUID, int]] = []
    left = amount_minor
    for instalment_id, minor in disputed:
        part = min(left, minor)
        if part > 0:
            parts.append((instalment_id, part))
            left -= part
    if left:
        raise DisputeInvalid("more would be credited than is disputed and still open", pointer="/amount")
    return parts


def sla_due(calendar: BusinessCalendar, start: date, business_days: int) -> date:
    """The last day on which the dispute is to be resolved: that many business days after its opening."""
    return calendar.add_business_days(start, business_days)


def sla_after_pause(calendar: BusinessCalendar, due: date, paused_on: date, resumed_on: date) -> date:
    """The due date put off by the business days on which the customer was to answer."""
    if resumed_on <= paused_on:
        return due
    return calendar.add_business_days(due, calendar.business_days_between(paused_on, resumed_on))


def reason_named(text: str | None, catalogue: Iterable[tuple[str, str, Sequence[str]]]) -> str:
    """The code of the reason that a payer's words name, among (code, label, aliases); `other` when none does.

    The whole text is compared first, then whole words of it; the longest alias wins, so that "wrong price" is not
    "price" of something else. Two different reasons of the same length: `other`.
    """
    wanted = _words(text or "")
    if not wanted:
        return OTHER
    best: dict[int, set[str]] = {}
    for code, label, aliases in catalogue:
        for alias in (code, label, *aliases):
            words = _words(alias)
            if not words:
                continue
            if words == wanted:
                return code
            if f" {words} " in f" {wanted} ":
                best.setdefault(len(words), set()).add(code)
    if not best:
        return OTHER
    longest = best[max(best)]
    return longest.pop() if len(longest) == 1 else OTHER


def _words(text: str) -> str:
    return " ".join(re.findall(r"[^\W_]+", text.casefold()))
