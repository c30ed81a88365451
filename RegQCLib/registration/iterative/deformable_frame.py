"""Which part of two images a deformable registration looks at: the box around both bodies.

Where the body touches the border of the fixed image, the moving one may reach further, so that
points can move out of the fixed field of view.
"""

from __future__ import annotations

import numpy as np

from RegQCLib.geometry.foreground import body_mask
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.resample import coverage, resample
from RegQCLib.geometry.transforms import Transform
from RegQCLib.geometry.volume import Volume
from RegQCLib.registration.iterative.affine_images import block_factors, block_means, blocks_grid

MARGIN_MM = 4.0
"""Kept around the body."""

REACH_MM = 16.0
"""How much further the moving image goes where the body touches the border of the fixed one."""

BODY_MM = 4.0
"""Voxels on which bodies are found."""

COARSEST = 8
"""Largest number of voxels, along an axis, that are averaged to one."""

MIN_COVERED = 0.5
"""Below this share of known voxels, a further reach is not worth it."""


def averaged(volume: Volume, factors: tuple[int, int, int]) -> Volume:
    """Mean over blocks of (k, j, i) voxels."""
    grid = blocks_grid(volume.grid, factors)
    return Volume(block_means(volume.array, factors), grid.affine, volume.name)


def body_box(
    fixed: Volume, moving: Volume, init: Transform | None
) -> tuple[list[tuple[int, int]], list[tuple[bool, bool]]]:
    """Voxels (low, high) of each axis around both bodies, and at which ends a body is cut off."""
    factors = block_factors(fixed.grid, BODY_MM)
    small = averaged(fixed, factors)
    other = averaged(moving, block_factors(moving.grid, BODY_MM))
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


def part_of(grid: Grid, box: list[tuple[int, int]]) -> Grid:
    """Grid of the voxels (low, high) along each axis, which may lie beyond the border."""
    affine = grid.affine.copy()
    affine[:3, 3] = grid.to_world([low for low, _ in reversed(box)])
    k, j, i = (high - low for low, high in box)
    return Grid((k, j, i), affine)


def widened(
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
            if cut and coverage(moving, part_of(frame, beyond), init).mean() > MIN_COVERED:
                low, high = box[axis]
                box[axis] = (slab[0], high) if end == 0 else (low, slab[1])
    k, j, i = (-low for low, _ in box)
    return part_of(frame, box), (k, j, i)
