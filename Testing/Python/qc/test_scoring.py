"""Scores of a pair: calibrated error, slices of every plane in their place, progress."""

from __future__ import annotations

import nibabel.affines
import numpy as np
import pytest
from qc.support import (
    OracleEngine,
    asked_slices,
    believed,
    grid_around_origin,
    picture,
    plain_calibration,
    turned,
)

from RegQCLib.geometry.grid import PLANE_NAMES
from RegQCLib.qc.features import FLOOR_MM
from RegQCLib.qc.prepare import prepare_pair
from RegQCLib.qc.scoring import axis_scores, observe, score, slice_position
from RegQCLib.qc.stopwatch import Stopwatch

SHIFT = np.array([0.75, -1.0, 0.5])  # near enough for one look
GRIDS = {
    "oblique": grid_around_origin(
        (36, 44, 30), (2.0, 1.75, 1.5), direction=turned(mirrored=True)[:, [2, 0, 1]]
    ),
    "stack": grid_around_origin((14, 72, 64), (1.0, 1.0, 4.0)),
}


LENGTH = {
    name: float(np.linalg.norm(believed(SHIFT, tuple(grid.spacing[::-1]))))
    for name, grid in GRIDS.items()
}


def translation(points):
    return np.broadcast_to(SHIFT.reshape(3, *[1] * (points.ndim - 1)), points.shape)


def still(points):
    return np.zeros_like(points)


def prepared(grid, field=translation, **options):
    pair = prepare_pair(picture(grid), picture(grid))
    slices = asked_slices(pair.body, grid, pair.frame)
    return pair, OracleEngine(pair.frame, slices, field, **options)


@pytest.mark.parametrize("name", GRIDS)
def test_error_and_probability_are_calibrated(name):
    pair, engine = prepared(GRIDS[name])
    watch = Stopwatch()
    found = score(pair, engine, plain_calibration(), 0.7, watch)
    length = LENGTH[name]
    assert found.error.mean == pytest.approx(length, abs=0.05)
    assert found.error.p95 == pytest.approx(length, abs=0.1)
    low, high = found.error.interval
    reach = np.exp(1.645 * 0.2)
    assert low == pytest.approx((length + FLOOR_MM) / reach - FLOOR_MM, abs=0.05)
    assert high == pytest.approx((length + FLOOR_MM) * reach - FLOOR_MM, abs=0.1)
    assert found.probability > 0.95
    assert found.scale == pytest.approx(1, abs=0.02)
    assert score(*prepared(GRIDS[name]), plain_calibration(), 20.0, watch).probability < 0.05
    planes = {f"classification, {plane}" for plane in PLANE_NAMES}
    assert set(watch.seconds) >= {"matching", *planes}


@pytest.mark.parametrize("name", GRIDS)
def test_every_slice_of_the_fixed_grid_is_listed_where_it_lies(name):
    grid = GRIDS[name]
    pair, engine = prepared(grid)
    calibration = plain_calibration()
    found = score(pair, engine, calibration, 0.7, Stopwatch())
    axes = axis_scores(pair, found, calibration, 0.7)
    assert [axis.name for axis in axes] == list(PLANE_NAMES)
    assert [axis.is_acquisition for axis in axes] == [False, False, name == "stack"]
    for world, axis in enumerate(axes):
        array_axis = grid.array_axis(axis.name)
        assert [s.index for s in axis.slices] == list(range(grid.shape[array_axis]))
        middle = (np.array(grid.shape[::-1]) - 1) / 2
        for one in (axis.slices[0], axis.slices[7]):
            middle[2 - array_axis] = one.index
            position = nibabel.affines.apply_affine(grid.affine, middle)[world]
            assert one.position_mm == pytest.approx(position)
            assert slice_position(grid, array_axis, one.index) == pytest.approx(position)
        others = tuple(a for a in range(3) if a != array_axis)
        area = pair.body.sum(axis=others)
        seen = np.array([s.measured for s in axis.slices])
        assert not seen[area == 0].any()
        assert seen[area > 0.6 * area.max()].all()
        for one in axis.slices:
            if one.measured:
                assert one.error_mm == pytest.approx(LENGTH[name], abs=0.25)
                assert one.flagged == (one.probability_misaligned >= 0.5)
                assert one.flagged


def test_slices_without_scores_have_none():
    pair, _ = prepared(GRIDS["stack"])
    axes = axis_scores(pair, None, plain_calibration(), 1.5)
    assert [len(a.slices) for a in axes] == [64, 72, 14]
    assert not any(s.measured or s.flagged for a in axes for s in a.slices)


def test_a_moved_slice_is_flagged_and_mapped():
    grid = GRIDS["stack"]
    pair, _ = prepared(grid)
    engine = OracleEngine(
        pair.frame,
        asked_slices(pair.body, grid, pair.frame),
        still,
        moved_slices={(0, 5): (0.0, 4.0)},
    )
    calibration = plain_calibration()
    found = score(pair, engine, calibration, 1.5, Stopwatch())
    axial = axis_scores(pair, found, calibration, 1.5)[2]
    flagged = [s.index for s in axial.slices if s.flagged]
    assert flagged == [5 + pair.frame.start[0]]
    axis, indices, shifts = found.moved_slices
    assert (axis, list(indices)) == (0, [5])
    np.testing.assert_allclose(shifts[0], (0, 0, 4), atol=0.8)
    assert found.probability < 0.5


@pytest.mark.parametrize(("name", "field"), [("stack", still), ("oblique", translation)])
def test_nothing_moved_by_itself(name, field):
    found = score(*prepared(GRIDS[name], field), plain_calibration(), 1.5, Stopwatch())
    assert found.moved_slices is None


def test_progress_never_steps_back():
    heard = []
    pair, engine = prepared(GRIDS["stack"])
    score(
        pair,
        engine,
        plain_calibration(),
        1.5,
        Stopwatch(),
        lambda stage, part: heard.append((part, stage)),
    )
    parts = [part for part, _ in heard]
    assert parts == sorted(parts)
    assert 0.25 < parts[0] < parts[-1] <= 0.9
    assert [stage for _, stage in heard] == ["matching slices"] * 3 + ["scoring slices"] * 3


def test_only_chosen_slices_are_scored():
    grid = GRIDS["oblique"]
    pair, _ = prepared(grid)
    only = {1: np.array([12, 20])}
    engine = OracleEngine(pair.frame, [(1, 12), (1, 20)], translation)
    measurement, slices, features = observe(pair, engine, only=only)
    assert [len(slices[axis].indices) for axis in range(3)] == [0, 2, 0]
    assert np.isfinite(features).all()
    in_plane = SHIFT[[0, 2]]
    np.testing.assert_allclose(measurement.motion[[0, 2], 3], in_plane, atol=0.15)
