"""Normalized gradient fields: do edges run the same way?

(Haber and Modersitzki, MICCAI 2006.)  d = 1 - (<a, b> / (|a|_e |b|_e))^2 with the gradients a, b of
both images in intensity per mm and |a|_e = sqrt(|a|^2 + e^2). Insensitive to contrast and its sign.
The noise level e says below which gradient an edge is no edge.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from RegQCLib.similarity.arrays import Array, Mask, checked_mask


def gradients(image: Array, spacing: Sequence[float]) -> NDArray[np.float64]:
    """Central differences along the voxel axes, (3, D, H, W) in (k, j, i) order, intensity per mm.

    spacing: mm along (i, j, k). An axis of one voxel has no gradient. Voxel axes are perpendicular,
    so inner products and lengths are those in world space.
    """
    values = image.astype(np.float64)
    parts = [
        np.gradient(values, step, axis=axis) if values.shape[axis] > 1 else np.zeros_like(values)
        for axis, step in enumerate(reversed(list(spacing)))
    ]
    return np.stack(parts)


def ngf_map(
    fixed: Array,
    moved: Array,
    spacing: Sequence[float],
    mask: Mask | None = None,
    *,
    epsilon: tuple[float, float] | None = None,
) -> NDArray[np.float64]:
    """Distance at every voxel, 0 (parallel edges) to 1 (perpendicular, or no edge); a distance.

    fixed, moved: (D, H, W). spacing: mm along (i, j, k). epsilon: noise levels of the fixed and the
    moved image, intensity per mm; by default the mean gradient length inside the mask.
    Raises InputError for shapes or masks that do not fit.
    """
    inside = checked_mask(fixed, moved, mask)
    first, second = gradients(fixed, spacing), gradients(moved, spacing)
    square_first = np.einsum("cxyz,cxyz->xyz", first, first)
    square_second = np.einsum("cxyz,cxyz->xyz", second, second)
    inner = np.einsum("cxyz,cxyz->xyz", first, second)
    if epsilon is None:
        noise = [float(np.sqrt(square[inside]).mean()) for square in (square_first, square_second)]
    else:
        noise = list(epsilon)
    product = (square_first + noise[0] ** 2) * (square_second + noise[1] ** 2)
    return 1 - np.divide(inner**2, product, out=np.zeros_like(inner), where=product > 0)


def ngf_distance(
    fixed: Array,
    moved: Array,
    spacing: Sequence[float],
    mask: Mask | None = None,
    *,
    epsilon: tuple[float, float] | None = None,
) -> float:
    """Mean of `ngf_map` inside the mask, 0 to 1; a distance: larger = less alike."""
    inside = checked_mask(fixed, moved, mask)
    return float(ngf_map(fixed, moved, spacing, mask, epsilon=epsilon)[inside].mean())
