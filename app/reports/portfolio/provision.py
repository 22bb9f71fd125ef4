"""The provision matrix: segment × bucket, by what was written off of what stood in each bucket; runs are kept.

Observation days are the month ends that lie at least one horizon back, so that each has its whole horizon of losses.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select

from app.core.aging import AgingBounds
from app.core.errors import Conflict, NotFound
from app.core.ids import new_id
from app.core.money import convert
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import ReadSession, WriteSession
from app.organizations.queries import find_rate, organization_facts
from app.reports.definitions import ReportDefinition, ReportRequest
from app.reports.portfolio import risk_queries
from app.reports.portfolio.framing import (
    bounds_of,
    names_of,
    number_option,
    word_option,
)
from app.reports.portfolio.measures import Wanted, positions
from app.reports.portfolio.models import ProvisionLine, ProvisionRun
from app.reports.portfolio.provision_groups import POOLS, Matrix, MatrixRequest, exposures, pool_of
from app.reports.portfolio.provision_paper import MatrixPaper
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
from app.reports.portfolio.rules import ReportOptionInvalid, month_ends, months_before
from app.reports.rules import GROUPS
from app.reports.tables import Report


class RateMissing(Conflict):
    """An amount of the matrix has no rate into its currency: a provision leaves nothing out."""

    code = "report.rate_missing"


class ProvisionRunNotFound(NotFound):
    """No such run in this organization."""

    code = "provision_run.not_found"


async def compute_matrix(session: ReadSession, request: MatrixRequest) -> Matrix:
    """The matrix from the rows of one snapshot. Raises RateMissing."""
    facts = await organization_facts(session)
    currency, bounds = request.currency or facts.base_currency, request.bounds or facts.aging
    days = month_ends(months_before(request.as_of, request.horizon_months), request.observation_months)
    pool = pool_of(request.group_by, request.pool)
    scope = Scope(pool, request.known_at, request.legal_entity_id)
    making = _Making(session, currency, bounds)
    apart = pool != request.group_by or request.narrowed
    history = await making.history(scope, days, request.horizon_months, None if apart else request.as_of)
    cells = {(key, key): list(one.exposure) for key, one in history.items()}
    if apart:
        shown = replace(scope, group_by=request.group_by, account_id=request.account_id, currency=request.only_currency)
        cells = await making.exposures(shown, pool, request.as_of)
    lines: list[MatrixLine] = []
    groups: list[str] = []
    for (group, key), exposure in sorted(cells.items()):
        known = history.get(key) or Amounts([], [0] * bounds.bucket_count, [0] * bounds.bucket_count)
        made = matrix(
            {key: replace(known, exposure=exposure)}, bounds.labels(), request.factors, request.rates
        )  # fmt: skip
        lines += made
        groups += [group] * len(made)
    return Matrix(request, currency, bounds, days, lines, groups, history)


class _Making:
    """Amounts by pool and by group, each converted by itself and added up."""

    def __init__(self, session: ReadSession, currency: str, bounds: AgingBounds) -> None:
        self.session, self.currency, self.bounds = session, currency, bounds
        self.rates: dict[tuple[date, str], Decimal | None] = {}

    async def history(
        self, scope: Scope, days: Sequence[date], horizon: int, as_of: date | None
    ) -> dict[str, Amounts]:  # fmt: skip
        """By pool: observed on the days, lost within the horizon after each, and open on `as_of` where it is given."""
        sums: dict[str, list[list[int]]] = defaultdict(lambda: [[0] * self.bounds.bucket_count for _ in range(3)])
        every = [*days, *([] if as_of is None else [as_of])]
        found, _ = await positions(self.session, scope, every, 0, self.bounds, Wanted())
        for one in found:
            if any(one.buckets):
                key = one.currency if scope.group_by == "currency" else one.key or ""
                _add(sums[key][0 if one.at == as_of else 1], await self._converted(one.buckets, one.currency, one.at))
        until = [months_before(day + timedelta(days=1), -horizon) - timedelta(days=1) for day in days]
        for row in await risk_queries.sum_losses(self.session, scope, days, until, self.bounds):
            lost = [row[f"b{index}"] for index in range(self.bounds.bucket_count)]
            key = row["currency"] if scope.group_by == "currency" else row["key"] or ""
            _add(sums[key][2], await self._converted(lost, row["currency"], row["at"]))
        return {key: Amounts(*parts) for key, parts in sums.items()}

    async def exposures(self, scope: Scope, pool: str, as_of: date) -> dict[tuple[str, str], list[int]]:
        """What is open on the day, by group and pool."""
        found: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0] * self.bounds.bucket_count)
        cells = await exposures(self.session, scope, pool, as_of, self.bounds)
        for (group, key, currency), buckets in cells.items():
            if any(buckets):
                _add(found[group, key], await self._converted(buckets, currency, as_of))
        return found

    async def _converted(self, amounts: Sequence[int], currency: str, day: date) -> list[int]:
        """Each amount in the currency of the matrix. Raises RateMissing."""
        if currency == self.currency:
            return list(amounts)
        if (day, currency) not in self.rates:
            self.rates[day, currency] = await find_rate(self.session, currency, self.currency, day)
        rate = self.rates[day, currency]
        if rate is None:
            raise RateMissing(f"there is no rate from {currency} to {self.currency} on or before {day}")
        return [convert(minor, currency, self.currency, rate) for minor in amounts]


def _add(sums: list[int], more: Sequence[int]) -> None:
    for index, minor in enumerate(more):
        sums[index] += minor


async def provision_matrix(session: ReadSession, request: ReportRequest) -> Report:
    """The matrix as a report, not kept, by any group.

    Options: `pool`, `observation_months`, `horizon_months`, `forward_factor`, `bounds`.

    Raises ReportOptionInvalid, RateMissing.
    """
    wanted = MatrixRequest(
        request.as_of, request.known_at, request.in_currency, request.legal_entity_id,
        await bounds_of(session, request),
        number_option(request, "observation_months", OBSERVATION_MONTHS, 1, OBSERVATION_MONTHS_MAX),
        number_option(request, "horizon_months", HORIZON_MONTHS, 1, HORIZON_MONTHS_MAX),
        (Setting(_factor(request.options.get("forward_factor", "1"))),),
        group_by=request.group_by,
        pool=word_option(request, "pool", POOLS) if "pool" in request.options else None,
        account_id=request.account_id,
        only_currency=request.currency,
    )  # fmt: skip
    found = await compute_matrix(session, wanted)
    names = await names_of(session, request.group_by, list(dict.fromkeys(group or None for group in found.groups)))
    pool = pool_of(request.group_by, wanted.pool)
    pools = await names_of(session, pool, list({line.segment or None for line in found.lines}))
    return MatrixPaper(found, request, names, pool, pools).report()


def _factor(text: str) -> Decimal:
    digits = text.replace(".", "", 1)
    if not (digits.isascii() and digits.isdigit()) or len(text) > 12 or not 0 < Decimal(text) <= FACTOR_MAX:
        raise ReportOptionInvalid("forward_factor is a positive decimal up to 100", pointer="/query/forward_factor")
    return Decimal(text)


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
    "provision-matrix", "Provision matrix (IFRS 9)", ("reports:read",),
    ("segment", *(one for one in GROUPS if one != "segment")), provision_matrix,
)  # fmt: skip
