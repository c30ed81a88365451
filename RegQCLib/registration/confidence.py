"""Which voxels of a resampled image come from acquired slices, and which lie between them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.sampling import in_threads, inside, slab_of, slabs
from RegQCLib.geometry.transforms import Transform

THICK = 1.5
"""Slices further apart than this many voxels of the new grid leave voxels that are guesses."""


def slice_confidence(
    image: Grid, grid: Grid, transform: Transform | None = None
) -> NDArray[np.float32]:
    """Confidence in the voxels of ``grid`` that were filled from ``image``, (D, H, W), 0 to 1.

    1 on an acquired slice, falling to 0 at the distance of one voxel of ``grid``, as the linear
    interpolation of a mask of the slices does (SparseVM, Lewis et al. 2018, section 2.1); 0 outside
    the image. transform: from points of ``grid`` to points of ``image``.
    """
    axis = int(np.argmax(image.spacing))
    step = voxel_along(grid, image.direction[:, axis])
    sparse = leaves_gaps(image, grid)
    result = np.empty(grid.shape, dtype=np.float32)

    def fill(start: int, stop: int) -> None:
        points = slab_of(grid, start, stop).points()
        index = image.to_index(points if transform is None else transform.apply(points))
        known = inside(index, image.shape)
        if sparse:
            along = index[..., axis]
            nearest = np.clip(np.rint(along), 0, image.shape[2 - axis] - 1)
            distance = np.abs(along - nearest) * image.spacing[axis]
            known = known * np.clip(1 - distance / step, 0, 1)
        result[start:stop] = known

    in_threads(fill, slabs(grid.shape))
    return result


def leaves_gaps(image: Grid, grid: Grid) -> bool:
    """Whether slices of ``image`` are so thick that voxels of ``grid`` lie between them."""
    axis = int(np.argmax(image.spacing))
    step = voxel_along(grid, image.direction[:, axis])
    return image.shape[2 - axis] > 1 and bool(image.spacing[axis] >= THICK * step)


def voxel_along(grid: Grid, direction: NDArray[np.float64]) -> float:
    """How far a voxel reaches along a unit vector, mm."""
    return float((np.abs(direction @ grid.direction) * grid.spacing).sum())
