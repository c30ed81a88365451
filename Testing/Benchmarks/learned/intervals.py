"""Means over seeds with their 95 % intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats


def summary(values: Sequence[float]) -> dict[str, float | None]:
    """mean, and low and high of its 95 % interval (Student's t), which one value has not."""
    array = np.asarray(values, dtype=np.float64)
    if len(array) < 2:
        return {"mean": float(array.mean()), "low": None, "high": None}
    half = float(stats.t.ppf(0.975, len(array) - 1) * stats.sem(array))
    mean = float(array.mean())
    return {"mean": mean, "low": mean - half, "high": mean + half}
