"""The page of a registration: how the pair lay before, how it lies now, and what limited it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from RegQCLib.geometry.fields import DisplacementField
from RegQCLib.geometry.foreground import body_mask
from RegQCLib.geometry.grid import PLANE_NAMES, Grid
from RegQCLib.geometry.transform_io import stored_on
from RegQCLib.geometry.transforms import Composite
from RegQCLib.qc.alignment_report import VERDICTS, plain
from RegQCLib.report import field_figures, figures
from RegQCLib.report.chosen_slices import central_index
from RegQCLib.report.colors import VERDICT_COLORS
from RegQCLib.report.html import image_facts, pictured_pair, template
from RegQCLib.report.plane_view import position_text
from RegQCLib.report.wording import number, rows

if TYPE_CHECKING:
    from RegQCLib.registration.judging import Judged
    from RegQCLib.registration.registration import Registration

TEMPLATE = "registration.html.j2"
BENT = "deformation"


def render(found: Registration) -> str:
    """Return the whole page."""
    after = found.after
    reason = after.reason if after.report is None else after.report.reason
    shown = _rows(found)
    return template(TEMPLATE).render(
        found=found,
        title=found.kind if found.kept != "start" else f"{found.kind}, start kept",
        words=VERDICTS[after.verdict],
        color=VERDICT_COLORS[after.verdict],
        reason=reason,
        tiles=[*_tiles("before", found.before), *_tiles("after", after)],
        images=[
            image_facts("Fixed", found.fixed.name, found.fixed.grid),
            image_facts("Moving", found.moved.name, found.moving_grid),
        ],
        rows=shown,
        bends=any(picture["caption"] == BENT for row in shown for picture in row["pictures"]),
        metrics=list(rows(plain(found.metrics))),
        timing=[(name, number(s, digits=2, unit="s")) for name, s in found.timing_s.items()],
        provenance=list(rows(plain(found.provenance), missing="none")),
    )


def _tiles(when: str, judged: Judged) -> list[dict[str, str]]:
    report = judged.report
    error = None if report is None else report.error_mm
    low_high = "" if error is None else f"interval {number(error.interval[0])} to "
    return [
        {"name": f"Verdict {when}", "value": VERDICTS[judged.verdict], "note": ""},
        {
            "name": f"Mean error {when}",
            "value": number(None if error is None else error.mean, unit="mm"),
            "note": low_high + number(error.interval[1], unit="mm") if error is not None else "",
        },
    ]


def _rows(found: Registration) -> list[dict[str, Any]]:
    """Central slices of every plane: edges and colors before and after, and what bends."""
    body = body_mask(found.fixed)
    states = {
        when: pictured_pair(found.fixed, moved, body)
        for when, moved in (("before", found.moved_before), ("after", found.moved))
    }
    bent = _deformation(found)
    result = []
    for plane in _planes(found.fixed.grid):
        index = central_index(found.fixed.grid, body, plane)
        pictures = [
            {"svg": draw(pair, pair.view(plane), index), "caption": f"{what} {when}"}
            for what, draw in (("edges", figures.edge_picture), ("colors", figures.color_picture))
            for when, pair in states.items()
        ]
        if bent is not None:
            pair = states["after"]
            svg = field_figures.grid_picture(pair, pair.view(plane), index, bent)
            pictures.append({"svg": svg, "caption": BENT})
        title = f"{plane.capitalize()} slice {index}, {_position(found.fixed.grid, plane, index)}"
        result.append({"title": title, "pictures": pictures})
    return result


def _position(grid: Grid, plane: str, index: int) -> str:
    """Where the middle of a slice lies, in words."""
    middle = (np.array(grid.shape) - 1) / 2
    middle[grid.array_axis(plane)] = index
    return position_text(plane, float(grid.to_world(middle[::-1])[PLANE_NAMES.index(plane)]))


def _planes(grid: Grid) -> list[str]:
    """Planes in which a slice is more than a line."""
    return [
        plane
        for plane in reversed(PLANE_NAMES)
        if all(n > 1 for axis, n in enumerate(grid.shape) if axis != grid.array_axis(plane))
    ]


def _deformation(found: Registration) -> DisplacementField | None:
    """What bends, on the fixed grid, without the linear motion; None where nothing does."""
    stored = stored_on(found.transform, found.fixed.grid)
    first = stored.transforms[0] if isinstance(stored, Composite) else stored
    return first if isinstance(first, DisplacementField) else None
