"""The provision matrix: segment × bucket, by what was written off of what stood in each bucket; runs are kept.

Observation days are the month ends that lie at least one horizon back, so that each has its whole horizon of losses.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select

from app.core.aging import AgingBounds
from app.core.errors import Conflict, NotFound
from app.core.ids import new_id
from app.core.money import convert, to_text
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import ReadSession, WriteSession
from app.organizations.queries import organization_facts
from app.reports.definitions import ReportDefinition, ReportRequest
from app.reports.portfolio import risk_queries
from app.reports.portfolio.framing import TODAYS, bounds_of, framed, number_option
from app.reports.portfolio.measures import Converter, Wanted, positions
from app.reports.portfolio.models import ProvisionLine, ProvisionRun
from app.reports.portfolio.provision_rules import (
    FACTOR_MAX,
    HORIZON_MONTHS,
    HORIZON_MONTHS_MAX,
    OBSERVATION_MONTHS,
    OBSERVATION_MONTHS_MAX,
    Amounts,
    MatrixLine,
    Setting,
    matrix,
)
from app.reports.portfolio.queries import Scope
from app.reports.portfolio.rules import ReportOptionInvalid, month_ends, months_before, ratio
from app.reports.tables import Cell, Chart, Column, Report, ReportTable

_COLUMNS = (
    Column("segment"),
    Column("bucket", title="Bucket"),
    Column("currency"),
    Column("exposure_amount", "money", "Exposure"),
    Column("observed_amount", "money", "Observed"),
    Column("lost_amount", "money", "Lost"),
    Column("loss_rate", "rate", "Historical loss rate", places=6),
    Column("forward_factor", "ratio", "Forward factor"),
    Column("applied_rate", "rate", "Applied rate", places=6),
    Column("expected_loss_amount", "money", "Expected loss"),
)
_SEGMENTS = (
    Column("segment"),
    Column("currency"),
    Column("exposure_amount", "money", "Exposure"),
    Column("expected_loss_amount", "money", "Expected loss"),
    Column("coverage_rate", "rate", "Coverage"),
)


class RateMissing(Conflict):
    """An amount of the matrix has no rate into its currency: a provision leaves nothing out."""

    code = "report.rate_missing"


class ProvisionRunNotFound(NotFound):
    """No such run in this organization."""

    code = "provision_run.not_found"


@dataclass(frozen=True, slots=True)
class MatrixRequest:
    """What a matrix is asked for; `currency` None is the organization's base currency, `bounds` None its own bounds."""

    as_of: date
    known_at: datetime | None = None
    currency: str | None = None
    legal_entity_id: UUID | None = None
    bounds: AgingBounds | None = None
    observation_months: int = OBSERVATION_MONTHS
    horizon_months: int = HORIZON_MONTHS
    factors: Sequence[Setting] = ()
    rates: Sequence[Setting] = ()


@dataclass(frozen=True, slots=True)
class Matrix:
    """The lines, the currency, the bounds, and the days on which exposures were observed."""

    request: MatrixRequest
    currency: str
    bounds: AgingBounds
    observed_on: Sequence[date]
    lines: Sequence[MatrixLine]

    @property
    def exposure_minor(self) -> int:
        """All that is open."""
        return sum(line.exposure_minor for line in self.lines)

    @property
    def expected_loss_minor(self) -> int:
        """The provision."""
        return sum(line.expected_loss_minor for line in self.lines)


