"""From the numbers that are optimized to a displacement: directly, or as the flow of a velocity.

Both are splines on one control grid. A velocity is sampled at the control points, its exponential
taken there, and interpolated by a spline again: flows cost what the control grid costs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from RegQCLib.geometry.volume import Volume
from RegQCLib.geometry.warp_torch import exponential
from RegQCLib.registration.iterative.control_grid import ControlGrid, extended, separable
from RegQCLib.registration.iterative.deformable_pair import Pair

FIRST_STEP = 0.25
"""Largest displacement, in control spacings, of the first and straight step of a flow."""
LEAST_SQUARINGS = 7


@dataclass(frozen=True, eq=False)
class Motion:
    """How coefficients (axes, *counts) on a control grid move points.

    velocity: coefficients are a stationary velocity field, mm per unit time; else a displacement.
    blend: factor on the field at the inner control points, (*inner), or None.
    """

    control: ControlGrid
    velocity: bool
    blend: Tensor | None

    def displacement(self, coefficients: Tensor, *, backward: bool = False) -> Tensor:
        """Coefficients of the displacement, mm; ``backward``: of the flow against the velocity."""
        if not self.velocity and self.blend is None:
            return coefficients
        values = separable(self.control.matrices(self.control.inner, coefficients), coefficients)
        if self.blend is not None:
            values = values * self.blend
        if self.velocity:
            values = self._flow(-values if backward else values)
        return separable(self.control.interpolating(coefficients), values)

    def blended(self, values: Tensor) -> Tensor:
        """What a force on the displacement does to the coefficients, (C, *counts)."""
        if self.blend is None:
            return values
        return values * extended(self.blend)

    def _flow(self, velocity: Tensor) -> Tensor:
        line = (-1, *[1] * (velocity.ndim - 1))
        steps = velocity.new_tensor(self.control.spacing).view(line)
        scaled = velocity / steps
        needed = math.ceil(math.log2(max(float(scaled.abs().max()) / FIRST_STEP, 1.0)))
        return exponential(scaled[None], steps=max(LEAST_SQUARINGS, needed))[0] * steps


@dataclass(frozen=True, eq=False)
class Model:
    """Which motions a registration may find. ramp: 0 where nothing may move, 1 where all may."""

    pair: Pair
    velocity: bool
    ramp: Volume | None

    def motion(self, control: ControlGrid) -> Motion:
        """The motions on one control grid."""
        blend = None if self.ramp is None else self.pair.on_nodes(self.ramp, control)
        return Motion(control, self.velocity, blend)
