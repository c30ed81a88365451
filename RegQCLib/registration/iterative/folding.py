"""Folds removed: where a field folds, its coefficients are averaged until it does not."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from RegQCLib.geometry.fields import DisplacementField
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.jacobian import jacobian_determinant
from RegQCLib.registration.iterative.control_grid import ControlGrid, transposed
from RegQCLib.registration.iterative.deformable_field import dense_field, frame_positions
from RegQCLib.registration.iterative.motion import Model

LEAST_DETERMINANT = 0.01
"""Volume may shrink to this share; less counts as a fold to be removed."""

ROUNDS = 40


def unfolded(
    coefficients: Tensor, control: ControlGrid, model: Model, grid: Grid
) -> tuple[Tensor, DisplacementField, float, float]:
    """Return coefficients and field without folds, and the folded share before and after.

    Each round averages the coefficients around the folds with their neighbors.
    """
    before = None
    for _ in range(ROUNDS):
        field = dense_field(coefficients, control, model, grid)
        determinant = jacobian_determinant(field)
        share = float((determinant <= 0).mean())
        before = share if before is None else before
        bad = determinant < LEAST_DETERMINANT
        if not bad.any():
            break
        near = _near(bad, control, model, grid, coefficients)
        coefficients = coefficients + near * (_averaged(coefficients) - coefficients)
    return coefficients, field, before or 0.0, share


def _near(
    bad: NDArray[np.bool_], control: ControlGrid, model: Model, grid: Grid, like: Tensor
) -> Tensor:
    """1 at the control points that shape the field at bad voxels, falling to 0 further off."""
    pair = model.pair
    shape = [grid.shape[axis] for axis in pair.axes]
    marked = torch.as_tensor(bad.reshape(shape), dtype=like.dtype, device=like.device)
    matrices = control.matrices(frame_positions(pair, grid), like)
    touched = (transposed(matrices, marked[None]) > 0).to(like.dtype)
    return _averaged(touched).clamp_max(1)


def _averaged(values: Tensor) -> Tensor:
    pool = functional.avg_pool3d if values.ndim == 4 else functional.avg_pool2d
    return pool(values[None], 3, 1, 1, count_include_pad=False)[0]
