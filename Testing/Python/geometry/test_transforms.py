"""Affine and composite transforms: closed forms and algebra."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from RegQCLib.errors import InputError
from RegQCLib.geometry.fields import DisplacementField
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.transforms import Affine, Composite, simplified, to_displacement

POINTS = np.random.default_rng(0).uniform(-100, 100, (20, 3))


@st.composite
def affines(draw: st.DrawFn) -> Affine:
    def vector(low: float, high: float) -> np.ndarray:
        return np.array(draw(st.tuples(*[st.floats(low, high)] * 3)))

    return Affine.from_parameters(
        rotation_deg=vector(-180, 180),
        translation_mm=vector(-200, 200),
        scale=vector(0.5, 2) * draw(st.sampled_from([(1, 1, 1), (-1, 1, 1)])),
        shear=vector(-0.5, 0.5),
        center=vector(-100, 100),
    )


@settings(max_examples=50, deadline=None)
@given(affines())
def test_inverse_undoes(affine: Affine) -> None:
    np.testing.assert_allclose(affine.inverse().apply(affine.apply(POINTS)), POINTS, atol=1e-8)


@settings(max_examples=25, deadline=None)
@given(affines(), affines(), affines())
def test_composition_is_associative_and_ordered(a: Affine, b: Affine, c: Affine) -> None:
    expected = c.apply(b.apply(a.apply(POINTS)))
    for same in (
        Composite([a, b, c]),
        Composite([Composite([a, b]), c]),
        Composite([a, Composite([b, c])]),
        a.then(b).then(c),
        simplified(Composite([a, Composite([b, c])])),
    ):
        np.testing.assert_allclose(same.apply(POINTS), expected, atol=1e-7)


@settings(max_examples=25, deadline=None)
@given(affines(), affines())
def test_inverse_of_composite(a: Affine, b: Affine) -> None:
    composite = Composite([a, b])
    np.testing.assert_allclose(
        composite.inverse().apply(composite.apply(POINTS)), POINTS, atol=1e-7
    )


@pytest.mark.parametrize(
    ("axis", "point", "expected"),
    [(0, (0, 1, 0), (0, 0, 1)), (1, (0, 0, 1), (1, 0, 0)), (2, (1, 0, 0), (0, 1, 0))],
)
def test_rotations_are_right_handed(
    axis: int, point: tuple[float, ...], expected: tuple[float, ...]
) -> None:
    angles = np.zeros(3)
    angles[axis] = 90
    np.testing.assert_allclose(Affine.rigid(angles).apply(point), expected, atol=1e-12)


def test_parameters_match_itk() -> None:
    angles, center, shift = np.radians((10, -20, 30)), (3.0, -7, 11), (1.0, 2, 3)
    itk = sitk.Euler3DTransform(center, *angles.tolist(), shift)
    itk.SetComputeZYX(True)  # Rz Ry Rx, as here
    rigid = Affine.rigid((10, -20, 30), shift, center)
    expected = [itk.TransformPoint(p.tolist()) for p in POINTS]
    np.testing.assert_allclose(rigid.apply(POINTS), expected, atol=1e-9)


def test_scale_comes_before_shear_before_rotation() -> None:
    affine = Affine.from_parameters(
        rotation_deg=(0, 0, 90), scale=(2, 3, 4), shear=(0.5, 0, 0), center=(1, 1, 1)
    )
    # (1, 1, 0) from the center, scaled (2, 3, 0), sheared (3.5, 3, 0), turned (-3, 3.5, 0)
    np.testing.assert_allclose(affine.apply((2, 2, 1)), (-2, 4.5, 1))


@pytest.mark.parametrize(
    ("affine", "rigid"),
    [
        (Affine.identity(), True),
        (Affine.rigid((10, 20, 30), (4, 5, 6), (7, 8, 9)), True),
        (Affine.from_parameters(scale=(1.001, 1, 1)), False),
        (Affine.from_parameters(shear=(0, 0.001, 0)), False),
        (Affine.from_parameters(scale=(-1, 1, 1)), False),
    ],
)
def test_is_rigid(affine: Affine, rigid: bool) -> None:
    assert affine.is_rigid() is rigid


@pytest.mark.parametrize(
    ("matrix", "reason"),
    [
        (np.eye(3), "shape"),
        (np.diag((1.0, 1, 0, 1)), "singular"),
        (np.zeros((4, 4)), "last row"),
        (np.diag((1.0, np.nan, 1, 1)), "not finite"),
        (np.ones((4, 4)), "last row"),
    ],
)
def test_unusable_matrices_are_refused(matrix: np.ndarray, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        Affine(matrix)


def test_small_but_regular_matrix_is_accepted() -> None:
    assert Affine(np.diag((1e-4, 1e-4, 1e-4, 1))).inverse().matrix[0, 0] == pytest.approx(1e4)


def test_affine_is_float64() -> None:
    assert Affine(np.eye(4, dtype=np.float32)).matrix.dtype == np.float64


def test_empty_composite_is_identity() -> None:
    np.testing.assert_array_equal(Composite([]).apply(POINTS), POINTS)
    simple = simplified(Composite([]))
    assert isinstance(simple, Affine)
    np.testing.assert_array_equal(simple.matrix, np.eye(4))


def test_apply_does_not_change_its_input() -> None:
    before = POINTS.copy()
    Composite([Affine.rigid((1, 2, 3))]).apply(POINTS)
    np.testing.assert_array_equal(POINTS, before)


@settings(max_examples=10, deadline=None)
@given(affines())
def test_to_displacement_moves_voxels_alike(affine: Affine) -> None:
    matrix = Affine.from_parameters(rotation_deg=(10, 20, 30), scale=(1, 1.5, -3)).matrix
    grid = Grid((4, 5, 6), matrix)
    field = to_displacement(affine, grid)
    moved = np.moveaxis(field.array, 0, -1) + grid.points()
    np.testing.assert_allclose(moved, affine.apply(grid.points()), atol=1e-3)


def test_to_displacement_keeps_a_field_on_its_grid() -> None:
    field = DisplacementField(np.ones((3, 2, 3, 4)), np.eye(4))
    assert to_displacement(field, field.grid) is field
