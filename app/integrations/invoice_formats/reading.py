"""Reading fields of an invoice by path: every fault is kept with its path, so that all are named at once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal

from app.core.errors import FieldError
from app.core.money import CURRENCIES
from app.integrations.bank_formats.fields import FieldRefused, calendar_date, read_date, read_money
from app.integrations.bank_formats.xml_stream import Node
from app.integrations.invoice_formats.errors import FieldsRefused
from app.integrations.invoice_formats.records import EDiscount

FAULTS_MAX = 100
_PERCENT = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,6})?", re.ASCII)
_QUANTITY = re.compile(r"-?[0-9]{1,14}(?:\.[0-9]{1,20})?", re.ASCII)
_SKONTO = re.compile(
    r"#SKONTO#TAGE=([0-9]{1,3})#PROZENT=([0-9]{1,2}(?:\.[0-9]{1,2})?)#(?:BASISBETRAG=(-?[0-9]{1,15}\.[0-9]{2})#)?",
    re.ASCII,
)


class Reader:
    """Values along paths below one root. `path` texts use `/` and local names, as the refusals show them."""

    def __init__(self, root: Node) -> None:
        self.root = root
        self.faults: list[FieldError] = []
        self.currency = ""

    def fault(self, path: str, detail: str) -> None:
        """Keep a fault of the element at that path."""
        if len(self.faults) < FAULTS_MAX:
            self.faults.append(FieldError(path, "invoice_file.field_invalid", detail))

    def finish(self) -> None:
        """Raise FieldsRefused when anything was at fault."""
        if self.faults:
            raise FieldsRefused(tuple(self.faults))

    def text(self, node: Node | None, *paths: str, limit: int = 200) -> str | None:
        """The first text along one of the paths below the node, spaces collapsed and cut."""
        found = node.first(*(tuple(path.split("/")) for path in paths)) if node is not None else None
        return found[:limit].strip() if found else None

    def required(self, node: Node | None, where: str, path: str, limit: int) -> str:
        """The text; a fault when it is missing or too long."""
        found = node.value(*path.split("/")) if node is not None else None
        if not found:
            self.fault(f"{where}/{path}", "the element is missing or empty")
            return ""
        if len(found) > limit:
            self.fault(f"{where}/{path}", f"at most {limit} characters")
        return found[:limit]

    def money(self, node: Node | None, where: str, path: str, *, currency: str | None = None) -> int | None:
        """Minor units in the document's currency; None when absent. Another currencyID is a fault."""
        element = node.child(*path.split("/")) if node is not None else None
        if element is None:
            return None
        return self.amount(element, f"{where}/{path}", currency)

    def amount(self, element: Node, path: str, currency: str | None = None) -> int | None:
        """The same for an element that is at hand."""
        wanted = currency or self.currency
        stated = (element.attributes.get("currencyID") or wanted).strip()
        if stated != wanted:
            self.fault(path, f"the amount is in {stated[:3]}, the document in {wanted}")
            return None
        try:
            return read_money(element.text, wanted).minor
        except FieldRefused as refused:
            self.fault(path, refused.detail)
            return None

    def document_currency(self, path: str) -> str:
        """The currency of the document; a fault when it is none."""
        found = (self.root.value(*path.split("/")) or "").upper()
        if found not in CURRENCIES:
            self.fault(f"/{self.root.tag}/{path}", f"{found[:12]!r} is no currency")
        self.currency = found
        return found

    def day(self, node: Node | None, where: str, path: str) -> date | None:
        """An ISO date; None when absent."""
        text = node.value(*path.split("/")) if node is not None else None
        try:
            return read_date(text)
        except FieldRefused as refused:
            self.fault(f"{where}/{path}", refused.detail)
            return None

    def cii_day(self, node: Node | None, where: str, path: str) -> date | None:
        """A CII date: `DateTimeString` (or `DateTime`) of format 102 (CCYYMMDD), or ISO; None when absent."""
        holder = node.child(*path.split("/")) if node is not None else None
        if holder is None:
            return None
        text = holder.value("DateTimeString") or holder.value("DateTime") or holder.value("DateString")
        if text is None:
            return None
        try:
            if len(text) == 8 and text.isascii() and text.isdigit():
                return calendar_date(int(text[:4]), int(text[4:6]), int(text[6:]))
            return read_date(text)
        except FieldRefused as refused:
            self.fault(f"{where}/{path}", refused.detail)
            return None

    def percent(self, node: Node | None, path: str) -> Decimal | None:
        """A percentage between 0 and 100; None when absent or none."""
        text = node.value(*path.split("/")) if node is not None else None
        if not text or not _PERCENT.fullmatch(text):
            return None
        found = Decimal(text)
        return found if 0 < found <= 100 else None

    def quantity(self, node: Node, path: str) -> Decimal | None:
        """A quantity; None when absent or none. Information only."""
        text = node.value(*path.split("/"))
        return Decimal(text) if text and _QUANTITY.fullmatch(text) else None


def all_at(node: Node | None, path: str) -> Iterator[Node]:
    """Every element at the end of a path of names, whichever branch it stands in."""
    if node is None:
        return
    first, _, rest = path.partition("/")
    for child in node.all(first):
        if rest:
            yield from all_at(child, rest)
        else:
            yield child


def schemed(node: Node) -> str | None:
    """An identifier with its scheme in front: `0088:4012345000009`."""
    value = " ".join(node.text.split())
    scheme = (node.attributes.get("schemeID") or "").strip()
    return (f"{scheme}:{value}" if scheme else value)[:200] if value else None


def texts(nodes: Sequence[Node] | Iterator[Node]) -> tuple[str, ...]:
    """The texts of elements, none empty, each once."""
    found = (" ".join(node.text.split())[:200] for node in nodes)
    return tuple(dict.fromkeys(text for text in found if text))


def skonto(note: str, currency: str) -> list[EDiscount]:
    """Discount tiers of the German structured note: `#SKONTO#TAGE=14#PROZENT=2.00#` (XRechnung, BT-20)."""
    tiers = []
    for days, percent, base in _SKONTO.findall("".join(note[:8_000].split())):
        try:
            base_minor = read_money(base, currency).minor if base else None
        except FieldRefused:
            continue
        if Decimal(percent):
            tiers.append(EDiscount(Decimal(percent), int(days), base_minor))
    return tiers
