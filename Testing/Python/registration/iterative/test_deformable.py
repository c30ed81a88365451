"""Deformable registration of small phantoms whose warp is known."""

from __future__ import annotations

import numpy as np
import pytest
from registration.iterative.deformable_support import body_points, error, grid, pair

from RegQCLib.errors import Cancelled, InputError
from RegQCLib.geometry.fields import DisplacementField
from RegQCLib.geometry.jacobian import jacobian_determinant
from RegQCLib.geometry.transforms import Affine
from RegQCLib.geometry.volume import Volume
from RegQCLib.registration.iterative.deformable import register_deformable

SHAPE = (28, 30, 32)


@pytest.fixture(scope="module")
def warped():
    return pair(SHAPE)


@pytest.fixture(scope="module")
def plain(warped):
    return register_deformable(*warped[:2])


def near(points, center, radius):
    return np.linalg.norm(points - np.asarray(center), axis=-1) < radius


def field_of(result) -> DisplacementField:
    assert isinstance(result.transform, DisplacementField)
    return result.transform


def left_after_return(result, points):
    return np.linalg.norm(result.inverse.apply(result.transform.apply(points)) - points, axis=1)


def test_a_smooth_warp_is_found(warped, plain):
    fixed, _, warp = warped
    assert error(plain, warp, fixed) < 0.4  # a fifth of a voxel; 3.6 mm at the start
    assert left_after_return(plain, body_points(fixed)).mean() < 0.1
    assert plain.folded_fraction == 0
    assert plain.limits == ()
    assert [step.measure for step in plain.history][:1] == ["mind"]
    assert [step.measure for step in plain.history][-1] == "mapped"


def test_an_inverted_contrast_makes_little_difference():
    fixed, moving, warp = pair(SHAPE, inverted=True)
    assert error(register_deformable(fixed, moving), warp, fixed) < 1.0


def test_two_slices_are_registered_in_their_plane():
    fixed, moving, warp = pair((1, 48, 50))
    result = register_deformable(fixed, moving)
    points = body_points(fixed)
    assert error(result, warp, fixed) < 0.5
    assert (result.transform.apply(points)[:, 2] == points[:, 2]).all()
    assert left_after_return(result, points).mean() < 0.1


def test_the_same_result_every_time(warped, plain):
    again = register_deformable(*warped[:2])
    np.testing.assert_array_equal(field_of(again).array, field_of(plain).array)


def test_a_velocity_never_folds():
    fixed, moving, warp = pair(SHAPE, peak=5.0)
    result = register_deformable(fixed, moving, model="velocity")
    assert jacobian_determinant(field_of(result)).min() > 0
    assert result.folded_fraction == 0
    assert error(result, warp, fixed) < 1.5  # 6 mm at the start


def test_both_ways_round_agree_when_asked_to(warped):
    fixed, moving, _ = warped
    forth = register_deformable(fixed, moving, inverse_consistent=True)
    back = register_deformable(moving, fixed, inverse_consistent=True)
    points = body_points(fixed, radius=18)
    there = back.transform.apply(forth.transform.apply(points))
    assert np.linalg.norm(there - points, axis=1).mean() < 0.3
    assert left_after_return(forth, points).mean() < 0.05


def test_nothing_moves_far_from_the_region(warped):
    fixed, moving, warp = warped
    points = fixed.grid.points()
    inside = near(points, (0, 0, 0), 10)
    region = Volume(inside.astype(np.uint8), fixed.affine, "region")
    result = register_deformable(fixed, moving, region=region)
    moved = np.linalg.norm(result.transform.apply(points) - points, axis=-1)
    assert (moved[~near(points, (0, 0, 0), 10 + 12)] == 0).all()
    wrong = np.linalg.norm(result.transform.apply(points) - warp.apply(points), axis=-1)
    assert wrong[inside].mean() < 0.6
    steps = np.diff(field_of(result).array, axis=3)
    assert np.abs(steps).max() < 2.0  # no tear at the border of the region


