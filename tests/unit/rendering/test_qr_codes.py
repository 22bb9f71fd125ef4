"""QR codes of payments: the modules that are drawn are those of the payload."""

from __future__ import annotations

import re

import pytest
import segno

from app.infra.rendering.qr_codes import MASK, QUIET_MODULES, SWISS_CROSS_SHARE, payment_code_svg, swiss_code_svg


def _modules(svg: str, offset: int, side: int) -> list[list[int]]:
    """The dark modules: strokes of the width of one."""
    rows = [[0] * side for _ in range(side)]
    path = next(found for found in re.findall(r'stroke="#000" d="([^"]+)"', svg))
    for x, y, length in re.findall(r"M(\d+) (\d+)\.5h(\d+)", path):
        for step in range(int(length)):
            rows[int(y) - offset][int(x) - offset + step] = 1
    return rows


@pytest.mark.parametrize("payload", ["BCD\n002\n1\nSCT\n\nAcme\nDE89370400440532013000\nEUR1.00", "Grüße, Łódź"])
def test_what_is_drawn_is_the_code(payload: str) -> None:
    made = segno.make_qr(payload, error="m", boost_error=False, encoding="utf-8", mask=MASK)
    wanted = [list(row) for row in made.matrix]
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
