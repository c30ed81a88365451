"""Normalized cross-correlation over the whole image: for a linear relation of intensities."""

from __future__ import annotations

import torch
from torch import Tensor

from RegQCLib.similarity.losses.inputs import checked_pair, spatial_mean, standardized


def ncc(
    fixed: Tensor, moving: Tensor, *, weights: Tensor | None = None, squared: bool = False
) -> Tensor:
    """1 - r with Pearson's coefficient r, 0 to 2; or 1 - r^2, blind to inverted contrast, 0 to 1.

    fixed, moving: (N, C, *spatial); weights: (N, 1, *spatial), see the package. A constant image
    has r = 0. Raises InputError.
    """
    fixed, moving, weights = checked_pair(fixed, moving, weights)
    first, second = standardized(fixed, weights), standardized(moving, weights)
    # The means are 0, but their second derivatives are not.
    means = spatial_mean(first, weights), spatial_mean(second, weights)
    covariance = spatial_mean(first * second, weights) - means[0] * means[1]
    variance_first = spatial_mean(first.square(), weights) - means[0].square()
    variance_second = spatial_mean(second.square(), weights) - means[1].square()
    # Both variances are 1, or 0 for a constant image, whose covariance is 0, too.
    product = variance_first * variance_second
    correlation = covariance * torch.where(product > 0, product, 1).rsqrt()
    return (1 - (correlation.square() if squared else correlation)).mean()
