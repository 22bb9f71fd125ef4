"""What payers write: numbers well and badly, lists, ranges, order numbers, structured references, nothing.

Only the texts are damaged here; the truth of a transaction is untouched. Formats: unstructured remittance of at most
140 characters (18 or 80 with some banks), creditor reference of ISO 11649, referred documents of ISO 20022.
"""

from __future__ import annotations

import re

from app.core import money
from app.demo.generator.dice import Dice
from app.demo.generator.documents import Document
from app.demo.generator.identifiers import creditor_reference
from app.demo.generator.transactions import Category, Transaction
from app.demo.generator.vocabulary import phrases

_OTHER_STYLES = ("numbers", "terse", "digits", "short_digits", "orders", "none", "customer")
_SWAPPED_FOR = {"0": "O", "1": "7", "7": "1", "3": "8", "8": "3", "5": "6", "6": "9", "9": "6", "2": "3", "4": "9"}
_SEPARATORS = (", ", ",", " ", " / ", " + ", "; ", "/")


def _amount_text(minor: int, currency: str, comma: bool) -> str:
    text = money.to_text(minor, currency)
    if not comma:
        return text
    whole, _, part = text.partition(".")
    return f"{whole},{part}" if part else whole


def _with_typo(text: str, dice: Dice) -> str:
    """One slip of the finger in the digits: swapped, left out, doubled, mistaken, or a blank within."""
    places = [place for place, char in enumerate(text) if char.isdigit()]
    if len(places) < 3:
        return text
    at = places[dice.between(1, len(places) - 2)]
    slip = dice.below(5)
    if slip == 0:
        return f"{text[:at]}{text[at + 1]}{text[at]}{text[at + 2 :]}"
    if slip == 1:
        return text[:at] + text[at + 1 :]
    if slip == 2:
        return text[:at] + text[at] + text[at:]
    if slip == 3:
        return text[:at] + _SWAPPED_FOR[text[at]] + text[at + 1 :]
    return f"{text[:at]} {text[at:]}"


def _digits(number: str) -> str:
    """The running number without what stands before it: `RE-2024-001234` → `001234`."""
    runs: list[str] = re.findall(r"\d+", number)
    return runs[-1]


def _written(number: str, style: str, dice: Dice) -> str:
    """A document number as this payer writes it."""
    if style == "digits":
        return re.sub(r"^[A-Z/]+-?", "", number) if dice.chance(500) else _digits(number)
    if style == "short_digits":
        return _digits(number).lstrip("0") or "0"
    draw = dice.below(100)
    if draw < 10:
        return number.replace("-", "").replace("/", "")
    if draw < 17:
        return number.replace("-", " ").replace("/", " ")
    if draw < 21:
        return number.lower()
    return number


def _is_run(numbers: list[str]) -> bool:
    tails = [_digits(number) for number in numbers]
    if not all(number.endswith(tail) for number, tail in zip(numbers, tails, strict=True)):
        return False
    heads = {number[: -len(tail)] for number, tail in zip(numbers, tails, strict=True)}
    values = [int(tail) for tail in tails]
    return len(values) > 2 and len(heads) == 1 and values == list(range(values[0], values[0] + len(values)))


def _range_text(numbers: list[str], words: dict[str, tuple[str, ...]], dice: Dice) -> list[str]:
    """Runs of numbers as "first to last", others abbreviated: `RE-2024-001234, 1238, 1240`."""
    ordered = sorted(numbers)
    if _is_run(ordered):
        return [f"{ordered[0]} {dice.pick(words['to'])} {_digits(ordered[-1])[-3:]}"]
    first = ordered[0]
    if not first[-1].isdigit():
        return ordered
    head = first[: -len(_digits(first))]
    shortened = [_digits(number)[-4:] if number.startswith(head) else number for number in ordered[1:]]
    return [first, *shortened]


