"""How unevenly a transform changes volume, and how much of it folds.

The numbers come from the Jacobian determinant J of x -> T(x): how much larger the moving-space
image of a fixed-space voxel is. See `geometry.jacobian` for its derivatives.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from RegQCLib.errors import InputError
from RegQCLib.geometry.field_in_body import dense_in_body
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.jacobian import affine_determinant, jacobian_determinant
from RegQCLib.geometry.transforms import Affine, Transform, simplified

LOG_FLOOR = 1e-9
"""J is clipped here before the logarithm; folded voxels would have none."""


@dataclass(frozen=True)
class JacobianStatistics:
    """Of the determinant over ``voxels`` voxels.

    sd_log: standard deviation of log J. folded_voxels: where J <= 0. minimum: of J.
    """

    sd_log: float
    folded_voxels: int
    voxels: int
    minimum: float

    @property
    def folded_fraction(self) -> float:
        """Share of the voxels that fold, 0 to 1."""
        return self.folded_voxels / self.voxels


def jacobian_statistics(
    transform: Transform, grid: Grid, mask: NDArray[np.bool_]
) -> JacobianStatistics:
    """Measure a transform inside a mask.

    transform: fixed-space to moving-space points. grid: of the fixed image. mask: (D, H, W) bool on
    ``grid``. A transform that starts with a displacement field is measured at that field's own
    voxels, where nothing is interpolated; any other is sampled on ``grid``.
    Raises InputError when the mask has another shape, is empty, or misses the field.
    """
    if mask.shape != grid.shape:
        raise InputError(f"the mask has shape {mask.shape}, the image {grid.shape}")
    if not mask.any():
        raise InputError("the mask is empty, so there is nothing to measure; draw it again")
    simple = simplified(transform)
    if isinstance(simple, Affine):
        determinant = np.full(int(mask.sum()), affine_determinant(simple))
    else:
        field, carried = dense_in_body(simple, grid, mask)
        determinant = jacobian_determinant(field)[carried]
    return JacobianStatistics(
        sd_log=sd_log_jacobian(determinant),
        folded_voxels=folded_voxels(determinant),
        voxels=determinant.size,
        minimum=float(determinant.min()),
    )


def sd_log_jacobian(determinant: NDArray[np.floating[Any]]) -> float:
    """Standard deviation of log J, with J clipped at 1e-9; folded voxels therefore weigh a lot.

    Learn2Reg adds 3 to J before (see `learn2reg`); its figures are not to be compared with these.
    """
    return float(np.log(np.maximum(determinant, LOG_FLOOR)).std(dtype=np.float64))


def folded_voxels(determinant: NDArray[np.floating[Any]]) -> int:
    """Count the determinants that are zero or negative."""
    return int(np.count_nonzero(determinant <= 0))
