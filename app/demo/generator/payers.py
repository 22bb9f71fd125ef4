"""The story of one payer: which instalments it pays when, together with what, and what goes wrong.

A payer's agenda is worked off day by day up to the last day, so that what is open then is open by the story and not
by a rule. The truth of each payment is written down as it is made.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from heapq import heappop, heappush
from itertools import count

from app.demo.generator.company import OwnBankAccount
from app.demo.generator.customers import Customer, scaled
from app.demo.generator.dice import Dice, Wheel
from app.demo.generator.documents import Document, Part, credit_memo
from app.demo.generator.habits import business_day
from app.demo.generator.transactions import Category, Line, Transaction

_NEVER_PERMILLE = {"key": 0, "large": 1, "middle": 2, "small": 3}
_WITHHELD_PERMILLE = 9
_INSOLVENT_DAYS = 150
_PARTS_PER_PAYMENT_LIMIT = 40
_PARTIAL_PERCENT = Wheel([(30, 10), (40, 10), (50, 45), (60, 15), (75, 20)])
_RETURN_PERMILLE = {"transfer": 3, "direct_debit": 40, "cheque": 15}
_RETURN_REASONS = {
    "transfer": ("AC04", "AC01", "NARR"),
    "direct_debit": ("AM04", "MD06", "AC04", "MS03"),
    "cheque": ("AM04", "AC06"),
}
_CHARGED_COUNTRIES = frozenset({"CH", "KW", "JP", "MX", "CA"})
_BANK_CODES = {
    "transfer": ("PMNT", "RCDT", "ESCT"),
    "direct_debit": ("PMNT", "IDDT", "ESDD"),
    "cheque": ("PMNT", "RCHQ", "CCHQ"),
}
_RETURN_CODES = {
    "transfer": ("PMNT", "RCDT", "RPCR"),
    "direct_debit": ("PMNT", "IDDT", "UPDD"),
    "cheque": ("PMNT", "RCHQ", "UPCQ"),
}


@dataclass(slots=True)
class Stranger:
    """A payer that is no customer: a factoring house or an insurer."""

    name: str
    identifier: str


class PayerStory:
    """One payer, one legal entity, one currency. Results: `transactions` and `credit_memos` that arose on the way."""

    def __init__(
        self, payer: Customer, own: OwnBankAccount, documents: list[Document], until: date,
        strangers: list[Stranger], dice: Dice,
    ) -> None:  # fmt: skip
        self.payer, self.own, self.until, self.dice = payer, own, until, dice
        self.habits, self.strangers = payer.habits, strangers
        self.transactions: list[Transaction] = []
        self.credit_memos: list[Document] = []
        self._ticket = count()
        self._payment_number = dice.between(100_000, 900_000)
        self._agenda: list[tuple[date, int, Part | Transaction]] = []
        self._credits = [document for document in documents if document.kind == "credit_memo"]
        for document in documents:
            if document.kind != "credit_memo":
                for part in document.parts:
                    self._plan(part)

    def tell(self) -> None:
        """Work off the agenda up to the last day."""
        while self._agenda and self._agenda[0][0] <= self.until:
            day = self._agenda[0][0]
            due: list[Part] = []
            while self._agenda and self._agenda[0][0] == day:
                item = heappop(self._agenda)[2]
                if isinstance(item, Transaction):
                    self._return(item, day)
                elif item.open > 0 and item not in due:  # parts compare by identity; one may be planned twice
                    due.append(item)
            for chunk in self._chunks(due):
                self._pay(chunk, day)

    # -- when ------------------------------------------------------------------------------------------------------

    def _put(self, day: date, item: Part | Transaction) -> None:
        heappush(self._agenda, (day, next(self._ticket), item))

    def _plan(self, part: Part) -> None:
        """Put the part on the agenda for the day on which this payer would pay it, or never."""
        dice, document = self.dice, part.document
        if dice.chance(_NEVER_PERMILLE[document.customer.size]):
            return
        if document.kind == "finance_charge" and dice.chance(250):
            return
        if document.customer.insolvent and part.due > self.until - timedelta(days=_INSOLVENT_DAYS):
            return
        self._put(self._day_of_payment(part, document.accounting_date + timedelta(days=1)), part)

    def _day_of_payment(self, part: Part, earliest: date) -> date:
        dice, habits, document = self.dice, self.habits, part.document
        if habits.method == "direct_debit":
            return business_day(max(part.due, earliest))
        if dice.chance(_WITHHELD_PERMILLE):
            return habits.run_day(part.due + timedelta(days=dice.between(45, 190)))
        if habits.discount != "never" and document.discount_until is not None and not part.partly_paid:
            stretch = dice.between(2, 9) if habits.discount == "stretched" else 0
            last = document.discount_until + timedelta(days=stretch)
            if (day := habits.run_day_before(last - timedelta(days=dice.between(0, 2)), earliest)) is not None:
                return day
        delay = (5, 60) if document.kind == "finance_charge" else habits.delay
        target = max(part.due + timedelta(days=dice.between(*delay)), earliest)
        early = habits.run_day_before(target, earliest) if habits.early_run else None
        return early or habits.run_day(target)

    def _chunks(self, due: list[Part]) -> list[list[Part]]:
        """Which of the day's parts go into one payment."""
        if self.habits.method == "direct_debit" or (self.habits.rhythm == "single" and self.dice.chance(400)):
            return [[part] for part in due]
        if self.habits.per_subsidiary:
            by_account: dict[str, list[Part]] = {}
            for part in due:
                by_account.setdefault(part.document.customer.number, []).append(part)
            groups = list(by_account.values())
        else:
            groups = [due] if due else []
        limit = _PARTS_PER_PAYMENT_LIMIT
        return [group[at : at + limit] for group in groups for at in range(0, len(group), limit)]

    # -- how much --------------------------------------------------------------------------------------------------

    def _pay(self, parts: list[Part], day: date) -> None:
        lines = [self._full_line(part, day) for part in parts]
        payment = Transaction(self.own, day, day, 0, Category.EXACT, customer=self.payer, lines=lines)
        payment.mentions = list(dict.fromkeys(part.document for part in parts))
        payment.category = self._plain_category(lines)
        if any(line.discount for line in lines):
            payment.traits.add("discount")
        if any(line.deduction for line in lines):
            payment.traits.add("unearned_discount")
        if len(payment.mentions) > 1:
            payment.traits.add("multiple")
        if any(part.document.customer is not self.payer for part in parts):
            payment.traits.add("parent_pays")
        if self.habits.method != "direct_debit":
            self._net_credits(payment, day)
            self._twist(payment, day)
        payment.amount += sum(line.settled for line in payment.lines)
        if payment.amount <= 0:
            return
        for line in payment.lines:
            line.part.open -= abs(line.settled) + line.discount
        self._book(payment, day)

    def _full_line(self, part: Part, day: date) -> Line:
        document = part.document
        whole = part.open == document.amount and document.discount_until is not None
        if whole and document.discount_until is not None and self.habits.discount != "never":
            if day <= document.discount_until:
                return Line(part, part.open - document.discount, discount=document.discount)
            late = day <= document.discount_until + timedelta(days=10)
            if late and self.habits.discount == "stretched":
                return Line(part, part.open - document.discount, deduction=document.discount)
        return Line(part, part.open)

    def _plain_category(self, lines: list[Line]) -> Category:
        if any(line.deduction for line in lines):
            return Category.UNEARNED_DISCOUNT
        if any(line.discount for line in lines):
            return Category.DISCOUNT
        if any(line.part.document.customer is not self.payer for line in lines):
            return Category.PARENT_PAYS
        if len(lines) > 1:
            return Category.MULTIPLE
        if lines[0].part.partly_paid:
            return Category.REMAINDER
        return Category.INSTALMENT if len(lines[0].part.document.parts) > 1 else Category.EXACT

    def _net_credits(self, payment: Transaction, day: date) -> None:
        if not self.habits.nets_credits:
            return
        room = sum(line.settled for line in payment.lines) * 6 // 10
        for memo in self._credits:
            part = memo.parts[0]
            if part.open > 0 and memo.invoice_date + timedelta(days=2) <= day and part.open <= room:
                payment.lines.append(Line(part, -part.open))
                payment.category = Category.NETTED_CREDIT
                payment.traits.add("netted_credit")
                room -= part.open

    def _twist(self, payment: Transaction, day: date) -> None:
        """At most one thing goes wrong with a payment."""
        habits = self.habits
        foreign = self.payer.country.code in _CHARGED_COUNTRIES
        twists: tuple[tuple[int, Callable[[Transaction, date], None]], ...] = (
            (habits.partial_permille, self._partial),
            (habits.deduction_permille, self._short),
            (80 if foreign else 3, self._charged),
            (8, self._over),
            (5, self._again),
            (3, self._on_account),
            (4, self._stranger),
        )
        draw = self.dice.below(1000)
        for permille, twist in twists:
            if draw < permille:
                return twist(payment, day)
            draw -= permille
        return None

    def _largest(self, payment: Transaction) -> Line | None:
        plain = [line for line in payment.lines if line.settled > 1_000 and not line.discount and not line.deduction]
        return max(plain, key=lambda line: line.settled, default=None)

    def _partial(self, payment: Transaction, day: date) -> None:
        """Part now, the rest later: within days (two payments for one invoice) or after weeks."""
        if (line := self._largest(payment)) is None:
            return
        share = line.settled * _PARTIAL_PERCENT.spin(self.dice) // 100
        round_to = max(10 ** (len(str(share)) - 2), 1)
        line.settled = share // round_to * round_to if self.dice.chance(700) else share
        line.part.partly_paid = True
        payment.category = Category.PARTIAL
        wait = self.dice.between(1, 6) if self.dice.chance(400) else self.dice.between(12, 45)
        self._put(business_day(day + timedelta(days=wait)), line.part)

    def _short(self, payment: Transaction, day: date) -> None:
        """Keeps something back; later pays it, is credited for it, or it stays."""
        if (line := self._largest(payment)) is None:
            return
        line.deduction = max(line.settled * self.dice.pick((1, 2, 3, 5, 8, 15)) // 100, 1)
        line.settled -= line.deduction
        line.part.partly_paid = True
        payment.category = Category.SHORT_PAYMENT
        payment.traits.add("deduction")
        payment.deduction_reason = self.dice.pick(("damaged", "short_delivery", "price", "freight"))
        later = business_day(day + timedelta(days=self.dice.between(15, 70)))
        outcome = self.dice.below(10)
        if outcome < 5:
            self._put(later, line.part)
        elif outcome < 8 and later <= self.until:
            memo = credit_memo(line.part.document, later, line.deduction)
            memo.settles_deduction = True
            self.credit_memos.append(memo)

    def _charged(self, payment: Transaction, _day: date) -> None:
        """Banks on the way take a fee; some of them say so in the entry."""
        if (line := self._largest(payment)) is None:
            return
        fee = max(scaled(self.dice.pick((5_00, 7_50, 12_00, 15_00, 25_00)), self.own.currency), 1)
        if fee * 4 < line.settled:
            line.settled -= fee
            line.deduction = fee
            line.part.partly_paid = True
            payment.category = Category.BANK_CHARGE
            payment.traits.add("bank_charge")
            payment.charges = fee if self.dice.chance(600) else 0

    def _over(self, payment: Transaction, _day: date) -> None:
        total = sum(line.settled for line in payment.lines)
        surplus = self.dice.pick((1, 9, 90, 1_000, total // 20, total // 10))
        if surplus > 0:
            payment.amount = surplus
            payment.category = Category.OVERPAYMENT
            payment.traits.add("overpayment")

    def _again(self, payment: Transaction, day: date) -> None:
        """Some days later the same invoices are paid once more by mistake."""
        again = Transaction(self.own, day, day, 0, Category.DUPLICATE, customer=self.payer)
        again.mentions = list(payment.mentions)
        again.amount = sum(line.settled for line in payment.lines)
        later = business_day(day + timedelta(days=self.dice.between(2, 21)))
        if again.amount > 0 and later <= self.until:
            self._book(again, later)

    def _on_account(self, _payment: Transaction, day: date) -> None:
        """A round sum without a word, besides the invoices that are paid as usual."""
        extra = Transaction(self.own, day, day, 0, Category.ON_ACCOUNT, customer=self.payer)
        extra.amount = max(scaled(self.dice.between(2, 60) * 250_00, self.own.currency), 1)
        extra.amount -= extra.amount % (10 ** (len(str(extra.amount)) - 2))
        later = business_day(day + timedelta(days=self.dice.between(0, 6)))
        if later <= self.until:
            self._book(extra, later)

    def _stranger(self, payment: Transaction, _day: date) -> None:
        if len(payment.mentions) <= 2:
            stranger = self.dice.pick(self.strangers)
            payment.category = Category.THIRD_PARTY
            payment.payer_name, payment.payer_identifier = stranger.name, stranger.identifier

    # -- booking and return ----------------------------------------------------------------------------------------

    def _book(self, payment: Transaction, day: date) -> None:
        dice, habits = self.dice, self.habits
        booking = business_day(day + timedelta(days=1)) if dice.chance(80) else day
        payment.value, payment.booking = day, booking if booking <= self.until else day
        third = payment.category is Category.THIRD_PARTY
        if not third:
            payment.payer_name = habits.alias
            elsewhere = habits.pays_from_elsewhere and dice.chance(500)
            hidden = habits.method == "cheque" or elsewhere
            payment.payer_identifier = "" if hidden else self.payer.bank_identifier
        others = {part.document.customer.name for part in (line.part for line in payment.lines)}
        if "parent_pays" in payment.traits and len(others) == 1 and dice.chance(500):
            payment.ultimate_name = others.pop()
        method = "transfer" if third else habits.method
        payment.bank_code = _BANK_CODES[method]
        payment.batch = {"direct_debit": "collection", "cheque": "lockbox"}.get(method, "")
        if method == "transfer" and dice.chance(60):
            payment.batch = "transfers"
        self._payment_number += dice.between(1, 9)
        if method == "direct_debit":
            payment.mandate = f"M-{self.payer.number}"
            payment.end_to_end = f"DD{self.payer.number}{self._payment_number}"
        elif method == "cheque":
            payment.cheque = str(self._payment_number)
        elif habits.names_end_to_end:
            payment.end_to_end = f"20{self.payer.number[-4:]}{self._payment_number}"
        self.transactions.append(payment)
        returnable = payment.lines and not third
        if returnable and dice.chance(_RETURN_PERMILLE[method]):
            back = business_day(payment.booking + timedelta(days=dice.between(2, 8)))
            if back <= self.until:
                payment.end_to_end = payment.end_to_end or f"E2E{self.payer.number}{self._payment_number}"
                self._put(back, payment)

    def _return(self, payment: Transaction, day: date) -> None:
        """The bank takes a receipt back; most payers pay again within weeks."""
        method = {"collection": "direct_debit", "lockbox": "cheque"}.get(payment.batch, "transfer")
        back = Transaction(self.own, day, day, payment.amount, Category.RETURN, credit=False, customer=self.payer)
        back.payer_name, back.payer_identifier = payment.payer_name, payment.payer_identifier
        back.end_to_end, back.mandate, back.cheque = payment.end_to_end, payment.mandate, payment.cheque
        back.returns = payment
        back.return_reason = self.dice.pick(_RETURN_REASONS[method])
        back.as_reversal = self.dice.chance(350)
        back.bank_code = _RETURN_CODES[method]
        payment.traits.add("returned")
        self.transactions.append(back)
        pays_again = self.dice.chance(860)
        for line in payment.lines:
            line.part.open += abs(line.settled) + line.discount
            if pays_again and line.settled > 0:
                self._put(business_day(day + timedelta(days=self.dice.between(5, 24))), line.part)
