"""How good an estimated transform is, from what a case knows."""

from __future__ import annotations

from typing import Any

import numpy as np

from RegQCLib.evaluation.inverse_consistency import inverse_consistency
from RegQCLib.evaluation.jacobian_statistics import jacobian_statistics
from RegQCLib.evaluation.label_pairs import pair_labels
from RegQCLib.evaluation.landmark_error import target_registration_error
from RegQCLib.evaluation.overlap import dice
from RegQCLib.geometry.transforms import Affine, Transform
from Testing.Benchmarks.registration.cases import Case

SUCCESS_MM = 2.0


def score(case: Case, transform: Transform, inverse: Transform | None = None) -> dict[str, Any]:
    """All measures of fixed-to-moving ``transform`` that the case allows.

    tre_mean, tre_p95, tre_max: mm over the region, in moving space. dice: mean over labels.
    folds: share of the region's voxels. sdlogj: without unit. inverse_mean: mm.
    """
    return {
        **errors(case, transform),
        "dice": mean_dice(case, transform),
        **field_measures(case, transform),
        **consistency(case, transform, inverse),
    }


def start(case: Case) -> dict[str, Any]:
    """Errors and overlap before registration."""
    identity = Affine.identity()
    return {**errors(case, identity), "dice": mean_dice(case, identity)}


def errors(case: Case, transform: Transform) -> dict[str, float]:
    """Target registration error, mm; nothing without a truth."""
    if case.truth is None:
        return {}
    targets = case.truth.apply(case.points)
    distances = target_registration_error(case.points, targets, transform)
    return {
        "tre_mean": float(distances.mean()),
        "tre_p95": float(np.percentile(distances, 95)),
        "tre_max": float(distances.max()),
    }


def mean_dice(case: Case, transform: Transform) -> float | None:
    """Mean Dice over the labels of either image; None where they are not known or do not meet."""
    if case.fixed_labels is None or case.moving_labels is None:
        return None
    pair = pair_labels(case.fixed_labels, case.moving_labels, transform)
    return float(np.mean([dice(ours, theirs) for _, ours, theirs in pair.structures()]))


def field_measures(case: Case, transform: Transform) -> dict[str, float]:
    """Folds and SD of log J inside the region."""
    found = jacobian_statistics(transform, case.fixed.grid, case.region)
    return {"folds": found.folded_fraction, "sdlogj": found.sd_log}


def consistency(case: Case, transform: Transform, inverse: Transform | None) -> dict[str, float]:
    """Mean distance that remains after there and back, mm; nothing without an inverse."""
    if inverse is None:
        return {}
    distances = inverse_consistency(transform, inverse, case.points)
    return {"inverse_mean": float(distances.mean())} if distances.size else {}
