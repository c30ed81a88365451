"""How far a transform and its inverse lead from where one started."""

from __future__ import annotations

import numpy as np
from evaluation.support import GRID

from RegQCLib.evaluation.inverse_consistency import inverse_consistency
from RegQCLib.geometry.fields import DisplacementField
from RegQCLib.geometry.transforms import Affine, to_displacement

POINTS = GRID.points()[4:-4, 4:-4, 4:-4].reshape(-1, 3)


def test_an_exact_inverse_leads_back():
    motion = Affine.from_parameters(rotation_deg=(5, 10, 3), scale=(1.1, 1, 0.9))
    assert inverse_consistency(motion, motion.inverse(), POINTS).max() < 1e-9


def test_an_inverse_that_is_off_by_a_shift():
    motion = Affine.rigid((5, 10, 3), (1, 2, 3))
    off = motion.inverse().then(Affine.rigid(translation_mm=(0, 3, -4)))
    np.testing.assert_allclose(inverse_consistency(motion, off, POINTS), 5)


def test_points_beyond_a_dense_inverse_are_left_out():
    step = GRID.affine[:3, 0] * 10  # voxels along i
    motion = Affine.rigid(translation_mm=step)
    inverse = to_displacement(motion.inverse(), GRID)
    errors = inverse_consistency(motion, inverse, POINTS)
    landed = GRID.to_index(motion.apply(POINTS))[:, 0] <= GRID.shape[2] - 0.5
    assert 0 < len(errors) == landed.sum() < len(POINTS)
    np.testing.assert_allclose(errors, 0, atol=1e-4)


def test_the_direction_matters():
    # T(x) = 2 x is followed by y -> y - 1: the error is |2 x - 1 - x|, not |2 (x - 1) - x|.
    double = Affine.from_parameters(scale=(2, 2, 2))
    back = DisplacementField(-np.ones((3, 40, 40, 40)), np.diag([5.0, 5, 5, 1]) - 100 * _corner())
    points = np.array([[3.0, 4.0, 5.0]])
    np.testing.assert_allclose(inverse_consistency(double, back, points), np.linalg.norm([2, 3, 4]))


def _corner() -> np.ndarray:
    corner = np.zeros((4, 4))
    corner[:3, 3] = 1
    return corner
