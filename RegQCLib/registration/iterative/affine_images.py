"""An image of a registration at any resolution, and points of it to compare.

Resolutions are made by averaging whole blocks of voxels, which removes what coarser voxels cannot
show (anti-aliasing); voxels that are thicker than a block stay as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from RegQCLib.geometry.foreground import body_mask
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.volume import Volume

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

THICK_RATIO = 1.5
"""Between voxels that are longer than the shortest side by this factor nothing is interpolated."""

RANGE_PERCENTILES = (0.5, 99.5)
ENOUGH = 65536  # values from which percentiles are taken
SHARPENING = (-1 / 12, 7 / 6, -1 / 12)
ROUNDING = 1.01  # a voxel of 1.005 mm still counts as one of 1 mm


@dataclass(frozen=True, eq=False)
class Level:
    """An image on coarser voxels.

    array: (D, H, W) float32. body: (D, H, W), what shows the patient. seen: (D, H, W), where the
    image may be compared, or None for everywhere.
    """

    array: NDArray[np.float32]
    grid: Grid
    body: Mask
    seen: Mask | None


@dataclass(frozen=True, eq=False)
class Picture:
    """An image and where it may be compared: ``mask`` (D, H, W), or None for everywhere."""

    volume: Volume
    mask: Mask | None = None

    @cached_property
    def body(self) -> Mask:
        """Voxels of the patient inside the mask, (D, H, W); all of the mask if there are none."""
        body = body_mask(self.volume)
        if self.mask is None:
            return body
        return body & self.mask if (body & self.mask).any() else self.mask

    def level(self, size_mm: float) -> Level:
        """Average over blocks of at most ``size_mm``, one voxel at least."""
        factors = block_factors(self.volume.grid, size_mm)
        grid = blocks_grid(self.volume.grid, factors)
        return Level(
            sharpened(block_means(self.volume.array, factors), grid),
            grid,
            block_means(self.body, factors) >= 0.5,
            None if self.mask is None else block_means(self.mask, factors) >= 0.5,
        )


@dataclass(frozen=True, eq=False)
class Region:
    """Where points are drawn: blocks of voxels (D, H, W) of a grid, at least one of them set."""

    blocks: Mask
    grid: Grid

    @classmethod
    def around(cls, picture: Picture, size_mm: float, margin_mm: float) -> Region:
        """The body and what lies around it, where its outline shows; with a mask, only the mask."""
        level = picture.level(size_mm)
        blocks = level.body
        if level.seen is None:
            for axis, step in enumerate(level.grid.spacing[::-1]):
                reach = int(margin_mm / step + 0.5)
                blocks = ndimage.maximum_filter1d(blocks, 2 * reach + 1, axis=axis, mode="constant")
        elif (blocks & level.seen).any():
            blocks = blocks & level.seen
        return cls(blocks if blocks.any() else np.ones_like(blocks), level.grid)

    def points(self, count: int, rng: np.random.Generator) -> Array:
        """Draw ``count`` places, (count, 3) RAS mm, spread evenly over the blocks, in raster order.

        Off the voxels' centers, so that interpolation blurs both images alike: else the measure
        has false optima wherever voxels of both images meet.
        """
        numbers = np.flatnonzero(self.blocks)
        order = (np.arange(count) + rng.random(count)) * (len(numbers) / count)
        chosen = numbers[np.minimum(order.astype(np.intp), len(numbers) - 1)]
        k, j, i = np.unravel_index(chosen, self.blocks.shape)
        return self.grid.to_world(np.stack([i, j, k], -1) + rng.random((count, 3)) - 0.5)


def samples(level: Level, points: ArrayLike) -> tuple[Array, Array]:
    """Values (N,) of an image near (N, 3) RAS mm points, and where they were taken, (N, 3).

    Points move onto the nearest slice of a stack of thick slices, and onto the image.
    """
    index = level.grid.to_index(points)
    spacing = level.grid.spacing
    thick = spacing > THICK_RATIO * spacing.min()
    index[:, thick] = np.rint(index[:, thick])
    index = np.clip(index, 0, np.array(level.array.shape[::-1]) - 1)
    values = ndimage.map_coordinates(level.array, index.T[::-1], np.float64, order=1)
    return values, level.grid.to_world(index)


def intensity_range(values: NDArray[Any]) -> tuple[float, float]:
    """Lowest and highest intensity that matter; they differ unless the values are all the same."""
    step = max(1, values.size // ENOUGH)
    low, high = np.percentile(values.ravel()[::step], RANGE_PERCENTILES).tolist()
    if low < high:
        return low, high
    return float(values.min()), float(values.max())


def sharpened(array: NDArray[np.float32], grid: Grid) -> NDArray[np.float32]:
    """Undo on average what linear interpolation will blur, along all but the thick axes.

    At a random place between two voxels it has a variance of 1/6 of a squared voxel, which this
    filter has with the opposite sign. Blur is not harmless: it shifts edges, and where a thin layer
    looks different in two contrasts it shifts them differently.
    """
    for axis, step in enumerate(grid.spacing[::-1]):
        if array.shape[axis] > 1 and step <= THICK_RATIO * grid.spacing.min():
            array = ndimage.correlate1d(array, SHARPENING, axis, mode="nearest")
    return array


def block_factors(grid: Grid, size_mm: float) -> tuple[int, int, int]:
    """Voxels along (k, j, i) that make up a block of at most ``size_mm``, one at least."""
    factors = np.floor(size_mm / grid.spacing[::-1] * ROUNDING).astype(int)
    k, j, i = np.clip(factors, 1, grid.shape).tolist()
    return k, j, i


def blocks_grid(grid: Grid, factors: tuple[int, int, int]) -> Grid:
    """Grid of the whole blocks of (k, j, i) voxels."""
    affine = grid.affine.copy()
    steps = np.array(factors[::-1])
    affine[:3, 3] = grid.to_world((steps - 1) / 2)
    affine[:3, :3] *= steps
    k, j, i = (n // f for n, f in zip(grid.shape, factors, strict=True))
    return Grid((k, j, i), affine)


def block_means(array: NDArray[Any], factors: tuple[int, int, int]) -> NDArray[np.float32]:
    """Mean of every whole block of (k, j, i) voxels, float32."""
    for axis, factor in enumerate(factors):
        if factor > 1:
            count = array.shape[axis] // factor
            kept = array[(slice(None),) * axis + (slice(count * factor),)]
            shape = (*array.shape[:axis], count, factor, *array.shape[axis + 1 :])
            array = kept.reshape(shape).mean(axis + 1, dtype=np.float32)
    return np.ascontiguousarray(array, dtype=np.float32)
