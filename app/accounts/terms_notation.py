"""Payment terms as people write them ("2/10 net 30", "net 30 EOM", "10th of following month") and as stored JSON."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TypeVar

from app.accounts.rules import MAX_CODE_LENGTH, DiscountTier, InstalmentShare, PaymentTerms, PaymentTermsInvalid

MAX_TEXT_LENGTH = 400
_RowT = TypeVar("_RowT")

_DAYS = r"(\d{1,4})(?!\d|st|nd|rd|th)(?:\s?days?\b)?"
_PERCENT = r"(\d{1,3}(?:\.\d{1,2})?)"
_ORDINAL = r"(\d{1,2})(?:st|nd|rd|th)\b"
_NEXT_MONTH = r"(?:day )?(?:of )?(?:the )?(?:(?:following|next) month|month following|prox(?:imo)?\b)"
_TIER = re.compile(rf"{_PERCENT}\s?(?:%\s?/?|/)\s?{_DAYS}")
_INSTALMENT = re.compile(rf"{_PERCENT}\s?%\s?(?:due )?(?:net|in|n)\s?/?\s?{_DAYS}")
_NET = re.compile(rf"(?:(?:net|n)\s?/?\s?{_DAYS}|(\d{{1,4}})\s?days?\b(?: net\b)?)")
_AT_ONCE = re.compile(r"(?:(?:due )?(?:upon|on) receipt|immediate(?:ly)?|due now|cash)\b")
_BARE_NET = re.compile(r"(?:net|due)\b")
_FROM_MONTH_END = re.compile(r"(?:eom\b|(?:from|after) (?:the )?end of (?:the )?month\b)")
_PLUS_MONTHS = re.compile(r"(?:plus|\+)\s?(\d{1,2}) months?\b")
_THEN_MONTH_END = re.compile(r"then (?:to )?(?:the )?(?:end of (?:the )?month|eom)\b")
_NEXT_MONTH_END = re.compile(r"(?:the )?end of (?:the )?(?:following|next) month\b")
_THEN_DAY = re.compile(rf"then on (?:the )?{_ORDINAL}")
_DAY_OF_NEXT_MONTH = re.compile(rf"(?:on )?(?:the )?{_ORDINAL} {_NEXT_MONTH}")
_PROX = re.compile(r"(?:(?:prox|mfi) (\d{1,2})|(\d{1,2}) (?:prox|mfi))\b")
_SEPARATORS = re.compile(r"[ ,;]*")


class TermsTextInvalid(PaymentTermsInvalid):
    """The text is not one of the forms of payment terms that are read."""

    code = "payment_terms.text_invalid"


class _Reader:
    """Takes one form after the other from the front of the text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0

    def take(self, form: re.Pattern[str]) -> re.Match[str] | None:
        """The form at the present position, after separators; None leaves the position."""
        start = _SEPARATORS.match(self.text, self.position)
        match = form.match(self.text, start.end() if start else self.position)
        if match:
            self.position = match.end()
        return match

    @property
    def rest(self) -> str:
        """What was not read."""
        return self.text[self.position :].strip(" ,;")


