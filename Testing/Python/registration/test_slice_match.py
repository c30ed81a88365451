from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from registration import slice_phantom as phantom
from scipy.spatial.transform import Rotation

from RegQCLib.registration.slice_match import SliceMatcher, motion, pose_point, turn_of
from RegQCLib.registration.slice_stack import stack_of
from RegQCLib.registration.slice_target import reference_target

numbers = st.floats(-2, 2)
vectors = st.tuples(numbers, numbers, numbers).map(np.array)


@given(vectors, vectors, vectors)
def test_motion_is_a_rotation_about_the_center_and_a_shift(shift, turn, center):
    pose = motion(shift, turn, center)
    assert np.allclose(pose[:3, :3], Rotation.from_rotvec(turn).as_matrix())
    assert np.allclose(pose_point(pose, center), center + shift)


@given(vectors.filter(lambda v: np.linalg.norm(v) < 3))
def test_turn_of_gives_the_rotation_vector_back(turn):
    assert np.allclose(turn_of(motion(np.zeros(3), turn, np.zeros(3))), turn, atol=1e-6)


@pytest.fixture(scope="module")
def matcher():
    """Slice 5, moved, against a reference of another contrast."""
    poses = phantom.moved_poses({5: (1.3, -0.8, 0, 0, 0, 2)})
    stack = stack_of(phantom.volume_of(phantom.stack_with(poses)), 0)
    level = stack.level(1.8)
    target = reference_target(stack, phantom.volume_of(phantom.other_contrast()), level)
    return SliceMatcher(stack, level, 5, target, model="in-plane", signed=False), poses[5]


def test_a_climb_finds_a_known_motion_below_a_pixel(matcher):
    slice_, truth = matcher
    found = slice_.climb(np.eye(4))
    left = np.linalg.inv(truth) @ found.pose
    assert np.linalg.norm(pose_point(left, slice_.center) - slice_.center) < 0.3
    assert np.degrees(np.linalg.norm(turn_of(left))) < 0.5
    assert found.score > slice_.score(np.eye(4)) + 0.1


def test_the_score_does_not_see_gain_and_offset(matcher):
    slice_, _ = matcher
    score = slice_.score(np.eye(4))
    other = object.__new__(SliceMatcher)
    other.__dict__.update(slice_.__dict__)
    other.values, other.mean = 1.2 * slice_.values + 0.3, 1.2 * slice_.mean + 0.3
    other.variance = (slice_.variance - 9e-4) * 1.44 + 9e-4
    assert other.score(np.eye(4)) == pytest.approx(score, abs=0.02)


def test_a_pose_is_certain_where_there_is_structure_only(matcher):
    slice_, truth = matcher
    assert slice_.spread(truth) < 0.4
    blank = object.__new__(SliceMatcher)
    blank.__dict__.update(slice_.__dict__)
    blank.values, blank.mean = np.zeros_like(slice_.values), np.zeros_like(slice_.mean)
    assert blank.spread(truth) == np.inf


def test_a_slice_out_of_view_scores_lowest(matcher):
    slice_, _ = matcher
    assert slice_.score(motion(np.array([500.0, 0, 0]), np.zeros(3), np.zeros(3))) == -1
