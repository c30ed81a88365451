"""Resampling against scipy at mapped points, linear functions of space, and the field of view."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates
from scipy.spatial.transform import Rotation

from RegQCLib.errors import InputError
from RegQCLib.geometry.fields import DisplacementField
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.resample import coverage, resample
from RegQCLib.geometry.transforms import Affine, Composite, Transform
from RegQCLib.geometry.volume import Volume

RNG = np.random.default_rng(11)
SHIFT = Affine.rigid((4, -7, 9), (1.5, -2, 0.8))


def grid_of(
    shape: tuple[int, int, int], spacing: tuple[float, ...], degrees: tuple[float, ...]
) -> Grid:
    """Grid centered on the world's origin; a negative spacing flips that axis."""
    affine = np.eye(4)
    turn = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()
    affine[:3, :3] = turn * np.array(spacing)
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape[::-1]) - 1) / 2)
    return Grid(shape, affine)


FIXED = grid_of((11, 13, 9), (1.2, 0.9, 2.0), (10, 5, -20))
MOVING = grid_of((14, 12, 17), (-0.8, 1.1, 1.6), (-30, 12, 25))  # left-handed
NOISE = Volume(RNG.normal(size=MOVING.shape).astype(np.float32), MOVING.affine)
FIELD = DisplacementField(RNG.normal(0, 1.0, (3, *FIXED.shape)), FIXED.affine)
COARSE = grid_of((5, 6, 5), (3.5, 2.6, 5.0), (10, 5, -20))
TRANSFORMS: dict[str, Transform | None] = {
    "none": None,
    "affine": SHIFT,
    "field on the grid": FIELD,
    "field on another grid": DisplacementField(RNG.normal(0, 1, (3, *COARSE.shape)), COARSE.affine),
    "composite": Composite([SHIFT, FIELD]),
    "composite of affines": Composite([SHIFT, SHIFT.inverse(), SHIFT]),
}


def mapped_indices(transform: Transform | None) -> np.ndarray:
    """Continuous (i, j, k) in the moving image of every voxel of the fixed grid."""
    points = FIXED.points()
    return MOVING.to_index(points if transform is None else transform.apply(points))


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize(("interpolation", "order"), [("linear", 1), ("nearest", 0), ("cubic", 3)])
def test_equals_scipy_at_the_mapped_points(name: str, interpolation: Any, order: int) -> None:
    indices = mapped_indices(TRANSFORMS[name])
    mode = "mirror" if order == 3 else "nearest"
    expected = map_coordinates(
        NOISE.array.astype(float), indices[..., ::-1].transpose(3, 0, 1, 2), order=order, mode=mode
    )
    result = resample(NOISE, FIXED, TRANSFORMS[name], interpolation=interpolation, outside=-7)
    # ITK extends a spline beyond the outermost voxel centers in another way: compare within.
    far = np.array(MOVING.shape[::-1]) - 1
    within = ((indices >= 0) & (indices <= far)).all(axis=-1)
    ties = (np.abs(indices % 1 - 0.5) < 1e-3).any(axis=-1) & (order == 0)
    outside = ((indices < -0.501) | (indices > far + 0.501)).any(axis=-1)
    assert within.mean() > 0.2
    assert outside.mean() > 0.1
    np.testing.assert_allclose(
        result.array[within & ~ties], expected[within & ~ties], atol=5e-5 if order < 3 else 2e-3
    )
    assert (result.array[outside] == -7).all()
    np.testing.assert_array_equal(result.affine, FIXED.affine)


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize("interpolation", ["linear", "nearest", "cubic"])
def test_coverage_is_what_resample_fills(name: str, interpolation: Any) -> None:
    ones = Volume(np.ones(MOVING.shape, np.float32), MOVING.affine)
    filled = resample(ones, FIXED, TRANSFORMS[name], interpolation=interpolation, outside=-1).array
    covered = coverage(MOVING, FIXED, TRANSFORMS[name])
    assert 0 < covered.mean() < 1
    np.testing.assert_array_equal(filled > 0, covered)
    np.testing.assert_allclose(filled[covered], 1, atol=1e-5)


