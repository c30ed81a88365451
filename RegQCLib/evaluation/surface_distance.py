"""Distances between the surfaces of two masks, in mm.

A surface is the voxels of a mask with a neighbor (6) outside it; beyond the array is outside.
Distances run between voxel centers and every surface voxel counts alike, whatever its area: so do
ITK, MONAI and most published figures. Learn2Reg weights by area, see `learn2reg_hausdorff`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import binary_erosion, distance_transform_edt

BoolArray = NDArray[np.bool_]


class SurfaceDistances(NamedTuple):
    """From every surface voxel to the nearest one of the other mask, mm.

    forward: (N,) from the first mask to the second. backward: (M,) from the second to the first.
    """

    forward: NDArray[np.float64]
    backward: NDArray[np.float64]

    def average(self) -> float:
        """Average symmetric surface distance (ASSD), mm: the mean over the voxels of both.

        The same as the mean distance to agreement of contours in AAPM TG-132.
        """
        return float(np.concatenate(self).mean())

    def hausdorff(self, percent: float = 95.0) -> float:
        """Return the larger of the two ``percent`` percentiles, mm; 100 is the Hausdorff distance.

        HD95 of Maier-Hein et al., "Metrics reloaded" (Nature Methods 21, 2024). The percentile of
        both directions pooled, which some programs call by the same name, lies between the two.
        """
        return float(max(np.percentile(one, percent) for one in self))


def surface_distances(a: BoolArray, b: BoolArray, spacing: ArrayLike) -> SurfaceDistances | None:
    """Measure between the surfaces of two masks; None if one is empty.

    a, b: (D, H, W). spacing: mm along the array's axes (k, j, i).
    """
    if not a.any() or not b.any():
        return None
    size = np.asarray(spacing, dtype=np.float64)
    edge_a, edge_b = _surface(a), _surface(b)
    return SurfaceDistances(
        forward=distance_transform_edt(~edge_b, sampling=size)[edge_a],
        backward=distance_transform_edt(~edge_a, sampling=size)[edge_b],
    )


def _surface(mask: BoolArray) -> BoolArray:
    surface: BoolArray = mask & ~binary_erosion(mask)
    return surface
