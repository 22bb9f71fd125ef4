"""What is to be charged: facts read set-wise, judged by the pure rules. Nothing is changed here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

from app.dunning.charges import queries, shipped
from app.dunning.charges.queries import Debt, SettingsFacts
from app.dunning.charges.rules import (
    Agreement,
    DatedRate,
    FeeRule,
    Piece,
    RateSpan,
    compensation_minor,
    fee_parts,
    interest_minor,
    owed_at,
    owed_days,
    rate_spans,
    uncharged,
)
from app.infra.database import ReadSession


@dataclass(frozen=True, slots=True)
class ChargeRequest:
    """What to charge an account for, in one legal entity and currency, until the end of `as_of`.

    `source_key` makes it happen once (`notice:<id>`). The fee is charged for `instalment_ids`, once for each of them
    and step. With `running`, interest is also charged for settled items of the account that bore interest before, so
    that their last days are not lost. `compensation=None` leaves it to the organization's settings.
    """

    source_key: str
    account_id: UUID
    legal_entity_id: UUID
    currency: str
    instalment_ids: tuple[UUID, ...]
    as_of: date
    fee: FeeRule | None = None
    step_ordinal: int | None = None
    interest: bool = False
    compensation: bool | None = False
    running: bool = True


@dataclass(frozen=True, slots=True)
class ItemPlan:
    """A part of a charge. `amount_minor` is negative where interest is given back."""

    kind: str  # fee | interest | compensation
    debt: Debt
    amount_minor: int
    principal_minor: int
    pieces: tuple[Piece, ...] = ()

    @property
    def days(self) -> int:
        """How many different days the pieces cover, given back or charged."""
        return len({p.first + timedelta(days=n) for p in self.pieces for n in range(p.days)})


@dataclass(frozen=True, slots=True)
class Assessment:
    """What a request comes to."""

    request: ChargeRequest
    items: tuple[ItemPlan, ...]

    def total(self, kind: str, *, given_back: bool = False) -> int:
        """The sum of a kind in minor units: what is charged, or (as a positive number) what is given back."""
        amounts = [item.amount_minor for item in self.items if item.kind == kind]
        return -sum(a for a in amounts if a < 0) if given_back else sum(a for a in amounts if a > 0)

    @property
    def net_minor(self) -> int:
        """What the account owes more by it."""
        return sum(item.amount_minor for item in self.items)


@dataclass(frozen=True, slots=True)
class Facts:
    """All that assessments of some requests need to know."""

    settings: SettingsFacts
    debts: Mapping[UUID, Debt]
    agreements: Mapping[tuple[UUID, str | None], tuple[Agreement, ...]]
    tables: Mapping[str, Sequence[DatedRate]]
    bands: Mapping[str, Sequence[tuple[int, int]]]
    fees: frozenset[tuple[UUID, int | None]]
    compensated: frozenset[UUID]
    spans: dict[tuple[object, ...], tuple[RateSpan, ...]] = field(default_factory=dict)

    def rates_of(self, debt: Debt, through: date) -> tuple[RateSpan, ...]:
        """The rates of the debt's account over all its days; for finance charges only where a contract allows it."""
        default = self.settings.default_table_code or shipped.default_table(debt.country)
        holding = self.agreements.get((debt.account_id, debt.segment), ())
        starts = debt.history.due_date + timedelta(days=1)
        fixed = dict.fromkeys(shipped.FIXED_AT_START & {default, *(one.table_code for one in holding)}, starts)
        key = (holding, default, through, starts if fixed else None)
        if key not in self.spans:
            first = min((d.history.due_date for d in self.debts.values()), default=through)
            self.spans[key] = rate_spans(self.tables, holding, default, min(first, through), through, fixed)
        spans = self.spans[key]
        return spans if debt.kind != "finance_charge" else tuple(span for span in spans if span.on_charges)


async def gather(session: ReadSession, instalment_ids: Iterable[UUID]) -> Facts:
    """Read the facts of these instalments, in a fixed number of statements."""
    settings = await queries.charge_settings(session)
    found, standing = await queries.debts(session, set(instalment_ids), settings)
    debts = list(found.values())
    segments = {debt.segment for debt in debts if debt.segment is not None}
    rows = await queries.agreements(session, {debt.account_id for debt in debts}, segments)
    codes = {row.table_code for row in rows} | {settings.default_table_code}
    codes |= {shipped.default_table(country) for country in {debt.country for debt in debts}}
    by_owner = {(debt.account_id, debt.segment): tuple(
        queries.agreement_facts(row) for row in rows
        if row.scope == "organization" or row.account_id == debt.account_id
        or (row.segment is not None and row.segment == debt.segment)
    ) for debt in debts} if rows else {}  # fmt: skip
    return Facts(
        settings=settings,
        debts=found,
        agreements=by_owner,
        tables=await queries.rate_tables(session, {code for code in codes if code is not None}),
        bands=await queries.compensation_bands(session, {debt.currency for debt in debts}),
        fees=standing.fees,
        compensated=standing.compensated,
    )


