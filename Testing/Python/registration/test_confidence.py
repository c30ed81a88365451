"""Confidence of resampled stacks: what linear interpolation makes of a mask of the slices."""

from __future__ import annotations

import numpy as np
import pytest

from RegQCLib.errors import InputError
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.resample import coverage, resample
from RegQCLib.geometry.transforms import Affine
from RegQCLib.geometry.volume import Volume
from RegQCLib.registration.confidence import slice_confidence

TURN = Affine.rigid(rotation_deg=(8, -5, 12), translation_mm=(3, -6, 2)).matrix


def stack(axis: int = 0) -> Volume:
    """Slices of 7 mm with pixels of 1 mm, stacked along an array axis, on an oblique grid."""
    shape, spacing = [14, 12, 13], np.ones(3)
    shape[axis], spacing[2 - axis] = 6, 7.0
    return Volume(np.zeros(shape), TURN @ np.diag([*spacing, 1.0]), "stack")


def fine(volume: Volume, axis: int, parts: int) -> Volume:
    """A mask, 1 on acquired slices and 0 on those between, ``parts`` times as many."""
    shape = list(volume.shape)
    shape[axis] = (shape[axis] - 1) * parts + 1
    mask = np.zeros(shape, np.float32)
    mask[(slice(None),) * axis + (slice(None, None, parts),)] = 1
    affine = volume.affine.copy()
    affine[:3, 2 - axis] /= parts
    return Volume(mask, affine, "mask")


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize(("parts", "reach"), [(2, 0.5), (4, 0.25)])
def test_it_is_a_mask_of_the_slices_interpolated(axis, parts, reach):
    volume = stack(axis)
    grid = Grid((20, 21, 22), Affine.rigid(translation_mm=(-4, -8, 1)).matrix)
    move = Affine.rigid(rotation_deg=(-3, 4, 9), translation_mm=(6, 2, -1))
    found = slice_confidence(volume, grid, move, reach=reach)
    mask = fine(volume, axis, parts)
    # beyond the outermost slices the mask keeps its value, which says nothing of confidence
    along = volume.grid.to_index(move.apply(grid.points()))[..., 2 - axis]
    inner = coverage(mask.grid, grid, move) & (along > 0) & (along < volume.shape[axis] - 1)
    expected = resample(mask, grid, move).array
    assert found is not None
    assert 0.2 < inner.mean() < 0.9
    np.testing.assert_allclose(found.array[inner], expected[inner], atol=1e-4)
    outside = ~coverage(volume.grid, grid, move)
    assert (found.array[outside] == 0).all()


def test_a_floor_is_what_remains_between_slices():
    volume = stack()
    grid = Grid((36, 12, 13), volume.affine @ np.diag([1, 1, 1 / 7, 1]))
    free = slice_confidence(volume, grid)
    held = slice_confidence(volume, grid, floor=0.2)
    assert free is not None
    assert held is not None
    np.testing.assert_allclose(held.array, 0.2 + 0.8 * free.array, atol=1e-6)
    np.testing.assert_allclose(free.array[::7], 1, atol=1e-6)
    np.testing.assert_allclose(free.array[3], 1 - 2 * 3 / 7, atol=1e-6)


def test_where_all_voxels_count_alike_there_is_none():
    volume = stack()
    assert slice_confidence(volume, volume.grid) is None
    coarse = Grid((6, 6, 6), TURN @ np.diag([6.0, 6, 6, 1]))
    assert slice_confidence(volume, coarse) is None
    thin = Volume(np.zeros((9, 9, 9)), np.diag([1.0, 1, 1.2, 1]), "thin")
    assert slice_confidence(thin, Grid((30, 30, 30), np.diag([0.2, 0.2, 0.2, 1]))) is None
    single = Volume(np.zeros((1, 9, 9)), np.diag([1.0, 1, 7, 1]), "slice")
    assert slice_confidence(single, Grid((7, 9, 9), np.eye(4))) is None


@pytest.mark.parametrize("options", [{"reach": 0}, {"reach": 2}, {"floor": 1}, {"floor": -0.1}])
def test_numbers_that_make_no_sense_are_refused(options):
    with pytest.raises(InputError, match="reach from 0 to 1 and floor below 1"):
        slice_confidence(stack(), stack().grid, **options)
