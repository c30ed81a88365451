"""A start from far away: the best of many shifts for every place, made smooth together.

Coupled convex optimization (Heinrich et al., MICCAI 2014; Siebert et al., ConvexAdam, IEEE TMI
2025): every shift within a window is tried everywhere, which no local descent can miss; then the
choice of every place and a smooth field approach each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import torch
from torch import Tensor
from torch.nn import functional

STRIDE = 2
"""Cells between nodes: the places that choose a shift."""

COUPLINGS = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
"""Cost of one cell's distance from the smooth field, squared, in typical gains of a good shift."""


def coupled_convex(
    fixed: Tensor, moving: Tensor, weights: Tensor | None, *, radius: tuple[int, ...]
) -> Tensor:
    """Smooth displacement from fixed to moving cells, (axes, *nodes), in cells.

    fixed, moving: (1, C, *cells), features to match. weights: (1, 1, *cells) of the fixed cells.
    radius: largest shift along each axis, cells. Nodes lie at every `STRIDE`-th cell, from the
    first on.
    """
    shifts = list(_shifts(radius))
    costs = _costs(fixed, moving, weights, shifts, radius)
    targets = torch.tensor(shifts, dtype=fixed.dtype, device=fixed.device).T
    best, typical = costs.amin(0), costs.mean(0)
    gain = float((typical - best).mean())
    if gain <= 0:
        return fixed.new_zeros(len(radius), *costs.shape[1:])
    smooth = _smoothed(targets[:, costs.argmin(0)])
    for coupling in COUPLINGS:
        smooth = _smoothed(_closest(costs, targets, smooth, coupling * gain))
    return smooth


def _shifts(radius: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """All shifts of a window; the shortest come first, so that they win where nothing differs."""
    window = product(*(range(-r, r + 1) for r in radius))
    return iter(sorted(window, key=lambda shift: (sum(s * s for s in shift), shift)))


def _costs(
    fixed: Tensor,
    moving: Tensor,
    weights: Tensor | None,
    shifts: list[tuple[int, ...]],
    radius: tuple[int, ...],
) -> Tensor:
    """Mean squared difference around every node for every shift, (shifts, *nodes)."""
    sizes = fixed.shape[2:]
    margins = [r for r in reversed(radius) for _ in range(2)]
    padded = functional.pad(moving, margins, mode="replicate")
    pool = functional.avg_pool3d if len(radius) == 3 else functional.avg_pool2d

    def around_nodes(values: Tensor) -> Tensor:
        return pool(values, STRIDE + 1, STRIDE, STRIDE // 2, count_include_pad=False)[0, 0]

    # One buffer: hundreds of differences, freed between results that stay, would leave holes that
    # add up to gigabytes.
    difference = torch.empty_like(fixed)
    costs = fixed.new_empty(len(shifts), *around_nodes(fixed[:, :1]).shape)
    for number, shift in enumerate(shifts):
        shifted = padded
        for axis, (r, s, n) in enumerate(zip(radius, shift, sizes, strict=True), start=2):
            shifted = shifted.narrow(axis, r + s, n)
        torch.sub(fixed, shifted, out=difference)
        cost = difference.square_().mean(1, keepdim=True)
        costs[number] = around_nodes(cost if weights is None else cost * weights)
    return costs


def _closest(costs: Tensor, targets: Tensor, smooth: Tensor, coupling: float) -> Tensor:
    """Shift of every node that costs least, with the distance from the smooth field counted in."""
    least = torch.full_like(smooth[0], torch.inf)
    chosen = torch.zeros_like(smooth)
    line = (-1, *[1] * (smooth.ndim - 1))
    for cost, target in zip(costs, targets.T, strict=True):
        total = cost + coupling * (smooth - target.view(line)).square().sum(0)
        better = total < least
        least = torch.where(better, total, least)
        chosen = torch.where(better, target.view(line), chosen)
    return chosen


def _smoothed(field: Tensor) -> Tensor:
    """Average over neighbors twice, (axes, *nodes)."""
    pool = functional.avg_pool3d if field.ndim == 4 else functional.avg_pool2d
    for _ in range(2):
        field = pool(field[None], 3, 1, 1, count_include_pad=False)[0]
    return field
