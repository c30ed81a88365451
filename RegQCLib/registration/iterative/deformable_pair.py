"""The two images of a deformable registration: one frame around the body, at any resolution.

The frame has the fixed image's axes. Lengths are mm along its array axes (k, j, i); an axis of one
voxel (2-D pairs) is left out. The moving image is resampled into the frame once, by the initial
transform.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from RegQCLib.errors import InputError
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.resample import coverage, resample
from RegQCLib.geometry.transforms import Transform
from RegQCLib.geometry.volume import Volume
from RegQCLib.registration.confidence import leaves_gaps, slice_confidence
from RegQCLib.registration.iterative.affine_images import block_factors
from RegQCLib.registration.iterative.control_grid import Array, ControlGrid
from RegQCLib.registration.iterative.deformable_frame import (
    COARSEST,
    averaged,
    body_box,
    part_of,
    widened,
)
from RegQCLib.registration.iterative.deformable_level import Level, pooled

FEWEST = 6
"""Voxels that averaging leaves along an axis, where there are as many."""

BETWEEN_SLICES = 0.3
"""Weight of a voxel that was interpolated between two thick slices, against one on a slice."""

ROUNDING = 1.01  # a voxel of 1.005 mm still counts as one of 1 mm


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


def prepare(
    fixed: Volume,
    moving: Volume,
    init: Transform | None,
    *,
    finest_mm: float,
    fixed_weights: Volume | None,
    moving_weights: Volume | None,
    between_slices: float = BETWEEN_SLICES,
    reach: bool,
    device: torch.device,
) -> Pair:
    """Bring both images into one frame, with voxels averaged up to ``finest_mm`` where finer.

    between_slices: weight of moving voxels that are near no slice of a thick stack. reach: whether
    the moving image may go beyond the fixed field of view.
    """
    factors = block_factors(fixed.grid, finest_mm)
    base = averaged(fixed, factors)
    size = float(base.spacing[[n > 1 for n in base.shape[::-1]]].min())
    source = averaged(moving, block_factors(moving.grid, size))
    box, touched = body_box(base, source, init)
    frame = part_of(base.grid, [(low, high) for low, high in box])
    fixed_array = base.array[tuple(slice(low, high) for low, high in box)]
    wide, start = frame, (0, 0, 0)
    if reach and any(low or high for low, high in touched):
        wide, start = widened(frame, touched, source.grid, init)
    covered = coverage(source.grid, wide, init)
    if not covered.any():
        raise InputError(
            f"{fixed.name} and {moving.name} do not overlap; register them rigidly first, or give "
            "the transform that brings them together"
        )
    low = float(source.array.min())
    moving_array = resample(source, wide, init, outside=low).array
    known = moving_trust(source.grid, wide, init, covered, between_slices)
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


def moving_trust(
    moving: Grid,
    grid: Grid,
    init: Transform | None,
    covered: NDArray[np.bool_],
    between_slices: float,
) -> NDArray[np.float32] | None:
    """0 where nothing is known, ``between_slices`` far from the slices of a thick stack, 1 on them.

    covered: which voxels of ``grid`` the image reaches. None if all count alike.
    """
    if between_slices == 1 or not leaves_gaps(moving, grid):
        return None if covered.all() else covered.astype(np.float32)
    near = slice_confidence(moving, grid, init)
    weights: NDArray[np.float32] = covered * (between_slices + (1 - between_slices) * near)
    return weights


def _clipped(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.maximum(weights, 0)
