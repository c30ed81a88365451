"""Slices for the networks: both volumes cut along one voxel axis onto square pixels.

A :class:`Frame` fixes the region (a box of whole voxels around the body) and the pixel size shared
by all three planes, so that what the planes say can be put together on one coarse lattice.
Positions in the frame are millimeters along the array axes (k, j, i) from the center of the box's
first voxel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from RegQCLib.geometry.grid import PLANE_NAMES, Grid

FloatArray = NDArray[np.float32]

MULTIPLE = 8  # sides of slices, for the networks
MATCH_EVERY_MM = 4.0  # distance of matched slices where slices are thin
PIXEL_BUDGET = 3.6e6  # in all matched slices together: keeps time and memory in bounds
FINEST_MM = 0.75
MARGIN_MM = 6.0
THICK_RATIO = 1.8  # spacing against the finest one that makes an axis the slice axis


@dataclass(frozen=True)
class Frame:
    """Region and pixel size in which slices are compared.

    start, stop: voxels (k, j, i) of the box, half open. spacing: mm along (k, j, i).
    pixel_mm: side of a pixel.
    """

    start: tuple[int, int, int]
    stop: tuple[int, int, int]
    spacing: tuple[float, float, float]
    pixel_mm: float

    @property
    def box(self) -> tuple[slice, slice, slice]:
        """Index of the region in a (k, j, i) array."""
        k, j, i = (slice(a, b) for a, b in zip(self.start, self.stop, strict=True))
        return k, j, i

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels of the region along (k, j, i)."""
        k, j, i = (b - a for a, b in zip(self.start, self.stop, strict=True))
        return k, j, i

    @property
    def extent_mm(self) -> NDArray[np.float64]:
        """Length of the region along (k, j, i)."""
        return np.array(self.shape) * np.array(self.spacing)

    def pixels(self, axis: int) -> int:
        """Pixels along an array axis, a multiple of 8 that covers the region."""
        length = (self.shape[axis] - 1) * self.spacing[axis] / self.pixel_mm + 1
        return max(MULTIPLE, int(-(-length // MULTIPLE)) * MULTIPLE)

    def weights(self, axis: int) -> FloatArray:
        """(pixels, voxels) matrix that interpolates along an array axis.

        Linear; a triangle as wide as a pixel where pixels are larger than voxels, so that fine
        detail is averaged instead of aliased. Pixels beyond the region take its border.
        """
        ratio = self.pixel_mm / self.spacing[axis]
        voxels = self.shape[axis]
        place = np.minimum(np.arange(self.pixels(axis)) * ratio, voxels - 1)
        distance = np.abs(place[:, None] - np.arange(voxels)) / max(ratio, 1.0)
        weight = np.clip(1 - distance, 0, None)
        return (weight / weight.sum(axis=1, keepdims=True)).astype(np.float32)


def frame_around(body: NDArray[np.bool_], grid: Grid, *, pixel_mm: float | None = None) -> Frame:
    """The frame around a body mask (k, j, i) with a margin of 6 mm.

    Without ``pixel_mm``, pixels are as fine as the budget of all matched slices allows, but not
    finer than 0.75 mm or three quarters of the finest voxel.
    """
    spacing = tuple(float(s) for s in grid.spacing[::-1])
    start, stop = [], []
    for axis in range(3):
        others = tuple(a for a in range(3) if a != axis)
        used = np.flatnonzero(body.any(axis=others))
        margin = int(np.ceil(MARGIN_MM / spacing[axis]))
        start.append(max(0, int(used[0]) - margin))
        stop.append(min(body.shape[axis], int(used[-1]) + 1 + margin))
    if pixel_mm is None:
        volume = np.prod([(b - a) * s for a, b, s in zip(start, stop, spacing, strict=True)])
        affordable = float(np.sqrt(3 * volume / (max(MATCH_EVERY_MM, *spacing) * PIXEL_BUDGET)))
        pixel_mm = max(affordable, FINEST_MM, 0.75 * min(spacing))
    return Frame(
        (start[0], start[1], start[2]),
        (stop[0], stop[1], stop[2]),
        (spacing[0], spacing[1], spacing[2]),
        float(pixel_mm),
    )


def slice_images(
    fixed: FloatArray, moved: FloatArray, frame: Frame, axis: int, indices: NDArray[np.intp]
) -> FloatArray:
    """Slices ``indices`` (of the region) across an array axis: (N, 2, rows, columns).

    fixed, moved: the region's voxels, (k, j, i), already in [0, 1].
    """
    row_axis, column_axis = in_plane_axes(axis)
    rows, columns = frame.weights(row_axis), frame.weights(column_axis).T
    result = np.empty((len(indices), 2, rows.shape[0], columns.shape[1]), dtype=np.float32)
    for channel, array in enumerate((fixed, moved)):
        # contiguous, or the products would run without BLAS
        stack = np.ascontiguousarray(np.moveaxis(array, axis, 0)[indices])
        np.matmul(np.matmul(rows, stack), columns, out=result[:, channel])
    return result


def in_plane_axes(axis: int) -> tuple[int, int]:
    """Array axes that are rows and columns of slices across ``axis``."""
    return ((1, 2), (0, 2), (0, 1))[axis]


def acquisition_axis(grid: Grid) -> int | None:
    """Array axis along which slices were acquired, or None when voxels are about isotropic."""
    k, j, i = (float(s) for s in grid.spacing[::-1])
    return stack_axis((k, j, i))


def stack_axis(spacing: tuple[float, float, float]) -> int | None:
    """The axis of ``spacing`` (mm along k, j, i) that is clearly coarser than both others."""
    order = np.argsort(spacing)
    if spacing[order[2]] < THICK_RATIO * spacing[order[1]]:
        return None
    return int(order[2])


def plane_name(grid: Grid, axis: int) -> str:
    """What slices across an array axis are called: "sagittal", "coronal" or "axial"."""
    return PLANE_NAMES[grid.world_axes[2 - axis]]


def gray_window(array: NDArray[np.generic], body: NDArray[np.bool_]) -> tuple[float, float]:
    """Black and white points of an image: robust percentiles inside the body, with some room below.

    The room keeps dark tissue apart from air, also in skull-stripped images and CT.
    """
    sample = np.asarray(array[body], dtype=np.float32)
    step = max(1, sample.size // 200_000)
    low, high = np.percentile(sample[::step], (1.0, 99.5))
    if not high > low:
        high = low + 1.0
    return float(low - 0.1 * (high - low)), float(high)


def windowed(array: NDArray[np.generic], window: tuple[float, float]) -> FloatArray:
    """Map gray values to [0, 1] between black and white point."""
    low, high = window
    scaled = (np.asarray(array, dtype=np.float32) - np.float32(low)) / np.float32(high - low)
    return np.clip(scaled, 0, 1, out=scaled)