@given(
    angles=st.tuples(*[st.floats(-180, 180)] * 3),
    shift=st.tuples(*[st.floats(-6, 6)] * 3),
    spacing=st.tuples(*[st.floats(0.5, 3)] * 3),
    flips=st.tuples(*[st.sampled_from([-1, 1])] * 3),
    slope=st.tuples(*[st.floats(-3, 3)] * 3),
)
@settings(max_examples=40, deadline=None)
def test_a_linear_function_of_space_stays_one(
    angles: tuple[float, ...],
    shift: tuple[float, ...],
    spacing: tuple[float, ...],
    flips: tuple[int, ...],
    slope: tuple[float, ...],
) -> None:
    moving = grid_of((6, 8, 7), tuple(np.multiply(spacing, flips)), angles)
    motion = Affine.rigid(angles[::-1], shift)
    image = Volume((moving.points() @ slope).astype(np.float32), moving.affine)
    result = resample(image, FIXED, motion, outside=np.nan).array
    mapped = motion.apply(FIXED.points())
    indices = moving.to_index(mapped)
    within = ((indices >= 0) & (indices <= np.array(moving.shape[::-1]) - 1)).all(axis=-1)
    np.testing.assert_allclose(result[within], (mapped @ slope)[within], atol=1e-3)
    np.testing.assert_array_equal(~np.isnan(result), coverage(moving, FIXED, motion))


@pytest.mark.parametrize(
    ("shift", "rows"),
    [(0.0, 6), (0.5, 6), (0.5 + 4e-7, 6), (0.5001, 5), (-0.5, 6), (1.5, 5), (-1.51, 4)],
)
def test_the_field_of_view_ends_half_a_voxel_beyond_the_centers(shift: float, rows: int) -> None:
    spacing = 0.7
    grid = Grid((5, 4, 6), np.diag([spacing, 1.3, 2.0, 1.0]))
    ones = Volume(np.ones(grid.shape, np.uint8), grid.affine)
    motion = Affine.rigid(translation_mm=(shift * spacing, 0, 0))
    assert coverage(grid, grid, motion).sum() == rows * 5 * 4
    assert resample(ones, grid, motion, interpolation="nearest").array.sum() == rows * 5 * 4


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int16", "uint16", "int64", "float64"])
def test_nearest_keeps_type_and_values(dtype: str) -> None:
    labels = Volume(
        RNG.integers(0, 2 if dtype == "bool" else 200, MOVING.shape).astype(dtype), MOVING.affine
    )
    result = resample(labels, FIXED, SHIFT, interpolation="nearest").array
    assert result.dtype == dtype
    assert set(np.unique(result)) <= set(np.unique(labels.array)) | {0}
    assert len(np.unique(result)) > 1


def test_the_same_grid_needs_no_interpolation_and_shares_no_memory() -> None:
    result = resample(NOISE, Grid(MOVING.shape, MOVING.affine), Affine.identity())
    np.testing.assert_array_equal(result.array, NOISE.array)
    assert not np.shares_memory(result.array, NOISE.array)


def test_direction_is_fixed_to_moving() -> None:
    grid = Grid((1, 1, 9), np.diag([2.0, 2.0, 2.0, 1.0]))
    ramp = Volume(np.arange(9, dtype=np.float32).reshape(1, 1, 9), grid.affine)
    moved = resample(ramp, grid, Affine.rigid(translation_mm=(4, 0, 0)))
    assert moved.array[0, 0, 3] == 5  # the fixed point at 6 mm shows what lies at 10 mm


def test_unknown_interpolation_is_refused() -> None:
    with pytest.raises(InputError, match="linear, nearest, cubic"):
        resample(NOISE, FIXED, interpolation="sinc")  # type: ignore[arg-type]
