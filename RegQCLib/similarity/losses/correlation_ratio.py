"""Correlation ratio: how well the fixed intensity foretells the moving one, by any function.

(Roche et al., MICCAI 1998.)  eta^2 = Var(E[moving | fixed]) / Var(moving). It asks for less than a
linear relation, and for more than mutual information: one intensity must follow from the other.
"""

from __future__ import annotations

import torch
from torch import Tensor

from RegQCLib.similarity.losses.binning import BINS, Range, bin_numbers
from RegQCLib.similarity.losses.inputs import checked_pair, spatial_mean, standardized


def correlation_ratio(
    fixed: Tensor,
    moving: Tensor,
    *,
    weights: Tensor | None = None,
    bins: int = BINS,
    fixed_range: Range | None = None,
) -> Tensor:
    """1 - eta^2: the share of the moving image's variance that the fixed image leaves open, 0 to 1.

    fixed, moving: (N, C, *spatial); weights: (N, 1, *spatial), see the package. bins: of the fixed
    image, between ``fixed_range`` (low, high), by default its percentiles 0.5 and 99.5 inside the
    mask. Not symmetric. 1 where an image is constant. Raises InputError.
    """
    fixed, moving, weights = checked_pair(fixed, moving, weights)
    importance = torch.ones_like(fixed) if weights is None else weights.expand(fixed.shape)
    importance = importance.flatten(2).flatten(0, 1)
    numbers = bin_numbers(fixed.flatten(2).flatten(0, 1), importance, fixed_range, bins)
    values = standardized(moving, weights)
    mean = spatial_mean(values, weights)  # 0, but its derivative is not
    total = spatial_mean(values.square(), weights) - mean.square()
    explained = _mean_square_of_bins(numbers, values.reshape(numbers.shape), importance, bins)
    explained = explained.view_as(mean) - mean.square()
    varied = total > 0
    return (1 - torch.where(varied, explained / torch.where(varied, total, 1), 0)).mean()


def _mean_square_of_bins(numbers: Tensor, values: Tensor, importance: Tensor, bins: int) -> Tensor:
    """Mean over voxels of the square of their bin's mean, (rows, voxels) to (rows,)."""
    rows = len(values)
    index = (torch.arange(rows, device=values.device).unsqueeze(1) * bins + numbers).flatten()
    # float32 would swallow single voxels once a bin holds millions of them.
    empty = torch.zeros(rows * bins, dtype=torch.float64, device=values.device)
    total = empty.index_add(0, index, importance.flatten().double()).view(rows, bins)
    summed = empty.index_add(0, index, (importance * values).flatten().double()).view(rows, bins)
    squares = summed.square() / torch.where(total > 0, total, 1)
    return (squares.sum(1) / total.sum(1)).to(values.dtype)
