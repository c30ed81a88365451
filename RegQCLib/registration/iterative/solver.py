"""One step towards the best field: pull of the data against stiffness, solved together."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations_with_replacement

import torch
from torch import Tensor

from RegQCLib.registration.iterative.regularizers import Regularizer

TOLERANCE = 1e-2
LEAST_CURVATURE = 1e-3
"""Share of the mean curvature that a flat direction counts with in the preconditioner."""


def solve(
    curvature: Tensor,
    regularizer: Regularizer,
    right: Tensor,
    *,
    extra: Callable[[Tensor], Tensor] | None = None,
    iterations: int = 12,
) -> Tensor:
    """Solve (H + L + extra) c = right by conjugate gradients, up to a relative error of 1 %.

    curvature: (pairs, *counts), the entries (a, b >= a) of the symmetric H at every control point.
    right: (axes, *counts). extra: a further operator, symmetric and positive. The preconditioner is
    exact for a curvature and a stiffness that are the same everywhere.
    """
    axes = len(right)
    diagonal = curvature[[n for n, (a, b) in enumerate(index_pairs(axes)) if a == b]]
    mean = float(diagonal.mean())
    if mean <= 0 and extra is None:
        return torch.zeros_like(right)
    solution = torch.zeros_like(right)
    residual = right
    direction: Tensor | None = None
    size = first = 0.0
    for _ in range(iterations):
        corrected = regularizer.smoothed(residual, mean)
        previous, size = size, float((residual * corrected).sum())
        first = first or size
        if size <= TOLERANCE**2 * first or size <= 0:
            break
        direction = corrected if direction is None else corrected + size / previous * direction
        image = multiply(curvature, direction) + regularizer(direction)
        if extra is not None:
            image = image + extra(direction)
        step = size / float((direction * image).sum())
        solution = solution + step * direction
        residual = residual - step * image
    return solution


def index_pairs(axes: int) -> list[tuple[int, int]]:
    """Entries (a, b >= a) of a symmetric matrix, in the order in which curvatures are stored."""
    return list(combinations_with_replacement(range(axes), 2))


def multiply(curvature: Tensor, vectors: Tensor) -> Tensor:
    """Product of the symmetric matrices (pairs, *counts) with vectors (axes, *counts)."""
    result = torch.zeros_like(vectors)
    for entry, (a, b) in zip(curvature, index_pairs(len(vectors)), strict=True):
        result[a] += entry * vectors[b]
        if a != b:
            result[b] += entry * vectors[a]
    return result
