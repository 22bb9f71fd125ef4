"""Which duties scopes make up, and which conflicts are refused or only shown."""

from __future__ import annotations

import pytest

from app.organizations.duties import CONFLICTS, DUTIES, check_duties, conflicts_of, duties_of
from app.organizations.rules import ROLES, SCOPES, SegregationViolated


def test_duties_stand_on_scopes_that_exist_and_conflicts_on_duties() -> None:
    assert all(scopes <= set(SCOPES) for scopes in DUTIES.values())
    assert all({conflict.duty, conflict.other} <= set(DUTIES) for conflict in CONFLICTS)


def test_duties_of_some_scopes() -> None:
    assert duties_of(["payments:write", "accounts:read"]) == {"post_cash": ("payments:write",)}
    assert duties_of([]) == {}


@pytest.mark.parametrize(
    ("roles", "scopes", "pointer"),
    [
        (["collector"], ["payments:write"], "/scopes"),
        (["collector"], ["invoices:approve"], "/scopes"),
        (["cash_application"], ["promises:write"], "/scopes"),
        ([], ["collections:write", "cash-application:write"], "/scopes"),
        (["collections_manager", "cash_application"], [], "/roles"),
        (["collector", "credit_manager"], [], "/roles"),
        (["collector", "integration"], [], "/roles"),
        (["integration"], ["collections:write"], "/scopes"),
    ],
)
def test_duties_that_are_put_together_are_refused(roles: list[str], scopes: list[str], pointer: str) -> None:
    with pytest.raises(SegregationViolated) as refused:
        check_duties(roles, scopes)
    assert refused.value.errors[0].pointer == pointer


@pytest.mark.parametrize("role", sorted(ROLES))
def test_no_role_alone_is_refused(role: str) -> None:
    check_duties([role])


def test_what_a_role_holds_by_design_is_shown() -> None:
    check_duties(["admin", "collector"])
    assert {held.conflict.duty for held in conflicts_of(ROLES["admin"])} >= {"collect", "post_cash"}
    for role in ("collector", "collections_manager", "cash_application", "auditor"):
        assert conflicts_of(ROLES[role]) == (), role


def test_a_conflict_that_is_only_reported_is_not_refused() -> None:
    check_duties([], ["payments:write", "invoices:write"])
    (held,) = conflicts_of(["payments:write", "invoices:write"])
    assert (held.conflict.refused, held.scopes) == (False, ("payments:write", "invoices:write"))
    assert "post cash" in held.conflict.detail
