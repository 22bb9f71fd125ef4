"""Rules of the customer account: payment terms, due and discount dates, credit limit, account names for duplicates."""

from __future__ import annotations

import re
import unicodedata
from calendar import monthrange
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise

from app.core.errors import RuleViolation
from app.core.money import allocate, multiply

MAX_NET_DAYS = 3_650
MAX_MONTHS_AFTER = 12
MAX_DISCOUNT_TIERS = 3
MAX_INSTALMENTS = 60
MAX_CODE_LENGTH = 64
WHOLE_BP = 10_000  # basis points of the whole amount: 100.00 %


class PaymentTermsInvalid(RuleViolation):
    """Days, months or day of month are past their bounds, or contradict each other."""

    code = "payment_terms.invalid"


class DiscountTiersInvalid(PaymentTermsInvalid):
    """Discount tiers are too many, not falling in percent with rising days, or end after the due date."""

    code = "payment_terms.discounts_invalid"


class InstalmentSharesInvalid(PaymentTermsInvalid):
    """Instalments do not sum to 100 %, do not follow each other, or are too many."""

    code = "payment_terms.instalments_invalid"


class DueDateOutOfRange(RuleViolation):
    """The due date would lie past the end of the calendar."""

    code = "payment_terms.due_date_out_of_range"


class ScheduleAmountInvalid(RuleViolation):
    """Only a positive amount falls due."""

    code = "payment_terms.amount_not_positive"


@dataclass(frozen=True, slots=True)
class DiscountTier:
    """`percent_bp` basis points (200 is 2 %) off when paid within `days` days."""

    percent_bp: int
    days: int


@dataclass(frozen=True, slots=True)
class InstalmentShare:
    """`share_bp` basis points of the amount, due `net_days` days after the date the terms count from."""

    share_bp: int
    net_days: int


@dataclass(frozen=True, slots=True)
class PaymentTerms:
    """When an invoice falls due and which discount it earns.

    The due date, in this order: the invoice date, or the end of its month with `days_from_month_end` ("net 30
    EOM"); plus `net_days`; plus `months_after`; then the end of that month with `end_of_month` ("30 days then
    end of month"), or its `day_of_month` ("10th of following month" is months_after 1, day 10), or the last day
    of a shorter month. Instalments bring their own days instead of `net_days`. Discount days count from the
    same date as `net_days`. Raises PaymentTermsInvalid, DiscountTiersInvalid, InstalmentSharesInvalid.
    """

    code: str
    net_days: int = 0
    end_of_month: bool = False
    months_after: int = 0
    day_of_month: int | None = None
    discounts: tuple[DiscountTier, ...] = ()
    instalments: tuple[InstalmentShare, ...] = ()
    days_from_month_end: bool = False

    def __post_init__(self) -> None:
        code = self.code
        if not (0 < len(code) <= MAX_CODE_LENGTH and code.isprintable() and code == code.strip()):
            raise PaymentTermsInvalid(f"a code is 1 to {MAX_CODE_LENGTH} printable characters", pointer="/code")
        _check_range(self.net_days, 0, MAX_NET_DAYS, "/net_days")
        _check_range(self.months_after, 0, MAX_MONTHS_AFTER, "/months_after")
        if self.day_of_month is not None:
            _check_range(self.day_of_month, 1, 31, "/day_of_month")
            if self.end_of_month:
                raise PaymentTermsInvalid("end of month or day of month, not both", pointer="/day_of_month")
        self._check_discounts()
        self._check_instalments()

    @property
    def is_plain(self) -> bool:
        """Due so many days after the invoice date in one sum, with no rule about months."""
        by_month = self.end_of_month or self.days_from_month_end or self.months_after or self.day_of_month
        return not by_month and not self.instalments

    def _check_discounts(self) -> None:
        if len(self.discounts) > MAX_DISCOUNT_TIERS:
            raise DiscountTiersInvalid(f"at most {MAX_DISCOUNT_TIERS} discount tiers", pointer="/discounts")
        for index, tier in enumerate(self.discounts):
            _check_range(tier.percent_bp, 1, WHOLE_BP - 1, f"/discounts/{index}/percent", DiscountTiersInvalid)
            _check_range(tier.days, 0, MAX_NET_DAYS, f"/discounts/{index}/days", DiscountTiersInvalid)
        for earlier, later in pairwise(self.discounts):
            if later.days <= earlier.days or later.percent_bp >= earlier.percent_bp:
                raise DiscountTiersInvalid("a later discount tier gives less, for longer", pointer="/discounts")
        if self.discounts and self.is_plain and self.discounts[-1].days > self.net_days:
            raise DiscountTiersInvalid("a discount ends on the due date at the latest", pointer="/discounts")

    def _check_instalments(self) -> None:
        if not self.instalments:
            return
        if len(self.instalments) > MAX_INSTALMENTS:
            raise InstalmentSharesInvalid(f"at most {MAX_INSTALMENTS} instalments", pointer="/instalments")
        for index, part in enumerate(self.instalments):
            at = f"/instalments/{index}"
            _check_range(part.share_bp, 1, WHOLE_BP, f"{at}/percent", InstalmentSharesInvalid)
            _check_range(part.net_days, 0, MAX_NET_DAYS, f"{at}/net_days", InstalmentSharesInvalid)
        if sum(part.share_bp for part in self.instalments) != WHOLE_BP:
            raise InstalmentSharesInvalid("the instalments sum to 100 percent", pointer="/instalments")
        if any(later.net_days <= earlier.net_days for earlier, later in pairwise(self.instalments)):
            raise InstalmentSharesInvalid("each instalment has more days than the last", pointer="/instalments")


