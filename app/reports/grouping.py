"""Which accounts stand behind a group: the accounts themselves, or with `top_id`, the account at the top of their tree.

A parent group is the whole tree, however deep: whoever may pay for each other stands together.
"""

from __future__ import annotations

TOP = "top_id"
"""The key of a parent group in what `accounts_of` names."""
_TREES = """(
    WITH RECURSIVE tree AS (
        SELECT id, id AS top_id FROM accounts WHERE organization_id = $1 AND parent_id IS NULL
        UNION ALL
        SELECT b.id, tree.top_id FROM tree JOIN accounts b ON b.organization_id = $1 AND b.parent_id = tree.id
    )
    SELECT $1::uuid AS organization_id, id, top_id FROM tree
)"""
_ATTRIBUTES = ("segment", "country", "risk_class")
NOBODY = "NULL::text"


def accounts_of(group_by: str) -> str:
    """The table to join for a group: `accounts`, or the trees of them. $1 is the organization."""
    return _TREES if group_by == "parent_group" else "accounts"


def key_sql(group_by: str, rows: str, accounts: str = "a") -> str:
    """The key of a group as a text: of `rows` that have `account_id` and `legal_entity_id`, joined with `accounts_of`.

    Organization and currency have none: the currency is a column of its own.
    """
    if group_by in _ATTRIBUTES:
        return f"{accounts}.{group_by}"
    if group_by in ("legal_entity", "account"):
        return f"{rows}.{group_by}_id::text"
    return {"parent_group": f"{accounts}.{TOP}::text", "collector": f"{accounts}.collector_id::text"}.get(
        group_by, NOBODY
    )
