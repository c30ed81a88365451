"""Smoothness of a field on control points: bending and diffusion, stiffer where a map says so.

The energy of coefficients c in mm is 1/2 integral of w (bending |second derivatives|^2 + diffusion
|first derivatives|^2), by finite differences. Affine motion costs no bending (Rueckert et al., IEEE
TMI 18, 1999), and nothing is assumed beyond the border.
"""

from __future__ import annotations

import math
from itertools import combinations_with_replacement

import numpy as np
import torch
from torch import Tensor

from RegQCLib.registration.iterative.control_grid import ControlGrid, separable, transposed


class Regularizer:
    """The operator L of the energy 1/2 c L c, for coefficients (C, *counts)."""

    def __init__(
        self,
        control: ControlGrid,
        like: Tensor,
        *,
        bending: float,
        diffusion: float,
        stiffness: Tensor | None = None,
    ) -> None:
        """Weights: ``bending`` per 1/mm^2 squared, ``diffusion`` per slope squared, both per mm^3.

        stiffness: factor w at every control point, (*counts); None is 1 everywhere. like: gives the
        type and the device.
        """
        self.steps = control.spacing
        self.bending, self.diffusion = bending, diffusion
        self.stiffness = stiffness
        self.root = like.new_ones(()) if stiffness is None else stiffness.sqrt()
        self.cell = math.prod(control.spacing)
        self.waves = [_cosines(count, like) for count in control.counts]
        self.energies = self._energies(control.counts, like)

    def __call__(self, coefficients: Tensor) -> Tensor:
        """Return L c, the derivative of the energy."""
        axes = range(len(self.steps))
        slopes = [_difference(coefficients, axis) / self.steps[axis] for axis in axes]
        pulls = [self._weighted(slopes[axis], (axis,)) * self.diffusion for axis in axes]
        for a, b in combinations_with_replacement(axes, 2):
            bend = _difference(slopes[a], b) / self.steps[b]
            factor = self.bending * (1 if a == b else 2) / self.steps[b]
            pulls[a] += _gathered(self._weighted(bend, (a, b)), b) * factor
        total = torch.zeros_like(coefficients)
        for axis, pull in enumerate(pulls):
            total += _gathered(pull, axis) / self.steps[axis]
        return total * self.cell

    def smoothed(self, right: Tensor, curvature: float) -> Tensor:
        """Solve (curvature + L) c = right, up to the border and to slopes of the stiffness.

        Cosines diagonalize differences with zero slope at the border; a stiffness w acts much as
        its root before and after.
        """
        if self.stiffness is not None:
            right = right / self.root
        spectrum = separable(self.waves, right) / (self.energies + curvature)
        found = transposed(self.waves, spectrum)
        return found if self.stiffness is None else found / self.root

    def _energies(self, counts: tuple[int, ...], like: Tensor) -> Tensor:
        """Energy of every product of cosines, (*counts)."""
        total = like.new_zeros(counts)
        for axis, (count, step) in enumerate(zip(counts, self.steps, strict=True)):
            line = [count if a == axis else 1 for a in range(len(counts))]
            turns = torch.arange(count, dtype=like.dtype, device=like.device) * (math.pi / count)
            total = total + ((2 - 2 * turns.cos()) / step**2).view(line)
        return (self.bending * total.square() + self.diffusion * total) * self.cell

    def _weighted(self, differences: Tensor, axes: tuple[int, ...]) -> Tensor:
        """Multiply by the stiffness half-way between the points that were subtracted."""
        if self.stiffness is None:
            return differences
        weight = self.stiffness
        for axis in axes:
            count = weight.shape[axis] - 1
            weight = (weight.narrow(axis, 0, count) + weight.narrow(axis, 1, count)) / 2
        return differences * weight


def _difference(values: Tensor, axis: int) -> Tensor:
    """Next value minus this one along a spatial axis, one fewer."""
    count = values.shape[axis + 1] - 1
    return values.narrow(axis + 1, 1, count) - values.narrow(axis + 1, 0, count)


def _gathered(differences: Tensor, axis: int) -> Tensor:
    """Adjoint of `_difference`."""
    shape = list(differences.shape)
    shape[axis + 1] += 1
    result = differences.new_zeros(shape)
    count = differences.shape[axis + 1]
    result.narrow(axis + 1, 1, count).add_(differences)
    result.narrow(axis + 1, 0, count).sub_(differences)
    return result


def _cosines(count: int, like: Tensor) -> Tensor:
    """Orthonormal discrete cosine transform (type 2), (count, count)."""
    waves = np.cos(np.pi / count * np.outer(np.arange(count), np.arange(count) + 0.5))
    waves *= np.sqrt(2 / count)
    waves[0] /= np.sqrt(2)
    return torch.as_tensor(waves, dtype=like.dtype, device=like.device)


def roughness(coefficients: Tensor, steps: tuple[float, ...], evidence: Tensor) -> float:
    """Mean squared second derivatives, 1/mm^2; ``evidence``: weights of the control points."""
    total = torch.zeros_like(coefficients[0])
    for first, step in enumerate(steps):
        slope = torch.gradient(coefficients, spacing=step, dim=1 + first)[0]
        for second, other in enumerate(steps):
            bend = torch.gradient(slope, spacing=other, dim=1 + second)[0]
            total += bend.square().sum(0)
    weight = float(evidence.sum())
    return float((total * evidence).sum()) / weight if weight > 0 else 0.0
