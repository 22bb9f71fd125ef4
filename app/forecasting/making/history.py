"""What a forecast is made from: the organization's ledger as it was known at a cut-off, in columns.

The ledger's accounts are customer accounts by legal entity and currency, so that every group of totals is constant
within one; the payer is the parent of the customer's group. Amounts are in their own currency; `currency_of_row` says
in which, and the ledger itself knows a single one, so that totals of several can be made (`calculation.py` converts).
A part of an instalment that is disputed is a row of its own. What an account has to its credit is taken off its oldest
open items: that money is in already.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from app.forecasting.making import history_sql as sql
from app.forecasting.model.interface import NEVER, NOTICES_MAX, Codes, Ledger, date_of, day_of
from app.forecasting.results import OpenInstalments
from app.infra.database import ReadSession

HISTORY_DAYS = 1_461
HISTORY_ROWS_MAX = 1_500_000
ROWS_AT_ONCE = 4_000
DIMENSIONS = ("currency", "legal_entity", "collector", "segment", "account")
_NUMBERS = (
    "issued", "due", "disputed_on", "dispute_ended_on", "promise_made_on", "promised_on", "promise_ended_on",
    "legal_on", "legal_ended_on", *(f"notice_{place}" for place in range(NOTICES_MAX)), "amount_minor", "paid",
    "closed", "part_minor",
)  # fmt: skip
_OF_LEDGER = tuple(name for name in _NUMBERS if name != "part_minor" and not name.startswith("notice_"))
Name = TypeVar("Name", str, tuple[str, str])


@dataclass(frozen=True, slots=True)
class Book:
    """The ledger, which instalment each row is of (-1: history), the groups of rows, and counts for people.

    `groups` are codes of rows by dimension, `keys` what they stand for: the group's key and its currency.
    """

    as_of: date
    ledger: Ledger
    instalments: OpenInstalments
    instalment_of_row: NDArray[np.int32]
    currency_of_row: Codes
    currencies: tuple[str, ...]
    groups: dict[str, Codes]
    keys: dict[str, tuple[tuple[str, str], ...]]
    counts: dict[str, Any] = field(default_factory=dict)


async def load_book(session: ReadSession, as_of: date, known_at: datetime) -> Book:
    """Read the ledger set-wise, in a snapshot. At most HISTORY_ROWS_MAX instalments, the newest, and all open ones."""
    await session.driver.execute(sql.PLANNER)
    key, since = session.organization_id, as_of - timedelta(days=HISTORY_DAYS)
    first = await session.driver.fetchval(sql.FIRST_OF_MANY, key, since, as_of, HISTORY_ROWS_MAX) or as_of
    columns = _Columns()
    cursor = session.driver.cursor(sql.PIECES, key, as_of, known_at, first, prefetch=ROWS_AT_ONCE)
    batch: list[Any] = []
    async for record in cursor:
        batch.append(record)
        if len(batch) == ROWS_AT_ONCE:
            columns.add(batch)
            batch = []
    columns.add(batch)
    credits = await session.driver.fetch(sql.CREDITS, key, as_of, known_at)
    promises = await session.driver.fetch(sql.PROMISED_BY_ACCOUNT, key, as_of, known_at)
    accounts = {row["id"]: row for row in await session.driver.fetch(sql.ACCOUNTS, key)}
    return _book(as_of, first, columns, credits, promises, accounts)


class _Columns:
    """Gathers the rows of the query, batch by batch, as arrays."""

    def __init__(self) -> None:
        self.accounts: dict[tuple[UUID, UUID, str], int] = {}
        self.currencies: dict[str, int] = {}
        self.instalments = OpenInstalments([], [], [], [])
        self._parts: dict[str, list[NDArray[Any]]] = defaultdict(list)

    def add(self, batch: Sequence[Any]) -> None:
        if not batch:
            return
        ids, accounts, entities, currencies, *numbers = zip(*map(tuple, batch), strict=True)
        size, kept, codes = len(batch), self.accounts, self.currencies
        found = (kept.setdefault(each, len(kept)) for each in zip(accounts, entities, currencies, strict=True))
        self._parts["account"].append(np.fromiter(found, np.int32, size))
        known = (codes.setdefault(code, len(codes)) for code in currencies)
        self._parts["currency"].append(np.fromiter(known, np.int32, size))
        for name, values in zip(_NUMBERS, numbers, strict=True):
            self._parts[name].append(np.fromiter(values, np.int64 if name.endswith("_minor") else np.int32, size))
        places = np.full(size, -1, np.int32)
        for index, instalment_id in enumerate(ids):
            if instalment_id is not None:
                places[index] = len(self.instalments.ids)
                self.instalments.ids.append(instalment_id)
                self.instalments.account_ids.append(accounts[index])
                self.instalments.currencies.append(currencies[index])
                due = date_of(numbers[1][index])
                assert due is not None
                self.instalments.due.append(due)
        self._parts["instalment"].append(places)

    def arrays(self) -> dict[str, NDArray[Any]]:
        wide = {"amount_minor", "part_minor"}
        names = ("account", "currency", "instalment", *_NUMBERS)
        empty = {name: np.zeros(0, np.int64 if name in wide else np.int32) for name in names}
        return {name: np.concatenate(self._parts[name]) if self._parts[name] else empty[name] for name in names}


def _book(
    as_of: date, first: date, columns: _Columns, credits: Iterable[Any], promises: Iterable[Any], accounts: Any
) -> Book:
    rows = _split_disputed(columns.arrays())
    netted = _net(rows, columns, credits)
    rows = {name: values[(rows["instalment"] < 0) | (rows["amount_minor"] > 0)] for name, values in rows.items()}
    promised = _promise(rows, columns, promises)
    kept = list(columns.accounts)
    facts = [accounts[account_id] for account_id, _, _ in kept]
    segments, segment_codes = _coded([row["segment"] or "" for row in facts], rows["account"])
    classes, class_codes = _coded([row["risk_class"] or "" for row in facts], rows["account"])
    payers, payer_codes = _coded([str(row["payer_id"]) for row in facts], rows["account"])
    groups: dict[str, Codes] = {}
    keys: dict[str, tuple[tuple[str, str], ...]] = {}
    for name, values in (
        ("currency", [currency for _, _, currency in kept]),
        ("legal_entity", [str(entity) for _, entity, _ in kept]),
        ("collector", [str(row["collector_id"] or "") for row in facts]),
        ("segment", [row["segment"] or "" for row in facts]),
        ("account", [str(account_id) for account_id, _, _ in kept]),
    ):
        pairs = [(value, currency) for value, (_, _, currency) in zip(values, kept, strict=True)]
        keys[name], groups[name] = _coded(pairs, rows["account"])
    size = len(rows["account"])
    ledger = Ledger(
        **{name: rows[name] for name in ("account", *_OF_LEDGER)},
        currency=np.zeros(size, np.int32),
        open_minor=rows["amount_minor"],  # also of what is paid: on a day in the past it was open
        segment=segment_codes,
        risk_class=class_codes,
        payer=payer_codes,
        notices=np.stack([rows[f"notice_{place}"] for place in range(NOTICES_MAX)], axis=1),
        accounts=tuple(f"{account}/{entity}/{currency}" for account, entity, currency in kept),
        currencies=("",),
        segments=segments,
        risk_classes=classes,
        payers=payers,
    )
    counts = _counts(rows, columns, netted, promised, first)
    found = columns.instalments, rows["instalment"], rows["currency"], tuple(columns.currencies)
    return Book(as_of, ledger, *found, groups, keys, counts)


def _coded(values: Sequence[Name], of_account: Codes) -> tuple[tuple[Name, ...], Codes]:
    """Names, and the code of each row by its account's value."""
    seen: dict[Name, int] = {}
    codes = np.fromiter((seen.setdefault(value, len(seen)) for value in values), np.int32, len(values))
    return tuple(seen), codes[of_account] if len(values) else np.zeros(0, np.int32)


