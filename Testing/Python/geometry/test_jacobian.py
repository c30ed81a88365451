"""Jacobian determinants against closed forms and SimpleITK, on every handedness."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from RegQCLib.geometry.fields import DisplacementField
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.jacobian import affine_determinant, jacobian_determinant
from RegQCLib.geometry.transforms import Affine, to_displacement

SHAPE = (9, 11, 13)


def grid_of(sign: float, rotation: tuple[float, float, float] = (20, -30, 50)) -> Grid:
    scale = (sign * 0.8, 1.5, 2.5)
    affine = Affine.from_parameters(rotation_deg=rotation, scale=scale, translation_mm=(9, 8, 7))
    return Grid(SHAPE, affine.matrix)


@settings(max_examples=20, deadline=None)
@given(
    st.sampled_from([1.0, -1.0]),
    st.lists(st.floats(-60, 60), min_size=3, max_size=3),
    st.lists(st.floats(0.3, 2), min_size=3, max_size=3),
    st.sampled_from([1.0, -1.0]),
)
def test_affine_motion(
    sign: float, rotation: list[float], scale: list[float], mirror: float
) -> None:
    scale = [scale[0] * mirror, *scale[1:]]
    affine = Affine.from_parameters(rotation_deg=rotation, scale=scale, shear=(0.2, 0, 0.1))
    expected = np.prod(scale)
    assert affine_determinant(affine) == pytest.approx(expected)
    determinant = jacobian_determinant(to_displacement(affine, grid_of(sign)))
    np.testing.assert_allclose(determinant, expected, atol=1e-3)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_nonlinear_closed_form(sign: float) -> None:
    # u = (a y^2, b z^2, c x^2): det = 1 + 8 a b c x y z; central differences of squares are exact.
    grid = grid_of(sign)
    x, y, z = np.moveaxis(grid.points(), -1, 0)
    a, b, c = 0.04, -0.05, 0.03
    field = DisplacementField(np.stack([a * y**2, b * z**2, c * x**2]), grid.affine)
    inner = (slice(1, -1),) * 3
    expected = 1 + 8 * a * b * c * x * y * z
    np.testing.assert_allclose(jacobian_determinant(field)[inner], expected[inner], atol=1e-4)
    assert np.ptp(expected[inner]) > 0.3


def test_agrees_with_simpleitk() -> None:
    # ITK differentiates along the image axes and ignores their direction: compare where they are
    # the world's, RAS against LPS being a rotation about S that leaves the determinant alone.
    rng = np.random.default_rng(2)
    vectors = rng.uniform(-0.6, 0.6, (3, *SHAPE))
    spacing = (0.8, 1.5, 2.5)
    field = DisplacementField(vectors, np.diag((*spacing, 1.0)))
    image = sitk.GetImageFromArray(np.moveaxis(vectors, 0, -1), isVector=True)
    image.SetSpacing(spacing)
    expected = sitk.GetArrayFromImage(sitk.DisplacementFieldJacobianDeterminant(image))
    inner = (slice(1, -1),) * 3
    np.testing.assert_allclose(jacobian_determinant(field)[inner], expected[inner], atol=1e-5)
    assert (expected[inner] < 0.5).any()


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_fold_is_negative(sign: float) -> None:
    grid = grid_of(sign)
    offset = (grid.points() - grid.center) @ np.diag((-1.5, 0, 0))  # x -> -x / 2
    field = DisplacementField(np.moveaxis(offset, -1, 0), grid.affine)
    np.testing.assert_allclose(jacobian_determinant(field), -0.5, atol=1e-5)


def test_border_is_one_sided_and_one_voxel_axes_are_flat() -> None:
    field = DisplacementField(np.zeros((3, 1, 4, 5)), np.eye(4))
    field.array[0] = 0.25 * np.arange(5)
    np.testing.assert_allclose(jacobian_determinant(field), 1.25)


def test_slabs_meet_without_a_seam() -> None:
    shape = (24, 256, 256)  # more than one slab of the threaded evaluation
    z = np.arange(shape[0], dtype=np.float32)[:, None, None]
    array = np.zeros((3, *shape), np.float32)
    array[2] = 0.01 * z**2
    determinant = jacobian_determinant(DisplacementField(array, np.eye(4)))
    expected = np.gradient(z + array[2], axis=0)
    np.testing.assert_allclose(determinant, expected, atol=1e-5)
