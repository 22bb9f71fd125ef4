"""Measure the matching engine on labelled data, and fit its calibration: `python -m
app.cash_application.benchmark`.

    python -m app.cash_application.benchmark DIR [--json]          a folder of invoices, payments and matches
    python -m app.cash_application.benchmark LEDGER.csv [--json]   a ledger with paid dates, no references
    python -m app.cash_application.benchmark fit PATH... [--write] fit the calibration table on labelled data

A payment is *fully right* when its items are exactly the true ones (and an abstention where nothing is due),
*wrong* when other items are proposed, *abstained* when none are. *Precision* is the share of the automatic
answers that are fully right, *coverage* the share of all payments that is answered automatically.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from time import perf_counter

from app.cash_application.benchmark_data import Labelled, read_folder, read_ledger
from app.cash_application.benchmark_unique import is_unique_by_nature
from app.cash_application.matching.confidence import SHIPPED, Calibration
from app.cash_application.matching.engine import match
from app.cash_application.matching.types import Band, Proposal, Settings, Tolerance

CALIBRATION_BINS = (0.0, 0.4, 0.6, 0.8, 0.9, 0.95, 0.985, 0.995, 1.0001)
CURVE_SHARES = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 1.0)
FOLDER_SETTINGS = Settings(
    tolerance=Tolerance(under_minor=100, under_basis_points=1, over_minor=5),
    small_difference_minor=100,
    bank_charge_minor=0,
)
"""Folders mix currencies from yen to won at two decimals: the percentage carries the tolerance, not the cents."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one payment."""

    category: str
    strategy: str
    result: str
    automatic: bool
    confidence: float
    raw: float
    lines: int
    unique: bool | None


@dataclass(slots=True)
class Report:
    """All outcomes of one benchmark and the seconds spent in the engine."""

    outcomes: list[Outcome] = field(default_factory=list)
    seconds: float = 0.0

    def share(self, result: str) -> float:
        """Share of all payments with this result."""
        return sum(o.result == result for o in self.outcomes) / max(1, len(self.outcomes))

    @property
    def automatic(self) -> list[Outcome]:
        """Outcomes answered automatically."""
        return [outcome for outcome in self.outcomes if outcome.automatic]

    @property
    def precision(self) -> float | None:
        """Fully right among the automatic ones; None when there is none."""
        automatic = self.automatic
        return sum(o.result == "right" for o in automatic) / len(automatic) if automatic else None

    def as_json(self) -> dict[str, float | int | None]:
        """The figures for programs: shares of payments and seconds."""
        count = max(1, len(self.outcomes))
        return {
            "payments": len(self.outcomes),
            "fully_right": round(self.share("right"), 6),
            "wrong": round(self.share("wrong"), 6),
            "abstained": round(self.share("abstained"), 6),
            "precision_automatic": None if self.precision is None else round(self.precision, 6),
            "coverage_automatic": round(len(self.automatic) / count, 6),
            "seconds_per_payment": round(self.seconds / count, 9),
        }


def measure(path: Path, settings: Settings | None = None, calibration: Calibration = SHIPPED) -> Report:
    """Run the engine on a labelled folder or a ledger file. Raises FileNotFoundError, KeyError (column
    missing).
    """
    report = Report()
    is_ledger = not path.is_dir()
    chosen = settings or (Settings() if is_ledger else FOLDER_SETTINGS)
    for labelled in read_ledger(path) if is_ledger else [read_folder(path)]:
        start = perf_counter()
        proposals = match(
            labelled.payments, labelled.items, labelled.accounts, settings=chosen, calibration=calibration
        )
        report.seconds += perf_counter() - start
        report.outcomes.extend(score(labelled, proposals, ledger=is_ledger))
    return report


def score(labelled: Labelled, proposals: Sequence[Proposal], *, ledger: bool = False) -> Iterator[Outcome]:
    """Compare proposals with the truth, payment by payment."""
    for payment, proposal in zip(labelled.payments, proposals, strict=True):
        answer = frozenset(allocation.item_id for allocation in proposal.allocations)
        truth = labelled.truth.get(payment.id, frozenset())
        result = "right" if answer == truth else "wrong" if answer else "abstained"
        unique = None
        if ledger:
            unique = is_unique_by_nature([item.open_minor for item in labelled.items], payment.amount_minor)
        yield Outcome(
            category=labelled.categories.get(payment.id, ""),
            strategy=proposal.strategy,
            result=result,
            automatic=proposal.band is Band.AUTOMATIC,
            confidence=proposal.confidence,
            raw=proposal.raw_score,
            lines=len(truth),
            unique=unique,
        )


