"""Free-form deformations: single points and inverses (the mapping itself: test_transform_io)."""

from __future__ import annotations

import numpy as np
import pytest

from RegQCLib.errors import InputError
from RegQCLib.geometry.bspline import BSplineField
from RegQCLib.geometry.transforms import Affine


def spline(amplitude_mm: float) -> BSplineField:
    affine = Affine.from_parameters(rotation_deg=(10, 20, 30), scale=(-8, 9, 10)).matrix
    rng = np.random.default_rng(1)
    return BSplineField(rng.uniform(-amplitude_mm, amplitude_mm, (3, 6, 7, 8)), affine)


def test_equal_coefficients_translate_where_supported() -> None:
    field = BSplineField(np.full((3, 6, 6, 6), 2.0), np.diag((5.0, 5, 5, 1)))
    np.testing.assert_allclose(field.apply((5, 12, 20)), (7, 14, 22))
    np.testing.assert_allclose(field.apply((4.9, 12, 20)), (4.9, 12, 20))


def test_inverse_undoes_inside() -> None:
    field = spline(1.5)
    inner = np.random.default_rng(2).uniform((2.5, 2.5, 2.5), (4.5, 3.5, 2.8), (200, 3))
    points = field.grid.to_world(inner)
    moved = field.apply(points)
    assert np.abs(moved - points).max() > 0.5
    np.testing.assert_allclose(field.inverse().apply(moved), points, atol=0.03)


def test_folding_has_no_inverse() -> None:
    with pytest.raises(InputError, match="folds"):
        spline(12).inverse()


def test_unknown_order_is_refused() -> None:
    with pytest.raises(InputError, match="order 1 to 3"):
        BSplineField(np.zeros((3, 4, 4, 4)), np.eye(4), order=5)
