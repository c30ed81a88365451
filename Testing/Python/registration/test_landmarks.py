"""Fits to landmarks: motions recovered exactly, SciPy's splines, brute force, refusals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import RBFInterpolator
from scipy.spatial.transform import Rotation

from RegQCLib.errors import InputError
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.transforms import Affine, Composite, simplified, to_displacement
from RegQCLib.registration.landmarks import (
    fit_affine,
    fit_landmarks,
    fit_rigid,
    fit_thin_plate,
)

QUICK = settings(max_examples=30, deadline=None, derandomize=True)
KINDS = ("rigid", "affine", "thin-plate")
OFFSET = np.array([30, -50, 100])
TEST_POINTS = np.random.default_rng(99).uniform(-120, 120, (50, 3))


def cloud(seed: int, count: int = 12) -> np.ndarray:
    """Points that fill a volume, RAS mm, not around the origin."""
    return np.random.default_rng(seed).uniform(-80, 80, (count, 3)) + OFFSET


def vectors(low: float, high: float) -> st.SearchStrategy[np.ndarray]:
    return st.tuples(*[st.floats(low, high)] * 3).map(np.array)


@QUICK
@given(vectors(-180, 180), vectors(-300, 300), st.integers(0, 10**6), st.integers(3, 15))
def test_a_rigid_motion_is_recovered(angles, shift, seed, count):
    motion = Affine.rigid(angles, shift)
    points = cloud(seed, count)
    found = fit_rigid(points, motion.apply(points))
    assert found.is_rigid()
    np.testing.assert_allclose(found.apply(TEST_POINTS), motion.apply(TEST_POINTS), atol=1e-7)


@QUICK
@given(
    vectors(-180, 180), vectors(0.5, 2), vectors(-0.5, 0.5), vectors(-300, 300),
    st.integers(0, 10**6), st.integers(5, 15), st.sampled_from(["affine", "thin-plate"]),
)  # fmt: skip
def test_an_affine_motion_is_recovered(angles, scale, shear, shift, seed, count, kind):
    motion = Affine.from_parameters(
        rotation_deg=angles, scale=scale, shear=shear, translation_mm=shift
    )
    points = cloud(seed, count)
    found = fit_landmarks(points, motion.apply(points), kind)
    np.testing.assert_allclose(
        found.transform.apply(TEST_POINTS), motion.apply(TEST_POINTS), atol=1e-5
    )
    np.testing.assert_allclose(found.residuals_mm, 0, atol=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_a_noisy_rigid_fit_is_that_of_scipy(seed):
    fixed = cloud(seed, 8)
    noise = np.random.default_rng(seed).normal(size=(8, 3)) * 5
    moving = Affine.rigid((20, -100, 50), (9, 8, 7)).apply(fixed) + noise
    rotation, _ = Rotation.align_vectors(moving - moving.mean(axis=0), fixed - fixed.mean(axis=0))
    found = fit_rigid(fixed, moving)
    np.testing.assert_allclose(found.matrix[:3, :3], rotation.as_matrix(), atol=1e-8)
    np.testing.assert_allclose(found.apply(fixed.mean(axis=0)), moving.mean(axis=0), atol=1e-8)


def test_a_rigid_fit_never_mirrors():
    fixed = cloud(0)
    found = fit_rigid(fixed, fixed * (-1, 1, 1))
    assert np.linalg.det(found.matrix) == pytest.approx(1)


def test_points_in_one_plane_fix_a_rigid_motion():
    motion = Affine.rigid((70, 10, -20), (5, 6, 7))
    flat = cloud(1, 4) * (1, 1, 0)
    np.testing.assert_allclose(
        fit_rigid(flat, motion.apply(flat)).apply(TEST_POINTS), motion.apply(TEST_POINTS),
        atol=1e-8,
    )  # fmt: skip


def test_a_noisy_affine_fit_is_the_least_squares_solution():
    fixed = cloud(2)
    moving = fixed * (1.1, 0.9, 1) + np.random.default_rng(2).normal(size=fixed.shape)
    normal = np.column_stack([fixed, np.ones(len(fixed))])
    solution = np.linalg.inv(normal.T @ normal) @ normal.T @ moving
    found = fit_affine(fixed, moving)
    np.testing.assert_allclose(found.matrix[:3], solution.T, atol=1e-8)


@pytest.mark.parametrize("smoothing", [0.0, 0.5, 20.0])
@pytest.mark.parametrize("count", [5, 30])
def test_a_thin_plate_spline_is_that_of_scipy(smoothing, count):
    fixed = cloud(3, count)
    moving = Affine.rigid((5, 20, -9)).apply(fixed)
    moving += np.random.default_rng(3).normal(size=fixed.shape) * 6
    theirs = RBFInterpolator(fixed, moving, kernel="linear", degree=1, smoothing=smoothing)
    found = fit_landmarks(fixed, moving, "thin-plate", smoothing=smoothing)
    np.testing.assert_allclose(found.transform.apply(TEST_POINTS), theirs(TEST_POINTS), atol=1e-7)
    expected = np.linalg.norm(theirs(fixed) - moving, axis=1)
    np.testing.assert_allclose(found.residuals_mm, expected, atol=1e-7)
    assert (found.residuals_mm.max() < 1e-9) == (smoothing == 0)


def test_much_smoothing_is_affine():
    fixed = cloud(4)
    moving = fixed + np.random.default_rng(4).normal(size=fixed.shape) * 6
    np.testing.assert_allclose(
        fit_thin_plate(fixed, moving, smoothing=1e9).apply(TEST_POINTS),
        fit_affine(fixed, moving).apply(TEST_POINTS),
        atol=1e-3,
    )


@pytest.mark.parametrize("kind", KINDS)
def test_errors_when_each_pair_is_left_out(kind):
    fixed = cloud(5, 7)
    moving = fixed + np.random.default_rng(5).normal(size=fixed.shape) * 4
    found = fit_landmarks(fixed, moving, kind)
    fits = {"rigid": fit_rigid, "affine": fit_affine, "thin-plate": fit_thin_plate}
    for n in range(7):
        others = fits[kind](np.delete(fixed, n, axis=0), np.delete(moving, n, axis=0))
        error = np.linalg.norm(others.apply(fixed[n]) - moving[n])
        assert found.leave_one_out_mm[n] == pytest.approx(error)
    assert found.leave_one_out_mm.mean() > found.residuals_mm.mean()


@pytest.mark.parametrize(("kind", "count"), [("rigid", 3), ("affine", 4), ("thin-plate", 4)])
def test_nothing_can_be_left_out_of_the_fewest_points(kind, count):
    fixed = cloud(6, count)
    found = fit_landmarks(fixed, fixed + 1, kind)
    np.testing.assert_allclose(found.residuals_mm, 0, atol=1e-9)
    assert np.isnan(found.leave_one_out_mm).all()


def spline(seed: int, size: float = 5.0):
    fixed = cloud(seed, 20)
    noise = np.random.default_rng(seed).normal(size=fixed.shape) * size
    return fit_thin_plate(fixed, Affine.rigid((10, 5, -60), (40, 0, 9)).apply(fixed) + noise)


@pytest.mark.parametrize("seed", range(3))
def test_the_inverse_of_a_spline_leads_back(seed):
    transform = spline(seed)
    points = cloud(seed + 50, 300)
    back = transform.inverse()
    np.testing.assert_allclose(back.apply(transform.apply(points)), points, atol=1e-4)
    np.testing.assert_allclose(transform.apply(back.apply(points)), points, atol=1e-5)
    assert back.inverse() is transform
    assert back.apply(points.reshape(3, 100, 3)).shape == (3, 100, 3)


def test_a_spline_that_folds_has_no_inverse():
    corners = cloud(7, 8)
    inner = corners.mean(axis=0) + np.array([[-5, 0, 0], [5, 0, 0]])
    fixed = np.concatenate([corners, inner])
    moving = np.concatenate([corners, inner[::-1]])  # two neighbors change places
    transform = fit_thin_plate(fixed, moving)
    line = np.linspace(*inner, 20)
    assert (np.linalg.det(transform.jacobian(line)) < 0).any()
    with pytest.raises(InputError, match="folds at"):
        transform.inverse().apply(line)
    far = corners.mean(axis=0) + 200 + line - inner[0]  # it is in order there
    np.testing.assert_allclose(transform.apply(transform.inverse().apply(far)), far, atol=1e-5)


def test_a_spline_that_mirrors_has_an_inverse():
    fixed = cloud(14)
    moving = fixed * (-1, 1, 1) + np.random.default_rng(14).normal(size=fixed.shape)
    transform = fit_thin_plate(fixed, moving)
    np.testing.assert_allclose(transform.inverse().apply(moving), fixed, atol=1e-5)


def test_derivatives_are_those_of_the_map():
    transform, step = spline(8), 1e-4
    points = cloud(60, 10)
    found = transform.jacobian(points)
    for axis, unit in enumerate(np.eye(3)):
        slope = (transform.apply(points + step * unit) - transform.apply(points - step * unit)) / (
            2 * step
        )
        np.testing.assert_allclose(found[:, :, axis], slope, atol=1e-6)


def test_a_spline_is_a_transform_like_the_others():
    transform = spline(9)
    grid = Grid((7, 8, 9), Affine.rigid((5, 5, 5), (30, -50, 100)).matrix @ np.diag([9, 8, 7, 1]))
    field = to_displacement(transform, grid)
    expected = np.moveaxis(transform.apply(grid.points()) - grid.points(), -1, 0)
    np.testing.assert_allclose(field.array, expected, atol=1e-3)
    shift = Affine.rigid(translation_mm=(1, 2, 3))
    both = simplified(Composite([shift, transform]))
    np.testing.assert_allclose(
        both.apply(TEST_POINTS), transform.apply(shift.apply(TEST_POINTS)), atol=1e-9
    )


def test_far_away_a_spline_is_its_affine_part():
    transform = spline(10)
    far = TEST_POINTS * 1e5
    np.testing.assert_allclose(transform.apply(far), transform.affine.apply(far), atol=0.1)


def test_many_points_are_mapped_in_pieces(monkeypatch):
    transform = spline(11)
    expected = transform.apply(TEST_POINTS), transform.jacobian(TEST_POINTS)
    monkeypatch.setattr("RegQCLib.registration.thin_plate.BLOCK_DISTANCES", 7 * 20)
    np.testing.assert_allclose(transform.apply(TEST_POINTS), expected[0])
    np.testing.assert_allclose(transform.jacobian(TEST_POINTS), expected[1])


LINE = np.linspace(0, 90, 6)[:, None] * (1.0, 2.0, -1.0)
PLANE = cloud(12, 6) * (1, 1, 0)
GOOD = cloud(13, 6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("fixed", "moving", "reason"),
    [
        (GOOD[:2], GOOD[:2], "at least [34] pairs of landmarks, got 2"),
        (LINE, GOOD, "the fixed landmarks lie on one line"),
        (GOOD, LINE + 3, "the moving landmarks lie on one line"),
        (GOOD[[0, 1, 2, 1, 4, 5]], GOOD, "fixed landmarks 2 and 4 are the same place"),
        (GOOD, GOOD[[0, 1, 2, 3, 4, 0]], "moving landmarks 1 and 6 are the same place"),
        (GOOD[:5], GOOD, "same number of points"),
        (GOOD[:, :2], GOOD[:, :2], "same number of points"),
        (np.where(GOOD[2, 1] == GOOD, np.nan, GOOD), GOOD, "not finite"),
        (GOOD, np.where(GOOD[2, 1] == GOOD, np.inf, GOOD), "not finite"),
    ],
)
def test_points_that_fix_no_transform_are_refused(kind, fixed, moving, reason):
    with pytest.raises(InputError, match=reason):
        fit_landmarks(fixed, moving, kind)


@pytest.mark.parametrize("kind", ["affine", "thin-plate"])
def test_points_in_one_plane_fix_no_affine_motion(kind):
    for pair in ((PLANE, GOOD), (GOOD, Affine.rigid((30, 40, 50)).apply(PLANE))):
        with pytest.raises(InputError, match="landmarks lie in one plane"):
            fit_landmarks(*pair, kind)


def test_unknown_kinds_and_negative_smoothing():
    with pytest.raises(InputError, match="rigid, affine, thin-plate, got 'elastic'"):
        fit_landmarks(GOOD, GOOD + 1, "elastic")
    for smoothing in (-1.0, np.nan, np.inf):
        with pytest.raises(InputError, match="smoothing"):
            fit_landmarks(GOOD, GOOD + 1, "thin-plate", smoothing=smoothing)
