"""What the ledger room takes and gives over HTTP."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.core.money import to_text
from app.infra.http.fields import AmountOut, BusinessDate, Input, Reason
from app.ledger.models import PeriodClose, Transfer
from app.ledger.proof import Proof, RunningCheck
from app.ledger.rules import CHART, ProofLine

Role = Literal[
    "receivables", "unapplied_cash", "unidentified_cash", "bank", "revenue", "tax_payable", "finance_charge_income",
    "discounts_allowed", "small_differences", "bad_debt", "bank_charges", "rounding", "waived_charges", "other_income",
    "opening_balance", "source_corrections", "exchange_clearing", "exchange_gain_loss", "intercompany",
]  # fmt: skip
GlCode = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9]([A-Za-z0-9 ._/-]{0,38}[A-Za-z0-9])?$"),
    Field(description="The account's code in the general ledger", examples=["140000"]),
]


class JournalEntryRead(BaseModel):
    """One transfer: the amount moves from the credit account to the debit account. Entries of one event share
    `posting_id`.
    """

    id: UUID
    posting_id: UUID
    legal_entity_id: UUID
    event: str = Field(examples=["invoice.issued"])
    debit_account: Role
    credit_account: Role
    amount: AmountOut
    currency: str
    effective_date: date
    recorded_at: datetime
    account_id: UUID | None
    instalment_id: UUID | None
    credit_memo_id: UUID | None
    payment_id: UUID | None
    source_id: UUID | None = Field(description="The document, application, adjustment or movement that this books")


def journal_entry_read(row: Transfer) -> JournalEntryRead:
    """The resource of a transfer."""
    plain = {name: getattr(row, name) for name in JournalEntryRead.model_fields if name != "amount"}
    return JournalEntryRead(**plain, amount=to_text(row.amount_minor, row.currency))


class TrialBalanceLine(BaseModel):
    """Debits, credits and their difference of one account, from the first day to `as_of`."""

    legal_entity_id: UUID
    legal_entity_code: str
    currency: str
    account: Role
    gl_code: str | None = Field(description="From the account mapping of the legal entity")
    debits: AmountOut
    credits: AmountOut
    balance: AmountOut = Field(description="Debits less credits")


class TrialBalance(BaseModel):
    """Balances of all accounts. In each legal entity and currency debits equal credits, by construction."""

    as_of: date
    known_at: datetime | None
    lines: list[TrialBalanceLine]


def trial_balance_lines(
    entities: Iterable[Mapping[str, Any]], values: Mapping[tuple[UUID, str], Mapping[str, int]]
) -> list[TrialBalanceLine]:
    """Lines in the order of legal entity, currency and chart; accounts without any entry are left out."""
    lines: list[TrialBalanceLine] = []
    for entity in entities:
        for currency in sorted(currency for entity_id, currency in values if entity_id == entity["id"]):
            measures = values[entity["id"], currency]
            for role in CHART:
                debits, credits = measures.get(f"debits:{role}", 0), measures.get(f"credits:{role}", 0)
                if not debits and not credits:
                    continue
                account: Any = role
                lines.append(
                    TrialBalanceLine(
                        legal_entity_id=entity["id"],
                        legal_entity_code=entity["code"],
                        currency=currency,
                        account=account,
                        gl_code=entity["account_mapping"].get(role),
                        debits=to_text(debits, currency),
                        credits=to_text(credits, currency),
                        balance=to_text(debits - credits, currency),
                    )
                )
    return lines


class ProofLineRead(BaseModel):
    """The control equation of one legal entity and currency; every difference is zero when it holds."""

    legal_entity_id: UUID
    currency: str
    open_instalments: AmountOut
    open_credit_memos: AmountOut
    unapplied_cash: AmountOut
    unidentified_cash: AmountOut
    subledger: AmountOut = Field(description="Open instalments less open credit memos, unapplied and unidentified cash")
    receivables_balance: AmountOut
    unapplied_cash_balance: AmountOut
    unidentified_cash_balance: AmountOut
    control: AmountOut = Field(description="The sum of the three balances (debits less credits)")
    difference: AmountOut = Field(description="Subledger less control")
    receivables_difference: AmountOut
    unapplied_cash_difference: AmountOut
    unidentified_cash_difference: AmountOut
    holds: bool


def proof_line_read(line: ProofLine) -> ProofLineRead:
    """The resource of a line."""

    def text(minor: int) -> str:
        return to_text(minor, line.currency)

    return ProofLineRead(
        legal_entity_id=line.legal_entity_id,
        currency=line.currency,
        open_instalments=text(line.open_instalments),
        open_credit_memos=text(line.open_credit_memos),
        unapplied_cash=text(line.unapplied),
        unidentified_cash=text(line.unidentified),
        subledger=text(line.subledger),
        receivables_balance=text(line.receivables_balance),
        unapplied_cash_balance=text(line.unapplied_cash_balance),
        unidentified_cash_balance=text(line.unidentified_cash_balance),
        control=text(line.control),
        difference=text(line.difference),
        receivables_difference=text(line.receivables_difference),
        unapplied_cash_difference=text(line.unapplied_cash_difference),
        unidentified_cash_difference=text(line.unidentified_cash_difference),
        holds=line.holds,
    )


class StoredThrough(BaseModel):
    """Up to this day the balances kept at the close were used, not added up again."""

    legal_entity_id: UUID
    closed_through: date


class RunningDifferenceRead(BaseModel):
    """A document whose open amount is not what its rows sum to."""

    document: Literal["instalment", "credit_memo", "payment"]
    id: UUID
    legal_entity_id: UUID
    currency: str
    running_amount: AmountOut
    recomputed_amount: AmountOut


class RunningCheckRead(BaseModel):
    """Whether the open amounts that are kept up to date equal those recomputed from all rows."""

    holds: bool
    checked: Literal["sums", "documents"] = Field(
        description="Sums of a legal entity and currency, or every document (with `full`, or when the sums differ)"
    )
    differences: list[RunningDifferenceRead] = Field(description="The first documents of each kind that differ")


class ProofRead(BaseModel):
    """The proof: documents and journal agree, or where they do not."""

    as_of: date
    known_at: datetime | None
    holds: bool
    lines: list[ProofLineRead]
    stored_through: list[StoredThrough]
    running: RunningCheckRead | None = Field(description="Only for the present: without `as_of` and `known_at`")


def proof_read(proof: Proof) -> ProofRead:
    """The resource of a proof."""
    return ProofRead(
        as_of=proof.times.as_of,
        known_at=proof.times.known_at,
        holds=proof.holds,
        lines=[proof_line_read(line) for line in proof.lines],
        stored_through=[
            StoredThrough(legal_entity_id=entity, closed_through=day) for entity, day in proof.stored_through.items()
        ],
        running=None if proof.running is None else _running_read(proof.running),
    )


def _running_read(check: RunningCheck) -> RunningCheckRead:
    differences = []
    for found in check.differences:
        document: Any = found.document
        differences.append(
            RunningDifferenceRead(
                document=document,
                id=found.id,
                legal_entity_id=found.legal_entity_id,
                currency=found.currency,
                running_amount=to_text(found.running_minor, found.currency),
                recomputed_amount=to_text(found.recomputed_minor, found.currency),
            )
        )
    return RunningCheckRead(
        holds=check.holds, checked="documents" if check.by_document else "sums", differences=differences
    )


class PeriodCloseRequest(Input):
    """Through which day, and why."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"closed_through": "2026-09-30"}]})
    closed_through: BusinessDate
    reason: Reason | None = None


