"""Spread of log J and folds against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from evaluation.support import GRID, SHAPE

from RegQCLib.errors import InputError
from RegQCLib.evaluation.jacobian_statistics import jacobian_statistics, sd_log_jacobian
from RegQCLib.geometry.fields import DisplacementField
from RegQCLib.geometry.transforms import Affine, Composite

ALL = np.ones(SHAPE, bool)
INSIDE = np.zeros(SHAPE, bool)
INSIDE[2:-2, 2:-2, 2:-2] = True


def quadratic(factor: float) -> tuple[DisplacementField, np.ndarray]:
    """x -> x + factor x^2 along R from the center, and its J = 1 + 2 factor x."""
    x = (GRID.points() - GRID.center)[..., 0]
    array = np.stack([factor * x**2, 0 * x, 0 * x])
    return DisplacementField(array, GRID.affine), 1 + 2 * factor * x


def test_a_linear_jacobian():
    field, determinant = quadratic(0.01)
    found = jacobian_statistics(field, GRID, INSIDE)
    assert found.sd_log == pytest.approx(np.log(determinant[INSIDE]).std(), rel=1e-6)
    assert found.minimum == pytest.approx(determinant[INSIDE].min(), rel=1e-6)
    assert (found.folded_voxels, found.folded_fraction) == (0, 0)
    assert found.voxels == INSIDE.sum()


def test_folds_are_counted_where_the_mask_is():
    field, determinant = quadratic(0.08)
    folded = determinant <= 0
    assert 0 < folded[INSIDE].sum() < INSIDE.sum()
    found = jacobian_statistics(field, GRID, INSIDE)
    assert found.folded_voxels == folded[INSIDE].sum()
    assert found.folded_fraction == pytest.approx(folded[INSIDE].mean())
    calm = INSIDE & (determinant > 0.5)
    assert jacobian_statistics(field, GRID, calm).folded_voxels == 0


def test_a_composite_is_sampled_on_the_grid():
    field, determinant = quadratic(0.01)
    grown = Composite([field, Affine.from_parameters(scale=(1, 2, 1))])
    found = jacobian_statistics(grown, GRID, INSIDE)
    assert found.minimum == pytest.approx(2 * determinant[INSIDE].min(), rel=1e-4)
    assert found.sd_log == pytest.approx(np.log(determinant[INSIDE]).std(), rel=1e-3)


@pytest.mark.parametrize(("scale", "share"), [((1.2, 1, 0.9), 0.0), ((-1, 1, 1), 1.0)])
def test_affine_transforms_are_the_same_everywhere(scale, share):
    found = jacobian_statistics(Affine.from_parameters(scale=scale), GRID, ALL)
    assert found.minimum == pytest.approx(np.prod(scale))
    assert found.sd_log == pytest.approx(0)
    assert found.folded_fraction == share


def test_folded_voxels_count_as_a_billionth():
    values = np.array([1.0, 1.0, -0.5, 0.0])
    assert sd_log_jacobian(values) == pytest.approx(np.log([1, 1, 1e-9, 1e-9]).std())


@pytest.mark.parametrize(
    ("mask", "reason"), [(np.ones((2, 2, 2), bool), "shape"), (np.zeros(SHAPE, bool), "empty")]
)
def test_masks_that_do_not_fit(mask, reason):
    with pytest.raises(InputError, match=reason):
        jacobian_statistics(Affine.identity(), GRID, mask)
