"""Rules of collections, pure: types and states, outcomes and what follows, escalation by rule, states of cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from app.core.calendar import BusinessCalendar
from app.core.errors import RuleViolation

ACTION_TYPES = (
    "call", "email", "letter", "sms", "meeting", "note", "escalation", "legal_referral", "agency_placement",
    "credit_hold",
)  # fmt: skip
CONTACT_TYPES = frozenset({"call", "email", "letter", "sms", "meeting"})
"""Actions that reach the customer."""
CHANNELS: Mapping[str, str] = {"call": "phone", "email": "email", "letter": "letter", "sms": "sms"}
"""Type of action → channel, for the rules of contact. A meeting was agreed with the customer."""
ACTION_STATUSES = ("planned", "done", "cancelled")
PRIORITIES = ("low", "normal", "high", "urgent")
OUTCOME_EFFECTS = ("none", "promise", "dispute", "resend_invoice", "correct_contact", "confirm_payment")
CASE_KINDS = ("legal_case", "agency_placement")
CASE_STATUSES = ("prepared", "referred", "in_progress", "recovered", "partly_recovered", "lost", "recalled")
OPEN_CASES = ("prepared", "referred", "in_progress")
CASE_MOVES: Mapping[str, tuple[str, ...]] = {
    "prepared": ("referred", "recalled"),
    "referred": ("in_progress", "recovered", "partly_recovered", "lost", "recalled"),
    "in_progress": ("recovered", "partly_recovered", "lost", "recalled"),
    "recovered": (),
    "partly_recovered": (),
    "lost": (),
    "recalled": (),
}
BATCH_LIMIT = 1_000
RULES_LIMIT = 200
LEVEL_MAX = 9


class RulesInvalid(RuleViolation):
    """The rules contradict each other or themselves."""

    code = "collections.rules_invalid"


@dataclass(frozen=True, slots=True)
class OutcomeDefault:
    """An outcome that every organization starts with."""

    code: str
    label: str
    effect: str = "none"
    contact_made: bool = False
    action_types: tuple[str, ...] = ()
    next_type: str | None = None
    next_business_days: int | None = None


OUTCOMES: tuple[OutcomeDefault, ...] = (
    OutcomeDefault("promised", "Promised to pay", "promise", True),
    OutcomeDefault("disputed", "Disputes the claim", "dispute", True),
    OutcomeDefault("refused", "Refuses to pay", "none", True, (), "escalation", 1),
    OutcomeDefault("no_answer", "No answer", "none", False, (), "call", 1),
    OutcomeDefault("left_message", "Left a message", "none", False, ("call",), "call", 2),
    OutcomeDefault("call_back", "Asked to call back", "none", True, (), "call", 1),
    OutcomeDefault("wrong_contact", "Wrong contact", "correct_contact", False, (), "note", 1),
    OutcomeDefault("invoice_not_received", "Invoice not received", "resend_invoice", True, (), "email", 0),
    OutcomeDefault("payment_confirmed", "Says it is paid", "confirm_payment", True, (), "note", 3),
    OutcomeDefault("plan_requested", "Asks for a payment plan", "none", True, (), "call", 1),
    OutcomeDefault("insolvent", "Insolvent", "none", True, (), "legal_referral", 1),
    OutcomeDefault("sent", "Sent", "none", False, ("email", "letter", "sms")),
    OutcomeDefault("done", "Done"),
)


@dataclass(frozen=True, slots=True)
class NextAction:
    """What follows an action: what, and when."""

    type: str
    due_date: date
    subject: str


_SUBJECTS = {
    "resend_invoice": "Send the invoice again",
    "correct_contact": "Find the right contact",
    "confirm_payment": "Check that the payment has come",
}


def next_action(
    outcome_label: str, effect: str, next_type: str | None, days: int | None, today: date, calendar: BusinessCalendar
) -> NextAction | None:
    """The action that the catalogue lets follow an outcome, so many business days after today; None: nothing."""
    if next_type is None:
        return None
    due = calendar.next_business_day(today) if not days else calendar.add_business_days(today, days)
    return NextAction(next_type, due, _SUBJECTS.get(effect, f"After: {outcome_label}"))


def action_actions(status: str) -> list[str]:
    """What may be done with an action in this state."""
    return ["complete", "cancel", "update"] if status == "planned" else []


@dataclass(frozen=True, slots=True)
class EscalationRule:
    """Accounts that meet all conditions given are escalated: to whom, at which level, for how long.

    `amount_minor` is of the overdue amount in `currency`; without a currency it is any currency's. After an escalation
    for the same reason was closed, it is not raised again for `again_after_days`.
    """

    code: str
    name: str
    level: int = 1
    to_user_id: UUID | None = None
    days: int = 14
    again_after_days: int = 14
    days_past_due: int | None = None
    amount_minor: int | None = None
    currency: str | None = None
    risk_classes: tuple[str, ...] = ()
    credit_statuses: tuple[str, ...] = ()
    broken_promises: int | None = None
    segments: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """True when no condition is given: it would escalate everybody."""
        return (self.days_past_due, self.amount_minor, self.broken_promises) == (None, None, None) and not (
            self.risk_classes or self.credit_statuses
        )


@dataclass(frozen=True, slots=True)
class OverdueFacts:
    """What an account owes late in one currency, and what speaks for or against it."""

    account_id: UUID
    currency: str
    overdue_minor: int
    days_past_due: int
    risk_class: str | None = None
    credit_status: str = "ok"
    broken_promises: int = 0
    segment: str | None = None
    country: str | None = None
    open_reasons: frozenset[str] = frozenset()
    closed_on: Mapping[str, date] = field(default_factory=dict)  # reason → latest closing


def matches(rule: EscalationRule, facts: OverdueFacts) -> bool:
    """True when the account meets every condition of the rule. An account that owes nothing late meets none."""
    if facts.overdue_minor <= 0:
        return False
    least = ((rule.days_past_due, facts.days_past_due), (rule.amount_minor, facts.overdue_minor),
             (rule.broken_promises, facts.broken_promises))  # fmt: skip
    if any(bound is not None and value < bound for bound, value in least):
        return False
    if rule.currency is not None and rule.currency != facts.currency:
        return False
    listed = ((rule.risk_classes, facts.risk_class), (rule.credit_statuses, facts.credit_status),
              (rule.segments, facts.segment), (rule.countries, facts.country))  # fmt: skip
    return all(not allowed or value in allowed for allowed, value in listed)


def due_escalations(
    facts: Sequence[OverdueFacts], rules: Sequence[EscalationRule], today: date
) -> list[tuple[EscalationRule, OverdueFacts]]:
    """What is to be escalated: each account once for a reason, never while it is open for it, nor soon after.

    Of several currencies the one with the most days late speaks for the account.
    """
    found: list[tuple[EscalationRule, OverdueFacts]] = []
    seen: set[tuple[UUID, str]] = set()
    for each in sorted(facts, key=lambda each: (-each.days_past_due, -each.overdue_minor, each.currency)):
        for rule in rules:
            key = (each.account_id, rule.code)
            if key in seen or rule.code in each.open_reasons or not matches(rule, each):
                continue
            closed = each.closed_on.get(rule.code)
            if closed is not None and today < closed + timedelta(days=rule.again_after_days):
                continue
            seen.add(key)
            found.append((rule, each))
    return found


def check_escalation_rules(rules: Sequence[EscalationRule]) -> None:
    """Each code once, at least one condition, an amount with its currency. Raises RulesInvalid."""
    _check_codes([rule.code for rule in rules])
    for index, rule in enumerate(rules):
        if rule.empty:
            raise RulesInvalid("a rule needs a condition", pointer=f"/rules/{index}")
        if (rule.amount_minor is None) != (rule.currency is None):
            raise RulesInvalid("an amount and its currency belong together", pointer=f"/rules/{index}/amount")


def _check_codes(codes: Sequence[str]) -> None:
    for index, code in enumerate(codes):
        if code in codes[:index]:
            raise RulesInvalid("the code stands twice", pointer=f"/rules/{index}/code")


@dataclass(frozen=True, slots=True)
class AssignmentRule:
    """Accounts that meet all conditions go to these collectors, spread evenly; the first rule that fits counts.

    `letters`: ranges of the first letter of the name ("A-F"); `open_from_minor` up to below `open_to_minor`: the size
    of what is open in `currency`.
    """

    code: str
    collector_ids: tuple[UUID, ...]
    segments: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    risk_classes: tuple[str, ...] = ()
    letters: tuple[str, ...] = ()
    open_from_minor: int | None = None
    open_to_minor: int | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class AssignmentFacts:
    """An account as assignment sees it; `open_minor` by currency."""

    account_id: UUID
    name: str
    collector_id: UUID | None = None
    segment: str | None = None
    country: str | None = None
    risk_class: str | None = None
    open_minor: Mapping[str, int] = field(default_factory=dict)


def fits(rule: AssignmentRule, facts: AssignmentFacts) -> bool:
    """True when the account meets every condition of the rule."""
    listed = ((rule.segments, facts.segment), (rule.countries, facts.country), (rule.risk_classes, facts.risk_class))
    if any(allowed and value not in allowed for allowed, value in listed):
        return False
    if rule.letters and not any(_in_range(facts.name, letters) for letters in rule.letters):
        return False
    if rule.currency is not None:
        size = facts.open_minor.get(rule.currency, 0)
        if rule.open_from_minor is not None and size < rule.open_from_minor:
            return False
        if rule.open_to_minor is not None and size >= rule.open_to_minor:
            return False
    return True


def _in_range(name: str, letters: str) -> bool:
    first = next((letter for letter in name.upper() if letter.isalnum()), "")
    low, _, high = letters.upper().partition("-")
    return bool(first) and low <= first <= (high or low)


def assign(facts: AssignmentFacts, rules: Sequence[AssignmentRule]) -> tuple[UUID, str] | None:
    """The collector of an account and the rule that says so; None when no rule fits: it stays as it is.

    Within a rule the account's id chooses the collector, unless it has one of them already: the same account always
    gets the same one, and a change of the rules moves as few as possible.
    """
    for rule in rules:
        if fits(rule, facts):
            if facts.collector_id in rule.collector_ids:
                return facts.collector_id, rule.code
            return rule.collector_ids[facts.account_id.int % len(rule.collector_ids)], rule.code
    return None


def check_assignment_rules(rules: Sequence[AssignmentRule]) -> None:
    """Each code once, sizes with their currency and in order. Raises RulesInvalid."""
    _check_codes([rule.code for rule in rules])
    for index, rule in enumerate(rules):
        sized = rule.open_from_minor is not None or rule.open_to_minor is not None
        if sized != (rule.currency is not None):
            raise RulesInvalid("a size and its currency belong together", pointer=f"/rules/{index}/currency")
        if rule.open_from_minor is not None and rule.open_to_minor is not None and not (
            rule.open_from_minor < rule.open_to_minor
        ):  # fmt: skip
            raise RulesInvalid("the size goes from less to more", pointer=f"/rules/{index}/open_to")


def stand_in(collector_id: UUID, covers: Mapping[UUID, UUID]) -> UUID:
    """Who sees to a collector's accounts today, through covers of covers; in a circle the collector keeps them."""
    seen, present = {collector_id}, collector_id
    while (following := covers.get(present)) is not None:
        if following in seen:
            return collector_id
        seen.add(following)
        present = following
    return present


