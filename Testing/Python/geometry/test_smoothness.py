"""Bending energy and local rotation against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from RegQCLib.geometry.fields import DisplacementField
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.smoothness import bending_energy, local_rotation
from RegQCLib.geometry.transforms import Affine, to_displacement

SHAPE = (9, 11, 13)


def grid_of(sign: float) -> Grid:
    affine = Affine.from_parameters(rotation_deg=(20, -30, 50), scale=(sign * 0.8, 1.5, 2.5))
    return Grid(SHAPE, affine.matrix)


def everywhere() -> np.ndarray:
    return np.ones(SHAPE, bool)


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("every", [1, 3])
def test_quadratic_bending(sign: float, every: int) -> None:
    grid = grid_of(sign)
    x, y, z = np.moveaxis(grid.points(), -1, 0)
    field = DisplacementField(np.stack([0.01 * x**2, 0.02 * x * y, 0.03 * z**2]), grid.affine)
    # Squares 0.02^2 and 0.06^2; the mixed derivative 0.02 counts twice.
    inner = np.zeros(SHAPE, bool)
    inner[1:-1, 1:-1, 1:-1] = True
    expected = 0.02**2 + 0.06**2 + 2 * 0.02**2
    assert bending_energy(field, inner, every=every) == pytest.approx(expected, rel=1e-3)


def test_affine_does_not_bend_or_swirl() -> None:
    grid = grid_of(-1)
    field = to_displacement(Affine.from_parameters(rotation_deg=(5, 6, 40), scale=(1, 1, 2)), grid)
    assert bending_energy(field, everywhere()) < 1e-9
    assert local_rotation(field, everywhere()).max() < 1e-2


def test_mask_and_units_count() -> None:
    coarse, fine = np.diag((2.0, 2, 2, 1)), np.eye(4)
    array = np.random.default_rng(0).normal(size=(3, *SHAPE))
    half = everywhere()
    half[4:] = False
    whole = bending_energy(DisplacementField(array, fine), everywhere())
    assert bending_energy(DisplacementField(array, coarse), everywhere()) == pytest.approx(
        whole / 16
    )
    array[:, 6:] = 0
    assert bending_energy(DisplacementField(array, fine), ~half) < whole
    assert bending_energy(DisplacementField(array, fine), ~everywhere()) == 0


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_two_halves_that_turn_against_each_other(sign: float) -> None:
    grid = grid_of(sign)
    turned = {
        angle: to_displacement(Affine.rigid((0, 0, angle)), grid).array for angle in (20.0, -20.0)
    }
    array = turned[20.0].copy()
    array[:, 5:] = turned[-20.0][:, 5:]
    mask = everywhere()
    mask[3:7] = False  # the seam
    mask[0] = False  # equal halves: two slices each
    rotation = local_rotation(DisplacementField(array, grid.affine), mask)
    # 2 slices on either side: the mean curl is 0, each half turns by 20 degrees.
    np.testing.assert_allclose(rotation, 20, atol=0.05)


def test_single_slice_and_empty_mask() -> None:
    field = DisplacementField(np.zeros((3, 1, 4, 5)), np.eye(4))
    mask = np.ones((1, 4, 5), bool)
    assert bending_energy(field, mask) == 0
    assert local_rotation(field, ~mask).size == 0
