"""What sources say of their books, over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from app.core.money import to_text
from app.infra.http.fields import AmountOut
from app.integrations.source_books.models import SourceBalance, SourceWatermark

Verdict = Literal["agrees", "source_differs", "differs_here", "unknown_account"]


class SourceWatermarkRead(BaseModel):
    """How far a table was read. The next extract needs rows that were changed at this instant or later."""

    id: UUID
    source: str = Field(examples=["gp"])
    source_table: str = Field(examples=["RM20101"])
    kind: str = Field(description="What its rows were loaded as", examples=["invoices"])
    changed_at: datetime
    held_back: bool = Field(description="A row was refused: it must be read again, and nothing goes beyond it")
    import_id: UUID
    updated_at: datetime

    @classmethod
    def of(cls, row: SourceWatermark) -> SourceWatermarkRead:
        """From the row."""
        return cls.model_validate({name: getattr(row, name) for name in cls.model_fields})


class SourceBalanceRead(BaseModel):
    """What one account owes: as its source states it, as the source's open documents add up, and here."""

    account_id: UUID | None
    account: str = Field(description="The account as its source names it", examples=["AARON001"])
    currency: str
    stated: AmountOut | None = Field(description="null: the source named no balance of it")
    documents: AmountOut | None = Field(description="null: the source states no open amounts of documents")
    here: AmountOut
    difference: AmountOut = Field(description="Here less stated")
    documents_difference: AmountOut | None = Field(description="Documents less stated")
    verdict: Verdict

    @classmethod
    def of(cls, row: SourceBalance) -> SourceBalanceRead:
        """From the row."""
        stated, documents = row.stated_minor, row.documents_minor

        def shown(minor: int | None) -> str | None:
            return None if minor is None else to_text(minor, row.currency)

        return cls.model_validate(
            {
                "account_id": row.account_id,
                "account": row.account_key,
                "currency": row.currency,
                "stated": shown(stated),
                "documents": shown(documents),
                "here": shown(row.here_minor),
                "difference": shown(row.here_minor - (stated or 0)),
                "documents_difference": None if documents is None else shown(documents - (stated or 0)),
                "verdict": row.verdict,
            }
        )


class ReconciliationTotal(BaseModel):
    """Accounts with one verdict and currency, and what they add up to."""

    verdict: Verdict
    currency: str
    accounts: int
    stated: AmountOut
    documents: AmountOut | None
    here: AmountOut


class ReconciliationRead(BaseModel):
    """What an import of balances found. `agrees`: no line has a difference."""

    import_id: UUID
    agrees: bool
    accounts: int
    differences: int
    totals: list[ReconciliationTotal]


def reconciliation_read(import_id: UUID, rows: list[Any]) -> ReconciliationRead:
    """From sums by verdict and currency."""
    totals = [
        ReconciliationTotal.model_validate(
            {
                "verdict": row["verdict"],
                "currency": row["currency"],
                "accounts": row["accounts"],
                "stated": to_text(row["stated"], row["currency"]),
                "documents": None if row["documents"] is None else to_text(int(row["documents"]), row["currency"]),
                "here": to_text(row["here"], row["currency"]),
            }
        )
        for row in rows
    ]
    differences = sum(row["accounts"] for row in rows if row["verdict"] != "agrees")
    return ReconciliationRead(
        import_id=import_id,
        agrees=differences == 0,
        accounts=sum(row["accounts"] for row in rows),
        differences=differences,
        totals=totals,
    )
