"""Force of local normalized cross-correlation: in every window, the best line from moved to fixed.

1 - correlation^2 is what a linear fit of the fixed by the moved intensities leaves unexplained, so
that Gauss-Newton steps follow from the residual of that fit (variable projection): sharper than
gradient descent on the correlation (Avants et al., Med Image Anal 2008), at the cost of box sums.
Its logarithm is the likelihood of every window's fit with a noise of its own: windows that fit well
count more than those that show noise, or another contrast.
"""

from __future__ import annotations

import torch
from torch import Tensor

from RegQCLib.registration.iterative.deformable_level import Level
from RegQCLib.registration.iterative.force import Force, Gather, gathered, slopes
from RegQCLib.similarity.losses.box import box_sum

FLAT = 1e-2
"""Share of the image's variance that every window has at least; flat windows pull at nothing."""

NOISE = 0.1
"""Share of a window's variance that stays unexplained in the best fit."""


class LnccForce:
    """Gauss-Newton force of mean log(1 + `NOISE` - correlation^2) / 2 over box windows."""

    def __init__(self, level: Level, *, window: int = 5, rising: bool = False) -> None:
        """Compare the images of ``level``.

        window: side in voxels, odd; less along thick voxels. rising: count only windows whose
        intensities rise together, where the images are known to have one contrast.
        """
        self.level, self.rising = level, rising
        self.window = tuple(_odd(window * min(level.spacing) / step) for step in level.spacing)
        ones = torch.ones_like(level.fixed) if level.fixed_weights is None else level.fixed_weights
        self.flat = FLAT * level.fixed.var(), FLAT * level.moving.var()
        self.share = box_sum(ones, self.window).clamp_min(1e-6).reciprocal()
        self.mean = self._mean(level.fixed, level.fixed_weights, self.share)
        self.variance = self._variance(level.fixed, level.fixed_weights, self.share, self.mean, 0)

    def __call__(self, displacement: Tensor, gather: Gather) -> Force:
        fixed = self.level.fixed
        moved = self.level.moved(self.level.moving, displacement)
        weights = self.level.weights(displacement)
        share, mean_fixed, variance_fixed = self.share, self.mean, self.variance
        if self.level.moving_weights is not None and weights is not None:
            share = box_sum(weights, self.window).clamp_min(1e-6).reciprocal()
            mean_fixed = self._mean(fixed, weights, share)
            variance_fixed = self._variance(fixed, weights, share, mean_fixed, 0)
        mean_moved = self._mean(moved, weights, share)
        variance_moved = self._variance(moved, weights, share, mean_moved, 1)
        covariance = self._mean(fixed * moved, weights, share) - mean_fixed * mean_moved
        if self.rising:
            covariance = covariance.clamp_min_(0)
        slope = covariance / variance_moved
        explained = slope * covariance / variance_fixed
        # Sums over the windows y that hold x of slope(y) / var(y) * (residual of y's line at x).
        linear = slope / (variance_fixed * (1 + NOISE - explained)) * share
        if weights is not None:
            linear = linear * weights
        square = linear * slope
        constant = box_sum(square * mean_moved - linear * mean_fixed, self.window)
        curvature = box_sum(square, self.window)
        residual = box_sum(linear, self.window) * fixed - curvature * moved + constant
        left = (1 + NOISE - explained).log_()
        if weights is not None:
            left = left * weights
            residual, curvature = residual * weights, curvature * weights
        rise = slopes(moved, self.level.spacing, weights)
        pull, curved = gathered(residual[0, 0], curvature[0, 0], rise, gather)
        return Force(pull, curved, float(left.sum()) / 2)

    def _mean(self, values: Tensor, weights: Tensor | None, share: Tensor) -> Tensor:
        return box_sum(values if weights is None else values * weights, self.window) * share

    def _variance(
        self, values: Tensor, weights: Tensor | None, share: Tensor, mean: Tensor, image: int
    ) -> Tensor:
        square = self._mean(values.square(), weights, share)
        return (square - mean.square()).clamp_min_(0) + self.flat[image]


def _odd(length: float) -> int:
    """Nearest odd number of voxels, 3 at least."""
    return max(3, 2 * round((length - 1) / 2) + 1)
