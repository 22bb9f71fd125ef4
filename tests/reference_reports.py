"""The key figures the slow and obvious way: Python loops over every row, exact fractions, one definition a function.

Nothing here is shared with the service but the words. A figure is a fraction until the end, then rounded half-up.
"""

from __future__ import annotations

from calendar import monthrange
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from app.infra.database import ReadSession
from tests.wide_histories import minor_factor

TABLES = (
    "accounts", "instalments", "applications", "adjustments", "instalment_changes", "credit_memos",
    "credit_memo_movements", "payments", "payment_movements",
)  # fmt: skip
Key = tuple[str | None, str]


async def read_tables(session: ReadSession) -> dict[str, list[Any]]:
    """Every row of every table that a figure can come from."""
    return {
        name: list(
            await session.driver.fetch(
                f"SELECT * FROM {name} WHERE organization_id = $1 ORDER BY id", session.organization_id
            )
        )
        for name in TABLES
    }


def rounded(value: Fraction | None, places: int) -> Decimal | None:
    """Half away from zero, as people round."""
    if value is None:
        return None
    scaled = abs(value) * 10**places
    whole = int(scaled + Fraction(1, 2))
    return Decimal(whole if value >= 0 else -whole).scaleb(-places)


def divided(numerator: Fraction | int, denominator: Fraction | int) -> Fraction | None:
    """Null when the denominator is zero."""
    return None if denominator == 0 else Fraction(numerator) / Fraction(denominator)


@dataclass(frozen=True)
class Move:
    """Something that changed what is open of an instalment."""

    day: date
    minor: int
    kind: str  # billed, sale (void or correction), written_off, other


