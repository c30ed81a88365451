"""Descent for functions of few parameters: BFGS from a given metric, with a careful line search.

(Nocedal and Wright, Numerical Optimization, 2006, chapters 3 and 6.)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Function = Callable[[Array], tuple[float, Array]]
"""Value and gradient (n,) at parameters (n,)."""

SUFFICIENT = 1e-4  # share of the decrease promised by the slope
SHORTER, LONGER = 0.1, 0.5  # bounds of how a step shrinks
FLAT = 1e-12  # curvature below this share of step times change of gradient is rounding


@dataclass(frozen=True, eq=False)
class Descent:
    """Where a descent ended. start, value: of the function. end: why it stopped."""

    parameters: Array
    start: float
    value: float
    iterations: int
    evaluations: int
    end: Literal["converged", "iterations", "flat"]


def descend(
    function: Function,
    start: Array,
    metric: Array,
    *,
    first_step: float,
    largest_step: float,
    tolerance: float,
    iterations: int,
) -> Descent:
    """Minimize ``function`` from ``start`` (n,).

    metric: (n, n), the Hessian up to a factor, positive definite. first_step, largest_step: lengths
    of steps in units of the parameters. Converged when a step is shorter than ``tolerance``; flat
    when there is no gradient at the start.
    """
    here, (value, gradient) = start, function(start)
    first, evaluations = value, 1
    shape = np.linalg.inv(metric)
    slope = float(gradient @ shape @ gradient)
    if slope <= 0:
        return Descent(here, first, value, 0, evaluations, "flat")
    inverse = shape * (first_step / float(np.linalg.norm(shape @ gradient)))
    for iteration in range(1, iterations + 1):
        step = -inverse @ gradient
        length = float(np.linalg.norm(step))
        if length < tolerance:
            return Descent(here, first, value, iteration - 1, evaluations, "converged")
        step *= min(1.0, largest_step / length)
        slope = float(gradient @ step)
        while True:
            there = here + step
            new_value, new_gradient = function(there)
            evaluations += 1
            if new_value <= value + SUFFICIENT * slope:
                break
            if float(np.linalg.norm(step)) < tolerance:
                return Descent(here, first, value, iteration, evaluations, "converged")
            # The minimum of the parabola through both values and the slope.
            shrink = -slope / (2 * (new_value - value - slope))
            shrink = min(max(shrink, SHORTER), LONGER)
            step, slope = step * shrink, slope * shrink
        change = new_gradient - gradient
        bend = float(step @ change)
        here, value, gradient = there, new_value, new_gradient
        length = float(np.linalg.norm(step))
        if length < tolerance:
            return Descent(here, first, value, iteration, evaluations, "converged")
        if bend > FLAT * length * float(np.linalg.norm(change)):
            if iteration == 1:
                inverse = shape * (bend / float(change @ shape @ change))
            turn = np.eye(len(here)) - np.outer(step, change) / bend
            inverse = turn @ inverse @ turn.T + np.outer(step, step) / bend
    return Descent(here, first, value, iterations, evaluations, "iterations")
