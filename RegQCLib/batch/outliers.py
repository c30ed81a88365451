"""Which cases of a run are unlike the others, by the modified z-score.

M = 0.6745 (x - median) / MAD; above 3.5 a case is an outlier (B. Iglewicz and D. Hoaglin, How to
detect and handle outliers, ASQC 1993). Where more than half of the values are equal the MAD is 0,
and (x - median) / (1.253314 mean |x - median|) takes its place, as they advise. Folding is 0 in
most cases and has a limit of its own: at that limit it reaches the same cut-off.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import fmean, median
from typing import Any

from RegQCLib.qc.field_limits import ONE_BODY

MEASURES = {
    "error_mean_mm": "mean error",
    "error_p95_mm": "95th percentile of error",
}
"""Columns whose values are compared with those of the other cases, and in words."""
CUT_OFF = 3.5


def outlier_scores(rows: Sequence[Mapping[str, Any]]) -> list[tuple[float, str]]:
    """Return for every row its largest score and by which measure, in words.

    A row without a verdict gets the cut-off and "not measured": it follows the outliers.
    """
    scores: list[tuple[float, str]] = [_folding(row) for row in rows]
    for column, words in MEASURES.items():
        measured = [(i, float(row[column])) for i, row in enumerate(rows) if _known(row, column)]
        for (index, _value), score in zip(
            measured, modified_z([value for _index, value in measured]), strict=True
        ):
            scores[index] = max(scores[index], (score, words))
    return [
        (CUT_OFF, "not measured") if _unjudged(row) or score == -math.inf else (score, words)
        for row, (score, words) in zip(rows, scores, strict=True)
    ]


def modified_z(values: Sequence[float]) -> list[float]:
    """Return the modified z-score of each value; 0 where all are equal."""
    if not values:
        return []
    middle = median(values)
    distances = [abs(value - middle) for value in values]
    scale = median(distances) / 0.6745 or 1.253314 * fmean(distances) or 1.0
    return [(value - middle) / scale for value in values]


def _folding(row: Mapping[str, Any]) -> tuple[float, str]:
    if not _known(row, "folded_fraction"):
        return -math.inf, ""
    return CUT_OFF * float(row["folded_fraction"]) / ONE_BODY.folded_fraction, "folding"


def _unjudged(row: Mapping[str, Any]) -> bool:
    return row.get("status") == "failed" or row.get("verdict") == "cannot_tell"


def _known(row: Mapping[str, Any], column: str) -> bool:
    value = row.get(column)
    return isinstance(value, int | float) and math.isfinite(value)
