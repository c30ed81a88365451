"""The page of a registration: how the pair lay before, how it lies now, and what limited it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from RegQCLib.geometry.foreground import body_mask
from RegQCLib.geometry.grid import PLANE_NAMES
from RegQCLib.qc.alignment_report import VERDICTS, plain
from RegQCLib.report import figures
from RegQCLib.report.chosen_slices import central_index
from RegQCLib.report.colors import VERDICT_COLORS
from RegQCLib.report.html import image_facts, pictured_pair, template
from RegQCLib.report.wording import number, rows

if TYPE_CHECKING:
    from RegQCLib.registration.registration import Judged, Registration

TEMPLATE = "registration.html.j2"


def render(found: Registration) -> str:
    """Return the whole page."""
    after = found.after
    reason = after.reason if after.report is None else after.report.reason
    return template(TEMPLATE).render(
        found=found,
        title=found.kind if found.kept != "start" else f"{found.kind}, start kept",
        words=VERDICTS[after.verdict],
        color=VERDICT_COLORS[after.verdict],
        reason=reason,
        tiles=[*_tiles("before", found.before), *_tiles("after", after)],
        images=[image_facts("Fixed", found.fixed), image_facts("Moved", found.moved)],
        rows=_rows(found),
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
    """Central slices of every plane: edges and colors before and after."""
    body = body_mask(found.fixed)
    states = {
        when: pictured_pair(found.fixed, moved, body)
        for when, moved in (("before", found.moved_before), ("after", found.moved))
    }
    result = []
    for plane in reversed(PLANE_NAMES):
        index = central_index(found.fixed.grid, body, plane)
        pictures = [
            {"svg": draw(pair, pair.view(plane), index), "caption": f"{what}, {when}"}
            for when, pair in states.items()
            for what, draw in (("edges", figures.edge_picture), ("colors", figures.color_picture))
        ]
        result.append({"plane": plane, "index": index, "pictures": pictures})
    return result
