"""Roles, scopes, segregation of duties, approval limits, client ids."""

from __future__ import annotations

import re

import pytest

from app.organizations.rules import (
    ROLES,
    SCOPES,
    ClientId,
    RoleUnknown,
    ScopeUnknown,
    SegregationViolated,
    approval_limit_minor,
    check_roles,
    check_scopes,
    normalize_identifier,
    parse_client_id,
    permissions_of,
    scopes_of,
)
from tests.factories import ALL_SCOPES


def test_every_scope_is_of_the_vocabulary_and_described() -> None:
    assert set(SCOPES) <= ALL_SCOPES
    assert all(text[0].isupper() and len(text) > 10 for text in SCOPES.values())
    assert all(re.fullmatch(r"[a-z-]+:(read|write|approve|close)", scope) for scope in SCOPES)


def test_roles_give_only_known_scopes_and_the_auditor_changes_nothing() -> None:
    assert all(scopes <= set(SCOPES) for scopes in ROLES.values())
    assert ROLES["auditor"] == {scope for scope in SCOPES if scope.endswith(":read")}
    assert ROLES["admin"] == set(SCOPES)


@pytest.mark.parametrize("role", ["collector", "collections_manager"])
def test_whoever_collects_neither_posts_cash_nor_approves_write_offs(role: str) -> None:
    assert not ROLES[role] & {"payments:write", "cash-application:write", "invoices:approve", "bank-statements:write"}
    for other in ("cash_application", "credit_manager"):
        with pytest.raises(SegregationViolated) as caught:
            check_roles([role, other])
        assert caught.value.errors[0].pointer == "/roles"
    assert check_roles([role, "auditor", role]) == tuple(sorted([role, "auditor"]))


def test_unknown_names_are_refused_when_given_and_ignored_when_stored() -> None:
    with pytest.raises(RoleUnknown):
        check_roles(["emperor"])
    with pytest.raises(ScopeUnknown):
        check_scopes(["invoices:burn"])
    assert scopes_of(["emperor"], ["invoices:burn", "events:read"]) == {"events:read"}


def test_permissions_group_the_verbs() -> None:
    assert permissions_of({"invoices:write", "invoices:read", "ledger:close"}) == {
        "invoices": ["read", "write"],
        "ledger": ["close"],
    }


@pytest.mark.parametrize(
    ("limits", "scopes", "limit"),
    [
        ({"EUR": 5000}, {"invoices:approve"}, 5000),
        ({"EUR": 5000}, set(), 5000),
        ({"USD": 5000}, {"invoices:approve"}, None),
        ({"USD": 5000}, {"invoices:write"}, 0),
        ({"EUR": 0}, {"invoices:approve"}, 0),
    ],
)
def test_approval_limits(limits: dict[str, int], scopes: set[str], limit: int | None) -> None:
    assert approval_limit_minor(limits, "EUR", scopes) == limit


def test_client_ids_name_the_tenant() -> None:
    text = "0" * 31 + "a." + "f" * 32
    assert parse_client_id(text) == ClientId("0" * 31 + "a", "f" * 32)
    assert str(parse_client_id(text)) == text
    for wrong in ("", "a.b", text + "0", text.upper(), text.replace(".", "-"), text + "\n", "٠" * 32 + "." + "f" * 32):
        assert parse_client_id(wrong) is None


def test_identifiers_lose_blanks_and_separators() -> None:
    assert normalize_identifier("de89 3704-0044.0532 0130/00") == "DE89370400440532013000"
