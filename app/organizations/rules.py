"""Who may do what: scopes, roles, segregation of duties, approval limits. And what an own bank account looks like."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from app.core.errors import RuleViolation


class RoleUnknown(RuleViolation):
    """Not one of the service's roles."""

    code = "auth.role_unknown"


class ScopeUnknown(RuleViolation):
    """Not one of the service's scopes."""

    code = "auth.scope_unknown"


class SegregationViolated(RuleViolation):
    """The roles together break the segregation of duties."""

    code = "auth.segregation_of_duties"


SCOPES: Mapping[str, str] = {
    "organizations:read": "Read the organization, its legal entities, bank accounts and exchange rates",
    "organizations:write": "Change the organization, its legal entities, bank accounts and exchange rates",
    "users:read": "Read users and their roles",
    "users:write": "Add users, change their roles, deactivate them",
    "api-clients:read": "Read API clients and the prefixes of their secrets",
    "api-clients:write": "Add API clients, make and revoke their secrets",
    "accounts:read": "Read customer accounts, contacts, payer identities and payment terms",
    "accounts:write": "Add and change customer accounts, contacts, payer identities and payment terms",
    "accounts:approve": "Approve credit limits and merged accounts",
    "invoices:read": "Read invoices, debit memos, finance charges, credit memos and adjustments",
    "invoices:write": "Issue and void invoices and credit memos, ask for adjustments",
    "invoices:approve": "Approve or reject adjustments and write-offs that others asked for",
    "payments:read": "Read payments and their applications",
    "payments:write": "Record, identify, apply, move and reverse payments",
    "payments:approve": "Refund payments",
    "ledger:read": "Read journal entries, trial balance and the proof",
    "ledger:write": "Change the account mapping",
    "ledger:approve": "Reopen a closed period",
    "ledger:close": "Close a period",
    "cash-application:read": "Read runs and proposals of cash application",
    "cash-application:write": "Start runs, accept, correct and reject proposals",
    "cash-application:approve": "Change thresholds and tolerances of automatic application",
    "promises:read": "Read promises to pay and payment plans",
    "promises:write": "Take down, reschedule and cancel promises and payment plans",
    "collections:read": "Read collection actions, escalations, legal cases, assignments, targets and playbooks",
    "collections:write": "Plan and complete collection actions, escalate, keep legal cases",
    "collections:approve": "Change rules, catalogues, targets, assignments and playbooks of collections",
    "credit:read": "Read credit files, exposure, decisions, holds, reviews and the credit policy",
    "credit:write": "Check orders, report open orders, keep credit files, open and propose reviews",
    "credit:approve": "Decide reviews and referred orders, place and release holds, change the credit policy",
    "correspondence:read": "Read correspondence, inquiries, meetings and contacts made",
    "correspondence:write": "Write to customers, take in e-mails, keep inquiries and meetings",
    "correspondence:approve": "Change templates and the rules of contact",
    "reports:read": "Read reports such as aging, have them made in the background",
    "reports:write": "Schedule reports that are sent by e-mail",
    "imports:read": "Read imports with their counts and refused rows",
    "imports:write": "Start and cancel imports",
    "exports:read": "Read batches of journal entries and cash receipts for the ERP",
    "exports:write": "Make such batches, say what the ERP took, take them back",
    "bank-statements:read": "Read bank statements and their entries",
    "bank-statements:write": "Load bank statements",
    "documents:read": "Read stored documents and what they belong to",
    "documents:write": "Store documents, attach them to records and detach them",
    "disputes:read": "Read the disputes that one works on, and the reasons for disputes",
    "all-disputes:read": "Read all disputes, not only those that one works on",
    "disputes:write": "Open, assign, comment and resolve disputes",
    "disputes:approve": "Approve credits of disputes that others asked for; change the reasons for disputes",
    "dunning:read": "Read dunning policies, runs, notices, messages, rates and charges",
    "dunning:write": "Simulate and start dunning runs, change drafts of policies and templates, test messages",
    "dunning:approve": "Activate dunning policies and rates, approve notices, waive charges",
    "forecasts:read": "Read forecasts of collections and their accuracy",
    "forecasts:write": "Start forecasts and what-if questions, choose the model in force",
    "webhooks:read": "Read webhook endpoints and deliveries",
    "webhooks:write": "Add and change webhook endpoints, rotate their secrets, deliver again",
    "mail:read": "Read outgoing e-mails and what came of them",
    "mail:write": "Decide about e-mails that failed or whose outcome is unknown",
    "events:read": "Read events by cursor",
    "audit:read": "Read audit entries and verify the chain",
    "jobs:read": "Read the state of background work",
    "jobs:write": "Retry and cancel background work",
}
"""Every scope with what it allows; shown in the OAuth 2 scheme of the API."""

_READS = frozenset(scope for scope in SCOPES if scope.endswith(":read"))
_BUSINESS_READS = _READS - {"users:read", "api-clients:read", "audit:read", "jobs:read", "webhooks:read"}