class Book:
    """The rows that were recorded up to an instant (None: all)."""

    def __init__(self, tables: dict[str, list[Any]], known_at: datetime | None, group_by: str = "organization") -> None:
        def known(name: str, column: str = "recorded_at") -> list[Any]:
            return [row for row in tables[name] if known_at is None or row[column] is None or row[column] <= known_at]

        self.accounts = {row["id"]: row for row in tables["accounts"]}
        self.parts = known("instalments")
        self.applications = known("applications")
        self.adjustments = [
            row for row in tables["adjustments"]
            if row["state"] == "posted" and (known_at is None or row["posted_at"] <= known_at)
        ]  # fmt: skip
        self.changes = known("instalment_changes")
        self.memos = known("credit_memos")
        self.memo_movements = known("credit_memo_movements")
        self.payments = known("payments")
        self.movements = known("payment_movements")
        self.group_by = group_by

    def key(self, account_id: Any, legal_entity_id: Any) -> str | None:
        """The group that a row belongs to, by the attributes of today."""
        account = self.accounts.get(account_id)
        if self.group_by in ("organization", "currency"):
            return None
        if self.group_by == "legal_entity":
            return str(legal_entity_id)
        if account is None:
            return None
        found = {
            "account": account["id"],
            "parent_group": self.top(account),
            "collector": account["collector_id"],
        }.get(self.group_by, account[self.group_by] if self.group_by in ("segment", "country", "risk_class") else None)
        return None if found is None else str(found)

    def top(self, account: Any) -> Any:
        """The account at the top of the tree."""
        while account["parent_id"] is not None:
            account = self.accounts[account["parent_id"]]
        return account["id"]

    def of(self, part: Any) -> Key:
        """Group and currency of an instalment or a credit memo."""
        return self.key(part["account_id"], part["legal_entity_id"]), part["currency"]

    def moves(self, part: Any) -> Iterator[Move]:
        """Everything that ever changed this instalment."""
        yield Move(part["accounting_date"], part["amount_minor"], "billed")
        for row in self.applications:
            if row["instalment_id"] == part["id"]:
                taken = row["amount_minor"] + row["discount_minor"] + row["write_off_minor"]
                yield Move(row["effective_date"], -taken, "other")
        for row in self.adjustments:
            if row["instalment_id"] == part["id"]:
                kind = {"void": "sale", "source_correction": "sale", "write_off": "written_off"}.get(
                    row["kind"], "other"
                )
                yield Move(row["effective_date"], -row["amount_minor"], kind)

    def open_on(self, part: Any, day: date) -> int:
        """Its open amount at the end of a day."""
        return sum(move.minor for move in self.moves(part) if move.day <= day)

    def due_on(self, part: Any, day: date) -> Any:
        """Its due date as it was in force on a day."""
        changes = [row for row in self.changes if row["instalment_id"] == part["id"] and row["effective_date"] <= day]
        if not changes:
            return part["original_due_date"]
        return max(changes, key=lambda row: (row["effective_date"], row["recorded_at"], row["id"]))["due_date"]

    def buckets(self, day: date, upper: tuple[int, ...]) -> dict[Key, list[int]]:
        """Open amounts by days past due."""
        found: dict[Key, list[int]] = defaultdict(lambda: [0] * (len(upper) + 1))
        for part in self.parts:
            late = (day - self.due_on(part, day)).days
            index = next((n for n, bound in enumerate(upper) if late <= bound), len(upper))
            found[self.of(part)][index] += self.open_on(part, day)
        return found

    def billed(self, first: date, last: date) -> dict[Key, int]:
        """Sales of the days from first to last: invoices, less voids, and corrections of their source."""
        return self._summed(first, last, lambda move: move.minor if move.kind in ("billed", "sale") else 0)

    def written_off(self, first: date, last: date) -> dict[Key, int]:
        """Write-offs of the days from first to last, less those that were taken back."""
        return self._summed(first, last, lambda move: -move.minor if move.kind == "written_off" else 0)

    def _summed(self, first: date, last: date, amount: Callable[[Move], int]) -> dict[Key, int]:
        found: dict[Key, int] = defaultdict(int)
        for part in self.parts:
            found[self.of(part)] += sum(amount(move) for move in self.moves(part) if first <= move.day <= last)
        return found

    def countback(self, day: date) -> dict[Key, Fraction]:
        """Whole months' sales taken off receivables going backwards, adding their days; the last month pro rata."""
        found: dict[Key, Fraction] = {}
        receivables = {key: sum(buckets) for key, buckets in self.buckets(day, (0,)).items()}
        for key, left in receivables.items():
            if left <= 0:
                continue
            days, last = Fraction(0), day
            for _ in range(240):
                first = last.replace(day=1)
                sales, length = self.billed(first, last)[key], (last - first).days + 1
                if sales >= left:
                    days += Fraction(left, sales) * length
                    found[key] = days
                    break
                left, days, last = left - sales, days + length, first - timedelta(days=1)
        return found

    def account_on(self, payment: Any, day: date) -> Any:
        """Whose money it was on a day."""
        moved = [row for row in self.movements if row["payment_id"] == payment["id"]
                 and row["kind"] == "account_change" and row["effective_date"] <= day]  # fmt: skip
        if not moved:
            return payment["original_account_id"]
        return max(moved, key=lambda row: (row["effective_date"], row["recorded_at"], row["id"]))["to_account_id"]

    def credits(self, day: date) -> dict[Key, list[int]]:
        """Open credit memos, unapplied and unidentified cash on a day."""
        found: dict[Key, list[int]] = defaultdict(lambda: [0, 0, 0])
        for memo in self.memos:
            left = memo["amount_minor"] - self._used("credit_memo_id", memo["id"], day)
            left -= sum(row["amount_minor"] for row in self.memo_movements
                        if row["credit_memo_id"] == memo["id"] and row["effective_date"] <= day)  # fmt: skip
            if memo["accounting_date"] <= day:
                found[self.of(memo)][0] += left
        for payment in self.payments:
            left = payment["amount_minor"] - self._used("payment_id", payment["id"], day)
            left -= sum(row["amount_minor"] for row in self.movements if row["payment_id"] == payment["id"]
                        and row["kind"] != "account_change" and row["effective_date"] <= day)  # fmt: skip
            if payment["accounting_date"] <= day:
                account = self.account_on(payment, day)
                key = (self.key(account, payment["legal_entity_id"]), payment["currency"])
                found[key][2 if account is None else 1] += left
        return found

    def _used(self, column: str, source_id: Any, day: date) -> int:
        return sum(row["source_amount_minor"] for row in self.applications
                   if row[column] == source_id and row["effective_date"] <= day)  # fmt: skip

    def receipts_until(self, day: date) -> dict[Key, int]:
        """Payments up to a day, less those reversed or set aside, with whoever held them on that day."""
        found: dict[Key, int] = defaultdict(int)
        for payment in self.payments:
            amount = payment["amount_minor"] if payment["accounting_date"] <= day else 0
            for row in self.movements:
                back = row["kind"] in ("reversal", "not_receivable") and row["effective_date"] <= day
                amount -= row["amount_minor"] if back and row["payment_id"] == payment["id"] else 0
            found[self.key(self.account_on(payment, day), payment["legal_entity_id"]), payment["currency"]] += amount
        return found

    def paid(self, first: date, last: date) -> dict[Key, list[int]]:
        """What payments settled and was not undone by the last day: amount, × days from invoice, × days from due."""
        found: dict[Key, list[int]] = defaultdict(lambda: [0, 0, 0])
        parts, payments = {row["id"]: row for row in self.parts}, {row["id"]: row for row in self.payments}
        undone = {
            row["reverses_id"] for row in self.applications if row["reverses_id"] and row["effective_date"] <= last
        }
        for row in self.applications:
            live = row["reverses_id"] is None and row["id"] not in undone
            if live and row["payment_id"] is not None and first <= row["effective_date"] <= last:
                part, came = parts[row["instalment_id"]], payments[row["payment_id"]]["value_date"]
                entry = found[self.of(part)]
                entry[0] += row["amount_minor"]
                entry[1] += row["amount_minor"] * (came - part["invoice_date"]).days
                entry[2] += row["amount_minor"] * (came - self.due_on(part, last)).days
        return found

    def cohorts(self, first_of_month: date, as_of: date, after: int = 90) -> dict[Key, tuple[int, int]]:
        """What was billed in a month, and what of it was unpaid `after` days after each invoice."""
        found: dict[Key, tuple[int, int]] = {}
        last = first_of_month.replace(day=monthrange(first_of_month.year, first_of_month.month)[1])
        for part in self.parts:
            if first_of_month <= part["invoice_date"] <= last and part["accounting_date"] <= as_of:
                then = min(part["invoice_date"] + timedelta(days=after), as_of)
                moves = [move for move in self.moves(part) if move.day <= then or move.kind == "billed"]
                billed, unpaid = found.get(self.of(part), (0, 0))
                sales = sum(move.minor for move in moves if move.kind in ("billed", "sale"))
                found[self.of(part)] = billed + sales, unpaid + sum(move.minor for move in moves)
        return found


