"""The shipped calibration: raw log-odds and the share that was right. Written by the fitting command, not by
hand.
"""

from __future__ import annotations

SHIPPED_POINTS: tuple[tuple[float, float], ...] = ()
