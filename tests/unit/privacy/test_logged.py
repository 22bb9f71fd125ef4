"""What goes out of the change log, and that every subject and every column of words has an answer."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import sqlalchemy as sa

from app.infra.change_log_erasure import Words
from app.privacy import sql
from app.privacy.logged import NOT_OF_AN_ACCOUNT, SUBJECTS, redacted
from app.privacy.words import KEPT_WORDS, WRITTEN
from migrations.metadata import metadata

ROOT = Path(__file__).parents[3]
FACTS = {
    "account_id": "0190-aa", "number": "RE 1", "amount_minor": 5, "due_date": "2026-01-01", "state": "open",
    "note": "her child is ill", "payer_name": "Hopper", "phone": None, "who": "grace@example.com",
    "told": "two words", "lines": [{"instalment_id": "1", "amount_minor": 3, "detail": "ill"}, "free words", "code"],
}  # fmt: skip


def test_facts_stay_and_words_go() -> None:
    left = redacted(Words("dispute", "Grace asked", None, FACTS), own_name=False)
    assert left == Words("dispute", None, None, {
        "account_id": "0190-aa", "number": "RE 1", "amount_minor": 5, "due_date": "2026-01-01", "state": "open",
        "phone": None, "lines": [{"instalment_id": "1", "amount_minor": 3}, "code"],
    })  # fmt: skip
    assert redacted(left, own_name=False) == left


def test_the_accounts_own_name_goes_only_when_it_is_a_persons() -> None:
    words = Words("account", None, {"name": "Grace Hopper"}, {"name": "Hopper Ltd", "legal_name": "Hopper"})
    assert redacted(words, own_name=False) == words
    assert redacted(words, own_name=True) == Words("account", None, {}, {})
    contact = Words("contact", None, None, {"name": "Grace"})
    assert redacted(contact, own_name=False).after == {}


def test_every_subject_of_the_log_is_erased_or_left_for_a_reason() -> None:
    written: set[str] = set()
    for path in [*(ROOT / "app").rglob("*.py"), *(ROOT / "workers").rglob("*.py")]:
        if "ChangeRow(" not in (source := path.read_text()):
            continue
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "ChangeRow":
                given = [*node.args[:1], *(word.value for word in node.keywords if word.arg == "entity_type")]
                written |= {str(arg.value) for arg in given if isinstance(arg, ast.Constant)}
    assert len(written) > 60
    assert sorted(written - set(SUBJECTS) - set(NOT_OF_AN_ACCOUNT)) == []


LIKE_WORDS = re.compile(r"(^|_)(note|reason|comment|description|text|body|question|answer|detail|recipients?)$")
OF_THE_ORGANIZATION = frozenset((
    "collection_rule_versions", "collector_covers", "correspondence_templates", "correspondence_template_revisions",
    "dunning_policies", "dunning_policy_versions", "dunning_templates", "dunning_template_revisions", "interest_rates",
    "matching_rules", "period_closes", "playbooks", "playbook_revisions", "provision_runs", "webhook_endpoints",
))  # fmt: skip
"""Catalogues, settings and runs: nothing in them is about one customer."""


def test_every_column_of_words_is_erased_or_kept_for_a_reason() -> None:
    erased = " ".join(value for value in vars(sql).values() if isinstance(value, str))
    erased += " ".join([*sql.OF_ACCOUNTS.values(), *sql.OF_THREADS.values()])
    covered = {(written.table, column) for written in WRITTEN for column in (*written.columns, *written.required)}
    open_ones = []
    for table in metadata.sorted_tables:
        if "organization_id" not in table.c or table.name in OF_THE_ORGANIZATION or table.name == "change_log":
            continue
        statements = [one for one in re.split(r"(?=UPDATE |DELETE FROM )", erased) if
                      re.match(rf"(UPDATE|DELETE FROM) {table.name}\b", one)]  # fmt: skip
        for column in table.c:
            is_text = isinstance(column.type, sa.Text | sa.ARRAY)
            if not is_text or not LIKE_WORDS.search(column.name) or (table.name, column.name) in covered:
                continue
            if any("DELETE" in one[:6] or re.search(rf"\b{column.name} = ", one) for one in statements):
                continue
            if f"{table.name}.{column.name}" not in KEPT_WORDS:
                open_ones.append(f"{table.name}.{column.name}")
    assert not open_ones, ", ".join(open_ones)


def test_words_that_are_overwritten_may_be_overwritten() -> None:
    for written in WRITTEN:
        table = metadata.tables[written.table]
        assert all(table.c[name].nullable for name in written.columns), written.table
        assert not any(table.c[name].nullable for name in written.required), written.table
        assert ("version" in table.c) == written.touch, written.table
        if table.info.get("append_only"):
            assert {*written.columns, *written.required} <= set(table.info["erasable"]), written.table
