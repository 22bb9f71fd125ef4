"""How payers quote document numbers: the part of a number that a text gives instead of the whole."""

from __future__ import annotations

import re
from collections.abc import Iterable

from app.cash_application.matching.references import text_tokens
from app.core.reference_keys import DIGITS_KEY_MINIMUM, digits_of, number_keys, squeeze

_DIGIT = re.compile(r"[0-9]")
QUOTED_KINDS = ("whole", "digits")


def quoted_parts(text: str, numbers: Iterable[str]) -> dict[str, str]:
    """Shapes (9 for any digit) of the tokens that name one of the numbers by its digits or its end, with the token.

    A number that is quoted whole teaches nothing: its shape is known from the documents.
    """
    known = [(number_keys(number), digits_of(squeeze(number))) for number in numbers]
    found: dict[str, str] = {}
    tokens = text_tokens(text)
    whole_spans = [(t.start, t.end) for t in tokens if any(t.key == keys[0] for keys, _ in known if keys)]
    for token in tokens:
        quoted = squeeze(token.raw)
        digits = digits_of(quoted)
        if token.kind not in QUOTED_KINDS or len(digits) < DIGITS_KEY_MINIMUM:
            continue
        if any(start <= token.start and token.end <= end for start, end in whole_spans):
            continue
        if any(token.key in keys or whole.endswith(digits) for keys, whole in known):
            found.setdefault(_DIGIT.sub("9", quoted), token.raw)
    return found
