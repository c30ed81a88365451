"""Cases have the truth they state, and measures see what is wrong with an estimate."""

import numpy as np
import pytest

from RegQCLib.geometry.jacobian import jacobian_determinant
from RegQCLib.geometry.sampling import inside
from RegQCLib.geometry.transforms import Affine, Composite, to_displacement
from Testing.Benchmarks.registration.cases import CAPTURE_OVERLAP, phantom_case
from Testing.Benchmarks.registration.measures import score, start
from Testing.Benchmarks.registration.phantom import Phantom

TINY = ((32, 38, 32), 5.0)


@pytest.fixture(scope="module")
def affine():
    return phantom_case("affine", 5, TINY)


def test_the_truth_beats_the_start(affine):
    before, exact = start(affine), score(affine, affine.truth, affine.truth.inverse())
    assert before["tre_mean"] > 5
    assert exact["tre_max"] == pytest.approx(0, abs=1e-9)
    assert exact["dice"] > before["dice"] + 0.3
    assert exact["folds"] == 0
    assert exact["sdlogj"] == pytest.approx(0, abs=1e-9)
    assert exact["inverse_mean"] == pytest.approx(0, abs=1e-9)


def test_an_error_in_moving_space_is_measured_in_mm(affine):
    off = Composite([affine.truth, Affine.rigid(translation_mm=(0, 3, 4))])
    found = score(affine, off, affine.truth.inverse())
    assert found["tre_mean"] == pytest.approx(5)
    assert found["tre_p95"] == pytest.approx(5)
    shrink = np.linalg.inv(affine.truth.matrix[:3, :3]) @ (0, 3, 4)
    assert found["inverse_mean"] == pytest.approx(np.linalg.norm(shrink))


def test_points_lie_in_the_brain_of_the_fixed_image(affine):
    index = np.rint(affine.fixed.grid.to_index(affine.points)).astype(int)
    labels = affine.fixed_labels.array[index[:, 2], index[:, 1], index[:, 0]]
    assert labels.min() >= 4
    assert np.array_equal(affine.points, phantom_case("affine", 5, TINY).points)


@pytest.mark.parametrize("seed", range(3))
def test_linear_cases_move_by_what_they_promise(seed):
    turned = phantom_case("rigid", seed, ((6, 6, 6), 30.0)).truth
    assert turned.is_rigid()
    cosine = (np.trace(turned.matrix[:3, :3]) - 1) / 2
    assert 4 < np.degrees(np.arccos(cosine)) < 20
    assert ((np.abs(turned.matrix[:3, 3]) >= 5) & (np.abs(turned.matrix[:3, 3]) <= 10)).all()
    bent = phantom_case("affine", seed, ((6, 6, 6), 30.0)).truth
    stretch = np.linalg.svd(bent.matrix[:3, :3])[1]
    assert 0.01 < np.abs(stretch - 1).max() < 0.12


@pytest.mark.parametrize("seed", range(3))
def test_deformations_are_as_large_as_promised_and_invertible(seed):
    case = phantom_case("same", seed, TINY)
    shift = np.linalg.norm(case.truth.apply(case.points) - case.points, axis=1)
    assert 6 < shift.max() < 8.5
    assert 2 < shift.mean() < 5
    determinant = jacobian_determinant(to_displacement(case.truth, case.fixed.grid))
    assert determinant.min() > 0.1
    assert 0.08 < score(case, case.truth)["sdlogj"] < 0.25
    back = case.truth.inverse().apply(case.truth.apply(case.points[:500]))
    assert back == pytest.approx(case.points[:500], abs=1e-6)


def test_both_deformable_tasks_share_their_deformation():
    same, cross = (phantom_case(task, 1, TINY) for task in ("same", "cross"))
    assert np.array_equal(same.truth.apply(same.points), cross.truth.apply(same.points))
    assert np.array_equal(same.region, cross.region)
    correlation = [
        np.corrcoef(c.moving.array[c.region], same.moving.array[c.region])[0, 1]
        for c in (same, cross)
    ]
    assert correlation[0] == 1
    assert correlation[1] < 0.5


def test_capture_starts_stay_in_range_and_keep_the_head_in_view():
    starts = [phantom_case("capture", number, TINY) for number in range(6)]
    for number, case in enumerate(starts):
        facts = case.facts
        assert facts["angle_deg"] < 40
        assert np.abs(np.subtract(facts["scale"], 1)).max() < 0.15
        turn = case.truth.matrix[:3, :3] / facts["scale"]  # scaled first, then turned
        assert turn @ turn.T == pytest.approx(np.eye(3), abs=1e-9)
        angle = np.degrees(np.arccos((np.trace(turn) - 1) / 2))
        assert angle == pytest.approx(facts["angle_deg"])
        assert (case.fixed_labels.array > 0).sum() > 7_000
        if number % 2:
            low, high = CAPTURE_OVERLAP
            assert low <= facts["overlap"] <= high
            assert case.moving.array.size < case.fixed.array.size
        else:
            assert facts["overlap"] == 1
        there = case.moving.grid.to_index(case.truth.apply(case.points))
        assert inside(there, case.moving.shape).all()
    assert max(case.facts["shift_mm"] for case in starts) > 30


def test_a_cropped_image_lies_where_it_was_cut():
    case = phantom_case("capture", 1, TINY)
    labels = case.moving_labels
    voxels = np.argwhere(labels.array > 0)
    expected = Phantom.draw(1).labels(labels.grid.to_world(voxels[:, ::-1]).astype(np.float32))
    assert np.array_equal(labels.array[tuple(voxels.T)], expected)


def test_the_region_of_a_cropped_case_is_what_both_show():
    case = phantom_case("capture", 1, TINY)
    assert start(case)["tre_mean"] > 2
    shown = case.fixed_labels.array >= 4
    assert not case.region[~shown].any()
    assert 0.2 < case.region.sum() / shown.sum() < 0.95
