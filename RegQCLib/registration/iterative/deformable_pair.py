"""The two images of a deformable registration: one frame around the body, at any resolution.

The frame has the fixed image's axes. Lengths are mm along its array axes (k, j, i); an axis of one
voxel (2-D pairs) is left out. The moving image is resampled into the frame once, by the initial
transform, and its part of the frame may reach further, so that points can move out of the fixed
field of view.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from RegQCLib.errors import InputError
from RegQCLib.geometry.foreground import body_mask
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.resample import coverage, resample
from RegQCLib.geometry.transforms import Transform
from RegQCLib.geometry.volume import Volume
from RegQCLib.geometry.warp_torch import warp
from RegQCLib.registration.iterative.affine_images import block_factors, block_means, blocks_grid
from RegQCLib.registration.iterative.control_grid import Array, ControlGrid

MARGIN_MM = 4.0
"""Kept around the body."""

REACH_MM = 16.0
"""How much further the moving image goes where the body touches the border of the fixed one."""

BODY_MM = 4.0
COARSEST = 8
"""Largest number of voxels, along an axis, that are averaged to one."""

FEWEST = 6
"""Voxels that averaging leaves along an axis, where there are as many."""

ROUNDING = 1.01  # a voxel of 1.005 mm still counts as one of 1 mm

MIN_COVERED = 0.5
"""Below this share of known voxels, a further reach is not worth it."""


@dataclass(frozen=True, eq=False)
class Level:
    """Both images on voxels of one size.

    fixed: (1, 1, *n); moving: (1, 1, *m), of which the fixed frame is a part that begins at voxel
    ``start``. Weights: confidence, of the same shapes, or None for 1 everywhere. spacing: mm.
    offset: mm from the first voxel of the frame to the first one here.
    """

    fixed: Tensor
    moving: Tensor
    fixed_weights: Tensor | None
    moving_weights: Tensor | None
    spacing: tuple[float, ...]
    offset: tuple[float, ...]
    start: tuple[int, ...]

    @cached_property
    def positions(self) -> list[Array]:
        """Mm from the first voxel of the frame to the voxels here, axis by axis."""
        return [
            first + step * np.arange(count)
            for first, step, count in zip(
                self.offset, self.spacing, self.fixed.shape[2:], strict=True
            )
        ]

    @property
    def cell(self) -> float:
        """Size of a voxel: mm^3, or mm^2 in 2-D."""
        return float(np.prod(self.spacing))

    def moved(self, values: Tensor, displacement: Tensor) -> Tensor:
        """Sample (1, C, *m) values at x + u(x), (1, C, *n). displacement: (axes, *n), mm."""
        line = (-1, *[1] * (displacement.ndim - 1))
        steps = displacement.new_tensor(self.spacing).view(line)
        start = displacement.new_tensor(self.start).view(line)
        return warp(values, (displacement / steps + start)[None])

    def swapped(self) -> Level:
        """The same with fixed and moving exchanged; both must fill the same frame."""
        return Level(
            self.moving,
            self.fixed,
            self.moving_weights,
            self.fixed_weights,
            self.spacing,
            self.offset,
            self.start,
        )

    def weights(self, displacement: Tensor) -> Tensor | None:
        """Confidence of both images together, (1, 1, *n), or None for 1 everywhere."""
        if self.moving_weights is None:
            return self.fixed_weights
        moved = self.moved(self.moving_weights, displacement)
        return moved if self.fixed_weights is None else moved * self.fixed_weights


@dataclass(frozen=True, eq=False)
class Pair:
    """Both images in the frame; see the module and `Level`.

    grid: the fixed frame, 3-D; moving_grid: with its further reach. axes: array axes of the grid
    with more than one voxel.
    """

    grid: Grid
    moving_grid: Grid
    axes: tuple[int, ...]
    whole: Level

    @property
    def extent(self) -> tuple[float, ...]:
        """Length in mm from the first to the last voxel, axis by axis."""
        counts = self.whole.fixed.shape[2:]
        return tuple((n - 1) * step for n, step in zip(counts, self.whole.spacing, strict=True))

    @property
    def voxel_mm(self) -> float:
        """Shortest side of a voxel."""
        return min(self.whole.spacing)

    def factors(self, factor: int) -> tuple[int, ...]:
        """Voxels along each axis that make voxels of ``factor`` times the shortest side.

        Powers of two; `FEWEST` voxels remain where there are as many.
        """
        result = []
        for step, count in zip(self.whole.spacing, self.whole.fixed.shape[2:], strict=True):
            most = min(factor * self.voxel_mm / step * ROUNDING, count / FEWEST, COARSEST)
            result.append(2 ** int(np.log2(max(1.0, most))))
        return tuple(result)

    def level(self, factor: int) -> Level:
        """Average blocks of voxels; those that are thick already stay."""
        factors = self.factors(factor)
        whole = self.whole
        fixed, fixed_weights = pooled(whole.fixed, whole.fixed_weights, factors)
        moving, moving_weights = pooled(whole.moving, whole.moving_weights, factors)
        each = list(zip(whole.spacing, factors, whole.start, strict=True))
        return Level(
            fixed,
            moving,
            fixed_weights,
            moving_weights,
            spacing=tuple(step * f for step, f, _ in each),
            offset=tuple(step * (f - 1) / 2 for step, f, _ in each),
            start=tuple(first // f for _, f, first in each),
        )

    def nodes(self, control: ControlGrid) -> Grid:
        """Where the inner points of a control grid lie."""
        affine = self.grid.affine.copy()
        shape = [1, 1, 1]
        for axis, step, inner in zip(self.axes, control.spacing, control.inner, strict=True):
            affine[:3, 2 - axis] = self.grid.direction[:, 2 - axis] * step
            shape[axis] = len(inner)
        return Grid((shape[0], shape[1], shape[2]), affine)

    def on_nodes(self, volume: Volume, control: ControlGrid) -> Tensor:
        """Values of a map at the inner control points; beyond its border, of its edge."""
        index = volume.grid.to_index(self.nodes(control).points())
        places = np.moveaxis(index[..., ::-1], -1, 0)
        values = ndimage.map_coordinates(
            volume.array, places, np.float32, order=1, mode="nearest"
        ).reshape([len(inner) for inner in control.inner])
        return torch.as_tensor(values, device=self.whole.fixed.device)

    def to_frame(self, points: Array) -> Array:
        """Map (N, 3) RAS mm points to mm in the frame, (N, axes)."""
        columns = [2 - axis for axis in self.axes]
        return self.grid.to_index(points)[:, columns] * np.array(self.whole.spacing)


def pooled(
    values: Tensor, weights: Tensor | None, factors: tuple[int, ...]
) -> tuple[Tensor, Tensor | None]:
    """Mean over blocks, by the weights where they are given; and the mean weights."""
    if max(factors) == 1:
        return values, weights
    pool = functional.avg_pool3d if len(factors) == 3 else functional.avg_pool2d
    if weights is None:
        return pool(values, factors), None
    total = pool(weights, factors)
    return pool(values * weights, factors) / total.where(total > 0, 1), total


def prepare(
    fixed: Volume,
    moving: Volume,
    init: Transform | None,
    *,
    finest_mm: float,
    fixed_weights: Volume | None,
    moving_weights: Volume | None,
    reach: bool,
    device: torch.device,
) -> Pair:
    """Bring both images into one frame, with voxels averaged up to ``finest_mm`` where finer.

    reach: whether the moving image may go beyond the fixed field of view.
    """
    factors = block_factors(fixed.grid, finest_mm)
    base = _blocks(fixed, factors)
    size = float(base.spacing[[n > 1 for n in base.shape[::-1]]].min())
    source = _blocks(moving, block_factors(moving.grid, size))
    box, touched = _body_box(base, source, init)
    frame = _part(base.grid, [(low, high) for low, high in box])
    fixed_array = base.array[tuple(slice(low, high) for low, high in box)]
    wide, start = frame, (0, 0, 0)
    if reach and any(low or high for low, high in touched):
        wide, start = _widened(frame, touched, source.grid, init)
    covered = coverage(source.grid, wide, init)
    if not covered.any():
        raise InputError(
            f"{fixed.name} and {moving.name} do not overlap; register them rigidly first, or give "
            "the transform that brings them together"
        )
    low = float(source.array.min())
    moving_array = resample(source, wide, init, outside=low).array
    known = None if covered.all() else covered.astype(np.float32)
    if moving_weights is not None:
        trusted = _clipped(resample(moving_weights, wide, init).array)
        known = trusted if known is None else known * trusted
    trust = None
    if fixed_weights is not None:
        trust = _clipped(resample(fixed_weights, frame).array)
    axes = tuple(axis for axis in range(3) if frame.shape[axis] > 1)

    def tensor(array: NDArray[np.float32], *, scaled: bool = False) -> Tensor:
        shape = [n for axis, n in enumerate(array.shape) if axis in axes]
        flat = torch.as_tensor(np.ascontiguousarray(array), device=device).reshape(1, 1, *shape)
        if not scaled:
            return flat
        spread = float(flat.std())
        return (flat - flat.mean()) / (spread if spread > 0 else 1.0)

    steps = frame.spacing[::-1]
    whole = Level(
        tensor(fixed_array, scaled=True),
        tensor(moving_array, scaled=True),
        None if trust is None else tensor(trust),
        None if known is None else tensor(known),
        spacing=tuple(float(steps[axis]) for axis in axes),
        offset=(0.0,) * len(axes),
        start=tuple(start[axis] for axis in axes),
    )
    return Pair(frame, wide, axes, whole)


def _blocks(volume: Volume, factors: tuple[int, int, int]) -> Volume:
    grid = blocks_grid(volume.grid, factors)
    return Volume(block_means(volume.array, factors), grid.affine, volume.name)


def _clipped(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.maximum(weights, 0)


def _body_box(
    fixed: Volume, moving: Volume, init: Transform | None
) -> tuple[list[tuple[int, int]], list[tuple[bool, bool]]]:
    """Voxels (low, high) of each axis around both bodies, and at which ends a body is cut off."""
    factors = block_factors(fixed.grid, BODY_MM)
    small = _blocks(fixed, factors)
    other = _blocks(moving, block_factors(moving.grid, BODY_MM))
    mask = body_mask(small)
    mask = mask | body_mask(resample(other, small.grid, init, outside=float(other.array.min())))
    if not mask.any():
        mask[:] = True
    box, touched = [], []
    for axis, factor in enumerate(factors):
        used = np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))
        margin = int(np.ceil(MARGIN_MM / fixed.spacing[2 - axis]))
        count = fixed.shape[axis]
        low, high = used[0] * factor - margin, (used[-1] + 1) * factor + margin
        whole = count == 1 or high - low < 4
        box.append((0, count) if whole else (max(low, 0), min(high, count)))
        ends = (used[0] == 0, used[-1] + 1 == mask.shape[axis])
        touched.append((False, False) if count == 1 else (bool(ends[0]), bool(ends[1])))
    return box, touched


def _part(grid: Grid, box: list[tuple[int, int]]) -> Grid:
    """Grid of the voxels (low, high) along each axis, which may lie beyond the border."""
    affine = grid.affine.copy()
    affine[:3, 3] = grid.to_world([low for low, _ in reversed(box)])
    k, j, i = (high - low for low, high in box)
    return Grid((k, j, i), affine)


def _widened(
    frame: Grid, touched: list[tuple[bool, bool]], moving: Grid, init: Transform | None
) -> tuple[Grid, tuple[int, int, int]]:
    """The frame with a further reach where the moving image shows something there."""
    box = [(0, n) for n in frame.shape]
    for axis, ends in enumerate(touched):
        # A multiple of what is averaged later on, so that levels stay in step.
        steps = COARSEST * int(np.ceil(REACH_MM / frame.spacing[2 - axis] / COARSEST))
        for end, cut in enumerate(ends):
            count = frame.shape[axis]
            slab = (-steps, 0) if end == 0 else (count, count + steps)
            beyond = [slab if a == axis else (0, n) for a, n in enumerate(frame.shape)]
            if cut and coverage(moving, _part(frame, beyond), init).mean() > MIN_COVERED:
                low, high = box[axis]
                box[axis] = (slab[0], high) if end == 0 else (low, slab[1])
    k, j, i = (-low for low, _ in box)
    return _part(frame, box), (k, j, i)
