"""Bank identifiers and creditor references with valid check digits.

IBAN: ISO 13616 (two check digits by ISO 7064 mod 97-10) over a national number whose own check digits are valid
too where the country has them. Creditor reference: ISO 11649. CLABE: the Mexican standard number.
All numbers are drawn; that one exists at a bank would be chance.
"""

from __future__ import annotations

from collections.abc import Callable

from app.demo.generator.dice import Dice

# Values of the characters at odd places of an Italian BBAN, for 0-9 and A-Z in order (check letter CIN).
_CIN_ODD = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21)
_ITALIAN_ODD = dict(zip("0123456789ABCDEFGHIJ", _CIN_ODD, strict=True))


def _mod97(text: str) -> int:
    """Remainder by 97 with letters as 10..35 (ISO 7064 mod 97-10)."""
    return int("".join(str(int(char, 36)) for char in text)) % 97


def with_iban_check_digits(country: str, bban: str) -> str:
    """The IBAN of a country code and its national number."""
    return f"{country}{98 - _mod97(f'{bban}{country}00'):02d}{bban}"


def creditor_reference(reference: str) -> str:
    """ISO 11649 reference `RFcc…` of the letters and digits of `reference` (at most 21 of them)."""
    body = "".join(char for char in reference.upper() if char.isascii() and char.isalnum())[:21]
    return f"RF{98 - _mod97(f'{body}RF00'):02d}{body}"


def _weighted_sum(digits: str, weights: tuple[int, ...]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=True))


def _german(dice: Dice) -> str:
    return dice.digits(8) + f"{dice.between(10_000, 9_999_999_999):010d}"


def _dutch(dice: Dice) -> str:
    while True:  # every eleventh number passes the eleven-test
        account = "0" + dice.digits(9)
        if _weighted_sum(account, (10, 9, 8, 7, 6, 5, 4, 3, 2, 1)) % 11 == 0:
            return "VARB" + account


def _belgian(dice: Dice) -> str:
    body = dice.digits(10)
    return f"{body}{int(body) % 97 or 97:02d}"


def _french(dice: Dice) -> str:
    bank, branch, account = dice.digits(5), dice.digits(5), "0" + dice.digits(10)
    return f"{bank}{branch}{account}{97 - (89 * int(bank) + 15 * int(branch) + 3 * int(account)) % 97:02d}"


def _italian(dice: Dice) -> str:
    body = "0" + dice.digits(4) + dice.digits(5) + "00" + dice.digits(10)
    total = sum(_ITALIAN_ODD[char] if place % 2 == 0 else int(char) for place, char in enumerate(body))
    return chr(ord("A") + total % 26) + body


def _spanish(dice: Dice) -> str:
    weights = (1, 2, 4, 8, 5, 10, 9, 7, 3, 6)
    bank, account = dice.digits(8), dice.digits(10)

    def check(digits: str) -> int:
        rest = 11 - _weighted_sum(digits, weights) % 11
        return {10: 1, 11: 0}.get(rest, rest)

    return f"{bank}{check('00' + bank)}{check(account)}{account}"


def _polish(dice: Dice) -> str:
    bank = dice.digits(7)
    check = -_weighted_sum(bank, (3, 9, 7, 1, 3, 9, 7)) % 10
    return f"{bank}{check}{dice.digits(16)}"


def _czech(dice: Dice) -> str:
    while True:
        account = dice.digits(10)
        if _weighted_sum(account, (6, 3, 7, 9, 10, 5, 8, 4, 2, 1)) % 11 == 0:
            return f"{dice.digits(4)}000000{account}"


def _mexican(dice: Dice) -> str:
    body = dice.digits(17)
    total = sum(int(digit) * (3, 7, 1)[place % 3] % 10 for place, digit in enumerate(body))
    return f"{body}{-total % 10}"


_BBAN: dict[str, Callable[[Dice], str]] = {
    "DE": _german,
    "AT": lambda dice: dice.digits(5) + "0" + dice.digits(10),
    "CH": lambda dice: dice.digits(5) + "0" + dice.digits(11),
    "NL": _dutch,
    "BE": _belgian,
    "FR": _french,
    "IT": _italian,
    "ES": _spanish,
    "PL": _polish,
    "CZ": _czech,
    "DK": lambda dice: dice.digits(14),
    "SE": lambda dice: dice.digits(20),
    "GB": lambda dice: "VARB" + dice.digits(6) + dice.digits(8),
    "IE": lambda dice: "VARB" + dice.digits(6) + dice.digits(8),
    "KW": lambda dice: "VARB00000000" + dice.digits(14),
}
_LOCAL: dict[str, Callable[[Dice], str]] = {
    "US": lambda dice: dice.digits(dice.between(9, 12)),
    "CA": lambda dice: dice.digits(15),
    "MX": _mexican,
    "JP": lambda dice: dice.digits(14),
}


def bank_identifier(country: str, dice: Dice) -> str:
    """A new IBAN, or the local account number of a country that has none. Raises KeyError for other countries."""
    if country in _BBAN:
        return with_iban_check_digits(country, _BBAN[country](dice))
    return _LOCAL[country](dice)


def is_iban(identifier: str) -> bool:
    """Whether the identifier is written as an IBAN (two letters first) and not as a local number."""
    return identifier[:2].isalpha()