def parse_terms_text(text: str, code: str | None = None) -> PaymentTerms:
    """The terms of a text such as "2/10 net 30", "2/10, 1/20, n/60", "net 30 EOM", "30 days then end of month",
    "10th of following month", "due on receipt", "30% net 0, 70% net 60"; the code is the text unless given.

    Case, spaces and commas do not matter; every text of `terms_text` is read back. "30 days end of month" and
    "2/10 EOM" are refused: each may mean two rules. Raises TermsTextInvalid, and what PaymentTerms raises.
    """
    if len(text) > MAX_TEXT_LENGTH or not text.isascii():
        raise TermsTextInvalid(f"terms are at most {MAX_TEXT_LENGTH} plain characters", pointer="/terms")
    plain = " ".join(text.split())
    reader = _Reader(plain.lower())
    discounts: list[DiscountTier] = []
    while tier := reader.take(_TIER):
        discounts.append(DiscountTier(_basis_points(tier[1]), int(tier[2])))
    instalments: list[InstalmentShare] = []
    while part := reader.take(_INSTALMENT):
        instalments.append(InstalmentShare(_basis_points(part[1]), int(part[2])))
    net_days = None if instalments else _take_net(reader)
    # "2/10 EOM" without net days means 10 days after the month's end to some and after the invoice to others.
    counts_days = bool(instalments) or net_days is not None
    month = _take_month_rule(reader, counts_days=counts_days, bare_eom=not discounts)
    if reader.rest or (net_days is None and not instalments and month == (False, False, 0, None)):
        raise TermsTextInvalid(
            f"{plain[:60]!r} is not read as payment terms; write for example '2/10 net 30', 'net 30 EOM', "
            "'30 days then end of month', '10th of following month'",
            pointer="/terms",
        )
    days_from_month_end, end_of_month, months_after, day_of_month = month
    return PaymentTerms(
        code=plain[:MAX_CODE_LENGTH].strip() if code is None else code,
        net_days=net_days or 0,
        end_of_month=end_of_month,
        months_after=months_after,
        day_of_month=day_of_month,
        discounts=tuple(discounts),
        instalments=tuple(instalments),
        days_from_month_end=days_from_month_end,
    )


def _take_net(reader: _Reader) -> int | None:
    if match := reader.take(_NET):
        return int(match[1] or match[2])
    if reader.take(_AT_ONCE):
        return 0
    reader.take(_BARE_NET)
    return None


def _take_month_rule(reader: _Reader, *, counts_days: bool, bare_eom: bool) -> tuple[bool, bool, int, int | None]:
    """(days_from_month_end, end_of_month, months_after, day_of_month) as far as the text has them."""
    from_month_end = (counts_days or bare_eom) and reader.take(_FROM_MONTH_END) is not None
    end_of_month = False
    if from_month_end and not counts_days:  # "EOM" alone: due at the end of the month
        from_month_end, end_of_month = False, True
    months = reader.take(_PLUS_MONTHS)
    months_after = int(months[1]) if months else 0
    day: int | None = None
    if reader.take(_THEN_MONTH_END):
        end_of_month = True
    elif match := reader.take(_THEN_DAY):
        day = int(match[1])
    elif months is None and reader.take(_NEXT_MONTH_END):
        end_of_month, months_after = True, 1
    elif months is None and (match := reader.take(_DAY_OF_NEXT_MONTH) or reader.take(_PROX)):
        day, months_after = int(next(group for group in match.groups() if group)), 1
    return from_month_end, end_of_month, months_after, day


def terms_text(terms: PaymentTerms) -> str:
    """The canonical text; `parse_terms_text` reads it back to equal terms, the code aside (and `net_days` of
    terms with instalments, which nothing uses).
    """
    parts = [f"{_percent_text(tier.percent_bp)}/{tier.days}" for tier in terms.discounts]
    parts += [f"{_percent_text(part.share_bp)}% net {part.net_days}" for part in terms.instalments]
    text = ", ".join(parts)
    month_rule = _month_rule_text(terms)
    if terms.instalments:
        return f"{text} {month_rule}".strip()
    if terms.net_days == 0 and not terms.days_from_month_end:
        if terms.months_after == 1 and terms.day_of_month:
            return f"{text}, {_ordinal(terms.day_of_month)} of following month".strip(", ")
        if terms.months_after == 0 and terms.end_of_month and not terms.discounts:
            return "EOM"
    return f"{text} net {terms.net_days} {month_rule}".strip()


def _month_rule_text(terms: PaymentTerms) -> str:
    words: list[str] = []
    if terms.days_from_month_end:
        words.append("EOM")
    if terms.months_after:
        words.append(f"plus {terms.months_after} month{'s' if terms.months_after > 1 else ''}")
    if terms.end_of_month:
        words.append("then end of month")
    if terms.day_of_month:
        words.append(f"then on the {_ordinal(terms.day_of_month)}")
    return " ".join(words)


