"""Where histogram bins lie, into which bin a voxel falls, and a random choice of voxels."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from RegQCLib.errors import InputError
from RegQCLib.similarity.nmi import RANGE_PERCENTILES

Range = tuple[float, float]

BINS = 32
"""Fewer than the NumPy measures use: a Parzen window spreads a voxel over neighboring bins."""

ENOUGH = 65536
"""Voxels from which percentiles are taken, evenly chosen; more would not move them visibly."""


def in_range(values: Tensor, weights: Tensor | None, given: Range | None, steps: int) -> Tensor:
    """Intensities such that the range lies between 0 and ``steps``, (rows, voxels).

    The range is ``given``, or lies between the percentiles 0.5 and 99.5 of the voxels of positive
    weight, which then are constants in the derivative. Constant images become 0.
    Raises InputError for a range that is none.
    """
    if given is not None:
        if not (all(map(math.isfinite, given)) and given[0] < given[1]):
            raise InputError(f"a histogram's range must be (low, high), low < high, got {given}")
        ends = values.new_tensor(given).expand(len(values), 2)
    else:
        known = [None] * len(values) if weights is None else weights
        ends = torch.stack([_range(row, w) for row, w in zip(values.detach(), known, strict=True)])
    low, extent = ends[:, :1], ends[:, 1:] - ends[:, :1]
    varied = extent > 0
    return (values - low) * (steps / torch.where(varied, extent, 1) * varied)


def bin_numbers(values: Tensor, weights: Tensor | None, given: Range | None, bins: int) -> Tensor:
    """Bin 0 to ``bins - 1`` of every voxel, (rows, voxels), as `RegQCLib.similarity.nmi` counts.

    Raises InputError.
    """
    if bins < 2:
        raise InputError(f"a histogram takes 2 bins or more, got {bins}")
    numbers = in_range(values.detach(), weights, given, bins)
    return numbers.floor_().clamp_(0, bins - 1).long()


def random_voxels(
    images: Tensor, weights: Tensor | None, share: float, generator: torch.Generator | None
) -> Tensor:
    """Indices of a share of the voxels of positive weight, (N, 1, chosen), drawn with replacement.

    images: (N, C, voxels); weights: (N, 1, voxels). generator: on the device of the images.
    """
    if not 0 < share <= 1:
        raise InputError(f"samples is a share of the voxels, above 0 and up to 1, got {share}")

    def draw(count: int, shape: tuple[int, ...]) -> Tensor:
        return torch.randint(count, shape, generator=generator, device=images.device)

    if weights is None:
        count = math.ceil(share * images.shape[2])
        return draw(images.shape[2], (images.shape[0], 1, count))
    inside = [row[0].nonzero().squeeze(1) for row in weights]
    count = math.ceil(share * max(len(voxels) for voxels in inside))
    return torch.stack([voxels[draw(len(voxels), (1, count))] for voxels in inside])


def _range(row: Tensor, weights: Tensor | None) -> Tensor:
    """Lowest and highest intensity that bins tell apart, (2,)."""
    if weights is not None:
        row = row[weights > 0]
    row = row[:: math.ceil(len(row) / ENOUGH)]
    ends = torch.quantile(row, torch.tensor(RANGE_PERCENTILES).to(row) / 100)
    if ends[0] < ends[1]:
        return ends
    # A label-like image can have nearly all its voxels at one value.
    return torch.stack(row.aminmax())
