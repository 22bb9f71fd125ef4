"""How payers quote document numbers: the part of a number that a text gives instead of the whole."""

from __future__ import annotations

import re
from collections.abc import Iterable

from app.cash_application.matching.references import text_tokens
from app.core.reference_keys import number_keys, squeeze

_DIGIT = re.compile(r"[0-9]")
QUOTED_KINDS = ("whole", "digits")


def quoted_parts(text: str, numbers: Iterable[str]) -> dict[str, str]:
    """Shapes (9 for any digit) of the tokens that name one of the numbers by a part of it, each with the token.

    A number that is quoted whole teaches nothing: its shape is known from the documents.
    """
    parts = {key for number in numbers for key in number_keys(number)[1:]}
    whole = {key for number in numbers for key in number_keys(number)[:1]}
    found: dict[str, str] = {}
    for token in text_tokens(text):
        if token.kind in QUOTED_KINDS and token.key in parts and token.key not in whole:
            quoted = squeeze(token.raw)
            found.setdefault(_DIGIT.sub("9", quoted), token.raw)
    return found
