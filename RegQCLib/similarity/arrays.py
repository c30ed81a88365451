"""Checked inputs of the similarity measures, and coarser copies for speed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from RegQCLib.errors import InputError
from RegQCLib.geometry.volume import Volume

Array = NDArray[Any]
Mask = NDArray[np.bool_]


def checked_mask(fixed: Array, moved: Array, mask: Mask | None) -> Mask:
    """Return the mask as a boolean array, everything where it is None.

    Raises InputError when the shapes differ, an image has values that are not finite inside the
    mask, or the mask is empty.
    """
    if fixed.shape != moved.shape:
        raise InputError(
            f"images to compare must share one grid, got shapes {fixed.shape} and {moved.shape}; "
            "resample one onto the other first"
        )
    chosen = np.ones(fixed.shape, dtype=bool) if mask is None else np.asarray(mask, dtype=bool)
    if chosen.shape != fixed.shape:
        raise InputError(f"the mask has shape {chosen.shape}, the images have {fixed.shape}")
    if not chosen.any():
        raise InputError("the mask selects no voxel, so there is nothing to compare")
    for array in (fixed, moved):
        if not np.isfinite(np.sum(array, where=chosen, dtype=np.float64)):
            raise InputError("an image has values that are not finite; mask or repair them first")
    return chosen


def block_average(volume: Volume, spacing_mm: float) -> Volume:
    """Average whole blocks of voxels while the blocks stay within ``spacing_mm`` along each axis.

    Voxels that fill no block at the far end of an axis are left out. An axis shorter than a block
    is averaged whole. Returns float32; the volume itself where nothing is finer.
    """
    wanted = np.floor(spacing_mm / volume.spacing + 1e-6).astype(int)
    factors = np.clip(wanted, 1, np.array(volume.shape[::-1]))
    if (factors == 1).all():
        return volume
    array = np.asarray(volume.array, dtype=np.float32)
    for axis, factor in zip((2, 1, 0), factors, strict=True):
        array = _average_axis(array, axis, int(factor))
    affine = volume.affine.copy()
    affine[:3, :3] *= factors
    affine[:3, 3] = volume.grid.to_world((factors - 1) / 2)
    return Volume(array, affine, volume.name)


def _average_axis(array: Array, axis: int, factor: int) -> Array:
    count = array.shape[axis] // factor * factor
    if factor == 1:
        return array
    index = [slice(None)] * 3
    total: Array | None = None
    for start in range(factor):
        index[axis] = slice(start, count, factor)
        part = array[tuple(index)]
        total = part.copy() if total is None else total + part
    assert total is not None
    return total / np.float32(factor)
