"""What a credit review looks at besides exposure and score: sales, peak, terms, statements, bureau scores."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from app.accounts.queries import get_account, payment_terms_by_id
from app.core.money import convert
from app.credit.reviews.recommending import bureau_percent
from app.credit.scoring import months_before
from app.infra.database import ReadSession
from app.organizations.queries import Rates, rates_among

SALES_MONTHS = 12
DEFAULT_NET_DAYS = 30
_SALES = """
SELECT currency, sum(amount_minor + corrected_minor)::bigint AS minor, min(invoice_date) AS first FROM invoices
WHERE organization_id = $1 AND account_id = $2 AND invoice_date > $3 AND invoice_date <= $4 AND voided_at IS NULL
GROUP BY currency
"""
# The highest balance that stood at the end of a day of the last year, by invoices, payments' applications and the rest.
_PEAK = """
SELECT currency, max(balance)::bigint AS minor FROM (
    SELECT currency, day, sum(sum(minor)) OVER (PARTITION BY currency ORDER BY day) AS balance FROM (
        SELECT currency, accounting_date AS day, amount_minor AS minor FROM instalments
        WHERE organization_id = $1 AND account_id = $2 AND accounting_date <= $4
        UNION ALL
        SELECT currency, effective_date, -(amount_minor + discount_minor + write_off_minor) FROM applications
        WHERE organization_id = $1 AND account_id = $2 AND effective_date <= $4
        UNION ALL
        SELECT currency, effective_date, -amount_minor FROM adjustments
        WHERE organization_id = $1 AND account_id = $2 AND state = 'posted' AND effective_date <= $4
    ) AS moves GROUP BY currency, day
) AS days WHERE day > $3 GROUP BY currency
"""
_STATEMENT = """
SELECT * FROM credit_statements WHERE organization_id = $1 AND account_id = $2 AND period_end <= $3
ORDER BY period_end DESC, id DESC LIMIT 1
"""
_BUREAU = """
SELECT * FROM credit_bureau_scores WHERE organization_id = $1 AND account_id = $2 AND scored_on <= $3
ORDER BY scored_on DESC, id DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class ReviewInputs:
    """Amounts in the account's currency; the newest statement and bureau score as rows, or None."""

    currency: str
    monthly_sales_minor: int
    peak_minor: int
    net_days: int
    payment_terms_id: UUID | None
    statement: Any | None
    bureau: Any | None
    rates: Rates

    @property
    def bureau_percent(self) -> int | None:
        """The newest bureau score as percent of its scale."""
        if self.bureau is None:
            return None
        return bureau_percent(self.bureau["score"], self.bureau["worst_score"], self.bureau["best_score"])

    def converted(self, minor: int | None) -> int | None:
        """An amount of the statement in the account's currency; None without one, or without a rate."""
        if minor is None or self.statement is None:
            return None
        rate = self.rates.rate(self.statement["currency"], self.currency)
        return None if rate is None else convert(minor, self.statement["currency"], self.currency, rate)


async def review_inputs(session: ReadSession, account_id: UUID, today: date) -> ReviewInputs:
    """Gather them as of a day. Raises AccountNotFound."""
    account = await get_account(session, account_id)
    organization, currency = session.organization_id, account["currency"]
    start = months_before(today, SALES_MONTHS)
    sales = await session.driver.fetch(_SALES, organization, account_id, start, today)
    peaks = await session.driver.fetch(_PEAK, organization, account_id, start, today)
    statement = await session.driver.fetchrow(_STATEMENT, organization, account_id, today)
    bureau = await session.driver.fetchrow(_BUREAU, organization, account_id, today)
    named = {currency, *(row["currency"] for row in (*sales, *peaks)), *([statement["currency"]] if statement else [])}
    rates = await rates_among(session, named, today)
    terms = await payment_terms_by_id(session, [account["payment_terms_id"]] if account["payment_terms_id"] else [])
    agreed = terms.get(account["payment_terms_id"])
    net_days = DEFAULT_NET_DAYS if agreed is None else max([agreed.net_days, *(p.net_days for p in agreed.instalments)])
    first = min((row["first"] for row in sales), default=today)
    months = max(1, min(SALES_MONTHS, -(-(today - first).days // 30)))
    return ReviewInputs(
        currency=currency,
        monthly_sales_minor=_total(sales, currency, rates) // months,
        peak_minor=_total(peaks, currency, rates),
        net_days=net_days,
        payment_terms_id=account["payment_terms_id"],
        statement=statement,
        bureau=bureau,
        rates=rates,
    )


def _total(rows: Any, currency: str, rates: Rates) -> int:
    found = ((row, rates.rate(row["currency"], currency)) for row in rows)
    return sum(convert(row["minor"], row["currency"], currency, rate) for row, rate in found if rate is not None)
