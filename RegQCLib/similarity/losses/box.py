"""Sums over boxes around every voxel, in a time that hardly grows with the box."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional


def box_sum(values: Tensor, windows: tuple[int, ...]) -> Tensor:
    """Sum of the box of ``windows`` voxels (odd, one size an axis) around every voxel.

    values: (N, C, *spatial), 0 beyond the border. Returns the same shape. No large numbers are
    subtracted, as running sums would, so float32 keeps its digits; differentiable any number of
    times.
    """
    return _BoxSum.apply(values, windows)


class _BoxSum(torch.autograd.Function):
    """The box is symmetric and values end in zeros, so the derivative is the same sum again."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, windows: tuple[int, ...]) -> Tensor:
        ctx.windows = windows
        for axis, window in enumerate(windows, start=2):
            values = _window_sum(values, axis, window)
        return values

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return _BoxSum.apply(gradients[0], ctx.windows), None


def _window_sum(values: Tensor, axis: int, window: int) -> Tensor:
    """Add runs of 1, 2, 4, ... voxels: those that make up the window are its binary digits."""
    if window == 1:
        return values
    count = values.shape[axis]
    margins = [0, 0] * (values.ndim - 1 - axis) + [window // 2] * 2
    run = functional.pad(values, margins)
    total = run.narrow(axis, 0, count).clone()  # the window is odd
    length, start = 1, 1
    while 2 * length <= window:
        fewer = run.shape[axis] - length
        run = run.narrow(axis, 0, fewer) + run.narrow(axis, length, fewer)
        length *= 2
        if window & length:
            total += run.narrow(axis, start, count)
            start += length
    return total
