"""Mutual information and its normalized form, from a joint histogram.

(Studholme et al., Pattern Recognition 1999.)  Intensities are binned between the percentiles 0.5
and 99.5 inside the mask, so that a few bright voxels do not empty the other bins.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from RegQCLib.similarity.arrays import Array, Mask, checked_mask

BINS = 64
RANGE_PERCENTILES = (0.5, 99.5)


def binned(values: Array, bins: int = BINS) -> NDArray[np.intp]:
    """Bin numbers 0 to ``bins - 1`` of a 1-D array between its percentiles; 0 where constant."""
    low, high = np.percentile(values, RANGE_PERCENTILES)
    if high <= low:
        # A label-like image can have nearly all its voxels at one value.
        low, high = float(values.min()), float(values.max())
    if high <= low:
        return np.zeros(values.shape, dtype=np.intp)
    scaled = (values.astype(np.float64) - low) * (bins / (high - low))
    return np.clip(scaled, 0, bins - 1).astype(np.intp)


def joint_histogram(
    fixed: Array, moved: Array, mask: Mask | None = None, *, bins: int = BINS
) -> NDArray[np.int64]:
    """Count intensity pairs inside the mask, (bins of fixed, bins of moved)."""
    inside = checked_mask(fixed, moved, mask)
    pairs = binned(fixed[inside], bins) * bins + binned(moved[inside], bins)
    return np.bincount(pairs, minlength=bins * bins).reshape(bins, bins)


def entropy(counts: Array) -> float:
    """Shannon entropy in nats of the distribution that counts describe, any shape."""
    probability = counts[counts > 0] / counts.sum()
    return float(-(probability * np.log(probability)).sum())


def mutual_information(
    fixed: Array, moved: Array, mask: Mask | None = None, *, bins: int = BINS
) -> float:
    """H(fixed) + H(moved) - H(fixed, moved) in nats, 0 or more; larger = more alike."""
    counts = joint_histogram(fixed, moved, mask, bins=bins)
    return entropy(counts.sum(1)) + entropy(counts.sum(0)) - entropy(counts)


def normalized_mutual_information(
    fixed: Array, moved: Array, mask: Mask | None = None, *, bins: int = BINS
) -> float:
    """(H(fixed) + H(moved)) / H(fixed, moved), 1 to 2; larger = more alike.

    Independent images give 1, identical ones 2, and two constant ones 1. It depends less than
    mutual information on how much of the body the mask shows.
    """
    return normalized(joint_histogram(fixed, moved, mask, bins=bins))


def normalized(counts: Array) -> float:
    """Return the normalized mutual information of a joint histogram of any size."""
    joint = entropy(counts)
    return (entropy(counts.sum(1)) + entropy(counts.sum(0))) / joint if joint > 0 else 1.0
