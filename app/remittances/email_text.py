"""A remittance advice out of the plain text of an e-mail: document numbers with amounts, and what stands around them.

Pure. What cannot be read for sure is not guessed: such lines are handed back as `unread`, and a text whose lines
leave two readings of its columns is read the way in which they add up to the total that it names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date

from app.core.errors import DomainError
from app.core.money import CURRENCIES, exponent, to_minor
from app.remittances.rules import LINES_LIMIT, AdvisedLine

TEXT_LENGTH_MAX = 200_000
LINE_LENGTH_MAX = 400
UNREAD_LIMIT = 50

_NUMERAL = re.compile(
    r"(?<![\w.,'/-])(?P<minus>[-\u2212(])?\s?(?P<number>[0-9]{1,3}(?:[.,' \u00a0\u202f][0-9]{3})+(?:[.,][0-9]{1,4})?"
    r"|[0-9]{1,13}[.,][0-9]{1,4}|[0-9]{1,13})(?P<after>\)|-)?(?![\w'/]|[.,-][0-9])"
)
_CURRENCY = re.compile(r"(?<![A-Za-z])([A-Z]{3})(?![A-Za-z])|([\u20ac$\u00a3])")
_SIGNS = {"\u20ac": "EUR", "$": "USD", "\u00a3": "GBP"}
_DATE = re.compile(
    r"(?<![\w.-])(?:(?P<y>[12][0-9]{3})-(?P<m>[0-9]{2})-(?P<d>[0-9]{2})"
    r"|(?P<d2>[0-9]{1,2})(?P<sep>[./])(?P<m2>[0-9]{1,2})(?P=sep)(?P<y2>[12][0-9]{3}))(?![\w-]|[./][0-9])"
)
_DOCUMENT = re.compile(r"(?<![\w/-])(?=[\w/-]{0,40}[0-9]{3})[A-Za-z0-9](?:[\w/-]|\.(?=[A-Za-z0-9])){2,39}(?![\w/-])")
_TOTAL = re.compile(
    r"\b(?:grand total|total(?: (?:amount|paid|payment))?|amount (?:paid|transferred)|payment amount|net payment"
    r"|gesamt\w*|summe|zahlbetrag|zahlungsbetrag|\u00fcberweisungsbetrag|montant (?:total|pay\u00e9)"
    r"|importe total|totale)\b",
    re.IGNORECASE,
)
_REFERENCE = re.compile(
    r"\b(?:payment|transfer|remittance|our|your|zahlungs)?[ -]?(?:reference|ref(?:erenz)?|verwendungszweck|avisnummer"
    r"|avis-?nr)\b\.?(?: ?(?:no|nr|number|nummer))?\.?\s*[:#=]\s*(?P<value>[A-Za-z0-9][\w ./-]{2,60})",
    re.IGNORECASE,
)
_EXPECTED = re.compile(
    r"\b(?:payment|value|transfer|settlement|zahlungs|valuta|wert|ausf\u00fchrungs)[ -]?(?:date|datum|tag)?\b",
    re.IGNORECASE,
)
_PAYER = re.compile(
    r"^\s*(?:payer|paid by|customer|zahler|kunde|auftraggeber)\s*[:=]\s*(?P<value>\S.{1,150})$", re.IGNORECASE
)
_LABEL = {
    "gross": re.compile(r"\b(?:gross|brutto|invoice amount|rechnungsbetrag)\b", re.IGNORECASE),
    "discount": re.compile(r"\b(?:discount|skonto|cash discount|escompte|descuento)\b", re.IGNORECASE),
    "deduction": re.compile(
        r"\b(?:deduct(?:ed|ion)|less|short ?paid|withheld|abz(?:gl|\u00fcgl\w*)|abzug"
        r"|gek\u00fcrzt|k\u00fcrzung|retention|chargeback"
        r"|deducci\u00f3n|d\u00e9duction)\b", re.IGNORECASE,
    ),
    "net": re.compile(
        r"\b(?:net|netto|paid|pay(?:ment|ing)?|bezahlt|zahlung|gezahlt|amount|betrag|montant)\b", re.IGNORECASE
    ),
}  # fmt: skip
_REASON = re.compile(
    r"\((?P<inside>[^()0-9][^()]{1,80})\)|\b(?:because of|due to|for|reason|wegen|grund|f\u00fcr)\b\s*[:=]?\s*"
    r"(?P<behind>[^\d\s,;:(][^,;:()0-9]{1,80})",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"^\s*>+\s?")


@dataclass(frozen=True, slots=True)
class TextAdvice:
    """What was read: lines, the total and reference the text names, and the lines that look like documents but could
    not be read.
    """

    currency: str | None
    lines: tuple[AdvisedLine, ...]
    amount_minor: int | None
    payment_reference: str | None
    expected_date: date | None
    payer_name: str | None
    unread: tuple[str, ...]


@dataclass(slots=True)
class _Found:
    """One line of the text with a document number and amounts by label, or amounts whose meaning is open."""

    number: str
    text: str
    labelled: dict[str, int] = field(default_factory=dict)
    plain: list[int] = field(default_factory=list)
    reason: str | None = None


def read_email_text(text: str, currency: str | None = None) -> TextAdvice:
    """Read the text. `currency` is what the caller knows; else the only currency that the text names.

    Amounts follow the trade's ways: `1.234,56`, `1,234.56`, `1 234.56`, `1234.56`; a credit memo is negative.
    """
    rows = [_QUOTED.sub("", row)[:LINE_LENGTH_MAX].strip() for row in text[:TEXT_LENGTH_MAX].splitlines()]
    currency = currency or _only_currency(rows)
    places = exponent(currency) if currency else 2
    total = reference = expected = payer = None
    columns: tuple[str, ...] = ()
    found: list[_Found] = []
    unread: list[str] = []
    for row in filter(None, rows):
        if reference is None and (hit := _REFERENCE.search(row)):
            reference = hit["value"].strip(" .-")
            continue
        if payer is None and (hit := _PAYER.match(row)):
            payer = hit["value"].strip()
            continue
        amounts = list(_amounts(_DATE.sub(" ", row), places))
        if _TOTAL.search(row) and amounts:
            total = amounts[-1][1]
            continue
        document = _document(row)
        if document is None:
            columns = _columns(row) or columns
            if expected is None and _EXPECTED.search(row):
                expected = _date(row)
            continue
        one = _line(row, document, places, columns)
        if one is not None and len(found) < LINES_LIMIT:
            found.append(one)
        elif len(unread) < UNREAD_LIMIT:
            unread.append(row)
    lines, open_rows = _settle(found, total)
    unread.extend(open_rows[: UNREAD_LIMIT - len(unread)])
    return TextAdvice(currency, tuple(lines), total, reference, expected, payer, tuple(unread))


def _only_currency(rows: Sequence[str]) -> str | None:
    named = {
        _SIGNS.get(hit[2], hit[1]) for row in rows for hit in _CURRENCY.finditer(row) if hit[2] or hit[1] in CURRENCIES
    }
    return named.pop() if len(named) == 1 else None


def _document(row: str) -> tuple[str, int] | None:
    """The first token that can be a document number, and where it ends."""
    masked = _DATE.sub(lambda hit: " " * len(hit.group()), row)
    for hit in _DOCUMENT.finditer(masked):
        token = hit.group()
        numeral = _NUMERAL.fullmatch(token)
        if numeral is not None and not numeral["number"].isdigit():
            continue
        return token.rstrip("-/_"), hit.end()
    return None


def _amounts(row: str, places: int) -> Iterator[tuple[int, int]]:
    """Positions and minor units of the amounts in a row: numerals with decimals, or beside a currency."""
    for hit in _NUMERAL.finditer(row):
        around = row[max(0, hit.start() - 5) : hit.start()] + " " + row[hit.end() : hit.end() + 4]
        beside = any(sign in around for sign in _SIGNS) or any(
            code[1] in CURRENCIES for code in _CURRENCY.finditer(around) if code[1]
        )
        plain = _plain_decimal(hit["number"], places)
        if plain is None or ("." not in plain and places and not beside):
            continue
        try:
            # Two places where the currency is not known yet; it is checked when the advice is recorded.
            minor = to_minor(plain, "EUR" if places == 2 else "JPY" if places == 0 else "KWD" if places == 3 else "CLF")
        except DomainError:
            continue
        negative = hit["minus"] or hit["after"] == "-"
        yield hit.start(), -minor if negative else minor


def _plain_decimal(number: str, places: int) -> str | None:
    """A plain decimal text; None where a group of three may be decimals or thousands."""
    marks = [ch for ch in number if not ch.isdigit()]
    if not marks:
        return number.lstrip("0") or "0"
    last = number.rindex(marks[-1])
    behind = len(number) - last - 1
    decimal = marks[-1] in ".," and (len(set(marks)) > 1 or (marks.count(marks[-1]) == 1 and behind != 3))
    if len(marks) > 1 and len(set(marks)) > 1 and marks.count(marks[-1]) > 1:
        return None
    if decimal:
        whole = "".join(ch for ch in number[:last] if ch.isdigit()).lstrip("0") or "0"
        return f"{whole}.{number[last + 1 :]}"
    if places == 3 and len(marks) == 1 and marks[0] in ".,":
        return None
    return "".join(ch for ch in number if ch.isdigit()).lstrip("0") or "0"


def _columns(row: str) -> tuple[str, ...]:
    """The order of the amounts that a heading names, or nothing."""
    if any(ch.isdigit() for ch in row):
        return ()
    places = sorted((hit.start(), name) for name, pattern in _LABEL.items() if (hit := pattern.search(row)) is not None)
    # The word "amount" of "invoice amount" must not count a second time.
    gross = {start for start, name in places if name == "gross"}
    kept = [name for start, name in places if name != "net" or not any(at < start < at + 15 for at in gross)]
    return tuple(kept) if len(kept) > 1 else ()


def _line(row: str, document: tuple[str, int], places: int, columns: tuple[str, ...]) -> _Found | None:
    number, end = document
    rest = _DATE.sub(lambda hit: " " * len(hit.group()), row[end:])
    amounts = list(_amounts(rest, places))
    if not amounts:
        return None
    one = _Found(number, row)
    before = 0
    for position, minor in amounts:
        label = _label(rest[before:position])
        if label in ("discount", "deduction"):
            one.labelled[label] = one.labelled.get(label, 0) + abs(minor)
        elif label is not None and label not in one.labelled:
            one.labelled[label] = minor
        else:
            one.plain.append(minor)
        before = position
    if not one.labelled and len(columns) == len(one.plain):
        one.labelled, one.plain = dict(zip(columns, one.plain, strict=True)), []
    if one.labelled.get("deduction") and (hit := _REASON.search(rest)):
        one.reason = (hit["inside"] or hit["behind"]).strip(" .-")[:64] or None
    return one


def _label(text: str) -> str | None:
    """The last word before an amount that says what it is."""
    hits = [(hit.start(), name) for name, pattern in _LABEL.items() for hit in pattern.finditer(text)]
    return max(hits)[1] if hits else None


def _settle(found: list[_Found], total: int | None) -> tuple[list[AdvisedLine], list[str]]:
    """Lines from what was found; the meaning of unlabelled amounts is the one that adds up to the total."""
    readings = [[_read(one, second_is_net=second_is_net) for one in found] for second_is_net in (True, False)]
    for lines in readings:
        if total is not None and None not in lines and sum(line.amount_minor for line in lines if line) == total:
            return [line for line in lines if line], []
    agreed = [left if left == right else None for left, right in zip(*readings, strict=True)]
    unread = [one.text for one, line in zip(found, agreed, strict=True) if line is None]
    return [line for line in agreed if line is not None], unread


def _read(one: _Found, *, second_is_net: bool) -> AdvisedLine | None:
    """One line; None where its amounts do not fit together."""
    said, plain = dict(one.labelled), list(one.plain)
    if plain and "net" not in said and "gross" not in said:
        _place(said, plain, second_is_net=second_is_net)
    elif len(plain) == 1:
        said.setdefault("net" if "gross" in said else "gross", plain.pop())
    if plain:
        return None
    discount, deduction = abs(said.get("discount", 0)), abs(said.get("deduction", 0))
    gross, net = said.get("gross"), said.get("net")
    if gross is not None and net is not None:
        rest = gross - net - discount - deduction
        if rest < 0 or (rest and (discount or deduction)):
            return None
        deduction += rest
    if net is None:
        if gross is None:
            return None
        net = gross - discount - deduction
    if net < 0 and (discount or deduction):
        return None
    line = AdvisedLine(one.number[:64], net, discount, deduction, one.reason if deduction else None, gross)
    return line if net or discount or deduction else None


def _place(said: dict[str, int], plain: list[int], *, second_is_net: bool) -> None:
    """Name unlabelled amounts: one is what is paid; with more, those that fit as gross, less what is kept, net."""
    kept = abs(said.get("discount", 0)) + abs(said.get("deduction", 0))
    if len(plain) == 1:
        said["gross" if kept else "net"] = plain.pop()
    elif len(plain) == 2 and (kept or second_is_net):
        said["gross"], said["net"] = plain
        plain.clear()
    elif len(plain) == 2 and plain[1] < plain[0]:
        said["gross"], said["discount"] = plain
        plain.clear()
    elif len(plain) == 3 and plain[0] - abs(plain[1]) == plain[2]:
        said["gross"], said["discount"], said["net"] = plain
        plain.clear()
    elif len(plain) == 4 and plain[0] - abs(plain[1]) - abs(plain[2]) == plain[3]:
        said["gross"], said["discount"], said["deduction"], said["net"] = plain
        plain.clear()


def _date(row: str) -> date | None:
    """The first day that has one meaning: ISO, day.month.year, or with slashes where one part is past 12."""
    for hit in _DATE.finditer(row):
        if hit["y"]:
            year, month, day = int(hit["y"]), int(hit["m"]), int(hit["d"])
        else:
            year, month, day = int(hit["y2"]), int(hit["m2"]), int(hit["d2"])
            if hit["sep"] == "/" and month > 12:
                month, day = day, month
            elif hit["sep"] == "/" and day <= 12 and day != month:
                continue
        try:
            return date(year, month, day)
        except ValueError:
            continue
    return None
