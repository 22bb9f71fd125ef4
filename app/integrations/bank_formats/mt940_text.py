"""What field 86 of MT940 and MT942 tells about an entry, in the three ways banks write it.

1. Sub-fields of the German banks: `166?00GUTSCHRIFT?20EREF+...?21...?32NAME` (DFÜ agreement, annex 3).
2. Slash codes: `/EREF/.../NAME/.../REMI/...` (Dutch and other banks; SWIFT usage).
3. Free text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from app.integrations.bank_formats.fields import given, read_account
from app.integrations.bank_formats.line_text import squeeze_spaces
from app.integrations.bank_formats.records import CreditorReference, Party

SUBFIELD_WIDTH = 27  # a sub-field this long continues in the next one without a space
LINE_WIDTH = 65  # likewise a line of the field
MAX_REFERENCE = 35  # longest end-to-end id
_GVC = re.compile(r"([0-9]{3})([?<>@*~^+!&|])(?=[0-9]{2})", re.ASCII)
_REFERENCE_KEYWORDS = ("EREF", "KREF", "MREF", "CRED", "DEBT", "PURP", "IBAN", "BIC", "COAM", "OAMT", "RREF")
_KEYWORD = re.compile(r"(EREF|KREF|MREF|CRED|DEBT|PURP|IBAN|BIC|COAM|OAMT|RREF|SVWZ|ABWA|ABWE|MTLG)[+:]")
_INLINE_KEYWORD = re.compile(r" (EREF|KREF|MREF|CRED|DEBT|PURP|IBAN|BIC|COAM|OAMT|SVWZ|ABWA|ABWE)\+")
_SLASH_CODE = re.compile(
    r"/(EREF|PREF|KREF|MARF|TRTP|RTYP|IBAN|BIC|NAME|REMI|CSID|ORDP|BENM|CNTP|PURP|ADDR|ISDT|RTRN|ULTD|ULTC|TRCD"
    r"|OCMT|CHGS|EXCH|ORDR)/"
)
_RETURN_CODES = frozenset({"108", "109", "159"})  # German codes of returned debits and returned transfers


@dataclass(slots=True)
class EntryText:
    """What was found; the other party is the payer of a credit and the payee of a debit."""

    transaction_code: str | None = None
    booking_text: str | None = None
    end_to_end_id: str | None = None
    mandate_id: str | None = None
    other: list[tuple[str, str]] = field(default_factory=list)
    name: str | None = None
    account: str | None = None
    is_iban: bool = False
    bank: str | None = None
    ultimate_name: str | None = None
    purpose: str | None = None
    unstructured: list[str] = field(default_factory=list)
    creditor_reference: CreditorReference | None = None
    return_reason: str | None = None
    return_detail: str | None = None
    other_reading: str | None = None
    is_return: bool = False

    @property
    def party(self) -> Party:
        """The other party."""
        return Party(
            name=self.name,
            account=self.account,
            is_iban=self.is_iban,
            bank=self.bank,
            ultimate_name=self.ultimate_name,
        )


def read_text(lines: list[str]) -> EntryText:
    """Field 86 in its lines (several fields 86 of one entry are further lines)."""
    found = EntryText()
    joined = _joined(lines)
    match = _GVC.match(joined)
    if match is not None:
        _read_subfields(joined[match.end() :], match[2], found)
        found.transaction_code = match[1]
        found.is_return = match[1] in _RETURN_CODES
        return found
    codes = _SLASH_CODE.findall(joined)
    if joined.lstrip().startswith("/") and {"EREF", "REMI", "NAME", "IBAN", "CNTP", "TRTP", "ORDP"}.intersection(codes):
        _read_slash_codes(joined, found)
        return found
    found.unstructured = _free_lines(lines)
    return found


def _joined(lines: list[str]) -> str:
    """Lines put together again. One that is a little short of full has lost spaces at its end."""
    text = ""
    for index, line in enumerate(lines):
        text += line
        width = len(line) + (4 if index == 0 else 0)  # the tag stands on the first line
        if LINE_WIDTH - 5 <= width < LINE_WIDTH and index + 1 < len(lines) and lines[index + 1][:1].isalnum():
            text += " "
    return text


def _free_lines(lines: list[str]) -> list[str]:
    """Lines as the bank means them: a full line goes on in the next without a space."""
    texts: list[str] = []
    goes_on = False
    for index, line in enumerate(lines):
        if goes_on:
            texts[-1] += line
        else:
            texts.append(line)
        goes_on = len(line) + (4 if index == 0 else 0) in (LINE_WIDTH, LINE_WIDTH + 4)
    return [text for text in map(squeeze_spaces, texts) if text]


def _read_subfields(text: str, mark: str, found: EntryText) -> None:
    # the text begins with the two digits of the first sub-field
    parts = re.split(re.escape(mark) + r"([0-9]{2})", mark + text)
    subfields = list(zip(parts[1::2], parts[2::2], strict=True))
    by_number: dict[str, str] = {}
    for number, value in subfields:
        by_number.setdefault(number, value)
    found.booking_text = squeeze_spaces(by_number.get("00", "")) or None
    _read_segments([value for number, value in subfields if "20" <= number <= "29" or "60" <= number <= "69"], found)
    found.name = squeeze_spaces(_continued([value for number, value in subfields if number in ("32", "33")])) or None
    account = by_number.get("38") if read_account(by_number.get("38"))[1] else None
    account = account or by_number.get("31")
    if account and found.account is None:
        found.account, found.is_iban = read_account(account)
    found.bank = squeeze_spaces(by_number.get("30", "")) or found.bank
    extension = squeeze_spaces(by_number.get("34", ""))
    if extension.strip("0"):
        found.return_detail = extension


def _continued(values: list[str]) -> str:
    text = ""
    for index, value in enumerate(values):
        text += value if index == 0 or len(values[index - 1]) >= SUBFIELD_WIDTH else " " + value
    return text


def _read_segments(values: list[str], found: EntryText) -> None:
    """Sub-fields 20 to 29 and 60 to 69: keywords begin segments, a full sub-field continues in the next."""
    if not any(_KEYWORD.match(value) for value in values):
        # lines of the payer of before SEPA: whether a full one goes on in the next is not known, so both are kept
        apart = squeeze_spaces(" ".join(values))
        found.other_reading = apart if apart != squeeze_spaces(_continued(values)) else None
    segments: list[tuple[str, list[str]]] = []
    for value in values:
        match = _KEYWORD.match(value)
        if match is not None:
            segments.append((match[1], [value]))
            continue
        # a reference ends with the sub-field that is not full; what follows is text again
        ended = bool(segments) and segments[-1][0] in _REFERENCE_KEYWORDS and len(segments[-1][1][-1]) < SUBFIELD_WIDTH
        if not segments or ended:
            segments.append(("", [value]))
        else:
            segments[-1][1].append(value)
    for keyword, pieces in segments:
        text = _continued(pieces)
        if keyword:
            text = text[len(keyword) + 1 :]
        starts = [0]
        names = [keyword]
        for match in _INLINE_KEYWORD.finditer(text):
            starts.append(match.start())
            names.append(match[1])
        for index, name in enumerate(names):
            end = starts[index + 1] if index + 1 < len(starts) else len(text)
            piece = text[starts[index] : end]
            _keep(name, squeeze_spaces(piece[len(name) + 2 :] if index else piece), found)


def _keep(keyword: str, value: str, found: EntryText) -> None:
    if not value:
        return
    if keyword == "EREF":
        found.end_to_end_id = given(value[:MAX_REFERENCE])
        if len(value) > MAX_REFERENCE:
            found.unstructured.append(value)
    elif keyword == "MREF":
        found.mandate_id = given(value)
    elif keyword == "IBAN":
        found.account, found.is_iban = read_account(value)
    elif keyword == "BIC":
        found.bank = value
    elif keyword == "ABWA":
        found.ultimate_name = value
    elif keyword == "PURP":
        found.purpose = value
    elif keyword in ("KREF", "CRED", "DEBT", "RREF", "COAM", "OAMT", "ABWE"):
        names = {"KREF": "customer_reference", "CRED": "creditor_id", "DEBT": "debtor_id", "RREF": "return_reference"}
        if given(value) is not None:
            found.other.append((names.get(keyword, keyword), value))
    else:
        found.unstructured.append(value)


def _read_slash_codes(text: str, found: EntryText) -> None:
    parts = _SLASH_CODE.split(text)
    before = squeeze_spaces(parts[0].strip("/ "))
    if before:
        found.unstructured.append(before)
    for code, raw in zip(parts[1::2], parts[2::2], strict=True):
        value = squeeze_spaces(raw.strip("/ "))
        if not value:
            continue
        if code == "EREF":
            found.end_to_end_id = given(value)
        elif code == "MARF":
            found.mandate_id = given(value)
        elif code == "IBAN":
            found.account, found.is_iban = read_account(value)
        elif code == "BIC":
            found.bank = value
        elif code in ("NAME", "ORDP", "BENM"):
            found.name = found.name or value
        elif code == "ULTD":
            found.ultimate_name = value
        elif code == "PURP":
            found.purpose = value
        elif code == "CNTP":
            _read_counterparty(raw, found)
        elif code == "REMI":
            _read_remittance(value, found)
        elif code == "RTRN":
            found.is_return = True
            found.return_reason = value[:35]
        elif code in ("TRTP", "RTYP", "TRCD"):
            found.booking_text = found.booking_text or value
        elif code in ("PREF", "KREF", "ORDR", "CSID"):
            found.other.append(({"CSID": "creditor_id"}.get(code, "customer_reference"), value))
        else:
            found.other.append((code, value))


def _read_counterparty(raw: str, found: EntryText) -> None:
    """`/CNTP/account/bank/name/city/`."""
    parts = [squeeze_spaces(part) for part in raw.split("/")]
    parts += [""] * 3
    if parts[0]:
        found.account, found.is_iban = read_account(parts[0])
    found.bank = parts[1] or found.bank
    found.name = parts[2] or found.name


def _read_remittance(value: str, found: EntryText) -> None:
    """`USTD//text`, `STRD/CUR/reference` or plain text."""
    if value.startswith("STRD/"):
        issuer, _, reference = value.removeprefix("STRD/").partition("/")
        reference = reference.strip("/ ")
        if reference:
            found.creditor_reference = CreditorReference(reference, "SCOR", issuer or None)
            return
    text = value.removeprefix("USTD").strip("/ ") if value.startswith("USTD/") else value
    if text:
        found.unstructured.append(text)
