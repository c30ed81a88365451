"""Losses for pairs whose true displacement is known, as that of synthetic shapes is.

`matching_loss` and `pyramid_error` are for networks that match pyramids of features: those whose
levels are the displacement so far, each on a coarser grid of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import torch
from torch import Tensor
from torch.nn import functional

from RegQCLib.geometry.warp_torch import sample
from RegQCLib.registration.networks.contrast_agnostic import SHARPNESS

PLACES = 400
"""Points of each image that are matched in one step."""

REACH = 2  # voxels of the level, along each axis, among which the true place is to be told
SHOWN = 0.7  # share of a voxel of the level that must show something
AIR_WEIGHT = 0.05  # beside 1 for what is shown


def displacement_error(displacement: Tensor, truth: Tensor) -> Tensor:
    """Mean distance to the truth. Both (N, axes, *spatial), voxels."""
    return (displacement - truth).square().sum(1).add(1e-6).sqrt().mean()


def pyramid_error(levels: Sequence[Tensor], truth: Tensor, shown: Tensor) -> Tensor:
    """Mean distance to the truth, voxels of the images, at every level; each coarser counts half.

    levels: (N, 3, *spatial), coarse to fine, in voxels of their own. truth: (N, 3, *spatial).
    shown: (N, 1, *spatial), 1 where the fixed image shows something.
    """
    total = truth.new_zeros(())
    for halvings, level in enumerate(reversed(levels)):
        factor = truth.shape[2] // level.shape[2]
        weight = functional.avg_pool3d(shown, factor) + AIR_WEIGHT
        wrong = factor * level - functional.avg_pool3d(truth, factor)
        distance = wrong.square().sum(1, keepdim=True).add(1e-2).sqrt()
        total = total + 0.5**halvings * (weight * distance).sum() / weight.sum()
    return total


def matching_loss(
    features: Sequence[tuple[Tensor, Tensor]], truth: Tensor, shown: Tensor
) -> Tensor:
    """How badly features tell the true place from those around it: a mean cross-entropy.

    Without it, the comparison of features and what is concluded from it must be learned at once,
    each of which is of no use without the other. features: of fixed and moving image on the grid
    of every level, coarse to fine, (N, C, *spatial), unit length. truth, shown: as for
    `pyramid_error`. Places are drawn from torch's global random numbers.
    """
    losses = [
        _matching(fixed[n], moving[n], truth[n : n + 1], shown[n : n + 1])
        for fixed, moving in features
        for n in range(len(fixed))
    ]
    return torch.stack(losses).mean()


def _matching(fixed: Tensor, moving: Tensor, truth: Tensor, shown: Tensor) -> Tensor:
    """Of one pair at one level. fixed, moving: (C, *spatial)."""
    factor = truth.shape[2] // fixed.shape[1]
    motion = functional.avg_pool3d(truth, factor)[0] / factor
    places = (functional.avg_pool3d(shown, factor)[0, 0] > SHOWN).nonzero()
    if len(places) == 0:
        return (0 * moving).sum()
    chosen = places[torch.randint(len(places), (PLACES,), device=places.device)]
    at: tuple[slice | Tensor, ...] = (slice(None), *chosen.unbind(1))
    true = chosen + motion[at].T
    last = true.new_tensor(fixed.shape[1:]) - 1
    seen = ((true >= 0) & (true <= last)).all(1)
    around = list(product(range(-REACH, REACH + 1), repeat=3))
    points = (true[:, None] + true.new_tensor(around)).movedim(-1, 0)
    offered = sample(moving[None].float(), points[None, ..., None])[0, ..., 0]
    likeness = SHARPNESS * torch.einsum("cq,cqk->qk", fixed[at].float(), offered)
    wanted = torch.full_like(chosen[:, 0], len(around) // 2)
    losses = functional.cross_entropy(likeness, wanted, reduction="none")
    return (losses * seen).sum() / seen.sum().clamp_min(1)
