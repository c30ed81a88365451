"""Images and masks that no alignment can be checked on, each refused in one line."""

from __future__ import annotations

import numpy as np
import pytest

from RegQCLib.errors import InputError
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.validation import require_image_content, require_mask
from RegQCLib.geometry.volume import Volume

RAMP = np.arange(60, dtype=np.float32).reshape(3, 4, 5)
GRID = Grid((3, 4, 5), np.diag([1.0, 2.0, 3.0, 1.0]))


def with_value(value: float) -> np.ndarray:
    array = RAMP.copy()
    array[1, 2, 3] = value
    return array


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32", "float64", "bool"])
def test_an_image_with_contrast_passes(dtype: str) -> None:
    require_image_content(Volume((RAMP % 2).astype(dtype), np.eye(4)))


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (RAMP[:1], "one slice only"),
        (RAMP[:, :1], "one slice only"),
        (RAMP[:, :, :1], "one slice only"),
        (np.full_like(RAMP, 7), "every voxel has the value 7"),
        (np.zeros((3, 4, 5), np.uint8), "every voxel has the value 0"),
        (np.full_like(RAMP, np.nan), "every voxel is NaN"),
        (with_value(np.nan), "1 of 60 voxels are NaN"),
        (with_value(np.inf), "1 of 60 voxels are infinite"),
        (with_value(-np.inf), "1 of 60 voxels are infinite"),
        (np.full_like(RAMP, np.inf), "60 of 60 voxels are infinite"),
    ],
)
def test_an_image_without_usable_content_is_refused(array: np.ndarray, reason: str) -> None:
    with pytest.raises(InputError, match=reason) as refusal:
        require_image_content(Volume(array, np.eye(4), "T1.nii.gz"))
    assert str(refusal.value).startswith("T1.nii.gz: ")
    assert "\n" not in str(refusal.value)


def test_a_mask_comes_back_on_the_grid() -> None:
    mask = np.zeros((3, 4, 5), np.int16)
    mask[1, 2:, 3] = 4
    result = require_mask(Volume(mask, GRID.affine), GRID)
    assert result.dtype == bool
    np.testing.assert_array_equal(result, mask != 0)


def test_a_mask_on_another_grid_is_carried_over() -> None:
    fine = Grid((6, 8, 10), np.diag([0.5, 1.0, 1.5, 1.0]))
    mask = np.zeros(fine.shape)
    mask[2, 4, 6] = 1  # at i, j, k = 3, 2, 1 of the coarse grid
    result = require_mask(Volume(mask, fine.affine), GRID)
    assert [tuple(n) for n in np.argwhere(result)] == [(1, 2, 3)]


def test_unusable_masks_are_refused() -> None:
    ones = np.ones(GRID.shape)
    away = GRID.affine.copy()
    away[0, 3] = 500
    for array, affine, reason in [
        (np.zeros(GRID.shape), GRID.affine, "mask is empty"),
        (ones, away, "lies elsewhere"),
        (with_value(np.nan), GRID.affine, "not finite"),
    ]:
        with pytest.raises(InputError, match=reason) as refusal:
            require_mask(Volume(array, affine, "mask.nii"), GRID)
        assert str(refusal.value).startswith("mask.nii: ")
