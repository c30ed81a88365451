"""How rough a field is: what keeps predicted motion plausible. Torch, differentiable.

Fields are (N, axes, *spatial) in voxels, 2-D or 3-D; every result is a mean over the voxels where
the derivative is defined, over the components and the batch.
"""

from __future__ import annotations

from itertools import combinations

import torch
from torch import Tensor


def diffusion(field: Tensor) -> Tensor:
    """Mean over axes of the mean squared forward difference (VoxelMorph: ||grad u||^2)."""
    axes = range(2, field.ndim)
    return torch.stack([field.diff(dim=axis).square().mean() for axis in axes]).mean()


def bending(field: Tensor) -> Tensor:
    """Mean of xx^2 + yy^2 + zz^2 + 2 xy^2 + 2 xz^2 + 2 yz^2 (Rueckert et al., 1999, eq. 3).

    By central differences twice over, as label-reg does, so two voxels at every border are left
    out: axes need 5 voxels or more.
    """
    axes = range(2, field.ndim)
    first = {axis: _central(field, axis) for axis in axes}
    energy = torch.stack([_central(first[axis], axis).square().mean() for axis in axes]).sum()
    for a, b in combinations(axes, 2):
        energy = energy + 2 * _central(first[a], b).square().mean()
    return energy


def _central(field: Tensor, axis: int) -> Tensor:
    """Central difference along one axis, of the inner voxels of all axes."""
    for other in range(2, field.ndim):
        if other != axis:
            field = field.narrow(other, 1, field.shape[other] - 2)
    count = field.shape[axis] - 2
    return (field.narrow(axis, 2, count) - field.narrow(axis, 0, count)) / 2
