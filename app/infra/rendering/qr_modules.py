"""The modules of a QR code: bytes at error correction M under one mask (ISO/IEC 18004), versions 1 to 25.

Everything that depends on the version alone (patterns, format, the way of the bits, the mask) is laid out once, and the
check bytes are reckoned with whole integers: a code takes a fraction of a millisecond. A paper has one at most.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter

MASK = 3
"""Diagonals of three. To weigh all eight masks takes four times as long as the code itself; any of them is read."""
VERSION_MAX = 25
# Table 9, level M: check bytes of a block, and how many blocks there are, by version.
_CHECKS = (10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24, 28, 28, 26, 26, 26, 26, 28, 28, 28, 28)
_BLOCKS = (1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10, 10, 11, 13, 14, 16, 17, 17, 18, 20, 21)
_BYTE_MODE, _FIELD, _PADS = 4, 0x11D, (0xEC, 0x11)
_FORMAT_GENERATOR, _FORMAT_MASK, _VERSION_GENERATOR = 0x537, 0x5412, 0x1F25


@dataclass(frozen=True, slots=True)
class _Layout:
    """What every code of a version has in common. `order` puts fixed modules and bits, one after the other, in place.

    `mask` is laid over the `bits` of a code, `spare` of which carry nothing.
    """

    side: int
    data_bytes: int
    checks: int
    blocks: int
    count_bits: int
    bits: int
    spare: int
    mask: int
    fixed: str
    order: Callable[[str], tuple[str, ...]]


def qr_rows(payload: bytes, version_max: int = VERSION_MAX) -> list[str]:
    """The rows of the code as texts of 0 and 1, without quiet zone, in the smallest version that holds the bytes.

    Raises ValueError when that is past `version_max`.
    """
    for version in range(1, min(version_max, VERSION_MAX) + 1):
        layout = _layout(version)
        if 4 + layout.count_bits + 8 * len(payload) <= 8 * layout.data_bytes:
            break
    else:
        raise ValueError(f"{len(payload)} bytes need a version past {version_max}")
    stream = int.from_bytes(_codewords(layout, payload), "big") << layout.spare
    signs = layout.order(layout.fixed + format(stream ^ layout.mask, f"0{layout.bits}b"))
    side, text = layout.side, "".join(signs)
    return [text[start : start + side] for start in range(0, side * side, side)]


def _codewords(layout: _Layout, payload: bytes) -> bytes:
    """Data and check bytes, the blocks interleaved (7.4 to 7.6)."""
    head = (_BYTE_MODE << layout.count_bits) | len(payload)
    bits = ((head << 8 * len(payload)) | int.from_bytes(payload, "big")) << 4  # the terminator, as far as there is room
    length = 4 + layout.count_bits + 8 * len(payload) + 4
    room = layout.data_bytes * 8
    if length > room:
        bits, length = bits >> (length - room), room
    odd = -length % 8
    made = (bits << odd).to_bytes((length + odd) // 8, "big")
    made += bytes(_PADS[place % 2] for place in range(layout.data_bytes - len(made)))
    short, longer = divmod(layout.data_bytes, layout.blocks)
    blocks, at = [], 0
    for number in range(layout.blocks):
        size = short + (number >= layout.blocks - longer)
        blocks.append(made[at : at + size])
        at += size
    found = bytearray()
    for place in range(short + 1):
        found += bytes(block[place] for block in blocks if place < len(block))
    checks = [_check_bytes(block, layout.checks) for block in blocks]
    for place in range(layout.checks):
        found += bytes(check[place] for check in checks)
    return bytes(found)


def _check_bytes(block: bytes, count: int) -> bytes:
    """The remainder of the block by the generator of so many check bytes (7.5.2), a whole integer at a time."""
    table, shift, whole = _multiples(count), 8 * (count - 1), (1 << 8 * count) - 1
    rest = 0
    for byte in block:
        rest = ((rest << 8) & whole) ^ table[byte ^ (rest >> shift)]
    return rest.to_bytes(count, "big")


@lru_cache(maxsize=16)
def _multiples(count: int) -> tuple[int, ...]:
    """The generator's coefficients below the highest, times every byte, as integers of `count` bytes."""
    generator = [*[0] * (count - 1), 1]
    root = 1
    for _ in range(count):
        for place in range(count):
            generator[place] = _times(generator[place], root) ^ (generator[place + 1] if place + 1 < count else 0)
        root = _times(root, 2)
    return tuple(int.from_bytes(bytes(_times(one, factor) for one in generator), "big") for factor in range(256))


