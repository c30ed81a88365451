"""The signed report for paper: HTML of the kind that Qt's rich text lays out on pages.

That is HTML 4 without style sheets' layout: tables and PNG images only. `RegQCUI.pdf_report`
makes the PDF.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from RegQCLib.qc.alignment_report import VERDICTS, AxisScores, plain
from RegQCLib.report import figures
from RegQCLib.report.chosen_slices import chosen_slices
from RegQCLib.report.colors import VERDICT_COLORS
from RegQCLib.report.html import image_facts, pair_of, template, tiles
from RegQCLib.report.plane_view import position_text
from RegQCLib.report.png import png_uri
from RegQCLib.report.print_pictures import (
    color_image,
    edge_image,
    error_image,
    gray_image,
    strip_image,
)
from RegQCLib.report.review import Review
from RegQCLib.report.review_page import COLUMNS, decided_rows
from RegQCLib.report.wording import number, rows

TEMPLATE = "print.html.j2"
PICTURE_WIDTH = 166  # of 700 units across the page, `RegQCUI.pdf_report.PAGE_WIDTH`
MOST_HEIGHT = 190
MOST_ROWS = 6
ROW_TEXT_HEIGHT = 42  # title and captions
SHEET_HEIGHT = 900  # of about 970, the rest for the heading and the notes
TABLES_HEIGHT = 360
DECISION_COLORS = {
    "accepted": VERDICT_COLORS["aligned"],
    "rejected": VERDICT_COLORS["misaligned"],
    "undecided": VERDICT_COLORS["cannot_tell"],
}


def render_print(review: Review) -> str:
    """Return the whole page."""
    report = review.report
    pair = pair_of(report)
    sheets, room = _sheets(_shown(review, pair))
    return template(TEMPLATE).render(
        review=review,
        report=report,
        number=number,
        verdict=VERDICTS[report.verdict],
        verdict_color=VERDICT_COLORS[report.verdict],
        decision_color=DECISION_COLORS[review.decision],
        tiles=tiles(report),
        images=[
            image_facts(role, image.name, image.grid)
            for role, image in (("Fixed", report.fixed), ("Moved", report.moved))
        ],
        strips=[_strip(axis, pair, report.tolerance_mm) for axis in report.axes if axis.slices],
        error_limit=pair.error_limit,
        columns=COLUMNS,
        decided=decided_rows(review),
        sheets=sheets,
        tables_fit=room >= TABLES_HEIGHT,
        versions=list(rows(plain(report.provenance.get("versions", {})))),
        options=list(rows(plain(report.provenance.get("options", {})), missing="none")),
    )


def _strip(axis: AxisScores, pair: figures.Pair, tolerance_mm: float | None) -> dict[str, Any]:
    image = strip_image(axis, error_limit=pair.error_limit, tolerance_mm=tolerance_mm)
    first, last = axis.slices[0], axis.slices[-1]
    return {
        "name": axis.name,
        "flagged": sum(one.flagged for one in axis.slices),
        "measured": sum(one.measured for one in axis.slices),
        "first": f"{first.index} ({position_text(axis.name, first.position_mm)})",
        "last": f"{last.index} ({position_text(axis.name, last.position_mm)})",
        "image": png_uri(image),
    }


def _shown(review: Review, pair: figures.Pair) -> list[dict[str, Any]]:
    """Rejected slices, or the ones that the check would show; pictures of each."""
    places = [
        (one.plane, one.index, one.position_mm, f"rejected{f': {one.reason}' * bool(one.reason)}")
        for one in review.decisions.slices
        if one.decision == "rejected"
    ]
    for axis, one in chosen_slices(review.report, pair.body)[1]:
        if (axis.name, one.index) not in {place[:2] for place in places}:
            state = "flagged" if one.flagged else ""
            places.append((axis.name, one.index, one.position_mm, state))
    return [
        {
            "title": f"{plane.capitalize()} slice {index}, {position_text(plane, position)}",
            "state": state,
            "pictures": _pictures(pair, plane, index),
        }
        for plane, index, position, state in places[:MOST_ROWS]
    ]


def _sheets(shown: list[dict[str, Any]]) -> tuple[list[list[dict[str, Any]]], int]:
    """Rows of pictures by sheet of paper, so that none is cut; and the room on the last one."""
    sheets: list[list[dict[str, Any]]] = []
    room = 0
    for row in shown:
        height = row["pictures"][0]["height"] + ROW_TEXT_HEIGHT
        if height > room:
            sheets.append([])
            room = SHEET_HEIGHT
        sheets[-1].append(row)
        room -= height
    return sheets, room


def _pictures(pair: figures.Pair, plane: str, index: int) -> list[dict[str, Any]]:
    view = pair.view(plane)
    drawn: list[tuple[str, NDArray[np.uint8]]] = [
        ("Fixed", gray_image(pair, 0, view, index)),
        ("Edges of moved on fixed", edge_image(pair, view, index)),
        ("Fixed green, moved magenta", color_image(pair, view, index)),
    ]
    if pair.error_map is not None:
        drawn.append(("Estimated error", error_image(pair, view, index)))
    width_mm, height_mm = pair.extent_mm(view)
    scale = min(PICTURE_WIDTH / width_mm, MOST_HEIGHT / height_mm)
    size = {"width": round(width_mm * scale), "height": round(height_mm * scale)}
    return [{"caption": name, "image": png_uri(image), **size} for name, image in drawn]
