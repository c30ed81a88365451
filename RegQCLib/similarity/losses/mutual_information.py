"""Mutual information and its normalized form: for any statistical relation of intensities.

(Wells et al., Med Image Anal 1996; Studholme et al., Pattern Recognition 1999.)  The fixed image is
counted in hard bins, the moving one through a Parzen window, so that the measures are smooth.

Options of both measures. bins: for each image. window: "linear", or "cubic", which costs twice the
time and has a continuous derivative. fixed_range: intensities (low, high) that the bins divide;
moving_range: intensities at the centers of the outer bins. Voxels beyond count at the ends and have
no gradient. By default the percentiles 0.5 and 99.5 inside the mask, measured anew for every moved
image: give ``moving_range`` where values must compare. samples: share of the voxels to use, drawn
at random with ``generator``.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from RegQCLib.similarity.losses.binning import (
    BINS,
    Range,
    bin_numbers,
    in_range,
    random_voxels,
)
from RegQCLib.similarity.losses.inputs import checked_pair
from RegQCLib.similarity.losses.parzen import Window, joint_histogram

LEAST = 1e-10
"""Probability below which its logarithm stays: far less than one voxel of any image.

The true derivative of an entropy is infinite at an empty bin."""


class Entropies(NamedTuple):
    """Entropies in nats, one for every image and channel, (N * C,)."""

    fixed: Tensor
    moving: Tensor
    joint: Tensor


def mutual_information(
    fixed: Tensor,
    moving: Tensor,
    *,
    weights: Tensor | None = None,
    bins: int = BINS,
    window: Window = "linear",
    fixed_range: Range | None = None,
    moving_range: Range | None = None,
    samples: float | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Negative mutual information, -(H(fixed) + H(moving) - H(fixed, moving)) in nats, 0 or less.

    fixed, moving: (N, C, *spatial); weights: (N, 1, *spatial), see the package; every channel is an
    image of its own. For the options see this module. Raises InputError.
    """
    found = _entropies(
        *checked_pair(fixed, moving, weights),
        (fixed_range, moving_range),
        (samples, generator),
        bins,
        window,
    )
    return (found.joint - found.fixed - found.moving).mean().to(fixed.dtype)


def normalized_mutual_information(
    fixed: Tensor,
    moving: Tensor,
    *,
    weights: Tensor | None = None,
    bins: int = BINS,
    window: Window = "linear",
    fixed_range: Range | None = None,
    moving_range: Range | None = None,
    samples: float | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """2 - (H(fixed) + H(moving)) / H(fixed, moving): 0 for a one-to-one relation, 1 for none.

    It depends less than mutual information on how much of the body overlaps. A Parzen window blurs
    the moving image's bins, so that even identical images stay above 0. Tensors and options as for
    `mutual_information`. Raises InputError.
    """
    found = _entropies(
        *checked_pair(fixed, moving, weights),
        (fixed_range, moving_range),
        (samples, generator),
        bins,
        window,
    )
    varied = found.joint > 0  # not so when both images are constant: that counts as no relation
    ratio = (found.fixed + found.moving) / torch.where(varied, found.joint, 1)
    return (2 - torch.where(varied, ratio, 1)).mean().to(fixed.dtype)


def _entropies(
    fixed: Tensor,
    moving: Tensor,
    weights: Tensor | None,
    ranges: tuple[Range | None, Range | None],
    sampling: tuple[float | None, torch.Generator | None],
    bins: int,
    window: Window,
) -> Entropies:
    first, second = fixed.flatten(2), moving.flatten(2)
    importance = None if weights is None else weights.flatten(2)
    share, generator = sampling
    if share is not None:
        chosen = random_voxels(first, importance, share, generator)
        everywhere = chosen.expand(-1, first.shape[1], -1)
        first, second = first.gather(2, everywhere), second.gather(2, everywhere)
        importance = None if importance is None else importance.gather(2, chosen)
    if importance is not None:
        importance = importance.expand(first.shape).flatten(0, 1)
    first, second = first.flatten(0, 1), second.flatten(0, 1)
    counts = joint_histogram(
        bin_numbers(first, importance, ranges[0], bins),
        in_range(second, importance, ranges[1], bins - 1).clamp(0, bins - 1),
        importance,
        bins=bins,
        window=window,
    )
    joint = counts / counts.sum((1, 2), keepdim=True)
    return Entropies(_entropy(joint.sum(2)), _entropy(joint.sum(1)), _entropy(joint.flatten(1)))


def _entropy(probability: Tensor) -> Tensor:
    return -(probability * probability.clamp_min(LEAST).log()).sum(1)
