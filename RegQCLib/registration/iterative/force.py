"""What the data ask of a field: pulls and curvatures at its control points.

A force is the Gauss-Newton view of a measure: ``pull`` is minus its derivative by the coefficients,
``curvature`` approximates the second derivative. The curvature of many voxels is gathered into one
matrix a control point (the row sums of the full matrix), which never underestimates it, so that a
step that solves with it does not overshoot.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from RegQCLib.registration.iterative.control_grid import ControlGrid, separable, transposed
from RegQCLib.registration.iterative.deformable_level import Level
from RegQCLib.registration.iterative.solver import index_pairs

Gather = Callable[[Tensor], Tensor]
"""From values at the voxels, (*n), to their sum at every control point, (*counts)."""


class Force(NamedTuple):
    """pull: (axes, *counts), minus the derivative of ``energy`` by mm.

    curvature: (pairs, *counts), about the second derivative. energy: the measure, summed.
    """

    pull: Tensor
    curvature: Tensor
    energy: float


class VoxelForce(Protocol):
    """A measure that can say what every voxel wants."""

    def __call__(self, displacement: Tensor, gather: Gather) -> Force:
        """Force at a displacement (axes, *n) in mm."""


class Term:
    """A measure on the voxels of one level, as a function of the coefficients of a field."""

    def __init__(
        self, measure: VoxelForce, level: Level, control: ControlGrid, weight: float = 1.0
    ) -> None:
        self.measure = measure
        self.scale = weight * level.cell
        self.matrices = control.matrices(level.positions, level.fixed)

    def __call__(self, coefficients: Tensor) -> Force:
        """Force of the displacement with these coefficients, (axes, *counts), mm."""
        force = self.measure(separable(self.matrices, coefficients), self._gather)
        return Force(
            force.pull * self.scale, force.curvature * self.scale, force.energy * self.scale
        )

    def _gather(self, values: Tensor) -> Tensor:
        return transposed(self.matrices, values[None])[0]


def gathered(
    residual: Tensor, curvature: Tensor, slopes: Sequence[Tensor], gather: Gather
) -> tuple[Tensor, Tensor]:
    """Pull and curvature of an image: residual * slopes and curvature * slopes slopes'.

    residual, curvature: (*n). slopes: derivatives of the image, one (*n) for each axis, per mm.
    """
    pull = torch.stack([gather(residual * slope) for slope in slopes])
    curved = [curvature * slope for slope in slopes]
    pairs = index_pairs(len(slopes))
    return pull, torch.stack([gather(curved[a] * slopes[b]) for a, b in pairs])


def slopes(image: Tensor, spacing: Sequence[float], weights: Tensor | None) -> list[Tensor]:
    """Derivatives (*n) per mm of an image (1, 1, *n) along each axis; see `between_known`."""
    found = list(torch.gradient(image[0, 0], spacing=[float(step) for step in spacing]))
    if weights is None:
        return found
    return [slope * valid for slope, valid in zip(found, between_known(weights), strict=True)]


def between_known(weights: Tensor) -> list[Tensor]:
    """1 where both neighbors along an axis have a weight above 0, else 0; (*n) for each axis.

    Elsewhere a slope is that from what is known to what is not, and means nothing.
    """
    known = (weights[0, 0] > 0).to(weights.dtype)
    result = []
    for axis, count in enumerate(known.shape):
        edges = [known.narrow(axis, 0, 1), known, known.narrow(axis, count - 1, 1)]
        wide = torch.cat(edges, axis)
        result.append(wide.narrow(axis, 0, count) * wide.narrow(axis, 2, count))
    return result