def assess(facts: Facts, request: ChargeRequest, running: Iterable[UUID] = ()) -> Assessment:
    """What a request comes to. Instalments of another account, legal entity or currency are passed over."""
    owner = (request.account_id, request.legal_entity_id, request.currency)
    own = [
        debt
        for debt in (facts.debts.get(id_) for id_ in dict.fromkeys(request.instalment_ids))
        if debt is not None and (debt.account_id, debt.legal_entity_id, debt.currency) == owner
    ]
    items: list[ItemPlan] = []
    if request.fee is not None:
        items += _fees(facts, request, own)
    if request.interest:
        listed = {debt.id for debt in own}
        more = [facts.debts[id_] for id_ in running if id_ in facts.debts and id_ not in listed]
        more = [debt for debt in more if (debt.account_id, debt.legal_entity_id, debt.currency) == owner]
        items += [item for debt in [*own, *more] if (item := _interest(facts, debt, request.as_of)) is not None]
    wanted = facts.settings.compensation and request.interest if request.compensation is None else request.compensation
    if wanted:
        items += _compensation(facts, request, own)
    return Assessment(request, tuple(items))


def _fees(facts: Facts, request: ChargeRequest, own: Sequence[Debt]) -> list[ItemPlan]:
    assert request.fee is not None
    charged = {id_ for id_, step in facts.fees if step is not None and step == request.step_ordinal}
    reminded = [debt for debt in own if debt.kind != "finance_charge" and debt.id not in charged]
    principals = [owed_at(debt.history, request.as_of) for debt in reminded]
    parts = zip(reminded, fee_parts(request.fee, principals), principals, strict=True)
    return [ItemPlan("fee", debt, minor, principal) for debt, minor, principal in parts if minor]


def _interest(facts: Facts, debt: Debt, as_of: date) -> ItemPlan | None:
    pieces = uncharged(debt.history, facts.rates_of(debt, as_of), as_of, facts.settings.charge_from)
    amount = interest_minor(pieces)
    # What is too little is not lost: its days stay uncharged until they come to something.
    if 0 <= amount < facts.settings.minimum_minor(debt.currency):
        return None
    principal = max((piece.principal_minor for piece in pieces), default=0)
    return ItemPlan("interest", debt, amount, max(0, principal), tuple(pieces))


def _compensation(facts: Facts, request: ChargeRequest, own: Sequence[Debt]) -> list[ItemPlan]:
    """Once for a late document, by what of it was late at most."""
    documents: defaultdict[UUID, list[tuple[Debt, int]]] = defaultdict(list)
    for debt in own:
        late = max((minor for _, _, minor in owed_days(debt.history, request.as_of)), default=0)
        if late and debt.kind != "finance_charge" and debt.invoice_id not in facts.compensated:
            documents[debt.invoice_id].append((debt, late))
    items = []
    for parts in documents.values():
        size = sum(late for _, late in parts)
        minor = compensation_minor(facts.bands.get(request.currency, ()), size)
        if minor:
            items.append(ItemPlan("compensation", parts[0][0], minor, size))
    return items


def assess_all(facts: Facts, requests: Sequence[ChargeRequest], running: Sequence[UUID]) -> list[Assessment]:
    """What each request comes to, in their order; what one of them charges the following ones do not charge again."""
    listed = {id_ for request in requests for id_ in request.instalment_ids}
    more = [id_ for id_ in running if id_ not in listed]
    seen: set[tuple[str, UUID, int | None]] = set()
    found = []
    for request in requests:
        kept = []
        for item in assess(facts, request, more if request.running else ()).items:
            key = (item.kind, item.debt.invoice_id if item.kind == "compensation" else item.debt.id,
                   request.step_ordinal if item.kind == "fee" else None)  # fmt: skip
            if key not in seen:
                seen.add(key)
                kept.append(item)
        found.append(Assessment(request, tuple(kept)))
    return found


@dataclass(frozen=True, slots=True)
class Quote:
    """What a request would be charged now, in minor units of its currency."""

    fee_minor: int
    interest_minor: int
    compensation_minor: int
    given_back_minor: int
    assessment: Assessment


async def quote(session: ReadSession, requests: Sequence[ChargeRequest]) -> list[Quote]:
    """What each request would be charged, in their order, without any effect. One set of statements for all."""
    running = await running_of(session, requests)
    facts = await gather(session, [*running, *(id_ for request in requests for id_ in request.instalment_ids)])
    return [
        Quote(
            assessment.total("fee"),
            assessment.total("interest"),
            assessment.total("compensation"),
            assessment.total("interest", given_back=True),
            assessment,
        )
        for assessment in assess_all(facts, requests, running)
    ]


async def running_of(session: ReadSession, requests: Sequence[ChargeRequest]) -> list[UUID]:
    """The settled items that bore interest before, of the accounts whose requests take them along."""
    accounts = {request.account_id for request in requests if request.interest and request.running}
    return await queries.running_items(session, accounts) if accounts else []


def average_percent(pieces: Sequence[Piece]) -> Decimal | None:
    """The one rate of the pieces, or None when there are several."""
    rates = {piece.percent for piece in pieces}
    return rates.pop() if len(rates) == 1 else None