async def compute_matrix(session: ReadSession, request: MatrixRequest) -> Matrix:
    """The matrix from the rows of one snapshot. Raises RateMissing."""
    facts = await organization_facts(session)
    currency, bounds = request.currency or facts.base_currency, request.bounds or facts.aging
    days = month_ends(months_before(request.as_of, request.horizon_months), request.observation_months)
    scope = Scope("segment", request.known_at, request.legal_entity_id)
    open_on, converter = await positions(session, scope, [*days, request.as_of], 0, bounds, Wanted(), currency)
    sums: dict[str, list[list[int]]] = defaultdict(lambda: [[0] * bounds.bucket_count for _ in range(3)])
    for one in open_on:
        if one.currency != currency and any(one.buckets):
            raise RateMissing(f"there is no rate from {one.currency} to {currency} on or before {one.at}")
        if any(one.buckets):
            _add(sums[one.key or ""][0 if one.at == request.as_of else 1], one.buckets)
    await _add_losses(session, scope, days, request.horizon_months, bounds, currency, converter, sums)
    amounts = {segment: Amounts(*parts) for segment, parts in sums.items()}
    lines = matrix(amounts, bounds.labels(), request.factors, request.rates)
    return Matrix(request, currency, bounds, days, lines)


async def _add_losses(
    session: ReadSession, scope: Scope, days: Sequence[date], horizon: int, bounds: AgingBounds, currency: str,
    converter: Converter | None, sums: Mapping[str, list[list[int]]],
) -> None:  # fmt: skip
    until = [months_before(day + timedelta(days=1), -horizon) - timedelta(days=1) for day in days]
    for row in await risk_queries.sum_losses(session, scope, days, until, bounds):
        lost = [row[f"b{index}"] for index in range(bounds.bucket_count)]
        rate = converter.rate(row["at"], row["currency"]) if converter else Decimal(1)
        if rate is None:
            raise RateMissing(f"there is no rate from {row['currency']} to {currency} on or before {row['at']}")
        _add(sums[row["key"] or ""][2], [convert(minor, row["currency"], currency, rate) for minor in lost])


def _add(sums: list[int], more: Sequence[int]) -> None:
    for index, minor in enumerate(more):
        sums[index] += minor


async def provision_matrix(session: ReadSession, request: ReportRequest) -> Report:
    """The matrix as a report, not kept. Options: `observation_months`, `horizon_months`, `forward_factor`, `bounds`.

    Raises ReportOptionInvalid, RateMissing.
    """
    wanted = MatrixRequest(
        request.as_of, request.known_at, request.in_currency, request.legal_entity_id,
        await bounds_of(session, request),
        number_option(request, "observation_months", OBSERVATION_MONTHS, 1, OBSERVATION_MONTHS_MAX),
        number_option(request, "horizon_months", HORIZON_MONTHS, 1, HORIZON_MONTHS_MAX),
        (Setting(_factor(request.options.get("forward_factor", "1"))),),
    )  # fmt: skip
    return matrix_report(await compute_matrix(session, wanted), request)


def _factor(text: str) -> Decimal:
    digits = text.replace(".", "", 1)
    if not (digits.isascii() and digits.isdigit()) or len(text) > 12 or not 0 < Decimal(text) <= FACTOR_MAX:
        raise ReportOptionInvalid("forward_factor is a positive decimal up to 100", pointer="/query/forward_factor")
    return Decimal(text)


def matrix_report(found: Matrix, request: ReportRequest) -> Report:
    """Tables of a matrix: every cell with its inputs, and the segments with their coverage."""
    code = found.currency
    rows: list[tuple[Cell, ...]] = [
        (line.segment or None, line.label, code, line.exposure_minor, line.observed_minor, line.lost_minor,
         line.loss_rate, line.forward_factor, line.applied_rate, line.expected_loss_minor)
        for line in found.lines
    ]  # fmt: skip
    observed = sum(line.observed_minor for line in found.lines)
    lost = sum(line.lost_minor for line in found.lines)
    total: tuple[Cell, ...] = (
        "Total", None, code, found.exposure_minor, observed, lost, ratio(lost, observed, places=6), None,
        ratio(found.expected_loss_minor, found.exposure_minor, places=6), found.expected_loss_minor,
    )  # fmt: skip
    tables = (
        ReportTable("provision_matrix", "Provision matrix", _COLUMNS, rows, [total]),
        _segments(found),
    )
    notes = [TODAYS, f"All amounts in {code} at the newest rate on or before each day."]
    without = [line for line in found.lines if line.applied_rate is None and line.exposure_minor]
    if without:
        minor = sum(line.exposure_minor for line in without)
        notes.append(
            f"{to_text(minor, code)} {code} stand in {len(without)} cells without history: nothing is expected of them."
        )
    first, last = found.observed_on[0], found.observed_on[-1]
    return framed(
        "provision-matrix", "Provision matrix (IFRS 9)", request, tables, notes,
        observed=f"{len(found.observed_on)} month ends from {first} to {last}",
        horizon_months=found.request.horizon_months,
    )  # fmt: skip


