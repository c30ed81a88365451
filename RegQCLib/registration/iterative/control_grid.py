"""Cubic B-splines over a coarse grid of control points: smooth fields from few numbers.

Positions are mm along the array axes (k, j, i), or (j, i) in 2-D, from the first voxel of an image.
A basis that is a product of functions of one axis each is evaluated by one small matrix an axis,
and its adjoint, which gathers what voxels ask for at the control points, by the transposes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[np.floating]


@dataclass(frozen=True)
class ControlGrid:
    """Control points every ``spacing`` mm along each axis, one step beyond both ends.

    extent: length in mm from the first to the last voxel of the image, axis by axis.
    """

    extent: tuple[float, ...]
    spacing: tuple[float, ...]

    @cached_property
    def inner(self) -> list[Array]:
        """Positions in mm of the control points but the first and the last, axis by axis."""
        return [
            np.arange(int(np.ceil(length / step - 1e-6)) + 1) * step
            for length, step in zip(self.extent, self.spacing, strict=True)
        ]

    @property
    def counts(self) -> tuple[int, ...]:
        """Control points along each axis."""
        return tuple(len(places) + 2 for places in self.inner)

    def matrices(self, positions: Sequence[Array], like: Tensor) -> list[Tensor]:
        """Values of all basis functions at ``positions`` (n,) of each axis: (n, count) each.

        Beyond the control points a field keeps the value it has at the end.
        """
        return [
            to_tensor(_basis(np.clip(where, 0, inner[-1]), step, len(inner) + 2), like)
            for where, inner, step in zip(positions, self.inner, self.spacing, strict=True)
        ]

    def interpolating(self, like: Tensor) -> list[Tensor]:
        """Matrices from values at the `inner` points to the coefficients of the spline there.

        The second derivative is 0 at both ends (a natural spline). (count, count - 2) each.
        """
        result = []
        for inner, step in zip(self.inner, self.spacing, strict=True):
            count = len(inner) + 2
            system = np.zeros((count, count))
            system[1:-1] = _basis(inner, step, count)
            system[0, :3] = system[-1, -3:] = (1, -2, 1)
            result.append(to_tensor(np.linalg.inv(system)[:, 1:-1], like))
        return result

    def refined(self, coefficients: Tensor, finer: ControlGrid) -> Tensor:
        """Coefficients of (nearly) the same field, (C, *counts), on another control grid."""
        values = separable(self.matrices(finer.inner, coefficients), coefficients)
        return separable(finer.interpolating(coefficients), values)


def separable(matrices: Sequence[Tensor], values: Tensor) -> Tensor:
    """Apply one (n, m) matrix along each axis: (C, *m) to (C, *n)."""
    # The last axis first: the products that handle most numbers then have the longest rows.
    for axis in range(len(matrices), 0, -1):
        values = along(matrices[axis - 1], values, axis)
    return values


def transposed(matrices: Sequence[Tensor], values: Tensor) -> Tensor:
    """Apply the transposes, the adjoint of `separable`: (C, *n) to (C, *m)."""
    for axis, matrix in enumerate(matrices, start=1):
        values = along(matrix.T, values, axis)
    return values


def along(matrix: Tensor, values: Tensor, axis: int) -> Tensor:
    """Apply an (n, m) matrix along one axis."""
    if axis == values.ndim - 1:
        return values @ matrix.T
    shape = values.shape
    after = values.reshape(-1, shape[axis], int(np.prod(shape[axis + 1 :])))
    return (matrix @ after).reshape(*shape[:axis], len(matrix), *shape[axis + 1 :])


def _basis(positions: Array, step: float, count: int) -> Array:
    """Cubic B-splines centered at -step, 0, step, ..., (n, count)."""
    distance = np.abs(positions[:, None] / step - (np.arange(count) - 1))
    near = 2 / 3 - distance**2 * (1 - distance / 2)
    far = np.maximum(2 - distance, 0) ** 3 / 6
    return np.where(distance < 1, near, far)


def extended(values: Tensor) -> Tensor:
    """Repeat the edges of values at the inner points, (*inner), for all control points."""
    for axis in range(values.ndim):
        last = values.shape[axis] - 1
        values = torch.cat([values.narrow(axis, 0, 1), values, values.narrow(axis, last, 1)], axis)
    return values


def to_tensor(array: Array, like: Tensor) -> Tensor:
    """Numbers in the type and on the device of ``like``."""
    return torch.as_tensor(array, dtype=like.dtype, device=like.device)
