"""The payment part of a Swiss QR-bill with its receipt, at the foot of a page of its own.

Measures: SIX "Style Guide QR-bill": 210 x 105 mm, receipt 62 mm wide, code 46 x 46 mm with 5 mm around it; its fonts
are Arial, Frutiger, Helvetica and Liberation Sans, the last of which comes with the service.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

SLIP_TYPST = """
#let slip-corners(width, height) = box(width: width, height: height, {
let arm = 3mm
let corners = ((0mm, 0mm, arm, arm), (width, 0mm, -arm, arm), (0mm, height, arm, -arm), (width, height, -arm, -arm))
for (x, y, dx, dy) in corners {
place(top + left, line(start: (x, y), end: (x + dx, y), stroke: 0.75pt))
place(top + left, line(start: (x, y), end: (x, y + dy), stroke: 0.75pt))
}
})
#let slip-lines(lines) = lines.map(line => line).join(linebreak())
#let slip-field(name, value, head, size, empty) = {
block(above: 0mm, below: 1.2mm, text(head, weight: "bold", name))
block(above: 0mm, below: 2.6mm, if value.len() > 0 { text(size, slip-lines(value)) } else { empty })
}
#let payment-slip(slip) = page(flipped: false, margin: 0mm, footer: none, background: none, {
set par(leading: 0.35em, spacing: 0.5em)
set text(8pt, lang: "de", hyphenate: false, font: ("Liberation Sans",) + others)
let words = slip.words
place(bottom + left, box(width: 210mm, height: 105mm, {
place(top + left, dy: -4mm, box(width: 210mm, align(center, text(7pt, words.separate))))
place(top + left, line(length: 210mm, stroke: (thickness: 0.4pt, dash: "dashed")))
place(top + left, dx: 62mm, line(end: (0mm, 105mm), stroke: (thickness: 0.4pt, dash: "dashed")))
place(top + left, dx: 5mm, dy: 5mm, box(width: 52mm, height: 95mm, {
place(top + left, text(11pt, weight: "bold", words.receipt))
place(top + left, dy: 7mm, box(width: 52mm, {
slip-field(words.account, slip.account, 6pt, 8pt, [])
if slip.reference.len() > 0 { slip-field(words.reference, slip.reference, 6pt, 8pt, []) }
slip-field(if slip.debtor.len() > 0 { words.payable-by } else { words.payable-by-blank }, slip.debtor, 6pt, 8pt,
slip-corners(52mm, 20mm))
}))
place(top + left, dy: 63mm, grid(columns: (12mm, auto), row-gutter: 1.5mm,
text(6pt, weight: "bold", words.currency), text(6pt, weight: "bold", words.amount),
text(8pt, slip.currency), text(8pt, slip.amount)))
place(top + right, dy: 77mm, text(6pt, weight: "bold", words.acceptance))
}))
place(top + left, dx: 67mm, dy: 5mm, text(11pt, weight: "bold", words.part))
place(top + left, dx: 67mm, dy: 17mm, image(bytes(slip.code), format: "svg", width: 46mm, height: 46mm,
alt: "Swiss QR code"))
place(top + left, dx: 67mm, dy: 68mm, grid(columns: (14mm, auto), row-gutter: 1.8mm,
text(8pt, weight: "bold", words.currency), text(8pt, weight: "bold", words.amount),
text(10pt, slip.currency), text(10pt, slip.amount)))
place(top + left, dx: 118mm, dy: 5mm, box(width: 87mm, {
slip-field(words.account, slip.account, 8pt, 10pt, [])
if slip.reference.len() > 0 { slip-field(words.reference, slip.reference, 8pt, 10pt, []) }
if slip.information.len() > 0 { slip-field(words.information, slip.information, 8pt, 10pt, []) }
slip-field(if slip.debtor.len() > 0 { words.payable-by } else { words.payable-by-blank }, slip.debtor, 8pt, 10pt,
slip-corners(65mm, 25mm))
}))
}))
})
"""
_WORDS = {
    "en": {
        "part": "Payment part", "receipt": "Receipt", "account": "Account / Payable to", "reference": "Reference",
        "information": "Additional information", "payable-by": "Payable by",
        "payable-by-blank": "Payable by (name/address)", "currency": "Currency", "amount": "Amount",
        "acceptance": "Acceptance point", "separate": "Separate before paying in",
    },
    "de": {
        "part": "Zahlteil", "receipt": "Empfangsschein", "account": "Konto / Zahlbar an", "reference": "Referenz",
        "information": "Zusätzliche Informationen", "payable-by": "Zahlbar durch",
        "payable-by-blank": "Zahlbar durch (Name/Adresse)", "currency": "Währung", "amount": "Betrag",
        "acceptance": "Annahmestelle", "separate": "Vor der Einzahlung abzutrennen",
    },
    "fr": {
        "part": "Section paiement", "receipt": "Récépissé", "account": "Compte / Payable à",
        "reference": "Référence", "information": "Informations supplémentaires",
        "payable-by": "Payable par", "payable-by-blank": "Payable par (nom/adresse)", "currency": "Monnaie",
        "amount": "Montant", "acceptance": "Point de dépôt", "separate": "A détacher avant le versement",
    },
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class PaymentSlip:
    """A payment part: `account` is the IBAN and the creditor's lines, `code` the SVG of its QR code.

    Without `debtor` a box is left to write it in. The words are German or French, else English.
    """

    account: tuple[str, ...]
    reference: tuple[str, ...]
    information: tuple[str, ...]
    debtor: tuple[str, ...]
    currency: str
    amount: str
    code: str
    language: str = "en"


def slip_facts(slip: PaymentSlip) -> dict[str, Any]:
    """What the drawing needs."""
    return {"kind": "slip", **asdict(slip), "words": _WORDS.get(slip.language, _WORDS["en"])}
