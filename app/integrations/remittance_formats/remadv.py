"""UN/EDIFACT REMADV remittance advice (directories D.96A and later): one message to one payment with its documents.

MOA: 12 remitted, 9 due, 77 or 39 amount of the document, 52 discount; in AJT an adjustment. Behind UNS the total.
Amounts are unsigned as a rule: credit notes (DOC 381 …) and adjustments lower the payment, as the total proves.
"""

from __future__ import annotations

from app.integrations.remittance_formats.advice import Adjustment, AdviceDraft, LeftOut, LineDraft, Withdrawal
from app.integrations.remittance_formats.errors import SegmentFault
from app.integrations.remittance_formats.segments import Segment, amount, compact_date

_CREDIT_NOTES = frozenset({"81", "83", "261", "262", "296", "308", "381", "396", "420", "458", "532"})
_PAID, _DISCOUNT = "12", "52"
_GROSS = ("77", "39", "9", "86", "128")
_TOTAL = ("12", "9", "86", "139", "128", "176")
_PAYMENTS = ("PQ", "AEK", "PK", "CK", "ACE", "TN")  # references of a payment
_DATES = ("209", "203", "138", "140")  # value, execution, payment, due
_CANCELS, _REPLACES = ("1", "3"), "5"  # of UN code list 1225: cancellation, deletion; replace
_HEADER = frozenset({"BGM", "RFF", "NAD", "FII"})
_REASONS = {
    "1": "agreed settlement", "2": "below specification goods", "3": "damaged goods", "4": "short delivery",
    "5": "price query", "6": "proof of delivery required", "7": "payment on account",
    "8": "returnable container charge", "9": "invoice error", "10": "costs for draft", "11": "bank charges",
    "12": "agent commission", "13": "counter claim", "14": "wrong delivery", "15": "goods returned to agent",
    "16": "goods partly returned", "17": "transport damage", "18": "goods on consignment", "19": "trade discount",
    "20": "discount for late delivery", "21": "advertising costs", "22": "customs duties",
    "23": "telephone and postal costs", "24": "repair costs", "25": "attorney fees", "26": "taxes",
    "27": "reclaimed deduction", "29": "reclaimed deduction", "35": "non-delivery", "60": "cash discount",
    "65": "contractual deduction",
}  # fmt: skip
"""Adjustment reason codes (UN code list 4465) in words; others are given by their code."""


def read_message(place: str, members: list[Segment], currency: str | None) -> AdviceDraft | LeftOut | Withdrawal:
    """One REMADV message. `currency` is meant where no CUX or MOA names one. Raises SegmentFault."""
    named = _currency(members) or currency
    function = next((segment.get(3) for segment in members if segment.tag == "BGM"), "")
    if function in _CANCELS:
        return _withdrawal(place, members, named)
    if named is None:
        raise SegmentFault(f"{members[0].number}/CUX", "the message names no currency: say which")
    draft = AdviceDraft(place, named)
    reader = _Message(draft)
    for segment in members[1:-1]:
        try:
            reader.take(segment)
        except SegmentFault as fault:
            raise SegmentFault(f"{segment.number}/{fault.element}", fault.detail) from None
    reader.finish()
    if function == _REPLACES:
        draft.replaces = reader.withdrawal()
    if not draft.lines and not draft.adjustments:
        return LeftOut(place, "no_documents", "the payment names no documents (no DOC)")
    if draft.total is not None and draft.total <= 0:
        return LeftOut(place, "no_payment", "documents are only netted against each other; nothing is paid")
    return draft


def _withdrawal(place: str, members: list[Segment], currency: str | None) -> Withdrawal:
    """What a cancellation says of the advice that it cancels; its documents and amounts do not matter."""
    reader = _Message(AdviceDraft(place, currency or ""))
    for segment in members[1:-1]:
        if segment.tag == "DOC":
            break
        if segment.tag in _HEADER:
            reader.take(segment)
    return reader.withdrawal()


def _currency(members: list[Segment]) -> str | None:
    """The currency of the payment (CUX qualifier 11), else the first that CUX names, else that of an amount."""
    named: list[tuple[str, str]] = []
    for segment in members:
        if segment.tag == "CUX":
            named += [(segment.get(place, 3), segment.get(place, 2)) for place in (1, 2) if segment.get(place, 2)]
        elif segment.tag == "DOC":
            break
    found = [code for qualifier, code in named if qualifier == "11"] or [code for _, code in named]
    if not found:
        found = [segment.get(1, 3) for segment in members if segment.tag == "MOA" and segment.get(1, 3)]
    return found[0].upper() if found else None


