"""What the QR code of a payment says: EPC for SEPA transfers in euro, and the Swiss QR-bill. Pure.

Sources: EPC069-12 v3.0 "Quick Response Code: Guidelines to enable data capture for the initiation of an SEPA credit
transfer"; SIX "Swiss Implementation Guidelines QR-bill" 2.3 (structured addresses only).
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from app.core.money import to_text

AMOUNT_MINOR_MAX = 999_999_999_99
EPC_BYTES_MAX = 331
EPC_VERSION_MAX = 13
SWISS_COUNTRIES = frozenset({"CH", "LI"})
SWISS_CURRENCIES = frozenset({"CHF", "EUR"})
SEPA_COUNTRIES = frozenset(
    {
        "AD", "AL", "AT", "BE", "BG", "CH", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GB", "GI", "GR", "HR",
        "HU", "IE", "IS", "IT", "LI", "LT", "LU", "LV", "MC", "MD", "ME", "MK", "MT", "NL", "NO", "PL", "PT", "RO",
        "RS", "SE", "SI", "SK", "SM", "VA",
    }
)  # fmt: skip
_NAME_LENGTH, _STREET_LENGTH, _CODE_LENGTH, _TOWN_LENGTH = 70, 70, 16, 35
_QR_IBAN_FIRST, _QR_IBAN_LAST = 30_000, 31_999


@dataclass(frozen=True, slots=True)
class Party:
    """A name with a structured address; a QR-bill leaves out a party without postal code, town or country."""

    name: str
    street: str = ""
    postal_code: str = ""
    city: str = ""
    country: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether the address has everything that a QR-bill needs."""
        return bool(self.name and self.postal_code and self.city and len(self.country) == 2)


def is_qr_iban(identifier: str) -> bool:
    """A Swiss IBAN whose institution number is one of the QR-bill's own (30000 to 31999): it needs a QR reference."""
    institution = identifier[4:9]
    swiss = identifier[:2] in SWISS_COUNTRIES and len(identifier) == 21
    return swiss and institution.isdigit() and _QR_IBAN_FIRST <= int(institution) <= _QR_IBAN_LAST


def epc_payload(*, name: str, iban: str, bic: str | None, amount_minor: int, reference: str | None, text: str) -> str:
    """The lines of an EPC code (service tag BCD, version 002, UTF-8) for a transfer in euro.

    With a structured reference there is no text beside it. Raises ValueError past 331 bytes or the bounds of an amount.
    """
    _check_amount(amount_minor)
    lines = [
        "BCD", "002", "1", "SCT", bic or "", _plain(name, _NAME_LENGTH), iban, f"EUR{to_text(amount_minor, 'EUR')}",
        "", reference or "", "" if reference else _plain(text, 140),
    ]  # fmt: skip
    payload = "\n".join(lines).rstrip("\n")
    if len(payload.encode()) > EPC_BYTES_MAX:
        raise ValueError(f"an EPC code holds at most {EPC_BYTES_MAX} bytes")
    return payload


def swiss_payload(
    *, iban: str, creditor: Party, amount_minor: int, currency: str, debtor: Party, reference: str | None, text: str
) -> str:
    """The lines of a QR-bill (SPC, version 0200). The kind of reference follows from the IBAN.

    Raises ValueError where it cannot be one: another currency, a creditor without address, a QR-IBAN without a QR
    reference or an ordinary one with it, an amount out of bounds.
    """
    _check_amount(amount_minor)
    if currency not in SWISS_CURRENCIES or iban[:2] not in SWISS_COUNTRIES:
        raise ValueError("a QR-bill is in CHF or EUR, to an account in Switzerland or Liechtenstein")
    if not creditor.is_whole:
        raise ValueError("a QR-bill needs the creditor's postal code, town and country")
    numeric = reference is not None and reference.isdigit()
    if is_qr_iban(iban) != numeric:
        raise ValueError("a QR-IBAN goes with a QR reference, and only it")
    kind = "QRR" if numeric else "SCOR" if reference else "NON"
    lines = [
        "SPC", "0200", "1", iban, *_party(creditor), *[""] * 7, to_text(amount_minor, currency), currency,
        *(_party(debtor) if debtor.is_whole else [""] * 7), kind, reference or "", _plain(text, 140), "EPD",
    ]  # fmt: skip
    return "\n".join(lines)


def _party(party: Party) -> list[str]:
    """Address type S: the number of the house may stand with the street."""
    return [
        "S", _plain(party.name, _NAME_LENGTH), _plain(party.street, _STREET_LENGTH), "",
        _plain(party.postal_code, _CODE_LENGTH), _plain(party.city, _TOWN_LENGTH), party.country,
    ]  # fmt: skip


def _check_amount(amount_minor: int) -> None:
    if not 0 < amount_minor <= AMOUNT_MINOR_MAX:
        raise ValueError("a payment code carries 0.01 to 999999999.99")


def _plain(text: str, length: int) -> str:
    """One line of the signs that banks take: Latin letters with their accents (U+0020 to U+017F), others as a dot."""
    signs: list[str] = []
    for char in unicodedata.normalize("NFC", " ".join(text.split())):
        if " " <= char <= "~" or "\xa0" <= char <= "\u017f":
            signs.append(char)
        else:
            plain = [one for one in unicodedata.normalize("NFKD", char) if one.isascii() and one.isprintable()]
            signs.append("".join(plain) or ".")
    return "".join(signs)[:length].strip()
