"""Labelled look-alikes on purpose: each payment is made to be mistaken for another in one known way.

A run has one number format and one language. Categories say what the trap is; the truth is what the payer meant, and
nothing where it meant none of what is open. Some of it nobody can decide: right is then not to answer. Seeded, no I/O.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random

from app.cash_application.benchmark_data import Labelled
from app.cash_application.matching.types import AccountFacts, ItemKind, OpenItem, PaymentFacts

DAY = date(2024, 5, 17)
FORMATS = (
    "RE-{y}-{n:05d}", "{n:07d}", "INV{n:06d}", "F{y}/{n:05d}", "4{n:05d}", "SI/24/{n:04d}", "A{n:05d}-24", "{n}/2024",
    "10{n:08d}", "VK{n:04d}X",
)  # fmt: skip
LANGUAGES: tuple[tuple[tuple[str, ...], str, str, str], ...] = (
    (("Invoice", "Inv no", "payment of", ""), "to", "Tel", "less credit"),
    (("Rechnung", "Rg.-Nr.", "RE", "Zahlung"), "bis", "Tel.", "abzgl. Gutschrift"),
    (("Facture", "Fact. no", "Règlement", "FA"), "à", "Tél", "moins avoir"),
    (("Fattura", "saldo ft.", "Pagamento fatt", ""), "al", "Tel.", "meno nota credito"),
    (("Factura", "Fra.", "Pago factura", ""), "a", "Tfno", "menos abono"),
    (("Factuur", "fact.nr", "Betaling", ""), "t/m", "tel", "min creditnota"),
    (("Faktura", "FV", "Zapłata za", ""), "do", "tel.", "minus korekta"),
)
_STEMS = (
    "Alder",
    "Birch",
    "Cedar",
    "Dover",
    "Elmar",
    "Fjord",
    "Gerber",
    "Hansen",
    "Jansen",
    "Keller",
    "Moreau",
    "Novák",
)
_TRADES = ("Foods", "Food", "Logistics", "Logistik", "Trading", "Metall", "Metal")
_FORMS = ("GmbH", "AG", "Ltd", "S.p.A.", "SARL", "B.V.")
_LIKE = str.maketrans({"0": "O", "1": "l", "5": "S", "8": "B"})


@dataclass(slots=True)
class World:
    """The run under way: items by account, and what its texts are written with."""

    random: Random
    shape: str
    words: tuple[str, ...]
    until: str
    phone: str
    credit: str
    run: Labelled = field(default_factory=lambda: Labelled([], [], []))
    banks: dict[str, str] = field(default_factory=dict)
    next_number: int = 0
    day: date = DAY

    def item(self, account: AccountFacts, minor: int, **more: object) -> OpenItem:
        """A new open item of the account; the next number of the range unless one is given."""
        number = str(more.pop("number", "")) or self.shape.format(y=2024, n=self.next_number)
        self.next_number += self.random.choice((1, 1, 1, 2))
        issued = self.day - timedelta(days=self.random.randrange(5, 60))
        made = OpenItem(
            id=f"i{len(self.run.items)}", document_id=f"i{len(self.run.items)}", account_id=account.id,
            legal_entity_id="1", number=number, currency="EUR", open_minor=minor, amount_minor=minor,
            invoice_date=issued, due_date=issued + timedelta(days=30), **more,  # type: ignore[arg-type]
        )  # fmt: skip
        self.run.items.append(made)
        return made

    def pay(
        self, account: AccountFacts, minor: int, text: str, paid: list[OpenItem], category: str, **more: object
    ) -> PaymentFacts:
        """A payment of the account with its truth."""
        known = self.random.random() < 0.8
        facts: dict[str, object] = {
            "payer_name": account.names[0] if self.random.random() < 0.7 else account.names[0].upper()[:27],
            "payer_bank_identifier": self.banks[account.id] if known else "",
            **more,
        }
        made = PaymentFacts(
            id=f"p{len(self.run.payments):05d}", legal_entity_id="1", currency="EUR", amount_minor=minor,
            value_date=self.day, remittance_text=text[:140], **facts,  # type: ignore[arg-type]
        )  # fmt: skip
        self.run.payments.append(made)
        self.run.truth[made.id] = frozenset(item.id for item in paid)
        self.run.categories[made.id] = category
        return made

    def amount(self) -> int:
        """An amount like those of real invoices."""
        return self.random.randrange(2_000, 2_000_000)

    def text(self, *numbers: str) -> str:
        """A text that names these numbers."""
        return f"{self.random.choice(self.words)} " + self.random.choice((", ", " ", "/", " + ", ";")).join(numbers)


def damaged(random: Random, number: str) -> str:
    """One slip in the number: lost, doubled, swapped or wrong digit, look-alike letters, prefix lost, blank within."""
    digits = [place for place, char in enumerate(number) if char.isdigit()]
    at = random.choice(digits[len(digits) // 2 :])
    kind = random.randrange(7)
    if kind == 0:
        return number[:at] + number[at + 1 :]
    if kind == 1:
        return number[:at] + number[at] + number[at:]
    if kind == 2 and at + 1 < len(number):
        return number[:at] + number[at + 1] + number[at] + number[at + 2 :]
    if kind == 3:
        return number[:at] + str(random.randrange(10)) + number[at + 1 :]
    if kind == 4:
        return number.translate(_LIKE)
    if kind == 5:
        return number.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ-/").lstrip("0")
    return f"{number[:at]} {number[at:]}"


Trap = Callable[[World, AccountFacts, AccountFacts], None]


def _neighbours(world: World, account: AccountFacts, _other: AccountFacts) -> None:
    minor = world.amount()
    items = [world.item(account, minor) for _ in range(3)]
    meant = world.random.choice(items)
    world.pay(account, minor, world.text(meant.number), [meant], "neighbour of the same amount")


def _damaged_neighbours(world: World, account: AccountFacts, _other: AccountFacts) -> None:
    minor = world.amount()
    items = [world.item(account, minor if n < 2 else world.amount()) for n in range(4)]
    meant = world.random.choice(items)
    text = world.text(damaged(world.random, meant.number))
    world.pay(account, meant.open_minor, text, [meant], "damaged among neighbours")


def _inside(world: World, account: AccountFacts, other: AccountFacts) -> None:
    minor = world.amount()
    hidden = world.item(other if world.random.random() < 0.5 else account, minor)
    text = f"{world.random.randrange(10, 99)}{hidden.number}{world.random.randrange(100, 999)}"
    world.pay(account, world.random.choice((minor + 1_234, world.amount())), text, [], "inside a longer number")


def _foreign_number(world: World, account: AccountFacts, other: AccountFacts) -> None:
    minor = world.amount()
    foreign = world.item(other, world.random.choice((minor, world.amount())))
    meant = world.item(account, minor)
    world.pay(
        account, minor, world.text(meant.number) + f" order {foreign.number}", [meant], "another customer's number"
    )


def _no_reference_at_all(world: World, account: AccountFacts, _other: AccountFacts) -> None:
    if "/" in world.shape:
        return  # numbers of digits alone would be a second format there
    decoy = world.item(account, world.amount(), number=f"{world.random.randrange(10**7, 10**8)}")
    as_date = world.item(account, world.amount(), number="20240517")
    as_money = world.item(account, world.amount(), number="123456")
    text = world.random.choice(
        (f"{world.phone} 030 {decoy.number}", f"{world.phone} +49 {decoy.number}", "17.05.2024", "2024-05-17",
         "1.234,56 EUR", f"IBAN DE89 3704 {decoy.number[:4]} {decoy.number[4:]} 00", f"DE893704{decoy.number}00")
    )  # fmt: skip
    target = world.random.choice((decoy, as_date, as_money))
    world.pay(account, target.open_minor // 2 + 7, text, [], "telephone, date, amount, IBAN")


def _like_names(world: World, account: AccountFacts, other: AccountFacts) -> None:
    minor = world.amount()
    twin = next((a for a in world.run.accounts if a is not account and a.names[0][:4] == account.names[0][:4]), other)
    meant, _ = world.item(account, minor), world.item(twin, minor)
    world.pay(account, minor, world.random.choice(("", "thank you")), [meant], "like names, equal amounts")


def _again(world: World, account: AccountFacts, _other: AccountFacts) -> None:
    minor = world.amount()
    first = world.item(account, minor)
    if world.random.random() < 0.5:
        world.item(account, minor)
    text = world.text(first.number)
    bank = {"payer_name": account.names[0], "payer_bank_identifier": world.banks[account.id]}
    world.pay(account, minor, text, [first], "first of two", **bank)
    world.pay(account, minor, text, [], "paid twice", **bank)


def _two_subsets(world: World, account: AccountFacts, _other: AccountFacts) -> None:
    left, right, step = world.amount(), world.amount(), world.random.randrange(1, 500)
    a, b = world.item(account, left), world.item(account, right)
    world.item(account, left + step)
    world.item(account, right - step if right > step else right + step)
    world.pay(account, left + right, world.random.choice(("", "payment")), [a, b], "two sets of one sum")


def _settled(world: World, account: AccountFacts, _other: AccountFacts) -> None:
    minor = world.amount()
    world.item(account, minor)
    gone = world.shape.format(y=2024, n=max(1, world.next_number - 900))
    world.pay(account, minor, world.text(gone), [], "names what is settled")


def _damaged_alone(world: World, account: AccountFacts, _other: AccountFacts) -> None:
    meant = world.item(account, world.amount())
    world.pay(account, meant.open_minor, world.text(damaged(world.random, meant.number)), [meant], "damaged")


def _cut_list(world: World, account: AccountFacts, _other: AccountFacts) -> None:
    items = [world.item(account, world.amount()) for _ in range(world.random.randrange(6, 16))]
    meant = items[: world.random.randrange(5, len(items) + 1)]
    text = world.text(*(item.number for item in meant))[: world.random.choice((27, 35, 70, 140))]
    world.pay(account, sum(item.open_minor for item in meant), text, meant, "list cut off")


def _all_but_one(world: World, account: AccountFacts, _other: AccountFacts) -> None:
    items = [world.item(account, world.amount()) for _ in range(world.random.randrange(3, 7))]
    left_out = world.random.choice(items)
    meant = [item for item in items if item is not left_out]
    text = world.text(*(item.number for item in items))
    world.pay(account, sum(item.open_minor for item in meant), text, meant, "names more than it pays")


def _netted(world: World, account: AccountFacts, _other: AccountFacts) -> None:
    meant = world.item(account, world.amount() + 50_000)
    memo = world.item(account, world.random.randrange(500, 40_000), kind=ItemKind.CREDIT_MEMO)
    text = world.text(meant.number)
    if world.random.random() < 0.5:
        text += f" {world.credit} {memo.number}"
    world.pay(account, meant.open_minor - memo.open_minor, text, [meant, memo], "credit netted")


def _range(world: World, account: AccountFacts, _other: AccountFacts) -> None:
    if not world.shape.endswith("}"):
        return
    first = world.next_number
    items = [world.item(account, world.amount(), number=world.shape.format(y=2024, n=first + n)) for n in range(4)]
    world.next_number = first + 5
    last = str(first + 3)[-2:]
    text = world.random.choice((f"{items[0].number}-{last}", f"{items[0].number} {world.until} {items[-1].number}"))
    world.pay(account, sum(item.open_minor for item in items), text, items, "range")


def _part(world: World, account: AccountFacts, _other: AccountFacts) -> None:
    minor = world.amount() + 10_000
    meant, like = world.item(account, minor), world.item(account, minor // 2)
    del like
    world.pay(account, minor // 2, world.text(meant.number), [meant], "part, another has just this amount")


def _common_price(world: World, account: AccountFacts, other: AccountFacts) -> None:
    for owner in (account, account, other, other):
        world.item(owner, 11_900)
    meant = world.item(account, 11_900)
    named = world.random.random() < 0.5
    world.pay(account, 11_900, world.text(meant.number) if named else "", [meant], "common price")


def _sister(world: World, account: AccountFacts, other: AccountFacts) -> None:
    meant = world.item(other, world.amount())
    world.item(account, meant.open_minor)
    world.pay(account, meant.open_minor, world.text(meant.number), [meant], "pays another's, own of the same amount")


TRAPS: tuple[Trap, ...] = (
    _neighbours, _damaged_neighbours, _inside, _foreign_number, _no_reference_at_all, _like_names, _again,
    _two_subsets, _settled, _damaged_alone, _damaged_alone, _cut_list, _all_but_one, _netted, _range, _part,
    _common_price, _sister,
)  # fmt: skip


def lookalike_run(seed: int, payments: int = 400, accounts: int = 40) -> Labelled:
    """One labelled run of about so many payments; the same seed gives the same run."""
    random = Random(seed)  # noqa: S311
    words, until, phone, credit = LANGUAGES[seed % len(LANGUAGES)]
    world = World(random, FORMATS[seed // 7 % len(FORMATS)], words, until, phone, credit)
    world.next_number = random.choice((17, 940, 1_001, 2_350, 9_700))
    for place in range(accounts):
        name = f"{random.choice(_STEMS)} {random.choice(_TRADES)} {random.choice(_FORMS)}"
        account = AccountFacts(f"a{place}", str(70_000 + place), (name,))
        world.run.accounts.append(account)
        world.banks[account.id] = f"DE{random.randrange(10**19, 10**20)}"
    for account in world.run.accounts:
        for _ in range(random.randrange(2, 12)):
            world.item(account, world.amount())
    while len(world.run.payments) < payments:
        account, other = random.sample(world.run.accounts, 2)
        random.choice(TRAPS)(world, account, other)
        if random.random() < 0.1:
            world.day += timedelta(days=1)
    random.shuffle(world.run.items)
    return world.run
