"""Whole rigid and affine registrations: against exact truths, on grids of every kind."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from registration.iterative.affine_support import T1, T2, brain_points, error_mm, grid, head

from RegQCLib.errors import InputError
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.transforms import Affine
from RegQCLib.geometry.volume import Volume
from RegQCLib.registration.iterative.affine import register_affine

NEAR = Affine.rigid((4, -3, 5), (3, -4, 5))
STRETCHED = Affine.from_parameters(
    rotation_deg=(6, -5, 8), translation_mm=(6, -4, 7), scale=(1.05, 0.96, 1.04)
)
FAR = Affine.from_parameters(
    rotation_deg=(30, 10, -20), translation_mm=(40, -20, 15), scale=(1.1, 0.93, 1.05)
)
CLOSE_MM = 0.6  # 0.15 of a voxel


def fixed_grid(truth, **options):
    """A grid whose center shows the middle of the head."""
    return grid(center=truth.inverse().apply((0, 0, 0)), **options)


@pytest.fixture(scope="module")
def moving():
    return head(grid(), T2, seed=1)


@pytest.fixture(scope="module")
def near_pair(moving):
    """Two contrasts, rigidly apart."""
    return head(fixed_grid(NEAR), T1, NEAR), moving


def in_plane(angle_deg, shift, direction):
    """A motion of a plane with the given (3, 2) axes, about the origin."""
    matrix, turn = np.eye(4), np.radians(angle_deg)
    first, second = direction.T
    normal = np.cross(first, second)
    cross = np.cross(np.eye(3), -normal)
    matrix[:3, :3] += np.sin(turn) * cross + (1 - np.cos(turn)) * cross @ cross
    matrix[:3, 3] = direction @ np.asarray(shift, dtype=float)
    return Affine(matrix)


@pytest.mark.parametrize(("kind", "truth"), [("rigid", NEAR), ("affine", FAR)])
def test_two_contrasts_meet_wherever_they_start(kind, truth, moving):
    found = register_affine(head(fixed_grid(truth), T1, truth), moving, kind=kind)
    assert error_mm(found.transform, truth) < CLOSE_MM
    assert found.converged
    assert found.reason == ""
    assert found.starts > 1000
    assert found.engine == "torch"
    assert found.note == ""
    assert found.transform.is_rigid() is (kind == "rigid")


def test_similarity_scales_evenly(moving):
    truth = Affine.from_parameters(translation_mm=(5, 3, -4), scale=(1.08, 1.08, 1.08))
    fixed = head(fixed_grid(truth), T1, truth)
    found = register_affine(fixed, moving, kind="similarity", init=Affine.identity())
    scales = np.linalg.svd(found.transform.matrix[:3, :3], compute_uv=False)
    np.testing.assert_allclose(scales, 1.08, rtol=0.01)
    assert np.ptp(scales) < 1e-9
    assert error_mm(found.transform, truth) < CLOSE_MM


def test_oblique_unequal_and_left_handed_grids_are_world_positions():
    truth = STRETCHED
    oblique = fixed_grid(truth, shape=(34, 30, 50), spacing=(3.0, -5.0, 4.2), angles=(25, -15, 35))
    flipped = grid((40, 42, 36), (-4.0, 4.0, 3.6), angles=(-20, 10, 15))
    assert np.linalg.det(oblique.affine) < 0
    found = register_affine(
        head(oblique, T1, truth), head(flipped, T2, seed=1), kind="affine", init=NEAR
    )
    assert found.converged
    assert error_mm(found.transform, truth) < 1.0


def test_storage_order_does_not_matter(near_pair):
    fixed, moving = near_pair
    where = moving.grid
    affine = where.affine[:, [2, 0, 1, 3]] @ np.diag([-1.0, 1, 1, 1])
    affine[:3, 3] = where.to_world((0, 0, where.shape[0] - 1))
    # Voxel axes (i, j, k) become (k backward, i, j): a left-handed header for the same places.
    array = np.ascontiguousarray(moving.array.transpose(1, 2, 0)[:, :, ::-1])
    stored = Volume(array, affine, "stored")
    np.testing.assert_allclose(stored.grid.to_world((1, 2, 3)), where.to_world((2, 3, 34)))
    plain, other = (register_affine(fixed, m, kind="rigid", init=NEAR) for m in (moving, stored))
    assert error_mm(plain.transform, other.transform) < 0.05


def test_thick_slices_meet_a_volume(moving):
    stack = fixed_grid(NEAR, shape=(20, 52, 44), spacing=(3.2, 3.2, 7.0))
    found = register_affine(head(stack, T1, NEAR), moving, kind="rigid", init=Affine.identity())
    assert found.converged
    assert error_mm(found.transform, NEAR) < 1.0


def test_partial_overlap_is_found_and_told(near_pair):
    fixed, moving = near_pair
    cut = Volume(moving.array[16:], moving.affine.copy(), "cut")
    cut.affine[:3, 3] = moving.grid.to_world((0, 0, 16))
    found = register_affine(fixed, cut, kind="rigid")
    points = brain_points(NEAR)
    shared = points[NEAR.apply(points)[:, 2] > -6]
    assert error_mm(found.transform, NEAR, shared) < CLOSE_MM
    assert 0.4 < found.overlap < 0.7


def test_masks_leave_out_what_moved_otherwise(near_pair):
    """A bright collar lies still in both images while the head moves."""
    fixed, moving = near_pair
    worn = [collared(volume) for volume in (fixed, moving)]
    masks = [
        Volume((v.grid.points()[..., 2] > level).astype(np.uint8), v.affine)
        for v, level in zip((fixed, moving), (-38, -40), strict=True)
    ]
    start = Affine.identity()
    free = register_affine(*worn, kind="rigid", init=start)
    one = register_affine(*worn, kind="rigid", init=start, fixed_mask=masks[0])
    both = register_affine(
        *worn, kind="rigid", init=start, fixed_mask=masks[0], moving_mask=masks[1]
    )
    assert error_mm(both.transform, NEAR) < CLOSE_MM
    assert error_mm(one.transform, NEAR) < CLOSE_MM
    assert error_mm(free.transform, NEAR) > 2 * error_mm(both.transform, NEAR)


def collared(volume):
    array = volume.array.copy()
    low = volume.grid.points()[..., 2] < -44
    stripes = 600 * (1 + np.cos(volume.grid.points() @ [0.12, 0.15, 0.2]))
    array[low] = stripes[low]
    return Volume(array, volume.affine, "collared")


@pytest.mark.parametrize("plane", [(0, 1), (0, 2)])
def test_slices_move_within_their_plane(plane):
    direction = np.eye(3)[:, plane]
    truth = in_plane(25, (18, -12), direction)
    middle = np.array([0.0, 0.0, 10.0])
    truth = Affine.rigid((0, 0, 0), -middle).then(truth).then(Affine.rigid((0, 0, 0), middle))
    normal = ({0, 1, 2} - set(plane)).pop()
    shape = [70, 70, 70]
    shape[2 - normal] = 1
    flat = grid(tuple(shape), (2.5, 2.5, 2.5), center=middle)
    other = Grid(
        flat.shape, flat.affine @ np.diag([-1.0 if n == plane[0] else 1 for n in range(4)])
    )
    other.affine[:3, 3] = flat.to_world(np.where(np.arange(3) == plane[0], 69, 0))
    found = register_affine(head(flat, T1, truth), head(other, T2, seed=1), kind="rigid")
    points = middle + np.random.default_rng(0).uniform(-40, 40, (200, 2)) @ direction.T
    assert found.converged
    assert error_mm(found.transform, truth, points) < 0.5
    out = found.transform.apply(points)[:, normal]
    np.testing.assert_allclose(out, middle[normal], atol=1e-9)


@pytest.mark.parametrize("measure", ["nmi", "ncc", "ssd", "cr"])
def test_other_measures_find_the_same(measure):
    fixed, moving = head(fixed_grid(NEAR), T1, NEAR), head(grid(), T1, seed=1)
    found = register_affine(fixed, moving, kind="rigid", measure=measure, init=Affine.identity())
    assert found.converged
    assert found.value_end < found.value_start
    assert error_mm(found.transform, NEAR) < CLOSE_MM


def test_the_same_seed_gives_the_same_result(near_pair):
    results = [
        register_affine(*near_pair, kind="rigid", init=NEAR, seed=seed).transform.matrix
        for seed in (3, 3, 4)
    ]
    np.testing.assert_array_equal(results[0], results[1])
    assert np.abs(results[0] - results[2]).max() > 0
    np.testing.assert_allclose(results[0], results[2], atol=0.3)


def test_images_that_tell_nothing_are_not_believed():
    rng = np.random.default_rng(0)
    where = grid((20, 20, 20))
    one, two = (
        Volume(rng.normal(size=where.shape).astype(np.float32), where.affine, "noise") for _ in "ab"
    )
    found = register_affine(one, two, kind="rigid", init=Affine.identity())
    assert not found.converged
    assert found.reason.startswith("flat measure")


def test_little_overlap_is_not_believed(near_pair):
    fixed, moving = near_pair
    cut = Volume(moving.array[:6], moving.affine, "slab")
    found = register_affine(fixed, cut, kind="rigid", init=NEAR)
    assert not found.converged
    assert found.reason.startswith("little overlap")


def test_without_torch_simpleitk_does_it_and_says_so(near_pair, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "RegQCLib.registration.iterative.affine_torch", raising=False)
    found = register_affine(*near_pair, kind="rigid", init=Affine.identity())
    assert found.engine == "SimpleITK"
    assert "torch is not installed" in found.note
    assert error_mm(found.transform, NEAR) < CLOSE_MM
    with pytest.raises(InputError, match="without torch there is no measure 'cr'"):
        register_affine(*near_pair, kind="rigid", measure="cr")


def test_progress_only_grows(near_pair):
    told = []
    register_affine(
        *near_pair, kind="rigid", init=NEAR, progress=lambda _, share: told.append(share)
    )
    assert told == sorted(told)
    assert 0 <= told[0] < told[-1] <= 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"kind": "bent"}, "no motion named 'bent'"),
        ({"kind": "rigid", "measure": "feel"}, "measure for rigid and affine motions named 'feel'"),
        ({"kind": "rigid", "engine": "steam"}, "no engine named 'steam'"),
        ({"kind": "rigid", "device": "abacus"}, "no device named 'abacus'"),
        ({"kind": "rigid", "init": Affine.rigid((0, 0, 0), (900, 0, 0))}, "outside the moving"),
        ({"kind": "rigid", "init": Affine(np.diag([-1.0, 1, 1, 1]))}, "mirrors the image"),
    ],
)
def test_what_a_user_can_get_wrong(options, words, near_pair):
    with pytest.raises(InputError, match=words):
        register_affine(*near_pair, **options)
