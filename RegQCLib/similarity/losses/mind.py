"""MIND-SSC: modality independent neighborhood descriptors with self-similarity context.

(Heinrich et al., MICCAI 2013.)  Each channel compares two neighbors of a voxel that are not
opposite each other (12 pairs in 3-D, 4 in 2-D) by the mean squared difference of the patches around
them. What remains after scaling by the local mean is structure without contrast.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from RegQCLib.similarity.losses.inputs import checked_pair, spatial_mean
from RegQCLib.similarity.losses.patches import patch_counts, patch_sums
from RegQCLib.similarity.losses.ssd import ssd
from RegQCLib.similarity.mind import DILATION, RADIUS, VARIANCE_RANGE


def mind(
    fixed: Tensor,
    moving: Tensor,
    *,
    weights: Tensor | None = None,
    radius: int = RADIUS,
    dilation: int = DILATION,
) -> Tensor:
    """Mean squared difference of the descriptors of both images, 0 to 1.

    fixed, moving: (N, C, *spatial); weights: (N, 1, *spatial), see the package. It is the `ssd` of
    two `mind_ssc`: callers that compare with one fixed image often compute its descriptor once.
    Raises InputError.
    """
    fixed, moving, weights = checked_pair(fixed, moving, weights)
    inside = None if weights is None else weights > 0
    first = mind_ssc(fixed, inside, radius=radius, dilation=dilation)
    second = mind_ssc(moving, inside, radius=radius, dilation=dilation)
    return ssd(first, second, weights=weights)


def mind_ssc(
    image: Tensor,
    mask: Tensor | None = None,
    *,
    radius: int = RADIUS,
    dilation: int = DILATION,
) -> Tensor:
    """Descriptor of every voxel, (N, C * 12, *spatial), or C * 4 in 2-D; in (0, 1], largest 1.

    image: (N, C, *spatial). mask: (N, 1, *spatial), boolean: patches are compared where both lie
    inside, and channels without such voxels are 0. Patches are boxes of (2 radius + 1) voxels
    around neighbors at ``dilation`` voxels; beyond the border of the image its edge continues.
    Lengths are voxels: resample to near-cubic voxels first.

    Within ``radius`` of the border, `RegQCLib.similarity.mind` differs: it continues the squared
    differences instead of the image.
    """
    count, channels, *shape = image.shape
    flat = image.reshape(count * channels, 1, *shape)
    margin = [radius + dilation] * (2 * len(shape))
    padded = functional.pad(flat, margin, mode="replicate")
    if mask is None:
        counts = float((2 * radius + 1) ** len(shape))
        result = _described(patch_sums(padded, None, radius, dilation) / counts, None)
    else:
        inside = mask.to(image.dtype).repeat_interleave(channels, dim=0)
        around = functional.pad(inside, margin, mode="replicate")
        found = patch_counts(around, radius, dilation)
        sums = patch_sums(padded, around, radius, dilation)
        result = _described(sums / found.clamp_min(1), found > 0)
    return result.reshape(count, -1, *shape)


def _described(distances: Tensor, known: Tensor | None) -> Tensor:
    """exp(-distance / local variance), (N, pairs, *spatial); 0 where nothing is ``known``."""
    if known is None:
        distances = distances - distances.amin(1, keepdim=True)
        variance = distances.mean(1, keepdim=True)
        typical = spatial_mean(variance.detach(), None)
    else:
        least = distances.masked_fill(~known, torch.inf).amin(1, keepdim=True)
        distances = (distances - least).masked_fill(~known, 0)
        found = known.sum(1, keepdim=True)
        variance = distances.sum(1, keepdim=True) / found.clamp_min(1)
        typical = spatial_mean(variance.detach(), (found > 0).to(variance.dtype))
    # A constant image has no variance at all: its descriptor is 1 everywhere.
    typical = torch.where(typical > 0, typical, 1)[(...,) + (None,) * (distances.ndim - 2)]
    scale = variance.clamp(VARIANCE_RANGE[0] * typical, VARIANCE_RANGE[1] * typical)
    result = torch.exp(-distances / scale)
    return result if known is None else result.masked_fill(~known, 0)