def check_case_move(status: str, to_status: str) -> bool:
    """True when a case may go from one state to the other."""
    return to_status in CASE_MOVES[status]


def case_actions(status: str) -> list[str]:
    """What may be done with a case in this state."""
    if status == "prepared":
        return ["refer", "recall", "update"]
    if status == "referred":
        return ["progress", "close", "recall", "record_entry", "update"]
    return ["close", "recall", "record_entry", "update"] if status == "in_progress" else []


def result_fits(result: str, claim_minor: int, recovered_minor: int, open_minor: int) -> bool:
    """True when a result says what the figures say: recovered is all of it, partly something, lost nothing."""
    everything = recovered_minor >= claim_minor or open_minor == 0
    return {
        "recovered": everything and recovered_minor > 0,
        "partly_recovered": recovered_minor > 0 and not everything,
        "lost": recovered_minor == 0,
    }.get(result, False)


def case_number(kind: str, case_id: UUID) -> str:
    """A number that people can say: L for legal, A for agency, and the tail of the id in base 32."""
    alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    value, digits = case_id.int & ((1 << 40) - 1), ""
    for _ in range(8):
        value, rest = divmod(value, 32)
        digits = alphabet[rest] + digits
    return f"{'L' if kind == 'legal_case' else 'A'}-{digits}"


def attainment_basis_points(reached: int, target: int) -> int | None:
    """Reached ÷ target in hundredths of a percent, rounded half up; None without a target."""
    return None if target <= 0 else max(0, (reached * 20_000 + target) // (2 * target))


def rule_from_json(kind: type[Any], row: Mapping[str, Any]) -> Any:
    """A rule from its JSON form: lists become tuples, ids become UUIDs."""
    values: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, list):
            values[name] = tuple(UUID(part) if name == "collector_ids" else part for part in value)
        else:
            values[name] = UUID(value) if name == "to_user_id" and value is not None else value
    return kind(**values)