def test_landmarks_are_met():
    fixed, _, _ = pair(SHAPE)
    start = np.array([[-10.0, 0, 0], [10, 5, -5], [0, -12, 8]])
    goal = start + np.array([[3.0, 0, 0], [0, -3, 0], [0, 0, 2]])
    result = register_deformable(fixed, fixed, landmarks=(start, goal))
    left = np.linalg.norm(result.transform.apply(start) - goal, axis=1)
    assert left.max() < 0.5  # against images that want to stay
    assert all("landmark" not in text for text in result.limits)


def test_a_landmark_that_cannot_be_met_is_named():
    fixed, moving, _ = pair(SHAPE)
    points = fixed.grid.points()
    region = Volume(near(points, (0, 0, 0), 5).astype(np.uint8), fixed.affine, "region")
    far = np.array([[0.0, 0, 24]])
    result = register_deformable(
        fixed, moving, region=region, landmarks=(far, far + np.array([5, 0, 0]))
    )
    assert any("landmark 1 is still 5.0 mm off" in text for text in result.limits)


def test_labels_pull_where_images_show_nothing():
    there = grid(SHAPE)
    points = there.points()
    rng = np.random.default_rng(0)
    images, labels = [], []
    for name, center in (("fixed", (0, 0, 0)), ("moving", (4, 0, 0))):
        noise = 100 + rng.standard_normal(SHAPE).astype(np.float32)
        images.append(Volume(noise, there.affine, name))
        labels.append(Volume(near(points, center, 12).astype(np.uint8), there.affine, name))
    result = register_deformable(*images, fixed_labels=labels[0], moving_labels=labels[1])
    shift = field_of(result).array[:, near(points, (0, 0, 0), 12)].mean(1)
    np.testing.assert_allclose(shift, (4, 0, 0), atol=1.0)


def test_stiff_parts_bend_less():
    fixed, moving, _ = pair(SHAPE, peak=4.0)
    points = fixed.grid.points()
    left = points[..., 0] < 0
    stiff = Volume(np.where(left, 1000.0, 1.0).astype(np.float32), fixed.affine, "stiffness")

    def bending(result):
        array = field_of(result).array
        second = sum(np.gradient(np.gradient(array, axis=a), axis=a) ** 2 for a in (1, 2, 3)).sum(0)
        return second[left & near(points, (-10, 0, 0), 8)].mean()

    free = register_deformable(fixed, moving)
    assert bending(register_deformable(fixed, moving, stiffness=stiff)) < 0.1 * bending(free)


def test_what_is_not_trusted_does_not_pull(warped, plain):
    fixed, moving, warp = warped
    points = fixed.grid.points()
    ruined = near(points, (6, 6, 0), 8)
    array = fixed.array.copy()
    array[ruined] = np.roll(array, 2, axis=2)[ruined]  # what lies 4 mm off
    broken = fixed.with_array(array)
    weights = Volume(1.0 - ruined.astype(np.float32), fixed.affine, "weights")

    def wrong(result):
        moved = result.transform.apply(points[ruined])
        return np.linalg.norm(moved - warp.apply(points[ruined]), axis=1).mean()

    trusted = wrong(register_deformable(broken, moving))
    assert wrong(register_deformable(broken, moving, fixed_weights=weights)) < 0.7 * trusted


def test_the_start_is_part_of_the_result():
    fixed, moving, warp = pair(SHAPE)
    turn = Affine.rigid((0, 0, 20), (40, -10, 5))
    elsewhere = Volume(moving.array, turn.matrix @ moving.affine, "moving")
    result = register_deformable(fixed, elsewhere, init=turn)
    points = body_points(fixed)
    truth = turn.apply(warp.apply(points))
    assert np.linalg.norm(result.transform.apply(points) - truth, axis=1).mean() < 0.4
    assert left_after_return(result, points).mean() < 0.1


