from __future__ import annotations

import numpy as np
import pytest
from registration import slice_phantom as phantom

from RegQCLib.geometry.volume import Volume
from RegQCLib.registration.slice_stack import stack_of
from RegQCLib.registration.slice_target import neighbor_target, reference_target

AFFINE = np.array([[0, 0, 3.0, -10], [-2.0, 0, 0, 20], [0, 1.2, 0, 5], [0, 0, 0, 1]])


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_stack_coordinates_are_those_of_the_grid(axis):
    volume = Volume(np.random.default_rng(0).normal(size=(6, 7, 8)), AFFINE)
    stack = stack_of(volume, axis)
    number, row, column = 2, 3, 4
    point = np.array([column, row, number]) * stack.spacing
    index = np.insert([row, column], axis, number)  # back to (k, j, i)
    world = stack.to_world[:3, :3] @ point + stack.to_world[:3, 3]
    assert np.allclose(world, volume.grid.to_world(index[::-1]))
    assert stack.slices[number, row, column] == volume.array[tuple(index)]


def test_the_axis_is_found_by_voxel_size_or_by_name():
    volume = Volume(np.zeros((6, 20, 20)), np.diag([1, 1, 5, 1.0]))
    assert stack_of(volume).axis == stack_of(volume, "axial").axis == 0
    assert stack_of(volume, "sagittal").axis == 2


def test_a_reference_on_its_own_grid_is_read_back():
    still = phantom.stack_with(phantom.moved_poses({}), noise=0.0)
    stack = stack_of(phantom.volume_of(still), 0)
    level = stack.level(2.0)
    target = reference_target(stack, phantom.volume_of(still), level)
    inner = (slice(15, -20), slice(15, -20))
    for number in (0, 5, 11):
        layer = target.plane(number * phantom.SPACING[2]).array[0]
        assert np.corrcoef(layer[inner].ravel(), level.images[number][inner].ravel())[0, 1] > 0.98


def test_neighbors_speak_for_a_slice_only_from_near():
    stack = stack_of(phantom.volume_of(phantom.stack_with(phantom.moved_poses({}))), 0)
    level = stack.level(3.0)
    trusted = np.zeros(12, dtype=bool)
    trusted[[4, 7]] = True
    target = neighbor_target(stack, level, level.images, trusted, 5)
    expected = 2 / 3 * level.images[4] + 1 / 3 * level.images[7]
    assert np.allclose(target.array[0], expected, atol=1e-5)
    trusted[:] = False
    trusted[11] = True
    assert neighbor_target(stack, level, level.images, trusted, 2) is None
