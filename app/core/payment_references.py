"""References that a customer's bank carries with a payment, made of the account's number, and read back. Pure.

Two forms, both with check digits: the creditor reference RF (ISO 11649) and the Swiss QR reference (27 digits, SIX
"Swiss Implementation Guidelines QR-bill"). Both say whose money it is, not which invoice: they hold the account's
number behind a mark of their own, so that they are never taken for the number of a document.
"""

from __future__ import annotations

import re

RF_MARK = "AC"
"""Stands in front of the account's number in an RF reference."""
RF_NUMBER_LENGTH_MAX = 19
QR_MARK = "90"
"""The first digits of a QR reference of an account."""
QR_DIGITS_MAX = 22
QR_SIGNS_MAX = 14
_QR_SIGNS_FROM = 40  # a length above it is that of letters and digits
_NOT_SIGN = re.compile(r"[^0-9A-Z]")
_RF = re.compile(r"RF[0-9]{2}[0-9A-Z]{1,21}")
_MOD10_TABLE = (0, 9, 4, 6, 8, 2, 7, 1, 3, 5)


def account_signs(number: str) -> str:
    """The letters and digits of an account's number, in upper case: what a reference can hold."""
    return _NOT_SIGN.sub("", number.upper())


def creditor_reference(number: str) -> str | None:
    """The RF reference of an account (ISO 11649); None where its number is too long or has no sign of its own.

    Numbers that differ only in blanks, dashes and the like share one: it then names both.
    """
    signs = _whole_signs(number)
    if signs is None or len(signs) > RF_NUMBER_LENGTH_MAX:
        return None
    body = RF_MARK + signs
    return f"RF{98 - _modulo_97(body + 'RF00'):02d}{body}"


def qr_reference(number: str) -> str | None:
    """The Swiss QR reference of an account, 27 digits; None where its number is too long.

    Digits stand as they are; letters and digits together as one number to the base 36. Before them stands how many
    signs they are, so that leading zeros come back.
    """
    signs = _whole_signs(number)
    if signs is None:
        return None
    if signs.isdigit() and len(signs) <= QR_DIGITS_MAX:
        body = f"{QR_MARK}{len(signs):02d}{signs.zfill(QR_DIGITS_MAX)}"
    elif len(signs) <= QR_SIGNS_MAX:
        body = f"{QR_MARK}{_QR_SIGNS_FROM + len(signs):02d}{int(signs, 36):0{QR_DIGITS_MAX}d}"
    else:
        return None
    return f"{body}{modulo_10_recursive(body)}"


def account_signs_of(reference: str) -> str | None:
    """The letters and digits of the account's number in a reference that this service made; None for any other."""
    squeezed = _NOT_SIGN.sub("", reference.upper())
    if squeezed.startswith("RF"):
        marked = squeezed[4:].startswith(RF_MARK) and is_creditor_reference(squeezed)
        return squeezed[4 + len(RF_MARK) :] or None if marked else None
    if len(squeezed) != 27 or not squeezed.isdigit() or not squeezed.startswith(QR_MARK):
        return None
    if modulo_10_recursive(squeezed[:-1]) != int(squeezed[-1]):
        return None
    length, value = int(squeezed[2:4]), int(squeezed[4:26])
    if 1 <= length <= QR_DIGITS_MAX and value < 10**length:
        return f"{value:0{length}d}"
    length -= _QR_SIGNS_FROM
    if 1 <= length <= QR_SIGNS_MAX and value < 36**length:
        return _base_36(value).rjust(length, "0")
    return None


def is_creditor_reference(squeezed: str) -> bool:
    """ISO 11649: RF, two check digits, up to 21 characters; the whole is 1 modulo 97 (ISO 7064)."""
    return _RF.fullmatch(squeezed) is not None and _modulo_97(squeezed[4:] + squeezed[:4]) == 1


def modulo_10_recursive(digits: str) -> int:
    """The check digit of Swiss QR and ESR references."""
    carry = 0
    for digit in digits:
        carry = _MOD10_TABLE[(carry + int(digit)) % 10]
    return (10 - carry) % 10


def grouped_reference(reference: str) -> str:
    """As people read it: RF in groups of four from the left (ISO 11649), QR as 2 and then groups of five."""
    if reference.startswith("RF"):
        return " ".join(reference[start : start + 4] for start in range(0, len(reference), 4))
    rest = reference[2:]
    return " ".join([reference[:2], *(rest[start : start + 5] for start in range(0, len(rest), 5))])


def _whole_signs(number: str) -> str | None:
    """The signs of a number of which nothing but punctuation is lost."""
    lost = [char for char in number if char.isalnum() and not char.isascii()]
    return None if lost else account_signs(number) or None


def _modulo_97(text: str) -> int:
    return int("".join(str(int(char, 36)) for char in text)) % 97


def _base_36(value: int) -> str:
    signs = ""
    while value:
        value, rest = divmod(value, 36)
        signs = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[rest] + signs
    return signs or "0"
