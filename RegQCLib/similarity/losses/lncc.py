"""Local normalized cross-correlation over box windows.

(Avants et al., Med Image Anal 2008.)  In a small window a linear relation of intensities holds
across contrasts more often than in the whole image, up to its sign, which squaring removes.
"""

from __future__ import annotations

import torch
from torch import Tensor

from RegQCLib.similarity.lncc import WINDOW
from RegQCLib.similarity.losses.box import box_sum
from RegQCLib.similarity.losses.inputs import (
    checked_pair,
    odd_windows,
    spatial_mean,
    standardized,
)

FLAT = 1e-4
"""Windows count as flat below this share of the image's variance: 1 % of its standard deviation.

Correlations fall towards 0 there, so that noise in the background pulls at nothing."""


def lncc(
    fixed: Tensor,
    moving: Tensor,
    *,
    weights: Tensor | None = None,
    window: int | tuple[int, ...] = WINDOW,
    squared: bool = True,
) -> Tensor:
    """1 - mean of `lncc_map`: 0 to 1, or 0 to 2 with ``squared=False``.

    Squared correlation is blind to inverted contrast. Raises InputError.
    """
    fixed, moving, weights = checked_pair(fixed, moving, weights)
    return (1 - spatial_mean(_local(fixed, moving, weights, window, squared), weights)).mean()


def lncc_map(
    fixed: Tensor,
    moving: Tensor,
    *,
    weights: Tensor | None = None,
    window: int | tuple[int, ...] = WINDOW,
    squared: bool = True,
) -> Tensor:
    """Correlation in a box around every voxel, (N, C, *spatial): 0 to 1 (squared) or -1 to 1.

    fixed, moving: (N, C, *spatial); weights: (N, 1, *spatial), see the package. window: box size in
    voxels, odd, one number or along the axes in order. Windows hold the voxels inside the image and
    the mask, by their weights: nothing is mirrored at the border as in `RegQCLib.similarity.lncc`.
    Raises InputError.
    """
    fixed, moving, weights = checked_pair(fixed, moving, weights)
    return _local(fixed, moving, weights, window, squared)


def _local(
    fixed: Tensor,
    moving: Tensor,
    weights: Tensor | None,
    window: int | tuple[int, ...],
    squared: bool,
) -> Tensor:
    sizes = odd_windows(window, fixed.ndim - 2)
    total = box_sum(torch.ones_like(fixed[:1, :1]) if weights is None else weights, sizes)
    share = torch.where(total > 0, total, 1).reciprocal()

    def mean(values: Tensor) -> Tensor:
        return box_sum(values if weights is None else values * weights, sizes) * share

    # Around 0 and of size 1, the differences of squares below lose few digits.
    first, second = standardized(fixed, weights), standardized(moving, weights)
    mean_first, mean_second = mean(first), mean(second)
    covariance = mean(first * second) - mean_first * mean_second
    variance_first = (mean(first.square()) - mean_first.square()).clamp_min(FLAT)
    variance_second = (mean(second.square()) - mean_second.square()).clamp_min(FLAT)
    product = variance_first * variance_second
    return covariance.square() / product if squared else covariance * product.rsqrt()
