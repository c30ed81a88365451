"""The measure at points: against SciPy's interpolation, scikit-learn's information, differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter, map_coordinates

from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.transforms import Affine
from RegQCLib.registration.iterative.affine_images import Level
from RegQCLib.registration.iterative.affine_pair import LevelPair
from RegQCLib.registration.iterative.sampled_measure import SampledMeasure

CPU = torch.device("cpu")
FIXED = Grid((12, 14, 16), Affine.rigid((5, -10, 20), (10, 0, 5)).matrix @ np.diag([2.0, 2, 2, 1]))
MOVING = Grid((10, 15, 13), Affine.rigid((0, 15, 0), (-5, 3, 1)).matrix @ np.diag([-2.5, 2, 3, 1]))
MEASURES = ("mi", "nmi", "ncc", "ssd", "cr")


def image(grid, seed):
    noise = np.random.default_rng(seed).normal(size=grid.shape)
    return Level(
        gaussian_filter(noise, 1.5).astype(np.float32) * 100, grid, np.ones(grid.shape, bool), None
    )


def level_pair(*, seen=None, count=4000):
    fixed, moving = image(FIXED, 0), image(MOVING, 1)
    moving = Level(moving.array, moving.grid, moving.body, seen)
    index = np.random.default_rng(2).uniform(0, 1, (count, 3)) * (np.array(FIXED.shape[::-1]) - 1)
    values = map_coordinates(fixed.array, index.T[::-1], order=1)
    ends = [(float(a.min()), float(a.max())) for a in (fixed.array, moving.array)]
    return LevelPair(2.0, fixed, moving, FIXED.to_world(index), values, ends[0], ends[1])


def centered():
    """A motion that puts the grids' centers on one another."""
    return Affine.rigid((8, -5, 12), MOVING.center - FIXED.center, FIXED.center).matrix


def partners(pair, matrix):
    """Which points meet the moving image, and its values there: another way."""
    index = MOVING.to_index(Affine(matrix).apply(pair.points))
    last = np.array(MOVING.shape[::-1]) - 1
    met = ((index >= -0.5) & (index <= last + 0.5)).all(1)
    values = map_coordinates(pair.moving.array, index.T[::-1], order=1, mode="nearest")
    return met, values


def test_points_are_sampled_where_the_matrix_takes_them():
    pair = level_pair()
    measure = SampledMeasure(pair, "ssd", CPU)
    met, moved = partners(pair, centered())
    assert 0.3 < met.mean() < 0.95
    assert measure.hold(centered()) == pytest.approx(met.mean(), abs=1e-3)
    assert pair.overlap(centered()) == pytest.approx(met.mean(), abs=1e-12)
    expected = ((pair.values - moved)[met] ** 2).mean()
    assert measure(centered())[0] == pytest.approx(expected, rel=1e-3)


def test_points_stay_held_when_they_leave_the_image():
    pair = level_pair()
    measure = SampledMeasure(pair, "ssd", CPU)
    met, _ = partners(pair, centered())
    measure.hold(centered())
    away = centered()
    away[:3, 3] += (6, -4, 5)
    _, moved = partners(pair, away)
    assert measure(away)[0] == pytest.approx(((pair.values - moved)[met] ** 2).mean(), rel=1e-3)


def test_voxels_outside_the_moving_mask_are_no_partners():
    seen = np.zeros(MOVING.shape, dtype=bool)
    seen[:, :7] = True
    pair = level_pair(seen=seen)
    index = MOVING.to_index(Affine(centered()).apply(pair.points))
    met, _ = partners(pair, centered())
    expected = (met & (np.rint(index[:, 1]) < 7)).mean()
    assert SampledMeasure(pair, "ssd", CPU).hold(centered()) == pytest.approx(expected, abs=2e-3)
    assert pair.overlap(centered()) == pytest.approx(expected, abs=2e-3)
    seen[:] = False
    assert SampledMeasure(pair, "ssd", CPU).hold(centered()) == 0


@pytest.mark.parametrize("name", MEASURES)
def test_the_derivative_is_that_of_the_measure(name):
    measure = SampledMeasure(level_pair(count=20_000), name, CPU)
    measure.hold(centered())
    _, derivative = measure(centered())
    rng = np.random.default_rng(3)
    for _ in range(3):
        direction = np.zeros((4, 4))
        direction[:3, :3], direction[:3, 3] = rng.normal(0, 0.05, (3, 3)), rng.normal(size=3)
        direction[:3, 3] -= direction[:3, :3] @ FIXED.center
        step = 0.05
        ahead, behind = (measure(centered() + s * step * direction)[0] for s in (1, -1))
        slope = (ahead - behind) / (2 * step)
        scale = abs(slope) + abs(ahead) * 1e-2
        assert (derivative * direction).sum() == pytest.approx(slope, abs=0.05 * scale)


def test_the_metric_predicts_how_intensities_change():
    pair = level_pair(count=20_000)
    measure = SampledMeasure(pair, "ssd", CPU)
    measure.hold(centered())
    met, before = partners(pair, centered())
    directions = np.zeros((2, 4, 4))
    directions[0, 0, 3] = 1.0
    directions[1, :3, :3] = [[0, -0.02, 0], [0.02, 0, 0.01], [0, -0.01, 0.03]]
    directions[1, :3, 3] = -directions[1, :3, :3] @ FIXED.center
    changes = []
    for direction in directions:
        _, after = partners(pair, centered() + 1e-3 * direction)
        changes.append((after - before)[met] / 1e-3)
    expected = np.cov(np.stack(changes), bias=True) + np.outer(
        np.mean(changes, axis=1), np.mean(changes, axis=1)
    )
    np.testing.assert_allclose(measure.metric(centered(), directions), expected, rtol=0.02)
