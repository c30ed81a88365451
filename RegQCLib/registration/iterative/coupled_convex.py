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
    fixed: Tensor,
    moving: Tensor,
    weights: Tensor | None,
    moving_weights: Tensor | None = None,
    *,
    radius: tuple[int, ...],
) -> Tensor:
    """Smooth displacement from fixed to moving cells, (axes, *nodes), in cells.

    fixed, moving: (1, C, *cells), features to match. weights, moving_weights: (1, 1, *cells), how
    far they are to be trusted. radius: largest shift along each axis, cells. Nodes lie at every
    `STRIDE`-th cell, from the first on.
    """
    shifts = list(_shifts(radius))
    costs = _costs(fixed, moving, weights, moving_weights, shifts, radius)
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
    moving_weights: Tensor | None,
    shifts: list[tuple[int, ...]],
    radius: tuple[int, ...],
) -> Tensor:
    """Mean squared difference around every node for every shift, (shifts, *nodes).

    Cells whose counterpart as it lies is unknown have no say, as their best match would be a chance
    one. What a shift takes to where nothing is known costs what is usual at its node.
    """
    sizes = fixed.shape[2:]
    pool = functional.avg_pool3d if len(radius) == 3 else functional.avg_pool2d

    def around_nodes(values: Tensor) -> Tensor:
        return pool(values, STRIDE + 1, STRIDE, STRIDE // 2, count_include_pad=False)[0, 0]

    def shifted(padded: Tensor, shift: tuple[int, ...]) -> Tensor:
        for axis, (r, s, n) in enumerate(zip(radius, shift, sizes, strict=True), start=2):
            padded = padded.narrow(axis, r + s, n)
        return padded

    moving = _padded(moving, radius)
    trusted = torch.ones_like(fixed[:, :1]) if weights is None else weights
    if moving_weights is not None:
        trusted = trusted * moving_weights
    # One buffer: hundreds of differences, freed between results that stay, would leave holes that
    # add up to gigabytes.
    difference = torch.empty_like(fixed)
    costs = fixed.new_empty(len(shifts), *around_nodes(trusted).shape)
    known = None if moving_weights is None else torch.empty_like(costs)
    trust = None if moving_weights is None else _padded(moving_weights, radius)
    for number, shift in enumerate(shifts):
        torch.sub(fixed, shifted(moving, shift), out=difference)
        both = trusted
        if trust is not None and known is not None:
            both = trusted * shifted(trust, shift)
            known[number] = around_nodes(both)
        costs[number] = around_nodes(difference.square_().mean(1, keepdim=True) * both)
    if known is not None:
        usual = costs.sum(0) / known.sum(0).clamp_min(1e-6)
        costs += usual * (around_nodes(trusted) - known)
    return costs


def _padded(values: Tensor, radius: tuple[int, ...]) -> Tensor:
    return functional.pad(values, [r for r in reversed(radius) for _ in range(2)], mode="replicate")


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