def _times(one: int, other: int) -> int:
    product = 0
    while other:
        product ^= one if other & 1 else 0
        one = (one << 1) ^ (_FIELD if one & 0x80 else 0)
        other >>= 1
    return product


@lru_cache(maxsize=VERSION_MAX)
def _layout(version: int) -> _Layout:
    side = 17 + 4 * version
    fixed = dict(_fixed_modules(version, side))
    way = [at for at in _way(side) if at not in fixed]
    blocks, checks = _BLOCKS[version - 1], _CHECKS[version - 1]
    places = {at: place for place, at in enumerate((*fixed, *way))}
    return _Layout(
        side=side,
        data_bytes=len(way) // 8 - blocks * checks,
        checks=checks,
        blocks=blocks,
        count_bits=8 if version < 10 else 16,
        bits=len(way),
        spare=len(way) % 8,
        mask=int("".join("1" if (x + y) % 3 == 0 else "0" for x, y in way), 2),
        fixed="".join("1" if dark else "0" for dark in fixed.values()),
        order=itemgetter(*(places[x, y] for y in range(side) for x in range(side))),
    )


def _way(side: int) -> Iterator[tuple[int, int]]:
    """Column and row of each module in the order of the bits: up and down in pairs of columns (7.7.3)."""
    upward = True
    for right in (*range(side - 1, 6, -2), 5, 3, 1):
        for row in range(side - 1, -1, -1) if upward else range(side):
            yield right, row
            yield right - 1, row
        upward = not upward


def _fixed_modules(version: int, side: int) -> Iterator[tuple[tuple[int, int], bool]]:
    """Finder, alignment and timing patterns, format and version (6.3, 7.9, 7.10); the later of two counts."""
    for at in range(side):
        yield (6, at), at % 2 == 0
        yield (at, 6), at % 2 == 0
    for centre_x, centre_y in ((3, 3), (side - 4, 3), (3, side - 4)):
        for x in range(max(0, centre_x - 4), min(side, centre_x + 5)):
            for y in range(max(0, centre_y - 4), min(side, centre_y + 5)):
                yield (x, y), max(abs(x - centre_x), abs(y - centre_y)) not in (2, 4)
    centres = _alignment(version, side)
    corners = {(6, 6), (6, side - 7), (side - 7, 6)}
    for centre_x, centre_y in ((x, y) for x in centres for y in centres if (x, y) not in corners):
        for x in range(centre_x - 2, centre_x + 3):
            for y in range(centre_y - 2, centre_y + 3):
                yield (x, y), max(abs(x - centre_x), abs(y - centre_y)) != 1
    word = ((MASK << 10) | _remainder(MASK, 10, _FORMAT_GENERATOR)) ^ _FORMAT_MASK  # level M is 00
    first = [*((8, y) for y in (0, 1, 2, 3, 4, 5, 7, 8)), *((x, 8) for x in (7, 5, 4, 3, 2, 1, 0))]
    second = [*((side - 1 - place, 8) for place in range(8)), *((8, side - 7 + place) for place in range(7))]
    for place in range(15):
        dark = bool(word >> place & 1)
        yield first[place], dark
        yield second[place], dark
    yield (8, side - 8), True
    if version >= 7:
        word = (version << 12) | _remainder(version, 12, _VERSION_GENERATOR)
        for place in range(18):
            long, across, dark = side - 11 + place % 3, place // 3, bool(word >> place & 1)
            yield (long, across), dark
            yield (across, long), dark


def _alignment(version: int, side: int) -> list[int]:
    """Rows and columns of the centres of alignment patterns (annex E)."""
    if version == 1:
        return []
    count = version // 7 + 2
    step = (version * 4 + count * 2 + 1) // (count * 2 - 2) * 2
    return [6, *sorted(side - 7 - place * step for place in range(count - 1))]


def _remainder(value: int, bits: int, generator: int) -> int:
    rest = value
    for _ in range(bits):
        rest = (rest << 1) ^ (rest >> (bits - 1)) * generator
    return rest
