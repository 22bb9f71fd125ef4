"""How wide a text is at most in the fonts of our papers, near enough to give a table its columns and rows beforehand.

To let the typesetter measure every cell takes it longer than all the rest of a page. The widths are above the real ones
by a little, so that what is said to fit does fit.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Sequence

_EM = {
    **dict.fromkeys("0123456789+=<>$€£¥#", 0.51),
    **dict.fromkeys(".,:;'|!()[]/\\ijltf\u00a0\u202f -·", 0.36),
    **dict.fromkeys('abcdeghknopqrsuvxyz_*?"„“”‘’', 0.57),
    **dict.fromkeys("mw%&@", 0.88),
    **dict.fromkeys("ABCDEFGHIJKLNOPQRSTUVXYZ–", 0.78),
    **dict.fromkeys("MW—…", 1.03),
}
OTHER_EM = 1.1
BOLD = 1.12


def text_em(text: str, *, bold: bool = False) -> float:
    """An upper bound of the width of one line in em."""
    try:
        width = sum(map(_EM.__getitem__, text))
    except KeyError:
        plain = (sign for sign in unicodedata.normalize("NFD", text) if not unicodedata.combining(sign))
        width = sum(_EM.get(sign, OTHER_EM) for sign in plain)
    return width * BOLD if bold else width


def column_widths(
    rows: Sequence[Sequence[str]], widths: Sequence[int], bold: Collection[int], size: float, room: float, inset: float
) -> list[float] | None:
    """Widths of columns in points; None where they do not fit, so that the typesetter has to find a way.

    `widths`: 0 is as wide as its text, else a share of what is left of `room`.
    """
    found: list[float] = [0.0] * len(widths)
    for column, share in enumerate(widths):
        if share == 0:
            lines = ((line, index in bold) for index, row in enumerate(rows) for line in row[column].split("\n"))
            found[column] = max((text_em(line, bold=strong) for line, strong in lines), default=0.0) * size + 2 * inset
    left, shares = room - sum(found), sum(widths)
    if left < 0 or (shares and left < room / 8):
        return None
    return [width or left * share / shares for width, share in zip(found, widths, strict=True)]


def lines_of(row: Sequence[str], widths: Sequence[float], size: float, inset: float, *, bold: bool) -> int | None:
    """How many lines a row has; None where a text may have to be broken."""
    most = 1
    for text, width in zip(row, widths, strict=True):
        lines = text.split("\n") if "\n" in text else (text,)
        if any(text_em(line, bold=bold) * size > width - 2 * inset + 0.01 for line in lines):
            return None
        most = max(most, len(lines))
    return most
