"""The page for people: one HTML file that opens offline, prints, and reads in a minute.

Everything a user or a file header supplied is escaped; pictures are data inside the page, and a
content security policy forbids anything from elsewhere.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from numpy.typing import NDArray

from RegQCLib.geometry.foreground import body_mask
from RegQCLib.geometry.grid import PLANE_NAMES, Grid
from RegQCLib.geometry.volume import Volume
from RegQCLib.qc.alignment_report import (
    SIMILARITY_ROLE,
    VERDICTS,
    AlignmentReport,
    SliceScore,
    plain,
    probability_text,
)
from RegQCLib.qc.tg132 import CONSTANT_JACOBIAN
from RegQCLib.report import field_figures, figures
from RegQCLib.report.chosen_slices import central_index, chosen_slices, montage_indices
from RegQCLib.report.colors import VERDICT_COLORS, VOLUME_CHANGE
from RegQCLib.report.plane_view import position_text
from RegQCLib.report.strips import (
    error_legend,
    legend,
    nice_limit,
    probability_legend,
    strip,
)
from RegQCLib.report.wording import number, rows

TEMPLATE = "report.html.j2"
MARGIN_MM = 8.0
MONTAGE = 12
MONTAGE_PIXELS = 120
FALLBACK_TOLERANCE_MM = 2.0  # of the color scale only, where none was set

ROW_TITLES = {
    "flagged": "Worst slices",
    "largest error": "Slices with the largest estimated error",
    "central": "Central slices",
}


def render(report: AlignmentReport) -> str:
    """Return the whole page."""
    return template(TEMPLATE).render(page_content(report, pair_of(report)))


def pair_of(report: AlignmentReport) -> figures.Pair:
    """Both images of a report with what its pictures share."""
    largest = 2 * (report.tolerance_mm or FALLBACK_TOLERANCE_MM)
    return pictured_pair(
        report.fixed, report.moved, _body(report), error_map=report.error_map, least_mm=largest
    )


def page_content(report: AlignmentReport, pair: figures.Pair) -> dict[str, Any]:
    """Return what the page's template shows."""
    return {
        "report": report,
        "verdict": VERDICTS[report.verdict],
        "color": VERDICT_COLORS[report.verdict],
        "tiles": tiles(report),
        "images": [
            image_facts(role, image.name, image.grid)
            for role, image in (("Fixed", report.fixed), ("Moved", report.moved))
        ],
        "strips": _strips(report),
        "probability_legend": probability_legend(),
        "error_legend": error_legend(pair.error_limit, report.tolerance_mm),
        "chosen": _chosen(report, pair),
        "montage": _montage(report, pair),
        "field": _field(report, pair),
        "number": number,
        "overlap": list(rows(plain(report.overlap))),
        "similarity": list(rows(plain(report.similarity))),
        "similarity_role": SIMILARITY_ROLE,
        "timing": [(name, number(value, digits=2, unit="s")) for name, value in _timing(report)],
        "provenance": list(rows(plain(report.provenance), missing="none")),
    }