def test_thick_oblique_slices():
    fixed, moving, warp = pair((40, 30, 32))
    turn = Affine.rigid((20, 0, 30))
    thick = np.diag([1.0, 1, 2, 1])
    thick[2, 3] = 0.5
    stacks = [
        Volume(v.array.reshape(20, 2, 30, 32).mean(1), turn.matrix @ v.affine @ thick, v.name)
        for v in (fixed, moving)
    ]
    result = register_deformable(*stacks)
    points = body_points(fixed)
    found = turn.inverse().apply(result.transform.apply(turn.apply(points)))
    assert np.linalg.norm(found - warp.apply(points), axis=1).mean() < 0.8


def test_less_memory_means_coarser_voxels_and_a_sentence(warped):
    fixed, moving, warp = warped
    result = register_deformable(fixed, moving, max_memory_gb=0.4525)
    assert any("voxels of 4 mm" in text and "0.4525 GB" in text for text in result.limits)
    assert min(step.voxel_mm for step in result.history) == 4
    assert error(result, warp, fixed) < 1.5
    with pytest.raises(InputError, match="too little memory"):
        register_deformable(fixed, moving, max_memory_gb=0.1)


def test_a_callback_can_stop_it(warped):
    def stop(stage, fraction):
        if stage == "deforming":
            raise Cancelled

    with pytest.raises(Cancelled):
        register_deformable(*warped[:2], progress=stop)


def test_progress_only_grows(warped):
    told = []
    register_deformable(*warped[:2], progress=lambda _, fraction: told.append(fraction))
    assert told == sorted(told)
    assert told[0] >= 0
    assert told[-1] <= 1


def bad_inputs():
    fixed, moving, _ = pair((12, 12, 12))
    other = pair((1, 12, 12))[0]
    away = Volume(moving.array, Affine.rigid((0, 0, 0), (500, 0, 0)).matrix @ moving.affine, "far")
    ones = fixed.with_array(np.ones(fixed.shape), name="map")
    labels = fixed.with_array(np.ones(fixed.shape, np.uint8), name="labels")
    spoiled = fixed.array.copy()
    spoiled[0, 0, 0] = np.nan
    points = np.zeros((2, 3))
    return {
        "unknown measure": (fixed, moving, {"measure": "cc"}, "measure is one of"),
        "unknown model": (fixed, moving, {"model": "spline"}, "model is one of"),
        "slice and volume": (fixed, other, {}, "one slice"),
        "constant": (ones, moving, {}, "every voxel has the value"),
        "NaN": (fixed.with_array(spoiled), moving, {}, "NaN"),
        "apart": (fixed, away, {}, "do not overlap"),
        "negative weights": (fixed, moving, {"fixed_weights": ones.with_array(-ones.array)}, "map"),
        "no stiffness": (fixed, moving, {"stiffness": ones.with_array(0 * ones.array)}, "above 0"),
        "empty region": (fixed, moving, {"region": ones.with_array(0 * ones.array)}, "empty"),
        "one label map": (fixed, moving, {"fixed_labels": labels}, "both label maps"),
        "other labels": (
            fixed,
            moving,
            {"fixed_labels": labels, "moving_labels": labels.with_array(2 * labels.array)},
            "no label in common",
        ),
        "fractions as labels": (
            fixed,
            moving,
            {"fixed_labels": ones.with_array(ones.array / 2), "moving_labels": labels},
            "whole numbers",
        ),
        "landmarks": (fixed, moving, {"landmarks": (points, points[:1])}, "same number of points"),
        "device": (fixed, moving, {"device": "abacus"}, "no device"),
    }


BAD = bad_inputs()


@pytest.mark.parametrize("case", BAD)
def test_bad_inputs_are_refused_in_one_line(case):
    fixed, moving, options, words = BAD[case]
    with pytest.raises(InputError, match=words) as caught:
        register_deformable(fixed, moving, **options)
    assert "\n" not in str(caught.value)
