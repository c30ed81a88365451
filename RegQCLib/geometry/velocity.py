"""Stationary velocity fields, in RAS mm per unit time on a voxel grid."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from RegQCLib.errors import InputError
from RegQCLib.geometry.fields import DisplacementField
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.sampling import (
    FloatArray,
    checked_vectors,
    in_threads,
    sample_vectors,
    slabs,
)


@dataclass(frozen=True, eq=False)
class VelocityField:
    """The flow dx/dt = v(x), the same at all times.

    array: (3, D, H, W) float, v in RAS mm at the voxels (k, j, i). affine: (4, 4), see Grid.
    Raises InputError when the array has another shape or values that are not finite.
    """

    array: FloatArray
    affine: NDArray[np.float64]

    def __post_init__(self) -> None:
        object.__setattr__(self, "array", checked_vectors(self.array))
        object.__setattr__(self, "affine", self.grid.affine)

    @cached_property
    def grid(self) -> Grid:
        """The voxels that carry a velocity."""
        return Grid(np.shape(self.array)[1:], self.affine)  # type: ignore[arg-type]

    def exp(self, steps: int = 7) -> DisplacementField:
        """Flow for unit time: x -> x + u(x), by scaling and squaring.

        v / 2^steps is taken as a displacement and composed with itself ``steps`` times (Arsigny et
        al., MICCAI 2006). Points that leave the grid on the way move as its edge does; zero
        there, as for a displacement field at rest, would tear the border.
        """
        if steps < 0:
            raise InputError(f"scaling and squaring takes 0 or more steps, got {steps}")
        displacement = (self.array / 2.0**steps).astype(np.float32)
        for _ in range(steps):
            displacement = _twice(displacement, self.grid)
        return DisplacementField(displacement, self.affine)

    def inverse(self) -> VelocityField:
        """Return the opposite flow, whose exponential is the inverse."""
        return VelocityField(-self.array, self.affine)


def _twice(displacement: FloatArray, grid: Grid) -> FloatArray:
    """Compose x -> x + u(x) with itself: u(x) + u(x + u(x)) at the voxels of ``grid``."""
    result = np.empty_like(displacement)
    height, width = grid.shape[1:]

    def fill(start: int, stop: int) -> None:
        own = displacement[:, start:stop]
        k, j, i = np.ogrid[start:stop, :height, :width]
        indices = np.moveaxis(np.tensordot(grid.inverse_affine[:3, :3], own, 1), 0, -1)
        indices += np.stack(np.broadcast_arrays(i, j, k), axis=-1)
        result[:, start:stop] = own + np.moveaxis(sample_vectors(displacement, indices), -1, 0)

    in_threads(fill, slabs(grid.shape))
    return result