class _Message:
    """Takes the segments of a message in order; the group that is open decides what a segment is about."""

    def __init__(self, draft: AdviceDraft) -> None:
        self._draft = draft
        self._line: LineDraft | None = None
        self._amounts: dict[str, int] = {}
        self._adjustment: Adjustment | None = None
        self._summary: dict[str, int] = {}
        self._in_summary = False
        self._dates: dict[str, tuple[str, str]] = {}
        self._references: dict[str, str] = {}
        self._party = ""
        self._number = ""

    def take(self, segment: Segment) -> None:
        """One segment. Raises SegmentFault."""
        handler = _HANDLED.get(segment.tag)
        if handler is not None:
            getattr(self, handler)(segment)

    def finish(self) -> None:
        """What is known only at the end: the last document, total, date, reference."""
        self._close()
        draft = self._draft
        draft.total = next((self._summary[kind] for kind in _TOTAL if kind in self._summary), None)
        for kind in _DATES:
            if kind in self._dates and draft.expected_date is None:
                text, where = self._dates[kind]
                draft.expected_date = compact_date(text, where)
        known = [self._references[kind] for kind in _PAYMENTS if kind in self._references]
        draft.payment_reference = next(iter(known), None) or self._number or None

    def withdrawal(self) -> Withdrawal:
        """The advice that the message takes back: the message it names (ACW), its payment, or its own number."""
        known = [self._references[kind] for kind in ("ACW", *_PAYMENTS) if kind in self._references]
        draft = self._draft
        return Withdrawal(
            draft.place,
            tuple(dict.fromkeys(filter(None, (*known, self._number)))),
            draft.payer_name,
            draft.payer_bank_identifier,
            tuple(dict.fromkeys(draft.hints)),
        )

    def _bgm(self, segment: Segment) -> None:
        self._number = segment.get(2)

    def _dtm(self, segment: Segment) -> None:
        if self._line is None and not self._in_summary:
            where = f"{segment.number}/DTM01"
            self._dates.setdefault(segment.get(1, 1), (segment.get(1, 2), where))

    def _rff(self, segment: Segment) -> None:
        kind, value = segment.get(1, 1), segment.get(1, 2)
        if not value:
            return
        if self._adjustment is not None:
            self._adjustment.number = self._adjustment.number or value
        elif self._line is not None:
            return
        elif kind == "VA" and self._party in ("PR", "PL", "BY"):
            self._draft.hints.append(("vat_id", value))
        elif kind in ("IT", "ADE", "AVC") and self._party in ("", "PR", "PL", "BY"):
            self._draft.hints.append(("number", value))
        else:
            self._references.setdefault(kind, value)

    def _nad(self, segment: Segment) -> None:
        if self._line is not None:
            return
        self._party = segment.get(1)
        if self._party not in ("PR", "PL", "BY", "OY"):
            return
        name = segment.joined(4) or segment.get(3)
        if name and (self._draft.payer_name is None or self._party in ("PR", "PL")):
            self._draft.payer_name = name
        party_id, agency = segment.get(2, 1), segment.get(2, 3)
        if party_id and agency in ("91", "ZZZ", ""):
            self._draft.hints.append(("number", party_id))
        elif party_id and agency == "9":
            self._draft.hints.append(("registered_id", f"0088:{party_id}"))

    def _fii(self, segment: Segment) -> None:
        if segment.get(1) in ("OR", "PB") and segment.get(2):
            self._draft.payer_bank_identifier = segment.get(2)

    def _doc(self, segment: Segment) -> None:
        self._close()
        self._line = LineDraft(segment.number, segment.get(2), segment.get(1) in _CREDIT_NOTES)

    def _moa(self, segment: Segment) -> None:
        kind, currency = segment.get(1, 1), segment.get(1, 3)
        minor = amount(segment, 1, self._draft.currency, 2)
        if minor is None:
            return
        if currency and currency.upper() != self._draft.currency:
            if kind in (*_TOTAL, *_GROSS, _DISCOUNT) or self._adjustment is not None:
                raise SegmentFault("MOA01", f"an amount in {currency[:3]}, the payment is in {self._draft.currency}")
            return
        if self._in_summary:
            self._summary.setdefault(kind, minor)
        elif self._adjustment is not None:
            self._adjustment.minor = self._adjustment.minor or -minor  # it lowers the payment, unless the total says no
        elif self._line is not None:
            self._amounts.setdefault(kind, minor)

    def _ajt(self, segment: Segment) -> None:
        code = segment.get(1)
        self._adjustment = Adjustment(0, (_REASONS.get(code) or f"reason {code}") if code else None)
        if self._line is None:
            self._draft.adjustments.append(self._adjustment)
        else:
            self._line.adjustments.append(self._adjustment)

    def _ftx(self, segment: Segment) -> None:
        text = segment.joined(4)
        if self._adjustment is not None and text and (self._adjustment.reason or "").startswith("reason "):
            self._adjustment.reason = text

    def _uns(self, _segment: Segment) -> None:
        self._close()
        self._in_summary = True

    def _close(self) -> None:
        """The document is complete: which of its amounts is which."""
        line, amounts = self._line, self._amounts
        self._line, self._adjustment, self._amounts = None, None, {}
        if line is None:
            return
        line.paid = amounts.get(_PAID)
        line.gross = next((amounts[kind] for kind in _GROSS if kind in amounts), None)
        line.discount = amounts.get(_DISCOUNT, 0)
        if line.paid is None and line.gross is None:
            raise SegmentFault(f"{line.segment}/MOA", "the document has no amount (MOA 12, 9, 77 or 39)")
        line.adjustments = [item for item in line.adjustments if item.minor]
        self._draft.lines.append(line)


_HANDLED = {tag: f"_{tag.lower()}" for tag in ("BGM", "DTM", "RFF", "NAD", "FII", "DOC", "MOA", "AJT", "FTX", "UNS")}
