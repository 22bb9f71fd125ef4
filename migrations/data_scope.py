"""Data scopes in the database: who may see a part of an organization only acts in a role with these policies.

`policy_of` derives the policy of a table from its columns and references, so that no table can be forgotten; tables
that hang on no account are listed here by what they are. A scoped transaction (`app/organizations/data_scope.py`) sets

* `app.scope_accounts`: `*`, or `some`, and then `app.scope_collectors` and `app.scope_segments` (`*` or an array);
* `app.scope_entities`: `*` or an array of legal entities.

Where nothing is set, nothing is visible.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from alembic import op
from sqlalchemy import ForeignKeyConstraint, MetaData, Table

APP = "duecourse_app"
SCOPED = "duecourse_scoped"
NAME = "data_scope"

SHARED: Mapping[str, str] = dict.fromkeys(
    (
        "action_outcomes", "collection_rule_versions", "collector_covers", "collector_targets", "playbooks",
        "playbook_revisions", "charge_settings", "compensation_schedules", "correspondence_settings",
        "bank_profiles", "correspondence_templates", "correspondence_template_revisions", "credit_policies", "dispute_reasons",
        "dispute_teams", "dunning_message_settings", "dunning_policies", "dunning_policy_versions", "dunning_settings",
        "dunning_steps", "dunning_templates", "dunning_template_revisions", "exchange_rates", "forecast_models",
        "interest_rate_tables", "interest_rates", "mailbox_connections", "matching_rules", "matching_settings",
        "number_formats", "organizations", "payment_terms", "retention_settings", "users",
    ),
    "rules, catalogues and people of the organization",
) | dict.fromkeys(
    ("api_clients", "api_client_secrets", "idempotency_keys", "jobs", "nightly_runs", "outgoing_emails", "stored_files",
     "webhook_deliveries", "webhook_attempts", "webhook_endpoints", "event_cursors", "change_heads", "change_seals",
     "export_records"),
    "the service's own; read under scopes that nobody with a data scope holds, or not at all",
) | {
    "documents": "kept once by their hash; seen by way of their links, which are narrowed",
    "dunning_runs": "notices hang on them; the operations that tell of a run as a whole are refused",
    "forecast_runs": "forecasts of invoices hang on them",
    "matching_runs": "proposals hang on them; the operations that tell of a run as a whole are refused",
}  # fmt: skip
"""Tables that say nothing of single accounts: visible within every data scope, each with the reason."""

WHOLE: frozenset[str] = frozenset({
    "assignment_runs", "charging_runs", "dunning_comparisons", "export_batches", "export_rows", "forecast_accuracy", "forecast_weeks", "imports",
    "import_row_errors", "provision_runs", "provision_lines", "report_runs", "report_schedules", "report_deliveries",
    "source_applications", "source_balances", "source_documents", "source_watermarks",
})  # fmt: skip
"""Work and figures of the whole organization: hidden from everybody with a data scope."""

ALL_ACCOUNTS: frozenset[str] = frozenset({"bank_statements", "bank_entries", "period_balances", "period_closes"})
"""Of all accounts of a legal entity: hidden from whoever sees some of the accounts only."""

EITHER: Mapping[str, tuple[str, ...]] = {
    "applications": ("account_id", "source_account_id"),
    "account_merges": ("survivor_id", "merged_id"),
}
"""Rows between two accounts that concern both: one of them in scope is enough."""

BOTH: Mapping[str, tuple[str, ...]] = {"account_duplicates": ("account_id", "other_id")}

FOR_EVERYBODY_WITHOUT_ACCOUNT: frozenset[str] = frozenset(
    {"dunning_assignments", "interest_agreements", "statement_schedules"}
)
"""Where a row without account is a rule for all of them. Elsewhere it belongs to nobody's portfolio yet: hidden."""

NAMED: Mapping[str, tuple[str, str]] = {
    "change_log": ("entity_type", "entity_id"),
    "document_links": ("subject_kind", "subject_id"),
}
"""Tables whose rows name their record by kind and id."""

