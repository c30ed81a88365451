"""Derivatives of x -> x + u(x) in world mm, on any grid: oblique, anisotropic, left-handed.

Central differences inside, one-sided at the border (as numpy.gradient); an axis of one voxel has
derivative zero. With M the voxel axes in mm and G = du/d(i, j, k), det(I + du/dx) is
det(M + G) / det(M): the division keeps the sign right on left-handed grids.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from RegQCLib.geometry.fields import DisplacementField
from RegQCLib.geometry.sampling import FloatArray, in_threads, slabs
from RegQCLib.geometry.transforms import Affine


def jacobian_determinant(field: DisplacementField) -> NDArray[np.float32]:
    """Volume change at every voxel, (D, H, W): 1 keeps, below 1 shrinks, 0 or less folds.

    It says how much larger the moving-space image of a fixed-space voxel is.
    """
    axes = field.affine[:3, :3]
    volume = np.linalg.det(axes)
    result = np.empty(field.grid.shape, dtype=np.float32)

    def fill(start: int, stop: int) -> None:
        gradient = index_gradient(field.array, start, stop)
        (a, b, c), (d, e, f), (g, h, i) = (
            column + axis[:, None, None, None].astype(column.dtype)
            for column, axis in zip(gradient, axes.T, strict=True)
        )
        determinant = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
        result[start:stop] = determinant / volume

    in_threads(fill, slabs(field.grid.shape))
    return result


def affine_determinant(affine: Affine) -> float:
    """Volume change of an affine transform, the same everywhere."""
    return float(np.linalg.det(affine.matrix[:3, :3]))


def index_gradient(array: FloatArray, start: int, stop: int) -> list[FloatArray]:
    """Differentiate (3, D, H, W) along i, j and k for the slices start..stop of axis k.

    Returns three arrays (3, stop - start, H, W), in the array's unit per voxel.
    """
    low, high = max(start - 1, 0), min(stop + 1, array.shape[1])
    across = _difference(array[:, low:high], 1)[:, start - low : stop - low]
    own = array[:, start:stop]
    return [_difference(own, 3), _difference(own, 2), across]


def _difference(array: FloatArray, axis: int) -> FloatArray:
    """numpy.gradient along one axis, with derivative zero where there is one voxel."""
    if array.shape[axis] == 1:
        return np.zeros_like(array)
    return np.asarray(np.gradient(array, axis=axis))