def _check_range(
    value: object, low: int, high: int, pointer: str, refusal: type[PaymentTermsInvalid] = PaymentTermsInvalid
) -> None:
    if type(value) is not int or not low <= value <= high:
        raise refusal(f"{pointer.rpartition('/')[2]} is a whole number from {low} to {high}", pointer=pointer)


@dataclass(frozen=True, slots=True)
class DiscountOffer:
    """`discount_minor` off when the money's value date is on or before `discount_date`."""

    discount_date: date
    discount_minor: int


@dataclass(frozen=True, slots=True)
class InstalmentPlan:
    """One instalment to be; `discount_date` and `discount_minor` are its highest offer (None and 0 without)."""

    ordinal: int
    due_date: date
    amount_minor: int
    discount_date: date | None = None
    discount_minor: int = 0
    offers: tuple[DiscountOffer, ...] = ()


def due_date(terms: PaymentTerms, invoice_date: date, net_days: int | None = None) -> date:
    """The due date by the order given at PaymentTerms; `net_days` replaces that of the terms.

    Raises DueDateOutOfRange, TypeError for a datetime.
    """
    days = terms.net_days if net_days is None else net_days
    try:
        counted = _counting_date(terms, invoice_date) + timedelta(days=days)
        if not (terms.months_after or terms.day_of_month or terms.end_of_month):
            return counted
        wanted_day = 31 if terms.end_of_month else terms.day_of_month or counted.day
        due = _day_in_month(counted, terms.months_after, wanted_day)
        # "On the 10th" of the same month may have passed: the next 10th is meant.
        return due if due >= counted else _day_in_month(counted, 1, wanted_day)
    except (OverflowError, ValueError):
        raise DueDateOutOfRange("the due date is past the year 9999", pointer="/invoice_date") from None


def _counting_date(terms: PaymentTerms, invoice_date: date) -> date:
    if isinstance(invoice_date, datetime):
        raise TypeError("an invoice date is a plain date")
    return _day_in_month(invoice_date, 0, 31) if terms.days_from_month_end else invoice_date


