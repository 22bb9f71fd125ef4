"""Money: an integer count of a currency's ISO 4217 minor unit. No float ever touches an amount.

`minor` is the count (cents for USD, yen for JPY, fils for KWD); every sum is exact and every split adds up.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, localcontext

from app.core.errors import RuleViolation

# ISO 4217 minor units that differ from 2 (list one, active codes). All others that are known have 2 places.
_CODE = re.compile(r"[A-Z]{3}")
_EXPONENTS = {
    **dict.fromkeys(_CODE.findall("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"), 0),
    **dict.fromkeys(_CODE.findall("BHD IQD JOD KWD LYD OMR TND"), 3),
    **dict.fromkeys(_CODE.findall("CLF UYW"), 4),
}
_TWO_PLACES = frozenset(
    _CODE.findall(
        "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD "
        "CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS "
        "GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL "
        "MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK "
        "PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS "
        "TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG"
    )
)
CURRENCIES: frozenset[str] = _TWO_PLACES | frozenset(_EXPONENTS)
MAX_MINOR = 10**15  # a bound far below BIGINT, so that sums of thousands of rows cannot overflow
_BIGINT_MAX = 2**63 - 1
_PLAIN_DECIMAL = re.compile(r"-?(0|[1-9][0-9]{0,17})(?:\.([0-9]{1,12}))?", re.ASCII)


class CurrencyUnknown(RuleViolation):
    """The code is not an active ISO 4217 currency."""

    code = "money.currency_unknown"


class AmountInvalid(RuleViolation):
    """The text is not an amount, has decimals that the currency lacks, or is out of range."""

    code = "money.amount_invalid"


class CurrencyMismatch(RuleViolation):
    """Two currencies met where one was needed."""

    code = "money.currency_mismatch"


def exponent(currency: str) -> int:
    """Decimal places of the currency's minor unit (ISO 4217). Raises CurrencyUnknown."""
    if currency in _TWO_PLACES:
        return 2
    try:
        return _EXPONENTS[currency]
    except KeyError:
        raise CurrencyUnknown(f"{currency[:12]!r} is not a currency of ISO 4217", pointer="/currency") from None


def to_minor(amount: str | Decimal, currency: str, *, pointer: str = "/amount") -> int:
    """Minor units of a plain decimal text (`"1250.00"`) or Decimal. Surplus decimals pass only when zero.

    Raises CurrencyUnknown, and AmountInvalid: not a plain finite decimal, non-zero surplus decimals,
    |minor| > MAX_MINOR.
    """
    places = exponent(currency)
    if isinstance(amount, str):
        minor = _text_to_minor(amount, currency, places, pointer)
    else:
        minor = _decimal_to_minor(amount, currency, places, pointer)
    if abs(minor) > MAX_MINOR:
        raise AmountInvalid("the amount is out of range", pointer=pointer)
    return minor


def _text_to_minor(text: str, currency: str, places: int, pointer: str) -> int:
    # Digits go straight to an integer: half the time of a Decimal, which imports of a million rows notice.
    match = _PLAIN_DECIMAL.fullmatch(text)
    if match is None:
        raise AmountInvalid(f"{text[:40]!r} is not a plain decimal amount", pointer=pointer)
    whole, part = match[1], match[2] or ""
    if part[places:].strip("0"):
        raise AmountInvalid(f"{currency} has {places} decimals; {text} has more", pointer=pointer)
    return int(whole + part[:places].ljust(places, "0")) * (-1 if text[0] == "-" else 1)


def _decimal_to_minor(amount: Decimal, currency: str, places: int, pointer: str) -> int:
    if not amount.is_finite() or amount.copy_abs() > MAX_MINOR:
        raise AmountInvalid("the amount is out of range", pointer=pointer)
    with localcontext() as context:
        context.prec = 60
        # Quantize and compare look at every digit of the operand; scaling it first would round those past 60.
        kept = amount.quantize(Decimal(1).scaleb(-places))
        if kept != amount:
            shown = str(amount)[:40]
            raise AmountInvalid(f"{currency} has {places} decimals; {shown} has more", pointer=pointer)
        return int(kept.scaleb(places))


