"""The naive rows that stand beside every forecast: due date, the customer's median, and the mean of 13 weeks.

Pure computation over columns. The first two speak of the open items only, as the cash forecast of an ERP does; what is
overdue by their rule is expected in the first week. The third speaks of everything that comes in.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.forecasting.model.interface import NEVER, Codes, Days, Ledger, Minor
from app.forecasting.rules import HORIZON_WEEKS

MEAN_WEEKS = 13


def expected_days(ledger: Ledger, cutoff: int, rows: NDArray[Any]) -> tuple[Days, Days]:
    """Day on which each of these rows is paid, by its due date and by its customer's median; after the cut-off."""
    due = np.maximum(ledger.due[rows], cutoff + 1)
    typical = median_days(ledger, cutoff)[ledger.account[rows]]
    median = np.maximum(ledger.issued[rows] + typical, cutoff + 1)
    return due.astype(np.int32), median.astype(np.int32)


def median_days(ledger: Ledger, cutoff: int) -> Days:
    """Median days from issue to payment of each account; of all accounts where one has paid nothing by the cut-off."""
    paid = np.flatnonzero(ledger.paid <= cutoff)
    days = (ledger.paid[paid] - ledger.issued[paid]).astype(np.int32)
    overall = int(np.median(days)) if len(days) else 30
    medians = np.full(len(ledger.accounts), overall, np.int32)
    order = np.lexsort((days, ledger.account[paid]))
    codes, sorted_days = ledger.account[paid][order], days[order]
    found, starts, counts = np.unique(codes, return_index=True, return_counts=True)
    middle = starts + (counts - 1) // 2
    medians[found] = sorted_days[middle] if len(found) else medians[found]
    return medians


def weekly(days: Days, amounts: Minor, codes: Codes, size: int, cutoff: int) -> Minor:
    """Sums by group and week of the horizon, (size, HORIZON_WEEKS); what comes later is left out."""
    made = np.zeros((size, HORIZON_WEEKS), np.int64)
    week = (days.astype(np.int64) - cutoff - 1) // 7
    inside = (week >= 0) & (week < HORIZON_WEEKS)
    np.add.at(made, (codes[inside], week[inside]), amounts[inside])
    return made


def mean_of_weeks(ledger: Ledger, amounts: Minor, codes: Codes, size: int, cutoff: int) -> Minor:
    """Cash of the last MEAN_WEEKS weeks by group, one week of it, for each week of the horizon."""
    recent = (ledger.paid != NEVER) & (ledger.paid <= cutoff) & (ledger.paid > cutoff - 7 * MEAN_WEEKS)
    sums = np.zeros(size, np.int64)
    np.add.at(sums, codes[recent], amounts[recent])
    return np.repeat((sums // MEAN_WEEKS)[:, None], HORIZON_WEEKS, axis=1)
