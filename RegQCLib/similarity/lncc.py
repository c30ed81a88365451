"""Local normalized cross-correlation over box windows.

Where windows are small, a linear relation of intensities holds across contrasts more often than in
the whole image, up to its sign; squaring removes the sign (Avants et al., Med Image Anal 2008).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from RegQCLib.similarity.arrays import Array, Mask, checked_mask

WINDOW = 9
RELATIVE_NOISE = 1e-6
"""Windows whose variance is below this share of the image's own count as constant."""


def lncc_map(
    fixed: Array,
    moved: Array,
    *,
    window: int | tuple[int, int, int] = WINDOW,
    squared: bool = True,
) -> NDArray[np.float64]:
    """Correlation in a box around every voxel: 0 to 1 (squared) or -1 to 1; larger = more alike.

    fixed, moved: (D, H, W). window: box size in voxels, one number or along (k, j, i). Beyond the
    border the image is mirrored. Sums run in float64: variances are small differences of large
    numbers. Windows in which an image is constant have no correlation and give 0.
    Raises InputError for shapes that differ or values that are not finite.
    """
    checked_mask(fixed, moved, None)
    # Without the means, the difference of squares below cancels less.
    first = fixed.astype(np.float64) - np.mean(fixed, dtype=np.float64)
    second = moved.astype(np.float64) - np.mean(moved, dtype=np.float64)
    mean_first, mean_second = uniform_filter(first, window), uniform_filter(second, window)
    covariance = uniform_filter(first * second, window) - mean_first * mean_second
    variance_first = uniform_filter(first * first, window) - mean_first**2
    variance_second = uniform_filter(second * second, window) - mean_second**2
    floor_first, floor_second = RELATIVE_NOISE * first.var(), RELATIVE_NOISE * second.var()
    varied = (variance_first > floor_first) & (variance_second > floor_second)
    product = np.where(varied, variance_first * variance_second, 1.0)
    if squared:
        result = np.clip(covariance**2 / product, 0, 1)
    else:
        result = np.clip(covariance / np.sqrt(product), -1, 1)
    return np.asarray(np.where(varied, result, 0.0))


def lncc(
    fixed: Array,
    moved: Array,
    mask: Mask | None = None,
    *,
    window: int | tuple[int, int, int] = WINDOW,
    squared: bool = True,
) -> float:
    """Mean of `lncc_map` inside the mask; larger = more alike.

    Windows at the mask's border reach out of it.
    """
    inside = checked_mask(fixed, moved, mask)
    return float(lncc_map(fixed, moved, window=window, squared=squared)[inside].mean())
