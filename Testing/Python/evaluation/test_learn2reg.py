"""Learn2Reg's measures against its own formulas, written out here voxel by voxel."""

from __future__ import annotations

import numpy as np
import pytest
from evaluation.support import GRID, SHAPE, ball, blobs
from scipy.interpolate import make_interp_spline
from scipy.ndimage import gaussian_filter

from RegQCLib.errors import InputError
from RegQCLib.evaluation import learn2reg
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.resample import resample
from RegQCLib.geometry.transforms import Affine, to_displacement
from RegQCLib.geometry.volume import Volume


def displacement(seed: int, size: float = 12.0) -> np.ndarray:
    """A smooth field, (D, H, W, 3) voxels."""
    noise = np.random.default_rng(seed).normal(size=(*SHAPE, 3))
    return size * gaussian_filter(noise, (2, 2, 2, 0))


def test_labels_are_pulled_from_where_the_displacement_points():
    moving, shift = blobs(0), displacement(1)
    warped = learn2reg.warp_labels(moving, shift)
    outside = 0
    for place in np.ndindex(SHAPE):
        target = np.array(place) + shift[place]
        if (target < 0).any() or (target > np.array(SHAPE) - 1).any():
            assert warped[place] == 0
            outside += 1
        else:
            assert warped[place] == moving[tuple(np.floor(target + 0.5).astype(int))]
    assert 0 < outside < moving.size


def test_labels_missing_in_an_image_leave_the_mean():
    fixed, moving = blobs(2), blobs(3)
    fixed[fixed == 1] = 0
    moving[moving == 2] = 0
    found = learn2reg.label_dice(fixed, moving, moving, [1, 2, 3, 9])
    assert [np.isnan(value) for value in found.by_label.values()] == [True, True, False, True]
    assert found.mean == found.by_label[3]
    distances = learn2reg.label_hausdorff_95(fixed, moving, moving, [1, 2, 3, 9])
    assert distances.mean == distances.by_label[3] > 0
    assert np.isnan(learn2reg.label_dice(fixed, moving, moving, [9]).mean)


def test_a_label_that_is_carried_away_makes_the_mean_distance_infinite():
    fixed = moving = blobs(4)
    warped = np.where(moving == 1, 0, moving)
    assert learn2reg.label_dice(fixed, moving, warped, [1, 2]).by_label == {1: 0.0, 2: 1.0}
    found = learn2reg.label_hausdorff_95(fixed, moving, warped, [1, 2])
    assert found.by_label == {1: np.inf, 2: 0.0}
    assert found.mean == np.inf


def determinants(shift: np.ndarray) -> np.ndarray:
    """J at the voxels that are at least two voxels from every border."""
    gradients = np.stack([np.stack(np.gradient(shift[..., c]), -1) for c in range(3)], -2)
    return np.linalg.det(gradients + np.eye(3))[2:-2, 2:-2, 2:-2]


def test_spread_of_log_jacobian_with_its_offset_and_its_borders():
    shift = displacement(5)
    inside = determinants(shift)
    assert learn2reg.sd_log_jacobian(shift) == pytest.approx(np.log(inside + 3).std())
    mask = ball(7, (8, 10, 13), SHAPE)
    masked = np.log(inside[mask[2:-2, 2:-2, 2:-2]] + 3).std()
    assert learn2reg.sd_log_jacobian(shift, mask) == pytest.approx(masked)
    assert masked != pytest.approx(np.log(inside + 3).std())


def test_only_folds_beyond_the_offset_are_clipped():
    shift = displacement(6, size=300)
    inside = determinants(shift)
    assert (inside < -3).any()
    expected = np.log(np.maximum(inside + 3, 1e-9)).std()
    assert learn2reg.sd_log_jacobian(shift) == pytest.approx(expected)


