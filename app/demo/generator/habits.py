"""How a customer pays: method, rhythm, punctuality, discounts, what it writes into the remittance text."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from app.demo.generator.dice import Dice, Wheel
from app.demo.generator.vocabulary import Country

_BANK_HOLIDAYS = frozenset({(1, 1), (5, 1), (12, 25), (12, 26)})


def is_business_day(day: date) -> bool:
    """Whether banks book on this day: no week-end and none of the holidays that all three countries share."""
    return day.weekday() < 5 and (day.month, day.day) not in _BANK_HOLIDAYS


def business_day(day: date) -> date:
    """The day itself or the next one on which banks book."""
    while not is_business_day(day):
        day += timedelta(days=1)
    return day


@dataclass(frozen=True, slots=True)
class Habits:
    """What one payer does again and again. Days are calendar days, shares per mille of its payments."""

    method: str  # transfer, direct_debit, cheque
    rhythm: str  # single, weekly, twice_monthly, monthly
    rhythm_day: int
    early_run: bool
    delay: tuple[int, int]
    discount: str  # earned, stretched, never
    nets_credits: bool
    per_subsidiary: bool
    partial_permille: int
    deduction_permille: int
    style: str
    text_limit: int
    alias: str
    names_end_to_end: bool
    order_style: str
    pays_from_elsewhere: bool

    def run_day(self, day: date) -> date:
        """The first day on or after `day` on which this payer pays."""
        candidate = day
        while not self._runs_on(candidate):
            candidate += timedelta(days=1)
        return business_day(candidate)

    def run_day_before(self, day: date, earliest: date) -> date | None:
        """The last day from `earliest` to `day` on which this payer pays; None without one."""
        candidate = day
        while candidate >= earliest:
            if self._runs_on(candidate) and business_day(candidate) <= day:
                return business_day(candidate)
            candidate -= timedelta(days=1)
        return None

    def _runs_on(self, day: date) -> bool:
        if self.rhythm == "weekly":
            return day.weekday() == self.rhythm_day % 5
        if self.rhythm == "twice_monthly":
            return day.day in (10, 25)
        if self.rhythm == "monthly":
            return day.day == self.rhythm_day
        return is_business_day(day)


_DELAY: Wheel[tuple[int, int]] = Wheel([((-4, 1), 38), ((-1, 7), 33), ((4, 18), 17), ((14, 50), 8), ((-5, 75), 4)])
_RHYTHM = Wheel([("single", 46), ("weekly", 30), ("twice_monthly", 14), ("monthly", 10)])
_RHYTHM_LARGE = Wheel([("single", 14), ("weekly", 46), ("twice_monthly", 24), ("monthly", 16)])
_DISCOUNT = Wheel([("earned", 62), ("stretched", 12), ("never", 26)])
_STYLE = Wheel(
    [
        ("numbers", 33),
        ("terse", 14),
        ("digits", 12),
        ("short_digits", 7),
        ("amounts", 5),
        ("range", 4),
        ("orders", 6),
        ("creditor_reference", 5),
        ("documents", 6),
        ("customer", 4),
        ("none", 3),
        ("delivery", 1),
    ]
)
_ORDER_STYLE = Wheel([("sap", 40), ("po", 25), ("year", 15), ("none", 20)])


def _method(country: Country, size: str, dice: Dice) -> str:
    if country.code in ("DE", "AT") and size in ("small", "middle") and dice.chance(110):
        return "direct_debit"
    if country.code in ("US", "CA") and dice.chance(260):
        return "cheque"
    return "transfer"


_UMLAUTS: dict[str, str | int | None] = {"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"}
_TRANSCRIPTION = str.maketrans(_UMLAUTS)


def _alias(name: str, dice: Dice) -> str:
    """The payer's name as its bank passes it on."""
    plain = name.translate(_TRANSCRIPTION)
    forms = [name, name, plain.upper(), plain.upper()[:27].rstrip(), plain[:35].rstrip(), name.split(" ")[0]]
    return forms[dice.below(5) if dice.chance(970) else 5]


def draw_habits(name: str, country: Country, size: str, dice: Dice) -> Habits:
    """The habits of a new customer; larger ones pay in runs, small ones more often one by one."""
    large = size in ("key", "large")
    method = _method(country, size, dice)
    limits = {"GB": (18 if dice.chance(250) else 140), "US": 80, "CA": 80}
    rhythm = (_RHYTHM_LARGE if large else _RHYTHM).spin(dice)
    delay = _DELAY.spin(dice)
    return Habits(
        method=method,
        rhythm=rhythm,
        rhythm_day=dice.between(1, 28),
        early_run=delay[0] < 0 and rhythm != "single" and dice.chance(500),
        delay=delay,
        discount=_DISCOUNT.spin(dice),
        nets_credits=dice.chance(750),
        per_subsidiary=dice.chance(300),
        partial_permille=dice.pick((5, 10, 15, 60)),
        deduction_permille=dice.pick((60, 90)) if dice.chance(120) else 8,
        style=_STYLE.spin(dice),
        text_limit=limits.get(country.code, 140),
        alias=_alias(name, dice),
        names_end_to_end=dice.chance(550),
        order_style=_ORDER_STYLE.spin(dice),
        pays_from_elsewhere=dice.chance(30),
    )
