"""Where a deformation begins: what `coupled_convex` finds on coarse voxels, as coefficients."""

from __future__ import annotations

import math

import numpy as np
from torch import Tensor

from RegQCLib.registration.iterative.control_grid import Array, ControlGrid, separable, to_tensor
from RegQCLib.registration.iterative.coupled_convex import STRIDE, coupled_convex
from RegQCLib.registration.iterative.deformable_pair import Pair
from RegQCLib.registration.iterative.deformable_terms import Forces

CELL_MM = 4.0
REACH_MM = 16.0
"""Largest shift that is tried along each axis, as far as `MOST_STEPS` reach."""

MOST_STEPS = 4


def coarse_start(pair: Pair, forces: Forces) -> tuple[ControlGrid, Tensor]:
    """Control points and coefficients (axes, *counts) in mm of a displacement found from afar."""
    factor = 2 ** max(0, round(math.log2(CELL_MM / pair.voxel_mm)))
    level = pair.level(factor)
    fixed, moving = forces.mind(factor)
    moving_weights = level.sampled_weights
    for axis, (first, count) in enumerate(zip(level.start, level.fixed.shape[2:], strict=True)):
        moving = moving.narrow(2 + axis, first, count)
        if moving_weights is not None:
            moving_weights = moving_weights.narrow(2 + axis, first, count)
    radius = tuple(
        min(MOST_STEPS, max(1, round(REACH_MM / step)), count // 2)
        for step, count in zip(level.spacing, level.fixed.shape[2:], strict=True)
    )
    cells = coupled_convex(fixed, moving, level.fixed_weights, moving_weights, radius=radius)
    steps = cells.new_tensor(level.spacing).view(-1, *[1] * len(radius))
    control = ControlGrid(pair.extent, tuple(STRIDE * step for step in level.spacing))
    return control, on_control(cells * steps, control, control.spacing, level.offset)


def on_control(
    values: Tensor, control: ControlGrid, spacing: tuple[float, ...], offset: tuple[float, ...]
) -> Tensor:
    """Coefficients (axes, *counts) of a displacement that is known on a grid of its own.

    values: (axes, *n), mm. spacing, offset: mm between its points, and from the first voxel of the
    frame to the first one. Beyond its ends it goes on as it is there.
    """
    hats = [
        to_tensor(_hats((inner - first) / step, count), values)
        for inner, first, step, count in zip(
            control.inner, offset, spacing, values.shape[1:], strict=True
        )
    ]
    nodes = separable(hats, values)
    return separable(control.interpolating(nodes), nodes)


def _hats(places: Array, count: int) -> Array:
    """Weights of linear interpolation at ``places`` (n,) between 0, 1, ..., (n, count)."""
    distance = np.abs(np.clip(places, 0, count - 1)[:, None] - np.arange(count))
    return np.maximum(1 - distance, 0)
