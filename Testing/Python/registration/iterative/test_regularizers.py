"""Stiffness of a spline: its energy, written out with NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from RegQCLib.registration.iterative.control_grid import ControlGrid
from RegQCLib.registration.iterative.regularizers import Regularizer, roughness

CONTROL = ControlGrid((30.0, 24.0, 20.0), (5.0, 6.0, 4.0))
LIKE = torch.zeros(1, dtype=torch.float64)


def field(seed=0, channels=3):
    rng = np.random.default_rng(seed)
    return torch.tensor(rng.standard_normal((channels, *CONTROL.counts)))


def positions():
    axes = [step * np.arange(n) for step, n in zip(CONTROL.spacing, CONTROL.counts, strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij"))


def energy(c, bending, diffusion):
    """The sums over finite differences of unit stiffness."""
    total = 0.0
    for a, step in enumerate(CONTROL.spacing):
        slope = np.diff(c, axis=a + 1) / step
        total += diffusion * (slope**2).sum()
        for b, other in enumerate(CONTROL.spacing):
            total += bending * ((np.diff(slope, axis=b + 1) / other) ** 2).sum()
    return total * np.prod(CONTROL.spacing) / 2


@pytest.mark.parametrize(("bending", "diffusion"), [(2.0, 0.0), (0.0, 3.0), (1.0, 0.5)])
def test_it_is_the_derivative_of_the_energy(bending, diffusion):
    regularizer = Regularizer(CONTROL, LIKE, bending=bending, diffusion=diffusion)
    c = field()
    expected = energy(c.numpy(), bending, diffusion)
    assert float((c * regularizer(c)).sum()) / 2 == pytest.approx(expected)


def test_it_is_symmetric_where_the_stiffness_varies():
    stiffness = torch.tensor(np.random.default_rng(1).uniform(0.1, 10, CONTROL.counts))
    regularizer = Regularizer(CONTROL, LIKE, bending=1.0, diffusion=0.1, stiffness=stiffness)
    a, b = field(0), field(1)
    assert float((a * regularizer(b)).sum()) == pytest.approx(float((b * regularizer(a)).sum()))
    assert float((a * regularizer(a)).sum()) > 0


def test_affine_motion_does_not_bend():
    regularizer = Regularizer(CONTROL, LIKE, bending=1.0, diffusion=0.0)
    matrix = np.random.default_rng(0).standard_normal((3, 3))
    motion = torch.tensor(np.einsum("ab,bkji->akji", matrix, positions()) + 4)
    assert regularizer(motion).abs().max() < 1e-9


def test_twice_as_stiff_is_twice_the_energy():
    single = Regularizer(CONTROL, LIKE, bending=1.0, diffusion=0.1)
    twos = torch.full(CONTROL.counts, 2.0, dtype=torch.float64)
    double = Regularizer(CONTROL, LIKE, bending=1.0, diffusion=0.1, stiffness=twos)
    torch.testing.assert_close(double(field()), 2 * single(field()))


def test_diffusion_is_solved_exactly():
    regularizer = Regularizer(CONTROL, LIKE, bending=0.0, diffusion=2.0)
    c = field()
    torch.testing.assert_close(regularizer.smoothed(regularizer(c) + 0.7 * c, 0.7), c)


def test_roughness_is_the_mean_squared_second_derivative():
    k, j, i = positions()
    bowl = torch.tensor(np.stack([0.05 * k**2, 0 * k, 0.03 * i * j]))
    evidence = torch.zeros(CONTROL.counts, dtype=torch.float64)
    evidence[2:-2, 2:-2, 2:-2] = 1  # derivatives at the border are one-sided
    expected = 0.1**2 + 2 * 0.03**2
    assert roughness(bowl, CONTROL.spacing, evidence) == pytest.approx(expected)
    assert roughness(bowl, CONTROL.spacing, 0 * evidence) == 0
