"""Open orders as the ERP reports them: created or brought up to date by their reference, up to a thousand at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from app.core.errors import DomainError
from app.core.ids import new_id
from app.credit.errors import AccountUnknown, OrderInvalid
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import ReadSession, WriteSession

_COLUMNS = ("number", "account_id", "currency", "open_minor", "order_date", "expected_invoice_date",
            "reserved_until")  # fmt: skip
_PRESENT = """
SELECT o.* FROM credit_orders o JOIN unnest($2::text[], $3::text[]) AS r(source, external_id) USING (source, external_id)
WHERE o.organization_id = $1 ORDER BY o.source, o.external_id FOR UPDATE OF o
"""  # noqa: E501
_UPSERT = """
INSERT INTO credit_orders AS o (organization_id, id, source, external_id, number, account_id, currency, open_minor,
    order_date, expected_invoice_date, reserved_until)
SELECT $1, * FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::uuid[], $7::text[], $8::bigint[],
                         $9::date[], $10::date[], $11::date[])
ON CONFLICT (organization_id, source, external_id) DO UPDATE SET number = excluded.number,
    account_id = excluded.account_id, currency = excluded.currency, open_minor = excluded.open_minor,
    order_date = excluded.order_date, expected_invoice_date = excluded.expected_invoice_date,
    reserved_until = excluded.reserved_until, version = o.version + 1,
    updated_at = current_setting('app.recorded_at')::timestamptz
RETURNING id, source, external_id
"""


@dataclass(frozen=True, slots=True)
class OrderCommand:
    """An order as the ERP has it now; `open_minor` is what is not invoiced yet, 0 closes it.

    The account is named by id, by number, or by its reference in the order's source. `reserved_until`: the ERP has
    not reported it yet, it counts until the end of that day.
    """

    source: str
    external_id: str
    currency: str
    open_minor: int
    account_id: UUID | None = None
    account_number: str | None = None
    account_external_id: str | None = None
    number: str | None = None
    order_date: date | None = None
    expected_invoice_date: date | None = None
    reserved_until: date | None = None


async def upsert_orders(
    session: WriteSession, commands: Sequence[OrderCommand]
) -> list[tuple[str, UUID] | DomainError]:
    """(created | updated | unchanged, id) or the refusal of each, in order. The last of equal references counts.

    Raises nothing for an item: AccountUnknown and OrderInvalid stand in its place.
    """
    accounts = await _accounts(session, commands)
    results: list[tuple[str, UUID] | DomainError | None] = [None] * len(commands)
    wanted: dict[tuple[str, str], tuple[int, dict[str, Any]]] = {}
    places: dict[tuple[str, str], list[int]] = {}
    for index, command in enumerate(commands):
        account_id = accounts[index]
        if account_id is None:
            results[index] = AccountUnknown("no such account", pointer="/account_id")
            continue
        if command.open_minor < 0:
            results[index] = OrderInvalid("what is open of an order is zero or more", pointer="/open_amount")
            continue
        key = (command.source, command.external_id)
        values = {name: getattr(command, name) for name in _COLUMNS} | {"account_id": account_id}
        wanted[key] = (index, values)
        places.setdefault(key, []).append(index)
    outcomes = await _write(session, {key: values for key, (_, values) in wanted.items()})
    for key, outcome in outcomes.items():
        for index in places[key]:
            results[index] = outcome
    return [result for result in results if result is not None]


async def _write(
    session: WriteSession, wanted: dict[tuple[str, str], dict[str, Any]]
) -> dict[tuple[str, str], tuple[str, UUID]]:
    if not wanted:
        return {}
    rows = await session.driver.fetch(
        _PRESENT, session.organization_id, [key[0] for key in wanted], [key[1] for key in wanted]
    )
    present = {(row["source"], row["external_id"]): row for row in rows}
    outcomes = {key: ("unchanged", row["id"]) for key, row in present.items()}
    changed = {
        key: values
        for key, values in sorted(wanted.items())
        if key not in present or any(present[key][name] != value for name, value in values.items())
    }
    if not changed:
        return outcomes
    ids = {key: present[key]["id"] if key in present else new_id() for key in changed}
    columns = [[values[name] for values in changed.values()] for name in _COLUMNS]
    written = await session.driver.fetch(
        _UPSERT, session.organization_id, list(ids.values()), [k[0] for k in changed], [k[1] for k in changed], *columns
    )
    for row in written:
        key = (row["source"], row["external_id"])
        before = {name: present[key][name] for name in _COLUMNS} if key in present else None
        event = "credit_order.updated" if before else "credit_order.reported"
        record_change(session, ChangeRow("credit_order", row["id"], event, before, changed[key]))
        outcomes[key] = ("updated" if before else "created", row["id"])
    return outcomes


async def _accounts(session: ReadSession, commands: Sequence[OrderCommand]) -> list[UUID | None]:
    """The account of each command, or None where it is not known."""
    rows = await session.driver.fetch(
        "SELECT id, number, source, external_id FROM accounts WHERE organization_id = $1 AND id = ANY($2::uuid[])"
        " UNION SELECT id, number, source, external_id FROM accounts WHERE organization_id = $1 AND number = ANY($3)"
        " UNION SELECT a.id, a.number, a.source, a.external_id FROM accounts a"
        " JOIN unnest($4::text[], $5::text[]) AS r(source, external_id) USING (source, external_id)"
        " WHERE a.organization_id = $1",
        session.organization_id,
        [c.account_id for c in commands if c.account_id is not None],
        [c.account_number for c in commands if c.account_number is not None],
        [c.source for c in commands if c.account_external_id is not None],
        [c.account_external_id for c in commands if c.account_external_id is not None],
    )
    by_id = {row["id"] for row in rows}
    by_number = {row["number"]: row["id"] for row in rows}
    by_reference = {(row["source"], row["external_id"]): row["id"] for row in rows}
    found: list[UUID | None] = []
    for command in commands:
        if command.account_id is not None:
            found.append(command.account_id if command.account_id in by_id else None)
        elif command.account_number is not None:
            found.append(by_number.get(command.account_number))
        else:
            found.append(by_reference.get((command.source, command.account_external_id)))
    return found
