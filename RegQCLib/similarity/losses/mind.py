"""MIND-SSC: modality independent neighborhood descriptors with self-similarity context.

(Heinrich et al., MICCAI 2013.)  Each channel compares two neighbors of a voxel that are not
opposite each other (12 pairs in 3-D, 4 in 2-D) by the mean squared difference of the patches around
them. What remains after scaling by the local mean is structure without contrast.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from RegQCLib.similarity.losses.inputs import checked_pair, spatial_mean
from RegQCLib.similarity.losses.patches import patch_counts, patch_sums, patch_sums_gradient
from RegQCLib.similarity.mind import DILATION, RADIUS, VARIANCE_RANGE


def mind(
    fixed: Tensor,
    moving: Tensor,
    *,
    weights: Tensor | None = None,
    radius: int = RADIUS,
    dilation: int = DILATION,
) -> Tensor:
    """Mean squared difference of the descriptors of both images, 0 to 1.

    fixed, moving: (N, C, *spatial); weights: (N, 1, *spatial), see the package. It is the `ssd` of
    two `mind_ssc`: callers that compare with one fixed image often compute its descriptor once.
    Raises InputError.
    """
    fixed, moving, weights = checked_pair(fixed, moving, weights)
    inside = None if weights is None else weights > 0
    first = mind_ssc(fixed, inside, radius=radius, dilation=dilation)
    second = mind_ssc(moving, inside, radius=radius, dilation=dilation)
    # One operation, not two, so that 12 channels are not kept once more for the derivative.
    squares = functional.mse_loss(second, first, reduction="none")
    return spatial_mean(squares.mean(1, keepdim=True), weights).mean()


def mind_ssc(
    image: Tensor,
    mask: Tensor | None = None,
    *,
    radius: int = RADIUS,
    dilation: int = DILATION,
) -> Tensor:
    """Descriptor of every voxel, (N, C * 12, *spatial), or C * 4 in 2-D; in (0, 1], largest 1.

    image: (N, C, *spatial). mask: (N, 1, *spatial), boolean: patches are compared where both lie
    inside, and channels without such voxels are 0. Patches are boxes of (2 radius + 1) voxels
    around neighbors at ``dilation`` voxels; beyond the border of the image its edge continues.
    Lengths are voxels: resample to near-cubic voxels first.

    Within ``radius`` of the border, `RegQCLib.similarity.mind` differs: it continues the squared
    differences instead of the image.
    """
    count, channels, *shape = image.shape
    margin = [radius + dilation] * (2 * len(shape))
    flat = image.reshape(count * channels, 1, *shape)
    padded = functional.pad(flat, margin, mode="replicate")
    inside = None
    if mask is not None:
        each = mask.to(image.dtype).repeat_interleave(channels, dim=0)
        inside = functional.pad(each, margin, mode="replicate")
    return _Descriptor.apply(padded, inside, radius, dilation).reshape(count, -1, *shape)


class _Descriptor(torch.autograd.Function):
    """Written out because every step of 12 channels would otherwise cost, and keep, a copy of them.

    e = d - min d, s = mean e within its clamps, result = exp(-e / s); d: mean over patches.
    """

    @staticmethod
    def forward(
        ctx: Any, padded: Tensor, inside: Tensor | None, radius: int, dilation: int
    ) -> Tensor:
        result = patch_sums(padded, inside, radius, dilation)
        found = _voxels_compared(padded, inside, radius, dilation, result.shape[1])
        unknown = None if inside is None else found == 0
        result /= found.clamp_min(1)
        if unknown is not None:
            result.masked_fill_(unknown, torch.inf)
        result -= result.amin(1, keepdim=True)
        if unknown is not None:
            result.masked_fill_(unknown, 0)
        channels = (found > 0).sum(1, keepdim=True).to(result.dtype)
        variance = result.sum(1, keepdim=True) / channels.clamp_min(1)
        scale = _clamped(variance, channels)
        result.div_(scale).neg_().exp_()
        if unknown is not None:
            result.masked_fill_(unknown, 0)
        free = (scale == variance) / channels.clamp_min(1)
        ctx.save_for_backward(padded, inside, result, found, scale, free)
        ctx.radius, ctx.dilation = radius, dilation
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        padded, inside, result, found, scale, free = ctx.saved_tensors
        # entr(result) = result * e / s: how much the result answers to s, without a copy of e.
        shared = torch.special.entr(result).mul_(gradients[0]).sum(1, keepdim=True) * free
        change = (gradients[0] * result).neg_().add_(shared).div_(scale)
        if inside is not None:
            change.masked_fill_(found == 0, 0)
        least = result.max(1, keepdim=True).indices  # argmax takes 8 times as long on a CPU
        change.scatter_add_(1, least, -change.sum(1, keepdim=True))
        change /= found.clamp_min(1)
        gradient = patch_sums_gradient(change, padded, inside, ctx.radius, ctx.dilation)
        return gradient, None, None, None


def _voxels_compared(
    padded: Tensor, inside: Tensor | None, radius: int, dilation: int, pairs: int
) -> Tensor:
    """How many voxels a channel averages, (N, pairs, *spatial), or (1, pairs, 1, ...)."""
    if inside is not None:
        return patch_counts(inside, radius, dilation).to(torch.int16)
    axes = padded.ndim - 2
    whole = (2 * radius + 1) ** axes
    return padded.new_full((1, pairs, *[1] * axes), whole, dtype=torch.int16)


def _clamped(variance: Tensor, channels: Tensor) -> Tensor:
    """Keep the variance near its mean over voxels with ``channels``; 1 for a constant image."""
    counted = (channels > 0).to(variance.dtype).expand_as(variance)
    typical = spatial_mean(variance, counted)
    typical = torch.where(typical > 0, typical, 1)[(...,) + (None,) * (variance.ndim - 2)]
    return variance.clamp(VARIANCE_RANGE[0] * typical, VARIANCE_RANGE[1] * typical)
