"""What a slice is matched to: gray values around it in stack coordinates (u, v, w), mm."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, map_coordinates

from RegQCLib.geometry.foreground import body_mask
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.resample import coverage, resample
from RegQCLib.geometry.volume import Volume
from RegQCLib.qc.planes import gray_window
from RegQCLib.registration.slice_stack import GRAY_RANGE, Level, Stack
from RegQCLib.similarity.arrays import block_average

FloatArray = NDArray[np.float64]

MARGIN_MM = 12.0  # a reference is read this far beyond the stack: slices may have left it
FINEST_ACROSS_MM = 1.0
MOST_GAP_MM = 12.0  # without a trusted neighbor, beyond which a slice has nothing to be compared to


@dataclass(frozen=True)
class Target:
    """Gray values on a lattice along (u, v, w).

    array: (w, v, u) float32; one layer stands for all w. origin, spacing: (3,) mm (u, v, w).
    known: where the values mean something, (w, v, u).
    """

    array: NDArray[np.float32]
    origin: FloatArray
    spacing: FloatArray
    known: NDArray[np.bool_] | None = None

    @cached_property
    def slopes(self) -> list[NDArray[np.float32]]:
        """Derivatives along u, v and w, per mm; central differences."""
        result = []
        for axis, step in zip((2, 1, 0), self.spacing, strict=True):
            if self.array.shape[axis] == 1:
                result.append(np.zeros_like(self.array))
            else:
                result.append(np.gradient(self.array, np.float32(step), axis=axis))
        return result

    def indices(self, points: FloatArray) -> FloatArray:
        """(3, N) lattice places (w, v, u) of (N, 3) points in mm."""
        return ((points - self.origin) / self.spacing).T[::-1]

    def values(self, places: FloatArray) -> NDArray[np.float32]:
        """(N,) interpolated gray values at lattice places."""
        return _read(self.array, places)

    def derivatives(self, places: FloatArray) -> NDArray[np.float32]:
        """(3, N) derivatives along u, v and w at lattice places."""
        if self.array.shape[0] > 1:
            return np.stack([_read(slope, places) for slope in self.slopes])
        in_plane = [_read(slope, places) for slope in self.slopes[:2]]
        return np.stack([*in_plane, np.zeros_like(in_plane[0])])

    def inside(self, places: FloatArray) -> NDArray[np.bool_]:
        """(N,): which lattice places hold a known value."""
        result = np.ones(places.shape[1], dtype=np.bool_)
        for along, size in zip(places, self.array.shape, strict=True):
            if size > 1:
                result &= (along >= -0.5) & (along <= size - 0.5)
        if self.known is not None:
            upper = np.array(self.array.shape)[:, None] - 1
            k, j, i = np.clip(np.rint(places).astype(np.intp), 0, upper)
            result &= self.known[k, j, i]
        return result

    def plane(self, w_mm: float) -> Target:
        """The one layer at ``w_mm``, for slices that stay in it; beyond the ends, the last one."""
        place = float(np.clip((w_mm - self.origin[2]) / self.spacing[2], 0, len(self.array) - 1))
        low = int(place)
        high, share = min(low + 1, len(self.array) - 1), np.float32(place - low)
        layer = (1 - share) * self.array[low] + share * self.array[high]
        known = None if self.known is None else (self.known[low] & self.known[high])[None]
        return Target(layer[None], self.origin, self.spacing, known)


def _read(array: NDArray[np.float32], places: FloatArray) -> NDArray[np.float32]:
    if array.shape[0] == 1:
        array, places = array[0], places[1:]
    return map_coordinates(array, places, np.float32, order=1, mode="nearest", prefilter=False)


def reference_target(stack: Stack, reference: Volume, level: Level) -> Target:
    """A reference volume as the stack's slices would show it, 12 mm beyond the stack's ends.

    Read on the level's pixels and, across, averaged to the thickness of the slices where the
    reference is finer.
    """
    pixel = level.pixel_mm
    across = min(max(pixel, FINEST_ACROSS_MM), float(stack.spacing[2]))
    margin = int(np.ceil(MARGIN_MM / across))
    length = (stack.count - 1) * float(stack.spacing[2])
    layers = int(np.ceil(length / across)) + 1 + 2 * margin
    origin = np.array([0.0, 0.0, -margin * across])
    spacing = np.array([pixel, pixel, across])
    affine = stack.to_world.copy()
    affine[:3, 3] += stack.to_world[:3, :3] @ origin
    affine[:3, :3] *= spacing
    rows, columns = level.images.shape[1:]
    grid = Grid((layers, rows, columns), affine)
    low, high = gray_window(reference.array, body_mask(reference))
    source = block_average(reference, pixel)
    read = resample(source, grid, outside=low).array
    array = np.clip((read - low) / (high - low), *GRAY_RANGE).astype(np.float32)
    normal = stack.to_world[:3, 2]
    step = float(np.linalg.norm(source.spacing * (source.grid.direction.T @ normal)))
    # a box of thickness t has the variance t^2 / 12
    sigma = np.sqrt(max(float(stack.spacing[2]) ** 2 - step**2, 0.0) / 12) / across
    if sigma > 0.3:
        array = gaussian_filter1d(array, sigma, axis=0, mode="nearest")
    return Target(array, origin, spacing, coverage(source.grid, grid))


def neighbor_target(
    stack: Stack,
    level: Level,
    images: NDArray[np.float32],
    trusted: NDArray[np.bool_],
    number: int,
    *,
    reach: int = 0,
) -> Target | None:
    """The stack around slice ``number`` as its trusted neighbors show it, without that slice.

    images: (K, rows, columns) at the level, corrected where they had moved. trusted: (K,). reach:
    slices on either side. Between trusted slices values are interpolated linearly, beyond them the
    nearest one is taken. None where no trusted slice lies near.
    """
    usable = np.flatnonzero(trusted & (np.arange(stack.count) != number))
    step = float(stack.spacing[2])
    if usable.size == 0 or np.abs(usable - number).min() * step > MOST_GAP_MM + step:
        return None
    places = np.arange(max(number - reach, 0), min(number + reach, stack.count - 1) + 1)
    after = np.clip(np.searchsorted(usable, places), 0, usable.size - 1)
    before = np.clip(np.searchsorted(usable, places, side="right") - 1, 0, None)
    low, high = usable[before], usable[after]
    share = ((places - low) / np.maximum(high - low, 1)).clip(0, 1)
    share = share.astype(np.float32)[:, None, None]
    array = (1 - share) * images[low] + share * images[high]
    return Target(
        array,
        np.array([0.0, 0.0, places[0] * step]),
        np.array([level.pixel_mm, level.pixel_mm, step]),
    )
