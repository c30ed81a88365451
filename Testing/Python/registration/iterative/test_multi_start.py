"""The search for a start: its score against scikit-learn, its motions against known truths."""

from __future__ import annotations

import numpy as np
import pytest
from registration.iterative.affine_support import T1, T2, brain_points, grid, head
from sklearn.metrics import mutual_info_score

from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.transforms import Affine
from RegQCLib.registration.iterative.affine_images import Level
from RegQCLib.registration.iterative.affine_pair import prepare
from RegQCLib.registration.iterative.multi_start import (
    APART,
    BINS,
    Score,
    all_starts,
    best_starts,
    distinct,
)

POINTS = 2500


def blocks(seed, seen=None):
    """Noise on an oblique left-handed grid."""
    shape = (24, 20, 22)
    where = Grid(shape, Affine.rigid((10, -20, 5), (3, 5, -8)).matrix @ np.diag([3, -2, 2, 1]))
    array = np.random.default_rng(seed).uniform(size=shape).astype(np.float32)
    return Level(array, where, np.ones(shape, bool), seen)


def centers(level):
    return level.grid.points().reshape(-1, 3)


def test_the_score_is_the_mutual_information_of_what_meets():
    fixed, moving = blocks(0), blocks(1)
    related = moving.array.copy()
    related[:, :, 4:] = 3 * fixed.array[:, :, :-4] % 1  # told by the neighbor 4 voxels off
    moving = Level(related, moving.grid, moving.body, None)
    shift = Affine.rigid((0, 0, 0), fixed.grid.direction[:, 0] * 12)  # 4 voxels of 3 mm
    value = Score(fixed, moving, centers(fixed))(shift.matrix[None])[0]
    ours, theirs = codes(fixed.array)[:, :, :-4].ravel(), codes(related)[:, :, 4:].ravel()
    expected = mutual_info_score(ours, theirs) * ours.size / fixed.array.size
    assert value == pytest.approx(expected, rel=1e-3)
    assert value > 1


def codes(values):
    """What the score tells apart: air, and equal shares of the rest."""
    shares = np.concatenate([[0.02], np.arange(1, BINS - 1) / (BINS - 1)])
    return np.digitize(values, np.quantile(values, shares))


def test_what_may_not_be_seen_has_no_partner():
    fixed = blocks(0)
    seen = np.ones(fixed.array.shape, bool)
    seen[:12] = False
    masked = Level(fixed.array, fixed.grid, fixed.body, seen)
    still = np.eye(4)[None]
    whole = Score(fixed, fixed, centers(fixed))(still)[0]
    half = Score(fixed, masked, centers(fixed))(still)[0]
    assert half == pytest.approx(whole / 2, rel=0.03)


def test_images_apart_score_nothing():
    fixed = blocks(0)
    away = Affine.rigid((0, 0, 0), (500, 0, 0)).matrix[None]
    assert Score(fixed, fixed, centers(fixed))(away)[0] == 0


@pytest.fixture(scope="module")
def far():
    """A pair 45 degrees and 55 mm apart, the coarse search's input, and the truth."""
    truth = Affine.from_parameters(
        rotation_deg=(-30, 15, 25), translation_mm=(-45, 25, 20), scale=(0.9, 1.1, 1.05)
    )
    fixed = head(grid(center=truth.inverse().apply((6, -8, 5))), T1, truth)
    return search(fixed, head(grid(), T2, seed=1)), truth


def search(fixed, moving, kind="affine"):
    pair = prepare(fixed, moving, kind=kind, fixed_mask=None, moving_mask=None, seed=0)
    scores = []
    for size in pair.sizes_mm[:2]:
        level = pair.level(size, POINTS)
        scores.append(Score(level.fixed, level.moving, level.points))
    coarse = pair.level(pair.sizes_mm[0], POINTS)
    return pair.motions, tuple(scores), all_starts(pair.motions, coarse.fixed, coarse.moving)


@pytest.fixture(scope="module")
def best(far):
    motions, scores, starts = far[0]
    return best_starts(scores, motions, starts, count=16)


def test_the_best_start_is_near_the_truth(far, best):
    """Some way remains: the coarse steps leave out shears and uneven scales."""
    (motions, _, _), truth = far
    points = brain_points(truth)
    targets = truth.apply(points)
    reached = motions.transform(best[0]).apply(points)
    assert np.linalg.norm(points - targets, axis=1).mean() > 50
    assert np.linalg.norm(reached - targets, axis=1).mean() < 20


def test_improvement_only_raises_the_score(far, best):
    (motions, scores, starts), _ = far
    fine = scores[1](motions.matrices(best))
    assert fine[0] > scores[1](motions.matrices(starts)).max()
    assert list(fine) == sorted(fine, reverse=True)
    assert len(fine) == 16


def test_the_first_start_leaves_the_images_where_they_are(far):
    (motions, _, starts), _ = far
    np.testing.assert_allclose(motions.matrices(starts[0]), np.eye(4), atol=1e-12)


def test_rotations_and_shifts_leave_no_gap(far):
    """Whatever the rotation up to 40 degrees, a start is near enough to descend from."""
    (motions, _, starts), _ = far
    angles = np.degrees(starts[:, 3:6] / motions.radius)
    wanted = np.random.default_rng(0).normal(size=(300, 3))
    wanted *= (
        40
        * np.random.default_rng(1).uniform(size=(300, 1))
        / np.linalg.norm(wanted, axis=1, keepdims=True)
    )
    gaps = np.linalg.norm(wanted[:, None] - angles, axis=2).min(1)
    assert gaps.max() < 20


def test_principal_axes_are_among_the_starts():
    """A body turned by 80 degrees is beyond the grid of rotations, but not beyond its axes."""
    truth = Affine.rigid((0, 0, 80), (0, 0, 0))
    long = grid((36, 44, 44))
    motions, _, starts = search(head(long, T1, truth), head(long, T1, seed=1), kind="rigid")
    turned = np.degrees(np.linalg.norm(starts[:, 3:6], axis=1) / motions.radius)
    points = brain_points(truth)
    near = starts[turned > 60]
    distances = [
        np.linalg.norm(motions.transform(row).apply(points) - truth.apply(points), axis=1).mean()
        for row in near
    ]
    assert min(distances) < 10


def test_slices_turn_about_their_normal():
    flat = grid((1, 60, 60), (3.0, 3.0, 3.0))
    motions, _, starts = search(head(flat, T1), head(flat, T2), kind="rigid")
    assert starts.shape[1] == 3
    turned = motions.matrices(starts)
    np.testing.assert_allclose(turned[:, 2, :3], np.tile([0.0, 0, 1], (len(starts), 1)), atol=1e-12)


def test_distinct_motions_are_apart_and_the_best_of_their_neighbors():
    motions = prepare(
        *(head(grid(), T1) for _ in "ab"), kind="rigid", fixed_mask=None, moving_mask=None, seed=0
    ).motions
    step = APART * motions.radius
    rows = np.zeros((4, 6))
    rows[:, 0] = [0, 0.5 * step, 2 * step, 5 * step]
    chosen = distinct(motions, rows, np.array([1.0, 2.0, 0.5, 0.7]), 3)
    assert list(chosen) == [1, 3, 2]
    assert list(distinct(motions, rows, np.array([1.0, 2.0, 0.5, 0.7]), 1)) == [1]


def test_a_volume_of_one_brightness_has_codes():
    flat = Level(
        np.ones((4, 4, 4), np.float32), Grid((4, 4, 4), np.eye(4)), np.ones((4, 4, 4), bool), None
    )
    assert Score(flat, flat, centers(flat))(np.eye(4)[None])[0] == 0
