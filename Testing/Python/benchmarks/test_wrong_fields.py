"""Wrong fields are wrong in the way they state, and local errors are local."""

import numpy as np
import pytest

from RegQCLib.geometry.jacobian import jacobian_determinant
from Testing.Benchmarks.detection import wrong_fields
from Testing.Benchmarks.detection.moves import Body, displacement_mm
from Testing.Benchmarks.detection.speed import phantom_pair

PAIR = phantom_pair((60, 72, 60))


@pytest.fixture(scope="module")
def body():
    grid = PAIR[0].grid
    index = np.indices(grid.shape) - np.reshape(grid.shape, (3, 1, 1, 1)) / 2
    mask = (index**2).sum(axis=0) < 24**2
    return Body.from_mask(grid, mask, None)


def determinants(field, body):
    index = np.rint(field.grid.to_index(body.points)).astype(int)
    return jacobian_determinant(field)[index[:, 2], index[:, 1], index[:, 0]]


def test_five_percent_of_the_folded_field_folds(body):
    field = wrong_fields.folded(body, np.random.default_rng(0))
    assert (determinants(field, body) <= 0).mean() == pytest.approx(0.05, abs=0.015)


def test_the_diverged_field_is_off_by_a_centimeter(body):
    field = wrong_fields.diverged(body, np.random.default_rng(1))
    low, high = wrong_fields.DIVERGED_MM
    assert low <= displacement_mm(field, body.points).mean() <= high


def test_a_swirl_turns_about_its_center_and_fades(body):
    field = wrong_fields.swirled(body, np.random.default_rng(2))
    length = np.linalg.norm(field.array, axis=0)
    assert length.max() > 8
    assert length[0, 0, 0] < length.max() / 3
    strong = length > length.max() / 2
    # Opposite sides go opposite ways, so the vectors nearly cancel.
    assert np.linalg.norm(field.array[:, strong].mean(axis=1)) < length[strong].mean() / 2


def test_bumps_are_local_and_do_not_fold(body):
    for seed in range(5):
        field = wrong_fields.bumps(body, np.random.default_rng(seed))
        error = displacement_mm(field, body.points)
        assert error.max() > 2
        assert error.min() < 1
        assert determinants(field, body).min() > 0


def test_demons_on_two_contrasts_move_an_aligned_pair(body):
    field = wrong_fields.demons(*PAIR)
    assert field.grid.spacing == pytest.approx([3, 3, 3])
    same = wrong_fields.demons(PAIR[0], PAIR[0])
    moved, still = (displacement_mm(f, body.points).mean() for f in (field, same))
    assert still == pytest.approx(0, abs=1e-6)
    assert moved > 0.3


def test_true_error_is_known_on_the_body_only(body):
    mask = np.zeros(body.grid.shape, dtype=bool)
    mask[30, 30, 30] = True
    field = wrong_fields.diverged(body, np.random.default_rng(3))
    truth = wrong_fields.true_error(field, body.grid, mask)
    point = body.grid.to_world((30, 30, 30))
    assert truth[30, 30, 30] == pytest.approx(np.linalg.norm(field.sample(point)), rel=1e-5)
    assert np.isnan(truth).sum() == truth.size - 1
