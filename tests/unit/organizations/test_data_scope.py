"""Data scopes as they are kept, and as a transaction is told them."""

from __future__ import annotations

import re

import pytest

from app.core.ids import new_id
from app.organizations.data_scope import scope_of, stored
from app.organizations.rules import BEYOND_DATA_SCOPE, BEYOND_SOME_ACCOUNTS, SCOPES

HOSTILE = "'); DROP TABLE users; --\"{},\\"


def test_what_does_not_narrow_is_not_kept() -> None:
    assert stored({"collectors": [], "teams": (), "own_portfolio": False}) == {}
    assert scope_of({"segments": []}, new_id()) is None
    assert stored({"teams": ["b", "a", "b"], "own_portfolio": True}) == {"teams": ["a", "b"], "own_portfolio": True}


@pytest.mark.parametrize("name", ["teams", "segments"])
def test_no_text_of_a_user_stands_in_the_statement(name: str) -> None:
    scope = scope_of({name: [HOSTILE]}, new_id())
    assert scope is not None
    assert "DROP" not in scope.opening
    (digits,) = re.findall(r"decode\('([0-9a-f]+)', 'hex'\)", scope.opening)[:1]
    assert "DROP TABLE" in bytes.fromhex(digits).decode()


def test_a_legal_entity_withholds_less_than_a_portfolio() -> None:
    one = new_id()
    by_entity, by_account = scope_of({"legal_entities": [one]}, one), scope_of({"own_portfolio": True}, one)
    assert by_entity is not None
    assert by_account is not None
    assert by_entity.withheld == BEYOND_DATA_SCOPE
    assert by_account.withheld == BEYOND_DATA_SCOPE | BEYOND_SOME_ACCOUNTS <= SCOPES.keys()
    assert str(one) in by_account.opening
