"""The step of a Gauss-Newton iteration, against NumPy's solution of the same system."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from RegQCLib.registration.iterative.control_grid import ControlGrid
from RegQCLib.registration.iterative.regularizers import Regularizer
from RegQCLib.registration.iterative.solver import index_pairs, multiply, solve

CONTROL = ControlGrid((12.0, 15.0), (4.0, 5.0))
LIKE = torch.zeros(1, dtype=torch.float64)


def system(varying):
    rng = np.random.default_rng(0)
    slopes = rng.standard_normal((2, *CONTROL.counts))
    curvature = torch.tensor(np.stack([slopes[a] * slopes[b] for a, b in index_pairs(2)]))
    stiffness = torch.tensor(rng.uniform(0.1, 5, CONTROL.counts)) if varying else None
    regularizer = Regularizer(CONTROL, LIKE, bending=5.0, diffusion=0.2, stiffness=stiffness)
    return curvature, regularizer, torch.tensor(rng.standard_normal((2, *CONTROL.counts)))


@pytest.mark.parametrize("varying", [False, True])
@pytest.mark.parametrize("spring", [0.0, 3.0])
def test_it_solves_the_normal_equations(varying, spring):
    curvature, regularizer, right = system(varying)

    def operator(c):
        return multiply(curvature, c) + regularizer(c) + spring * c

    size = right.numel()
    columns = torch.eye(size, dtype=torch.float64).reshape(size, *right.shape)
    matrix = np.stack([operator(column).flatten() for column in columns], axis=1)
    expected = np.linalg.solve(matrix, right.flatten().numpy())
    extra = (lambda c: spring * c) if spring else None
    found = solve(curvature, regularizer, right, extra=extra, iterations=200)
    left = matrix @ found.flatten().numpy() - right.flatten().numpy()
    assert np.linalg.norm(left) < 0.05 * np.linalg.norm(right.flatten())
    assert np.linalg.norm(found.flatten().numpy() - expected) < 0.05 * np.linalg.norm(expected)


def test_without_evidence_nothing_moves():
    curvature, regularizer, right = system(False)
    assert (solve(0 * curvature, regularizer, right) == 0).all()


def test_symmetric_matrices_are_stored_once():
    assert index_pairs(3) == [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)]
    vectors = torch.tensor([[1.0], [2.0]])
    stored = torch.tensor([[3.0], [4.0], [5.0]])
    np.testing.assert_allclose(multiply(stored, vectors), [[3 + 8], [4 + 10]])
