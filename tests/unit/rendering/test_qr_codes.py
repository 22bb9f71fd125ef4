"""QR codes of payments: the modules that are drawn are those of the payload."""

from __future__ import annotations

import re

import pytest
import segno

from app.infra.rendering.qr_codes import QUIET_MODULES, SWISS_CROSS_SHARE, payment_code_svg, swiss_code_svg
from app.infra.rendering.qr_modules import MASK, VERSION_MAX, qr_rows

CAPACITIES = (
    14, 26, 42, 62, 84, 106, 122, 152, 180, 213, 251, 287, 331, 362, 412, 450, 504, 560, 624, 666, 711, 779, 857, 911,
    997,
)  # fmt: skip
"""Bytes that a code of level M holds, by version (ISO/IEC 18004, table 7)."""


def _modules(svg: str, offset: int, side: int) -> list[list[int]]:
    """The dark modules: strokes of the width of one."""
    rows = [[0] * side for _ in range(side)]
    path = next(found for found in re.findall(r'stroke="#000" d="([^"]+)"', svg))
    x = y = 0
    for start, down, skip, length in re.findall(r"M(\d+) (\d+)\.5|m(\d+) 0|h(\d+)", path):
        if start:
            x, y = int(start), int(down)
        elif skip:
            x += int(skip)
        else:
            for step in range(int(length)):
                rows[y - offset][x - offset + step] = 1
            x += int(length)
    return rows


def _numbers(rows: list[str]) -> list[list[int]]:
    return [[int(sign) for sign in row] for row in rows]


@pytest.mark.parametrize("version", range(1, VERSION_MAX + 1))
def test_a_full_code_of_every_version_is_that_of_another_program(version: int) -> None:
    """Full: what fills the rest is nothing that a reader looks at, and programs differ in it."""
    payload = bytes((7 * place + version) % 251 + 1 for place in range(CAPACITIES[version - 1]))
    made = segno.make_qr(payload, error="m", boost_error=False, mask=MASK, mode="byte")
    assert made.version == version
    assert _numbers(qr_rows(payload)) == [list(row) for row in made.matrix]
    assert len(qr_rows(payload[:-1])) == 17 + 4 * version
    if version < VERSION_MAX:
        assert len(qr_rows(payload + b"x")) == 21 + 4 * version


def test_the_rest_of_a_code_is_filled_as_the_standard_says() -> None:
    """The first code words of version 1, up and down its last columns: mode, length, text, end, 236, 17, 236."""
    rows, bits = qr_rows(b"hello\n"), []
    for right, upward in ((20, True), (18, False), (16, True), (14, False)):
        for y in range(20, 8, -1) if upward else range(9, 21):
            bits += [int(rows[y][x]) ^ ((x + y) % 3 == 0) for x in (right, right - 1)]
    found = int("".join(map(str, bits)), 2).to_bytes(12, "big")
    assert found == bytes.fromhex("40668656c6c6f0a0ec11ec11")


@pytest.mark.parametrize("payload", ["BCD\n002\n1\nSCT\n\nAcme\nDE89370400440532013000\nEUR1.00", "Grüße, Łódź"])
def test_what_is_drawn_is_the_code(payload: str) -> None:
    wanted = _numbers(qr_rows(payload.encode()))
    side = len(wanted)
    svg = payment_code_svg(payload, version_max=13)
    assert f'viewBox="0 0 {side + 2 * QUIET_MODULES} {side + 2 * QUIET_MODULES}"' in svg
    assert _modules(svg, QUIET_MODULES, side) == wanted
    assert _modules(swiss_code_svg(payload), 0, side) == wanted


def test_the_cross_hides_no_more_than_error_correction_restores() -> None:
    assert SWISS_CROSS_SHARE**2 < 0.15 / 2, "level M restores 15 % of the code words"


def test_a_payload_past_the_version_is_refused() -> None:
    with pytest.raises(ValueError, match="version"):
        payment_code_svg("x" * 400, version_max=13)
