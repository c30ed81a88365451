"""Grids and volumes turned, cut, padded and refined, without interpolation.

Arrays and slices are (k, j, i); spacings (i, j, k) in mm.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from RegQCLib.errors import InputError
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.volume import Volume


def canonical(volume: Volume) -> Volume:
    """Return the same voxels with i, j, k running closest to right, anterior, superior.

    Axes are only flipped and permuted: every voxel keeps its value and its place in the world.
    """
    grid = volume.grid
    voxel_axes = [grid.world_axes.index(world) for world in range(3)]
    array = volume.array.transpose([2 - voxel_axes[world] for world in (2, 1, 0)])
    affine = grid.affine.copy()
    affine[:, :3] = grid.affine[:, voxel_axes]
    for axis in range(3):
        if affine[axis, axis] < 0:
            array = np.flip(array, 2 - axis)
            affine[:, 3] += affine[:, axis] * (array.shape[2 - axis] - 1)
            affine[:, axis] *= -1
    return Volume(np.ascontiguousarray(array), affine, volume.name)


def crop(volume: Volume, slices: Sequence[slice]) -> Volume:
    """Keep the voxels of three slices (k, j, i) with step 1, at their place in the world.

    Raises InputError for another step or a crop without voxels.
    """
    if len(slices) != 3:
        raise InputError(f"a crop needs three slices (k, j, i), got {len(slices)}")
    bounds = [s.indices(n) for s, n in zip(slices, volume.shape, strict=True)]
    if any(step != 1 for _, _, step in bounds):
        raise InputError(f"{volume.name}: a crop has steps of 1; resample to change the spacing")
    if any(stop <= start for start, stop, _ in bounds):
        raise InputError(f"{volume.name}: the crop {bounds} holds no voxel of {volume.shape}")
    first = [start for start, _, _ in bounds]
    array = volume.array[tuple(slice(start, stop) for start, stop, _ in bounds)]
    return Volume(array.copy(), _shifted(volume.grid, first), volume.name)


def crop_to(volume: Volume, mask: NDArray[Any], margin_mm: float = 0.0) -> Volume:
    """Crop to the box around the nonzero voxels of ``mask``, widened by ``margin_mm`` a side.

    mask: shape of the volume. Raises InputError when it has another shape or is empty.
    """
    if mask.shape != volume.shape:
        raise InputError(f"{volume.name}: the mask has shape {mask.shape}, not {volume.shape}")
    slices = []
    for axis, spacing in enumerate(volume.spacing[::-1]):
        others = tuple(a for a in range(3) if a != axis)
        (used,) = np.nonzero(np.any(mask, axis=others))
        if used.size == 0:
            raise InputError(f"{volume.name}: the mask to crop to is empty")
        margin = int(np.ceil(margin_mm / spacing - 1e-6))
        slices.append(slice(max(int(used[0]) - margin, 0), int(used[-1]) + margin + 1))
    return crop(volume, slices)


def pad(volume: Volume, widths: Sequence[tuple[int, int]], *, value: float = 0.0) -> Volume:
    """Add (before, after) voxels along (k, j, i), filled with ``value``.

    Raises InputError for negative widths.
    """
    if len(widths) != 3 or any(min(pair) < 0 for pair in widths):
        raise InputError(f"padding needs three pairs (k, j, i) of counts from 0, got {widths}")
    array = np.pad(volume.array, list(widths), constant_values=value)
    return Volume(array, _shifted(volume.grid, [-before for before, _ in widths]), volume.name)


def isotropic_grid(grid: Grid, spacing_mm: float) -> Grid:
    """Cubic voxels of ``spacing_mm`` along the axes of ``grid``, around the same center.

    They cover its whole field of view, and every voxel center lies inside it.
    """
    extent = np.array(grid.shape[::-1]) * grid.spacing
    counts = np.maximum(np.ceil(extent / spacing_mm - 1e-6), 1).astype(int)
    affine = np.eye(4)
    affine[:3, :3] = grid.direction * spacing_mm
    affine[:3, 3] = grid.center - affine[:3, :3] @ ((counts - 1) / 2)
    return Grid((int(counts[2]), int(counts[1]), int(counts[0])), affine)


def _shifted(grid: Grid, first: Sequence[int]) -> NDArray[np.float64]:
    """Affine of a grid whose voxel (0, 0, 0) is voxel ``first`` (k, j, i) of ``grid``."""
    affine = grid.affine.copy()
    affine[:3, 3] = grid.to_world(list(first)[::-1])
    return affine
