"""Normalized gradient fields: do edges run the same way?

(Haber and Modersitzki, MICCAI 2006.)  d = 1 - (<a, b> / (|a|_e |b|_e))^2 with the gradients a, b of
both images and |a|_e = sqrt(|a|^2 + e^2). Insensitive to contrast and its sign.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from RegQCLib.errors import InputError
from RegQCLib.similarity.losses.inputs import checked_pair, spatial_mean


def ngf(
    fixed: Tensor,
    moving: Tensor,
    *,
    weights: Tensor | None = None,
    spacing: Sequence[float] | None = None,
    epsilon: tuple[float, float] | None = None,
) -> Tensor:
    """Mean of `ngf_map`, 0 (parallel edges) to 1 (perpendicular, or none). Raises InputError."""
    fixed, moving, weights = checked_pair(fixed, moving, weights)
    return spatial_mean(_distance(fixed, moving, weights, spacing, epsilon), weights).mean()


def ngf_map(
    fixed: Tensor,
    moving: Tensor,
    *,
    weights: Tensor | None = None,
    spacing: Sequence[float] | None = None,
    epsilon: tuple[float, float] | None = None,
) -> Tensor:
    """Distance at every voxel, (N, C, *spatial), 0 to 1.

    fixed, moving: (N, C, *spatial); weights: (N, 1, *spatial), see the package. spacing: mm along
    (i, j, k), or (i, j) in 2-D; 1 where not given. epsilon: noise levels of the fixed and of the
    moving image, intensity per mm, below which an edge is no edge; by default the mean gradient
    length of each image, a constant in the derivative. Gradients do not reach out of the mask as in
    `RegQCLib.similarity.ngf`. Raises InputError.
    """
    fixed, moving, weights = checked_pair(fixed, moving, weights)
    return _distance(fixed, moving, weights, spacing, epsilon)


def _distance(
    fixed: Tensor,
    moving: Tensor,
    weights: Tensor | None,
    spacing: Sequence[float] | None,
    epsilon: tuple[float, float] | None,
) -> Tensor:
    steps = _steps(spacing, fixed.ndim - 2)
    inside = None if weights is None else (weights > 0).to(fixed.dtype)
    first, second = _gradients(fixed, inside, steps), _gradients(moving, inside, steps)
    square_first, square_second = _inner(first, first), _inner(second, second)
    if epsilon is None:
        noise = _mean_length(square_first, weights), _mean_length(square_second, weights)
    else:
        noise = fixed.new_tensor(epsilon[0]), fixed.new_tensor(epsilon[1])
    product = (square_first + noise[0].square()) * (square_second + noise[1].square())
    # A product of 0 means that an image is flat: then the inner product is 0, too.
    return 1 - _inner(first, second).square() / torch.where(product > 0, product, 1)


def _steps(spacing: Sequence[float] | None, axes: int) -> list[float]:
    steps = [1.0] * axes if spacing is None else [float(step) for step in reversed(list(spacing))]
    if len(steps) != axes or min(steps) <= 0:
        raise InputError(f"spacing must be {axes} positive numbers (mm) here, got {spacing}")
    return steps


def _gradients(image: Tensor, inside: Tensor | None, steps: Sequence[float]) -> list[Tensor]:
    return [_derivative(image, inside, axis, step) for axis, step in enumerate(steps, start=2)]


def _derivative(image: Tensor, inside: Tensor | None, axis: int, step: float) -> Tensor:
    """Mean of the forward and the backward difference, of one where a neighbor lies outside."""
    count = image.shape[axis] - 1
    difference = image.narrow(axis, 1, count) - image.narrow(axis, 0, count)
    if inside is None:
        line = [count if a == axis else 1 for a in range(image.ndim)]
        known = image.new_ones(line)
    else:
        known = inside.narrow(axis, 1, count) * inside.narrow(axis, 0, count)
        difference = difference * known
    used = _at_both_ends(known, axis)
    return _at_both_ends(difference, axis) / (used.clamp_min(1) * step)


def _at_both_ends(between: Tensor, axis: int) -> Tensor:
    """Add what belongs to a pair of neighbors to each of the two voxels."""
    unchanged = [0, 0] * (between.ndim - 1 - axis)
    return functional.pad(between, [*unchanged, 1, 0]) + functional.pad(between, [*unchanged, 0, 1])


def _inner(first: Sequence[Tensor], second: Sequence[Tensor]) -> Tensor:
    total = first[0] * second[0]
    for a, b in zip(first[1:], second[1:], strict=True):
        total = total + a * b
    return total


def _mean_length(square: Tensor, weights: Tensor | None) -> Tensor:
    mean = spatial_mean(square.detach().sqrt(), weights)
    return mean[(...,) + (None,) * (square.ndim - 2)]
