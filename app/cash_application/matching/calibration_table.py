"""The shipped calibration: per family raw log-odds and the share that was right. Written by the fitting
command.
"""

from __future__ import annotations

SHIPPED_POINTS: dict[str, tuple[tuple[float, float], ...]] = {}
