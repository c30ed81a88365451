"""Slices as radiologists look at them, whatever the order and direction of the voxel axes.

Axial: patient right on the left, anterior on top. Coronal: right on the left, superior on top.
Sagittal: anterior on the left, superior on top. So R, A and S always decrease to the right and
downward. Oblique grids are shown along their own axes and named by the closest world axis.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from RegQCLib.geometry.grid import PLANE_NAMES, Grid

FloatArray = NDArray[np.float32]

POSITIVE, NEGATIVE = "RAS", "LPI"
DOWN_AND_RIGHT = {"sagittal": (2, 1), "coronal": (2, 0), "axial": (1, 0)}
"""World axes (0 R, 1 A, 2 S) that decrease down the rows and along the columns."""


@dataclass(frozen=True)
class PlaneView:
    """How slices of one plane of a grid are cut and turned.

    axis: array axis the slices are stacked along; rows, columns: array axes of the picture.
    flips: whether rows and columns run against their array axes. pixel_mm: (height, width) of a
    voxel in the picture. letters: left, right, top, bottom.
    """

    plane: str
    axis: int
    rows: int
    columns: int
    flips: tuple[bool, bool]
    pixel_mm: tuple[float, float]
    letters: tuple[str, str, str, str]

    def cut(self, array: NDArray[Any], index: int) -> NDArray[Any]:
        """Slice ``index`` of a (D, H, W) array as a picture (rows, columns)."""
        picture = np.moveaxis(array, self.axis, 0)[index]
        if self.rows > self.columns:
            picture = picture.T
        return picture[self._steps()]

    def box(self, box: tuple[slice, slice, slice]) -> tuple[slice, slice, slice]:
        """Return ``box`` (k, j, i) open along the stacking axis, so that slice indices stay."""
        whole = list(box)
        whole[self.axis] = slice(None)
        return whole[0], whole[1], whole[2]

    def in_plane(self, vectors: NDArray[Any], grid: Grid) -> tuple[NDArray[Any], NDArray[Any]]:
        """RAS vectors (3, rows, columns) as mm (down, right) in the picture."""
        down, right = (
            (-1 if flip else 1) * grid.direction[:, 2 - axis]
            for axis, flip in zip((self.rows, self.columns), self.flips, strict=True)
        )
        return np.tensordot(down, vectors, axes=1), np.tensordot(right, vectors, axes=1)

    def _steps(self) -> tuple[slice, slice]:
        rows, columns = (slice(None, None, -1 if flip else 1) for flip in self.flips)
        return rows, columns


def plane_view(grid: Grid, plane: str) -> PlaneView:
    """Return how to look at ``plane`` ("sagittal", "coronal" or "axial") of a grid."""
    down, right = DOWN_AND_RIGHT[plane]
    axes = [2 - grid.world_axes.index(world) for world in (down, right)]
    rising = [grid.direction[w, 2 - a] > 0 for w, a in zip((down, right), axes, strict=True)]
    spacing = grid.spacing[::-1]
    return PlaneView(
        plane=plane,
        axis=grid.array_axis(plane),
        rows=axes[0],
        columns=axes[1],
        flips=(bool(rising[0]), bool(rising[1])),
        pixel_mm=(float(spacing[axes[0]]), float(spacing[axes[1]])),
        letters=(POSITIVE[right], NEGATIVE[right], POSITIVE[down], NEGATIVE[down]),
    )


def square_pixels(picture: NDArray[Any], pixel_mm: tuple[float, float], *, most: int) -> FloatArray:
    """Resample a picture to square pixels of the finer side, at most ``most`` along a side.

    Linear; where pixels become larger than voxels, they average.
    """
    image = np.asarray(picture, dtype=np.float32)
    extent = np.array(image.shape) * pixel_mm
    size = max(min(pixel_mm), float(extent.max()) / most)
    wanted = np.maximum(1, np.rint(extent / size)).astype(int)
    shrink = np.array(image.shape) / wanted
    if (shrink > 1).any():
        image = ndimage.gaussian_filter(image, np.where(shrink > 1, 0.4 * shrink, 0))
    zoom = wanted / np.array(image.shape)
    result = ndimage.zoom(image, zoom, order=1, mode="nearest", grid_mode=True)
    return np.asarray(result, dtype=np.float32)


def position_text(plane: str, position_mm: float) -> str:
    """Return a position as radiologists say it: ``L 23.5 mm`` is 23.5 mm to the patient's left."""
    world = PLANE_NAMES.index(plane)
    letter = (POSITIVE if position_mm >= 0 else NEGATIVE)[world]
    return f"{letter} {abs(position_mm):.1f} mm"