ROLES: Mapping[str, frozenset[str]] = {
    "admin": frozenset(SCOPES),
    "credit_manager": _BUSINESS_READS
    | {
        "cash-application:approve",
        "credit:write",
        "credit:approve",
        "accounts:write",
        "accounts:approve",
        "invoices:approve",
        "payments:approve",
        "jobs:read",
    }
    | {
        "disputes:write",
        "disputes:approve",
        "documents:write",
        "mail:write",
        "correspondence:write",
        "correspondence:approve",
        "dunning:write",
        "dunning:approve",
        "forecasts:write",
        "reports:write",
    },
    "collections_manager": _BUSINESS_READS
    | {
        "correspondence:write",
        "correspondence:approve",
        "dunning:write",
        "dunning:approve",
        "forecasts:write",
        "reports:write",
        "promises:write",
        "collections:write",
        "collections:approve",
        "accounts:write",
        "jobs:read",
        "disputes:write",
        "documents:write",
        "mail:write",
    },
    "collector": _BUSINESS_READS
    | {
        "correspondence:write",
        "dunning:write",
        "promises:write",
        "collections:write",
        "accounts:write",
        "disputes:write",
        "documents:write",
    },
    "cash_application": _BUSINESS_READS
    | {"payments:write", "cash-application:write", "bank-statements:write", "imports:write", "jobs:read"}
    | {"documents:write"},
    "dispute_resolver": frozenset(
        {"organizations:read", "accounts:read", "invoices:read", "invoices:write", "payments:read", "events:read"}
        | {
            "disputes:read",
            "disputes:write",
            "documents:read",
            "documents:write",
            "correspondence:read",
            "correspondence:write",
        }
    ),
    "auditor": _READS,
    "integration": _BUSINESS_READS
    | {
        "correspondence:write",
        "credit:write",
        "accounts:write",
        "invoices:write",
        "payments:write",
        "imports:write",
        "exports:write",
        "bank-statements:write",
        "cash-application:write",
        "promises:write",
        "organizations:write",
        "documents:write",
        "disputes:write",
        "jobs:read",
        "webhooks:read",
        "webhooks:write",
    },
}
"""Scopes of each role. A user has the union of the scopes of all roles."""

BEYOND_DATA_SCOPE = frozenset({
    "api-clients:read", "api-clients:write", "audit:read", "bank-statements:write", "cash-application:approve",
    "exports:read", "exports:write", "forecasts:write", "imports:read", "imports:write", "jobs:read", "jobs:write",
    "mail:read", "mail:write", "organizations:write", "reports:write", "users:write", "webhooks:read", "webhooks:write",
})  # fmt: skip
"""What is of the whole organization: nobody with a data scope holds it, whatever the roles say."""
BEYOND_SOME_ACCOUNTS = frozenset({
    "bank-statements:read", "ledger:approve", "ledger:close", "ledger:read",
    "ledger:write",
})  # fmt: skip
"""What is of all accounts of a legal entity: withheld from whoever sees some of the accounts only."""

_COLLECTS = frozenset({"collector", "collections_manager"})
_KEEPS_APART = {
    "cash_application": "post cash",
    "credit_manager": "approve write-offs",
}
APPROVALS = frozenset({"invoices:approve"})

IBAN_SHAPE = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}", re.ASCII)
MAX_ACTIVE_SECRETS = 2


def check_roles(roles: Iterable[str]) -> tuple[str, ...]:
    """Roles without repeats, sorted. Whoever collects may not post cash nor approve write-offs.

    Raises RoleUnknown, SegregationViolated.
    """
    found = set(roles)
    for role in sorted(found - set(ROLES)):
        raise RoleUnknown(f"{role[:40]!r} is not a role; roles are {', '.join(sorted(ROLES))}", pointer="/roles")
    collecting = sorted(found & _COLLECTS)
    for other, duty in _KEEPS_APART.items():
        if collecting and other in found:
            detail = f"whoever collects ({collecting[0]}) may not also {duty} ({other})"
            raise SegregationViolated(detail, pointer="/roles")
    return tuple(sorted(found))


def check_scopes(scopes: Iterable[str]) -> tuple[str, ...]:
    """Scopes without repeats, sorted. Raises ScopeUnknown."""
    found = set(scopes)
    for scope in sorted(found - set(SCOPES)):
        raise ScopeUnknown(f"{scope[:64]!r} is not a scope", pointer="/scopes")
    return tuple(sorted(found))


def scopes_of(roles: Iterable[str], scopes: Iterable[str] = ()) -> frozenset[str]:
    """What these roles and single scopes allow together; unknown names (of a newer version) allow nothing."""
    allowed = {scope for scope in scopes if scope in SCOPES}
    for role in roles:
        allowed |= ROLES.get(role, frozenset())
    return frozenset(allowed)


def permissions_of(scopes: Iterable[str]) -> dict[str, list[str]]:
    """Scopes as resource → verbs, for front ends."""
    found: dict[str, list[str]] = {}
    for scope in sorted(scopes):
        resource, _, verb = scope.partition(":")
        found.setdefault(resource, []).append(verb)
    return found


def approval_limit_minor(limits: Mapping[str, int], currency: str, scopes: Iterable[str]) -> int | None:
    """The amount that an actor may decide alone, in minor units of `currency`; None is without limit.

    A limit of that currency counts first. Without one, whoever holds an approving scope has no limit,
    anybody else may decide nothing alone.
    """
    limit = limits.get(currency)
    if limit is not None:
        return limit
    return None if APPROVALS & frozenset(scopes) else 0


@dataclass(frozen=True, slots=True)
class ClientId:
    """The public id of an API client: it names the tenant, so that row-level security applies to the lookup."""

    organization_hex: str
    client_hex: str

    def __str__(self) -> str:
        return f"{self.organization_hex}.{self.client_hex}"


_CLIENT_ID = re.compile(r"([0-9a-f]{32})\.([0-9a-f]{32})", re.ASCII)


def parse_client_id(text: str) -> ClientId | None:
    """The two ids in `<organization hex>.<client hex>`, or None when the text is anything else."""
    match = _CLIENT_ID.fullmatch(text)
    return ClientId(match[1], match[2]) if match else None


def normalize_identifier(text: str) -> str:
    """An IBAN or local account number without blanks and separators, upper case."""
    return re.sub(r"[\s.\-/]", "", text).upper()
