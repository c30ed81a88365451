"""Free-form deformations: displacements as B-splines over a grid of control points.

The same function as ITK's BSplineTransform (Rueckert et al., IEEE TMI 18, 1999): coefficients are
RAS mm here; where the support of a point is not inside the control grid, the displacement is zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from RegQCLib.errors import InputError
from RegQCLib.geometry.fields import DisplacementField
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.sampling import FloatArray, checked_vectors, on_grid, sample_vectors

SAMPLES_PER_KNOT = 8
"""Voxels per control-point spacing of the dense field that is inverted."""

MAX_DENSE_VOXELS = 2**23


@dataclass(frozen=True, eq=False)
class BSplineField:
    """The transform x -> x + sum of coefficients times B-spline basis functions.

    coefficients: (3, D, H, W), RAS mm at the control points (k, j, i).
    affine: (4, 4), maps control-point indices (i, j, k, 1) to RAS mm.
    order: of the spline, 1 to 3.
    """

    coefficients: FloatArray
    affine: NDArray[np.float64]
    order: int = 3

    def __post_init__(self) -> None:
        if self.order not in {1, 2, 3}:
            raise InputError(f"B-spline transforms of order 1 to 3 are read, got {self.order}")
        object.__setattr__(self, "coefficients", checked_vectors(self.coefficients))
        object.__setattr__(self, "affine", self.grid.affine)

    @cached_property
    def grid(self) -> Grid:
        """The control points."""
        return Grid(np.shape(self.coefficients)[1:], self.affine)  # type: ignore[arg-type]

    def apply(self, points: ArrayLike) -> NDArray[np.float64]:
        """Map (..., 3) RAS mm points."""
        positions = np.asarray(points, dtype=np.float64)
        indices = self.grid.to_index(positions)
        shift = sample_vectors(self.coefficients, indices, order=self.order)
        margin = (self.order - 1) / 2
        last = np.array(self.grid.shape[::-1]) - 1 - margin
        supported = np.logical_and(indices >= margin, indices <= last).all(axis=-1, keepdims=True)
        return positions + np.where(supported, shift, 0)

    def inverse(self) -> DisplacementField:
        """Return a dense inverse: a B-spline has none in closed form.

        It is sampled at an eighth of the control-point spacing, or coarser where that would take
        more than 8 million voxels. Raises InputError when the transform folds.
        """
        spans = np.array(self.grid.shape[::-1]) - 1
        density = min(SAMPLES_PER_KNOT, (MAX_DENSE_VOXELS / np.prod(spans + 1)) ** (1 / 3))
        counts = np.maximum(np.ceil(spans * density).astype(int), 1) + 1
        affine = self.grid.affine.copy()
        affine[:3, :3] *= np.maximum(spans, 1) / (counts - 1)
        dense = Grid(tuple(counts[::-1]), affine)
        return DisplacementField(on_grid(lambda x: self.apply(x) - x, dense), affine).inverse()
