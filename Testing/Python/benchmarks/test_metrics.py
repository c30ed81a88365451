"""The benchmark's figures against scikit-learn and closed forms."""

import math

import numpy as np
import pytest

from Testing.Benchmarks.detection.metrics import (
    auroc,
    auroc_interval,
    best_threshold,
    confusion,
    expected_calibration_error,
    mean_absolute_error,
    rate_interval,
)


def test_auroc_counts_pairs_and_ties_as_halves():
    assert auroc([3, 4], [1, 2]) == 1
    assert auroc([1, 2], [3, 4]) == 0
    assert auroc([2, 5], [2, 3]) == pytest.approx((0.5 + 0 + 1 + 1) / 4)
    assert math.isnan(auroc([], [1]))


def test_auroc_is_that_of_scikit_learn():
    reference = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    high, low = rng.normal(0.7, 1, 83).round(1), rng.normal(0, 1, 61).round(1)
    labels = [1] * 83 + [0] * 61
    expected = reference.roc_auc_score(labels, [*high, *low])
    assert auroc(high, low) == pytest.approx(expected, abs=1e-12)


def test_confusion_and_its_rates():
    counts = confusion([1, 1, 1, 0, 0, 0, 0], [1, 1, 0, 1, 0, 0, 0])
    assert (counts.tp, counts.fp, counts.fn, counts.tn) == (2, 1, 1, 3)
    assert counts.precision == pytest.approx(2 / 3)
    assert counts.recall == pytest.approx(2 / 3)
    assert counts.f1 == pytest.approx(2 / 3)
    assert counts.false_alarms == pytest.approx(1 / 4)


def test_rates_without_data_are_undefined_not_zero():
    assert math.isnan(confusion([0, 0], [0, 0]).recall)
    assert math.isnan(confusion([1, 1], [1, 1]).false_alarms)


def test_best_threshold_reaches_the_largest_f1():
    truth = np.array([0, 0, 1, 0, 1, 1])
    scores = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 5.0])
    threshold = best_threshold(truth, scores)
    every = [confusion(truth, scores >= t).f1 for t in scores]
    assert confusion(truth, scores >= threshold).f1 == max(every)
    assert threshold == 3


def test_calibration_error_of_known_bins():
    # Ten at 0.85 of which six are true, ten at 0.15 of which none is.
    probability = [0.85] * 10 + [0.15] * 10
    truth = [1] * 6 + [0] * 14
    expected = (0.25 * 10 + 0.15 * 10) / 20
    assert expected_calibration_error(truth, probability) == pytest.approx(expected)
    assert expected_calibration_error([1, 0], [1.0, 0.0]) == 0


def test_mean_absolute_error():
    assert mean_absolute_error([0, 1, 2], [1, 1, 0]) == 1
    assert math.isnan(mean_absolute_error([], []))


def test_intervals_draw_subjects_not_cases():
    subjects = ["a"] * 50 + ["b"] * 50
    # Draws of one subject alone happen; drawing cases would give about 0.4 to 0.6.
    assert rate_interval([0] * 50 + [1] * 50, subjects) == (0, 1)
    truth, scores = [1, 0] * 50, [1, 0] * 25 + [0, 1] * 25  # right in a, wrong in b
    assert auroc_interval(truth, scores, subjects) == (0, 1)
    assert all(math.isnan(v) for v in auroc_interval(truth[:50], scores[:50], subjects[:50]))


def test_auroc_interval_weighs_pairs_as_a_plain_resampling_does():
    rng = np.random.default_rng(1)
    subjects = np.repeat(list("abcdef"), 8)
    truth = np.tile([1, 0], 24).astype(bool)
    scores = (truth * 0.8 + rng.normal(size=48) + np.repeat(rng.normal(size=6), 8)).round(1)
    values = []
    for _ in range(3000):
        drawn = np.concatenate(
            [np.flatnonzero(subjects == s) for s in rng.choice(list("abcdef"), 6)]
        )
        values.append(auroc(scores[drawn][truth[drawn]], scores[drawn][~truth[drawn]]))
    expected = np.percentile(values, (2.5, 97.5))
    assert auroc_interval(truth, scores, subjects) == pytest.approx(expected, abs=0.02)