def _segments(found: Matrix) -> ReportTable:
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for line in found.lines:
        _add(sums[line.segment], (line.exposure_minor, line.expected_loss_minor))
    rows: list[tuple[Cell, ...]] = [
        (segment or None, found.currency, exposure, loss, ratio(loss, exposure))
        for segment, (exposure, loss) in sorted(sums.items())
    ]
    title = "Expected loss by segment"
    chart = Chart("bar", "segment", ("expected_loss_amount",), title, split_by="currency")
    return ReportTable("segments", title, _SEGMENTS, rows, chart=chart)


async def keep_run(session: WriteSession, found: Matrix, known_at: datetime, note: str | None) -> UUID:
    """Keep a matrix with all that went into it; answers the id of the run. `known_at`: as of which instant it is."""
    request, run_id = found.request, new_id()
    session.add(
        ProvisionRun(
            organization_id=session.organization_id,
            id=run_id,
            as_of=request.as_of,
            known_at=known_at,
            currency=found.currency,
            legal_entity_id=request.legal_entity_id,
            aging_bounds=list(found.bounds.upper),
            observation_months=request.observation_months,
            horizon_months=request.horizon_months,
            forward_factors=[_plain(one) for one in request.factors],
            rates=[_plain(one) for one in request.rates],
            exposure_minor=found.exposure_minor,
            expected_loss_minor=found.expected_loss_minor,
            note=note,
            made_by=session.actor.name,
            made_by_id=session.actor.id,
        )
    )
    await session.flush()  # the lines refer to it
    session.add_all(
        ProvisionLine(
            organization_id=session.organization_id, id=new_id(), run_id=run_id, segment=line.segment,
            bucket=line.bucket, label=line.label, exposure_minor=line.exposure_minor,
            observed_minor=line.observed_minor, lost_minor=line.lost_minor, loss_rate=line.loss_rate,
            forward_factor=line.forward_factor, applied_rate=line.applied_rate,
            expected_loss_minor=line.expected_loss_minor,
        )
        for line in found.lines
    )  # fmt: skip
    after = {
        "as_of": request.as_of.isoformat(),
        "currency": found.currency,
        "exposure_minor": found.exposure_minor,
        "expected_loss_minor": found.expected_loss_minor,
    }
    record_change(session, ChangeRow("provision_run", run_id, "provision_run.made", after=after))
    return run_id


def _plain(one: Setting) -> dict[str, object]:
    return {"value": str(one.value), "segment": one.segment, "bucket": one.bucket}


async def get_run(session: ReadSession, run_id: UUID) -> tuple[ProvisionRun, list[ProvisionLine]]:
    """A kept run and its lines, by segment and bucket. Raises ProvisionRunNotFound."""
    key = session.organization_id
    run = await session.scalar(
        select(ProvisionRun).where(ProvisionRun.organization_id == key, ProvisionRun.id == run_id)
    )
    if run is None:
        raise ProvisionRunNotFound("no such provision run")
    lines = await session.scalars(
        select(ProvisionLine)
        .where(ProvisionLine.organization_id == key, ProvisionLine.run_id == run_id)
        .order_by(ProvisionLine.segment, ProvisionLine.bucket)
    )
    return run, list(lines.all())


PROVISION_MATRIX = ReportDefinition(
    "provision-matrix", "Provision matrix (IFRS 9)", ("reports:read",), ("segment",), provision_matrix
)