class PeriodReopenRequest(Input):
    """The periods after `closed_through` are open again (null: all of them), and why."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"closed_through": "2026-08-31", "reason": "late credit memos of September"}]}
    )
    closed_through: BusinessDate | None
    reason: Reason


class PeriodCloseRead(BaseModel):
    """A close or reopening of a legal entity's periods."""

    id: UUID
    legal_entity_id: UUID
    kind: Literal["close", "reopen"]
    closed_through: date | None = Field(description="Postings dated on or before this day are refused from then on")
    actor_name: str
    reason: str | None
    recorded_at: datetime


def period_close_read(row: PeriodClose | Mapping[str, Any]) -> PeriodCloseRead:
    """The resource of a close or reopening."""
    found = row.__dict__ if isinstance(row, PeriodClose) else row
    return PeriodCloseRead(**{name: found[name] for name in PeriodCloseRead.model_fields})


class AccountMappingWrite(Input):
    """The general-ledger account of each role; roles that are left out have none."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"accounts": {"receivables": "140000", "bank": "113100"}}]}
    )
    accounts: dict[Role, GlCode]


class AccountMappingRead(BaseModel):
    """The general-ledger account of each role of the chart."""

    legal_entity_id: UUID
    accounts: dict[Role, str]
    unmapped: list[Role]
    version: int = Field(description="The legal entity's version")


def account_mapping_read(row: Mapping[str, Any]) -> AccountMappingRead:
    """The resource of a legal entity's mapping."""
    mapping: Any = {role: row["account_mapping"][role] for role in CHART if role in row["account_mapping"]}
    unmapped: Any = [role for role in CHART if role not in mapping]
    return AccountMappingRead(legal_entity_id=row["id"], accounts=mapping, unmapped=unmapped, version=row["version"])
