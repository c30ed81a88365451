"""Warping of torch tensors by voxel displacements: the one place that fixes the sampling rules.

Images are (N, C, *spatial), displacements (N, axes, *spatial) in voxels; channel n moves along
array axis n, so (k, j, i) in 3-D and (row, column) in 2-D. Voxel centers are integers
(``align_corners=True``), and points outside an image take the value at its border.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def identity(shape: tuple[int, ...] | torch.Size, like: Tensor) -> Tensor:
    """Voxel coordinates of every voxel, (1, axes, *shape), in the type and device of ``like``."""
    axes = [torch.arange(n, dtype=like.dtype, device=like.device) for n in shape]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"))[None]


def warp(image: Tensor, displacement: Tensor, *, mode: str = "bilinear") -> Tensor:
    """Sample ``image`` at x + displacement(x), linearly or with ``mode="nearest"``.

    image: (N, C, *spatial); displacement: (N, axes, *spatial), voxels. Returns (N, C, *spatial).
    """
    return sample(image, identity(displacement.shape[2:], displacement) + displacement, mode=mode)


def sample(image: Tensor, points: Tensor, *, mode: str = "bilinear") -> Tensor:
    """Values at ``points``, (N, axes, *any), voxel coordinates of ``image``; (N, C, *any).

    ``any`` has as many axes as the image.
    """
    extent = torch.tensor(
        [max(n - 1, 1) for n in image.shape[2:]], dtype=points.dtype, device=points.device
    )
    scaled = points.movedim(1, -1) * (2 / extent) - 1
    return functional.grid_sample(
        image, scaled.flip(-1), mode=mode, padding_mode="border", align_corners=True
    )


def exponential(velocity: Tensor, *, steps: int = 7) -> Tensor:
    """Displacement of the flow of a stationary velocity field after unit time.

    velocity: (N, axes, *spatial), voxels. Scaling and squaring with ``steps`` compositions
    (Arsigny et al., MICCAI 2006). Returns the same shape, voxels.
    """
    displacement = velocity / 2**steps
    for _ in range(steps):
        displacement = displacement + warp(displacement, displacement)
    return displacement
