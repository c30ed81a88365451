"""MIND descriptors of a whole image on coarser voxels, slab by slab.

Descriptors of fine voxels, averaged, know more than descriptors of averaged voxels: that is what
the levels of a deformable registration compare (as in ConvexAdam, Siebert et al., IEEE TMI 2025).
Where slices are thick, descriptors stay within them, because their lengths are voxels.
"""

from __future__ import annotations

import torch
from torch import Tensor

from RegQCLib.registration.iterative.deformable_level import pooled
from RegQCLib.similarity.losses.mind import mind_ssc
from RegQCLib.similarity.mind import DILATION, RADIUS

THICK_RATIO = 2.0
SLAB_VOXELS = 2**20


def mind_features(
    image: Tensor, weights: Tensor | None, spacing: tuple[float, ...], factors: tuple[int, ...]
) -> Tensor:
    """Mean descriptors over blocks of ``factors`` voxels, (1, C, *n): 12 channels, or 4 in a plane.

    image, weights: (1, 1, *m). spacing: mm. What lies where a weight is 0 has no influence.
    """
    thick = _thick_axis(spacing)
    axis = 0 if thick is None else thick
    halo = RADIUS + DILATION if thick is None else 0
    count = image.shape[2 + axis] // factors[axis] * factors[axis]
    rows = max(1, SLAB_VOXELS * image.shape[2 + axis] // image.numel() // factors[axis])
    parts = []
    for first in range(0, count, rows * factors[axis]):
        last = min(first + rows * factors[axis], count)
        low, high = max(first - halo, 0), min(last + halo, image.shape[2 + axis])
        slab = image.narrow(2 + axis, low, high - low)
        trust = None if weights is None else weights.narrow(2 + axis, low, high - low)
        found = _described(slab, trust, thick).narrow(2 + axis, first - low, last - first)
        if trust is not None:
            trust = trust.narrow(2 + axis, first - low, last - first)
        parts.append(pooled(found, trust, factors)[0])
    return torch.cat(parts, 2 + axis)


def _described(slab: Tensor, weights: Tensor | None, thick: int | None) -> Tensor:
    mask = None if weights is None else weights > 0
    if thick is None:
        return mind_ssc(slab, mask)
    slices = slab.transpose(0, 2 + thick).squeeze(2 + thick)
    if mask is not None:
        mask = mask.transpose(0, 2 + thick).squeeze(2 + thick)
    return mind_ssc(slices, mask).unsqueeze(2 + thick).transpose(0, 2 + thick)


def _thick_axis(spacing: tuple[float, ...]) -> int | None:
    """The axis of 3-D images whose voxels are much longer than along the other two."""
    if len(spacing) < 3:
        return None
    longest = max(range(3), key=lambda axis: spacing[axis])
    others = [step for axis, step in enumerate(spacing) if axis != longest]
    return longest if spacing[longest] > THICK_RATIO * max(others) else None
