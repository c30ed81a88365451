"""Overlap of labels that a network can descend: soft Dice, at one scale or several."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

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
    tail = int(TAIL * sd)
    if tail == 0:
        return masks
    steps = torch.arange(-tail, tail + 1, dtype=masks.dtype, device=masks.device)
    kernel = torch.exp(-0.5 * (steps / sd).square())
    kernel = kernel / kernel.sum()
    axes = masks.ndim - 2
    convolve = (functional.conv1d, functional.conv2d, functional.conv3d)[axes - 1]
    flat = masks.flatten(0, 1)[:, None]
    for axis in range(axes):
        shape, margin = [1] * axes, [0] * axes
        shape[axis], margin[axis] = len(kernel), tail
        flat = convolve(flat, kernel.reshape(1, 1, *shape), padding=margin)
    return flat.reshape(masks.shape)