def key_figures(book: Book, day: date, days: int, upper: tuple[int, ...]) -> dict[Key, dict[str, Any]]:
    """Every figure of every group on a day, with the amounts it is made of; see domain definitions."""
    start = day - timedelta(days=days)
    ending, beginning = book.buckets(day, upper), book.buckets(start, upper)
    sales, lost = book.billed(start + timedelta(days=1), day), book.written_off(start + timedelta(days=1), day)
    countback, credits = book.countback(day), book.credits(day)
    now, before = book.receipts_until(day), book.receipts_until(start)
    paid = book.paid(start + timedelta(days=1), day)
    found: dict[Key, dict[str, Any]] = {}
    for key in {*ending, *beginning, *credits, *now, *before, *paid}:
        buckets = ending.get(key, [0] * (len(upper) + 1))
        total, current = sum(buckets), buckets[0]
        begin, sold, off = sum(beginning.get(key, [])), sales.get(key, 0), lost.get(key, 0)
        memos, unapplied, unidentified = credits.get(key, [0, 0, 0])
        receipts = now.get(key, 0) - before.get(key, 0)
        amount, by_days, by_late = paid.get(key, [0, 0, 0])
        dso, best = divided(total * days, sold), divided(current * days, sold)
        back = countback.get(key)
        if back is None and total == 0 and sold:
            back = Fraction(0)
        cei = divided((begin + sold - total) * 100, begin + sold - current)
        dso_shown, best_shown = rounded(dso, 2), rounded(best, 2)
        found[key] = {
            "beginning_amount": begin, "sales_amount": sold, "receivables_amount": total, "current_amount": current,
            "overdue_amount": total - current, "write_offs_amount": off, "credit_memos_amount": memos,
            "unapplied_amount": unapplied, "unidentified_amount": unidentified, "receipts_amount": receipts,
            "paid_amount": amount,
            "percent_current": rounded(divided(current, total), 4),
            "dso": dso_shown, "best_possible_dso": best_shown,
            "average_days_delinquent": None if dso_shown is None or best_shown is None else dso_shown - best_shown,
            "countback_dso": rounded(back, 2), "cei": rounded(cei, 2),
            "turnover": rounded(divided(sold * 2, begin + total), 4),
            "weighted_days_to_pay": rounded(divided(by_days, amount), 2),
            "days_beyond_terms": rounded(divided(by_late, amount), 2),
            "bad_debt_ratio": rounded(divided(off, sold), 4),
            "unapplied_share": rounded(divided(unapplied + unidentified, receipts), 4),
        }  # fmt: skip
    return {key: values for key, values in found.items() if any(
        values[name] for name in values if name.endswith("_amount"))}  # fmt: skip


