"""Is a transform in the right direction and unit, and for these two images?

A wrong transform is refused with what seems wrong and what to do; nothing is corrected silently.
All lengths are mm. Points are judged on a lattice over the fixed grid.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from RegQCLib.errors import InputError
from RegQCLib.geometry.fields import DisplacementField
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.sampling import inside
from RegQCLib.geometry.transforms import Affine, Composite, Transform, simplified

LATTICE = 17
"""Points along each axis of the fixed grid."""

MAX_DISPLACEMENT_MM = 1000.0
"""Beyond the distance of the images' centers; no patient moves by a meter inside a scanner."""

METER_RANGE_MM = (5e-4, 2e-2)
"""A field whose largest displacement lies here holds 0.5 to 20 mm written in meters, or nothing."""

MIN_FIELD_COVERAGE = 0.5
FULL_FIELD_COVERAGE = 0.98
"""Share of the fixed image that its displacement field covers: refused, and warned about, below."""

NO_OVERLAP = 0.02
"""Share of fixed points mapped into the moving image below which the transform is suspect."""

GOOD_OVERLAP = 0.25
"""Share that its inverse, or no transform, must reach to say that it would be right."""

OVERLAP_GAIN = 0.25
"""How much more the inverse must overlap to be worth a warning."""

MIN_VOLUME_CHANGE = 1e-6
"""A hundredth of every length: nothing that is an image any more."""

SCALE_RANGE = (0.5, 2.0)
"""Volume change of an affine fit; heads and organs of different people differ by less."""


def require_plausible_transform(
    transform: Transform, fixed_grid: Grid, moving_grid: Grid
) -> list[str]:
    """Raise InputError when ``transform`` cannot map the fixed image to the moving one.

    Refused: values that are not finite; a singular map; a field for another grid; displacements
    in meters, or of more than a meter; a map that leads outside the moving image although its
    inverse, or no transform at all, would not.
    Returns warnings, one line each, for what is odd but possible: partly covered, mirrored, scaled,
    or an inverse that would overlap more.
    """
    points = _lattice(fixed_grid)
    moved = transform.apply(points)
    if not np.isfinite(moved).all():
        raise InputError("the transform maps points to places that are not finite; write it again")
    warnings = _check_fields(transform, points)
    reached = _share_inside(moved, moving_grid)
    unmoved = _share_inside(points, moving_grid)
    linear = _affine_fit(points, moved)
    returned = _share_inside(linear.inverse().apply(points), moving_grid)
    distance = float(np.linalg.norm(fixed_grid.center - moving_grid.center))
    largest = float(np.linalg.norm(moved - points, axis=1).max())
    if largest > MAX_DISPLACEMENT_MM + distance:
        raise InputError(
            f"the transform moves points by up to {largest:.0f} mm, more than a meter beyond the "
            "distance of the images; check its unit (mm) and that it has not diverged"
        )
    _require_overlap(reached, unmoved, returned)
    if returned - reached > OVERLAP_GAIN:
        warnings.append(
            f"the transform maps {reached:.0%} of the fixed image into the moving one, its inverse "
            f"would map {returned:.0%}: check its direction (fixed to moving points)"
        )
    return warnings + _check_volume(linear)


def _lattice(grid: Grid) -> NDArray[np.float64]:
    axes = [np.linspace(0, n - 1, min(n, LATTICE)) for n in grid.shape[::-1]]
    return grid.to_world(np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3))


def _share_inside(points: NDArray[np.float64], grid: Grid) -> float:
    return float(inside(grid.to_index(points), grid.shape).mean())


def _affine_fit(points: NDArray[np.float64], moved: NDArray[np.float64]) -> Affine:
    """Least-squares affine map; axes of one voxel, which say nothing, keep their direction."""
    source, target = points - points.mean(axis=0), moved - points.mean(axis=0)
    # Fitting the displacement, not the position: the minimum-norm solution then keeps what the
    # points do not determine.
    shift, *_ = np.linalg.lstsq(source, target - source, rcond=1e-9)
    matrix = np.eye(4)
    matrix[:3, :3] += shift.T
    if abs(np.linalg.det(matrix[:3, :3])) < MIN_VOLUME_CHANGE:
        raise InputError(
            "the transform is singular: it maps the fixed image onto a plane, a line or a point; "
            "check that it holds displacements in mm"
        )
    matrix[:3, 3] = moved.mean(axis=0) - matrix[:3, :3] @ points.mean(axis=0)
    return Affine(matrix)


def _check_fields(transform: Transform, points: NDArray[np.float64]) -> list[str]:
    """Check every dense field on the way: its unit, and that it lies where the points arrive."""
    warnings = []
    simple = simplified(transform)
    parts = simple.transforms if isinstance(simple, Composite) else (simple,)
    for part in parts:
        if isinstance(part, DisplacementField):
            warnings += _check_unit(part)
            covered = _share_inside(points, part.grid)
            if covered < MIN_FIELD_COVERAGE:
                raise InputError(
                    f"the displacement field covers {covered:.0%} of the fixed image: it belongs "
                    "to another image, or leads from moving to fixed points; pass the field on "
                    "the fixed image's grid"
                )
            if covered < FULL_FIELD_COVERAGE:
                warnings.append(
                    f"the displacement field covers {covered:.0%} of the fixed image; "
                    "elsewhere nothing is moved"
                )
        points = part.apply(points)
    return warnings


def _check_unit(field: DisplacementField) -> list[str]:
    largest = float(max(field.array.max(), -field.array.min()))
    if largest > MAX_DISPLACEMENT_MM:
        raise InputError(
            f"the displacement field holds values up to {largest:.3g} mm, more than a meter; check "
            "its unit (mm), that it holds displacements and not positions, and that it has not "
            "diverged"
        )
    low, high = METER_RANGE_MM
    if low <= largest <= high:
        raise InputError(
            f"the displacement field moves nothing by more than {largest:.2g} mm: it may be in "
            "meters; multiply it by 1000, or leave it out if nothing has to move"
        )
    return ["the displacement field is zero everywhere"] if largest == 0 else []


def _require_overlap(reached: float, unmoved: float, returned: float) -> None:
    if reached >= NO_OVERLAP:
        return
    where = f"the transform maps {reached:.0%} of the fixed image into the moving image"
    if returned >= GOOD_OVERLAP and returned >= unmoved:
        raise InputError(
            f"{where}, its inverse {returned:.0%}: it seems to be in the wrong direction; pass its "
            "inverse (fixed to moving points, as ITK and ANTs resample)"
        )
    if unmoved >= GOOD_OVERLAP:
        raise InputError(
            f"{where}, no transform {unmoved:.0%}: it is for other images or in another unit or "
            "direction; pass the transform from fixed to moving points in mm"
        )


def _check_volume(linear: Affine) -> list[str]:
    determinant = float(np.linalg.det(linear.matrix[:3, :3]))
    if determinant < 0:
        return ["the transform mirrors the image (left becomes right); check its matrix"]
    low, high = SCALE_RANGE
    if not low <= determinant <= high:
        return [f"the transform changes volumes by a factor of {determinant:.3g}"]
    return []
