"""What late charges take and give over HTTP: charges, previews, waivers, charging runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.core.money import to_minor, to_text
from app.dunning.charges.assessing import Assessment, ItemPlan
from app.dunning.charges.models import Charge, ChargeItem, ChargeWaiver, ChargingRun, InterestPiece
from app.dunning.charges.rules import FeeRule, Piece, interest_exact
from app.infra.http.fields import Amount, AmountOut, BusinessDate, Comment, Currency, Input, Reason, text
from app.invoices.models import Adjustment

ChargeKind = Literal["fee", "interest", "compensation"]
ChargeState = Literal["posted", "reversed"]
WaiverState = Literal["requested", "rejected", "posted"]
RunKind = Literal["monthly", "on_demand"]
RunState = Literal["running", "done"]
INSTALMENTS_LIMIT = 1_000


def percent_text(percent: Decimal) -> str:
    """A rate as plain text without trailing zeros: `12.5`."""
    return f"{percent.normalize():f}"


class PieceRead(BaseModel):
    """Days (both ends included), the amount they bear interest on (negative: given back), the rate a year."""

    day_from: date
    day_to: date
    days: int
    principal: AmountOut
    percent: str


class ChargeItemRead(BaseModel):
    """A part of a charge. `days` and `pieces` are those of interest."""

    kind: ChargeKind
    instalment_id: UUID
    invoice_id: UUID
    step_ordinal: int | None = None
    amount: AmountOut
    exact_amount: str | None = None
    principal: AmountOut
    pieces: list[PieceRead]


class ChargeRead(BaseModel):
    """What an account was charged for being late. `invoice_id` is the finance charge document."""

    id: UUID
    account_id: UUID
    legal_entity_id: UUID
    currency: str
    source_key: str
    as_of: date
    fee: AmountOut
    interest: AmountOut
    compensation: AmountOut
    corrected: AmountOut = Field(description="Interest charged too much before, given back")
    net: AmountOut
    invoice_id: UUID | None
    state: ChargeState
    posted_by: str
    reversed_on: date | None
    reversed_by: str | None
    reverse_reason: str | None
    created_at: datetime
    updated_at: datetime
    version: int
    allowed_actions: list[Literal["reverse", "waive"]]

    @classmethod
    def of(cls, row: Charge) -> ChargeRead:
        """From the row."""
        names = ("fee", "interest", "compensation", "corrected")
        amounts = {name: to_text(getattr(row, f"{name}_minor"), row.currency) for name in names}
        net = row.fee_minor + row.interest_minor + row.compensation_minor - row.corrected_minor
        actions = ["reverse", *(["waive"] if row.invoice_id is not None else [])] if row.state == "posted" else []
        plain = {name: getattr(row, name) for name in _PLAIN}
        return cls(**plain, **amounts, net=to_text(net, row.currency), allowed_actions=actions)


_PLAIN = (
    "id", "account_id", "legal_entity_id", "currency", "source_key", "as_of", "invoice_id", "state", "posted_by",
    "reversed_on", "reversed_by", "reverse_reason", "created_at", "updated_at", "version",
)  # fmt: skip


class ChargeDetail(ChargeRead):
    """A charge with its parts."""

    items: list[ChargeItemRead]


def charge_detail(
    row: Charge, items: Sequence[ChargeItem], pieces: Mapping[UUID, Sequence[InterestPiece]]
) -> ChargeDetail:
    """The charge with its parts and the days of its interest."""
    shown = []
    for item in items:
        own = [Piece(p.day_from, p.day_to, p.principal_minor, p.percent) for p in pieces.get(item.id, ())]
        shown.append(
            ChargeItemRead(
                kind=item.kind,
                instalment_id=item.instalment_id,
                invoice_id=item.debt_invoice_id,
                step_ordinal=item.step_ordinal,
                amount=to_text(item.amount_minor, row.currency),
                principal=to_text(item.principal_minor, row.currency),
                pieces=_pieces(own, row.currency),
            )
        )
    return ChargeDetail(**ChargeRead.of(row).model_dump(), items=shown)


def _pieces(pieces: Sequence[Piece], currency: str) -> list[PieceRead]:
    return [
        PieceRead(
            day_from=piece.first,
            day_to=piece.last,
            days=piece.days,
            principal=to_text(piece.principal_minor, currency),
            percent=percent_text(piece.percent),
        )
        for piece in pieces
    ]


class ChargePreview(BaseModel):
    """What an account would be charged in one legal entity and currency until the end of `as_of`."""

    account_id: UUID
    legal_entity_id: UUID
    currency: str
    as_of: date
    interest: AmountOut
    compensation: AmountOut
    corrected: AmountOut
    net: AmountOut
    items: list[ChargeItemRead]

    @classmethod
    def of(cls, found: Assessment) -> ChargePreview:
        """From what the request comes to."""
        request, currency = found.request, found.request.currency
        return cls(
            account_id=request.account_id,
            legal_entity_id=request.legal_entity_id,
            currency=currency,
            as_of=request.as_of,
            interest=to_text(found.total("interest"), currency),
            compensation=to_text(found.total("compensation"), currency),
            corrected=to_text(found.total("interest", given_back=True), currency),
            net=to_text(found.net_minor, currency),
            items=[_item(item, currency) for item in found.items],
        )


def _item(item: ItemPlan, currency: str) -> ChargeItemRead:
    exact = None
    if item.kind == "interest":
        places = len(to_text(0, currency).partition(".")[2])
        exact = f"{interest_exact(item.pieces).scaleb(-places):f}"
    return ChargeItemRead(
        kind=item.kind,
        instalment_id=item.debt.id,
        invoice_id=item.debt.invoice_id,
        amount=to_text(item.amount_minor, currency),
        exact_amount=exact,
        principal=to_text(item.principal_minor, currency),
        pieces=_pieces(item.pieces, currency),
    )


class ChargePreviews(BaseModel):
    """One entry for each legal entity and currency in which something is due."""

    data: list[ChargePreview]


class FeeCreate(Input):
    """A fee: a fixed sum, plus a percentage of what is open and undisputed."""

    fixed: Amount = "0"
    percent: Annotated[str, StringConstraints(pattern=r"^(100|[0-9]{1,2}(\.[0-9]{1,2})?)$")] = "0"

    def rule(self, currency: str) -> FeeRule:
        """In minor units. Raises AmountInvalid."""
        fixed = to_minor(self.fixed, currency, pointer="/fee/fixed")
        return FeeRule(fixed, int(Decimal(self.percent) * 100))


class ChargeCreate(Input):
    """Charge an account in one legal entity and currency; without `instalment_ids` for all that is or was late."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "account_id": "01981d8e-6a00-7000-8000-000000000001",
                    "legal_entity_id": "01981d8e-6a00-7000-8000-000000000002",
                    "currency": "EUR",
                }
            ]
        },
    )
    account_id: UUID
    legal_entity_id: UUID
    currency: Currency
    as_of: BusinessDate | None = Field(default=None, description="Today when missing; not later")
    instalment_ids: Annotated[list[UUID], Field(min_length=1, max_length=INSTALMENTS_LIMIT)] | None = None
    interest: bool = True
    compensation: bool = False
    fee: FeeCreate | None = None