def describe_terms(terms: PaymentTerms) -> str:
    """One English sentence for a person: "2% discount within 10 days; due 30 days after the invoice date."."""
    start = "the end of the invoice's month" if terms.days_from_month_end else "the invoice date"
    tail = f", then {terms.months_after} months later" if terms.months_after > 1 else ""
    tail = ", then one month later" if terms.months_after == 1 else tail
    if terms.end_of_month:
        tail += ", then at the end of that month"
    if terms.day_of_month:
        tail += f", then on the {_ordinal(terms.day_of_month)}"
    clauses = [f"{_percent_text(tier.percent_bp)}% discount within {_days_text(tier.days)}" for tier in terms.discounts]
    for part in terms.instalments or (InstalmentShare(0, terms.net_days),):
        share = f"{_percent_text(part.share_bp)}% " if part.share_bp else ""
        when = f"{_days_text(part.net_days)} after {start}" if part.net_days else f"on {start}"
        clauses.append(f"{share}due {when}{tail}")
    return "; ".join(clauses) + "."


def terms_to_json(terms: PaymentTerms) -> dict[str, object]:
    """The stored definition: whole numbers and booleans only; the code is kept beside it."""
    return {
        "net_days": terms.net_days,
        "end_of_month": terms.end_of_month,
        "days_from_month_end": terms.days_from_month_end,
        "months_after": terms.months_after,
        "day_of_month": terms.day_of_month,
        "discounts": [{"percent_bp": tier.percent_bp, "days": tier.days} for tier in terms.discounts],
        "instalments": [{"share_bp": part.share_bp, "net_days": part.net_days} for part in terms.instalments],
    }


def terms_from_json(code: str, definition: Mapping[str, object]) -> PaymentTerms:
    """The terms of a stored definition; absent fields take their defaults. Raises PaymentTermsInvalid and below."""
    fields = dict(definition)
    discounts = _rows(fields.pop("discounts", []), "/discounts", DiscountTier, {"percent_bp", "days"})
    instalments = _rows(fields.pop("instalments", []), "/instalments", InstalmentShare, {"share_bp", "net_days"})
    flags = {"end_of_month", "days_from_month_end"}
    for name, value in fields.items():
        if name not in flags | {"net_days", "months_after", "day_of_month"}:
            raise PaymentTermsInvalid(f"payment terms have no field {str(name)[:40]!r}", pointer="")
        if name in flags and type(value) is not bool:
            raise PaymentTermsInvalid(f"{name} is true or false", pointer=f"/{name}")
    # PaymentTerms checks the type and range of each number itself.
    return PaymentTerms(code=code, discounts=discounts, instalments=instalments, **fields)  # type: ignore[arg-type]


def _rows(value: object, pointer: str, row: Callable[..., _RowT], names: set[str]) -> tuple[_RowT, ...]:
    if not isinstance(value, list):
        raise PaymentTermsInvalid(f"{pointer[1:]} is a list", pointer=pointer)
    for index, item in enumerate(value):
        if not isinstance(item, dict) or item.keys() != names:
            raise PaymentTermsInvalid(f"needs exactly {' and '.join(sorted(names))}", pointer=f"{pointer}/{index}")
    return tuple(row(**item) for item in value)


def _basis_points(percent: str) -> int:
    whole, _, part = percent.partition(".")
    return int(whole) * 100 + int(part.ljust(2, "0"))


def _percent_text(basis_points: int) -> str:
    whole, part = divmod(basis_points, 100)
    return f"{whole}.{part:02d}".rstrip("0").rstrip(".") if part else str(whole)


def _days_text(days: int) -> str:
    return "1 day" if days == 1 else f"{days} days"


def _ordinal(day: int) -> str:
    suffix = "th" if 11 <= day <= 13 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return f"{day}{suffix}"
