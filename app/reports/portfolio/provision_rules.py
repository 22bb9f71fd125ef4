"""The arithmetic of the provision matrix (IFRS 9, simplified approach): loss rate × forward factor → expected loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from app.core.money import multiply

OBSERVATION_MONTHS, OBSERVATION_MONTHS_MAX = 12, 60
HORIZON_MONTHS, HORIZON_MONTHS_MAX = 12, 24
FACTOR_MAX = Decimal(100)
_RATE = Decimal("0.00000001")


@dataclass(frozen=True, slots=True)
class Setting:
    """A number for a segment and a bucket (0 is current), or for all where it is None. "" is: without a segment."""

    value: Decimal
    segment: str | None = None
    bucket: int | None = None


@dataclass(frozen=True, slots=True)
class MatrixLine:
    """One segment and bucket: minor units of the matrix's currency, shares, and the expected loss."""

    segment: str
    bucket: int
    label: str
    exposure_minor: int
    observed_minor: int
    lost_minor: int
    loss_rate: Decimal | None
    forward_factor: Decimal
    applied_rate: Decimal | None
    expected_loss_minor: int


@dataclass(frozen=True, slots=True)
class Amounts:
    """Of a segment by bucket: open now, open on the observation days together, and lost after them."""

    exposure: Sequence[int]
    observed: Sequence[int]
    lost: Sequence[int]


def setting_for(settings: Sequence[Setting], segment: str, bucket: int) -> Decimal | None:
    """The most particular setting: segment and bucket, then segment, then bucket, then all; of equals the last."""
    best, found = -1, None
    for one in settings:
        if one.segment in (None, segment) and one.bucket in (None, bucket):
            rank = 2 * (one.segment is not None) + (one.bucket is not None)
            if rank >= best:
                best, found = rank, one.value
    return found


def historical_rate(lost: int, observed: int) -> Decimal | None:
    """Lost ÷ observed within 0 and 1, 8 places; None when nothing was ever observed."""
    if observed == 0:
        return None
    share = (Decimal(lost) / Decimal(observed)).quantize(_RATE, ROUND_HALF_UP)
    return min(max(share, Decimal(0)), Decimal(1))


def matrix(
    amounts: Mapping[str, Amounts], labels: Sequence[str], factors: Sequence[Setting], rates: Sequence[Setting]
) -> list[MatrixLine]:
    """A line for each segment and bucket. A rate that is given takes the place of the historical one.

    The rate that is applied is rate × factor, at most 1; the expected loss is rounded half-up to the minor unit.
    """
    lines = []
    for segment in sorted(amounts):
        one = amounts[segment]
        for bucket, label in enumerate(labels):
            historical = historical_rate(one.lost[bucket], one.observed[bucket])
            given = setting_for(rates, segment, bucket)
            rate = historical if given is None else given
            factor = setting_for(factors, segment, bucket) or Decimal(1)
            applied = None if rate is None else min((rate * factor).quantize(_RATE, ROUND_HALF_UP), Decimal(1))
            expected = 0 if applied is None else multiply(one.exposure[bucket], applied)
            lines.append(
                MatrixLine(
                    segment, bucket, label, one.exposure[bucket], one.observed[bucket], one.lost[bucket], historical,
                    factor, applied, expected,
                )
            )  # fmt: skip
    return lines
