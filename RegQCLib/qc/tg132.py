"""The quantities of AAPM TG-132 with their tolerances, each measured or with what would supply it.

Source: Brock et al., "Use of image registration and fusion algorithms and techniques in
radiotherapy", Med. Phys. 44 (2017) e43-e76, Table III. Tolerances in mm follow from the largest
voxel dimension of the two images, which the report puts at about 2 to 3 mm.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from RegQCLib.geometry.grid import Grid

DICE_LIMIT = 0.80  # the report's range is 0.80 to 0.90: contouring itself is not better
CONSTANT_JACOBIAN = ("identity", "rigid", "affine")
NEEDS_LANDMARKS = "needs landmarks: --landmarks"
NEEDS_CONTOURS = "needs contours: --fixed-labels and --moving-labels"
NEEDS_TRANSFORM = "needs the transform: --transform"
NEEDS_INVERSE = "needs inverse: --inverse"


def tg132_table(
    grid: Grid,
    field: Mapping[str, Any] | None,
    *,
    landmarks_tre: ArrayLike | None = None,
    dice: Mapping[str, float | None] | None = None,
    mda: Mapping[str, float | None] | None = None,
    moving_grid: Grid | None = None,
) -> list[dict[str, Any]]:
    """Return five rows: quantity, tolerance, limit, unit, value, status, note.

    grid, moving_grid: of the fixed and the moving image; the largest voxel dimension counts.
    field: of `qc.field_plausibility.assess_field`; None where no transform was given.
    landmarks_tre: (N,) mm, target registration error of every landmark.
    dice, mda: by structure; mean distance to agreement in mm, None where a structure has none. The
    worst structure decides.
    In a row, limit and value are numbers or None, status is "pass", "fail" or "not measured", and
    note says how it was measured or what would supply it.
    """
    spacings = [grid.spacing] if moving_grid is None else [grid.spacing, moving_grid.spacing]
    voxel = float(max(spacing.max() for spacing in spacings))
    return [
        _landmark_row(voxel, landmarks_tre),
        _distance_row(voxel, mda),
        _dice_row(dice),
        _jacobian_row(field),
        _consistency_row(voxel, field),
    ]


def _landmark_row(voxel: float, errors: ArrayLike | None) -> dict[str, Any]:
    quantity = "Target registration error of landmarks"
    if errors is None:
        return _row(quantity, _voxel_text(voxel), voxel, None, NEEDS_LANDMARKS)
    values = np.asarray(errors, dtype=np.float64).ravel()
    over = int((values > voxel).sum())
    note = (
        f"mean of {values.size} landmark pairs; largest {values.max():.1f} mm, "
        f"{over} above the tolerance"
    )
    return _row(quantity, _voxel_text(voxel), voxel, float(values.mean()), note)


def _distance_row(voxel: float, mda: Mapping[str, float | None] | None) -> dict[str, Any]:
    quantity = "Mean distance to agreement of contours"
    tolerance = f"contouring uncertainty or {_voxel_text(voxel)}"
    if not mda:
        return _row(quantity, tolerance, voxel, None, NEEDS_CONTOURS)
    measured = {name: value for name, value in mda.items() if value is not None}
    lost = _lost(mda)
    if not measured:
        return _row(quantity, tolerance, voxel, None, f"no structure has a distance; {lost}")
    worst = max(measured, key=lambda name: measured[name])
    note = _structures(worst, len(measured)) + (f"; {lost}" if lost else "")
    row = _row(quantity, tolerance, voxel, measured[worst], note)
    if lost:  # a structure that is nowhere has no distance, and no agreement either
        row["status"] = "fail"
    return row


def _dice_row(dice: Mapping[str, float | None] | None) -> dict[str, Any]:
    quantity = "Dice similarity of contours"
    tolerance = "within contouring uncertainty, about 0.80 to 0.90"
    if not dice:
        return _row(quantity, tolerance, DICE_LIMIT, None, NEEDS_CONTOURS, unit="")
    values = {name: value or 0.0 for name, value in dice.items()}
    worst = min(values, key=lambda name: values[name])
    note = f"{_structures(worst, len(values))}; passes from {DICE_LIMIT:.2f}"
    return _row(
        quantity, tolerance, DICE_LIMIT, values[worst], note, unit="", smaller_is_better=False
    )


def _jacobian_row(field: Mapping[str, Any] | None) -> dict[str, Any]:
    quantity = "Smallest Jacobian determinant"
    tolerance = "no negative values; range as expected from physiology"
    lowest = None if field is None else field.get("jacobian_min")
    if field is None or lowest is None:
        return _row(quantity, tolerance, 0.0, None, NEEDS_TRANSFORM, unit="")
    if field.get("kind") in CONSTANT_JACOBIAN and lowest > 0:
        row = _row(quantity, tolerance, 0.0, float(lowest), "", unit="")
        row["status"] = "not measured"
        row["note"] = "the same everywhere for a rigid or affine transform: not evidence"
        return row
    folded = field.get("folded_fraction")
    note = "inside the body" if folded is None else f"inside the body; {folded:.2%} of it folded"
    return _row(quantity, tolerance, 0.0, float(lowest), note, unit="", smaller_is_better=False)


def _consistency_row(voxel: float, field: Mapping[str, Any] | None) -> dict[str, Any]:
    quantity = "Inverse consistency (A to B against B to A)"
    value = None if field is None else field.get("inverse_consistency_mm")
    if value is None:
        need = NEEDS_INVERSE if field is not None else f"{NEEDS_TRANSFORM}, and {NEEDS_INVERSE}"
        return _row(quantity, _voxel_text(voxel), voxel, None, need)
    note = "mean inside the body; shows stability, not accuracy"
    return _row(quantity, _voxel_text(voxel), voxel, float(value), note)


def _row(
    quantity: str,
    tolerance: str,
    limit: float,
    value: float | None,
    note: str,
    *,
    unit: str = "mm",
    smaller_is_better: bool = True,
) -> dict[str, Any]:
    status = "not measured"
    if value is not None and np.isfinite(value):
        beyond = value > limit if smaller_is_better else value < limit
        status = "fail" if beyond else "pass"
    return {
        "quantity": quantity,
        "tolerance": tolerance,
        "limit": limit,
        "unit": unit,
        "value": value,
        "status": status,
        "note": note,
    }


def _voxel_text(voxel: float) -> str:
    return f"largest voxel dimension, {voxel:.3g} mm here"


def _structures(worst: str, count: int) -> str:
    return f"structure {worst}" if count == 1 else f"worst of {count} structures: {worst}"


def _lost(mda: Mapping[str, float | None]) -> str:
    names = [name for name, value in mda.items() if value is None]
    return f"not found in both images: {', '.join(names)}" if names else ""
