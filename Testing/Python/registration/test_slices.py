from __future__ import annotations

import numpy as np
import pytest
from registration import slice_phantom as phantom

from RegQCLib.errors import Cancelled, InputError
from RegQCLib.registration.slice_poses import displacement_mm
from RegQCLib.registration.slice_stack import stack_of
from RegQCLib.registration.slices import fix_slices

IDENTITY = np.eye(4)
IN_PLANE = {3: (4, -3, 0, 0, 0, 4), 7: (-3, -5, 0, 0, 0, -3), 8: (-4, 3, 0, 0, 0, 5)}
RIGID = {4: (3, -4, 3, 3, -4, 4), 8: (-4, 3, -3, -3, 3, -5)}
OBLIQUE = np.array(  # left-handed, turned 30 degrees, away from the origin
    [[np.cos(0.52), -np.sin(0.52), 0, 20], [np.sin(0.52), np.cos(0.52), 0, -30], [0, 0, -1, 5],
     [0, 0, 0, 1]]
)  # fmt: skip


def states(repair):
    return {one.index for one in repair.motions if one.state == "moved"}


def residual_mm(repair, poses, to_world=IDENTITY):
    """Distance of corrected slices from the truth, by world transforms alone."""
    stack = stack_of(repair.original, 0)
    result = []
    for one in repair.moved:
        truth = to_world @ np.linalg.inv(poses[one.index]) @ np.linalg.inv(to_world)
        left = np.linalg.inv(to_world) @ np.linalg.inv(truth) @ one.transform.matrix @ to_world
        result.append(displacement_mm(stack, one.index, left))
    return np.array(result)


@pytest.fixture(scope="module")
def from_neighbors():
    poses = phantom.moved_poses(IN_PLANE)
    return fix_slices(phantom.volume_of(phantom.stack_with(poses)), axis=0), poses


def test_neighbors_tell_which_slices_moved(from_neighbors):
    repair, poses = from_neighbors
    assert states(repair) == set(IN_PLANE)
    assert residual_mm(repair, poses).max() < 0.5


def test_slices_in_place_keep_every_bit(from_neighbors):
    repair, _ = from_neighbors
    others = [n for n in range(phantom.SHAPE[0]) if n not in IN_PLANE]
    assert np.array_equal(repair.corrected.array[others], repair.original.array[others])
    assert not repair.source.array[others].any()


def test_corrected_slices_look_like_slices_that_never_moved(from_neighbors):
    repair, _ = from_neighbors
    truth = phantom.stack_with(phantom.moved_poses({}), noise=0.0)
    for number in IN_PLANE:
        inner = np.s_[number, 14:-14, 14:-14]
        error = np.abs(repair.corrected.array[inner] - truth[inner]).mean()
        assert error < 0.3 * np.abs(repair.original.array[inner] - truth[inner]).mean()


def test_a_reference_of_another_contrast_tells_rigid_motion_in_an_oblique_left_handed_stack():
    poses = phantom.moved_poses(RIGID)
    array = phantom.stack_with(poses)
    array[4] = 1.3 * array[4] + 20  # as a slice looks that was excited twice
    volume = phantom.volume_of(array, OBLIQUE)
    reference = phantom.volume_of(phantom.other_contrast(), OBLIQUE, "reference")
    repair = fix_slices(volume, reference, axis=0, model="rigid")
    assert states(repair) == set(RIGID)
    assert residual_mm(repair, poses, OBLIQUE).max() < 0.8
    assert all(one.filled_fraction is not None for one in repair.moved)


def test_what_the_whole_stack_shares_is_no_motion_of_slices():
    poses = phantom.moved_poses(IN_PLANE)
    away = np.eye(4)
    away[:3, 3] = (2.5, -1.5, 0)
    reference = phantom.volume_of(phantom.other_contrast(), away)
    repair = fix_slices(phantom.volume_of(phantom.stack_with(poses)), reference, axis=0)
    assert states(repair) == set(IN_PLANE)
    assert residual_mm(repair, poses).max() < 0.5


def test_only_named_slices_are_touched():
    poses = phantom.moved_poses(IN_PLANE)
    repair = fix_slices(phantom.volume_of(phantom.stack_with(poses)), axis=0, slices=[3, 5])
    assert states(repair) == {3}
    assert repair.motions[7].state == "not examined"
    assert np.array_equal(repair.corrected.array[7], repair.original.array[7])


def test_slices_without_structure_are_left_alone_and_named():
    array = phantom.stack_with(phantom.moved_poses({}))
    array[9:] = np.random.default_rng(3).normal(0, 1, array[9:].shape)
    repair = fix_slices(phantom.volume_of(array), axis=0)
    assert not repair.moved
    assert [repair.motions[n].state for n in (9, 10, 11)] == ["no evidence"] * 3
    assert any("left alone" in note for note in repair.notes)
    assert np.array_equal(repair.corrected.array, array)


def test_integers_stay_integers():
    poses = phantom.moved_poses({5: (4, 4, 0, 0, 0, 3)})
    array = np.clip(phantom.stack_with(poses), 0, None).astype(np.int16)
    repair = fix_slices(phantom.volume_of(array), axis=0, slices=[5])
    assert states(repair) == {5}
    assert repair.corrected.array.dtype == np.int16


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "elastic"}, "in-plane or rigid"),
        ({"model": "rigid"}, "needs a reference"),
        ({"tolerance_mm": 0.0}, "positive"),
        ({"slices": [40]}, "no slice 40"),
        ({"axis": "oblique"}, "axial"),
        ({"axis": 5}, "0, 1 or 2"),
    ],
)
def test_bad_requests_are_refused(options, message):
    volume = phantom.volume_of(phantom.stack_with(phantom.moved_poses({})))
    with pytest.raises(InputError, match=message):
        fix_slices(volume, **({"axis": 0} | options))


def test_a_reference_elsewhere_is_refused():
    volume = phantom.volume_of(phantom.stack_with(phantom.moved_poses({})))
    away = np.eye(4)
    away[:3, 3] = 500
    with pytest.raises(InputError, match="shows nothing"):
        fix_slices(volume, phantom.volume_of(phantom.other_contrast(), away), axis=0)


def test_a_stack_whose_slices_do_not_stand_out_needs_a_plane():
    volume = phantom.volume_of(phantom.stack_with(phantom.moved_poses({})))
    with pytest.raises(InputError, match="--plane"):
        fix_slices(volume)


def test_it_can_be_cancelled():
    def stop(stage, fraction):
        raise Cancelled

    volume = phantom.volume_of(phantom.stack_with(phantom.moved_poses({})))
    with pytest.raises(Cancelled):
        fix_slices(volume, axis=0, progress=stop)
