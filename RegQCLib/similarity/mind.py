"""MIND-SSC: modality independent neighborhood descriptors with self-similarity context.

(Heinrich et al., MICCAI 2013.)  Each of 12 channels compares two of the six neighbors of a voxel,
which are not opposite each other, by the mean squared difference of the patches around them. What
remains after scaling by the local mean is structure without contrast.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from RegQCLib.similarity.arrays import Array, Mask, checked_mask

RADIUS = 1
DILATION = 2
VARIANCE_RANGE = (1e-3, 1e3)

NEIGHBORS = ((0, -1, 0), (0, 0, -1), (-1, 0, 0), (0, 0, 1), (1, 0, 0), (0, 1, 0))
"""Offsets (k, j, i) of the six-neighborhood."""

PAIRS = tuple(
    (a, b)
    for a, b in combinations(NEIGHBORS, 2)
    if sum((x - y) ** 2 for x, y in zip(a, b, strict=True)) == 2
)
"""The 12 pairs of neighbors at squared distance 2, in the order of the channels."""


def mind_ssc(
    image: Array, *, radius: int = RADIUS, dilation: int = DILATION
) -> NDArray[np.float32]:
    """Descriptor of every voxel, (12, D, H, W) in (0, 1], largest channel 1.

    image: (D, H, W). Patches are boxes of (2 radius + 1)^3 voxels around neighbors at ``dilation``
    voxels; beyond the border the edge value continues. Lengths are voxels: resample to near-cubic
    voxels first. From the patch distances of a voxel their minimum is subtracted; then they are
    divided by their mean, clamped to 0.001 to 1000 times its mean over the image; exp(-x).
    """
    values = np.asarray(image, dtype=np.float32)
    padded = np.pad(values, dilation, mode="edge")
    distances = np.empty((len(PAIRS), *values.shape), dtype=np.float32)
    for channel, (first, second) in enumerate(PAIRS):
        gap = _neighbor(padded, first, dilation, values.shape)
        gap = gap - _neighbor(padded, second, dilation, values.shape)
        uniform_filter(gap * gap, 2 * radius + 1, output=distances[channel], mode="nearest")
    distances -= distances.min(axis=0)
    variance = distances.mean(axis=0)
    typical = float(variance.mean(dtype=np.float64))
    if typical == 0:  # a constant image: nothing differs from anything
        return np.ones_like(distances)
    distances /= np.clip(variance, VARIANCE_RANGE[0] * typical, VARIANCE_RANGE[1] * typical)
    return np.exp(-distances, out=distances)


def mind_map(
    fixed: Array, moved: Array, *, radius: int = RADIUS, dilation: int = DILATION
) -> NDArray[np.float32]:
    """Mean squared difference of the descriptors at every voxel, 0 to 1; a distance."""
    checked_mask(fixed, moved, None)
    first = mind_ssc(fixed, radius=radius, dilation=dilation)
    first -= mind_ssc(moved, radius=radius, dilation=dilation)
    return np.einsum("cxyz,cxyz->xyz", first, first) / np.float32(len(PAIRS))


def mind_distance(
    fixed: Array,
    moved: Array,
    mask: Mask | None = None,
    *,
    radius: int = RADIUS,
    dilation: int = DILATION,
) -> float:
    """Mean of `mind_map` inside the mask; a distance: larger = less alike."""
    inside = checked_mask(fixed, moved, mask)
    return float(
        mind_map(fixed, moved, radius=radius, dilation=dilation)[inside].mean(dtype=np.float64)
    )


def _neighbor(
    padded: NDArray[np.float32],
    offset: tuple[int, int, int],
    dilation: int,
    shape: tuple[int, ...],
) -> NDArray[np.float32]:
    index = tuple(
        slice(dilation * (1 + step), dilation * (1 + step) + count)
        for step, count in zip(offset, shape, strict=True)
    )
    return padded[index]
