"""Families of motions: against SciPy's rotations and exponentials, and finite differences."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm
from scipy.spatial.transform import Rotation

from RegQCLib.errors import InputError
from RegQCLib.geometry.transforms import Affine
from RegQCLib.registration.iterative.affine_parameters import KINDS, Motions, plane_axes

CENTER, PIVOT, RADIUS = np.array([12.0, -7.0, 30.0]), np.array([-5.0, 4.0, 20.0]), 60.0
SIZES = {"rigid": 6, "similarity": 7, "affine": 12}
FLAT_SIZES = {"rigid": 3, "similarity": 4, "affine": 6}
STEP = 1e-4


def volumes(kind):
    return Motions(kind, CENTER, PIVOT, RADIUS)


def slices(kind):
    directions = [Rotation.from_rotvec(v).as_matrix() for v in ([0.3, -0.2, 0.5], [0.1, 0.4, -1])]
    first = plane_axes(directions[0], 1)
    return Motions(kind, CENTER, PIVOT, RADIUS, first, plane_axes(directions[1], 1, first))


def shears(values):
    """The symmetric matrix of six parameters, rows of its lower triangle."""
    lower = np.zeros((3, 3))
    lower[np.tril_indices(3)] = values
    return lower + np.tril(lower, -1).T


@pytest.mark.parametrize("kind", KINDS)
def test_a_motion_stretches_turns_and_shifts_about_the_center(kind):
    motions = volumes(kind)
    assert motions.size == SIZES[kind]
    parameters = np.random.default_rng(0).normal(0, 20, motions.size)
    logs = {
        "rigid": np.zeros((3, 3)),
        "similarity": parameters[-1] * np.eye(3),
        "affine": shears(parameters[-6:]) if kind == "affine" else None,
    }[kind]
    turn = Rotation.from_rotvec(parameters[3:6] / RADIUS).as_matrix()
    points = np.random.default_rng(1).normal(0, 50, (10, 3))
    expected = (points - CENTER) @ (turn @ expm(logs / RADIUS)).T + PIVOT + parameters[:3]
    np.testing.assert_allclose(motions.transform(parameters).apply(points), expected, atol=1e-9)


@pytest.mark.parametrize("family", [volumes, slices])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("amount", [0.0, 1e-6, 25.0])
def test_derivatives_are_those_of_the_matrix(family, kind, amount):
    motions = family(kind)
    parameters = amount * np.random.default_rng(2).normal(size=motions.size)
    steps = STEP * np.eye(motions.size)
    measured = motions.matrices(parameters + steps) - motions.matrices(parameters - steps)
    np.testing.assert_allclose(
        motions.derivatives(parameters), measured / (2 * STEP), rtol=1e-6, atol=1e-8
    )


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(KINDS), st.sampled_from([volumes, slices]), st.integers(0, 2**32 - 1))
def test_parameters_of_a_motion_come_back(kind, family, seed):
    motions = family(kind)
    parameters = np.random.default_rng(seed).uniform(-40, 40, motions.size)
    transform = motions.transform(parameters)
    np.testing.assert_allclose(motions.parameters(transform), parameters, atol=1e-7)


@pytest.mark.parametrize("kind", KINDS)
def test_single_slices_stay_in_their_planes(kind):
    motions = slices(kind)
    assert motions.size == FLAT_SIZES[kind]
    transform = motions.transform(np.random.default_rng(3).normal(0, 20, motions.size))
    in_plane = np.random.default_rng(4).normal(0, 30, (10, 2)) @ motions.fixed_axes[:, :2].T
    arrived = transform.apply(CENTER + in_plane) - PIVOT
    np.testing.assert_allclose(arrived @ motions.moving_axes[:, 2], 0, atol=1e-9)
    across = transform.apply(CENTER + motions.fixed_axes[:, 2]) - transform.apply(CENTER)
    np.testing.assert_allclose(across, motions.moving_axes[:, 2], atol=1e-9)


def test_planes_that_differ_turn_no_more_than_they_must():
    tilt = Rotation.from_euler("x", 20, degrees=True).as_matrix()
    axes = plane_axes(tilt, 2, np.eye(3))
    np.testing.assert_allclose(axes, tilt, atol=1e-12)
    flipped = plane_axes(np.diag([-1.0, 1.0, -1.0]), 2, np.eye(3))
    np.testing.assert_allclose(flipped, np.eye(3), atol=1e-12)


def test_what_a_family_lacks_is_left_out():
    turn = Rotation.from_rotvec([0.2, -0.1, 0.3]).as_matrix()
    matrix = np.eye(4)
    matrix[:3, :3] = turn @ np.diag([1.1, 0.9, 1.3])
    matrix[:3, 3] = (3, 5, -8)
    given_one = Affine(matrix)
    closest = volumes("rigid").transform(volumes("rigid").parameters(given_one))
    np.testing.assert_allclose(closest.matrix[:3, :3], turn, atol=1e-9)
    np.testing.assert_allclose(closest.apply(CENTER), given_one.apply(CENTER), atol=1e-9)
    scaled = volumes("similarity").transform(volumes("similarity").parameters(given_one))
    mean = (1.1 * 0.9 * 1.3) ** (1 / 3)
    np.testing.assert_allclose(scaled.matrix[:3, :3], mean * turn, atol=1e-9)


def test_the_scaling_direction_grows_everything_evenly():
    for family in (volumes, slices):
        motions = family("affine")
        linear = motions.linear(RADIUS * np.log(1.2) * motions.scaling)
        np.testing.assert_allclose(linear, 1.2 * np.eye(motions.axes), atol=1e-12)
        assert not family("rigid").scaling.any()


def test_mirrors_are_refused():
    with pytest.raises(InputError, match="mirrors"):
        volumes("affine").parameters(Affine(np.diag([-1.0, 1, 1, 1])))
