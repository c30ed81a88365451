"""Turning, cropping and padding must leave every voxel at its place in the world."""

from __future__ import annotations

import itertools

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from RegQCLib.errors import InputError
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.orientation import canonical, crop, crop_to, isotropic_grid, pad
from RegQCLib.geometry.volume import Volume

SHAPE = (4, 5, 6)
TILT = Rotation.from_euler("xyz", (12, -17, 9), degrees=True).as_matrix()
ORIENTATIONS = list(
    itertools.product(itertools.permutations(range(3)), itertools.product((-1, 1), repeat=3))
)


def volume_of(direction: np.ndarray, spacing: tuple[float, ...] = (0.7, 1.5, 2.5)) -> Volume:
    affine = np.eye(4)
    affine[:3, :3] = direction * spacing
    affine[:3, 3] = (11, -22, 33)
    return Volume(np.arange(np.prod(SHAPE), dtype=np.int16).reshape(SHAPE), affine, "v")


def value_by_place(volume: Volume) -> dict[tuple[float, ...], int]:
    points = volume.grid.points().reshape(-1, 3).round(6) + 0.0
    return {tuple(p): int(v) for p, v in zip(points, volume.array.ravel(), strict=True)}


VOLUME = volume_of(TILT @ np.diag([1, -1, 1]))


@pytest.mark.parametrize("tilt", [np.eye(3), TILT], ids=["straight", "tilted"])
@pytest.mark.parametrize(("order", "signs"), ORIENTATIONS)
def test_all_48_orientations(
    order: tuple[int, ...], signs: tuple[int, ...], tilt: np.ndarray
) -> None:
    volume = volume_of(tilt @ np.eye(3)[:, order] * signs)
    result = canonical(volume)
    assert nib.aff2axcodes(result.affine) == ("R", "A", "S")
    expected = nib.as_closest_canonical(nib.Nifti1Image(volume.array.T, volume.affine))
    np.testing.assert_allclose(result.affine, expected.affine, atol=1e-9)
    np.testing.assert_array_equal(result.array.T, expected.get_fdata())
    assert result.array.flags.c_contiguous


def test_canonical_changes_no_place() -> None:
    assert len(ORIENTATIONS) == 48
    assert value_by_place(canonical(VOLUME)) == value_by_place(VOLUME)


def test_canonical_at_45_degrees_uses_every_axis_once() -> None:
    volume = volume_of(Rotation.from_euler("z", 45, degrees=True).as_matrix())
    assert value_by_place(canonical(volume)) == value_by_place(volume)
    assert canonical(canonical(volume)).grid.same_as(canonical(volume).grid)


bounds = st.tuples(
    *[
        st.tuples(st.integers(0, n - 1), st.integers(1, n)).filter(lambda b: b[0] < b[1])
        for n in SHAPE
    ]
)


@given(bounds)
@settings(max_examples=40, deadline=None)
def test_crop_keeps_places_and_pad_undoes_it(box: tuple[tuple[int, int], ...]) -> None:
    cropped = crop(VOLUME, [slice(*b) for b in box])
    assert cropped.shape == tuple(stop - start for start, stop in box)
    everything = value_by_place(VOLUME)
    assert all(everything[p] == v for p, v in value_by_place(cropped).items())
    widths = [(start, n - stop) for (start, stop), n in zip(box, SHAPE, strict=True)]
    padded = pad(cropped, widths, value=-1)
    assert padded.grid.same_as(VOLUME.grid)
    kept = padded.array >= 0
    np.testing.assert_array_equal(padded.array[kept], VOLUME.array[kept])
    assert kept.sum() == cropped.array.size


def test_crop_takes_negative_bounds_and_copies() -> None:
    cropped = crop(VOLUME, (slice(-2, None), slice(None), slice(1, -1)))
    np.testing.assert_array_equal(cropped.array, VOLUME.array[-2:, :, 1:-1])
    assert not np.shares_memory(cropped.array, VOLUME.array)


@pytest.mark.parametrize(
    ("slices", "reason"),
    [
        ((slice(None),) * 2, "three slices"),
        ((slice(None, None, 2), slice(None), slice(None)), "steps of 1"),
        ((slice(None, None, -1), slice(None), slice(None)), "steps of 1"),
        ((slice(9, 12), slice(None), slice(None)), "holds no voxel"),
        ((slice(3, 2), slice(None), slice(None)), "holds no voxel"),
    ],
)
def test_unusable_crops_are_refused(slices: tuple[slice, ...], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        crop(VOLUME, slices)


@pytest.mark.parametrize(
    ("margin", "box"),
    [(0, (1, 1, 2)), (0.7, (3, 3, 4)), (0.71, (3, 3, 6)), (1.6, (3, 5, 6)), (99, SHAPE)],
)
def test_crop_to_widens_by_millimeters_up_to_the_border(
    margin: float, box: tuple[int, ...]
) -> None:
    mask = np.zeros(SHAPE, bool)
    mask[2, 2, 2:4] = True
    cropped = crop_to(VOLUME, mask, margin)
    assert cropped.shape == box
    assert set(VOLUME.array[mask]) <= set(cropped.array.ravel())


def test_crop_to_refuses_masks_it_cannot_use() -> None:
    with pytest.raises(InputError, match="empty"):
        crop_to(VOLUME, np.zeros(SHAPE))
    with pytest.raises(InputError, match="shape"):
        crop_to(VOLUME, np.ones((2, 2, 2)))


@pytest.mark.parametrize("widths", [[(0, 0)] * 2, [(0, -1), (0, 0), (0, 0)]])
def test_unusable_paddings_are_refused(widths: list[tuple[int, int]]) -> None:
    with pytest.raises(InputError, match="three pairs"):
        pad(VOLUME, widths)


@given(
    st.tuples(*[st.integers(1, 40)] * 3),
    st.tuples(*[st.floats(0.3, 5)] * 3),
    st.floats(0.4, 6),
)
@settings(max_examples=80, deadline=None)
def test_isotropic_grid_covers_the_field_of_view(
    shape: tuple[int, int, int], sizes: tuple[float, ...], spacing: float
) -> None:
    affine = np.eye(4)
    affine[:3, :3] = TILT * sizes * (1, -1, 1)
    affine[:3, 3] = (5, 6, 7)
    grid = Grid(shape, affine)
    fine = isotropic_grid(grid, spacing)
    np.testing.assert_allclose(fine.spacing, spacing)
    np.testing.assert_allclose(fine.center, grid.center, atol=1e-9)
    np.testing.assert_allclose(fine.direction, grid.direction, atol=1e-12)
    extent = np.array(shape) * grid.spacing[::-1]
    new_extent = np.array(fine.shape) * spacing
    assert (new_extent >= extent - 1e-4).all()
    assert (new_extent < extent + spacing).all() or min(fine.shape) == 1


def test_isotropic_grid_of_an_isotropic_grid_is_itself() -> None:
    grid = Grid((3, 4, 5), np.diag([2.0, 2.0, 2.0, 1.0]))
    assert isotropic_grid(grid, 2.0).same_as(grid)