def _day_in_month(day: date, months_after: int, wanted_day: int) -> date:
    """That day of the month so many months after `day`'s, or the month's last day. Raises ValueError past 9999."""
    years, month = divmod(day.month - 1 + months_after, 12)
    year, month = day.year + years, month + 1
    return date(year, month, min(wanted_day, monthrange(year, month)[1]))


def discount_offers(terms: PaymentTerms, invoice_date: date, due: date, amount_minor: int) -> tuple[DiscountOffer, ...]:
    """The offers of an instalment, highest first: dates never after its due date, amounts rounded half-up.

    A tier that rounds to nothing, or that the due date makes as short as a higher one, is left out.
    """
    offers: list[DiscountOffer] = []
    for tier in terms.discounts:
        try:
            last = min(_counting_date(terms, invoice_date) + timedelta(days=tier.days), due)
        except OverflowError:
            last = due
        discount_minor = multiply(amount_minor, Decimal(tier.percent_bp).scaleb(-4))
        if discount_minor > 0 and not (offers and offers[-1].discount_date >= last):
            offers.append(DiscountOffer(last, discount_minor))
    return tuple(offers)


def schedule(terms: PaymentTerms, invoice_date: date, amount_minor: int) -> tuple[InstalmentPlan, ...]:
    """The instalments of an invoice of `amount_minor` minor units: at least one, each positive, summing exactly.

    Shares are split by the largest remainder; a share that comes to nothing makes no instalment.
    Raises ScheduleAmountInvalid, DueDateOutOfRange.
    """
    if amount_minor <= 0:
        raise ScheduleAmountInvalid("only a positive amount falls due", pointer="/amount")
    shares = terms.instalments or (InstalmentShare(WHOLE_BP, terms.net_days),)
    parts = allocate(amount_minor, [share.share_bp for share in shares])
    plans: list[InstalmentPlan] = []
    for share, part in zip(shares, parts, strict=True):
        if part == 0:
            continue
        due = due_date(terms, invoice_date, share.net_days)
        offers = discount_offers(terms, invoice_date, due, part)
        first = offers[0] if offers else None
        plans.append(
            InstalmentPlan(
                ordinal=len(plans) + 1,
                due_date=due,
                amount_minor=part,
                discount_date=first.discount_date if first else None,
                discount_minor=first.discount_minor if first else 0,
                offers=offers,
            )
        )
    return tuple(plans)


def discount_for(offers: Sequence[DiscountOffer], *, value_date: date, available_minor: int, open_minor: int) -> int:
    """The discount in minor units that money of that value date earns on an instalment; 0 when none.

    Earned when the value date is on or before the discount date and cash and discount together settle what is
    open. The caller then applies `open_minor - discount` of the money, so that amount + discount = open.
    """
    for offer in offers:
        discount = offer.discount_minor
        if value_date <= offer.discount_date and discount < open_minor <= available_minor + discount:
            return discount
    return 0


def credit_available(limit_minor: int | None, exposure_minor: int) -> int | None:
    """Minor units that may still be sold: None without a limit (unlimited), negative when over it.

    A limit of 0 blocks: a credit balance of the customer does not open it.
    """
    if limit_minor is None:
        return None
    return limit_minor - (max(exposure_minor, 0) if limit_minor == 0 else exposure_minor)


def credit_allows(limit_minor: int | None, exposure_minor: int, order_minor: int) -> bool:
    """Whether an order fits the limit: unset is unlimited, 0 blocks everything, exactly the limit still fits."""
    available = credit_available(limit_minor, exposure_minor)
    return available is None or (limit_minor != 0 and order_minor <= available)


