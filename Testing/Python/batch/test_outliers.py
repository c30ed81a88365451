"""Outlier scores against numbers worked out by hand and against SciPy's median deviation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from RegQCLib.batch.outliers import CUT_OFF, modified_z, outlier_scores


def done(**values):
    return {"status": "done", "verdict": "aligned", **values}


def test_scores_are_those_of_the_median_deviation():
    values = np.random.default_rng(3).gamma(2, 1.3, 51)
    expected = (values - np.median(values)) / stats.median_abs_deviation(values) * 0.6745
    assert modified_z(values.tolist()) == pytest.approx(expected)


def test_where_most_values_are_equal_the_mean_deviation_serves():
    # median 0, MAD 0, mean deviation 10 / 5
    assert modified_z([0, 0, 0, 0, 10]) == pytest.approx([0, 0, 0, 0, 10 / (1.253314 * 2)])
    assert modified_z([2.0, 2.0]) == [0, 0]
    assert modified_z([]) == []


def test_the_largest_score_and_its_measure_are_named():
    rows = [done(error_mean_mm=1 + 0.1 * i, error_p95_mm=2.0 + 0.1 * i) for i in range(9)]
    rows.append(done(error_mean_mm=1.4, error_p95_mm=9.0))
    scores = outlier_scores(rows)
    assert max(scores) == scores[-1]
    assert scores[-1][0] > CUT_OFF
    assert scores[-1][1] == "95th percentile of error"
    assert all(score < CUT_OFF for score, _words in scores[:-1])


def test_folding_reaches_the_cut_off_at_its_limit():
    rows = [done(error_mean_mm=1.0, folded_fraction=f) for f in (0.0, 0.01, 0.02)]
    scores, words = zip(*outlier_scores(rows)[1:], strict=True)
    assert scores == pytest.approx([CUT_OFF, 2 * CUT_OFF])
    assert words == ("folding", "folding")


def test_cases_without_a_verdict_follow_the_outliers():
    rows = [done(error_mean_mm=1.0), done(error_mean_mm=1.2), done(error_mean_mm=1.1),
            {"status": "failed", "error_mean_mm": None},
            {"status": "done", "verdict": "cannot_tell", "folded_fraction": 0.9},
            done(error_mean_mm=math.nan)]  # fmt: skip
    assert outlier_scores(rows)[3:] == [(CUT_OFF, "not measured")] * 3