KINDS: Mapping[str, str] = {
    "account": "accounts",
    "account_duplicate": "account_duplicates",
    "account_matching_settings": "account_matching_settings",
    "account_statement": "account_statements",
    "adjustment": "adjustments",
    "application": "applications",
    "charge": "charges",
    "charge_waiver": "charge_waivers",
    "collection_action": "collection_actions",
    "contact": "contacts",
    "contact_attempt": "contact_attempts",
    "correspondence": "correspondences",
    "credit_decision": "credit_decisions",
    "credit_hold": "credit_holds",
    "credit_memo": "credit_memos",
    "credit_order": "credit_orders",
    "credit_review": "credit_reviews",
    "data_finding": "data_findings",
    "dispute": "disputes",
    "dunning_address_mark": "dunning_address_marks",
    "dunning_block": "dunning_blocks",
    "dunning_message": "dunning_messages",
    "dunning_notice": "dunning_notices",
    "escalation": "escalations",
    "evidence_file": "evidence_files",
    "inquiry": "inquiries",
    "interest_agreement": "interest_agreements",
    "invoice": "invoices",
    "legal_case": "legal_cases",
    "lesson": "lessons",
    "meeting": "meetings",
    "payer_identity": "payer_identities",
    "payment": "payments",
    "payment_plan": "payment_plans",
    "promise": "promises",
    "proposal": "proposals",
    "remittance_advice": "remittance_advices",
    "statement_schedule": "statement_schedules",
    "worklist_entry": "worklist_entries",
}
"""Kind of a record → its table. Rows that name another kind are hidden within a data scope."""

_ALL_ACCOUNTS = "(SELECT current_setting('app.scope_accounts', true)) = '*'"


@dataclass(frozen=True, slots=True)
class Policy:
    """What a row must fulfil to be seen, and to be written."""

    using: str
    check: str

    @property
    def mark(self) -> str:
        """Stands in the policy's comment, to tell whether the one in the database is this one."""
        return sha256(f"{self.using}\n{self.check}".encode()).hexdigest()[:16]


def policy_of(table: Table, metadata: MetaData) -> Policy | None:
    """The policy of a table; None where all rows of the organization are visible. Raises ValueError: not classified."""
    if table.name in SHARED or ("organization_id" not in table.c and table.name != "organizations"):
        return None
    if table.name in WHOLE:
        return Policy("false", "false")
    if table.name in NAMED:
        return Policy(_named(table), "true")
    own = _own_terms(table)
    parents = _parent_terms(table, metadata)
    if not own and not parents:
        raise ValueError(f"{table.name}: say in migrations/data_scope.py what it is for a caller with a data scope")
    return Policy(" AND ".join([*own, *parents]), " AND ".join(own) or "true")


def _own_terms(table: Table) -> list[str]:
    """What the row's own columns say."""
    if table.name == "accounts":
        return [f"({_ALL_ACCOUNTS} OR ({_listed('collector_id', 'collectors', 'uuid')}"
                f" AND {_listed('segment', 'segments', 'text')}))"]  # fmt: skip
    if table.name == "legal_entities":
        return [f"({_listed('id', 'entities', 'uuid')})"]
    terms = []
    if table.name in ALL_ACCOUNTS:
        terms.append(f"({_ALL_ACCOUNTS})")
    else:
        terms += _account_terms(table)
    if "legal_entity_id" in table.c:
        terms.append(f"({_listed('legal_entity_id', 'entities', 'uuid')})")
    return terms


def _account_terms(table: Table) -> list[str]:
    if table.name in EITHER:
        return [f"({_ALL_ACCOUNTS} OR {' OR '.join(_exists(table.name, n, 'accounts') for n in EITHER[table.name])})"]
    columns = BOTH.get(table.name) or (["account_id"] if "account_id" in table.c else _references_to(table, "accounts"))
    open_to_all = table.name in FOR_EVERYBODY_WITHOUT_ACCOUNT
    return [
        f"({_ALL_ACCOUNTS} OR {f'{name} IS NULL OR ' if open_to_all else ''}{_exists(table.name, name, 'accounts')})"
        for name in columns
    ]


def _parent_terms(table: Table, metadata: MetaData) -> list[str]:
    """What the rows say on which this one hangs; not asked where the row itself says both account and legal entity."""
    if table.name in ("accounts", "legal_entities") or ("legal_entity_id" in table.c and _account_terms(table)):
        return []
    return [
        _exists(table.name, column, target)
        for column, target in _references(table)
        if target not in ("accounts", "legal_entities", table.name)
        and policy_of(metadata.tables[target], metadata) is not None
    ]


def _references(table: Table) -> list[tuple[str, str]]:
    """Column and table of each required reference, besides that to the organization."""
    found = []
    for key in table.constraints:
        if isinstance(key, ForeignKeyConstraint):
            for column, element in zip(key.columns, key.elements, strict=True):
                if column.name != "organization_id" and not column.nullable:
                    found.append((column.name, element.column.table.name))
    return sorted(found)


