"""Measuring with an engine that knows the truth: planted motions come back in mm."""

from __future__ import annotations

import numpy as np
import pytest
from qc.support import (
    OracleEngine,
    asked_slices,
    believed,
    framed,
    grid_around_origin,
    isotropic,
    turned,
)

from RegQCLib.errors import Cancelled
from RegQCLib.qc.evidence import affine_displacement, affine_motion
from RegQCLib.qc.features import INSIDE
from RegQCLib.qc.measure import (
    MIN_BODY_PIXELS,
    body_on_lattice,
    chosen_slices,
    measure,
    put_together,
)

SHIFT = np.array([1.2, -2.4, 0.8])
ROTATION = np.array([[0, -0.04, 0.02], [0.04, 0, -0.03], [-0.02, 0.03, 0]])
STRAIN = np.array([[0.03, 0.01, 0.0], [0.01, -0.02, 0.03], [0.0, 0.03, 0.02]])
GRIDS = {
    "isotropic": grid_around_origin((56, 72, 64), (1.0, 1.0, 1.0)),
    "anisotropic, oblique": grid_around_origin((44, 50, 60), (1.0, 1.5, 1.2), direction=turned()),
    "thick sagittal": grid_around_origin((56, 72, 15), (4.0, 1.0, 1.0)),
    "thick axial": grid_around_origin((12, 72, 64), (1.0, 1.0, 5.0)),
}


def rotation(points):
    middle = np.array([30.0, 35, 30]).reshape(3, *[1] * (points.ndim - 1))
    return np.tensordot(ROTATION, points - middle, 1) + SHIFT.reshape(middle.shape)


def affine(points):
    middle = np.array([30.0, 35, 30]).reshape(3, *[1] * (points.ndim - 1))
    return rotation(points) + np.tensordot(STRAIN, points - middle, 1)


def translation(points):
    return np.broadcast_to(SHIFT.reshape(3, *[1] * (points.ndim - 1)), points.shape)


def smooth(points):
    """A bump of 4 mm along j, 14 mm wide, on top of the translation."""
    middle = np.array([28.0, 32, 32]).reshape(3, *[1] * (points.ndim - 1))
    bump = 4 * np.exp(-((points - middle) ** 2).sum(axis=0) / (2 * 14.0**2))
    return translation(points) + np.stack([0 * bump, bump, 0 * bump])


def edges_only(axis, positions):
    """Each place shows motion along one in-plane direction only, another one at every place."""
    angle = positions.sum(axis=0) * 0.7
    return np.stack([np.cos(angle) ** 2, np.sin(angle) ** 2, np.cos(angle) * np.sin(angle)])


def half_blind(axis, positions):
    seen = (positions[1] < 30).astype(float)
    return np.stack([seen, seen, 0 * seen])


def run(grid, field, **options):
    body, frame = framed(grid)
    engine = OracleEngine(frame, asked_slices(body, grid, frame), field, **options)
    gray = np.zeros(frame.shape, dtype=np.float32)
    measured = measure(gray, gray, body[frame.box], grid, frame, engine)
    assert not engine.waiting
    truth = believed(field(measured.evidence.positions()), frame.spacing)
    return measured, np.abs(measured.displacement - truth)[:, measured.body > INSIDE]


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("field", [translation, rotation])
def test_motion_is_recovered(name, field):
    _, gap = run(GRIDS[name], field)
    # slices lie up to half a lattice step from where they are counted: 1.5 mm times the gradient
    assert gap.mean() < 0.02
    assert gap.max() < 0.1


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("likelihood", [isotropic, edges_only])
def test_any_affine_motion_is_seen(name, likelihood):
    measured, _ = run(GRIDS[name], affine, likelihood=likelihood)
    found = affine_displacement(measured.evidence, affine_motion(measured.evidence))
    gap = np.abs(found - affine(measured.evidence.positions()))[:, measured.body > INSIDE]
    assert gap.max() < 0.05


@pytest.mark.parametrize("name", ["isotropic", "thick axial"])
def test_motion_is_recovered_from_edges(name):
    """The aperture problem: slices and places complete each other."""
    _, gap = run(GRIDS[name], rotation, likelihood=edges_only)
    assert gap.mean() < 0.03
    assert gap.max() < 0.15


