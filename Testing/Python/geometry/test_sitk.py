"""SimpleITK images and transforms must name the same points, with x and y turned around."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from RegQCLib.errors import InputError
from RegQCLib.geometry.fields import DisplacementField
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.sitk import affine_to_sitk, field_to_sitk, from_sitk, quiet, to_sitk
from RegQCLib.geometry.transforms import Affine
from RegQCLib.geometry.volume import Volume

LPS = np.array([-1, -1, 1])


@st.composite
def grids(draw: st.DrawFn) -> Grid:
    """Oblique, anisotropic, left- or right-handed grids of unequal size."""
    angles = draw(st.tuples(*[st.floats(-180, 180)] * 3))
    spacing = draw(st.tuples(*[st.floats(0.3, 6)] * 3))
    signs = draw(st.tuples(*[st.sampled_from([-1, 1])] * 3))
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("xyz", angles, degrees=True).as_matrix() * (
        np.array(spacing) * signs
    )
    affine[:3, 3] = draw(st.tuples(*[st.floats(-200, 200)] * 3))
    return Grid(draw(st.tuples(*[st.integers(1, 6)] * 3)), affine)


@given(grids())
@settings(max_examples=30, deadline=None)
def test_every_voxel_keeps_its_place_and_value(grid: Grid) -> None:
    array = np.arange(np.prod(grid.shape), dtype=np.int32).reshape(grid.shape)
    image = to_sitk(Volume(array, grid.affine))
    for index in np.ndindex(grid.shape[::-1]):
        point = np.array(image.TransformIndexToPhysicalPoint(index)) * LPS
        np.testing.assert_allclose(point, grid.to_world(index), atol=1e-8)
        assert image[index] == array[index[::-1]]
    back = from_sitk(image, "back")
    np.testing.assert_allclose(back.affine, grid.affine, atol=1e-9)
    np.testing.assert_array_equal(back.array, array)


@pytest.mark.parametrize(
    ("dtype", "stored"), [("bool", "uint8"), ("float16", "float32"), (">i2", "int16")]
)
def test_types_unknown_to_itk_are_widened(dtype: str, stored: str) -> None:
    array = np.array([[[0, 1], [1, 0]]]).astype(dtype)
    back = from_sitk(to_sitk(Volume(array, np.eye(4)))).array
    assert back.dtype == stored
    np.testing.assert_array_equal(back, array)


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (sitk.Image([4, 4], sitk.sitkUInt8), "2 axes"),
        (sitk.Image([4, 4, 4], sitk.sitkVectorFloat32, 3), "3 values a voxel"),
        (sitk.Image([4, 4, 4], sitk.sitkComplexFloat32), "complex"),
    ],
)
def test_images_that_are_no_scalar_volume_are_refused(image: sitk.Image, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        from_sitk(image, "x")


def test_affine_maps_the_same_points() -> None:
    affine = Affine.from_parameters(
        rotation_deg=(10, -20, 30),
        translation_mm=(4, -5, 6),
        scale=(1.1, 0.9, 1.2),
        center=(7, 8, 9),
    )
    for point in np.random.default_rng(0).normal(0, 50, (20, 3)):
        mapped = affine_to_sitk(affine).TransformPoint((point * LPS).tolist())
        np.testing.assert_allclose(np.array(mapped) * LPS, affine.apply(point), atol=1e-9)


def test_field_maps_the_same_points() -> None:
    rng = np.random.default_rng(1)
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("xyz", (20, 10, -40), degrees=True).as_matrix() * (
        -1,
        2,
        3,
    )
    field = DisplacementField(rng.normal(0, 4, (3, 4, 5, 6)), affine)
    inside = field.grid.to_world(rng.uniform(0, 1, (50, 3)) * (5, 4, 3))
    transform = field_to_sitk(field)
    for point, expected in zip(inside, field.apply(inside), strict=True):
        mapped = transform.TransformPoint((point * LPS).tolist())
        np.testing.assert_allclose(np.array(mapped) * LPS, expected, atol=1e-9)


def test_quiet_restores_warnings_even_after_an_error() -> None:
    sitk.ProcessObject.SetGlobalWarningDisplay(True)
    with pytest.raises(ValueError, match="stop"), quiet():
        assert not sitk.ProcessObject.GetGlobalWarningDisplay()
        raise ValueError("stop")
    assert sitk.ProcessObject.GetGlobalWarningDisplay()
