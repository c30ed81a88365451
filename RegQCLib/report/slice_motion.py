"""The page of a slice repair: how far slices lay off their places, and pictures of the stack."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from RegQCLib.geometry.foreground import body_mask
from RegQCLib.geometry.grid import PLANE_NAMES
from RegQCLib.qc.alignment_report import plain
from RegQCLib.report import figures
from RegQCLib.report.chosen_slices import central_index
from RegQCLib.report.colors import VERDICT_COLORS
from RegQCLib.report.html import image_facts, pictured_pair, template
from RegQCLib.report.strips import nice_limit
from RegQCLib.report.wording import number, rows

if TYPE_CHECKING:
    from RegQCLib.registration.slice_repair import SliceMotion, SliceRepair

TEMPLATE = "slice_motion.html.j2"

WIDTH, LEFT, RIGHT = 1000.0, 62.0, 96.0
PANEL, GAP, TOP, BOTTOM = 110.0, 26.0, 22.0, 34.0
HEIGHT = TOP + 3 * PANEL + 2 * GAP + BOTTOM
TICKS = 13
AXIS_COLORS = ("#c04a1a", "#00796b", "#3949ab")  # R, A, S: apart also for color-blind readers
STATE_COLORS = {"moved": "#d0500a", "in place": "#2b6ca4"}
OTHER_COLOR = "#bdbdb8"
LEAST_LIMIT = 2.0


def render(repair: SliceRepair) -> str:
    """Return the whole page."""
    counts = repair.counts()
    tiles = [
        {
            "name": state.capitalize(),
            "value": str(count),
            "note": f"of {len(repair.motions)} slices",
        }
        for state, count in counts.items()
    ]
    return template(TEMPLATE).render(
        repair=repair,
        color=VERDICT_COLORS["misaligned" if repair.moved else "aligned"],
        tiles=tiles,
        images=[image_facts("Stack", repair.original.name, repair.original.grid)],
        plot=Markup(motion_plot(repair.motions)),  # noqa: S704 - drawn here, text escaped
        rows=_pictures(repair),
        table=[_table_row(one) for one in repair.motions],
        timing=[(name, number(s, digits=2, unit="s")) for name, s in repair.timing_s.items()],
        provenance=list(rows(plain(repair.provenance), missing="none")),
    )


def motion_plot(motions: Sequence[SliceMotion], *, standalone: bool = False) -> str:
    """Draw displacement, shifts and rotations over the slices as SVG.

    standalone: a file of its own, with its own styles.
    """
    moved = [one for one in motions if one.state == "moved"]
    measured = [one.displacement_mm or 0.0 for one in motions if one.state in STATE_COLORS]
    shifts = [abs(v) for one in moved for v in one.shift_mm or ()]
    turns = [abs(v) for one in moved for v in one.rotation_deg or ()]
    step = (WIDTH - LEFT - RIGHT) / max(len(motions), 1)
    panels = [
        _displacements(motions, step, TOP, nice_limit(max([LEAST_LIMIT, *measured]))),
        _components(
            motions, step, TOP + PANEL + GAP, "shift_mm", "mm", max([LEAST_LIMIT, *shifts])
        ),
        _components(
            motions, step, TOP + 2 * (PANEL + GAP), "rotation_deg", "°", max([LEAST_LIMIT, *turns])
        ),
    ]
    style = (
        'xmlns="http://www.w3.org/2000/svg" font-family="sans-serif" '
        f'width="{WIDTH:g}" height="{HEIGHT:g}"'
        if standalone
        else 'class="strip"'
    )
    background = f'<rect width="{WIDTH:g}" height="{HEIGHT:g}" fill="#fff"/>' if standalone else ""
    return (
        f'<svg {style} font-size="11" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" role="img" '
        f'aria-label="motion of the slices">{background}{"".join(panels)}'
        f"{_slice_axis(motions, step)}</svg>"
    )


def _displacements(motions: Sequence[SliceMotion], step: float, top: float, limit: float) -> str:
    """Bars: root mean square displacement of every slice, colored by its state."""
    parts = [_frame(top, "displacement", "mm", 0.0, limit)]
    for place, one in enumerate(motions):
        known = one.state in STATE_COLORS
        share = min((one.displacement_mm or 0.0) / limit, 1.0) if known else 0.0
        height = max(PANEL * share, 2.0)
        color = STATE_COLORS.get(one.state, OTHER_COLOR)
        distance = number(one.displacement_mm, unit="mm")
        parts.append(
            f"<g><title>slice {one.index}: {one.state}, {distance}</title>"
            f'<rect x="{LEFT + (place + 0.1) * step:.5g}" y="{top + PANEL - height:.5g}" '
            f'width="{0.8 * step:.4g}" height="{height:.4g}" fill="{color}"/></g>'
        )
    names = [*STATE_COLORS, "left alone"]
    colors = [*STATE_COLORS.values(), OTHER_COLOR]
    return "".join(parts) + _legend(top, names, colors)


def _components(
    motions: Sequence[SliceMotion], step: float, top: float, what: str, unit: str, largest: float
) -> str:
    """Dots: the three components of shift or rotation of the slices that moved."""
    limit = nice_limit(largest)
    name = {"shift_mm": "shift", "rotation_deg": "rotation"}[what]
    parts = [_frame(top, name, unit, -limit, limit)]
    for place, one in enumerate(motions):
        values = getattr(one, what)
        if one.state != "moved" or values is None:
            continue
        x = LEFT + (place + 0.5) * step
        for value, color in zip(values, AXIS_COLORS, strict=True):
            y = top + PANEL / 2 * (1 - value / limit)
            parts.append(
                f"<g><title>slice {one.index}: {value:.2f} {unit}</title>"
                f'<circle cx="{x:.5g}" cy="{y:.5g}" r="3.2" fill="{color}"/></g>'
            )
    axes = ("R", "A", "S") if unit == "mm" else ("about R", "about A", "about S")
    return "".join(parts) + _legend(top, axes, AXIS_COLORS)


def _frame(top: float, name: str, unit: str, low: float, high: float) -> str:
    """Name, grid lines and their values of one panel."""
    parts = [f'<text x="{LEFT}" y="{top - 6:g}" fill="#3c3c40">{name}</text>']
    for share in (0.0, 0.5, 1.0):
        y = top + PANEL * (1 - share)
        value = low + (high - low) * share
        parts.append(
            f'<path d="M{LEFT} {y:g}H{WIDTH - RIGHT}" stroke="#e2e2e5" stroke-width="1"/>'
            f'<text x="{LEFT - 6}" y="{y + 4:g}" text-anchor="end" fill="#3c3c40">'
            f"{value:g} {unit}</text>"
        )
    return "".join(parts)


def _legend(top: float, names: Sequence[str], colors: Sequence[str]) -> str:
    x = WIDTH - RIGHT + 12
    return "".join(
        f'<circle cx="{x}" cy="{top + 10 + 18 * place:g}" r="4" fill="{color}"/>'
        f'<text x="{x + 9}" y="{top + 14 + 18 * place:g}" fill="#3c3c40">{name}</text>'
        for place, (name, color) in enumerate(zip(names, colors, strict=True))
    )


def _slice_axis(motions: Sequence[SliceMotion], step: float) -> str:
    y = HEIGHT - BOTTOM
    count = len(motions)
    parts = []
    for tick in range(min(TICKS, count)):
        place = round(tick * (count - 1) / max(min(TICKS, count) - 1, 1))
        x = LEFT + (place + 0.5) * step
        parts.append(
            f'<path d="M{x:.5g} {y}v4" stroke="#8a8a90"/><text x="{x:.5g}" y="{y + 15}" '
            f'text-anchor="middle" fill="#3c3c40">{motions[place].index}</text>'
        )
    middle = LEFT + (WIDTH - LEFT - RIGHT) / 2
    parts.append(
        f'<text x="{middle}" y="{y + 29}" text-anchor="middle" fill="#7a7a80">slice</text>'
    )
    return "".join(parts)


def _pictures(repair: SliceRepair) -> list[dict[str, Any]]:
    """The stack cut across its slices, where jagged edges show what moved: before and after."""
    body = body_mask(repair.original)
    pair = pictured_pair(repair.original, repair.corrected, body)
    result = []
    for plane in PLANE_NAMES:
        if plane == repair.plane:
            continue
        index = central_index(repair.original.grid, body, plane)
        view = pair.view(plane)
        result.append(
            {
                "plane": plane,
                "index": index,
                "pictures": [
                    {"svg": figures.fixed_picture(pair, view, index), "caption": "before"},
                    {"svg": figures.moved_picture(pair, view, index), "caption": "after"},
                ],
            }
        )
    return result


def _table_row(one: SliceMotion) -> dict[str, str]:
    def triple(values: tuple[float, float, float] | None) -> str:
        return (
            "" if values is None else ", ".join(f"{round(value, 1) + 0.0:.1f}" for value in values)
        )

    def plainly(value: float | None, digits: int = 2) -> str:
        return "" if value is None or value == float("inf") else f"{value:.{digits}f}"

    return {
        "index": str(one.index),
        "state": one.state,
        "displacement": plainly(one.displacement_mm),
        "doubt": plainly(one.doubt_mm),
        "shift": triple(one.shift_mm),
        "rotation": triple(one.rotation_deg),
        "scores": f"{plainly(one.score_before)} → {plainly(one.score_after)}"
        if one.score_after is not None
        else "",
        "filled": "" if one.filled_fraction is None else f"{one.filled_fraction:.0%}",
        "reason": one.reason,
    }
