"""QR codes of payments as SVG (ISO/IEC 18004, error correction M, UTF-8). The payload is what a scanner gives back."""

from __future__ import annotations

import re
from collections.abc import Sequence

from app.infra.rendering.qr_modules import VERSION_MAX, qr_rows

QUIET_MODULES = 4
SWISS_CROSS_SHARE = 7 / 46
"""The Swiss cross in the middle of a QR-bill's code: 7 of 46 mm (SIX, Swiss Implementation Guidelines QR-bill, 6.4)."""
_RUNS = re.compile("(0*)(1+)")


def payment_code_svg(payload: str, *, version_max: int) -> str:
    """The code with its quiet zone. Raises ValueError when the payload needs a larger version."""
    rows = qr_rows(payload.encode(), version_max)
    side = len(rows) + 2 * QUIET_MODULES
    return f'{_head(side)}<path fill="#fff" d="M0 0h{side}v{side}H0z"/>{_path(rows, QUIET_MODULES)}</svg>'


def swiss_code_svg(payload: str) -> str:
    """The code of a QR-bill with the Swiss cross, without quiet zone: the slip leaves 5 mm around it.

    Raises ValueError when the payload needs more than version 25.
    """
    rows = qr_rows(payload.encode(), VERSION_MAX)
    side = len(rows)
    size = side * SWISS_CROSS_SHARE
    start, unit = (side - size) / 2, size / 19.8
    cross = (
        f'<g transform="translate({start:.4f} {start:.4f}) scale({unit:.6f})">'
        '<path fill="#fff" d="M0 0h19.8v19.8H0z"/><path d="M1.4 1.4h17v17H1.4z"/>'
        '<path fill="#fff" d="M8.25 4.4h3.3v11h-3.3zM4.4 8.25h11v3.3h-11z"/></g>'
    )
    return f"{_head(side)}{_path(rows, 0)}{cross}</svg>"


def _head(side: int) -> str:
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}" shape-rendering="crispEdges">'


def _path(rows: Sequence[str], offset: int) -> str:
    """Every run of dark modules of a row as a stroke of one module's width, each from the end of the one before."""
    drawn = []
    for y, row in enumerate(rows, offset):
        drawn.append(f"M{offset} {y}.5")
        drawn += [f"m{len(light)} 0h{len(dark)}" if light else f"h{len(dark)}" for light, dark in _RUNS.findall(row)]
    return f'<path stroke="#000" d="{"".join(drawn)}"/>'
