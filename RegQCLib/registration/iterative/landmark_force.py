"""Force of landmarks: springs between pairs of points that belong together."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from RegQCLib.registration.iterative.control_grid import Array, ControlGrid

STIFFNESS = 1e4
"""mm^3/mm^2: as much as about 50 ml of tissue that has edges everywhere."""


class LandmarkForce:
    """Springs at ``points`` (N, axes) towards ``targets``, both mm in the frame."""

    def __init__(self, points: Array, targets: Array, control: ControlGrid, like: Tensor) -> None:
        self.counts = control.counts
        columns = [points[:, axis] for axis in range(points.shape[1])]
        bases = [matrix.cpu().numpy() for matrix in control.matrices(columns, like)]
        product = bases[0]
        for factor in bases[1:]:
            product = (product[:, :, None] * factor[:, None, :]).reshape(len(points), -1)
        rows, places = np.nonzero(product)
        index = torch.as_tensor(np.stack([rows, places]))
        values = torch.as_tensor(product[rows, places], dtype=like.dtype)
        size = (len(points), math.prod(self.counts))
        basis = torch.sparse_coo_tensor(
            index, values, size, device=like.device, check_invariants=True
        )
        self.basis, self.adjoint = basis.coalesce(), basis.t().coalesce()
        self.wanted = torch.as_tensor(targets - points, dtype=like.dtype, device=like.device)

    def energy(self, coefficients: Tensor) -> float:
        """Of the springs at a displacement (axes, *counts)."""
        left = self.wanted - self._at_points(coefficients)
        return STIFFNESS / 2 * float(left.square().sum())

    def pull(self, coefficients: Tensor) -> Tensor:
        """Force at the control points, (axes, *counts), of the displacement (axes, *counts)."""
        return self._spread(self.wanted - self._at_points(coefficients))

    def operator(self, step: Tensor) -> Tensor:
        """How the force falls with a step, (axes, *counts)."""
        return self._spread(self._at_points(step))

    def _at_points(self, coefficients: Tensor) -> Tensor:
        return torch.sparse.mm(self.basis, coefficients.flatten(1).T)

    def _spread(self, forces: Tensor) -> Tensor:
        return STIFFNESS * torch.sparse.mm(self.adjoint, forces).T.reshape(-1, *self.counts)
