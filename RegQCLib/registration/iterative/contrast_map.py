"""The moving image in the fixed image's contrast, as far as intensities alone tell it.

Each intensity of the moving image becomes the mean of the fixed one where both are aligned (the
regression behind the correlation ratio, Roche et al., MICCAI 1998). After a rough alignment this
tells dark from bright, which squared local correlation cannot: edges of the wrong sign no longer
attract each other.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

BINS = 64
BLUR_BINS = 1.5
RANGE = (0.002, 0.998)
SAMPLES = 200_000
PRIOR = 1e-3
"""Share of the voxels that each bin counts in addition, with the mean intensity."""


class ContrastMap(NamedTuple):
    """Mean fixed intensity (bins,) over moving intensities from ``low`` to ``high``."""

    means: Tensor
    low: float
    high: float

    def __call__(self, moving: Tensor) -> Tensor:
        """Translate an image of any shape; linear between bins."""
        bins = len(self.means)
        place = ((moving - self.low) * (bins / (self.high - self.low)) - 0.5).clamp(0, bins - 1.001)
        index = place.long()
        part = place - index
        return self.means[index] * (1 - part) + self.means[index + 1] * part


def contrast_map(fixed: Tensor, moved: Tensor, weights: Tensor | None) -> ContrastMap:
    """Learn the map from two images on one grid, (1, 1, *n), where weights are positive."""
    first, second = fixed.flatten(), moved.flatten()
    counts = torch.ones_like(first) if weights is None else weights.flatten()
    known = second if weights is None else second[counts > 0]
    sample = known[:: max(1, known.numel() // SAMPLES)]
    low, high = torch.quantile(sample, sample.new_tensor(RANGE)).tolist()
    if high <= low:
        high = low + 1.0
    index = ((second - low) * (BINS / (high - low))).clamp(0, BINS - 1).long()
    number = torch.bincount(index, counts.double(), BINS)
    total = torch.bincount(index, (counts * first).double(), BINS)
    mean = total.sum() / number.sum()
    extra = PRIOR * number.sum() / BINS
    means = (_blurred(total) + extra * mean) / (_blurred(number) + extra)
    return ContrastMap(means.to(fixed.dtype), low, high)


def _blurred(counts: Tensor) -> Tensor:
    offsets = torch.arange(-5, 6, dtype=counts.dtype, device=counts.device)
    kernel = torch.exp(-0.5 * (offsets / BLUR_BINS).square())
    padded = functional.pad(counts[None, None], (5, 5))
    return functional.conv1d(padded, (kernel / kernel.sum())[None, None])[0, 0]
