"""Rates and sums that the law sets, as the service ships them. An organization's own rows stand before them.

`eu_statutory`: directive 2011/7/EU, article 2 (6): eight percentage points over the rate of the European Central
Bank's main refinancing operations on 1 January (first half of the year) or 1 July (second half).
`uk_statutory`: Late Payment of Commercial Debts (Rate of Interest) (No. 3) Order 2002: eight percentage points over
the Bank of England's rate of 31 December (first half) or 30 June (second half).
The two differ in what the half-year is of. By article 3 (3) of the directive the reference rate follows the half-year
of each day: a debt that stays unpaid changes its rate in January and July. By article 4 of the Order it is that of the
half-year in which the interest starts to run: a debt keeps the rate of the day after its due date until it is paid.
Compensation: article 6 of the directive (EUR 40); section 5A of the Late Payment of Commercial Debts (Interest) Act
1998 (GBP 40 below 1,000, GBP 70 below 10,000, GBP 100 from there).
A half-year that is not yet here keeps the rate of the one before until its row is entered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from app.dunning.charges.rules import DatedRate

STATUTORY_POINTS = Decimal(8)
EU, UK = "eu_statutory", "uk_statutory"
FIXED_AT_START = frozenset({UK})
"""Tables whose rate is fixed for a debt by the day on which its interest starts to run."""
EU_COUNTRIES = frozenset(
    "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split()  # noqa: SIM905
)


@dataclass(frozen=True, slots=True)
class ShippedTable:
    """A table with the reference rate of each fixing; the rate is it plus the statutory points."""

    code: str
    name: str
    references: tuple[tuple[date, Decimal], ...]

    def rates(self) -> list[DatedRate]:
        """Its dated rates."""
        return [DatedRate(on, reference + STATUTORY_POINTS) for on, reference in self.references]


def _fixings(first_year: int, *references: str) -> tuple[tuple[date, Decimal], ...]:
    """Reference rates by half-years from the first of January of `first_year` on."""
    days = [date(first_year + half // 2, 7 if half % 2 else 1, 1) for half in range(len(references))]
    return tuple(zip(days, map(Decimal, references), strict=True))


TABLES: Mapping[str, ShippedTable] = {
    EU: ShippedTable(
        EU,
        "EU statutory: ECB main refinancing rate + 8 points",
        _fixings(
            2013,
            "0.75", "0.50",  # 2013
            "0.25", "0.15",
            "0.05", "0.05",  # 2015
            "0.05", "0.00",
            "0.00", "0.00",  # 2017
            "0.00", "0.00",
            "0.00", "0.00",  # 2019
            "0.00", "0.00",
            "0.00", "0.00",  # 2021
            "0.00", "0.00",
            "2.50", "4.00",  # 2023
            "4.50", "4.25",
            "3.15", "2.15",  # 2025
            "2.15", "2.40",
        ),
    ),
    UK: ShippedTable(
        UK,
        "UK statutory: Bank of England rate + 8 points",
        _fixings(
            2013,
            "0.50", "0.50",  # 2013
            "0.50", "0.50",
            "0.50", "0.50",  # 2015
            "0.50", "0.50",
            "0.25", "0.25",  # 2017
            "0.50", "0.50",
            "0.75", "0.75",  # 2019
            "0.75", "0.10",
            "0.10", "0.10",  # 2021
            "0.25", "1.25",
            "3.50", "5.00",  # 2023
            "5.25", "5.25",
            "4.75", "4.25",  # 2025
            "3.75", "3.75",
        ),
    ),
}  # fmt: skip

COMPENSATION: Mapping[str, tuple[tuple[int, int], ...]] = {
    "EUR": ((0, 40_00),),
    "GBP": ((0, 40_00), (1_000_00, 70_00), (10_000_00, 100_00)),
}
"""By currency: (debt from, sum), minor units."""


def default_table(country: str | None) -> str | None:
    """The statutory table of the creditor's country, or None where none is shipped."""
    if country == "GB":
        return UK
    return EU if country in EU_COUNTRIES else None
