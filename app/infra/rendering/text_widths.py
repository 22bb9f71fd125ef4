"""How wide a text is at most in the font of our papers, to give a table its columns and rows beforehand.

To let the typesetter measure every cell takes it longer than all the rest of a page. The widths are those of the font
itself, which brings letters closer together now and then but hardly ever apart, so that what is said to fit does fit.
Sources: OpenType 1.9, tables `cmap` (format 4), `hmtx`, `hhea`, `head`.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Collection, Sequence
from functools import lru_cache
from pathlib import Path

OTHER_EM = 1.1
"""Letters of other fonts: a little more than the square of a Chinese one."""
SPARE = 1.01
AIR_POINTS = 4.0
"""What a column that is as wide as its text has more, so that it does not touch the next one."""
_WORD = re.compile(r"[^\s\u00ad\u200b/-]+[/-]?")
_FONTS = {bold: f"LiberationSans-{'Bold' if bold else 'Regular'}.ttf" for bold in (False, True)}


@lru_cache(maxsize=2)
def _widths(bold: bool) -> dict[str, float]:
    """Width of each sign of the font in em."""
    content = Path(__file__).with_name("fonts").joinpath(_FONTS[bold]).read_bytes()
    count = struct.unpack_from(">H", content, 4)[0]
    tables = {
        content[at : at + 4]: struct.unpack_from(">I", content, at + 8)[0] for at in range(12, 12 + 16 * count, 16)
    }
    units = struct.unpack_from(">H", content, tables[b"head"] + 18)[0]
    metrics = struct.unpack_from(">H", content, tables[b"hhea"] + 34)[0]
    advances = struct.unpack_from(">" + "Hh" * metrics, content, tables[b"hmtx"])[::2]
    return {
        chr(code): SPARE * advances[min(glyph, metrics - 1)] / units
        for code, glyph in _glyphs(content, tables[b"cmap"])
    }


def _glyphs(content: bytes, cmap: int) -> list[tuple[int, int]]:
    """Code point and glyph of each sign."""
    for place in range(struct.unpack_from(">H", content, cmap + 2)[0]):
        start = cmap + struct.unpack_from(">HHI", content, cmap + 4 + 8 * place)[2]
        if struct.unpack_from(">H", content, start)[0] == 4:
            break
    count = struct.unpack_from(">H", content, start + 6)[0] // 2
    form, size = f">{count}H", 2 * count
    ends = struct.unpack_from(form, content, start + 14)
    starts = struct.unpack_from(form, content, start + 16 + size)
    deltas = struct.unpack_from(form, content, start + 16 + 2 * size)
    ranges = start + 16 + 3 * size
    found = []
    for place, (first, last, delta) in enumerate(zip(starts, ends, deltas, strict=True)):
        offset = struct.unpack_from(">H", content, ranges + 2 * place)[0]
        for code in range(first, min(last, 0xFFFD) + 1):
            glyph = code
            if offset:
                glyph = struct.unpack_from(">H", content, ranges + 2 * place + offset + 2 * (code - first))[0]
            if glyph or not offset:
                found.append((code, (glyph + delta) % 65_536))
    return found


def text_em(text: str, *, bold: bool = False) -> float:
    """An upper bound of the width of one line in em."""
    widths = _widths(bold)
    try:
        return sum(map(widths.__getitem__, text))
    except KeyError:
        return sum(widths.get(sign, OTHER_EM) for sign in text)


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
            found[column] = (
                max((text_em(line, bold=strong) for line, strong in lines), default=0.0) * size + 2 * inset + AIR_POINTS
            )
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


def breakable(text: str, room_em: float, *, bold: bool = False) -> str:
    """The text with places to break it within words that are longer than the room: numbers of documents, mostly."""
    if text_em(text, bold=bold) <= room_em:
        return text
    return _WORD.sub(lambda word: "\u200b".join(word[0]) if text_em(word[0], bold=bold) > room_em else word[0], text)
