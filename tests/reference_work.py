"""Promises, disputes, reminders, collectors and cash application the slow and obvious way: loops over every row."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

from tests.reference_reports import TABLES, Book, Key
from tests.wide_histories import minor_factor

WORK = (
    *TABLES, "promises", "promise_items", "disputes", "change_log", "dunning_notices", "dunning_notice_items",
    "dunning_withheld_items", "dunning_runs",
)  # fmt: skip
BERLIN = ZoneInfo("Europe/Berlin")
Figures = dict[Key, list[int]]


class WorkBook(Book):
    """What was recorded up to an instant, by group, in each currency or in euros."""

    def __init__(
        self, tables: dict[str, list[Any]], known_at: datetime | None, group_by: str, *, in_euros: bool = False
    ) -> None:
        super().__init__(tables, known_at, group_by)
        self.tables, self.known_at, self.in_euros = tables, known_at, in_euros
        self.part_of = {row["id"]: row for row in tables["instalments"]}

    def place(self, key: str | None, currency: str) -> Key:
        """The row that something counts in."""
        return key, "EUR" if self.in_euros else currency

    def minor(self, amount: int, currency: str) -> int:
        """The amount as it is shown."""
        return amount * minor_factor(currency) if self.in_euros else amount

    def add(
        self, found: Figures, key: str | None, currency: str, counts: Iterable[int], amounts: Iterable[int]
    ) -> None:
        """Add counts and amounts to a row."""
        row = found[self.place(key, currency)]
        for place, value in enumerate((*counts, *(self.minor(one, currency) for one in amounts))):
            row[place] += value

    def promise_on(self, promise: Any, day: date) -> tuple[str, int] | None:
        """Its status and what had come for it on a day; None when it was not there yet."""
        log = [
            row for row in self.tables["change_log"]
            if row["entity_id"] == promise["id"] and (self.known_at is None or row["recorded_at"] <= self.known_at)
        ]  # fmt: skip
        if not log or promise["made_on"] > day:
            return None
        last = log[-1]
        status, kept = last["after"]["status"], last["after"].get("kept_minor", 0)
        decided = last["effective_date"] or last["recorded_at"].astimezone(BERLIN).date()
        if (status in ("kept", "cancelled") and decided <= day) or (status == "broken" and decided < day):
            return status, kept
        told = [row for row in log if row["recorded_at"].astimezone(BERLIN).date() <= day]
        return "open", told[-1]["after"].get("kept_minor", 0) if told else 0

    def shares(self, promise: Any) -> list[tuple[Any, int]]:
        """Legal entities and amounts of a promise, only when that is asked for."""
        items = [row for row in self.tables["promise_items"] if row["promise_id"] == promise["id"]]
        if self.group_by != "legal_entity" or not items:
            return [(None, promise["amount_minor"])]
        amounts: dict[Any, int] = defaultdict(int)
        for item in items:
            amounts[self.part_of[item["instalment_id"]]["legal_entity_id"]] += item["amount_minor"]
        return sorted(amounts.items(), key=lambda pair: pair[0].bytes)

    def promise_rows(self, day: date, first: date, last: date) -> Figures:
        """Kept, broken, undecided, cancelled; amounts of the first three, and what came for those not cancelled."""
        found: Figures = defaultdict(lambda: [0] * 8)
        for promise in self.tables["promises"]:
            state = self.promise_on(promise, day)
            if state is None or not first <= promise["promised_date"] <= last:
                continue
            place = {"kept": 0, "broken": 1, "cancelled": 3}.get(state[0], 2)
            whole, upto, counted = promise["amount_minor"], 0, 0
            for entity, amount in self.shares(promise):
                upto += amount
                came = state[1] * upto // whole - counted
                counted += came
                counts = [int(place == index) for index in range(4)]
                amounts = [amount * counts[index] for index in range(3)] + [came if place != 3 else 0]
                self.add(found, self._of_promise(promise, entity), promise["currency"], counts, amounts)
        return found

    def _of_promise(self, promise: Any, entity: Any) -> str | None:
        if self.group_by == "collector":
            return None if promise["collector_id"] is None else str(promise["collector_id"])
        if self.group_by == "legal_entity":
            return None if entity is None else str(entity)
        return self.key(promise["account_id"], entity)

    def collector_rows(self, first: date, last: date) -> Figures:
        """Assigned past due, collected of it, collected; promises made, kept and broken, and their amount."""
        found: Figures = defaultdict(lambda: [0] * 7)
        value_dates = {row["id"]: row["value_date"] for row in self.payments}
        for part in self.parts:
            due = self.due_on(part, last)
            if due >= last or part["accounting_date"] > last:
                continue
            cut = max(due, part["accounting_date"], first - timedelta(days=1))
            late = sum(
                row["amount_minor"] for row in self.applications
                if row["instalment_id"] == part["id"] and row["payment_id"] and cut < row["effective_date"] <= last
            )  # fmt: skip
            self.add(found, *self.of(part), (0, 0, 0), (self.open_on(part, cut), late))
        for row in self.applications:
            came = value_dates.get(row["payment_id"])
            if came is not None and first <= came <= last and row["effective_date"] <= last:
                key = self.key(row["account_id"], row["legal_entity_id"])
                self.add(found, key, row["currency"], (0, 0, 0), (0, 0, row["amount_minor"]))
        for promise in self.tables["promises"]:
            state = self.promise_on(promise, last)
            if state is None:
                continue
            due_then, made = first <= promise["promised_date"] <= last, promise["made_on"] >= first
            for entity, amount in self.shares(promise):
                counts = [int(made), int(due_then and state[0] == "kept"), int(due_then and state[0] == "broken")]
                self.add(found, self._of_promise(promise, entity), promise["currency"], counts,
                         (0, 0, 0, amount if made else 0))  # fmt: skip
        return found

    def reminder_rows(self, first: date, last: date, window: int) -> dict[tuple[Key, int], list[Any]]:
        """By step: reminders, accounts, asked, cash, and the same of what was withheld."""

        def known(table: str, column: str) -> dict[Any, Any]:
            return {row["id"]: row for row in self.tables[table]
                    if self.known_at is None or row[column] is None or row[column] <= self.known_at}  # fmt: skip

        notices, runs = known("dunning_notices", "done_at"), known("dunning_runs", "finished_at")
        live = [row for row in self.tables["dunning_notice_items"]
                if row["live"] and row["done_on"] and row["notice_id"] in notices]  # fmt: skip
        items = [(row, row["done_on"], row["eligible_minor"], False) for row in live if not row["covered"]]
        held: dict[Any, Any] = {}
        for row in self.tables["dunning_withheld_items"]:
            run = runs.get(row["run_id"])
            slot = (row["instalment_id"], row["step_ordinal"])
            if run is not None and run["kind"] != "simulation" and first <= run["business_date"] <= last:
                earlier = held.get(slot)
                if earlier is None or run["business_date"] < earlier[1]:
                    held[slot] = (row, run["business_date"], row["amount_minor"], True)
        for slot, one in held.items():
            reminded = [row for row in live if (row["instalment_id"], row["step_ordinal"]) == slot
                        and one[1] <= row["done_on"] <= one[1] + timedelta(days=window)]  # fmt: skip
            items += [] if reminded else [one]
        found: dict[tuple[Key, int], list[Any]] = defaultdict(lambda: [0, set(), 0, 0, 0, set(), 0, 0])
        for row, day, asked, withheld in items:
            if not first <= day <= last:
                continue
            part = self.part_of[row["instalment_id"]]
            cash = sum(
                one["amount_minor"] for one in self.applications
                if one["instalment_id"] == part["id"] and one["payment_id"]
                and day < one["effective_date"] <= day + timedelta(days=window)
            )  # fmt: skip
            key = self.place(self.key(part["account_id"], part["legal_entity_id"]), part["currency"])
            entry, shift = found[key, row["step_ordinal"]], 4 if withheld else 0
            entry[shift] += 1
            entry[shift + 1].add(part["account_id"])
            entry[shift + 2] += self.minor(asked, part["currency"])
            entry[shift + 3] += self.minor(min(asked, max(0, cash)), part["currency"])
        return found

    def ways(self, day: date, first: date, last: date) -> dict[tuple[Key, str], list[int]]:
        """Receipts by how they were applied: how many, how much; and their lines in the same way."""
        found: dict[tuple[Key, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
        undone = {row["reverses_id"] for row in self.applications if row["effective_date"] <= day}
        for payment in self.payments:
            gone = sum(row["amount_minor"] for row in self.movements if row["payment_id"] == payment["id"]
                       and row["kind"] != "account_change" and row["effective_date"] <= day)  # fmt: skip
            if not first <= payment["value_date"] <= last or payment["accounting_date"] > day:
                continue
            if gone >= payment["amount_minor"]:
                continue
            lines = [
                row for row in self.applications
                if row["payment_id"] == payment["id"] and row["reverses_id"] is None and row["id"] not in undone
                and row["effective_date"] <= day
            ]  # fmt: skip
            named = [{"import": "imported"}.get(row["origin"], row["origin"]) for row in lines]
            way = "not_applied" if not lines else named[0] if len(set(named)) == 1 else "mixed"
            key = self.place(self.key(self.account_on(payment, day), payment["legal_entity_id"]), payment["currency"])
            found[key, way][0] += 1
            found[key, way][1] += self.minor(payment["amount_minor"], payment["currency"])
            for row, one in zip(lines, named, strict=True):
                found[key, one][2] += 1
                found[key, one][3] += self.minor(row["source_amount_minor"], payment["currency"])
        return found


def dispute_rows(book: WorkBook, rows: list[Any], reason: bool = False) -> dict[Any, tuple[list[int], Any]]:
    """Counts and amounts of disputes as they stand in these rows, and the median of their days."""
    found: Figures = defaultdict(lambda: [0] * 12)
    days: dict[Key, list[int]] = defaultdict(list)
    for row in rows:
        if reason:
            key: str | None = str(row["reason_id"])
        else:
            key = book.key(row["account_id"], row["legal_entity_id"])
        counts = [1, int(row["resolved_on"] is None)] + [
            int(row["state"] == state)
            for state in ("resolved_credited", "resolved_paid", "resolved_rejected", "withdrawn")
        ] + [int(row["sla_breached_on"] is not None)]  # fmt: skip
        amounts = [row[f"{one}_minor"] for one in ("amount", "disputed", "credited", "paid", "released")]
        book.add(found, key, row["currency"], counts, amounts)
        if row["resolved_on"] is not None:
            days[book.place(key, row["currency"])].append((row["resolved_on"] - row["opened_on"]).days)
    return {key: (figures, median(days[key]) if days[key] else None) for key, figures in found.items()}
