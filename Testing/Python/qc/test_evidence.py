"""Putting together what slices say, judged by planted motions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qc.support import posterior
from scipy.ndimage import gaussian_filter

from RegQCLib.qc.evidence import (
    NOISE_PIXELS,
    PAIRS,
    PRIOR_PIXELS,
    SMOOTHING_MM,
    WINDOW_PIXELS,
    Evidence,
    add_slices,
    affine_motion,
    displacement_field,
    empty_evidence,
    information,
    multiply,
    symmetric,
)
from RegQCLib.qc.planes import Frame

SHAPE = (12, 16, 14)
SPACING = 4.0
PIXEL = 1.25
LINEAR = np.array([[0.02, -0.04, 0.01], [0.05, -0.01, 0.03], [0.0, 0.02, 0.03]])
SHIFT = np.array([1.5, -2.0, 0.7])


def full_evidence(truth, precision):
    """Evidence from points (3, K, J, I) of displacement and matrices (K, J, I, 3, 3)."""
    weighted = np.einsum("kjiab,bkji->akji", precision, truth)
    entries = np.stack([precision[..., row, column] for row, column in PAIRS])
    return Evidence(entries, weighted, SPACING)


def planted():
    """(3, K, J, I) affine displacement, and (3, 4) as affine_motion returns it."""
    points = np.stack(np.meshgrid(*(np.arange(n) * SPACING for n in SHAPE), indexing="ij"))
    middle = points.reshape(3, -1).mean(axis=1)
    truth = np.einsum("ab,bkji->akji", LINEAR, points - middle.reshape(3, 1, 1, 1))
    return truth + SHIFT.reshape(3, 1, 1, 1), np.concatenate([LINEAR, SHIFT[:, None]], axis=1)


def random_matrices(rng, rank=3):
    """(K, J, I, 3, 3) positive semi-definite of a given rank."""
    root = rng.normal(size=(*SHAPE, 3, rank))
    return root @ np.swapaxes(root, -1, -2)


def assert_same_motion(found, wanted, points_mm=0.02):
    reach = np.array(SHAPE).max() * SPACING / 2
    assert np.abs(found[:, 3] - wanted[:, 3]).max() < points_mm
    assert np.abs(found[:, :3] - wanted[:, :3]).max() * reach < points_mm


@given(
    st.floats(0.02, 2),
    st.floats(0.02, 2),
    st.floats(-0.9, 0.9),
    st.floats(-9, 9),
    st.floats(-9, 9),
)
@settings(max_examples=60, deadline=None)
def test_the_prior_is_taken_off(rows, columns, correlation, row, column):
    likelihood = np.array([rows, columns, correlation * np.sqrt(rows * columns)])
    moments = posterior(np.array([row, column]), likelihood)
    precision, vector = information(moments, PIXEL)
    np.testing.assert_allclose(precision * PIXEL**2, likelihood, rtol=1e-6, atol=1e-9)
    matrix = np.array([[likelihood[0], likelihood[2]], [likelihood[2], likelihood[1]]])
    np.testing.assert_allclose(vector * PIXEL, matrix @ (row, column), rtol=1e-6, atol=1e-8)


def test_what_was_not_seen_weighs_nothing():
    precision, vector = information(posterior(np.array([5.0, -3]), np.zeros(3)), PIXEL)
    np.testing.assert_allclose(precision, 0, atol=1e-12)
    np.testing.assert_allclose(vector, 0, atol=1e-12)


def test_a_sharp_answer_is_credited_with_half_a_pixel():
    precision, vector = information(np.array([3.0, -2, 0, 0, 0]), PIXEL)
    most = (1 / NOISE_PIXELS**2 - 1 / PRIOR_PIXELS**2) / PIXEL**2
    np.testing.assert_allclose(precision, [most, most, 0], atol=1e-12)
    # undoing the shrinkage that the added noise suggests stays a matter of percents
    np.testing.assert_allclose(vector / precision[:2], np.array([3, -2]) * PIXEL, rtol=0.05)


@pytest.mark.parametrize("variance", [4.0, 9.0, 20.0])
def test_an_unsure_answer_counts_a_little_and_is_not_blown_up(variance):
    """Matching errors grow with the variance; the size of the answer does not."""
    moments = np.array([2.0, 0, variance, variance, 0])
    precision, vector = information(moments, 1.0)
    assert 0.5 < precision[0] * variance < 1.1
    assert 2.0 < vector[0] / precision[0] < 3.0


variances = st.floats(-1e-2, 300)
means = st.floats(-WINDOW_PIXELS, WINDOW_PIXELS)


@given(means, means, variances, variances, st.floats(-400, 400))
@settings(max_examples=300, deadline=None)
def test_no_answer_explodes(row, column, row_variance, column_variance, covariance):
    moments = np.array([row, column, row_variance, column_variance, covariance], dtype=np.float32)
    precision, vector = information(moments, 1.0)
    assert np.isfinite(precision).all()
    assert np.isfinite(vector).all()
    matrix = np.array([[precision[0], precision[2]], [precision[2], precision[1]]])
    values, axes = np.linalg.eigh(matrix)
    assert values[0] >= -1e-9
    assert values[1] <= 1 / NOISE_PIXELS**2 + 1e-6
    # along both principal axes, the answer that is implied lies within what was searched: a square
    reach = np.sqrt(2) * WINDOW_PIXELS
    assert (np.abs(axes.T @ vector) <= reach * np.maximum(values, 0) + 1e-6).all()


def test_matrices_agree_with_numpy():
    rng = np.random.default_rng(0)
    matrices = random_matrices(rng)
    entries = np.stack([matrices[..., row, column] for row, column in PAIRS])
    np.testing.assert_array_equal(symmetric(entries), matrices)
    vectors = rng.normal(size=(3, *SHAPE))
    wanted = np.einsum("kjiab,bkji->akji", matrices, vectors)
    np.testing.assert_allclose(multiply(entries, vectors), wanted, atol=1e-12)


@pytest.mark.parametrize("rank", [1, 3])
def test_affine_motion_is_recovered(rank):
    """Rank 1 is the aperture problem: each point sees motion along one direction only."""
    truth, motion = planted()
    evidence = full_evidence(truth, random_matrices(np.random.default_rng(1), rank))
    assert_same_motion(affine_motion(evidence), motion)


def test_slices_complete_each_other():
    """Each plane sees two components; thin slices outnumber thick ones."""
    truth, motion = planted()
    frame = Frame((0, 0, 0), (60, 80, 70), (1.0, 1.0, 1.0), 1.0)
    evidence = empty_evidence(frame)
    for axis, step in ((0, 1), (1, 2), (2, 3)):
        others = [a for a in range(3) if a != axis]
        layers = np.arange(0, evidence.shape[axis], step)
        padded = np.zeros((3, *evidence.shape))
        padded[:, : SHAPE[0], : SHAPE[1], : SHAPE[2]] = truth
        known = np.zeros(evidence.shape)
        known[: SHAPE[0], : SHAPE[1], : SHAPE[2]] = 1
        seen = np.moveaxis(padded, axis + 1, 1)[others][:, layers]
        weight = np.moveaxis(known, axis, 0)[layers]
        precision = np.stack([weight * 2, weight, weight * 0.3])
        vector = np.stack(
            [
                precision[0] * seen[0] + precision[2] * seen[1],
                precision[2] * seen[0] + precision[1] * seen[1],
            ]
        )
        add_slices(evidence, axis, layers * SPACING, precision, vector, weight=0.5)
    found = affine_motion(evidence)
    middle = (np.array(SHAPE) - np.array(evidence.shape)) / 2 * SPACING
    found[:, 3] += found[:, :3] @ middle  # from the lattice's middle to the middle of what was seen
    assert_same_motion(found, motion)


def test_slices_are_added_where_they_lie():
    evidence = empty_evidence(Frame((0, 0, 0), (32, 32, 32), (1.0, 1.0, 1.0), 1.0))
    assert (evidence.shape, evidence.spacing) == ((8, 8, 8), 4.0)
    precision = np.stack([np.full((3, 8, 8), v) for v in (3.0, 2.0, 1.0)])
    vector = np.stack([np.full((3, 8, 8), v) for v in (5.0, 7.0)])
    add_slices(evidence, 1, np.array([4.4, 3.6, 99.0]), precision, vector, weight=2.0)
    matrix = symmetric(evidence.precision)
    np.testing.assert_array_equal(matrix[2, 1, 5], 4 * np.array([[3, 0, 1], [0, 0, 0], [1, 0, 2]]))
    np.testing.assert_array_equal(matrix[2, 7, 5], matrix[2, 1, 5] / 2)
    np.testing.assert_array_equal(evidence.weighted[:, 0, 1, 0], [20, 0, 28])
    assert not np.delete(evidence.weighted, (1, 7), axis=2).any()


def test_false_matches_do_not_pull_the_motion():
    truth, motion = planted()
    rng = np.random.default_rng(2)
    wrong = rng.random(SHAPE) < 0.2
    answers = np.where(wrong, truth + np.array([8.0, 6, -7]).reshape(3, 1, 1, 1), truth)
    matrices = np.broadcast_to(np.eye(3), (*SHAPE, 3, 3))
    found = affine_motion(full_evidence(answers, matrices))
    assert np.abs(found[:, 3] - motion[:, 3]).max() < 0.35  # plain least squares: 1.6
    plain = (answers - truth).mean(axis=(1, 2, 3))
    assert np.abs(plain).max() > 1.2


def test_no_evidence_is_no_motion():
    evidence = empty_evidence(Frame((0, 0, 0), (32, 40, 48), (1.0, 1.0, 1.0), 1.0))
    assert not affine_motion(evidence).any()
    field, precision = displacement_field(evidence, np.zeros((3, 4)), rigidity=60.0)
    assert not field.any()
    assert not precision.any()


def test_field_is_the_affine_motion_where_nothing_contradicts():
    truth, motion = planted()
    evidence = full_evidence(truth, 0.1 * random_matrices(np.random.default_rng(3)))
    field, _ = displacement_field(evidence, motion, rigidity=60.0)
    np.testing.assert_allclose(field, truth, atol=1e-9)


def test_field_follows_scipy_and_a_linear_solver():
    rng = np.random.default_rng(4)
    truth = rng.normal(size=(3, *SHAPE))
    matrices = random_matrices(rng) * (rng.random(SHAPE) < 0.3)[..., None, None]
    evidence = full_evidence(truth, matrices)
    motion = rng.normal(size=(3, 4)) * 0.02
    field, precision = displacement_field(evidence, motion, rigidity=5.0)
    width = SMOOTHING_MM / SPACING
    unit = (2 * np.sqrt(np.pi) * width) ** 3
    smooth = np.stack([gaussian_filter(p, width) for p in evidence.precision]) * unit
    np.testing.assert_allclose(precision, smooth, rtol=1e-9, atol=1e-9)
    points = evidence.positions()
    points = points - points.reshape(3, -1).mean(axis=1).reshape(3, 1, 1, 1)
    affine = np.einsum("ab,bkji->akji", motion[:, :3], points) + motion[:, 3].reshape(3, 1, 1, 1)
    rest = [
        gaussian_filter(r, width) for r in evidence.weighted - multiply(evidence.precision, affine)
    ]
    rest = np.stack(rest, axis=-1)[..., None] * unit
    local = np.linalg.solve(symmetric(smooth) + 5 * np.eye(3), rest)[..., 0]
    np.testing.assert_allclose(field, affine + np.moveaxis(local, -1, 0), atol=1e-9)


@pytest.mark.parametrize("credit", [0.02, 5.0])
def test_local_evidence_must_outweigh_rigidity(credit):
    """Half the volume moves by 3 mm: precisions decide how much of that is believed."""
    truth = np.zeros((3, *SHAPE))
    truth[0, :, :8] = 3.0
    evidence = full_evidence(truth, np.broadcast_to(credit * np.eye(3), (*SHAPE, 3, 3)))
    field, _ = displacement_field(evidence, np.zeros((3, 4)), rigidity=60.0)
    local = credit * (2 * np.sqrt(np.pi) * SMOOTHING_MM / SPACING) ** 3
    np.testing.assert_allclose(field[0, :, :2], 3 * local / (local + 60), rtol=2e-2)
    assert np.abs(field[0, :, 14:]).max() < 0.02
