"""Refinement of a rigid or affine motion by gradients, with torch on a CPU or a GPU."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch

from RegQCLib.errors import InputError
from RegQCLib.registration.iterative.affine_images import Array
from RegQCLib.registration.iterative.affine_pair import AffinePair
from RegQCLib.registration.iterative.affine_result import LevelHistory
from RegQCLib.registration.iterative.quasi_newton import Descent, descend
from RegQCLib.registration.iterative.sampled_measure import SampledMeasure

ITERATIONS = 60
FIRST_STEP, LARGEST_STEP, TOLERANCE = 0.5, 2.0, 0.005
"""Lengths of steps as shares of the blocks' size."""

REPEATS, SETTLED = 3, 0.01
"""How often a descent is repeated with other points, while more than this share of them differ."""

REGULAR = 1e-3
"""Share of a metric's mean diagonal added to it: motions that no edge shows stay small."""


@dataclass(eq=False)
class TorchRefinement:
    """Refines motions between the images of ``pair`` by a loss of `SampledMeasure`."""

    pair: AffinePair
    measure: str
    device: torch.device
    name: str = "torch"
    note: str = ""
    _measures: dict[tuple[float, int], SampledMeasure] = field(default_factory=dict)

    def value(self, size_mm: float, count: int, parameters: Array) -> float | None:
        """The measure at parameters (n,), less is better; None where the images do not meet."""
        measure, matrix = self._measure(size_mm, count), self.pair.motions.matrices(parameters)
        return measure(matrix)[0] if measure.hold(matrix) > 0 else None

    def refine(self, size_mm: float, count: int, start: Array) -> tuple[Array, LevelHistory]:
        """Descend from parameters (n,) that let the images meet, at one level.

        A descent compares the points that meet the moving image where it begins. When it ends where
        other points do, it is repeated with those.
        """
        motions, measure = self.pair.motions, self._measure(size_mm, count)
        overlap = measure.hold(motions.matrices(start))
        first = found = self._descend(measure, size_mm, start)
        iterations = found.iterations
        for _ in range(REPEATS):
            matrix = motions.matrices(found.parameters)
            if not SETTLED < measure.drift(matrix) < 1:
                break
            overlap = measure.hold(matrix)
            found = self._descend(measure, size_mm, found.parameters)
            iterations += found.iterations
        return found.parameters, LevelHistory(
            size_mm,
            count,
            first.start,
            found.value,
            iterations,
            overlap,
            found.end != "iterations",
        )

    def _descend(self, measure: SampledMeasure, size_mm: float, start: Array) -> Descent:
        """Descend with the points that ``measure`` holds."""
        motions = self.pair.motions

        def loss(parameters: Array) -> tuple[float, Array]:
            value, slope = measure(motions.matrices(parameters))
            return value, np.einsum("nij,ij->n", motions.derivatives(parameters), slope)

        metric = measure.metric(motions.matrices(start), motions.derivatives(start))
        metric += max(REGULAR * float(np.trace(metric)) / len(metric), 1e-30) * np.eye(len(metric))
        return descend(
            loss,
            start,
            metric,
            first_step=FIRST_STEP * size_mm,
            largest_step=LARGEST_STEP * size_mm,
            tolerance=TOLERANCE * size_mm,
            iterations=ITERATIONS,
        )

    def _measure(self, size_mm: float, count: int) -> SampledMeasure:
        key = (size_mm, count)
        if key not in self._measures:
            level = self.pair.level(size_mm, count)
            self._measures[key] = SampledMeasure(level, self.measure, self.device)
        return self._measures[key]


def torch_device(name: str) -> torch.device:
    """Return "auto" (a GPU if there is one), "cpu" or "cuda" as a device; raises InputError."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise InputError(f"there is no device named {name!r}; choose auto, cpu or cuda") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise InputError("no CUDA device can be used here; choose the device auto or cpu")
    return device