def round_to_minor(amount: Decimal, currency: str) -> int:
    """Minor units rounded half-up (away from zero at the half), for rates and imports that ask for rounding.

    Raises AmountInvalid (not finite, or |minor| > MAX_MINOR), CurrencyUnknown.
    """
    places = exponent(currency)
    if not amount.is_finite() or amount.copy_abs() > MAX_MINOR:
        raise AmountInvalid("the amount is out of range", pointer="/amount")
    with localcontext() as context:
        context.prec = 60
        minor = int(amount.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP).scaleb(places))
    if abs(minor) > MAX_MINOR:
        raise AmountInvalid("the amount is out of range", pointer="/amount")
    return minor


def to_decimal(minor: int, currency: str) -> Decimal:
    """The exact Decimal of a count of minor units, with the currency's places."""
    sign, digits, _ = Decimal(minor).as_tuple()
    return Decimal((sign, digits, -exponent(currency)))


def to_text(minor: int, currency: str) -> str:
    """The JSON form: `"1250.00"` for EUR, `"1250"` for JPY."""
    places = exponent(currency)
    if places == 0:
        return str(minor)
    sign = "-" if minor < 0 else ""
    whole, part = divmod(abs(minor), 10**places)
    return f"{sign}{whole}.{part:0{places}d}"


def multiply(minor: int, rate: Decimal, *, rounding: str = ROUND_HALF_UP) -> int:
    """`minor × rate` rounded to a whole minor unit (half-up unless named).

    Raises AmountInvalid when the rate is not finite or the result does not fit in 64 bits.
    """
    return _rounded_product(Decimal(minor), rate, 0, rounding)


def convert(minor: int, currency: str, to_currency: str, rate: Decimal) -> int:
    """Convert at `rate` (units of `to_currency` for one of `currency`), rounded half-even to the minor unit.

    Raises CurrencyUnknown, and AmountInvalid when the rate is not finite or the result is past 64 bits.
    """
    return _rounded_product(to_decimal(minor, currency), rate, exponent(to_currency), ROUND_HALF_EVEN)


def _rounded_product(value: Decimal, rate: Decimal, places: int, rounding: str) -> int:
    try:
        with localcontext() as context:
            context.prec = 60
            minor = int((value * rate).scaleb(places).quantize(Decimal(1), rounding=rounding))
    except (ArithmeticError, ValueError):  # not a number, infinite, or more digits than the context holds
        minor = _BIGINT_MAX + 1
    if abs(minor) > _BIGINT_MAX:
        raise AmountInvalid("the amount is out of range", pointer="/amount")
    return minor


def prorate(minor: int, part: int, whole: int) -> int:
    """`minor × part ÷ whole` in whole minor units, half-up: what belongs to a part. None may be negative.

    Raises ValueError when `whole` is not positive.
    """
    if whole <= 0 or part < 0 or minor < 0:
        raise ValueError("nothing negative, and a positive whole")
    return (2 * minor * part + whole) // (2 * whole)


def allocate(minor: int, weights: Sequence[int]) -> list[int]:
    """Split by weights with the largest remainder, so that the parts always sum to `minor`.

    Ties of remainders go to the later part (100 in 3 parts gives 33.33, 33.33, 33.34). Raises ValueError when
    there is no positive weight or a negative one.
    """
    total = sum(weights)
    if total <= 0 or min(weights) < 0:
        raise ValueError("weights must be non-negative with a positive sum")
    sign = -1 if minor < 0 else 1
    size = abs(minor)
    parts = [size * weight // total for weight in weights]
    rest = size - sum(parts)
    by_remainder = sorted(range(len(weights)), key=lambda i: (size * weights[i] % total, i), reverse=True)
    for index in by_remainder[:rest]:
        parts[index] += 1
    return [sign * part for part in parts]


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """An amount: integer minor units and the ISO 4217 currency."""

    minor: int
    currency: str

    @classmethod
    def parse(cls, amount: str | Decimal, currency: str) -> Money:
        """From a plain decimal text; see `to_minor` for what is refused."""
        return cls(to_minor(amount, currency), currency)

    def __add__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.minor + other.minor, self.currency)

    def __sub__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.minor - other.minor, self.currency)

    def __neg__(self) -> Money:
        return Money(-self.minor, self.currency)

    def __str__(self) -> str:
        return f"{to_text(self.minor, self.currency)} {self.currency}"

    def _same(self, other: Money) -> None:
        if self.currency != other.currency:
            raise CurrencyMismatch(f"{self.currency} and {other.currency} cannot be added")