def _references_to(table: Table, target: str) -> list[str]:
    return [column for column, name in _references(table) if name == target]


def _exists(table: str, column: str, target: str) -> str:
    return (
        f'EXISTS (SELECT FROM "{target}" s WHERE s.organization_id = "{table}".organization_id'
        f' AND s.id = "{table}".{column})'
    )


def _listed(column: str, setting: str, kind: str) -> str:
    """The column is one of those in the setting, or the setting says all. Each setting is read once a statement."""
    said = f"current_setting('app.scope_{setting}', true)"
    return f"((SELECT {said}) = '*' OR {column} = ANY ((SELECT nullif(nullif({said}, '*'), '')::{kind}[])::{kind}[]))"


def _named(table: Table) -> str:
    kind, id_ = NAMED[table.name]
    cases = " ".join(f"WHEN '{name}' THEN {_exists(table.name, id_, target)}" for name, target in sorted(KINDS.items()))
    return f"CASE {kind} {cases} ELSE false END"


def create_scoped_role() -> None:
    """Make the role of callers with a data scope when it is missing. `duecourse_app` may act in it, and is not bound."""
    op.execute(
        f"DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{SCOPED}') THEN"
        f" CREATE ROLE {SCOPED} NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE;"
        f" IF current_setting('server_version_num')::int >= 160000 THEN"
        f" EXECUTE 'GRANT {SCOPED} TO {APP} WITH INHERIT FALSE, SET TRUE';"
        f" ELSE ALTER ROLE {APP} NOINHERIT; GRANT {SCOPED} TO {APP}; END IF; END IF;"
        f" EXCEPTION WHEN duplicate_object THEN NULL; WHEN unique_violation THEN NULL;"
        f" WHEN insufficient_privilege THEN RAISE insufficient_privilege USING"
        f" MESSAGE = 'the role {SCOPED} is missing, and ' || current_user || ' may not make it',"
        f" HINT = 'A superuser runs first: CREATE ROLE {SCOPED} NOLOGIN; ALTER ROLE {APP} NOINHERIT;"
        f" GRANT {SCOPED} TO {APP};'; END $$"
    )
    op.execute(f"GRANT USAGE ON SCHEMA public TO {SCOPED}")
    op.execute(f"GRANT SELECT ON alembic_version, heartbeats TO {SCOPED}")


def scope_table(
    name: str,
    using: str | None = None,
    check: str | None = None,
    *,
    append_only: bool = False,
    erasable: tuple[str, ...] = (),
) -> None:
    """Put the policy on a table, in place of an older one, and grant the scoped role what the service's own has.

    All at once or not at all: nobody sees the table without its policy. Gives up rather than hold up others for long.
    """
    steps = ["SET LOCAL lock_timeout = '5s'"]
    if using is not None and check is not None:
        steps += [
            f'DROP POLICY IF EXISTS {NAME} ON "{name}"',
            f'CREATE POLICY {NAME} ON "{name}" AS RESTRICTIVE TO {SCOPED} USING ({using}) WITH CHECK ({check})',
            f"COMMENT ON POLICY {NAME} ON \"{name}\" IS '{Policy(using, check).mark}'",
        ]
    steps.append(f'GRANT SELECT, INSERT ON "{name}" TO {SCOPED}')
    if not append_only:
        steps.append(f'GRANT UPDATE, DELETE ON "{name}" TO {SCOPED}')
    elif erasable:
        steps.append(f'GRANT UPDATE ({", ".join(erasable)}) ON "{name}" TO {SCOPED}')
    body = "; ".join(steps).replace(":", r"\:")  # no bind parameters
    op.execute(f"DO $scope$ BEGIN {body}; END $scope$")


def unscope_table(name: str) -> None:
    """Take the policy off a table."""
    op.execute(f'DROP POLICY IF EXISTS {NAME} ON "{name}"')


def call_of(table: Table, policy: Policy | None) -> str:
    """The line of a migration that does it."""
    arguments = [repr(table.name)]
    if policy is not None:
        arguments += [repr(policy.using), repr(policy.check)]
    if table.info.get("append_only"):
        arguments.append("append_only=True")
    if table.info.get("erasable"):
        arguments.append(f"erasable={table.info['erasable']!r}")
    return f"scope_table({', '.join(arguments)})"
