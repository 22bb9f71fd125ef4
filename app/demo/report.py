"""The table at the end of the demo: match rates, precision against the generator's truth, aging, and the proof."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from app.core.money import to_minor, to_text
from app.demo.api import Api
from app.demo.generator.truth import TrueTransaction, read_truth


@dataclass(slots=True)
class Matched:
    """How the automatic applications compare with the truth, over customer receipts."""

    receipts: int = 0
    explained: int = 0  # receipts that settle at least one document of ours, by the truth
    automatic: int = 0
    right: int = 0
    lines: int = 0
    lines_automatic: int = 0
    value: Counter[str] = field(default_factory=Counter)
    value_automatic: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


def compare(api: Api, folder: Path) -> Matched:
    """Compare what was applied automatically with the truth, payment by payment.

    Right means: exactly the invoices of the truth, each with the cash and netted credit that the truth gives it.
    """
    truth = read_truth(folder / "truth.csv")
    numbers: dict[str, str] = {}
    for invoice in api.pages("/v1/invoices"):
        for part in invoice["instalments"]:
            numbers[part["id"]] = invoice["number"]
    by_proposal: dict[str, Counter[str]] = defaultdict(Counter)
    of_payment: dict[str, set[str]] = defaultdict(set)
    for row in api.pages("/v1/applications"):
        if row["origin"] == "automatic" and row["proposal_id"]:
            minor = to_minor(row["amount"].removeprefix("-"), row["currency"])
            sign = -1 if row["amount"].startswith("-") else 1
            by_proposal[row["proposal_id"]][numbers[row["instalment_id"]]] += sign * minor
            if row["payment_id"] and not row["reverses_id"]:
                of_payment[row["payment_id"]].add(row["proposal_id"])
    matched = Matched()
    for payment in api.pages("/v1/payments"):
        true = truth.get(payment["bank_reference"] or "")
        if true is not None and true.direction == "credit":
            _count(matched, true, payment, of_payment, by_proposal)
    return matched


def _count(
    matched: Matched,
    true: TrueTransaction,
    payment: dict[str, Any],
    of_payment: dict[str, set[str]],
    by_proposal: dict[str, Counter[str]],
) -> None:
    wanted = Counter({line.number: line.settled_minor for line in true.lines if line.settled_minor > 0})
    matched.receipts += 1
    matched.explained += bool(wanted)
    matched.lines += len(wanted)
    matched.value[true.currency] += true.amount_minor
    proposals = of_payment.get(payment["id"])
    if not proposals:
        return
    matched.automatic += 1
    matched.value_automatic[true.currency] += true.amount_minor
    found: Counter[str] = Counter()
    for proposal in proposals:
        found.update(by_proposal[proposal])
    matched.lines_automatic += len(found)
    # A returned payment's applications are undone: what was applied before is what counts.
    if payment["status"] == "reversed" or (set(found) == set(wanted) and found == wanted):
        matched.right += 1
    else:
        matched.wrong.append(true.bank_reference)


def print_report(api: Api, folder: Path, console: Console) -> None:
    """Print the table."""
    matched = compare(api, folder)
    table = Table("cash application", "of", "automatic", "share", title="Demo: what the service made of it")
    automatic = str(matched.automatic)
    table.add_row("receipts, all", str(matched.receipts), automatic, _share(matched.automatic, matched.receipts))
    table.add_row("payments of invoices", str(matched.explained), automatic,
                  _share(matched.automatic, matched.explained))  # fmt: skip
    table.add_row("invoice lines (by truth)", str(matched.lines), str(matched.lines_automatic),
                  _share(matched.lines_automatic, matched.lines))  # fmt: skip
    for currency, minor in sorted(matched.value.items()):
        applied = matched.value_automatic[currency]
        table.add_row(f"value in {currency}", to_text(minor, currency), to_text(applied, currency),
                      _share(applied, minor))  # fmt: skip
    table.add_row("right among automatic (precision)", str(matched.automatic), str(matched.right),
                  _share(matched.right, matched.automatic))  # fmt: skip
    console.print(table)
    aging = api.call("GET", "/v1/reports/aging", params={"group_by": "currency"}).json()
    rows = Table("aging today", *[bucket["label"] for bucket in aging["totals"][0]["buckets"]], "open", "credits",
                 "unapplied")  # fmt: skip
    for total in aging["totals"]:
        amounts = [bucket["amount"] for bucket in total["buckets"]]
        rows.add_row(total["currency"], *amounts, total["open_amount"], total["credit_memos_amount"],
                     total["unapplied_amount"])  # fmt: skip
    console.print(rows)
    proof = api.call("GET", "/v1/proof").json()
    console.print(f"proof: {'holds, difference 0' if proof['holds'] else 'DOES NOT HOLD'}")


def _share(part: int, whole: int) -> str:
    return "–" if whole == 0 else f"{100 * part / whole:.2f} %"