def in_euros(tables: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """The same ledger as if all had been in euros from the beginning: what a conversion at whole rates must give."""
    found = {name: [dict(row) for row in rows] for name, rows in tables.items()}
    currencies = {row["id"]: row["currency"] for name in ("instalments", "payments", "credit_memos")
                  for row in tables[name]}  # fmt: skip
    for name, rows in found.items():
        for row in rows:
            source = currencies.get(row.get("payment_id") or row.get("credit_memo_id"))
            code = row.get("currency") or currencies.get(row.get("instalment_id")) or source or "EUR"
            for column in ("amount_minor", "discount_minor", "write_off_minor"):
                if name != "accounts" and row.get(column) is not None:
                    row[column] *= minor_factor(code)
            if name == "applications":
                row["source_amount_minor"] *= minor_factor(row["source_currency"])
            if name in ("instalments", "adjustments", "payments", "credit_memos"):
                row["currency"] = "EUR"
    return found


def rolls(book: Book, day: date, upper: tuple[int, ...]) -> dict[tuple[Key, int], tuple[int, int]]:
    """For each step from bucket to bucket: what stood in it one bucket-length ago, and in the next one now."""
    found: dict[tuple[Key, int], tuple[int, int]] = {}
    for index in range(len(upper)):
        length = upper[index] - upper[index - 1] if index else upper[1]
        then, now = book.buckets(day - timedelta(days=length), upper), book.buckets(day, upper)
        for key in {*then, *now}:
            before = then[key][index] if key in then else 0
            found[key, index] = (before, now[key][index + 1] if key in now else 0)
    return found


def owing(book: Book, day: date) -> dict[Key, tuple[int, int, int]]:
    """Accounts that owe, accounts that are overdue, and the largest overdue amount of one."""
    opened: dict[tuple[Key, Any], list[int]] = defaultdict(lambda: [0, 0])
    for part in book.parts:
        left = book.open_on(part, day)
        entry = opened[book.of(part), part["account_id"]]
        entry[0] += left
        entry[1] += left if book.due_on(part, day) < day else 0
    found: dict[Key, tuple[int, int, int]] = {}
    for (key, _), (total, late) in opened.items():
        owe, overdue, largest = found.get(key, (0, 0, 0))
        found[key] = (owe + (total > 0), overdue + (late > 0), max(largest, late))
    return found


def write_off_reasons(book: Book, first: date, last: date) -> dict[tuple[Key, str], list[int]]:
    """By reason: how many, written off, taken back."""
    parts = {row["id"]: row for row in book.parts}
    found: dict[tuple[Key, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    for row in book.adjustments:
        if row["kind"] == "write_off" and first <= row["effective_date"] <= last:
            entry = found[book.of(parts[row["instalment_id"]]), row["reason_code"]]
            if row["reverses_id"] is None:
                entry[0] += 1
                entry[1] += row["amount_minor"]
            else:
                entry[2] -= row["amount_minor"]
    return found


def losses(book: Book, day: date, until: date, upper: tuple[int, ...]) -> dict[Key, list[int]]:
    """Written off after a day and until another, by the bucket that the item stood in on the first."""
    parts = {row["id"]: row for row in book.parts}
    found: dict[Key, list[int]] = defaultdict(lambda: [0] * (len(upper) + 1))
    for row in book.adjustments:
        part = parts[row["instalment_id"]]
        if row["kind"] == "write_off" and day < row["effective_date"] <= until and part["accounting_date"] <= day:
            late = (day - book.due_on(part, day)).days
            index = next((n for n, bound in enumerate(upper) if late <= bound), len(upper))
            found[book.of(part)][index] += row["amount_minor"]
    return found
