"""Is a transform physically plausible inside the body?

Folding, volume change, roughness and swirl of the field; a field that passes may still be wrong
(TG-132: such measures show stability, not accuracy). Statistics are restricted to the body: one
phantom folded at 2.98 % of the box and 0.003 % of the body (reference/methods.md, section 19).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform

from RegQCLib.errors import InputError
from RegQCLib.geometry.fields import DisplacementField, affine_part
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.jacobian import affine_determinant, jacobian_determinant
from RegQCLib.geometry.sampling import inside
from RegQCLib.geometry.smoothness import bending_energy, local_rotation
from RegQCLib.geometry.transforms import (
    Affine,
    Composite,
    Transform,
    simplified,
    to_displacement,
)

MAX_FOLDED_FRACTION = 0.01
JACOBIAN_RANGE = (0.2, 5.0)
MAX_EXTREME_FRACTION = 0.005
MAX_SD_LOG_JACOBIAN = 0.35
MAX_BENDING_ENERGY = 0.02
MAX_ROTATION_DEG = 30.0
MAX_INVERSE_ERROR_MM = 3.0

LOG_FLOOR = 1e-9
AFFINE_RESIDUAL_MM = 1e-2
SMOOTH_STATISTICS_VOXELS = 500_000
SAMPLE_POINTS = 100_000


def assess_field(
    transform: Transform,
    grid: Grid,
    body_mask: NDArray[np.bool_],
    *,
    inverse: Transform | None = None,
) -> dict[str, Any]:
    """Measure a transform inside the body and say whether it is plausible.

    transform: fixed-space to moving-space points. grid: of the fixed image.
    body_mask: (D, H, W) bool on ``grid``. inverse: moving-space to fixed-space points.
    A transform that starts with a displacement field is measured at that field's own voxels, where
    nothing is interpolated; any other is sampled on ``grid``.

    Returns a dict of plain numbers:
    kind: "rigid", "affine" or "deformable"; jacobian_min, jacobian_max, jacobian_p01,
    jacobian_p99: determinant in the body; folded_fraction, folded_voxels: determinant <= 0;
    sd_log_jacobian: standard deviation of log J with J clipped at 1e-9, as Learn2Reg without its
    offset of 3; bending_energy: 1/mm^2, see `smoothness.bending_energy`; rotation_p95_deg: see
    `smoothness.local_rotation`; mean_displacement_mm, max_displacement_mm;
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
    points = _body_points(grid, body_mask)
    result = _consistency(transform, inverse, points)
    if isinstance(simple, Affine):
        return _assess_affine(simple, points, int(body_mask.sum())) | result
    field = _dense(simple, grid)
    mask = _mask_on(field.grid, grid, body_mask)
    if not mask.any():
        raise InputError("the displacement field does not reach the body; is it for this image?")
    field, mask = _cropped(field, mask)
    stored = _stored_affine(field)
    if stored is not None:
        return _assess_affine(stored, points, int(mask.sum())) | result
    return _assess_deformation(field, mask) | result


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
        "rotation_p95_deg": 0.0,
        "mean_displacement_mm": float(length.mean()),
        "max_displacement_mm": float(length.max()),
        "plausible": len(reasons) == 1,
        "reasons": reasons,
    }


