"""Overlap of labels that a network can descend: soft Dice, at one scale or several."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

EPSILON = 1e-6
TAIL = 3  # of a Gaussian, in SDs


def one_hot(labels: Tensor, values: Tensor) -> Tensor:
    """Masks of chosen labels, (N, L, *spatial) float32.

    labels: (N, *spatial) whole numbers. values: (N, L), the labels of each pair.
    """
    wanted = values.reshape(*values.shape, *[1] * (labels.ndim - 1))
    return (labels[:, None] == wanted).float()


def soft_dice_loss(fixed: Tensor, moved: Tensor, counted: Tensor | None = None) -> Tensor:
    """1 - soft Dice, mean over batch and labels (Milletari et al., 3DV 2016, without squares).

    fixed, moved: (N, L, *spatial) in 0 to 1. counted: (N, L) bool, the labels of the mean; all by
    default. A label that is in neither counts as matched.
    """
    common = (fixed * moved).flatten(2).sum(-1)
    total = fixed.flatten(2).sum(-1) + moved.flatten(2).sum(-1)
    losses = 1 - (2 * common + EPSILON) / (total + EPSILON)
    if counted is None:
        return losses.mean()
    return (losses * counted).sum() / counted.sum().clamp_min(1)


def multiscale_dice_loss(
    fixed: Tensor, moved: Tensor, scales: Sequence[float], counted: Tensor | None = None
) -> Tensor:
    """Mean of `soft_dice_loss` over masks blurred by Gaussians (Hu et al., Med Image Anal 2018).

    scales: SDs in voxels, 0 for none. Blurred masks overlap from afar, so that labels that do not
    touch yet attract each other.
    """
    losses = [soft_dice_loss(gaussian(fixed, sd), gaussian(moved, sd), counted) for sd in scales]
    return torch.stack(losses).mean()


def gaussian(masks: Tensor, sd: float) -> Tensor:
    """(N, L, *spatial) blurred along every axis; 0 beyond the border, tail of 3 SDs."""
    if int(TAIL * sd) == 0:
        return masks
    # products with banded matrices: convolutions of one channel take 30 times as long on a CPU
    for axis in range(2, masks.ndim):
        weights = _banded(masks.shape[axis], sd, masks)
        if axis == masks.ndim - 1:
            masks = masks @ weights
        else:
            masks = (weights @ masks.flatten(axis + 1)).reshape(masks.shape)
    return masks


def _banded(count: int, sd: float, like: Tensor) -> Tensor:
    """(count, count), symmetric: the weight of every sample of a line in every blurred one."""
    tail = int(TAIL * sd)
    place = torch.arange(count, dtype=like.dtype, device=like.device)
    offsets = torch.arange(-tail, tail + 1, dtype=like.dtype, device=like.device)
    distance = (place[:, None] - place).abs()
    weights = torch.exp(-0.5 * (distance / sd).square()) * (distance <= tail)
    return weights / torch.exp(-0.5 * (offsets / sd).square()).sum()
