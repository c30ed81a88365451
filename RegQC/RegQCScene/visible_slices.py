"""Which slices of a volume the views show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import slicer
from numpy.typing import NDArray

from RegQCLib.geometry.grid import Grid
from RegQCScene.slice_views import sliceNodes


def shownSliceNodes() -> list[Any]:
    """Slice nodes of the views that the layout shows; of all where there is no layout."""
    nodes = sliceNodes()
    return [node for node in nodes if node.IsMappedInLayout()] or nodes


def visiblePoint(grid: Grid, nodes: Sequence[Any]) -> NDArray[np.float64]:
    """RAS mm where the slices of some views meet.

    Where they leave a direction open (one view, or parallel ones), the point nearest to the middle
    of the grid; where they contradict each other, the one nearest to all.
    """
    if not nodes:
        return grid.center
    matrices = [slicer.util.arrayFromVTKMatrix(node.GetSliceToRAS()) for node in nodes]
    normals = np.array([matrix[:3, 2] for matrix in matrices])
    offsets = np.array([matrix[:3, 2] @ matrix[:3, 3] for matrix in matrices])
    step, *_ = np.linalg.lstsq(normals, offsets - normals @ grid.center, rcond=1e-6)
    return grid.center + np.asarray(step, dtype=np.float64)


def visibleVoxel(grid: Grid, nodes: Sequence[Any]) -> tuple[int, int, int] | None:
    """Voxel (k, j, i) where the slices of some views meet; None outside the grid."""
    place = np.rint(grid.to_index(visiblePoint(grid, nodes)))[::-1].astype(int)
    if (place < 0).any() or (place >= grid.shape).any():
        return None
    k, j, i = place.tolist()
    return k, j, i
