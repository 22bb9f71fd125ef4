"""Commands and facts of applying; pure. Amounts are minor units.

`amount_minor` of a line is in the instalment's currency, `source_amount_minor` in that of the payment or credit memo.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Literal
from uuid import UUID

LINES_LIMIT = 1_000
RATE_PLACES = Decimal("1e-12")
RATE_MAX = Decimal(10) ** 12
SourceKind = Literal["payment", "credit_memo"]
Origin = Literal["manual", "automatic", "import"]
Quote = tuple[str, str, date]  # from currency, to currency, on which day
Quotes = Mapping[Quote, Decimal | None]


@dataclass(frozen=True, slots=True)
class Source:
    """What pays: a payment or a credit memo."""

    kind: SourceKind
    id: UUID


@dataclass(frozen=True, slots=True)
class ApplyLine:
    """So much for this instalment. Without `source_amount_minor` and rate the rate is looked up.

    `exchange_rate` is units of the instalment's currency for one unit of the source's. `currency`, when given, is what
    the caller takes the instalment's currency for.
    """

    instalment_id: UUID
    amount_minor: int
    discount_minor: int = 0
    write_off_minor: int = 0
    source_amount_minor: int | None = None
    exchange_rate: Decimal | None = None
    currency: str | None = None

    @property
    def settles_minor(self) -> int:
        """What the instalment loses."""
        return self.amount_minor + self.discount_minor + self.write_off_minor


@dataclass(frozen=True, slots=True)
class Apply:
    """Settle instalments from one source; whole or not at all.

    `allow_other_account` lets strangers pay, `allow_late_discount` needs the scope payments:approve, `identify` gives
    an unidentified payment the account of the lines first. `expected_version` is that of the source.
    """

    source: Source
    lines: tuple[ApplyLine, ...]
    effective_date: date
    origin: Origin = "manual"
    proposal_id: UUID | None = None
    allow_other_account: bool = False
    allow_late_discount: bool = False
    identify: bool = False
    expected_version: int | None = None
    source_currency: str | None = None
    reason: str | None = None


@dataclass(slots=True)
class Balance:
    """A running balance that a batch draws on.

    `minimum_from` has, for effective dates before `reopened_on`, the least that was left on any day since: money that
    came back later cannot be spent before it came back.
    """

    left_minor: int
    reopened_on: date | None
    minimum_from: dict[date, int] = field(default_factory=dict)
    taken_minor: int = 0

    def available(self, on: date) -> int:
        """What may be taken with this effective date, so that the balance of no day falls below zero."""
        if not self.asks_history(on):
            return self.left_minor
        return max(0, min(self.left_minor, self.minimum_from[on] - self.taken_minor))

    def asks_history(self, on: date) -> bool:
        """True when something came back after that date."""
        return self.reopened_on is not None and on < self.reopened_on

    def take(self, minor: int) -> None:
        """Draw on the balance."""
        self.left_minor -= minor
        self.taken_minor += minor


@dataclass(slots=True)
class SourceFacts:
    """A payment or credit memo as locked. `not_before` is the first date on which it may be applied."""

    source: Source
    legal_entity_id: UUID
    account_id: UUID | None
    currency: str
    value_date: date
    not_before: date
    balance: Balance
    amount_minor: int
    withdrawn_minor: int
    version: int
    base_currency: str


@dataclass(slots=True)
class InstalmentFacts:
    """An instalment as locked. `offers` are (last date, discount) with falling discounts."""

    id: UUID
    account_id: UUID
    legal_entity_id: UUID
    currency: str
    accounting_date: date
    amount_minor: int
    balance: Balance
    offers: tuple[tuple[date, int], ...] = ()

    def discount_on(self, value_date: date) -> int:
        """The discount offered to money of that value date; 0 when none is open. On the last day it is earned."""
        return max((minor for last, minor in self.offers if value_date <= last), default=0)


@dataclass(frozen=True, slots=True)
class Authority:
    """What the caller may do beyond the ordinary: late discounts, and differences written off up to a limit."""

    late_discount: bool
    write_off_limit_minor: int | None  # None: no limit (the service itself, bound by its tolerances)


@dataclass(frozen=True, slots=True)
class PlannedLine:
    """One application row to be: the line with its currencies settled."""

    instalment: InstalmentFacts
    line: ApplyLine
    source_amount_minor: int
    exchange_rate: Decimal | None
    exchange_difference_minor: int
