"""An evaluation as lines for a terminal: every number with its unit."""

from __future__ import annotations

import math
from collections.abc import Iterator

from RegQCLib.evaluation.results import Evaluation, Learn2RegScores, Summary

HEADER = ("label", "Dice", "Jaccard", "HD95 mm", "ASSD mm")
WIDTHS = (8, 8, 9, 9, 9)
MISSING = "-"


def lines(evaluation: Evaluation) -> Iterator[str]:
    """Yield the table of the labels, then one line a family of measures."""
    if evaluation.labels:
        yield _row(HEADER)
        for one in evaluation.labels:
            yield _scores(str(one.label), one.dice, one.jaccard, one.hd95_mm, one.assd_mm)
        if len(evaluation.labels) > 1:
            names = ("dice", "jaccard", "hd95_mm", "assd_mm")
            yield _scores("mean", *(evaluation.mean(name) for name in names))
    errors = evaluation.landmark_errors_mm
    if errors is not None:
        yield f"target registration error of {len(errors)} landmarks: {_spread(Summary.of(errors))}"
    jacobian = evaluation.jacobian
    if jacobian is not None:
        yield (
            f"Jacobian over {evaluation.region}: SD of log J {jacobian.sd_log:.4f}, "
            f"folded {jacobian.folded_fraction:.3%} "
            f"({jacobian.folded_voxels} of {jacobian.voxels} voxels)"
        )
    if evaluation.inverse_consistency is not None:
        spread = _spread(evaluation.inverse_consistency)
        yield f"inverse consistency over {evaluation.region}: {spread}"
    if evaluation.learn2reg is not None:
        yield _learn2reg(evaluation.learn2reg)


def _scores(
    label: str,
    dice: float | None,
    jaccard: float | None,
    hd95: float | None,
    assd: float | None,
) -> str:
    cells = [_number(dice, 3), _number(jaccard, 3), _number(hd95, 2), _number(assd, 2)]
    return _row((label, *cells))


def _row(cells: tuple[str, ...]) -> str:
    return "".join(
        [cells[0].ljust(WIDTHS[0])]
        + [cell.rjust(width) for cell, width in zip(cells[1:], WIDTHS[1:], strict=True)]
    )


def _learn2reg(scores: Learn2RegScores) -> str:
    parts = [
        f"Dice {_number(scores.dice.mean, 3)}",
        f"HD95 {_number(scores.hd95_voxels.mean, 2)} voxels",
    ]
    if scores.sdlogj is not None:
        parts.append(f"SDlogJ {scores.sdlogj:.4f}")
    if scores.tre_mm is not None:
        parts.append(f"TRE {scores.tre_mm.mean():.2f} mm")
    return f"as Learn2Reg: {', '.join(parts)}"


def _spread(summary: Summary) -> str:
    return (
        f"mean {summary.mean_mm:.2f} mm, median {summary.median_mm:.2f} mm, "
        f"95 % within {summary.p95_mm:.2f} mm, largest {summary.max_mm:.2f} mm"
    )


def _number(value: float | None, digits: int) -> str:
    return MISSING if value is None or math.isnan(value) else f"{value:.{digits}f}"