def _free_text(payment: Transaction, style: str, dice: Dice) -> str:
    payer = payment.customer
    if payer is None:
        return ""
    words = phrases(payer.country.language)
    bills = [document for document in payment.mentions if document.kind != "credit_memo"]
    numbers = [document.number for document in bills]
    if style == "orders":
        orders = list(dict.fromkeys(bill.purchase_order for bill in bills))
        if all(orders):
            return f"{dice.pick(words['order'])} {dice.pick(_SEPARATORS[:4]).join(orders)}"
        style = "numbers"
    if style == "delivery" and all(bill.delivery for bill in bills):
        return "LS " + ", ".join(bill.delivery for bill in bills)
    if style == "customer":
        return f"{dice.pick(words['customer'])} {payer.number}"
    if style == "none" or not numbers:
        return dice.pick(words["none"])
    written = [_written(number, style, dice) for number in numbers]
    if dice.chance(35):
        slip = dice.below(len(written))
        written[slip] = _with_typo(written[slip], dice)
    if style == "range" and len(numbers) > 1:
        written = _range_text(numbers, words, dice)
    if style == "amounts":
        comma = payer.country.entity == "DE01"
        paid = {line.part.document.number: line.settled for line in payment.lines}
        written = [
            f"{text} {_amount_text(paid[number], payment.own.currency, comma)}" if number in paid else text
            for text, number in zip(written, numbers, strict=True)
        ]
    label = "" if style == "terse" else dice.pick(words["invoice"])
    if dice.chance(120):
        label = f"{payer.number} {label}".strip()
    if dice.chance(80) and len(bills) == 1:
        written[0] += f" {bills[0].invoice_date:%d.%m.%Y}"
    return f"{label} {dice.pick(_SEPARATORS).join(written)}".strip() + _remarks(payment, words, dice)


def _remarks(payment: Transaction, words: dict[str, tuple[str, ...]], dice: Dice) -> str:
    text = ""
    memos = [line.part.document.number for line in payment.lines if line.part.document.kind == "credit_memo"]
    if memos and dice.chance(800):
        text += f" {dice.pick(words['credit'])} {' '.join(memos)}"
    if payment.traits & {"discount", "unearned_discount"} and dice.chance(450):
        text += f" {dice.pick(words['discount'])}"
    if "deduction" in payment.traits and dice.chance(650):
        kept = sum(line.deduction for line in payment.lines)
        comma = payment.own.entity == "DE01"
        text += f" {dice.pick(words['deduction'])} {_amount_text(kept, payment.own.currency, comma)}"
    return text


def _structured(payment: Transaction, style: str) -> bool:
    """Fill structured remittance where the payer's style has it and the payment fits it."""
    if style == "creditor_reference" and len(payment.mentions) == 1:
        payment.creditor_reference = creditor_reference(payment.mentions[0].number)
        return True
    if style == "documents" and payment.lines:
        totals: dict[Document, int] = {}
        for line in payment.lines:
            document = line.part.document
            totals[document] = totals.get(document, 0) + abs(line.settled)
        payment.named_documents = [
            ("CREN" if document.kind == "credit_memo" else "CINV", document.number, minor)
            for document, minor in totals.items()
        ]
        return True
    return False


def _cut(text: str, limit: int, dice: Dice) -> list[str]:
    """The text as the bank passes it on: cut at its limit, sometimes broken into lines of 35."""
    kept = re.sub(r"\s+", " ", text).strip()[:limit].strip()
    if len(kept) > 35 and dice.chance(120):
        pieces = [kept[at : at + 35] for at in range(0, len(kept), 35)]
        return [piece for piece in pieces if piece.strip()]
    return [kept] if kept else []


def write_remittance(payment: Transaction, dice: Dice) -> None:
    """Give a customer's payment its remittance text or structure, as its habits and chance want it."""
    payer = payment.customer
    if payer is None or payment.style == "fixed":
        return
    if payment.category is Category.RETURN and payment.returns is not None:
        payment.text, payment.style = list(payment.returns.text), "return"
        return
    habits = payer.habits
    if payment.category is Category.ON_ACCOUNT:
        style = dice.pick(("none", "customer"))
    elif payment.batch == "collection":
        style = "numbers"  # the company collects: the text is its own
    elif payment.category is Category.THIRD_PARTY:
        style = "numbers"
    else:
        style = dice.pick(_OTHER_STYLES) if dice.chance(90) else habits.style
    payment.style = style
    if payment.batch == "collection":
        payment.text = [payment.mentions[0].number]
        return
    if _structured(payment, style):
        return
    if style in ("creditor_reference", "documents"):
        style = payment.style = "numbers"
    payment.text = _cut(_free_text(payment, style, dice), habits.text_limit, dice)
