"""The report of accuracy on paper: what was made of the models, a chart of the errors by week ahead, and every row."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from app.forecasting.rules import HORIZON_WEEKS
from app.forecasting.schemas_accuracy import AccuracyRowRead, ErrorRead, JudgedModelRead
from app.infra.rendering.papers import Drawing, Grid, Heading, Paper, Part, Prose, paper_pdf

PAPER_ROWS_MAX = 1_000
WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 680, 220, 40, 30, 40
SCALE_MAX = Decimal(2)
"""An error of twice the cash or more is drawn at the edge: it would press all others to the ground."""
FONT = "Libertinus Serif"
_LINES = (
    ("Forecast", "#1F5F8B"), ("Due date", "#D98E04"), ("Customer median", "#4C9F70"), ("Mean of 13 weeks", "#A23B3B"),
)  # fmt: skip
_HEADER = (
    "Layer", "Group", "Currency", "Week", "Runs", "Forecast", "Actual", "WAPE", "Bias", "Coverage", "Width", "Due date",
    "Median", "Mean 13", "Better",
)  # fmt: skip


def accuracy_pdf(rows: Sequence[AccuracyRowRead], models: Sequence[JudgedModelRead], on: date) -> bytes:
    """The paper (A4 across). Takes the processor for up to seconds: call it in a thread. Raises PaperTooLarge."""
    parts: list[Part] = [
        Prose("WAPE: sum of absolute errors ÷ sum of actuals. Bias: (forecast − actual) ÷ actual. Coverage: share of "
              "actuals between P10 and P90; 80 % is right. Width: P10 to P90 ÷ actual. The naive rows stand beside: "
              "due date, customer median, mean of 13 weeks.")
    ]  # fmt: skip
    first = next((row for row in rows if row.layer == "total"), None)
    if first is not None:
        shown = [row for row in rows if (row.layer, row.key, row.currency) == ("total", first.key, first.currency)]
        name = first.name or first.code or first.key or "the organization"
        parts.append(Drawing(_chart(shown, f"WAPE by week ahead, {name} in {first.currency}"), "WAPE by week ahead"))
    parts.append(Heading("Models", 2))
    said = [(one.model_version, one.state, str(one.runs), "; ".join(one.reasons)) for one in models]
    parts.append(Grid(("Model", "State", "Runs", "Why"), tuple(said), (0, 0, 0, 1), (2,)))
    parts.append(Heading("By week ahead", 2))
    listed = tuple(_cells(row) for row in rows[:PAPER_ROWS_MAX])
    parts.append(Grid(_HEADER, listed, (), tuple(range(3, len(_HEADER) - 1)), size=7))
    if len(rows) > PAPER_ROWS_MAX:
        parts.append(Prose(f"{len(rows) - PAPER_ROWS_MAX} further rows stand in the workbook."))
    paper = Paper("Accuracy of forecasts", tuple(parts), f"Models to {on.isoformat()}", landscape=True)
    return paper_pdf(paper, on)


def _cells(row: AccuracyRowRead) -> tuple[str, ...]:
    naive = (row.naive.due_date, row.naive.customer_median, row.naive.mean_13)
    better = {None: "–", True: "yes", False: "no"}[row.beats_naive]
    return (
        row.layer.replace("_", " "), row.name or row.code or row.key or "All", row.currency, str(row.week_ahead),
        str(row.cells), row.forecast, row.actual, _percent(row.error.wape), _percent(row.error.bias),
        _percent(row.coverage), _percent(row.width), *(_percent(one.wape) if one else "–" for one in naive), better,
    )  # fmt: skip


def _percent(share: str | None) -> str:
    return "–" if share is None else f"{Decimal(share) * 100:.1f} %"


def _wapes(row: AccuracyRowRead) -> list[Decimal | None]:
    errors: list[ErrorRead | None] = [row.error, row.naive.due_date, row.naive.customer_median, row.naive.mean_13]
    return [None if one is None or one.wape is None else min(Decimal(one.wape), SCALE_MAX) for one in errors]


def _chart(rows: Sequence[AccuracyRowRead], title: str) -> str:
    """A line for the forecast and each naive row over the weeks ahead."""
    found = {row.week_ahead: _wapes(row) for row in rows}
    highest = max((one for values in found.values() for one in values if one is not None), default=Decimal(1))
    highest = highest or Decimal(1)
    parts = [_text(0, 13, title, 12)]
    for place in range(5):
        share = highest * place / 4
        y = _height(share, highest)
        parts.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH}" y2="{y:.1f}" stroke="#DDDDDD" stroke-width="0.7"/>')
        parts.append(_text(LEFT - 4, y + 3, f"{share * 100:.0f} %", 9, "end"))
    parts += [_text(_place(week), HEIGHT - BOTTOM + 14, str(week), 9, "middle") for week in sorted(found)]
    for index, (name, colour) in enumerate(_LINES):
        points = [(_place(week), _height(value, highest)) for week, values in sorted(found.items())
                  if (value := values[index]) is not None]  # fmt: skip
        if points:
            listed = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
            parts.append(f'<polyline points="{listed}" fill="none" stroke="{colour}" stroke-width="1.8"/>')
            x, y = points[-1]
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.2" fill="{colour}"/>')
        parts.append(f'<rect x="{LEFT + index * 140}" y="22" width="9" height="9" fill="{colour}"/>')
        parts.append(_text(LEFT + index * 140 + 13, 30, name, 9))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}">'
        f"{''.join(parts)}</svg>"
    )


def _place(week: int) -> float:
    return LEFT + 20 + (week - 1) * (WIDTH - LEFT - 40) / (HORIZON_WEEKS - 1)


def _height(share: Decimal, highest: Decimal) -> float:
    return HEIGHT - BOTTOM - float(share / highest) * (HEIGHT - BOTTOM - TOP)


def _text(x: float, y: float, text: str, size: int, anchor: str = "start") -> str:
    safe = "".join(one for one in text if one.isprintable())
    for sign, word in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        safe = safe.replace(sign, word)
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-family="{FONT}" fill="#222222"'
        f' text-anchor="{anchor}">{safe}</text>'
    )
