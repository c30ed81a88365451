"""Is a transform physically plausible inside the body?

Folding, volume change, roughness and swirl of the field; a field that passes may still be wrong
(TG-132: such measures show stability, not accuracy). Statistics are restricted to the body: one
phantom folded at 2.98 % of the box and 0.003 % of the body (reference/methods.md, section 19).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from RegQCLib.errors import InputError
from RegQCLib.evaluation.inverse_consistency import inverse_consistency
from RegQCLib.evaluation.jacobian_statistics import folded_voxels, sd_log_jacobian
from RegQCLib.geometry.field_in_body import body_points, dense_in_body, stored_affine
from RegQCLib.geometry.fields import DisplacementField
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.jacobian import affine_determinant, jacobian_determinant
from RegQCLib.geometry.smoothness import bending_energy, local_rotation
from RegQCLib.geometry.transforms import Affine, Transform, simplified
from RegQCLib.qc.field_limits import JACOBIAN_RANGE, ONE_BODY, TWO_BODIES, FieldLimits

MAX_INVERSE_ERROR_MM = 3.0
"""TG-132, table III: consistency within the voxel size, 2 to 3 mm."""

SMOOTH_STATISTICS_VOXELS = 500_000
"""Roughness and swirl are means: slices are skipped beyond this many body voxels."""


def assess_field(
    transform: Transform,
    grid: Grid,
    body_mask: NDArray[np.bool_],
    *,
    inverse: Transform | None = None,
    between_people: bool = False,
) -> dict[str, Any]:
    """Measure a transform inside the body and say whether it is plausible.

    transform: fixed-space to moving-space points. grid: of the fixed image.
    body_mask: (D, H, W) bool on ``grid``. inverse: moving-space to fixed-space points.
    between_people: the images show two bodies, which differ more than one body does from itself.
    A transform that starts with a displacement field is measured at that field's own voxels, where
    nothing is interpolated; any other is sampled on ``grid``.

    Returns a dict of plain numbers:
    kind: "rigid", "affine" or "deformable"; jacobian_min, jacobian_max, jacobian_p01,
    jacobian_p99: determinant in the body; folded_fraction, folded_voxels: determinant <= 0;
    sd_log_jacobian: standard deviation of log J with J clipped at 1e-9, as Learn2Reg without its
    offset of 3; bending_energy: 1/mm^2, see `smoothness.bending_energy`; roughness: its
    root times the voxel size; rotation_p95_deg, rotation_p995_deg: see
    `smoothness.local_rotation`;
    mean_displacement_mm, max_displacement_mm;
    inverse_consistency_mm, inverse_consistency_p95_mm: |T^-1(T(x)) - x|, None without ``inverse``;
    plausible; reasons: what is implausible, or, for rigid and affine transforms, that a constant
    Jacobian is no evidence. Values that do not exist are None.

    Raises InputError when the mask has another shape, is empty, or misses the field.
    """
    if body_mask.shape != grid.shape:
        raise InputError(f"the mask has shape {body_mask.shape}, the image {grid.shape}")
    if not body_mask.any():
        raise InputError("the body mask is empty, so there is nothing to assess")
    simple = simplified(transform)
    points = body_points(grid, body_mask)
    if isinstance(simple, Affine):
        result = _assess_affine(simple, points, int(body_mask.sum()))
    else:
        limits = TWO_BODIES if between_people else ONE_BODY
        result = _assess_dense(simple, grid, body_mask, points, limits)
    return _with_consistency(result, transform, inverse, points)


def _assess_dense(
    transform: Transform,
    grid: Grid,
    body_mask: NDArray[np.bool_],
    points: NDArray[np.float64],
    limits: FieldLimits,
) -> dict[str, Any]:
    field, mask = dense_in_body(transform, grid, body_mask)
    stored = stored_affine(field)
    if stored is not None:
        return _assess_affine(stored, points, int(mask.sum()))
    return _assess_deformation(field, mask, limits)


def _assess_affine(affine: Affine, points: NDArray[np.float64], voxels: int) -> dict[str, Any]:
    determinant = affine_determinant(affine)
    kind = "rigid" if affine.is_rigid() else "affine"
    length = np.linalg.norm(affine.apply(points) - points, axis=1)
    folded = determinant <= 0
    low, high = JACOBIAN_RANGE
    reasons = [
        f"the transform is {kind}: its Jacobian determinant is {determinant:.3f} everywhere, "
        "which is no evidence of a good alignment"
    ]
    if folded:
        reasons.append("the transform mirrors the body")
    elif not low <= determinant <= high:
        reasons.append(f"the transform changes every volume by a factor of {determinant:.3g}")
    return {
        "kind": kind,
        "jacobian_min": determinant,
        "jacobian_max": determinant,
        "jacobian_p01": determinant,
        "jacobian_p99": determinant,
        "folded_fraction": float(folded),
        "folded_voxels": voxels if folded else 0,
        "sd_log_jacobian": 0.0,
        "bending_energy": 0.0,
        "roughness": 0.0,
        "rotation_p95_deg": 0.0,
        "rotation_p995_deg": 0.0,
        "mean_displacement_mm": float(length.mean()),
        "max_displacement_mm": float(length.max()),
        "plausible": len(reasons) == 1,
        "reasons": reasons,
    }


def _assess_deformation(
    field: DisplacementField, mask: NDArray[np.bool_], limits: FieldLimits
) -> dict[str, Any]:
    determinant = jacobian_determinant(field)[mask]
    count = determinant.size
    folded = folded_voxels(determinant)
    low, high = JACOBIAN_RANGE
    extreme = np.count_nonzero((determinant < low) | (determinant > high)) / count
    first, last = np.percentile(determinant, (1, 99))
    unfolded_sd = sd_log_jacobian(determinant[determinant > 0]) if folded < count else 0.0
    every = max(1, count // SMOOTH_STATISTICS_VOXELS)
    bending = bending_energy(field, mask, every=every)
    turns = local_rotation(field, mask, every=every)
    rotation, swirl = (float(value) for value in np.percentile(turns, (95, 99.5)))
    squared = np.einsum("ckji,ckji->kji", field.array, field.array)[mask]
    roughness = float(np.sqrt(bending) * np.prod(field.grid.spacing) ** (1 / 3))
    checks = [
        (
            folded / count > limits.folded_fraction,
            f"{folded / count:.1%} of the body folds (limit {limits.folded_fraction:.0%})",
        ),
        (
            extreme > limits.extreme_fraction,
            f"{extreme:.1%} of the body shrinks or grows beyond {low:g} to {high:g} times "
            f"(limit {limits.extreme_fraction:.1%})",
        ),
        (
            unfolded_sd > limits.sd_log_jacobian,
            f"volume change varies too much: SD of log J is {unfolded_sd:.2f} where it does not "
            f"fold (limit {limits.sd_log_jacobian:g})",
        ),
        (
            roughness > limits.roughness,
            f"the field is rough: strain changes by {roughness:.2f} from voxel to voxel "
            f"(limit {limits.roughness:g})",
        ),
        (
            rotation > limits.rotation_deg,
            f"the field swirls: 5 % of the body turns by more than {rotation:.0f} degrees against "
            f"the rest (limit {limits.rotation_deg:g})",
        ),
        (
            swirl > limits.local_rotation_deg,
            f"the field swirls in places: some tissue turns by {swirl:.0f} degrees against the "
            f"rest (limit {limits.local_rotation_deg:g})",
        ),
    ]
    reasons = [text for failed, text in checks if failed]
    return {
        "kind": "deformable",
        "jacobian_min": float(determinant.min()),
        "jacobian_max": float(determinant.max()),
        "jacobian_p01": float(first),
        "jacobian_p99": float(last),
        "folded_fraction": folded / count,
        "folded_voxels": folded,
        "sd_log_jacobian": sd_log_jacobian(determinant),
        "bending_energy": bending,
        "roughness": roughness,
        "rotation_p95_deg": rotation,
        "rotation_p995_deg": swirl,
        "mean_displacement_mm": float(np.sqrt(squared).mean(dtype=np.float64)),
        "max_displacement_mm": float(np.sqrt(squared.max())),
        "plausible": not reasons,
        "reasons": reasons,
    }


def _with_consistency(
    result: dict[str, Any],
    transform: Transform,
    inverse: Transform | None,
    points: NDArray[np.float64],
) -> dict[str, Any]:
    """Add |T^-1(T(x)) - x| in mm at body points; those that leave a dense inverse do not count."""
    mean = p95 = None
    if inverse is not None:
        error = inverse_consistency(transform, inverse, points)
        if error.size:
            mean, p95 = float(error.mean()), float(np.percentile(error, 95))
    reasons = list(result["reasons"])
    if mean is not None and mean > MAX_INVERSE_ERROR_MM:
        reasons.append(
            f"the inverse does not undo the transform: {mean:.1f} mm on average "
            f"(limit {MAX_INVERSE_ERROR_MM:g} mm)"
        )
    return result | {
        "inverse_consistency_mm": mean,
        "inverse_consistency_p95_mm": p95,
        "plausible": result["plausible"] and len(reasons) == len(result["reasons"]),
        "reasons": reasons,
    }
