"""Layers in two or three dimensions, and checks that the networks share."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from RegQCLib.errors import InputError

CONVOLUTIONS = {2: nn.Conv2d, 3: nn.Conv3d}
TRANSPOSED = {2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
NORMALIZATIONS = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
POOLS = {2: nn.MaxPool2d, 3: nn.MaxPool3d}
INTERPOLATIONS = {2: "bilinear", 3: "trilinear"}


def resized(values: Tensor, size: Sequence[int]) -> Tensor:
    """Linear resampling of (N, C, *spatial) to another size; the edges of the images stay."""
    mode = INTERPOLATIONS[values.ndim - 2]
    return functional.interpolate(values, size=tuple(size), mode=mode, align_corners=False)


def stacked(fixed: Tensor, moving: Tensor, axes: int, divisor: int) -> Tensor:
    """Both images as channels, moving first as published: (N, 2, *spatial).

    Raises InputError unless both are (N, 1, *spatial) with ``axes`` sizes that ``divisor`` divides.
    """
    if fixed.shape != moving.shape or fixed.ndim != axes + 2 or fixed.shape[1] != 1:
        raise InputError(
            f"this network takes two images (N, 1, {', '.join(['n'] * axes)}) of one shape, got "
            f"{tuple(fixed.shape)} and {tuple(moving.shape)}"
        )
    if any(n % divisor for n in fixed.shape[2:]):
        raise InputError(
            f"this network takes sizes that are multiples of {divisor}, got "
            f"{tuple(fixed.shape[2:])}; pad the images"
        )
    return torch.cat([moving, fixed], dim=1)


def check_axes(axes: int) -> None:
    """Raise InputError unless a network is to work on slices (2) or volumes (3)."""
    if axes not in {2, 3}:
        raise InputError(f"axes of a network's images are 2 or 3, got {axes!r}")


def check_counts(name: str, counts: Sequence[int], fewest: int = 1) -> None:
    """Raise InputError unless ``counts`` are at least ``fewest`` whole numbers above 0."""
    whole = all(isinstance(n, int) and not isinstance(n, bool) and n > 0 for n in counts)
    if not whole or len(counts) < fewest:
        raise InputError(
            f"{name} of a network: at least {fewest} whole numbers above 0, got {list(counts)}"
        )
