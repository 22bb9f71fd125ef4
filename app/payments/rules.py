"""Pure rules of applying: what a source still has, what an instalment has open, discounts, rates, and the plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from uuid import UUID

from app.core.money import MAX_MINOR, convert, exponent, to_decimal, to_text
from app.payments.refusals import (
    AlreadyDecided,
    ApplicationInvalid,
    CurrencyDiffers,
    DateTooEarly,
    DiscountNotEarned,
    InstalmentOverApplied,
    LateDiscountForbidden,
    OtherAccount,
    OtherLegalEntity,
    PaymentInvalid,
    RateInconsistent,
    RateMissing,
    SourceOverApplied,
    Unidentified,
    WriteOffTooLarge,
)
from app.payments.types import (
    LINES_LIMIT,
    RATE_MAX,
    RATE_PLACES,
    Apply,
    ApplyLine,
    Authority,
    InstalmentFacts,
    PlannedLine,
    Quote,
    Quotes,
    SourceFacts,
)


def check_lines(command: Apply) -> None:
    """Raise ApplicationInvalid when the command contradicts itself."""
    if not 0 < len(command.lines) <= LINES_LIMIT:
        raise ApplicationInvalid(f"between 1 and {LINES_LIMIT} lines", pointer="/lines")
    seen: set[UUID] = set()
    for index, line in enumerate(command.lines):
        where = f"/lines/{index}"
        if line.instalment_id in seen:
            raise ApplicationInvalid("an instalment is named twice", pointer=f"{where}/instalment_id")
        seen.add(line.instalment_id)
        if min(line.amount_minor, line.discount_minor, line.write_off_minor) < 0:
            raise ApplicationInvalid("amounts are not negative", pointer=f"{where}/amount")
        if not 0 < line.settles_minor <= MAX_MINOR:
            raise ApplicationInvalid("the line settles nothing", pointer=f"{where}/amount")
        if (line.source_amount_minor is not None) and not 0 <= line.source_amount_minor <= MAX_MINOR:
            raise ApplicationInvalid("amounts are not negative", pointer=f"{where}/source_amount")
        rate = line.exchange_rate
        if rate is not None and not (rate.is_finite() and RATE_PLACES <= rate < RATE_MAX):
            raise ApplicationInvalid("the exchange rate is out of range", pointer=f"{where}/exchange_rate")


def needed_quotes(command: Apply, source: SourceFacts, instalments: Mapping[UUID, InstalmentFacts]) -> set[Quote]:
    """The dated rates that planning this command will ask for; none within one currency."""
    quotes: set[Quote] = set()
    for line in command.lines:
        owed = instalments.get(line.instalment_id)
        if owed is None or owed.currency == source.currency:
            continue
        if line.exchange_rate is None and line.source_amount_minor is None:
            quotes.add((source.currency, owed.currency, source.value_date))
        if source.currency != source.base_currency:
            quotes.add((source.currency, source.base_currency, source.value_date))
        if owed.currency != source.base_currency:
            quotes.add((owed.currency, source.base_currency, owed.accounting_date))
    return quotes


def plan_application(
    command: Apply,
    source: SourceFacts,
    instalments: Mapping[UUID, InstalmentFacts],
    groups: Mapping[UUID, UUID],
    quotes: Quotes,
    authority: Authority,
) -> list[PlannedLine]:
    """Decide one command against the locked facts, without changing them; the caller draws on the balances.

    `groups` has the top of the parent group of each account. Raises the refusal that says what is wrong.
    """
    if source.account_id is None:
        raise Unidentified("the payment's account is not known; identify it first", pointer="/payment_id")
    if command.source_currency is not None and command.source_currency != source.currency:
        raise CurrencyDiffers(f"the source is in {source.currency}", pointer="/source_currency")
    if command.effective_date < source.not_before:
        detail = f"the source can be applied from {source.not_before} on"
        raise DateTooEarly(detail, pointer="/effective_date", not_before=source.not_before.isoformat())
    planned = []
    for index, line in enumerate(command.lines):
        owed = instalments[line.instalment_id]
        where = f"/lines/{index}"
        _check_parties(command, source, owed, groups, where)
        _check_open(command, line, owed, where)
        _check_discount(command, line, source, owed, authority, where)
        _check_write_off(command, line, owed, authority, where)
        planned.append(_priced(line, source, owed, quotes, where))
    total = sum(item.source_amount_minor for item in planned)
    available = source.balance.available(command.effective_date)
    if total > available:
        left = to_text(available, source.currency)
        detail = f"the source has {left} {source.currency} left; {to_text(total, source.currency)} was asked"
        raise SourceOverApplied(detail, pointer="/lines", available=left)
    return planned


def _check_parties(
    command: Apply, source: SourceFacts, owed: InstalmentFacts, groups: Mapping[UUID, UUID], where: str
) -> None:
    if owed.legal_entity_id != source.legal_entity_id:
        detail = "source and instalment belong to two legal entities"
        raise OtherLegalEntity(detail, pointer=f"{where}/instalment_id")
    if owed.account_id == source.account_id or command.allow_other_account:
        return
    assert source.account_id is not None
    mine, theirs = groups.get(source.account_id), groups.get(owed.account_id)
    if mine is None or mine != theirs:
        detail = "the instalment belongs to an account outside the parent group; say so to allow it"
        raise OtherAccount(detail, pointer=f"{where}/instalment_id")


def _check_open(command: Apply, line: ApplyLine, owed: InstalmentFacts, where: str) -> None:
    if line.currency is not None and line.currency != owed.currency:
        raise CurrencyDiffers(f"the instalment is in {owed.currency}", pointer=f"{where}/currency")
    if command.effective_date < owed.accounting_date:
        detail = f"the document's accounting date is {owed.accounting_date}"
        raise DateTooEarly(detail, pointer="/effective_date", not_before=owed.accounting_date.isoformat())
    available = owed.balance.available(command.effective_date)
    if line.settles_minor > available:
        left = to_text(available, owed.currency)
        detail = (
            f"the instalment has {left} {owed.currency} open; {to_text(line.settles_minor, owed.currency)} was asked"
        )
        raise InstalmentOverApplied(detail, pointer=f"{where}/amount", available=left)


def _check_discount(
    command: Apply, line: ApplyLine, source: SourceFacts, owed: InstalmentFacts, authority: Authority, where: str
) -> None:
    if line.discount_minor == 0 or command.origin == "import":  # what another system of record granted is a fact
        return
    pointer = f"{where}/discount_amount"
    if source.source.kind != "payment":
        raise DiscountNotEarned("only a payment earns a discount", pointer=pointer)
    if line.settles_minor != owed.balance.left_minor:
        raise DiscountNotEarned("a discount is earned only when the instalment is thereby settled", pointer=pointer)
    offered = owed.discount_on(source.value_date)
    if command.allow_late_discount:
        if not authority.late_discount:
            raise LateDiscountForbidden("granting a discount that was not earned needs payments:approve")
        offered = max((minor for _, minor in owed.offers), default=0)
    if line.discount_minor > offered:
        shown = to_text(offered, owed.currency)
        detail = f"money of value date {source.value_date} earns a discount of {shown} {owed.currency}"
        raise DiscountNotEarned(detail, pointer=pointer, offered=shown)


def _check_write_off(command: Apply, line: ApplyLine, owed: InstalmentFacts, authority: Authority, where: str) -> None:
    if line.write_off_minor == 0 or command.origin == "import":
        return
    pointer = f"{where}/write_off_amount"
    if line.settles_minor != owed.balance.left_minor:
        raise ApplicationInvalid("a small difference is written off only to settle the instalment", pointer=pointer)
    limit = authority.write_off_limit_minor
    if limit is not None and line.write_off_minor > limit:
        shown = to_text(limit, owed.currency)
        raise WriteOffTooLarge(f"the caller may write off {shown}; request an adjustment", pointer=pointer)


def _priced(line: ApplyLine, source: SourceFacts, owed: InstalmentFacts, quotes: Quotes, where: str) -> PlannedLine:
    if owed.currency == source.currency:
        if line.exchange_rate not in (None, Decimal(1)) or line.source_amount_minor not in (None, line.amount_minor):
            raise RateInconsistent("within one currency both amounts are equal", pointer=f"{where}/source_amount")
        return PlannedLine(owed, line, line.amount_minor, None, 0)
    paid, rate = _source_amount(line, source, owed, quotes, where)
    if (paid == 0) != (line.amount_minor == 0):
        raise RateInconsistent("one of the two amounts is zero", pointer=f"{where}/source_amount")
    base = source.base_currency
    base_paid = _in_base(paid, source.currency, base, source.value_date, quotes, where)
    base_owed = _in_base(line.amount_minor, owed.currency, base, owed.accounting_date, quotes, where)
    return PlannedLine(owed, line, paid, rate, base_paid - base_owed)


def _source_amount(
    line: ApplyLine, source: SourceFacts, owed: InstalmentFacts, quotes: Quotes, where: str
) -> tuple[int, Decimal]:
    """What the source loses and the rate: given, or found. Both given must agree to a minor unit of either."""
    rate, given = line.exchange_rate, line.source_amount_minor
    if rate is None and given is not None:
        if given == 0 or line.amount_minor == 0:
            return given, Decimal(1)
        exact = to_decimal(line.amount_minor, owed.currency) / to_decimal(given, source.currency)
        # A rate keeps twelve places; pairs such as 1 JPY for 10^9 are not trade but typing errors.
        if not RATE_PLACES <= exact < RATE_MAX:
            raise RateInconsistent("the two amounts are out of proportion", pointer=f"{where}/source_amount")
        return given, exact.quantize(RATE_PLACES)
    if rate is None:
        rate = _quoted((source.currency, owed.currency, source.value_date), quotes, where)
    computed = convert(line.amount_minor, owed.currency, source.currency, Decimal(1) / rate)
    if given is None:
        return computed, rate
    back = convert(given, source.currency, owed.currency, rate)
    if abs(computed - given) > 1 and abs(back - line.amount_minor) > 1:
        detail = f"at {rate} the source would lose {to_text(computed, source.currency)} {source.currency}"
        raise RateInconsistent(detail, pointer=f"{where}/source_amount")
    return given, rate


def _in_base(minor: int, currency: str, base: str, on: date, quotes: Quotes, where: str) -> int:
    if currency == base or minor == 0:
        return minor
    return convert(minor, currency, base, _quoted((currency, base, on), quotes, where))


def _quoted(quote: Quote, quotes: Quotes, where: str) -> Decimal:
    rate = quotes.get(quote)
    if rate is None:
        start, end, on = quote
        detail = f"no exchange rate from {start} to {end} is known for {on}"
        pointer = f"{where}/exchange_rate"
        raise RateMissing(detail, pointer=pointer, from_currency=start, to_currency=end, on=on.isoformat())
    return rate


def common_account(accounts: Sequence[UUID]) -> UUID:
    """The one account of all lines, for identifying a payment by what it pays. Raises Unidentified."""
    if len(set(accounts)) != 1:
        raise Unidentified("the lines belong to several accounts; identify the payment first", pointer="/lines")
    return accounts[0]


def check_payment_amount(amount_minor: int, currency: str) -> None:
    """Raise PaymentInvalid unless 0 < amount ≤ MAX_MINOR; CurrencyUnknown."""
    exponent(currency)
    if not 0 < amount_minor <= MAX_MINOR:
        raise PaymentInvalid("the amount of a payment is positive", pointer="/amount")


def status_of_payment(left_minor: int, applied_minor: int, identified: bool, withdrawn_as: str | None) -> str:
    """The status that follows from the amounts; the database computes the same (see `models.py`)."""
    if left_minor == 0:
        return withdrawn_as or "applied"
    if not identified:
        return "unidentified"
    return "partially_applied" if applied_minor else "unapplied"


def status_of_credit_memo(left_minor: int, amount_minor: int, withdrawn_minor: int = 0) -> str:
    """`open`, `partially_applied` or `applied`; void and refunded are set by their own events."""
    if left_minor == 0:
        return "applied"
    return "open" if left_minor == amount_minor - withdrawn_minor else "partially_applied"


def allowed_actions(status: str, left_minor: int, applied_minor: int, identified: bool) -> list[str]:
    """What may be done with a payment next."""
    if status == "reversed":
        return []
    actions: list[str] = []
    if left_minor:
        actions += ["apply", "refund", "not_receivable"] if identified else ["identify", "refund", "not_receivable"]
        if identified and applied_minor == 0:
            actions.append("move")
    if left_minor or applied_minor:
        actions.append("reverse")
    return actions


def check_taken(amount_minor: int, available_minor: int, currency: str, *, pointer: str = "/amount") -> None:
    """Raise PaymentInvalid or SourceOverApplied unless 0 < amount ≤ available."""
    if amount_minor <= 0:
        if available_minor == 0:
            raise AlreadyDecided("the payment has nothing left", pointer=pointer)
        raise PaymentInvalid("the amount must be positive", pointer=pointer)
    if amount_minor > available_minor:
        shown = to_text(available_minor, currency)
        raise SourceOverApplied(f"the payment has {shown} {currency} left", pointer=pointer, available=shown)
