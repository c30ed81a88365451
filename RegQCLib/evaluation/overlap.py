"""Overlap of two masks: 1 where they are the same, 0 where they share nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BoolArray = NDArray[np.bool_]


def dice(a: BoolArray, b: BoolArray) -> float:
    """Twice the common volume over the sum of both (Dice, Ecology 26, 1945).

    a, b: masks of one shape. Returns 0 when both are empty: a structure that is nowhere to be
    found has not been matched.
    """
    total = int(np.count_nonzero(a)) + int(np.count_nonzero(b))
    return 2 * int(np.count_nonzero(a & b)) / total if total else 0.0


def jaccard(a: BoolArray, b: BoolArray) -> float:
    """Common volume over the volume of either (Jaccard, New Phytol. 11, 1912); 0 when both empty.

    a, b: masks of one shape.
    """
    union = int(np.count_nonzero(a | b))
    return int(np.count_nonzero(a & b)) / union if union else 0.0