class ChargeReverse(Input):
    """Why a charge is undone, and when (today when missing)."""

    reason: Reason
    effective_date: BusinessDate | None = None


class WaiverCreate(Input):
    """What to waive of a charge: all that is open of it when no amount is given."""

    amount: Amount | None = None
    reason_code: Annotated[str, text(64)] = "goodwill"
    reason: Reason | None = None


class WaiverDecision(Input):
    """A note to the decision."""

    note: Comment | None = None


class WaiverRead(BaseModel):
    """A waiver of a charge; `adjustment_id` is what takes it off the document."""

    id: UUID
    charge_id: UUID
    adjustment_id: UUID
    account_id: UUID
    invoice_number: str
    currency: str
    amount: AmountOut
    reason_code: str
    reason: str | None
    state: WaiverState
    effective_date: date
    requested_by: str
    requested_by_id: UUID | None
    decided_by: str | None
    decided_at: datetime | None
    decision_note: str | None
    recorded_at: datetime
    version: int
    allowed_actions: list[Literal["approve", "reject"]]

    @classmethod
    def of(cls, waiver: ChargeWaiver, adjustment: Adjustment, number: str, actions: list[Any]) -> WaiverRead:
        """From the rows."""
        names = (
            "account_id", "currency", "reason_code", "reason", "state", "effective_date", "requested_by",
            "requested_by_id", "decided_by", "decided_at", "decision_note", "version",
        )  # fmt: skip
        return cls(
            id=waiver.id,
            charge_id=waiver.charge_id,
            adjustment_id=adjustment.id,
            invoice_number=number,
            amount=to_text(waiver.amount_minor, adjustment.currency),
            recorded_at=waiver.recorded_at,
            allowed_actions=actions,
            **{name: getattr(adjustment, name) for name in names},
        )


class ChargingRunCreate(Input):
    """Charge every account for its late days until the end of `as_of` (today when missing; not later)."""

    as_of: BusinessDate | None = None
    compensation: bool | None = Field(default=None, description="As the settings say when missing")
    simulate: bool = Field(default=False, description="Only add up what would be charged; nothing is posted")


class ChargingRunRead(BaseModel):
    """A charging run and how far it has come. `totals`: what it charged by currency, less what it gave back."""

    id: UUID
    kind: RunKind
    as_of: date
    compensation: bool
    simulated: bool
    state: RunState
    accounts: int
    charges: int
    refused: int
    totals: dict[str, AmountOut]
    started_by: str
    created_at: datetime
    finished_at: datetime | None
    version: int

    @classmethod
    def of(cls, row: ChargingRun) -> ChargingRunRead:
        """From the row."""
        names = ("id", "kind", "as_of", "compensation", "simulated", "state", "accounts", "charges", "refused",
                 "started_by", "created_at", "finished_at", "version")  # fmt: skip
        totals = {currency: to_text(minor, currency) for currency, minor in sorted(row.totals.items())}
        return cls(**{name: getattr(row, name) for name in names}, totals=totals)
