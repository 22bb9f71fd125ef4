"""Charts as SVG, for paper: bars, stacked bars, lines. Vectors only, and texts that the paper's own font sets. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from xml.sax.saxutils import escape, quoteattr

from app.reports.output.plots import Plot, Series

PALETTE = ("#1F5F8B", "#D98E04", "#4C9F70", "#A23B3B", "#6B5B95", "#5B8E9F", "#8C6D46", "#7A7A7A")
FONT = "Libertinus Serif"
TICKS = 5
Place = Callable[[Decimal], float]
"""Where a figure lies on an axis."""
INK, FAINT, GRID = "#222222", "#666666", "#DDDDDD"
_STEPS = (Decimal(1), Decimal(2), Decimal("2.5"), Decimal(5), Decimal(10))


def chart_svg(plot: Plot, width: int = 680, height: int = 260) -> str:
    """The chart as one SVG document of so many units. Bars with long names lie flat; so their names can be read."""
    flat = plot.kind != "line" and (len(plot.categories) > 8 or any(len(one) > 12 for one in plot.categories))
    canvas = _Canvas(width, height)
    unit = f" ({plot.unit})" if plot.unit and not plot.title.endswith(plot.unit) else ""
    canvas.text(0, 13, plot.title + unit, size=12, bold=True)
    top = 22.0
    if len(plot.series) > 1:
        top = _legend(canvas, plot.series, top)
    low, high, step = _scale(plot)
    if flat:
        _flat_bars(canvas, plot, (top + 4, height - 20), (low, high, step))
    else:
        _upright(canvas, plot, (top + 6, height - 24), (low, high, step))
    return canvas.svg()


class _Canvas:
    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._parts: list[str] = []

    def text(
        self, x: float, y: float, text: str, *, size: float = 9, anchor: str = "start", fill: str = INK,
        bold: bool = False, turned: bool = False,
    ) -> None:  # fmt: skip
        turn = f' transform="rotate(-35 {x:.1f} {y:.1f})"' if turned else ""
        weight = ' font-weight="bold"' if bold else ""
        self._parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-family={quoteattr(FONT)} fill="{fill}"'
            f' text-anchor="{anchor}"{weight}{turn}>{escape(_printable(text))}</text>'
        )

    def line(self, x1: float, y1: float, x2: float, y2: float, colour: str = GRID, width: float = 0.7) -> None:
        self._parts.append(
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" stroke-width="{width}"/>'
        )

    def box(self, x: float, y: float, width: float, height: float, fill: str) -> None:
        self._parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{max(height, 0):.1f}" fill="{fill}"/>'
        )

    def path(self, points: Sequence[tuple[float, float]], colour: str) -> None:
        if len(points) == 1:
            ((x, y),) = points
            self._parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.2" fill="{colour}"/>')
            return
        listed = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self._parts.append(f'<polyline points="{listed}" fill="none" stroke="{colour}" stroke-width="1.8"/>')

    def svg(self) -> str:
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width}" height="{self.height}"'
            f' viewBox="0 0 {self.width} {self.height}">{"".join(self._parts)}</svg>'
        )


def _printable(text: str) -> str:
    return "".join(one for one in text if one.isprintable())


def _legend(canvas: _Canvas, series: Sequence[Series], top: float) -> float:
    x = 0.0
    for index, one in enumerate(series):
        wide = 16 + 5.2 * len(one.name) + 10
        if x and x + wide > canvas.width:
            x, top = 0.0, top + 13
        canvas.box(x, top - 1, 9, 9, PALETTE[index % len(PALETTE)])
        canvas.text(x + 13, top + 7, one.name, fill=FAINT)
        x += wide
    return top + 13


def _scale(plot: Plot) -> tuple[Decimal, Decimal, Decimal]:
    """Lowest and highest figure of the axis, which holds zero unless it is a line, and the step of its marks."""
    if plot.kind == "stacked_bar":
        sums = [
            [one.values[index] or Decimal(0) for one in plot.series] for index in range(len(plot.categories))
        ]  # fmt: skip
        values = [sum((v for v in row if v > 0), Decimal(0)) for row in sums]
        values += [sum((v for v in row if v < 0), Decimal(0)) for row in sums]
    else:
        values = [value for one in plot.series for value in one.values if value is not None]
    low, high = min([Decimal(0), *values]), max([Decimal(0), *values])
    if low == high:
        high = low + 1
    rough = (high - low) / TICKS
    unit = Decimal(10) ** (rough.adjusted())
    step = next(unit * factor for factor in _STEPS if unit * factor >= rough)
    low = (low / step).to_integral_value(ROUND_FLOOR) * step
    high = (high / step).to_integral_value(ROUND_CEILING) * step
    return low, high, step


def _marks(low: Decimal, high: Decimal, step: Decimal) -> list[Decimal]:
    found = [low]
    while found[-1] < high:
        found.append(found[-1] + step)
    return found


def tick(value: Decimal) -> str:
    """A figure of an axis, short: 1.5M, 20k, 0.25."""
    for size, letter in ((Decimal(10**9), "bn"), (Decimal(10**6), "M"), (Decimal(10**4), "k")):
        if abs(value) >= size:
            short = value / (1000 if letter == "k" else size)
            return f"{short.normalize():f}{letter}"
    return f"{value.normalize():,f}" if value else "0"


def _upright(canvas: _Canvas, plot: Plot, room: tuple[float, float], axis: tuple[Decimal, Decimal, Decimal]) -> None:
    low, high, step = axis
    top, bottom = room
    long = any(len(one) > 7 for one in plot.categories) and len(plot.categories) > 6
    bottom -= 22 if long else 0
    left, right = 48.0, float(canvas.width)
    span = bottom - top

    def y(value: Decimal) -> float:
        return bottom - span * float((value - low) / (high - low))

    for mark in _marks(low, high, step):
        canvas.line(left, y(mark), right, y(mark), FAINT if mark == 0 else GRID)
        canvas.text(left - 5, y(mark) + 3, tick(mark), anchor="end", fill=FAINT)
    slot = (right - left) / max(len(plot.categories), 1)
    every = -(-len(plot.categories) // 18)
    for index, category in enumerate(plot.categories):
        middle = left + slot * (index + 0.5)
        if index % every == 0:
            canvas.text(middle, bottom + 13, category, anchor="end" if long else "middle", fill=FAINT, turned=long)
    if plot.kind == "line":
        for number, one in enumerate(plot.series):
            _line(canvas, one, PALETTE[number % len(PALETTE)], lambda i: left + slot * (i + 0.5), y)
        return
    for index in range(len(plot.categories)):
        _columns(canvas, plot, index, left + slot * index, slot, y)


def _line(canvas: _Canvas, one: Series, colour: str, x: Callable[[int], float], y: Place) -> None:
    """The line of a series; where a figure is missing it is broken."""
    piece: list[tuple[float, float]] = []
    for index, value in enumerate((*one.values, None)):
        if value is not None:
            piece.append((x(index), y(value)))
        elif piece:
            canvas.path(piece, colour)
            piece = []


def _columns(canvas: _Canvas, plot: Plot, index: int, start: float, slot: float, y: Place) -> None:
    wide = min(slot * 0.7, 60)
    begin = start + (slot - wide) / 2
    up, down = Decimal(0), Decimal(0)
    for number, one in enumerate(plot.series):
        value = one.values[index]
        colour = PALETTE[number % len(PALETTE)]
        if value is None:
            continue
        if plot.kind == "stacked_bar":
            base = up if value >= 0 else down
            first, last = y(base), y(base + value)
            canvas.box(begin, min(first, last), wide, abs(first - last), colour)
            up, down = (up + value, down) if value >= 0 else (up, down + value)
        else:
            part = wide / len(plot.series)
            first, last = y(Decimal(0)), y(value)
            canvas.box(begin + part * number, min(first, last), part * 0.92, abs(first - last), colour)


def _flat_bars(canvas: _Canvas, plot: Plot, room: tuple[float, float], axis: tuple[Decimal, Decimal, Decimal]) -> None:
    low, high, step = axis
    top, bottom = room
    left, right = min(30 + 5.4 * max(len(one) for one in plot.categories), 190.0), float(canvas.width) - 18

    def x(value: Decimal) -> float:
        return left + (right - left) * float((value - low) / (high - low))

    for mark in _marks(low, high, step):
        canvas.line(x(mark), top, x(mark), bottom, FAINT if mark == 0 else GRID)
        canvas.text(x(mark), bottom + 13, tick(mark), anchor="middle", fill=FAINT)
    slot = (bottom - top) / len(plot.categories)
    wide = slot * 0.72
    for index, category in enumerate(plot.categories):
        begin = top + slot * index + (slot - wide) / 2
        canvas.text(left - 6, begin + wide / 2 + 3, category, anchor="end")
        up, down = Decimal(0), Decimal(0)
        part = wide if plot.kind == "stacked_bar" else wide / len(plot.series)
        for number, one in enumerate(plot.series):
            value, colour = one.values[index], PALETTE[number % len(PALETTE)]
            if value is None:
                continue
            base, line = Decimal(0), begin
            if plot.kind == "stacked_bar":
                base = up if value >= 0 else down
                up, down = (up + value, down) if value >= 0 else (up, down + value)
            else:
                line = begin + part * number
            canvas.box(min(x(base), x(base + value)), line, abs(x(base + value) - x(base)), part * 0.95, colour)


def height_for(plot: Plot) -> int:
    """How high a chart is drawn: flat bars need a line each."""
    flat = plot.kind != "line" and (len(plot.categories) > 8 or any(len(one) > 12 for one in plot.categories))
    return max(130, 70 + 17 * len(plot.categories)) if flat else 230
