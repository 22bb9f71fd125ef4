"""Random valid payment terms."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import strategies as st

from app.accounts.rules import WHOLE_BP, DiscountTier, InstalmentShare, PaymentTerms


@st.composite
def payment_terms(draw: st.DrawFn) -> PaymentTerms:
    """Every combination of rules that PaymentTerms accepts."""
    cuts = draw(st.sets(st.integers(1, WHOLE_BP - 1), max_size=5) | st.none())
    instalments: tuple[InstalmentShare, ...] = ()
    if cuts is not None:
        edges = [0, *sorted(cuts), WHOLE_BP]
        days = sorted(draw(st.sets(st.integers(0, 400), min_size=len(edges) - 1, max_size=len(edges) - 1)))
        shares = [high - low for low, high in pairwise(edges)]
        instalments = tuple(InstalmentShare(share, day) for share, day in zip(shares, days, strict=True))
    month_rule = draw(st.sampled_from(["none", "end", "day"]))
    net_days = 0 if instalments else draw(st.integers(0, 400))
    months_after = draw(st.integers(0, 12))
    from_end = draw(st.booleans())
    day_of_month = draw(st.integers(1, 31)) if month_rule == "day" else None
    plain = month_rule == "none" and not months_after and not from_end and not instalments
    tier_days = sorted(draw(st.sets(st.integers(0, net_days if plain else 400), max_size=3)))
    percents = draw(st.sets(st.integers(1, 9_999), min_size=len(tier_days), max_size=len(tier_days)))
    return PaymentTerms(
        code="T",
        net_days=net_days,
        end_of_month=month_rule == "end",
        months_after=months_after,
        day_of_month=day_of_month,
        discounts=tuple(
            DiscountTier(percent, day) for percent, day in zip(sorted(percents, reverse=True), tier_days, strict=True)
        ),
        instalments=instalments,
        days_from_month_end=from_end,
    )
