"""Learn2Reg's summaries and ranks on cases worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from RegQCLib.errors import InputError
from RegQCLib.evaluation.learn2reg_ranking import (
    aggregate,
    hardest,
    rank_scores,
    significant_losses,
    task_scores,
)

NOISE = np.random.default_rng(0).normal(scale=0.01, size=(4, 20))


def test_losses_of_methods_that_are_far_apart():
    dice = NOISE + np.array([[0.5], [0.9], [0.7], [0.7]])
    assert significant_losses(dice, higher_is_better=True).tolist() == [3, 0, 1, 1]
    assert significant_losses(dice, higher_is_better=False).tolist() == [0, 3, 1, 1]


def test_the_test_is_unpaired():
    # Better in each of 20 cases by far less than cases differ: a signed-rank test would see it.
    first = np.linspace(0, 1, 20)
    losses = significant_losses(np.stack([first, first + 1e-3]), higher_is_better=True)
    assert losses.tolist() == [0, 0]


def test_scores_are_spaced_evenly_and_shared_by_ties():
    np.testing.assert_allclose(rank_scores([2, 0, 1]), [0.1, 1.0, 0.55])
    np.testing.assert_allclose(rank_scores([3, 0, 1, 1]), [0.1, 1.0, 0.55, 0.55])
    np.testing.assert_allclose(rank_scores([0, 0]), [0.55, 0.55])
    np.testing.assert_allclose(rank_scores([0]), [0.1])


def test_a_task_is_the_geometric_mean():
    np.testing.assert_allclose(task_scores([[1.0, 0.1], [0.25, 0.1]]), [0.5, 0.1])


def test_what_the_thirty_means():
    values = np.linspace(0, 1, 11)
    assert aggregate(values, "dice") == pytest.approx({"mean": 0.5, "std": 0.1**0.5, "30": 0.3})
    assert aggregate(values, "hd95")["30"] == pytest.approx(0.3)
    assert aggregate(values, "tre")["30"] == pytest.approx(0.7)
    assert aggregate(values, "sdlogj")["30"] == pytest.approx(0.7)


def test_the_hardest_cases():
    assert set(hardest([0.9, 0.1, 0.5, 0.2, 0.8, 0.7, 0.6, 0.0, 0.4, 0.3])) == {7, 1, 3}


@pytest.mark.parametrize(
    ("values", "reason"),
    [([0.1, 0.2], "shape"), (np.zeros((0, 3)), "shape"), ([[0.1, np.nan]], "finite")],
)
def test_values_that_cannot_be_ranked(values, reason):
    with pytest.raises(InputError, match=reason):
        significant_losses(values, higher_is_better=True)