def test_what_is_not_seen_follows_the_affine_motion():
    measured, gap = run(GRIDS["isotropic"], rotation, likelihood=half_blind)
    assert gap.mean() < 0.03
    blind = measured.evidence.positions()[1] > 34
    assert not measured.evidence.precision[:, blind].max() > 1e-9


def test_local_motion_shows_where_it_is():
    measured, gap = run(GRIDS["isotropic"], smooth)
    points = measured.evidence.positions()
    top = smooth(points)[1].max()
    found = measured.displacement[1]
    at = np.unravel_index(np.argmax(found * (measured.body > INSIDE)), found.shape)
    assert np.linalg.norm(points[(slice(None), *at)] - (28, 32, 32)) < 8
    assert found[at] > 0.6 * (top - SHIFT[1]) + SHIFT[1]
    assert gap.mean() < 0.3


def test_false_matches_are_outvoted():
    rng = np.random.default_rng(0)

    def partly_wrong(points):
        wrong = rng.random(points.shape[1:]) < 0.15
        return translation(points) + 9 * wrong

    body, frame = framed(GRIDS["isotropic"])
    slices = asked_slices(body, GRIDS["isotropic"], frame)
    engine = OracleEngine(frame, slices, partly_wrong)
    gray = np.zeros(frame.shape, dtype=np.float32)
    measured = measure(gray, gray, body[frame.box], GRIDS["isotropic"], frame, engine)
    assert np.abs(measured.motion[:, 3] - SHIFT).max() < 0.6  # a plain mean would be 1.35 off


def test_slices_are_chosen_with_enough_body():
    grid = GRIDS["thick axial"]
    body, frame = framed(grid)
    inside = body[frame.box]
    for axis in range(3):
        every = chosen_slices(inside, frame, axis, every=True)
        others = tuple(a for a in range(3) if a != axis)
        pixels = inside.sum(axis=others) * np.prod([frame.spacing[a] for a in others])
        enough = pixels / frame.pixel_mm**2 >= MIN_BODY_PIXELS
        np.testing.assert_array_equal(every, np.flatnonzero(enough))
        some = chosen_slices(inside, frame, axis, every=False)
        step = max(1, round(4 / frame.spacing[axis]))
        assert set(some) <= set(every)
        np.testing.assert_array_equal(np.diff(some), step)
        assert abs((some[0] - every[0]) - (every[-1] - some[-1])) <= step
    assert not chosen_slices(np.zeros_like(inside), frame, 0, every=False).size


def test_only_the_slices_asked_for_are_looked_at():
    grid = GRIDS["isotropic"]
    body, frame = framed(grid)
    only = {0: np.array([20]), 2: np.array([18, 31])}
    engine = OracleEngine(frame, [(0, 20), (2, 18), (2, 31)], translation)
    gray = np.zeros(frame.shape, dtype=np.float32)
    measured = measure(gray, gray, body[frame.box], grid, frame, engine, only=only)
    assert [len(measured.planes[axis].indices) for axis in range(3)] == [1, 0, 2]
    np.testing.assert_allclose(measured.motion[:, 3], SHIFT, atol=0.1)


def test_body_on_the_lattice_is_a_share():
    grid = GRIDS["anisotropic, oblique"]
    body, frame = framed(grid)
    share = body_on_lattice(body[frame.box], frame)
    assert share.shape == tuple(frame.pixels(a) // 4 for a in range(3))
    assert share.min() >= 0
    assert share.max() == pytest.approx(1, abs=1e-5)
    cell = (4 * frame.pixel_mm) ** 3
    assert share.sum() * cell == pytest.approx(body.sum() * np.prod(grid.spacing), rel=0.05)


def test_nothing_seen_gives_no_motion():
    body, frame = framed(GRIDS["isotropic"])
    measured = put_together({}, frame, body_on_lattice(body[frame.box], frame))
    assert not measured.displacement.any()
    assert not measured.precision.any()


def test_progress_can_cancel():
    grid = GRIDS["thick axial"]
    body, frame = framed(grid)
    engine = OracleEngine(frame, asked_slices(body, grid, frame), translation)
    gray = np.zeros(frame.shape, dtype=np.float32)

    def stop(stage, part):
        assert 0 < part <= 1
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        measure(gray, gray, body[frame.box], grid, frame, engine, progress=stop)
    assert any(axis == 1 for axis, _ in engine.waiting)