def _split_disputed(rows: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The undisputed part of an open instalment becomes a row of its own, without the dispute."""
    part, amount = rows["part_minor"], rows["amount_minor"]
    split = np.flatnonzero((part > 0) & (part < amount))
    if len(split) == 0:
        return rows
    free = {name: values[split].copy() for name, values in rows.items()}
    free["amount_minor"] = amount[split] - part[split]
    free["disputed_on"][:] = free["dispute_ended_on"][:] = NEVER
    rows["amount_minor"] = amount.copy()
    rows["amount_minor"][split] = part[split]
    return {name: np.concatenate([values, free[name]]) for name, values in rows.items()}


def _open_rows(rows: dict[str, NDArray[Any]]) -> dict[int, list[int]]:
    """Open rows by account code, oldest due first."""
    found: dict[int, list[int]] = defaultdict(list)
    places = np.flatnonzero(rows["instalment"] >= 0)
    for row in places[np.argsort(rows["due"][places], kind="stable")]:
        found[int(rows["account"][row])].append(int(row))
    return found


def _net(rows: dict[str, NDArray[Any]], columns: _Columns, credits: Iterable[Any]) -> dict[str, int]:
    """Take what accounts have to their credit off their open rows; answers how much, by currency."""
    netted: dict[str, int] = defaultdict(int)
    open_rows, amounts = _open_rows(rows), rows["amount_minor"]
    for credit in credits:
        code = columns.accounts.get((credit["account_id"], credit["legal_entity_id"], credit["currency"]), -1)
        left = int(credit["minor"])
        for row in open_rows.get(code, ()):
            taken = min(left, int(amounts[row]))
            amounts[row] -= taken
            left -= taken
            netted[credit["currency"]] += taken
            if left == 0:
                break
    return netted


def _promise(rows: dict[str, NDArray[Any]], columns: _Columns, promises: Iterable[Any]) -> int:
    """Promises of whole accounts cover their oldest open rows that have none; answers how many rows they cover."""
    found = list(promises)
    by_account: dict[tuple[UUID, str], list[int]] = defaultdict(list)
    if found:
        kept = list(columns.accounts)
        for code, places in _open_rows(rows).items():
            by_account[kept[code][0], kept[code][2]] += places
    covered = 0
    for promise in found:
        left = int(promise["minor"])
        for row in by_account.get((promise["account_id"], promise["currency"]), ()):
            if left <= 0:
                break
            if rows["promised_on"][row] != NEVER:
                continue
            rows["promise_made_on"][row] = day_of(promise["made_on"])
            rows["promised_on"][row] = day_of(promise["promised_date"])
            rows["promise_ended_on"][row] = NEVER
            left -= int(rows["amount_minor"][row])
            covered += 1
    return covered


def _counts(
    rows: dict[str, NDArray[Any]], columns: _Columns, netted: dict[str, int], promised: int, first: date
) -> dict[str, Any]:
    is_open = rows["instalment"] >= 0
    amounts: dict[str, int] = {}
    for name, code in columns.currencies.items():
        amounts[name] = int(rows["amount_minor"][is_open & (rows["currency"] == code)].sum())
    return {
        "history_from": first.isoformat(),
        "paid_items": int((rows["paid"] != NEVER).sum()),
        "open_items": int(is_open.sum()),
        "accounts": len({account for account, _, _ in columns.accounts}),
        "disputed_items": int((is_open & (rows["disputed_on"] != NEVER) & (rows["dispute_ended_on"] == NEVER)).sum()),
        "promised_items": int((is_open & (rows["promised_on"] != NEVER) & (rows["promise_ended_on"] == NEVER)).sum()),
        "promised_by_account": promised,
        "legal_items": int((is_open & (rows["legal_on"] != NEVER) & (rows["legal_ended_on"] == NEVER)).sum()),
        "reminded_items": int((is_open & (rows["notice_0"] != NEVER)).sum()),
        "open_minor": amounts,
        "credits_taken_off_minor": dict(netted),
    }
