"""How far resampled voxels were acquired: near the slices of a thick stack, or guessed in between.

SparseVM (Lewis et al., "Fast learning-based registration of sparse clinical images", 2018, section
2.1) interpolates a mask of the acquired slices as the image itself is interpolated.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from RegQCLib.errors import InputError
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.sampling import in_threads, inside, slabs
from RegQCLib.geometry.transforms import Transform
from RegQCLib.geometry.volume import Volume
from RegQCLib.qc.planes import acquisition_axis

HALF_WAY = 0.5
"""Of the distance of slices: where the confidence has fallen to 0."""

SPARSE_RATIO = 1.5
"""Slices further apart than this many voxels of the new grid leave voxels between them."""


def slice_confidence(
    volume: Volume,
    grid: Grid,
    transform: Transform | None = None,
    *,
    reach: float = HALF_WAY,
    floor: float = 0.0,
) -> Volume | None:
    """Confidence in ``volume`` resampled to ``grid``: 1 on an acquired slice, less between slices.

    transform: from points of ``grid`` to points of ``volume``, RAS mm. reach: distance from the
    nearest slice, as a share of the distance of slices, at which a linear fall ends at ``floor``;
    0.5 is half way, where two slices tell least. Outside the volume it is 0.
    Returns None where every voxel counts alike: slices that are not much thicker than their pixels,
    or a grid as coarse as they are. Raises InputError for a reach or floor that makes no sense.
    """
    if not 0 < reach <= 1 or not 0 <= floor < 1:
        raise InputError(f"reach from 0 to 1 and floor below 1, got {reach:g} and {floor:g}")
    axis = acquisition_axis(volume.grid)
    if axis is None or volume.shape[axis] < 2:
        return None
    voxel_axis = 2 - axis
    thickness = float(volume.spacing[voxel_axis])
    if thickness < SPARSE_RATIO * _step_along(grid, volume.grid.direction[:, voxel_axis]):
        return None

    def confidence(index: NDArray[np.float64]) -> NDArray[np.float64]:
        along = index[..., voxel_axis]
        nearest = np.clip(np.rint(along), 0, volume.shape[axis] - 1)
        fall = np.clip(1 - np.abs(along - nearest) / reach, 0, 1)
        return np.where(inside(index, volume.shape), floor + (1 - floor) * fall, 0)

    result = np.empty(grid.shape, dtype=np.float32)

    def fill(start: int, stop: int) -> None:
        affine = grid.affine.copy()
        affine[:3, 3] = grid.to_world((0, 0, start))
        points = Grid((stop - start, *grid.shape[1:]), affine).points()
        moved = points if transform is None else transform.apply(points)
        result[start:stop] = confidence(volume.grid.to_index(moved))

    in_threads(fill, slabs(grid.shape))
    return Volume(result, grid.affine, f"confidence of {volume.name}")


def _step_along(grid: Grid, direction: NDArray[np.float64]) -> float:
    """How far apart voxels of ``grid`` lie along a unit vector, mm."""
    return float((np.abs(direction @ grid.direction) * grid.spacing).max())
