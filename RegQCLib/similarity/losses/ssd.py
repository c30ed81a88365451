"""Mean squared difference: for images of one contrast and one intensity scale."""

from __future__ import annotations

from torch import Tensor

from RegQCLib.similarity.losses.inputs import checked_pair, spatial_mean


def ssd(fixed: Tensor, moving: Tensor, *, weights: Tensor | None = None) -> Tensor:
    """Mean of (fixed - moving)^2, 0 or more, in squared intensities.

    fixed, moving: (N, C, *spatial); weights: (N, 1, *spatial), see the package: the result is
    sum w d^2 / sum w, as in SparseVM (Dalca et al.) for images with few observed slices.
    Raises InputError.
    """
    fixed, moving, weights = checked_pair(fixed, moving, weights)
    return spatial_mean((fixed - moving).square(), weights).mean()
