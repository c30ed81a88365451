from __future__ import annotations

import numpy as np
import pytest

from RegQCLib.geometry.volume import Volume
from RegQCLib.registration.slice_match import motion
from RegQCLib.registration.slice_rebuild import (
    ACQUIRED,
    FILLED,
    RESAMPLED,
    UNKNOWN,
    Slices,
    gather,
    rebuild,
)
from RegQCLib.registration.slice_stack import stack_of

SHAPE = (7, 10, 12)
SIZE = np.array([1.5, 2.0, 4.0])  # u, v, w


@pytest.fixture
def ramp():
    """Gray values that are linear in space: linear interpolation must reproduce them."""
    k, j, i = np.meshgrid(*[np.arange(n) for n in SHAPE], indexing="ij")
    return 3 * k * SIZE[2] - 2 * j * SIZE[1] + i * SIZE[0]


def stack(array):
    affine = np.diag([*SIZE, 1.0])
    return stack_of(Volume(array, affine), 0)


def shifted(*mm):
    return motion(np.array(mm, dtype=float), np.zeros(3), np.zeros(3))


def at_rest(count=SHAPE[0]):
    return {number: np.eye(4) for number in range(count)}


def test_between_slices_values_are_linear(ramp):
    slices = Slices(ramp, (SIZE[0], SIZE[1]), SIZE[2], at_rest())
    values, weights = gather(slices, 3, width=2.0, leave_out=3)
    assert np.allclose(values, ramp[3])
    assert np.allclose(weights, 1.0)


def test_a_tilted_slice_gives_its_values_where_it_lies(ramp):
    pose = motion(np.array([1.0, 0.5, 0.3]), np.radians([4, -3, 5]), np.array([9, 9, 12.0]))
    v, u = np.meshgrid(np.arange(SHAPE[1]), np.arange(SHAPE[2]), indexing="ij")
    points = np.stack([u, v, np.full_like(u, 3)], axis=-1) * SIZE
    seen = (points @ pose[:3, :3].T + pose[:3, 3]) @ [1, -2, 3]  # what it saw there
    images = ramp.copy()
    images[3] = seen  # the same ramp, read in another plane
    values, weights = gather(Slices(images, (SIZE[0], SIZE[1]), SIZE[2], {3: pose}), 3, width=1.0)
    near = weights > 0.9
    near[[0, -1]] = near[:, [0, -1]] = False  # there the edge's value goes on
    assert near.any()
    # a point takes the value of its foot in the tilted plane, at most 0.1 slice distances away
    slope = np.linalg.norm([1, -2, 3])
    assert np.abs(values[near] - ramp[3][near]).max() <= 0.1 * SIZE[2] * slope


def test_an_in_plane_shift_by_whole_pixels_is_undone_exactly(ramp):
    array = ramp.copy()
    array[2, :, :-2] = ramp[2, :, 2:]  # what belongs two columns on
    result, source = rebuild(
        stack(array), at_rest() | {2: shifted(2 * SIZE[0], 0, 0)}, np.arange(7) == 2
    )
    assert np.allclose(result[2, :, 2:], ramp[2, :, 2:], atol=1e-6)
    assert (source[2, :, 2:] == RESAMPLED).all()
    assert (source[2, :, :2] == FILLED).all()
    assert np.allclose(result[2, :, :2], ramp[2, :, :2])  # the neighbors know a ramp


def test_a_slice_that_left_its_plane_leaves_a_hole_that_is_marked(ramp):
    result, source = rebuild(
        stack(ramp), at_rest() | {3: shifted(0, 0, 1.5 * SIZE[2])}, np.arange(7) == 3
    )
    assert (source[3] == FILLED).all()
    assert np.allclose(result[3], ramp[3])
    assert (np.delete(source, 3, axis=0) == ACQUIRED).all()


def test_what_no_slice_shows_is_said_to_be_unknown(ramp):
    result, source = rebuild(stack(ramp), {3: shifted(0, 0, 100)}, np.arange(7) == 3)
    assert (source[3] == UNKNOWN).all()
    assert (result[3] == ramp.min()).all()
