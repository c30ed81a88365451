"""Motions of coefficients, against flows that are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.linalg import expm

from RegQCLib.registration.iterative.control_grid import ControlGrid, separable
from RegQCLib.registration.iterative.motion import Motion

CONTROL = ControlGrid((60.0, 50.0), (5.0, 5.0))
SPIN = np.array([[0.1, -0.6], [0.5, -0.2]])
CENTER = np.array([30.0, 25.0])


def places(positions):
    return np.stack(np.meshgrid(*positions, indexing="ij"), -1)


def velocity():
    """Coefficients of v(x) = SPIN (x - CENTER), which a spline holds exactly."""
    values = (places(CONTROL.inner) - CENTER) @ SPIN.T
    values = torch.tensor(np.moveaxis(values, -1, 0))
    return separable(CONTROL.interpolating(values), values)


@pytest.mark.parametrize("backward", [False, True])
def test_a_velocity_flows(backward):
    motion = Motion(CONTROL, velocity=True, blend=None)
    shift = motion.displacement(velocity(), backward=backward)
    inner = [np.linspace(c - 8, c + 8, 9) for c in CENTER]
    found = separable(CONTROL.matrices(inner, shift), shift)
    points = places(inner) - CENTER
    flow = expm(-SPIN if backward else SPIN)
    expected = np.moveaxis(points @ flow.T - points, -1, 0)
    np.testing.assert_allclose(found, expected, atol=0.03)


def test_displacements_are_their_own_coefficients():
    coefficients = velocity()
    assert Motion(CONTROL, velocity=False, blend=None).displacement(coefficients) is coefficients


def test_a_blend_multiplies_the_field_at_control_points():
    blend = torch.tensor(np.linspace(0, 1, len(CONTROL.inner[0])))[:, None].expand(
        -1, len(CONTROL.inner[1])
    )
    motion = Motion(CONTROL, velocity=False, blend=blend)
    shift = motion.displacement(velocity())
    found = separable(CONTROL.matrices(CONTROL.inner, shift), shift)
    free = separable(CONTROL.matrices(CONTROL.inner, shift), velocity())
    torch.testing.assert_close(found, free * blend)
    ones = torch.ones(2, *CONTROL.counts, dtype=shift.dtype)
    torch.testing.assert_close(motion.blended(ones)[:, 1:-1, 1:-1], blend.expand(2, -1, -1))