def test_what_has_no_inside_is_refused():
    with pytest.raises(InputError, match="at least 5"):
        learn2reg.sd_log_jacobian(np.zeros((4, 9, 9, 3)))
    border = np.zeros(SHAPE, bool)
    border[:2] = True
    with pytest.raises(InputError, match="empty"):
        learn2reg.sd_log_jacobian(displacement(0), border)
    with pytest.raises(InputError, match="shape"):
        learn2reg.sd_log_jacobian(displacement(0), border[1:])
    with pytest.raises(InputError, match=r"\(D, H, W, 3\)"):
        learn2reg.warp_labels(blobs(0), displacement(0)[..., :2])


def test_landmarks_in_voxels_scaled_by_the_moving_spacing():
    shift = np.zeros((*SHAPE, 3))
    shift[...] = (1.0, -2.0, 0.5)
    fixed = np.array([[3.0, 4.0, 5.0], [8.25, 9.5, 10.0]])
    moving = fixed + np.array([1.0, 3.0 - 2.0, 4.0 + 0.5])
    found = learn2reg.target_registration_error(fixed, moving, shift, (9.0, 2.0, 0.5))
    np.testing.assert_allclose(found, np.hypot(3 * 2.0, 4 * 0.5))
    beyond = np.array([[-1.0, 4.0, 5.0]])  # the displacement is zero there
    found = learn2reg.target_registration_error(beyond, beyond, shift, (1, 1, 1))
    np.testing.assert_allclose(found, 0)


def test_displacements_at_landmarks_are_interpolated_by_cubic_splines():
    profile = np.random.default_rng(7).normal(size=SHAPE[0])
    shift = np.zeros((*SHAPE, 3))
    shift[..., 0] = profile[:, None, None]
    place = np.array([[6.3, 10.0, 12.0]])
    mirrored = np.pad(profile, SHAPE[0] - 1, mode="reflect")  # scipy.ndimage's spline boundary
    spline = make_interp_spline(np.arange(len(mirrored)) - SHAPE[0] + 1, mirrored, k=3)
    found = learn2reg.target_registration_error(place, place, shift, (1, 1, 1))
    assert found[0] == pytest.approx(abs(spline(6.3)), rel=1e-5)
    linear = 0.7 * profile[6] + 0.3 * profile[7]
    assert found[0] != pytest.approx(abs(linear), rel=1e-2)


MOTION = Affine.from_parameters(rotation_deg=(4, -3, 6), scale=(1.1, 1, 0.95), center=GRID.center)
OTHER = Grid((18, 20, 24), GRID.affine @ np.diag([1.1, 0.9, 1, 1]))


def test_voxel_displacements_lead_to_the_same_places():
    shift = learn2reg.to_voxels(MOTION, GRID, OTHER)
    place = (3, 5, 7)
    landed = OTHER.to_world((np.array(place) + shift[place])[::-1])
    np.testing.assert_allclose(landed, MOTION.apply(GRID.to_world(place[::-1])), atol=1e-4)
    back = learn2reg.from_voxels(shift, GRID, OTHER)
    np.testing.assert_allclose(back.array, to_displacement(MOTION, GRID).array, atol=1e-4)
    with pytest.raises(InputError, match="pass the field of this pair"):
        learn2reg.from_voxels(shift[1:], GRID, OTHER)


def test_without_a_transform_positions_in_the_world_count():
    shift = learn2reg.to_voxels(None, GRID, OTHER)
    expected = OTHER.to_index(GRID.points()) - GRID.to_index(GRID.points())
    np.testing.assert_allclose(shift[..., ::-1], expected, atol=1e-4)


def test_warping_is_resampling_but_for_the_outermost_half_voxel():
    moving = Volume(blobs(8, shape=OTHER.shape) + 1, OTHER.affine)
    theirs = learn2reg.warp_labels(moving.array, learn2reg.to_voxels(MOTION, GRID, OTHER))
    ours = resample(moving, GRID, MOTION, interpolation="nearest").array
    inside = theirs > 0
    assert inside.mean() > 0.3
    assert (theirs == ours)[inside].mean() > 0.999  # but for ties
