"""Refusals of the collections room."""

from __future__ import annotations

from app.core.errors import Conflict, NotFound, RuleViolation
from app.infra.constraints import on_constraint


class ActionNotFound(NotFound):
    """No such collection action in this organization."""

    code = "collection_action.not_found"


class ActionClosed(Conflict):
    """The action is done or cancelled."""

    code = "collection_action.closed"


class OutcomeUnknown(RuleViolation):
    """The catalogue has no such outcome in use, or not for this type of action."""

    code = "collection_action.outcome_unknown"


class OutcomeIncomplete(RuleViolation):
    """The outcome needs facts: a promise needs its terms, a dispute its parts."""

    code = "collection_action.outcome_incomplete"


class OutcomeNotFound(NotFound):
    """No such outcome in this organization."""

    code = "action_outcome.not_found"


class OutcomeTaken(Conflict):
    """The catalogue has an outcome with this code."""

    code = "action_outcome.code_taken"


class AccountUnknown(RuleViolation):
    """The account does not exist here."""

    code = "collections.account_unknown"


class ContactUnknown(RuleViolation):
    """The contact does not exist, or belongs to another account."""

    code = "collections.contact_unknown"


class ContactRefused(RuleViolation):
    """The rules of contact forbid this contact on this channel; `reason` says which."""

    code = "collections.contact_refused"


class UserUnknown(RuleViolation):
    """No active user has this id."""

    code = "collections.user_unknown"


class InstalmentUnknown(RuleViolation):
    """An instalment does not exist, or belongs to another account."""

    code = "collections.instalment_unknown"


class EscalationNotFound(NotFound):
    """No such escalation in this organization."""

    code = "escalation.not_found"


class EscalationClosed(Conflict):
    """The escalation is closed."""

    code = "escalation.closed"


class EscalationOpen(Conflict):
    """The account is escalated for this reason already."""

    code = "escalation.open_already"


class CaseNotFound(NotFound):
    """No such legal case or agency placement in this organization."""

    code = "legal_case.not_found"


class CaseStateInvalid(Conflict):
    """The state of the case does not allow this."""

    code = "legal_case.state_invalid"


class CaseInvalid(RuleViolation):
    """Items or amounts do not make a case."""

    code = "legal_case.invalid"


class ItemInCase(Conflict):
    """An instalment is in another open case."""

    code = "legal_case.item_taken"


class EntryNotFound(NotFound):
    """The case has no such entry."""

    code = "legal_case.entry_not_found"


class EntryReversed(Conflict):
    """The entry was taken back already, or is itself a correction."""

    code = "legal_case.entry_reversed"


class NoRules(Conflict):
    """There are no assignment rules in force."""

    code = "assignment.no_rules"


class RunNotFound(NotFound):
    """No such assignment run."""

    code = "assignment_run.not_found"


class CoverNotFound(NotFound):
    """No such absence cover."""

    code = "collector_cover.not_found"


class CoverOverlaps(Conflict):
    """The collector's absence is covered on some of these days already."""

    code = "collector_cover.overlaps"


class TargetNotFound(NotFound):
    """No such target of a collector in this organization."""

    code = "collector_target.not_found"


class TargetTaken(Conflict):
    """The collector has a target in this month and currency."""

    code = "collector_target.taken"


class PlaybookNotFound(NotFound):
    """No such playbook in this organization."""

    code = "playbook.not_found"


class PlaybookTaken(Conflict):
    """Another playbook has this code."""

    code = "playbook.code_taken"


on_constraint("uq_escalations_open", lambda: EscalationOpen("the account is escalated for this reason already"))
on_constraint("uq_legal_case_items_active", lambda: ItemInCase("an instalment is in another open case"))
on_constraint("uq_action_outcomes_organization_id_code", lambda: OutcomeTaken("the code is in use"))
on_constraint(
    "uq_collector_targets_month",
    lambda: TargetTaken("the collector has a target in this month and currency"),
)
on_constraint("uq_playbooks_organization_id_code", lambda: PlaybookTaken("the code is in use"))
