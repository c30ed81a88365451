"""Descent: minima that are known in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from RegQCLib.registration.iterative.quasi_newton import descend

OPTIONS = {"first_step": 0.5, "largest_step": 2.0, "tolerance": 1e-7, "iterations": 200}


def rosenbrock(x):
    a, b = x
    value = (1 - a) ** 2 + 100 * (b - a * a) ** 2
    return value, np.array([2 * (a - 1) - 400 * a * (b - a * a), 200 * (b - a * a)])


def bowl(curvature):
    lowest = np.arange(1.0, len(curvature) + 1)

    def function(x):
        return 0.5 * (x - lowest) @ curvature @ (x - lowest), curvature @ (x - lowest)

    return function, lowest


def test_follows_a_curved_valley_to_its_end():
    found = descend(rosenbrock, np.array([-1.2, 1.0]), np.eye(2), **OPTIONS)
    np.testing.assert_allclose(found.parameters, [1, 1], atol=1e-4)
    assert found.end == "converged"
    assert found.start == pytest.approx(24.2)
    assert found.value < 1e-9


def test_the_right_metric_saves_iterations():
    curvature = np.diag([1.0, 1e2, 1e4, 1e6])
    function, lowest = bowl(curvature)
    known = descend(function, np.zeros(4), curvature, **OPTIONS)
    unknown = descend(function, np.zeros(4), np.eye(4), **OPTIONS)
    np.testing.assert_allclose(known.parameters, lowest, atol=1e-6)
    assert known.iterations < 8 < unknown.iterations


def test_no_step_is_longer_than_allowed():
    function, lowest = bowl(np.eye(3))
    seen = [np.zeros(3)]

    def watched(x):
        seen.append(x)
        return function(x)

    found = descend(watched, np.zeros(3), np.eye(3), **OPTIONS | {"largest_step": 0.3})
    lengths = np.linalg.norm(np.diff(seen, axis=0), axis=1)
    assert lengths.max() < 0.3 + 1e-12
    np.testing.assert_allclose(found.parameters, lowest, atol=1e-6)


def test_says_when_the_iterations_end_it():
    found = descend(rosenbrock, np.array([-1.2, 1.0]), np.eye(2), **OPTIONS | {"iterations": 3})
    assert found.end == "iterations"
    assert found.iterations == 3


def test_says_when_there_is_no_slope():
    start = np.array([3.0, 4.0])
    found = descend(lambda _: (7.0, np.zeros(2)), start, np.eye(2), **OPTIONS)
    assert found.end == "flat"
    assert found.value == 7.0
    np.testing.assert_array_equal(found.parameters, start)


def test_never_returns_worse_than_the_start():
    """A function whose slope lies about where it falls."""
    found = descend(lambda x: (float(x @ x), -2 * x), np.ones(2), np.eye(2), **OPTIONS)
    assert found.value <= 2.0
    assert found.evaluations < 40