def _assess_deformation(field: DisplacementField, mask: NDArray[np.bool_]) -> dict[str, Any]:
    determinant = jacobian_determinant(field)[mask]
    count = determinant.size
    folded = int(np.count_nonzero(determinant <= 0))
    low, high = JACOBIAN_RANGE
    extreme = np.count_nonzero((determinant < low) | (determinant > high)) / count
    first, last = np.percentile(determinant, (1, 99))
    log = np.log(np.maximum(determinant, LOG_FLOOR))
    unfolded_sd = float(log[determinant > 0].std(dtype=np.float64)) if folded < count else 0.0
    every = max(1, count // SMOOTH_STATISTICS_VOXELS)
    bending = bending_energy(field, mask, every=every)
    rotation = float(np.percentile(local_rotation(field, mask, every=every), 95))
    squared = np.einsum("ckji,ckji->kji", field.array, field.array)[mask]
    checks = [
        (
            folded / count > MAX_FOLDED_FRACTION,
            f"{folded / count:.1%} of the body folds (limit {MAX_FOLDED_FRACTION:.0%})",
        ),
        (
            extreme > MAX_EXTREME_FRACTION,
            f"{extreme:.1%} of the body shrinks or grows beyond {low:g} to {high:g} times "
            f"(limit {MAX_EXTREME_FRACTION:.1%})",
        ),
        (
            unfolded_sd > MAX_SD_LOG_JACOBIAN,
            f"volume change varies too much: SD of log J is {unfolded_sd:.2f} where it does not "
            f"fold (limit {MAX_SD_LOG_JACOBIAN:g})",
        ),
        (
            bending > MAX_BENDING_ENERGY,
            f"the field is rough: bending energy {bending:.2g} per mm^2 "
            f"(limit {MAX_BENDING_ENERGY:g})",
        ),
        (
            rotation > MAX_ROTATION_DEG,
            f"the field swirls: 5 % of the body turns by more than {rotation:.0f} degrees against "
            f"the rest (limit {MAX_ROTATION_DEG:g})",
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
        "sd_log_jacobian": float(log.std(dtype=np.float64)),
        "bending_energy": bending,
        "rotation_p95_deg": rotation,
        "mean_displacement_mm": float(np.sqrt(squared).mean(dtype=np.float64)),
        "max_displacement_mm": float(np.sqrt(squared.max())),
        "plausible": not reasons,
        "reasons": reasons,
    }


def _consistency(
    transform: Transform, inverse: Transform | None, points: NDArray[np.float64]
) -> dict[str, Any]:
    """|T^-1(T(x)) - x| in mm at body points; those that leave a dense inverse do not count."""
    mean = p95 = None
    if inverse is not None:
        moved = transform.apply(points)
        error = np.linalg.norm(inverse.apply(moved) - points, axis=1)
        first = _first_field(simplified(inverse))
        if first is not None:
            error = error[inside(first.grid.to_index(moved), first.grid.shape)]
        if error.size:
            mean, p95 = float(error.mean()), float(np.percentile(error, 95))
    return {"inverse_consistency_mm": mean, "inverse_consistency_p95_mm": p95}


def _body_points(grid: Grid, body_mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """RAS mm of body voxels, evenly thinned to about `SAMPLE_POINTS`."""
    flat = np.flatnonzero(body_mask)
    flat = flat[:: max(1, flat.size // SAMPLE_POINTS)]
    return grid.to_world(np.stack(np.unravel_index(flat, grid.shape)[::-1], axis=-1))


def _first_field(transform: Transform) -> DisplacementField | None:
    """Return the dense field that meets a point first, if one does."""
    if isinstance(transform, Composite):
        transform = transform.transforms[0]
    return transform if isinstance(transform, DisplacementField) else None


def _dense(transform: Transform, grid: Grid) -> DisplacementField:
    first = _first_field(transform)
    return to_displacement(transform, grid if first is None else first.grid)


def _mask_on(target: Grid, grid: Grid, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Carry a mask on ``grid`` to the voxels of ``target``, by nearest neighbor."""
    if target.same_as(grid):
        return mask
    to_source = grid.inverse_affine @ target.affine  # (i, j, k); scipy wants (k, j, i)
    carried = affine_transform(
        mask.astype(np.uint8),
        to_source[:3, :3][::-1, ::-1],
        to_source[:3, 3][::-1],
        output_shape=target.shape,
        order=0,
    )
    return np.asarray(carried > 0)


def _cropped(
    field: DisplacementField, mask: NDArray[np.bool_]
) -> tuple[DisplacementField, NDArray[np.bool_]]:
    """Cut to the mask and two voxels around it, which the derivatives need."""
    bounds = []
    for axis in range(3):
        used = np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))
        bounds.append(slice(max(int(used[0]) - 2, 0), int(used[-1]) + 3))
    k, j, i = bounds
    affine = field.affine.copy()
    affine[:3, 3] = field.grid.to_world((i.start, j.start, k.start))
    return DisplacementField(field.array[:, k, j, i], affine), mask[k, j, i]


def _stored_affine(field: DisplacementField) -> Affine | None:
    """Return the affine motion that a field holds, if it holds nothing else."""
    matrix, offset = affine_part(field)
    thinned = field.array[:, ::4, ::4, ::4]
    affine = field.affine.copy()
    affine[:3, :3] *= 4
    points = Grid(np.shape(thinned)[1:], affine).points()  # type: ignore[arg-type]
    expected = np.moveaxis(points @ (matrix - np.eye(3)).T + offset, -1, 0)
    if np.abs(thinned - expected).max() > AFFINE_RESIDUAL_MM:
        return None
    return Affine(np.vstack([np.column_stack([matrix, offset]), (0, 0, 0, 1)]))