def print_report(report: Report, title: str) -> None:
    """The tables for people."""
    figures = report.as_json()
    print(title)
    print(f"  payments              {figures['payments']}")
    for name in ("fully_right", "wrong", "abstained", "precision_automatic", "coverage_automatic"):
        value = figures[name]
        print(f"  {name:<21} {'none' if value is None else format(value, '.5f')}")
    print(f"  milliseconds/payment  {1000 * report.seconds / max(1, len(report.outcomes)):.3f}")
    _print_lines(report)
    _print_groups("by category", report.outcomes, lambda outcome: outcome.category)
    _print_groups("by strategy", report.outcomes, lambda outcome: outcome.strategy)
    _print_calibration(report)
    _print_curve(report)


def _print_lines(report: Report) -> None:
    lines = sum(outcome.lines for outcome in report.outcomes)
    if lines:
        share = sum(outcome.lines for outcome in report.automatic) / lines
        print(f"  invoice lines automatic {share:.4f} of {lines}")
    unique = [outcome for outcome in report.outcomes if outcome.unique]
    if unique:
        share = sum(outcome.automatic for outcome in unique) / len(unique)
        print(f"  unique by nature {len(unique)} payments, automatic {share:.4f} of them")


def _print_groups(title: str, outcomes: Iterable[Outcome], key: object) -> None:
    assert callable(key)
    groups: dict[str, Counter[str]] = defaultdict(Counter)
    for outcome in outcomes:
        group = groups[str(key(outcome))]
        group[outcome.result] += 1
        group["automatic"] += outcome.automatic
        group["automatic wrong"] += outcome.automatic and outcome.result == "wrong"
    print(
        f"  {title:<22} {'payments':>9} {'right':>8} {'wrong':>7} {'abstained':>9} {'automatic':>9} {'of it wrong':>11}"
    )
    for name, group in sorted(groups.items()):
        count = group["right"] + group["wrong"] + group["abstained"]
        print(
            f"    {name:<20} {count:>9} {group['right'] / count:>8.4f} {group['wrong']:>7} {group['abstained']:>9} "
            f"{group['automatic']:>9} {group['automatic wrong']:>11}"
        )


def _print_calibration(report: Report) -> None:
    print(f"  {'confidence':<22} {'answers':>9} {'stated':>8} {'right':>8}")
    answered = [outcome for outcome in report.outcomes if outcome.confidence > 0]
    for low, high in pairwise(CALIBRATION_BINS):
        inside = [outcome for outcome in answered if low <= outcome.confidence < high]
        if inside:
            stated = sum(outcome.confidence for outcome in inside) / len(inside)
            right = sum(outcome.result == "right" for outcome in inside) / len(inside)
            print(f"    {low:.3f} to {min(high, 1):.3f}       {len(inside):>9} {stated:>8.4f} {right:>8.4f}")


def _print_curve(report: Report) -> None:
    """Precision of the surest answers, by how much of everything they cover."""
    ranked = sorted(report.outcomes, key=lambda outcome: (-outcome.confidence, -outcome.raw))
    lines = max(1, sum(outcome.lines for outcome in ranked))
    print(f"  {'surest share':<22} {'lines':>9} {'precision':>9} {'wrong':>7}")
    for share in CURVE_SHARES:
        chosen = ranked[: round(share * len(ranked))]
        right = sum(outcome.result == "right" for outcome in chosen)
        covered = sum(outcome.lines for outcome in chosen) / lines
        print(f"    {share:<20.2f} {covered:>9.4f} {right / max(1, len(chosen)):>9.5f} {len(chosen) - right:>7}")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; exit status 2 where the path is no labelled data."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["fit"]:
        from app.cash_application.benchmark_fit import main as fit

        return fit(given[1:])
    parser = argparse.ArgumentParser(prog="benchmark matching", description="Measure the matching engine.")
    parser.add_argument("path", type=Path, help="a labelled folder, or a ledger with paid dates as CSV")
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object")
    options = parser.parse_args(given)
    try:
        report = measure(options.path)
    except (OSError, KeyError) as error:
        print(f"no labelled data at {options.path}: {error}", file=sys.stderr)
        return 2
    if options.json:
        print(json.dumps(report.as_json()))
    else:
        print_report(report, f"matching on {options.path.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
