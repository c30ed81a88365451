"""Joint histogram of two images that is smooth in the second: a Parzen window spreads its voxels.

(Mattes et al., IEEE Trans Med Imaging 2003; Thevenaz and Unser, IEEE Trans Image Process 2000.)
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from RegQCLib.errors import InputError

Window = Literal["linear", "cubic"]


def joint_histogram(
    bins_fixed: Tensor,
    positions: Tensor,
    weights: Tensor | None,
    *,
    bins: int,
    window: Window,
) -> Tensor:
    """Weight of every pair of intensities, (rows, bins, bins or more), float64.

    bins_fixed: (rows, voxels), whole numbers 0 to ``bins - 1``. positions: (rows, voxels),
    intensities of the moving image in units of bins, 0 to ``bins - 1`` at the centers of the outer
    bins; gradients flow to them. weights: (rows, voxels). window: B-spline of order 1, over 2 bins,
    or of order 3, over 4; the latter reaches out of the range by one bin at either end.
    Raises InputError for another window.
    """
    if window not in {"linear", "cubic"}:
        raise InputError(f"a Parzen window is linear or cubic, got {window!r}")
    return _JointHistogram.apply(bins_fixed, positions, weights, bins, window == "cubic")


class _JointHistogram(torch.autograd.Function):
    """Scattered forwards, gathered backwards; autograd would keep every tap of every voxel."""

    @staticmethod
    def forward(
        ctx: Any,
        bins_fixed: Tensor,
        positions: Tensor,
        weights: Tensor | None,
        bins: int,
        cubic: bool,
    ) -> Tensor:
        rows, columns = len(positions), bins + 2 if cubic else bins
        first = positions.floor().clamp_(max=bins - 2)
        part = positions - first
        # Left of `first` a cubic window has one more bin, and so has the histogram.
        index = torch.arange(rows, device=positions.device).unsqueeze(1) * bins + bins_fixed
        index = (index * columns + first.long()).flatten()
        size = rows * bins * columns
        total = torch.zeros(size, dtype=torch.float64, device=positions.device)
        for shift, share in enumerate(_cubic(part) if cubic else _linear(part)):
            counted = share if weights is None else share * weights
            # float32 would swallow small shares once a bin holds millions of voxels.
            total += torch.bincount(index + shift, counted.flatten().double(), size)
        ctx.save_for_backward(index, part, weights)
        ctx.cubic = cubic
        return total.view(rows, bins, columns)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, Tensor, None, None, None]:
        index, part, weights = ctx.saved_tensors
        table = gradients[0].flatten().to(part.dtype)
        result = torch.zeros_like(part)
        for shift, slope in enumerate(_cubic_slopes(part) if ctx.cubic else _linear_slopes(part)):
            result += table[index + shift].view_as(part) * slope
        return None, result if weights is None else result * weights, None, None, None


def _linear(part: Tensor) -> tuple[Tensor, ...]:
    return 1 - part, part


def _linear_slopes(part: Tensor) -> tuple[Tensor, ...]:
    one = torch.ones_like(part[:1, :1])
    return -one, one


def _cubic(part: Tensor) -> tuple[Tensor, ...]:
    """Weights of the bins at -1, 0, 1 and 2 for a voxel at ``part`` between 0 and 1."""
    rest = 1 - part
    return (
        rest**3 / 6,
        2 / 3 - part**2 * (1 - part / 2),
        2 / 3 - rest**2 * (1 - rest / 2),
        part**3 / 6,
    )


def _cubic_slopes(part: Tensor) -> tuple[Tensor, ...]:
    rest = 1 - part
    return (
        -(rest**2) / 2,
        part * (1.5 * part - 2),
        rest * (2 - 1.5 * rest),
        part**2 / 2,
    )
