"""A small report whose every part is filled, for the tests to change."""

from __future__ import annotations

from typing import Any

import numpy as np

from RegQCLib.geometry.grid import PLANE_NAMES
from RegQCLib.geometry.volume import Volume
from RegQCLib.qc.alignment_report import AlignmentReport, AxisScores, ErrorEstimate, SliceScore
from RegQCLib.qc.tg132 import tg132_table

SHAPE = (12, 26, 30)  # k, j, i: unequal, like the voxels
AFFINE = np.array([[2.0, 0, 0, -28], [0, 2.5, 0, -32], [0, 0, 5.0, -30], [0, 0, 0, 1.0]])


def ball(seed: int = 0, name: str = "ball") -> Volume:
    """A noisy ball in the middle of the grid."""
    axes = np.meshgrid(*[np.linspace(-1, 1, n) for n in SHAPE], indexing="ij")
    noise = np.random.default_rng(seed).normal(0, 3, SHAPE)
    inside = sum(x**2 for x in axes) < 0.5
    return Volume((100.0 * inside + noise).astype(np.float32), AFFINE, name)


def scores(volume: Volume, plane: str, *, flagged: tuple[int, ...] = ()) -> AxisScores:
    """Slice scores with empty ends; flagged slices have the larger errors."""
    axis = volume.grid.array_axis(plane)
    result = []
    for index in range(volume.shape[axis]):
        middle = (np.array(volume.shape) - 1) / 2
        middle[axis] = index
        position = volume.grid.to_world(middle[::-1])[PLANE_NAMES.index(plane)]
        empty = index in (0, volume.shape[axis] - 1)
        bad = index in flagged
        result.append(
            SliceScore(
                index,
                float(position),
                None if empty else 0.1 + 0.8 * bad,
                None if empty else 0.4 + 3.1 * bad + 0.01 * index,
                bad,
            )
        )
    return AxisScores(plane, plane == "axial", result)


def make_report(**changes: Any) -> AlignmentReport:
    """A misaligned pair with three flagged slices; ``changes`` replace fields."""
    fixed, moved = ball(0, "fixed.nii.gz"), ball(1, "moved.nii.gz")
    error = np.where(fixed.array > 50, 3.0, np.nan).astype(np.float32)
    fields: dict[str, Any] = {
        "verdict": "misaligned",
        "reason": "The mean error is above the tolerance.",
        "probability_misaligned": 0.975,
        "error_mm": ErrorEstimate(3.2, 5.1, (2.6, 3.9)),
        "axes": [
            scores(fixed, "sagittal"),
            scores(fixed, "coronal", flagged=(9, 20)),
            scores(fixed, "axial", flagged=(6,)),
        ],
        "overlap": {"fraction_of_body": 0.93},
        "field": None,
        "tg132": tg132_table(fixed.grid, None),
        "similarity": {"nmi": 1.12, "lncc": 0.4},
        "timing_s": {"slices": 1.25},
        "provenance": {"regqc": "0.1.0", "options": {"tolerance_mm": 1.5, "mask": None}},
        "fixed": fixed,
        "moved": moved,
        "error_map": Volume(error, AFFINE, "error"),
        "tolerance_mm": 1.5,
    }
    return AlignmentReport(**{**fields, **changes})


def cannot_tell(**changes: Any) -> AlignmentReport:
    """A pair that could not be judged: nothing was measured."""
    missing: dict[str, Any] = {
        "verdict": "cannot_tell",
        "reason": "The fields of view share 2 % of the body.",
        "probability_misaligned": None,
        "error_mm": None,
        "axes": [],
        "similarity": {},
        "error_map": None,
    }
    return make_report(**{**missing, **changes})
