"""Exponentials of velocity fields against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm

from RegQCLib.errors import InputError
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.transforms import Affine
from RegQCLib.geometry.velocity import VelocityField

SHAPE = (14, 18, 22)
INNER = (..., slice(4, -4), slice(4, -4), slice(4, -4))


def grid_of(sign: float) -> Grid:
    scale = (sign * 1.2, 0.8, 2.0)
    affine = Affine.from_parameters(
        rotation_deg=(10, 20, 30), scale=scale, translation_mm=(5, 6, 7)
    )
    return Grid(SHAPE, affine.matrix)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_constant_velocity_is_a_translation(sign: float) -> None:
    grid = grid_of(sign)
    speed = np.array([3.0, -2.0, 4.0])
    array = np.broadcast_to(speed[:, None, None, None], (3, *SHAPE))
    displacement = VelocityField(array, grid.affine).exp()
    np.testing.assert_allclose(displacement.array, array, atol=1e-5)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_linear_velocity_is_a_matrix_exponential(sign: float) -> None:
    grid = grid_of(sign)
    rate = np.array([[0.1, 0.2, -0.1], [-0.15, -0.1, 0.1], [0.05, 0.1, 0.05]])
    offset = grid.points() - grid.center
    array = np.moveaxis(offset @ rate.T, -1, 0)
    expected = np.moveaxis(offset @ (expm(rate) - np.eye(3)).T, -1, 0)
    flow = VelocityField(array, grid.affine).exp(steps=9).array
    np.testing.assert_allclose(flow[INNER], expected[INNER], atol=2e-3)
    # The velocity itself, a frequent mistake, is far from its flow.
    assert np.abs(array[INNER] - expected[INNER]).max() > 0.1


@settings(max_examples=10, deadline=None)
@given(st.floats(0.2, 1.5), st.integers(0, 100))
def test_opposite_flows_cancel(amplitude: float, seed: int) -> None:
    grid = grid_of(-1)
    phases = np.random.default_rng(seed).uniform(0, 2 * np.pi, 3)
    wave = 2 * np.pi * grid.points() / 40
    array = np.stack([np.sin(wave[..., (c + 1) % 3] + phases[c]) for c in range(3)]) * amplitude
    velocity = VelocityField(array, grid.affine)
    points = grid.points()[4:-4, 4:-4, 4:-4]
    there_and_back = velocity.inverse().exp().apply(velocity.exp().apply(points))
    np.testing.assert_allclose(there_and_back, points, atol=0.03)  # linear interpolation
    assert np.abs(velocity.exp().apply(points) - points).max() > 0.1


def test_unusable_input_is_refused() -> None:
    with pytest.raises(InputError, match="shape"):
        VelocityField(np.zeros((4, 4, 4)), np.eye(4))
    with pytest.raises(InputError, match="steps"):
        VelocityField(np.zeros((3, 4, 4, 4)), np.eye(4)).exp(steps=-1)