@cache
def template(name: str) -> Template:
    """Return a page's template; compiling it takes longer than filling it."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)


def _body(report: AlignmentReport) -> NDArray[np.bool_]:
    """Where the error is known; without an error map, the body in the fixed image."""
    if report.error_map is not None and np.isfinite(report.error_map.array).any():
        return np.isfinite(report.error_map.array)
    return body_mask(report.fixed)


def pictured_pair(
    fixed: Volume,
    moved: Volume,
    body: NDArray[np.bool_],
    *,
    error_map: Volume | None = None,
    least_mm: float = FALLBACK_TOLERANCE_MM,
) -> figures.Pair:
    """Both images with what their pictures share.

    body: (D, H, W) of the fixed image; least_mm: the color scale of errors reaches at least there.
    """
    box = []
    seen = body if body.any() else np.ones_like(body)
    for axis, spacing in enumerate(fixed.spacing[::-1]):
        used = np.flatnonzero(seen.any(axis=tuple(a for a in range(3) if a != axis)))
        margin = int(np.ceil(MARGIN_MM / spacing))
        last = min(int(used[-1]) + 1 + margin, body.shape[axis])
        box.append(slice(max(int(used[0]) - margin, 0), last))
    largest = least_mm
    if error_map is not None and body.any():
        largest = max(largest, float(np.percentile(error_map.array[body], 98)))
    return figures.Pair(
        fixed=fixed,
        moved=moved,
        body=seen,
        box=(box[0], box[1], box[2]),
        error_map=error_map,
        error_limit=nice_limit(largest),
    )


def tiles(report: AlignmentReport) -> list[dict[str, str]]:
    """Return the numbers a reader looks for first."""
    chance, error = report.probability_misaligned, report.error_mm
    measured = sum(one.measured for axis in report.axes for one in axis.slices)
    flagged = {a.name: sum(one.flagged for one in a.slices) for a in report.axes}
    return [
        {
            "name": "Probability of misalignment",
            "value": "not measured" if chance is None else probability_text(chance).lstrip("= "),
            "note": "",
        },
        {
            "name": "Mean error",
            "value": number(None if error is None else error.mean, unit="mm"),
            "note": ""
            if error is None
            else f"interval {number(error.interval[0])} to {number(error.interval[1], unit='mm')}",
        },
        {
            "name": "95th percentile of error",
            "value": number(None if error is None else error.p95, unit="mm"),
            "note": "",
        },
        {
            "name": "Tolerance of the mean error",
            "value": "not set" if report.tolerance_mm is None else f"{report.tolerance_mm:g} mm",
            "note": "",
        },
        {
            "name": "Slices flagged",
            "value": f"{sum(flagged.values())} of {measured}" if measured else "not measured",
            "note": ", ".join(f"{name} {count}" for name, count in flagged.items() if count),
        },
    ]


def image_facts(role: str, name: str, grid: Grid) -> dict[str, str]:
    """Return what a page says of an image."""
    voxels = " × ".join(str(n) for n in grid.shape[::-1])
    spacing = " × ".join(f"{s:.3g}" for s in grid.spacing)
    return {"role": role, "name": name, "grid": f"{voxels} voxels of {spacing} mm"}


def _strips(report: AlignmentReport) -> list[dict[str, Any]]:
    errors = [s.error_mm for a in report.axes for s in a.slices if s.error_mm is not None]
    limit = nice_limit(max([2 * (report.tolerance_mm or FALLBACK_TOLERANCE_MM), *errors]))
    return [
        {
            "name": axis.name,
            "acquired": axis.is_acquisition,
            "flagged": sum(one.flagged for one in axis.slices),
            "measured": sum(one.measured for one in axis.slices),
            "svg": strip(axis, error_limit=limit, tolerance_mm=report.tolerance_mm),
        }
        for axis in report.axes
        if axis.slices
    ]


def _chosen(report: AlignmentReport, pair: figures.Pair) -> dict[str, Any]:
    """Return the rows of pictures; where it cannot tell, the two images and nothing else."""
    choice, slices = chosen_slices(report, pair.body)
    shown = [slice_row(report, pair, axis.name, one) for axis, one in slices]
    return {"title": ROW_TITLES[choice], "rows": shown}


def slice_row(
    report: AlignmentReport, pair: figures.Pair, plane: str, one: SliceScore
) -> dict[str, Any]:
    """Return the pictures of one slice and what a page says above them."""
    view = pair.view(plane)
    pictures = [
        figures.fixed_picture(pair, view, one.index),
        figures.moved_picture(pair, view, one.index),
    ]
    if report.verdict != "cannot_tell":
        pictures.append(figures.edge_picture(pair, view, one.index))
        pictures.append(figures.color_picture(pair, view, one.index))
        if report.error_map is not None:
            pictures.append(figures.error_picture(pair, view, one.index))
    return {
        "plane": plane,
        "slice": one,
        "position": position_text(plane, one.position_mm),
        "pictures": pictures,
    }


def _montage(report: AlignmentReport, pair: figures.Pair) -> dict[str, Any] | None:
    """Return the error map in slices of the acquisition plane, or axial ones."""
    if report.error_map is None or report.verdict == "cannot_tell":
        return None
    plane = next((axis.name for axis in report.axes if axis.is_acquisition), "axial")
    view = pair.view(plane)
    return {
        "plane": plane,
        "pictures": [
            {
                "index": index,
                "svg": figures.error_picture(pair, view, index, most=MONTAGE_PIXELS),
            }
            for index in montage_indices(pair.body, view.axis, count=MONTAGE)
        ],
    }


def _field(report: AlignmentReport, pair: figures.Pair) -> dict[str, Any] | None:
    """Return facts and pictures of the transform that was given."""
    if report.field is None and report.displacement is None:
        return None
    facts = dict(plain(report.field or {}))
    reasons = facts.pop("reasons", [])
    bends = facts.get("kind") not in CONSTANT_JACOBIAN
    shown, limit = [], 0.0
    if report.displacement is not None:
        field = report.displacement.resampled(report.fixed.grid)
        limit = nice_limit(facts.get("max_displacement_mm") or _longest(field.array))
        for plane in reversed(PLANE_NAMES):
            view = pair.view(plane)
            index = central_index(report.fixed.grid, pair.body, plane)
            pictures = [
                field_figures.magnitude_picture(pair, view, index, field, limit),
                field_figures.grid_picture(pair, view, index, field),
            ]
            if bends:
                pictures.append(field_figures.jacobian_picture(pair, view, index, field))
            shown.append({"plane": plane, "index": index, "pictures": pictures})
    return {
        "plausible": facts.pop("plausible", None),
        "reasons": reasons,
        "facts": list(rows(facts)),
        "bends": bends,
        "rows": shown,
        "length_legend": error_legend(limit, None) if shown else "",
        "volume_legend": legend(VOLUME_CHANGE, "half", "double volume", mark=(0.5, "same")),
    }


def _longest(vectors: NDArray[np.floating[Any]]) -> float:
    return float(np.sqrt(np.max(np.sum(np.square(vectors), axis=0))))


def _timing(report: AlignmentReport) -> list[tuple[str, float | None]]:
    return [(name.replace("_", " "), value) for name, value in plain(report.timing_s).items()]
