"""Features: the own motion of single slices, numbers of a volume, what goes to the classifier."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from qc.support import OracleEngine, asked_slices, believed, framed, grid_around_origin

from RegQCLib.qc.classification import classifier_frame, classify_slices
from RegQCLib.qc.features import (
    FLOOR_MM,
    SLICE_FEATURES,
    VOLUME_FEATURES,
    layers_at,
    slice_features,
    volume_features,
)
from RegQCLib.qc.measure import chosen_slices, measure

STACKS = {
    "axial": (grid_around_origin((14, 72, 64), (1.0, 1.0, 4.0)), 0),
    "sagittal": (grid_around_origin((56, 72, 16), (3.5, 1.0, 1.0)), 2),
}
SHIFT = np.array([0.3, 0.5, -0.4])


def still(points):
    return np.broadcast_to(SHIFT.reshape(3, *[1] * (points.ndim - 1)), points.shape)


def observed(grid, *, moved_slices=None, field=still, likelihood=None):
    body, frame = framed(grid)
    more = {} if likelihood is None else {"likelihood": likelihood}
    slices = asked_slices(body, grid, frame)
    engine = OracleEngine(frame, slices, field, moved_slices=moved_slices, **more)
    gray = np.zeros(frame.shape, dtype=np.float32)
    return measure(gray, gray, body[frame.box], grid, frame, engine), body[frame.box]


def of_axis(measured, body, axis):
    indices = chosen_slices(body, measured.frame, axis, every=True)
    return slice_features(measured, axis, indices, np.tile([0.5, 2.0], (len(indices), 1)))


@pytest.mark.parametrize("name", STACKS)
@pytest.mark.parametrize("own", [(4.0, 0.0), (-2.5, 3.0)])
def test_a_single_moved_slice_is_found_and_its_neighbors_are_not(name, own):
    grid, axis = STACKS[name]
    body, frame = framed(grid)
    moved = int(chosen_slices(body[frame.box], frame, axis, every=True)[4])
    measured, inside = observed(grid, moved_slices={(axis, moved): own})
    features = of_axis(measured, inside, axis)
    at = int(np.flatnonzero(features.indices == moved)[0])
    others = [a for a in range(3) if a != axis]
    np.testing.assert_allclose(features.shift_mm[at][others], own, atol=1.2)
    assert features.shift_mm[at][axis] == 0
    size = np.linalg.norm(features.shift_mm, axis=1)
    assert size[at] > 0.7 * np.hypot(*own)
    assert np.delete(size, at).max() < 0.25 * size[at]
    error = np.exp(features.values[:, 0]) - FLOOR_MM
    assert error[at] > 2.5
    assert np.delete(error, at).max() < 0.5 * error[at]


def test_nothing_moves_by_itself_in_a_still_stack():
    grid, axis = STACKS["axial"]
    measured, body = observed(grid)
    features = of_axis(measured, body, axis)
    assert np.linalg.norm(features.shift_mm, axis=1).max() < 0.05
    error = np.exp(features.values[:, 0]) - FLOOR_MM
    length = np.linalg.norm(believed(SHIFT, measured.frame.spacing))
    np.testing.assert_allclose(error, length, atol=0.03)
    seen = dict(zip(SLICE_FEATURES, features.values.T, strict=True))
    np.testing.assert_allclose(seen["log_approach"], 0)
    np.testing.assert_allclose(seen["logit"], 0.5)
    np.testing.assert_allclose(seen["log_network"], np.log(2.0 + FLOOR_MM))
    assert features.values.shape == (len(features.indices), len(SLICE_FEATURES))


def test_slices_that_were_not_acquired_one_by_one_follow_the_field():
    grid = grid_around_origin((56, 72, 64), (1.0, 1.0, 1.0))
    measured, body = observed(grid)
    features = of_axis(measured, body, 1)
    matched = np.isin(features.indices, measured.planes[1].indices)
    assert 0.15 < matched.mean() < 0.35
    assert not features.shift_mm.any()
    error = np.exp(features.values[:, 0]) - FLOOR_MM
    np.testing.assert_allclose(error, np.linalg.norm(SHIFT), atol=0.03)


def test_less_seen_is_less_evidence():
    grid, axis = STACKS["axial"]

    def faint(_, positions):
        one = np.full(positions.shape[1:], 0.05)
        return np.stack([one, one, 0 * one])

    whole = VOLUME_FEATURES.index("log_evidence")
    clear, dim = (
        volume_features(measured, [of_axis(measured, body, axis)])[whole]
        for measured, body in (observed(grid), observed(grid, likelihood=faint))
    )
    assert clear - dim == pytest.approx(np.log(20), abs=0.1)


def test_volume_numbers_of_a_translation():
    grid, _ = STACKS["sagittal"]
    measured, body = observed(grid)
    slices = [of_axis(measured, body, a) for a in range(3)]
    values = dict(zip(VOLUME_FEATURES, volume_features(measured, slices), strict=True))
    seen = np.linalg.norm(believed(SHIFT, measured.frame.spacing))
    assert seen < np.linalg.norm(SHIFT) - 0.1
    assert np.exp(values["log_error"]) - FLOOR_MM == pytest.approx(seen, abs=0.02)
    assert values["logit"] == pytest.approx(0.5)
    assert values["log_network"] == pytest.approx(np.log(2 + FLOOR_MM))
    none = np.zeros(0, dtype=np.intp)
    empty = [slice_features(measured, a, none, np.zeros((0, 2))) for a in range(3)]
    assert np.isfinite(volume_features(measured, empty)).all()


def test_what_was_taken_off_before_the_last_look_is_told_apart():
    grid, axis = STACKS["sagittal"]
    measured, body = observed(grid)
    none_left = replace(measured, taken_off=measured.displacement)
    seen = volume_features(none_left, [of_axis(none_left, body, axis)])
    approach = seen[VOLUME_FEATURES.index("log_approach")]
    error = seen[VOLUME_FEATURES.index("log_error")]
    assert approach == pytest.approx(error - np.log(FLOOR_MM))
    of_slices = of_axis(none_left, body, axis).values
    inside = of_slices[:, SLICE_FEATURES.index("log_approach")]
    assert np.median(inside) > 0.5 * approach


def test_answers_that_fit_nothing_are_no_motion():
    rng = np.random.default_rng(0)

    def noise(points):
        return rng.normal(0, 4, points.shape)

    grid, axis = STACKS["axial"]
    measured, body = observed(grid, field=noise)
    slices = [of_axis(measured, body, axis)]
    values = dict(zip(VOLUME_FEATURES, volume_features(measured, slices), strict=True))
    assert np.exp(values["log_error"]) - FLOOR_MM < 0.6


def test_layers_are_interpolated_between_lattice_points():
    grid, _ = STACKS["sagittal"]
    measured, _ = observed(grid)
    positions = measured.evidence.positions()
    for axis in range(3):
        indices = np.arange(measured.frame.shape[axis])
        seen = layers_at(measured, axis, indices, positions)
        depth = np.minimum(indices * measured.frame.spacing[axis], positions[axis].max())
        wanted = np.broadcast_to(depth[:, None, None], seen[axis].shape)
        np.testing.assert_allclose(seen[axis], wanted, atol=1e-9)
        other = (axis + 1) % 3
        np.testing.assert_array_equal(seen[other][0], np.moveaxis(positions, axis + 1, 1)[other][0])


class Watching:
    """A classifier that keeps what it was shown."""

    def __init__(self):
        self.images = []

    def classify(self, images):
        self.images.append(images)
        return np.tile(np.float32([1.5, np.log1p(4.0)]), (len(images), 1))


def test_classifier_sees_whole_centered_slices_and_answers_in_mm():
    grid = grid_around_origin((60, 200, 150), (1.2, 1.1, 1.6))
    body = np.ones(grid.shape, dtype=bool)
    _, frame = framed(grid)
    frame = type(frame)((0, 0, 0), grid.shape, frame.spacing, frame.pixel_mm)
    small = classifier_frame(frame)
    assert all(small.pixels(axis) <= 128 for axis in range(3))
    gray = body.astype(np.float32)
    engine = Watching()
    indices = np.arange(40)
    answers = classify_slices(gray, gray, small, 0, indices, engine)
    np.testing.assert_allclose(answers, np.tile([1.5, 4 * small.pixel_mm], (40, 1)), rtol=1e-6)
    shown = np.concatenate(engine.images)
    assert shown.shape == (40, 2, 128, 128)
    rows, columns = (np.flatnonzero(shown[0, 0].any(axis=a)) for a in (1, 0))
    assert len(rows) == small.pixels(1)
    assert len(columns) == small.pixels(2)
    assert rows[0] == 128 - 1 - rows[-1]
    assert columns[0] == 128 - 1 - columns[-1]
    assert classify_slices(gray, gray, small, 0, indices[:0], engine).shape == (0, 2)
