"""Measures of detection, from scores and truths. Higher score = more misaligned, everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

NAN = float("nan")
ECE_BINS = 10
DRAWS = 1000


@dataclass(frozen=True)
class Confusion:
    """Counts with 'misaligned' as positive, and what follows from them; NaN where undefined."""

    tp: int
    fp: int
    fn: int
    tn: int

    @property
    def precision(self) -> float:
        """Of those called misaligned, the share that is."""
        return self.tp / (self.tp + self.fp) if self.tp + self.fp else NAN

    @property
    def recall(self) -> float:
        """Of those misaligned, the share called so."""
        return self.tp / (self.tp + self.fn) if self.tp + self.fn else NAN

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return 2 * self.tp / (2 * self.tp + self.fp + self.fn) if self.tp + self.fn else NAN

    @property
    def false_alarms(self) -> float:
        """Of those aligned, the share called misaligned."""
        return self.fp / (self.fp + self.tn) if self.fp + self.tn else NAN

    def to_dict(self) -> dict[str, float]:
        """Counts and rates."""
        rates = {n: getattr(self, n) for n in ("f1", "precision", "recall", "false_alarms")}
        return {**asdict(self), **rates}


def auroc(positive: ArrayLike, negative: ArrayLike) -> float:
    """Chance that a positive scores above a negative, ties counting half; NaN where one is missing.

    The Mann-Whitney statistic from ranks.
    """
    high, low = np.asarray(positive, dtype=float), np.asarray(negative, dtype=float)
    if not high.size or not low.size:
        return NAN
    ranks = rankdata(np.concatenate([high, low]))
    wins = ranks[: high.size].sum() - high.size * (high.size + 1) / 2
    return float(wins / (high.size * low.size))


def confusion(truth: ArrayLike, called: ArrayLike) -> Confusion:
    """Count agreement of two boolean sequences; True = misaligned."""
    true, said = np.asarray(truth, dtype=bool), np.asarray(called, dtype=bool)
    return Confusion(
        tp=int((true & said).sum()),
        fp=int((~true & said).sum()),
        fn=int((true & ~said).sum()),
        tn=int((~true & ~said).sum()),
    )


def best_threshold(truth: ArrayLike, scores: ArrayLike) -> float:
    """Score from which calling 'misaligned' gives the largest F1 on these very data.

    It is chosen with knowledge of the truth: what a method without a shipped threshold could reach
    at best.
    """
    true, score = np.asarray(truth, dtype=bool), np.asarray(scores, dtype=float)
    order = np.argsort(-score, kind="stable")
    hits = np.cumsum(true[order])
    f1 = 2 * hits / (np.arange(1, len(score) + 1) + true.sum())
    last_of_ties = np.append(np.diff(score[order]) != 0, True)
    return float(score[order][int(np.argmax(np.where(last_of_ties, f1, -1.0)))])


def expected_calibration_error(
    truth: ArrayLike, probability: ArrayLike, *, bins: int = ECE_BINS
) -> float:
    """Mean gap of probability and frequency over equal-width bins, weighted by their counts.

    (Guo et al., ICML 2017, equation 3.)  NaN without data.
    """
    true, stated = np.asarray(truth, dtype=float), np.asarray(probability, dtype=float)
    if not stated.size:
        return NAN
    which = np.minimum((stated * bins).astype(int), bins - 1)
    gaps = [
        abs(true[which == b].mean() - stated[which == b].mean()) * (which == b).sum()
        for b in np.unique(which)
    ]
    return float(np.sum(gaps) / stated.size)


def mean_absolute_error(truth: ArrayLike, estimate: ArrayLike) -> float:
    """Mean of |estimate - truth|; NaN without data."""
    gap = np.abs(np.asarray(estimate, dtype=float) - np.asarray(truth, dtype=float))
    return float(gap.mean()) if gap.size else NAN


def auroc_interval(
    truth: ArrayLike, scores: ArrayLike, subjects: Sequence[str], *, seed: int = 0
) -> tuple[float, float]:
    """95 % percentile interval of `auroc` when whole subjects are drawn with replacement.

    Versions of one subject are not independent, so cases are never drawn on their own. Draws
    without positives or negatives are left out; NaN for fewer than two subjects.
    """
    true, score = np.asarray(truth, dtype=bool), np.asarray(scores, dtype=float)
    names, owner = np.unique(np.asarray(subjects), return_inverse=True)
    gap = score[true][:, None] - score[~true][None, :]
    wins = (gap > 0) + 0.5 * (gap == 0)
    # Wins of one subject's positives over another's negatives: a draw only weighs them.
    rows, columns = np.eye(len(names))[owner[true]], np.eye(len(names))[owner[~true]]
    counts = _draws(len(names), seed)
    won = np.einsum("ds,st,dt->d", counts, rows.T @ wins @ columns, counts)
    return _percentiles(won, (counts @ rows.sum(axis=0)) * (counts @ columns.sum(axis=0)))


def rate_interval(
    hits: ArrayLike, subjects: Sequence[str], *, seed: int = 0
) -> tuple[float, float]:
    """95 % percentile interval of the share of hits, by subjects as in `auroc_interval`."""
    names, owner = np.unique(np.asarray(subjects), return_inverse=True)
    counts = _draws(len(names), seed)
    hit = np.bincount(owner, weights=np.asarray(hits, dtype=float), minlength=len(names))
    return _percentiles(counts @ hit, counts @ np.bincount(owner, minlength=len(names)))


def _draws(subjects: int, seed: int) -> NDArray[np.float64]:
    """How often each subject is in each draw, (draws, subjects); no draws below two subjects."""
    if subjects < 2:
        return np.zeros((0, subjects))
    share = np.full(subjects, 1 / subjects)
    return np.random.default_rng(seed).multinomial(subjects, share, size=DRAWS).astype(float)


def _percentiles(
    numerator: NDArray[np.float64], denominator: NDArray[np.float64]
) -> tuple[float, float]:
    defined = denominator > 0
    if not defined.any():
        return NAN, NAN
    low, high = np.percentile(numerator[defined] / denominator[defined], (2.5, 97.5))
    return float(low), float(high)
