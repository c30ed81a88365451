"""Displacement fields: SimpleITK's mapping, and inverses with honest errors."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from RegQCLib.errors import InputError
from RegQCLib.geometry.fields import DisplacementField, affine_part, invert
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.sitk import field_to_sitk
from RegQCLib.geometry.transforms import Affine, Composite, to_displacement

SHAPE = (10, 13, 17)


def oblique(sign: float = 1.0, shape: tuple[int, int, int] = SHAPE) -> Grid:
    affine = Affine.from_parameters(
        rotation_deg=(15, -25, 40), scale=(sign * 1.1, 1.7, 3.0), translation_mm=(-20, 35, 10)
    )
    return Grid(shape, affine.matrix)


def smooth_field(grid: Grid, amplitude_mm: float = 2.0, wave_mm: float = 25.0) -> DisplacementField:
    phase = 2 * np.pi * grid.points() / wave_mm
    waves = [np.sin(phase[..., (c + 1) % 3] + c) for c in range(3)]
    return DisplacementField(amplitude_mm * np.stack(waves).astype(np.float32), grid.affine)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_points_move_as_in_simpleitk(sign: float) -> None:
    grid = oblique(sign)
    rng = np.random.default_rng(1)
    field = DisplacementField(rng.uniform(-5, 5, (3, *SHAPE)), grid.affine)
    # Inside, in the outer half voxel, and well outside; not at the very limit between the last two.
    indices = rng.uniform(-0.49, np.array(SHAPE[::-1]) - 0.51, (300, 3))
    indices[:100] += rng.choice([-30, 0, 30], (100, 3))
    points = grid.to_world(indices)
    itk = field_to_sitk(field)
    flip = np.array([-1, -1, 1])
    expected = [itk.TransformPoint(p.tolist()) for p in points * flip] * flip
    np.testing.assert_allclose(field.apply(points), expected, atol=1e-6)
    still = np.abs(field.sample(points)).max(axis=1) == 0
    assert 20 < still.sum() < 110


def test_resampled_agrees_at_its_voxels() -> None:
    field = smooth_field(oblique())
    target = Grid((5, 6, 7), np.diag((2.0, 2, 2, 1)) + np.outer((-20, 30, 5, 0), (0, 0, 0, 1)))
    again = field.resampled(target)
    np.testing.assert_allclose(
        np.moveaxis(again.array, 0, -1), field.sample(target.points()), atol=1e-5
    )
    assert np.abs(again.array).max() > 1


def test_affine_part_is_least_squares() -> None:
    grid = oblique(-1)
    field = smooth_field(grid)
    points = grid.points().reshape(-1, 3)
    design = np.column_stack([points, np.ones(len(points))])
    moved = points + np.moveaxis(field.array, 0, -1).reshape(-1, 3)
    expected, *_ = np.linalg.lstsq(design, moved, rcond=None)
    matrix, offset = affine_part(field)
    np.testing.assert_allclose(matrix, expected[:3].T, atol=1e-6)
    np.testing.assert_allclose(offset, expected[3], atol=1e-4)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_inverse_undoes_and_reports_its_error(sign: float) -> None:
    grid = oblique(sign, (16, 24, 32))
    field = smooth_field(grid)
    result = invert(field, tolerance_mm=1e-3)
    core = grid.points()[3:-3, 4:-4, 5:-5].reshape(-1, 3)
    # At its voxels the inverse is exact; the report says so.
    error = np.linalg.norm(field.apply(result.field.apply(core)) - core, axis=1)
    assert error.max() < 2e-3
    assert result.max_error_mm <= 1e-3
    assert 0 < result.mean_error_mm <= result.max_error_mm
    assert result.unconverged_fraction == 0


def test_affine_motion_inverts_exactly_also_beyond_the_field() -> None:
    grid = oblique()
    turn = Affine.rigid((60, 20, -70), (15, 5, -8), center=grid.center)  # no contraction
    inverse = to_displacement(turn, grid).inverse()
    points = grid.points()
    np.testing.assert_allclose(inverse.apply(points), turn.inverse().apply(points), atol=1e-3)


def test_inverse_on_another_grid() -> None:
    field = smooth_field(oblique(shape=(16, 24, 32)))
    place = Affine.rigid((5, 5, 5), field.grid.center - (7, 6, 5)).matrix
    target = Grid((6, 7, 8), place @ np.diag((2.0, 2, 2, 1)))
    result = invert(field, target, tolerance_mm=1e-3)
    assert result.field.grid.same_as(target)
    points = target.points()
    np.testing.assert_allclose(field.apply(result.field.apply(points)), points, atol=2e-3)


def test_folded_field_has_no_inverse() -> None:
    field = smooth_field(oblique(), amplitude_mm=12)
    report = invert(field)
    assert report.unconverged_fraction > 0.01
    assert report.max_error_mm > 0.01
    with pytest.raises(InputError, match="folds"):
        field.inverse()


def test_flattening_field_has_no_inverse() -> None:
    grid = oblique()
    flat = grid.points() * (0, 0, -1.0)
    with pytest.raises(InputError, match="flattens"):
        invert(DisplacementField(np.moveaxis(flat, -1, 0), grid.affine))


@settings(max_examples=10, deadline=None)
@given(st.floats(-0.9, 0.9), st.floats(-20, 20))
def test_composition_to_one_field(amplitude: float, shift: float) -> None:
    grid = oblique()
    parts = [Affine.rigid((1, 2, 3), (shift, 0, 0)), smooth_field(grid, amplitude)]
    one = to_displacement(Composite(parts), grid)
    points = grid.points()
    expected = parts[1].apply(parts[0].apply(points))
    np.testing.assert_allclose(one.apply(points), expected, atol=1e-4)


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.zeros((2, 3, 4, 5)), "shape"),
        (np.zeros((3, 4, 5)), "shape"),
        (np.full((3, 2, 2, 2), np.nan), "not finite"),
        (np.zeros((3, 2, 2, 2), complex), "complex"),
    ],
)
def test_unusable_arrays_are_refused(array: np.ndarray, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        DisplacementField(array, np.eye(4))


def test_opposite_infinities_are_refused() -> None:
    array = np.zeros((3, 2, 2, 2))
    array[0, 0, 0, 0], array[1, 0, 0, 0] = np.inf, -np.inf
    with pytest.raises(InputError, match="not finite"):
        DisplacementField(array, np.eye(4))


def test_single_slice_field() -> None:
    field = DisplacementField(np.full((3, 1, 4, 5), 2.0), np.eye(4))
    itk = sitk.DisplacementFieldTransform(field_to_sitk(field))
    assert itk.TransformPoint((-1.0, -1.0, 0.4)) == pytest.approx((-3, -3, 2.4))
    np.testing.assert_allclose(field.apply((1, 1, 0.4)), (3, 3, 2.4))
    np.testing.assert_allclose(field.apply((1, 1, 0.6)), (1, 1, 0.6))
