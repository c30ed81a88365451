"""Two images on voxels of one size: what a stage of a deformable registration compares.

Lengths are mm along the array axes (k, j, i); an axis of one voxel (2-D pairs) is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from torch import Tensor
from torch.nn import functional

from RegQCLib.geometry.warp_torch import warp
from RegQCLib.registration.iterative.control_grid import Array


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

    @cached_property
    def sampled_weights(self) -> Tensor | None:
        """Confidence in what is sampled between moving voxels: 0 next to voxels where it is 0."""
        if self.moving_weights is None:
            return None
        pool = functional.max_pool3d if self.moving_weights.ndim == 5 else functional.max_pool2d
        unknown = (self.moving_weights <= 0).to(self.moving_weights.dtype)
        return self.moving_weights * (1 - pool(unknown, 3, 1, 1))

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
        if self.sampled_weights is None:
            return self.fixed_weights
        moved = self.moved(self.sampled_weights, displacement)
        return moved if self.fixed_weights is None else moved * self.fixed_weights


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
