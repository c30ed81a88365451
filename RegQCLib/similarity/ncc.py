"""Normalized cross-correlation: Pearson's coefficient of two images."""

from __future__ import annotations

import numpy as np

from RegQCLib.similarity.arrays import Array, Mask, checked_mask


def ncc(fixed: Array, moved: Array, mask: Mask | None = None) -> float:
    """Correlation coefficient inside the mask, -1 to 1; larger = more alike.

    It expects a linear relation of intensities, which two contrasts seldom have. 0 where an image
    is constant. fixed, moved: (D, H, W). Raises InputError for shapes or masks that do not fit.
    """
    inside = checked_mask(fixed, moved, mask)
    first = fixed[inside].astype(np.float64)
    second = moved[inside].astype(np.float64)
    first -= first.mean()
    second -= second.mean()
    scale = np.sqrt((first @ first) * (second @ second))
    return float(first @ second / scale) if scale > 0 else 0.0