# Ends of company names that say only the legal form, as the single words that remain once single letters are
# joined ("G.m.b.H." and "S. A. R. L." become one word).
_LEGAL_FORMS = frozenset(
    re.findall(
        r"\w+",
        "ab ag aps as asa bhd bv bvba co company corp corporation cv doo eg ek eirl eood eurl ev gbr "
        "gesmbh ges gmbh incorporated inc kft kg kgaa limited limitada llc llp lp ltd ltda mbh nv ohg ood oy oyj "
        "plc pte pty pvt sa sarl sas sasu se sl sll snc sp spa spol spzoo sro srl ug zoo zrt",
    )
)
_CONJUNCTIONS = frozenset({"and", "und", "et"})
_SPELLED_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "æ": "ae", "å": "aa", "ł": "l"})
_ONE_LETTER = str.maketrans({"å": "a", "Å": "A", "œ": "o", "Œ": "O", "đ": "d", "Đ": "D"})
_DIGRAPHS = re.compile(r"ae|oe|ue")
MAX_NAME_LENGTH = 400


@lru_cache(maxsize=8_192)  # a batch of payments asks for each name several times
def normalize_account_name(name: str) -> str:
    """The key under which likely duplicates meet: case, accents, umlauts, punctuation and legal forms removed.

    "Müller & Söhne G.m.b.H. & Co. KG" and "MUELLER UND SOEHNE" give "mueller soehne". Never empty for a name
    with a letter or digit; only the first MAX_NAME_LENGTH characters count.
    """
    text = unicodedata.normalize("NFKC", name[:MAX_NAME_LENGTH]).casefold().translate(_SPELLED_OUT)
    text = "".join(ch for ch in unicodedata.normalize("NFKD", text) if not unicodedata.combining(ch))
    words = _join_initials(re.findall(r"[^\W_]+", text.replace("'", "").replace("’", "")))
    kept = [word for word in words if word not in _CONJUNCTIONS] or words
    while len(kept) > 1 and kept[-1] in _LEGAL_FORMS:
        kept.pop()
    return " ".join(kept)


def _join_initials(words: Sequence[str]) -> list[str]:
    joined: list[str] = []
    previous_single = False
    for word in words:
        single = len(word) == 1 and word.isalpha()
        if single and previous_single:
            joined[-1] += word
        else:
            joined.append(word)
        previous_single = single
    return joined


def normalize_bank_identifier(value: str) -> str:
    """An IBAN or account number in upper case without any blanks: the form under which payers meet."""
    return "".join(value.split()).upper()


def normalize_identity(kind: str, value: str) -> str:
    """The form of a payer identity that is compared; `kind` is one of `identities.KINDS`.

    Identifiers are compared without blanks, VAT and registered ids without any sign. Of a name the key of an account's
    name with every umlaut as one letter, however it was spelled: banks write "Müller" as MUELLER and as MULLER.
    """
    if kind in ("bank_identifier", "electronic_address"):
        return normalize_bank_identifier(value)
    if kind in ("vat_id", "registered_id"):
        return "".join(ch for ch in value.upper() if ch.isalnum() or ch == ":")
    plain = unicodedata.normalize("NFKC", value[:MAX_NAME_LENGTH]).translate(_ONE_LETTER)
    return _DIGRAPHS.sub(_first_letter, normalize_account_name(plain))


def identity_keys(kind: str, value: str) -> frozenset[str]:
    """Every form under which this payer identity may be stored: the present one, and that of names stored earlier."""
    known = normalize_identity(kind, value)
    return frozenset((known,)) if kind != "payer_name" else frozenset((known, normalize_account_name(value)))


def _first_letter(digraph: re.Match[str]) -> str:
    return digraph.group()[0]


def find_cycles(parents: Mapping[Hashable, Hashable | None], starts: Iterable[Hashable]) -> list[Hashable]:
    """Those of `starts` that are their own ancestors. `parents` names the parent of every node on the way up."""
    found: list[Hashable] = []
    for start in starts:
        seen = {start}
        current = parents.get(start)
        while current is not None and current not in seen:
            seen.add(current)
            current = parents.get(current)
        if current == start:
            found.append(start)
    return found
