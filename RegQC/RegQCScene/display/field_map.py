"""How far, and how evenly, a transform moves the fixed volume: maps on a voxel grid, in steps.

Nothing here touches the scene, and every step is short: the user's interface stays alive.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from RegQCLib.geometry.fields import DisplacementField
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.jacobian import jacobian_determinant
from RegQCLib.geometry.transforms import Transform

STEP_VOXELS = 2**16
MAX_VOXELS = 2**24
"""Maps of larger volumes leave out voxels: 64 MB are enough to look at."""


class MapKind(Enum):
    """What a map shows: volume change det(I + du/dx), or length of the displacement in mm."""

    JACOBIAN = "jacobian"
    MAGNITUDE = "magnitude"


@dataclass(frozen=True)
class FieldMap:
    """A map, (D, H, W) float32, and its grid.

    kind: 1 keeps, below 1 shrinks and 0 or less folds for the Jacobian determinant; mm for the
    length of the displacement.
    """

    kind: MapKind
    values: NDArray[np.float32]
    grid: Grid

    @property
    def foldedVoxels(self) -> int:
        """How many voxels fold; meaningful for the Jacobian determinant alone."""
        return int(np.count_nonzero(self.values <= 0))


def mapGrid(transform: Transform, fixed: Grid) -> Grid:
    """Return where to compute: the field's own voxels, where folds are sharpest, or the fixed ones.

    Every second, third, ... voxel where there are too many.
    """
    grid = transform.grid if isinstance(transform, DisplacementField) else fixed
    step = int(np.ceil((np.prod(grid.shape, dtype=float) / MAX_VOXELS) ** (1 / 3)))
    if step == 1:
        return grid
    affine = grid.affine.copy()
    affine[:3, :3] *= step
    depth, height, width = (-(-n // step) for n in grid.shape)
    return Grid((depth, height, width), affine)


def fieldMapSteps(
    transform: Transform, grid: Grid, kind: MapKind
) -> Generator[float, None, FieldMap]:
    """Compute a map on ``grid``; yields the fraction done.

    transform: fixed to moving points, RAS mm.
    """
    depth, height, width = grid.shape
    values = np.empty(grid.shape, dtype=np.float32)
    thickness = max(1, STEP_VOXELS // (height * width))
    for start in range(0, depth, thickness):
        stop = min(start + thickness, depth)
        # one slice more on either side, for central differences
        low, high = max(start - 1, 0), min(stop + 1, depth)
        slab = _displacement(transform, _layers(grid, low, high))
        if kind is MapKind.JACOBIAN:
            part = jacobian_determinant(slab)
        else:
            part = np.linalg.norm(slab.array, axis=0)
        values[start:stop] = part[start - low : stop - low]
        yield stop / depth
    return FieldMap(kind, values, grid)


def _layers(grid: Grid, low: int, high: int) -> Grid:
    affine = grid.affine.copy()
    affine[:3, 3] = grid.to_world((0, 0, low))
    return Grid((high - low, *grid.shape[1:]), affine)


def _displacement(transform: Transform, grid: Grid) -> DisplacementField:
    points = grid.points()
    vectors = transform.apply(points) - points
    return DisplacementField(np.moveaxis(vectors, -1, 0), grid.affine)
