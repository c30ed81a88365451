"""Which slices a page shows: the worst ones, spread out, or central ones where nothing is wrong."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from RegQCLib.geometry.grid import PLANE_NAMES, Grid
from RegQCLib.qc.alignment_report import AlignmentReport, AxisScores, SliceScore, severity

MOST_ROWS = 6
FEWEST_ROWS = 3
MOST_OF_PLANE = {True: 4, False: 2}
"""By whether it is the acquisition plane, where slices move one by one."""
APART_MM = 15.0
"""Two rows of one plane are at least so far apart, unless there would be too few rows."""
TELLING_SHARE = 0.25
"""Slices with less of the body than this share of the fullest one show little: they come last."""

Chosen = list[tuple[AxisScores, SliceScore]]
Choice = Literal["flagged", "largest error", "central"]


def chosen_slices(report: AlignmentReport, body: NDArray[np.bool_]) -> tuple[Choice, Chosen]:
    """Return why slices are shown, and the slices with their planes.

    Flagged ones, worst first, the worst of every plane before others, at most six and filled up to
    three with the largest errors; without flagged ones the largest errors if the verdict is
    misaligned, otherwise a central slice of every plane. body: (D, H, W) on the fixed grid.
    """
    if report.verdict == "cannot_tell":
        return "central", _central(report, body)
    telling = {axis.name: _telling(body, report.fixed.grid, axis.name) for axis in report.axes}
    ranked = sorted(
        ((a, s) for a in report.axes for s in a.slices if s.measured),
        key=lambda pair: (bool(telling[pair[0].name][pair[1].index]), severity(pair[1])),
        reverse=True,
    )
    flagged = [(a, s) for a, s in ranked if s.flagged]
    if not flagged and report.verdict == "aligned":
        return "central", _central(report, body)
    best: Chosen = []
    for candidates, most, apart_mm in (
        (_first_of_planes(flagged), MOST_ROWS, APART_MM),
        (flagged, MOST_ROWS, APART_MM),
        (flagged, FEWEST_ROWS, 0.0),  # neighbors in a stack may have moved alone
        (ranked, FEWEST_ROWS, APART_MM),
    ):
        for axis, one in candidates:
            shown = [other for other_axis, other in best if other_axis.name == axis.name]
            full = len(best) >= most or len(shown) >= MOST_OF_PLANE[axis.is_acquisition]
            if not full and not _near(one, shown, apart_mm):
                best.append((axis, one))
    best.sort(key=ranked.index)
    return "flagged" if flagged else "largest error", best


def montage_indices(
    body: NDArray[np.bool_], axis: int, *, count: int, margin: float = 0.08
) -> list[int]:
    """Return evenly spaced slices of a (D, H, W) mask along an array axis, its ends left out."""
    used = _used(body, axis)
    if not used.size:
        return []
    room = margin * (used[-1] - used[0])
    places = np.linspace(used[0] + room, used[-1] - room, min(count, used.size))
    return sorted({round(float(place)) for place in places})


def central_index(grid: Grid, body: NDArray[np.bool_], plane: str) -> int:
    """Return the slice in the middle of the body; of the grid where the body is empty."""
    axis = grid.array_axis(plane)
    used = _used(body, axis)
    return int(used[used.size // 2]) if used.size else grid.shape[axis] // 2


def _central(report: AlignmentReport, body: NDArray[np.bool_]) -> Chosen:
    grid = report.fixed.grid
    by_name = {axis.name: axis for axis in report.axes}
    result: Chosen = []
    for plane in reversed(PLANE_NAMES):
        index = central_index(grid, body, plane)
        axis = by_name.get(plane, AxisScores(plane, False, []))
        scores = {one.index: one for one in axis.slices}
        result.append((axis, scores.get(index, _unscored(grid, plane, index))))
    return result


def _used(body: NDArray[np.bool_], axis: int) -> NDArray[np.intp]:
    """Return the slices along an array axis that hold some of the body."""
    return np.flatnonzero(body.any(axis=tuple(a for a in range(3) if a != axis)))


def _telling(body: NDArray[np.bool_], grid: Grid, plane: str) -> NDArray[np.bool_]:
    """Which slices of a plane hold enough of the body to show something."""
    axis = grid.array_axis(plane)
    area = body.sum(axis=tuple(a for a in range(3) if a != axis))
    enough: NDArray[np.bool_] = area >= TELLING_SHARE * area.max()
    return enough


def _unscored(grid: Grid, plane: str, index: int) -> SliceScore:
    """Return a slice that was not looked at, with its position."""
    middle = (np.array(grid.shape) - 1) / 2
    middle[grid.array_axis(plane)] = index
    position = grid.to_world(middle[::-1])[PLANE_NAMES.index(plane)]
    return SliceScore(index, float(position), None, None, False)


def _first_of_planes(ranked: Chosen) -> Chosen:
    first: dict[str, tuple[AxisScores, SliceScore]] = {}
    for axis, one in ranked:
        first.setdefault(axis.name, (axis, one))
    return list(first.values())


def _near(one: SliceScore, others: list[SliceScore], apart_mm: float) -> bool:
    return any(abs(one.position_mm - other.position_mm) <= apart_mm for other in others)
