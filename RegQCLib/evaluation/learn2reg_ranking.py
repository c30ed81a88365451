"""Summaries over cases and ranking of methods as in Learn2Reg (MDL-UzL/L2R).

For each measure, methods are compared in pairs; the fewer significant losses, the higher the rank
score. Its description says signed-rank test, its code tests the rank sum of unpaired samples; this
follows the code, with which the published tables were made.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata, ranksums

from RegQCLib.errors import InputError

SIGNIFICANCE = 0.05
LOWEST_SCORE = 0.1
"""Also of a method for which a measure is missing."""

HARDEST_SHARE = 0.3

QUANTILES = {"dice": 0.3, "hd95": 0.3, "sdlogj": 0.7, "tre": 0.7}
"""Where each measure's "30" lies: the bad end of all but HD95, whose "30" is its good end."""


def aggregate(values: ArrayLike, measure: str) -> dict[str, float]:
    """Mean, standard deviation and "30" quantile over cases, as in the challenge's result files.

    values: (cases,), the mean of each case. measure: "dice", "hd95", "sdlogj" or "tre".
    """
    array = np.asarray(values, dtype=np.float64)
    return {
        "mean": float(array.mean()),
        "std": float(array.std()),
        "30": float(np.quantile(array, QUANTILES[measure])),
    }


def significant_losses(values: ArrayLike, *, higher_is_better: bool) -> NDArray[np.intp]:
    """How many methods are significantly better than each one, (methods,).

    values: (methods, cases), finite; where a case has none, Learn2Reg puts in a bad one (Dice 0,
    HD95 10 voxels). Wilcoxon's rank-sum test, two-sided, p < 0.05.
    Raises InputError for other shapes or values.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 2 or not array.size:
        raise InputError(f"values to rank have shape (methods, cases), got {array.shape}")
    if not np.isfinite(array).all():
        raise InputError("values to rank must be finite; put in a bad value for what is missing")
    if not higher_is_better:
        array = -array
    losses = np.zeros(len(array), dtype=np.intp)
    for loser, own in enumerate(array):
        for other in array:
            test = ranksums(other, own)
            losses[loser] += bool(test.statistic > 0 and test.pvalue < SIGNIFICANCE)
    return losses


def rank_scores(losses: ArrayLike) -> NDArray[np.float64]:
    """Scores from 0.1 (most losses) to 1 (fewest), evenly spaced; ties share their mean.

    losses: (methods,), of `significant_losses`. A single method gets 0.1, as numpy.linspace has it.
    """
    count = np.asarray(losses)
    place = rankdata(-count, method="average") - 1
    scale = np.linspace(LOWEST_SCORE, 1.0, len(count))
    return np.interp(place, np.arange(len(count)), scale)


def task_scores(scores: Sequence[ArrayLike]) -> NDArray[np.float64]:
    """Geometric mean over the measures of a task, (methods,). scores: one (methods,) a measure."""
    table = np.stack([np.asarray(one, dtype=np.float64) for one in scores])
    return np.asarray(np.prod(table, axis=0) ** (1 / len(table)))


def hardest(initial_dice: ArrayLike) -> NDArray[np.intp]:
    """Indices of the 30 % that overlap least before registration: the subset behind "Dice30".

    initial_dice: (cases times labels,), with 0 for what is missing.
    """
    values = np.asarray(initial_dice, dtype=np.float64)
    return np.argsort(values)[: round(len(values) * HARDEST_SHARE)]
