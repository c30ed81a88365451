"""Which slices a page shows."""

from __future__ import annotations

import numpy as np
import pytest
from report.support import SHAPE, ball, cannot_tell, make_report, scores

from RegQCLib.report.chosen_slices import central_index, chosen_slices, montage_indices

FULL = np.ones(SHAPE, dtype=bool)


def chosen(report, body=FULL):
    why, found = chosen_slices(report, body)
    return why, [(axis.name, one.index) for axis, one in found]


def test_flagged_slices_come_worst_first():
    assert chosen(make_report()) == (
        "flagged",
        [("coronal", 20), ("coronal", 9), ("axial", 6)],
    )


def test_neighbors_are_left_out_while_there_are_others():
    axes = [scores(ball(), "axial", flagged=(5, 6, 10)), scores(ball(), "coronal", flagged=(4,))]
    # axial slices are 5 mm apart: 5 lies too close to 6, 10 does not
    assert chosen(make_report(axes=axes))[1] == [("axial", 10), ("axial", 6), ("coronal", 4)]


def test_neighbors_are_shown_where_nothing_else_is_flagged():
    axes = [scores(ball(), "axial", flagged=(5, 6)), scores(ball(), "sagittal")]
    why, found = chosen(make_report(axes=axes))
    assert why == "flagged"
    assert found[:2] == [("axial", 6), ("axial", 5)]
    assert len(found) == 3


def test_planes_share_six_rows():
    every = tuple(range(1, 11))
    axes = [scores(ball(), plane, flagged=every) for plane in ("sagittal", "coronal", "axial")]
    found = chosen(make_report(axes=axes))[1]
    assert len(found) <= 6
    assert {plane for plane, _ in found} == {"sagittal", "coronal", "axial"}


def test_slices_at_the_rim_of_the_body_come_last():
    body = FULL.copy()
    body[:, 15:] = False
    body[5, 20] = True
    assert chosen(make_report(), body)[1][-1] == ("coronal", 20)


def test_without_flags_the_verdict_decides():
    axes = [scores(ball(), plane) for plane in ("sagittal", "coronal", "axial")]
    why, found = chosen(make_report(axes=axes))
    assert why == "largest error"
    assert len(found) == 3
    why, found = chosen(make_report(axes=axes, verdict="aligned"))
    assert (why, found) == ("central", [("axial", 6), ("coronal", 13), ("sagittal", 15)])


def test_nothing_measured_shows_central_slices_with_their_positions():
    why, found = chosen_slices(cannot_tell(), FULL)
    assert why == "central"
    for axis, one in found:
        assert not one.measured
        world = ("sagittal", "coronal", "axial").index(axis.name)
        step, start = ball().affine[world, world], ball().affine[world, 3]
        assert one.position_mm == pytest.approx(start + step * one.index)


@pytest.mark.parametrize(("axis", "count"), [(0, 4), (1, 4), (2, 100)])
def test_montage_covers_the_body(axis, count):
    body = np.zeros(SHAPE, dtype=bool)
    body[2:10, 3:23, 5:25] = True
    found = montage_indices(body, axis, count=count)
    assert found == sorted(set(found))
    first, last = ((2, 9), (3, 22), (5, 24))[axis]
    assert first <= found[0] <= found[-1] <= last
    assert len(found) == min(count, last - first + 1) or count == 100
    assert found[-1] - found[0] >= 0.7 * (last - first)


def test_an_empty_body_has_no_montage_and_the_middle_of_the_grid():
    nothing = np.zeros(SHAPE, dtype=bool)
    assert montage_indices(nothing, 0, count=5) == []
    assert central_index(ball().grid, nothing, "axial") == SHAPE[0] // 2
