"""The tables of a provision matrix: every cell with its inputs, and the groups with their coverage."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from app.core.money import to_text
from app.reports.definitions import ReportRequest
from app.reports.portfolio.framing import GROUP_COLUMNS, TODAYS, framed, group_cells, page_of
from app.reports.portfolio.provision_groups import Matrix
from app.reports.portfolio.rules import ratio
from app.reports.tables import Chart, Column, Report, ReportTable, Row

_PLACE: Mapping[str, tuple[Column, ...]] = {"segment": (Column("segment"),)}
_CELLS = (
    Column("exposure_amount", "money", "Exposure"),
    Column("observed_amount", "money", "Observed"),
    Column("lost_amount", "money", "Lost"),
    Column("loss_rate", "rate", "Historical loss rate", places=6),
    Column("forward_factor", "ratio", "Forward factor"),
    Column("applied_rate", "rate", "Applied rate", places=6),
    Column("expected_loss_amount", "money", "Expected loss"),
)
_COVERAGE = (
    Column("currency"),
    Column("exposure_amount", "money", "Exposure"),
    Column("expected_loss_amount", "money", "Expected loss"),
    Column("coverage_rate", "rate", "Coverage"),
)


class MatrixPaper:
    """Tables of a matrix: every cell with its inputs, and the groups with their coverage."""

    def __init__(
        self, found: Matrix, request: ReportRequest, names: Mapping[Any, tuple[str, str]], pool: str,
        pools: Mapping[Any, tuple[str, str]],
    ) -> None:  # fmt: skip
        self.found, self.request, self.names, self.pool, self.pools = found, request, names, pool, pools
        self.apart = pool != request.group_by

    def report(self) -> Report:
        """The report around its tables."""
        found = self.found
        notes = [TODAYS, f"All amounts in {found.currency} at the newest rate on or before each day."]
        without = [line for line in found.lines if line.applied_rate is None and line.exposure_minor]
        if without:
            minor = sum(line.exposure_minor for line in without)
            notes.append(
                f"{to_text(minor, found.currency)} {found.currency} stand in {len(without)} cells without history: "
                "nothing is expected of them."
            )
        if self.apart or found.request.narrowed:
            notes.append(f"Loss rates are those of the whole {self.pool.replace('_', ' ')} that an item belongs to.")
        first, last = found.observed_on[0], found.observed_on[-1]
        return framed(
            "provision-matrix", "Provision matrix (IFRS 9)", self.request, (self._cells(), self._coverage()), notes,
            pool=self.pool, observed=f"{len(found.observed_on)} month ends from {first} to {last}",
            horizon_months=found.request.horizon_months,
        )  # fmt: skip

    def _columns(self) -> tuple[Column, ...]:
        return _PLACE.get(self.request.group_by, GROUP_COLUMNS[:-1])

    def _place(self, group: str) -> Row:
        if self.request.group_by in _PLACE:
            return (group or None,)
        return group_cells(group or None, "", self.names)[:-1]

    def _cells(self) -> ReportTable:
        found, code = self.found, self.found.currency
        rows: list[Row] = []
        for group, line in zip(found.groups, found.lines, strict=True):
            pool = (self.pools.get(line.segment, (line.segment or None,))[0],) if self.apart else ()
            rows.append((
                *self._place(group), *pool, line.label, code, line.exposure_minor, line.observed_minor,
                line.lost_minor, line.loss_rate, line.forward_factor, line.applied_rate, line.expected_loss_minor,
            ))  # fmt: skip
        shown, more = page_of(rows, self.request)
        observed = sum(sum(one.observed) for one in found.history.values())
        lost = sum(sum(one.lost) for one in found.history.values())
        lead: Row = ("Total",) if self.request.group_by in _PLACE else (None, "Total", None)
        total: Row = (
            *lead, *((None,) if self.apart else ()), None, code, found.exposure_minor, observed, lost,
            ratio(lost, observed, places=6), None,
            ratio(found.expected_loss_minor, found.exposure_minor, places=6), found.expected_loss_minor,
        )  # fmt: skip
        of_pool = (Column("pool", title=self.pool.replace("_", " ").capitalize()),) if self.apart else ()
        columns = (
            *self._columns(), *of_pool, Column("bucket", title="Bucket"), Column("currency"), *_CELLS,
        )  # fmt: skip
        return ReportTable("provision_matrix", "Provision matrix", columns, list(shown), [total], has_more=more)

    def _coverage(self) -> ReportTable:
        """Groups in the order of their keys."""
        found = self.found
        sums: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        for group, line in zip(found.groups, found.lines, strict=True):
            sums[group][0] += line.exposure_minor
            sums[group][1] += line.expected_loss_minor
        rows: list[Row] = [
            (*self._place(group), found.currency, exposure, loss, ratio(loss, exposure))
            for group, (exposure, loss) in sorted(sums.items())
        ]
        by = self.request.group_by
        title = f"Expected loss by {by.replace('_', ' ')}"
        category = "segment" if by in _PLACE else "code"
        chart = Chart("bar", category, ("expected_loss_amount",), title, split_by="currency")
        name = "segments" if by in _PLACE else "groups"
        return ReportTable(name, title, (*self._columns(), *_COVERAGE), rows, chart=chart)
