"""Which voxels of a resampled image come from acquired slices, and which lie between them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.sampling import inside
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
    points = grid.points()
    if transform is not None:
        points = transform.apply(points)
    index = image.to_index(points)
    known = inside(index, image.shape)
    axis = int(np.argmax(image.spacing))
    step = float(grid.spacing.min())
    if image.spacing[axis] < THICK * step or image.shape[2 - axis] == 1:
        return np.asarray(known, dtype=np.float32)
    along = index[..., axis]
    nearest = np.clip(np.rint(along), 0, image.shape[2 - axis] - 1)
    distance = np.abs(along - nearest) * image.spacing[axis]
    return np.asarray(known * np.clip(1 - distance / step, 0, 1), dtype=np.float32)
