"""Images at coarser resolutions and points in them: against plain averages and world positions."""

from __future__ import annotations

import numpy as np
import pytest

from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.resample import resample
from RegQCLib.geometry.transforms import Affine
from RegQCLib.geometry.volume import Volume
from RegQCLib.registration.iterative.affine_images import (
    Level,
    Picture,
    Region,
    block_factors,
    block_means,
    blocks_grid,
    intensity_range,
    samples,
)

SHAPE = (9, 10, 14)
OBLIQUE = Affine.rigid((10, 20, -30), (5, -40, 60)).matrix @ np.diag([-1.0, 1.5, 4.0, 1])
GRID = Grid(SHAPE, OBLIQUE)


def noise(shape=SHAPE):
    return np.random.default_rng(0).normal(100, 20, shape)


def plane(grid):
    """Values that are a linear function of the place."""
    return grid.points() @ [0.3, -0.2, 0.5] + 7


def test_blocks_fit_into_the_size_and_thick_voxels_stay():
    assert block_factors(GRID, 4.0) == (1, 2, 4)
    assert block_factors(GRID, 0.5) == (1, 1, 1)
    assert block_factors(GRID, 1e3) == SHAPE


def test_blocks_are_means_of_whole_blocks():
    array, factors = noise(), (2, 3, 4)
    means = block_means(array, factors)
    assert means.shape == (4, 3, 3)
    assert means.dtype == np.float32
    assert means[3, 1, 2] == pytest.approx(array[6:8, 3:6, 8:12].mean(), rel=1e-6)


@pytest.mark.parametrize("dtype", [np.int16, np.uint8, np.bool_, np.float64])
def test_blocks_of_any_type_are_means(dtype):
    array = (noise() > 100).astype(dtype) * (1 if dtype == np.bool_ else 100)
    expected = array[:2, :2, :2].astype(float).mean()
    assert block_means(array, (2, 2, 2))[0, 0, 0] == pytest.approx(expected)


def test_blocks_lie_where_their_voxels_lay():
    factors = (2, 3, 4)
    coarse = blocks_grid(GRID, factors)
    np.testing.assert_allclose(block_means(plane(GRID), factors), plane(coarse), atol=1e-4)


def test_levels_carry_the_body_and_the_mask():
    array = np.zeros((16, 16, 16))
    array[4:12, 4:12, 4:12] = 100 + noise((8, 8, 8))
    mask = np.zeros(array.shape, dtype=bool)
    mask[:8] = True
    volume = Volume(array, np.diag([2.0, 2, 2, 1]))
    level = Picture(volume, mask).level(4.0)
    assert level.array.shape == (8, 8, 8)
    assert level.seen[:4].all()
    assert not level.seen[4:].any()
    np.testing.assert_array_equal(np.argwhere(level.body).min(0), 2)
    np.testing.assert_array_equal(np.argwhere(level.body).max(0), (3, 5, 5))
    assert Picture(volume).level(4.0).seen is None


def test_a_mask_off_the_body_counts_as_the_body():
    array = np.zeros((12, 12, 12))
    array[2:6, 2:6, 2:6] = 100 + noise((4, 4, 4))
    mask = np.zeros(array.shape, dtype=bool)
    mask[8:] = True
    np.testing.assert_array_equal(Picture(Volume(array, np.eye(4)), mask).body, mask)


def test_points_lie_in_and_around_the_body():
    array = np.zeros((42, 42, 42))
    array[12:30, 12:30, 12:30] = 100 + noise((18, 18, 18))
    volume = Volume(array, np.eye(4))
    rng = np.random.default_rng(0)
    points = Region.around(Picture(volume), 1.0, 3.0).points(4000, rng)
    assert points.shape == (4000, 3)
    assert 8.5 <= points.min() < 9.0
    assert 32.0 < points.max() <= 32.5
    # Evenly spread: as many in any half.
    assert abs((points[:, 2] < 20.5).mean() - 0.5) < 0.01
    mask = np.zeros(array.shape, dtype=bool)
    mask[20:22] = True
    inside = Region.around(Picture(volume, mask), 1.0, 3.0).points(100, rng)
    assert (np.abs(inside[:, 2] - 20.5) <= 1).all()
    assert (np.abs(inside[:, :2] - 20.5) <= 9).all()


def test_values_are_interpolated_except_across_thick_slices():
    level = Level(noise().astype(np.float32), GRID, np.ones(SHAPE, bool), None)
    points = GRID.to_world(np.random.default_rng(1).uniform(0, 1, (50, 3)) * [13, 9, 8])
    values, taken = samples(level, points)
    index = GRID.to_index(taken)
    np.testing.assert_allclose(index[:, 2], np.rint(index[:, 2]), atol=1e-9)
    np.testing.assert_allclose(index[:, :2], GRID.to_index(points)[:, :2], atol=1e-9)
    for value, place in zip(values[:5], taken[:5], strict=True):
        here = OBLIQUE.copy()
        here[:3, 3] = place
        truth = resample(Volume(level.array, OBLIQUE), Grid((1, 1, 1), here)).array.item()
        assert value == pytest.approx(truth, rel=1e-5)


def test_points_outside_come_back_onto_the_image():
    level = Level(noise().astype(np.float32), GRID, np.ones(SHAPE, bool), None)
    values, taken = samples(level, GRID.to_world([[-3.0, 4, 2], [20.0, 4, 2]]))
    np.testing.assert_allclose(GRID.to_index(taken), [[0, 4, 2], [13, 4, 2]], atol=1e-9)
    np.testing.assert_allclose(values, level.array[2, 4, [0, 13]], rtol=1e-6)


def test_the_range_leaves_out_rare_extremes_only_where_values_vary():
    values = np.linspace(0, 1, 10_001)
    values[-1] = 1e6
    assert intensity_range(values) == pytest.approx((0.005, 0.995), abs=1e-3)
    label = np.zeros(10_000)
    label[0] = 5
    assert intensity_range(label) == (0, 5)
