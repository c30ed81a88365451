"""Gauss-Newton steps of a deformation, stage by stage from coarse to fine."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from RegQCLib.registration.iterative.control_grid import ControlGrid
from RegQCLib.registration.iterative.deformable_schedule import Stage
from RegQCLib.registration.iterative.deformable_terms import StageTerms
from RegQCLib.registration.iterative.force import Force
from RegQCLib.registration.iterative.motion import Model, Motion
from RegQCLib.registration.iterative.regularizers import Regularizer, roughness
from RegQCLib.registration.iterative.solver import solve

STILL_MM = 0.01
"""A stage ends when a step moves the control points by less than this on average."""

SOLVER_STEPS, HARD_SOLVER_STEPS = 12, 60
"""Conjugate gradient iterations: usually, and with landmarks or a stiffness map."""

ROUGHNESS, AT_SPACING_MM = 4.2e-3, 8.0
ADAPTATION = 2.2
ADAPTED_RANGE = (0.1, 1000.0)
FEW_POINTS, STIFF = 64, 30.0
SOFT, CLOSER = 3.0, 0.75
"""Stiffness becomes (`ROUGHNESS` / roughness found at stiffness 1) ** `ADAPTATION`.

The stiffness that fits a prior to what it finds is inversely proportional to the roughness found,
which itself falls with stiffness: the exponent is what repeating that would lead to. Where hardly
any bending is found, little more than noise and unlike contrasts made it: the upper end of the
range all but forbids it. `ROUGHNESS` holds for control points `AT_SPACING_MM` apart and falls with
their distance squared, as it does for the same body shown twice as large. Below `SOFT` control
points come nearer to each other, by `CLOSER`, as softer fields have finer detail. Fewer control
points with evidence than `FEW_POINTS` (a small region, a thin slab) tell no roughness: `STIFF`."""


class Iteration(NamedTuple):
    """A step. value: of what is minimized, per mm^3 (mm^2 in 2-D) of the frame, before the step.

    step_mm: its mean length at the control points.
    """

    voxel_mm: float
    control_mm: float
    measure: str
    value: float
    step_mm: float


@dataclass
class Descent:
    """The state of a registration: coefficients (axes, *counts) on a control grid.

    bending: stiffness, mm^2 per unit of a measure; diffusion: share of it, see `Regularizer`;
    adapted: factor on both. closeness: factor on the distance of control points from then on.
    """

    model: Model
    control: ControlGrid
    coefficients: Tensor
    bending: float
    diffusion: float
    stiffness: Callable[[ControlGrid], Tensor | None]
    adapted: float = 1.0
    closeness: float = 1.0

    def refine(self, control: ControlGrid) -> None:
        """Go on with other control points."""
        if control != self.control:
            self.coefficients = self.control.refined(self.coefficients, control)
            self.control = control

    def run(
        self, stage: Stage, terms: StageTerms, voxel_mm: float, tick: Callable[[], None]
    ) -> list[Iteration]:
        """Do the iterations of a stage; what ends worse than it began is undone."""
        motion = self.model.motion(self.control)
        regularizer = self._regularizer()
        easy = terms.landmarks is None and regularizer.stiffness is None
        volume = math.prod(self.control.extent)
        start, history = self.coefficients, []
        for _ in range(stage.iterations):
            tick()
            force = self._force(motion, terms)
            held = regularizer(self.coefficients)
            energy = force.energy + float((self.coefficients * held).sum()) / 2
            step = solve(
                force.curvature,
                regularizer,
                force.pull - held,
                extra=_springs(motion, terms),
                iterations=SOLVER_STEPS if easy else HARD_SOLVER_STEPS,
            )
            length = float(step.square().sum(0).sqrt().mean())
            spacing = max(self.control.spacing)
            history.append(Iteration(voxel_mm, spacing, stage.measure, energy / volume, length))
            self.coefficients = self.coefficients + step
            if length < STILL_MM:
                break
        if len(history) > 1 and history[-1].value > history[0].value:
            self.coefficients = start
        self.evidence = force.curvature[0]
        return history

    def adapt(self) -> None:
        """Fit the stiffness to the roughness found with stiffness 1."""
        points = float(self.evidence.sum() ** 2 / self.evidence.square().sum().clamp_min(1e-30))
        found = roughness(self.coefficients, self.control.spacing, self.evidence)
        squared = math.prod(self.control.spacing) ** (2 / len(self.control.spacing))
        expected = ROUGHNESS * AT_SPACING_MM**2 / squared
        low, high = ADAPTED_RANGE
        wanted = high if found <= 0 else (expected / found) ** ADAPTATION
        self.adapted = STIFF if points < FEW_POINTS else min(max(wanted, low), high)
        self.closeness = CLOSER if self.adapted < SOFT else 1.0

    def _regularizer(self) -> Regularizer:
        bending = self.bending * self.adapted
        return Regularizer(
            self.control,
            self.coefficients,
            bending=bending,
            diffusion=bending * self.diffusion,
            stiffness=self.stiffness(self.control),
        )

    def _force(self, motion: Motion, terms: StageTerms) -> Force:
        shift = motion.displacement(self.coefficients)
        total = _sum([term(shift) for term in terms.forward])
        if terms.backward:
            back = motion.displacement(self.coefficients, backward=True)
            other = _sum([term(back) for term in terms.backward])
            total = Force(
                (total.pull - other.pull) / 2,
                (total.curvature + other.curvature) / 2,
                (total.energy + other.energy) / 2,
            )
        if terms.landmarks is not None:
            springs = terms.landmarks
            pull, energy = total.pull + springs.pull(shift), total.energy + springs.energy(shift)
            total = Force(pull, total.curvature, energy)
        curvature = motion.blended(motion.blended(total.curvature))
        return Force(motion.blended(total.pull), curvature, total.energy)


def _springs(motion: Motion, terms: StageTerms) -> Callable[[Tensor], Tensor] | None:
    """What landmarks add to the curvature, as an operator on a step."""
    landmarks = terms.landmarks
    if landmarks is None:
        return None
    return lambda step: motion.blended(landmarks.operator(motion.blended(step)))


def _sum(forces: Sequence[Force]) -> Force:
    pull, curvature, energy = forces[0]
    for more in forces[1:]:
        pull, curvature = pull + more.pull, curvature + more.curvature
        energy += more.energy
    return Force(pull, curvature, energy)
