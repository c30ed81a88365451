"""Checked inputs of the losses, and means over voxels that count by their weights."""

from __future__ import annotations

import torch
from torch import Tensor

from RegQCLib.errors import InputError

ROUNDING = 8
"""Standard deviations below this many rounding errors of the values are rounding themselves."""


def checked_pair(
    fixed: Tensor, moving: Tensor, weights: Tensor | None
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Return both images with 0 where the weight is 0, and the weights in the images' type.

    fixed, moving: (N, C, H, W) or (N, C, D, H, W). weights: (N, 1, ...), boolean or 0 and more.
    Raises InputError when shapes or types do not fit, an image has values that are not finite where
    its weight is positive, or the weights of an image are negative, not finite or all zero.
    """
    if fixed.shape != moving.shape:
        raise InputError(
            f"images to compare must share one grid, got shapes {tuple(fixed.shape)} and "
            f"{tuple(moving.shape)}; resample one onto the other first"
        )
    if fixed.ndim not in {4, 5}:
        raise InputError(
            f"a loss takes (N, C, H, W) or (N, C, D, H, W), got {tuple(fixed.shape)}; "
            "add the axes for batch and channel"
        )
    if not fixed.is_floating_point() or fixed.dtype != moving.dtype:
        raise InputError(
            f"images must have one floating-point type, got {fixed.dtype} and {moving.dtype}; "
            "convert both with .float()"
        )
    if weights is not None:
        weights = _checked_weights(weights, fixed)
        inside = weights > 0
        fixed, moving = fixed.where(inside, 0), moving.where(inside, 0)
    for image in (fixed, moving):
        if not bool(image.detach().sum().isfinite()):
            raise InputError("an image has values that are not finite; mask or repair them first")
    return fixed, moving, weights


def spatial_mean(values: Tensor, weights: Tensor | None) -> Tensor:
    """Mean over the voxels, (N, C, *spatial) to (N, C), weighted where weights are given."""
    if weights is None:
        return values.flatten(2).mean(-1)
    return (values * weights).flatten(2).sum(-1) / weights.flatten(2).sum(-1)


def standardized(values: Tensor, weights: Tensor | None) -> Tensor:
    """(values - mean) / standard deviation, channel by channel; 0 where an image is constant.

    Mean and deviation count as constants in the derivative: for measures that do not depend on
    them, so that only the range of numbers is made convenient.
    """
    with torch.no_grad():
        mean = _beside(spatial_mean(values, weights), values)
        variance = _beside(spatial_mean((values - mean).square(), weights), values)
        smallest = (ROUNDING * torch.finfo(values.dtype).eps) ** 2 * (variance + mean.square())
        varied = variance > smallest
        scale = torch.where(varied, variance, 1).rsqrt() * varied
    return (values - mean) * scale


def odd_windows(window: int | tuple[int, ...], axes: int) -> tuple[int, ...]:
    """One window size in voxels for every axis; raises InputError unless all are odd."""
    sizes = (window,) * axes if isinstance(window, int) else tuple(window)
    if len(sizes) != axes or any(size < 1 or size % 2 == 0 for size in sizes):
        raise InputError(
            f"a window is one odd number of voxels, or {axes} of them for these images, "
            f"got {window}"
        )
    return sizes


def _checked_weights(weights: Tensor, image: Tensor) -> Tensor:
    expected = (image.shape[0], 1, *image.shape[2:])
    if weights.shape != expected:
        raise InputError(
            f"the weights have shape {tuple(weights.shape)}, these images need {expected}"
        )
    weights = weights.to(image.dtype)
    low, high = weights.detach().flatten(1).aminmax(dim=1)
    # Written so that NaN fails as well.
    if not bool(((low >= 0) & high.isfinite()).all()):
        raise InputError("weights must be finite and not negative; clip or repair them first")
    if not bool((high > 0).all()):
        raise InputError("the mask selects no voxel, so there is nothing to compare")
    return weights


def _beside(means: Tensor, values: Tensor) -> Tensor:
    return means[(...,) + (None,) * (values.ndim - 2)]
