"""Strips of slice scores: a bar a slice, as high as its error in mm, colored by its probability."""

from __future__ import annotations

import math

from markupsafe import Markup

from RegQCLib.geometry.grid import PLANE_NAMES
from RegQCLib.qc.alignment_report import AxisScores, SliceScore
from RegQCLib.report.colors import ERROR, PROBABILITY, Stops, css
from RegQCLib.report.plane_view import NEGATIVE, POSITIVE, position_text

WIDTH, LEFT, RIGHT = 1000.0, 46.0, 14.0
TOP, BARS, BOTTOM = 16.0, 74.0, 34.0
HEIGHT = TOP + BARS + BOTTOM
TICKS = 9
UNKNOWN = "#d9d9d9"
GRADIENT_STEPS = 10


def strip(axis: AxisScores, *, error_limit: float, tolerance_mm: float | None) -> Markup:
    """Draw one plane. error_limit: mm at the top; bars that are higher end there with a cap."""
    count = len(axis.slices)
    step = (WIDTH - LEFT - RIGHT) / max(count, 1)
    bars = [_bar(axis.name, one, n, step, error_limit) for n, one in enumerate(axis.slices)]
    return Markup(
        '<svg class="strip" viewBox="0 0 {} {}" role="img" aria-label="slice scores, {}">'
        "{}{}{}{}</svg>"
    ).format(
        WIDTH,
        HEIGHT,
        axis.name,
        _scale(error_limit),
        Markup("").join(bars),
        _tolerance_line(tolerance_mm, error_limit),
        _position_axis(axis, step),
    )


def nice_limit(largest: float) -> float:
    """Return the next round number of mm at or above ``largest``."""
    for limit in (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60, 80):
        if largest <= limit:
            return float(limit)
    return 100.0 * math.ceil(largest / 100.0) if math.isfinite(largest) else 100.0


def legend(stops: Stops, low: str, high: str, *, mark: tuple[float, str] | None = None) -> Markup:
    """Draw a color scale with its ends named; mark: fraction and text of a line across it."""
    boxes = [
        Markup('<rect x="{:.4g}" y="2" width="12.2" height="10" fill="{}"/>').format(
            60 + 12 * n, css((n + 0.5) / GRADIENT_STEPS, stops)
        )
        for n in range(GRADIENT_STEPS)
    ]
    line = Markup("")
    if mark is not None and 0 <= mark[0] <= 1:
        line = Markup(
            '<path d="M{x:.4g} 0v14" stroke="#000" stroke-width="1.2"/>'
            '<text x="{x:.4g}" y="24" text-anchor="middle">{text}</text>'
        ).format(x=60 + 120 * mark[0], text=mark[1])
    return Markup(
        '<svg class="legend" viewBox="0 0 280 28" role="img" aria-label="color scale">'
        '<text x="56" y="11" text-anchor="end">{}</text>{}'
        '<text x="184" y="11">{}</text>{}</svg>'
    ).format(low, Markup("").join(boxes), high, line)


def probability_legend() -> Markup:
    """Color scale of the probability."""
    return legend(PROBABILITY, "aligned 0", "1 misaligned")


def error_legend(limit_mm: float, tolerance_mm: float | None) -> Markup:
    """Color scale of lengths, with the tolerance on it."""
    mark = (
        None if tolerance_mm is None else (tolerance_mm / limit_mm, f"tolerance {tolerance_mm:g}")
    )
    return legend(ERROR, "0 mm", f"{limit_mm:g} mm or more", mark=mark)


def _bar(plane: str, one: SliceScore, place: int, step: float, limit: float) -> Markup:
    x, width = LEFT + place * step, max(step - min(1.0, 0.25 * step), 0.5)
    words = [f"{plane} slice {one.index}, {position_text(plane, one.position_mm)}"]
    if not one.measured:
        body = Markup('<rect x="{:.5g}" y="{}" width="{:.4g}" height="3" fill="{}"/>').format(
            x, TOP + BARS - 3, width, UNKNOWN
        )
        return _titled(body, [*words, "not measured"])
    chance, error = one.probability_misaligned, one.error_mm
    words.append("error not measured" if error is None else f"error {error:.1f} mm")
    words.append("probability not measured" if chance is None else f"probability {chance:.2f}")
    height = BARS * min((error or 0.0) / limit, 1.0)
    height = max(height, 2.0)  # a slice that fits perfectly is still seen to be measured
    color = UNKNOWN if chance is None else css(chance, PROBABILITY)
    body = Markup('<rect x="{:.5g}" y="{:.4g}" width="{:.4g}" height="{:.4g}" fill="{}"/>').format(
        x, TOP + BARS - height, width, height, color
    )
    if one.flagged:
        words.append("flagged")
        body += _flag(x + width / 2, min(max(width, 5.0), 9.0))
    return _titled(body, words)


def _flag(x: float, size: float) -> Markup:
    """Draw a triangle in the margin above the bars: seen without color, and in print."""
    return Markup('<path class="flag" d="M{:.5g} 3h{:.3g}l{:.3g} 8z"/>').format(
        x - size / 2, size, -size / 2
    )


def _titled(body: Markup, words: list[str]) -> Markup:
    return Markup("<g><title>{}</title>{}</g>").format("; ".join(words), body)


def _scale(limit: float) -> Markup:
    lines = []
    for share in (0.0, 0.5, 1.0):
        y = TOP + BARS * (1 - share)
        unit = " mm" if share == 1 else ""
        lines.append(
            Markup(
                '<path class="grid" d="M{} {}H{}"/>'
                '<text x="{}" y="{}" text-anchor="end">{:g}{}</text>'
            ).format(LEFT, y, WIDTH - RIGHT, LEFT - 4, y + 3.5, share * limit, unit)
        )
    return Markup("").join(lines)


def _tolerance_line(tolerance_mm: float | None, limit: float) -> Markup:
    if tolerance_mm is None or tolerance_mm > limit:
        return Markup("")
    y = TOP + BARS * (1 - tolerance_mm / limit)
    return Markup('<path class="tolerance" d="M{} {:.4g}H{}"/>').format(LEFT, y, WIDTH - RIGHT)


def _position_axis(axis: AxisScores, step: float) -> Markup:
    """Draw slice indices and, below them, positions in mm; the ends say where they lie."""
    count = len(axis.slices)
    parts = []
    for tick in range(min(TICKS, count)):
        n = round(tick * (count - 1) / max(min(TICKS, count) - 1, 1))
        one = axis.slices[n]
        x, y = LEFT + (n + 0.5) * step, TOP + BARS
        anchor = "end" if tick == TICKS - 1 else "middle"
        parts.append(
            Markup(
                '<path class="tick" d="M{x:.5g} {y}v4"/>'
                '<text x="{x:.5g}" y="{y1}" text-anchor="{a}">{index}</text>'
                '<text class="dim" x="{x:.5g}" y="{y2}" text-anchor="{a}">{place}</text>'
            ).format(
                x=x, y=y, y1=y + 14, y2=y + 27, a=anchor, index=one.index,
                place=_short_position(axis.name, one.position_mm),
            )
        )  # fmt: skip
    return Markup("").join(parts)


def _short_position(plane: str, position_mm: float) -> str:
    world = PLANE_NAMES.index(plane)
    letter = (POSITIVE if position_mm >= 0 else NEGATIVE)[world]
    return f"{letter} {abs(position_mm):.0f} mm"
