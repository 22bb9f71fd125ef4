"""Fit the calibration table: isotonic regression of right or wrong on raw odds, per family of evidence.

Labelled folders, ledgers and seeded misleading runs are answered without calibration, every answer is kept
however weak, and the share of right ones at each strength becomes the table that is shipped.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from app.cash_application.benchmark_data import Labelled, read_folder, read_ledger
from app.cash_application.benchmark_lookalikes import lookalike_run
from app.cash_application.benchmark_synthetic import misleading_run
from app.cash_application.matching import calibration_table
from app.cash_application.matching.confidence import UNCALIBRATED, Family, Points, fit_points
from app.cash_application.matching.engine import match
from app.cash_application.matching.types import Proposal, Settings

MISLEADING_RUNS = 40
LOOKALIKE_PAYMENTS = 100
LISTED_POINTS_LIMIT = 40


def family_of_proposal(proposal: Proposal) -> Family:
    """The family of an answer already given, from its reasons; see `confidence.family_of`."""
    if any(reason.code.startswith("doubt.") for reason in proposal.reasons):
        return Family.DOUBTFUL
    if proposal.strategy == "remittance_lines" or any(r.code.startswith("reference.") for r in proposal.reasons):
        return Family.NAMED
    return Family.ITEM if len(proposal.allocations) == 1 else Family.SET


def outcomes_of(labelled: Labelled, settings: Settings) -> Iterator[tuple[Family, float, bool]]:
    """Family, raw odds and whether it was right, of every answer to one run."""
    open_to_all = replace(settings, proposed_confidence=0.0)
    proposals = match(
        labelled.payments, labelled.items, labelled.accounts, settings=open_to_all, calibration=UNCALIBRATED
    )
    for payment, proposal in zip(labelled.payments, proposals, strict=True):
        if proposal.allocations:
            answer = frozenset(allocation.item_id for allocation in proposal.allocations)
            right = answer == labelled.truth.get(payment.id, frozenset())
            yield family_of_proposal(proposal), proposal.raw_score, right


def fit(runs: Iterator[tuple[Labelled, Settings]]) -> dict[str, Points]:
    """The points of each family over all runs."""
    outcomes: defaultdict[Family, list[tuple[float, bool]]] = defaultdict(list)
    for labelled, settings in runs:
        for family, raw, right in outcomes_of(labelled, settings):
            outcomes[family].append((raw, right))
    return {str(family): fit_points(found) for family, found in sorted(outcomes.items())}


def _runs(paths: Sequence[Path], misleading: int, part: int | None) -> Iterator[tuple[Labelled, Settings]]:
    from app.cash_application.benchmark import FOLDER_SETTINGS

    for path in paths:
        if path.is_dir():
            yield read_folder(path), FOLDER_SETTINGS
            continue
        for labelled in read_ledger(path):
            if part is None or sum(map(ord, labelled.accounts[0].id)) % 2 == part:
                yield labelled, Settings()
    for seed in range(misleading):
        yield misleading_run(seed), Settings()
        yield lookalike_run(seed, payments=LOOKALIKE_PAYMENTS), Settings()


def _source(points: dict[str, Points]) -> str:
    doc = calibration_table.__doc__ or ""
    lines = [f'"""{doc}"""', "", "from __future__ import annotations", ""]
    lines.append("SHIPPED_POINTS: dict[str, tuple[tuple[float, float], ...]] = {")
    for family, found in points.items():
        lines.append(f'    "{family}": (')
        lines.extend(f"        ({raw}, {share})," for raw, share in found)
        lines.append("    ),")
    return "\n".join([*lines, "}", ""])


def main(arguments: Sequence[str]) -> int:
    """`fit PATH... [--misleading N] [--part 0|1] [--write]`: print the table, or write it into the package."""
    parser = argparse.ArgumentParser(prog="benchmark fit", description="Fit the calibration of the matching engine.")
    parser.add_argument("paths", type=Path, nargs="*", help="labelled folders and ledgers")
    parser.add_argument("--misleading", type=int, default=MISLEADING_RUNS, help="seeded misleading runs to add")
    parser.add_argument("--part", type=int, choices=(0, 1), help="only this half of a ledger's customers")
    parser.add_argument("--write", action="store_true", help="write the table into the package")
    options = parser.parse_args(arguments)
    text = _source(fit(_runs(options.paths, options.misleading, options.part)))
    if options.write:
        Path(calibration_table.__file__).write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    return 0
