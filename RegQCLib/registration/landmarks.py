"""Transforms from pairs of landmarks, with their errors.

Points are (N, 3) RAS mm, the same places in the same order in both images; every transform maps
fixed points to moving points. Residuals say how well a fit meets its own landmarks, and a
thin-plate spline meets them all; leaving out each pair in turn tells how far it is off elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import pdist, squareform

from RegQCLib.errors import InputError
from RegQCLib.evaluation.landmark_error import checked_pairs, target_registration_error
from RegQCLib.geometry.transforms import Affine, Transform
from RegQCLib.registration.landmark_suggestions import suggest_landmarks
from RegQCLib.registration.thin_plate import ThinPlateSpline

__all__ = [
    "LandmarkFit",
    "fit_affine",
    "fit_landmarks",
    "fit_rigid",
    "fit_thin_plate",
    "suggest_landmarks",
]

Kind = Literal["rigid", "affine", "thin-plate"]
FloatArray = NDArray[np.float64]
Fit = Callable[[FloatArray, FloatArray], Transform]

SAME_PLACE_MM = 1e-3
MIN_SPREAD = 1e-3
"""Extent off a line or a plane, over the largest extent, below which points count as being on it:
0.1 mm in 100 mm is the rounding of coordinates, not anatomy."""


@dataclass(frozen=True, eq=False)
class LandmarkFit:
    """A transform fitted to N pairs of landmarks, fixed to moving points.

    residuals_mm: (N,) distance of each mapped fixed landmark to its partner.
    leave_one_out_mm: (N,) the same under the fit to the other N - 1 pairs, an estimate of the error
    between landmarks; NaN where those do not determine the transform.
    """

    kind: Kind
    transform: Transform
    residuals_mm: FloatArray
    leave_one_out_mm: FloatArray


def fit_landmarks(
    fixed: ArrayLike, moving: ArrayLike, kind: Kind = "rigid", *, smoothing: float = 0.0
) -> LandmarkFit:
    """Fit a transform of some kind and measure it.

    kind: see `fit_rigid`, `fit_affine` and `fit_thin_plate`; smoothing belongs to the last.
    Raises InputError as these do, and for an unknown kind.
    """
    fits: dict[str, Fit] = {
        "rigid": fit_rigid,
        "affine": fit_affine,
        "thin-plate": lambda a, b: fit_thin_plate(a, b, smoothing=smoothing),
    }
    if kind not in fits:
        raise InputError(f"a landmark fit is one of {', '.join(fits)}, got {kind!r}")
    start, goal = checked_pairs(fixed, moving)
    transform = fits[kind](start, goal)
    return LandmarkFit(
        kind=kind,
        transform=transform,
        residuals_mm=target_registration_error(start, goal, transform),
        leave_one_out_mm=_leave_one_out(fits[kind], start, goal),
    )


def fit_rigid(fixed: ArrayLike, moving: ArrayLike) -> Affine:
    """Rotation and translation of least squared residual; never a mirror image.

    From the singular values of the covariance (Kabsch, Acta Cryst. A32, 1976; Umeyama, IEEE TPAMI
    13, 1991). Raises InputError for lists that do not match, values that are not finite, fewer
    than 3 pairs, a place given twice, or points on one line.
    """
    start, goal = _determined(fixed, moving, "rigid", dimensions=2)
    source, target = start - start.mean(axis=0), goal - goal.mean(axis=0)
    left, _, right = np.linalg.svd(source.T @ target)
    handedness = np.sign(np.linalg.det(left @ right))
    matrix = np.eye(4)
    matrix[:3, :3] = right.T @ np.diag([1.0, 1.0, handedness]) @ left.T
    matrix[:3, 3] = goal.mean(axis=0) - matrix[:3, :3] @ start.mean(axis=0)
    return Affine(matrix)


def fit_affine(fixed: ArrayLike, moving: ArrayLike) -> Affine:
    """Affine transform of least squared residual.

    Raises InputError for lists that do not match, values that are not finite, fewer than 4 pairs,
    a place given twice, or points in one plane.
    """
    start, goal = _determined(fixed, moving, "affine", dimensions=3)
    source, target = start - start.mean(axis=0), goal - goal.mean(axis=0)
    linear, *_ = np.linalg.lstsq(source, target, rcond=None)
    matrix = np.eye(4)
    matrix[:3, :3] = linear.T
    matrix[:3, 3] = goal.mean(axis=0) - linear.T @ start.mean(axis=0)
    return Affine(matrix)


def fit_thin_plate(
    fixed: ArrayLike, moving: ArrayLike, *, smoothing: float = 0.0
) -> ThinPlateSpline:
    """Return the smoothest map that meets the landmarks, or with ``smoothing`` comes near them.

    smoothing: mm, see `ThinPlateSpline.fit`. Raises InputError as `fit_affine`, and for a negative
    smoothing.
    """
    if not 0 <= smoothing < np.inf:
        raise InputError(f"smoothing is a number of mm from 0, got {smoothing:g}")
    start, goal = _determined(fixed, moving, "thin-plate", dimensions=3)
    return ThinPlateSpline.fit(start, goal, smoothing=smoothing)


def _leave_one_out(fit: Fit, fixed: FloatArray, moving: FloatArray) -> FloatArray:
    errors = np.full(len(fixed), np.nan)
    for left_out in range(len(fixed)):
        others = np.arange(len(fixed)) != left_out
        try:
            transform = fit(fixed[others], moving[others])
        except InputError:  # too few remain, or on one line or plane
            continue
        errors[left_out] = np.linalg.norm(transform.apply(fixed[left_out]) - moving[left_out])
    return errors


def _determined(
    fixed: ArrayLike, moving: ArrayLike, kind: Kind, *, dimensions: int
) -> tuple[FloatArray, FloatArray]:
    """Return the pairs, or raise InputError when they do not determine a transform.

    dimensions: that the points of either side must span: 2 for a plane, 3 for space.
    """
    start, goal = checked_pairs(fixed, moving)
    if len(start) <= dimensions:
        raise InputError(
            f"a {kind} fit needs at least {dimensions + 1} pairs of landmarks, got {len(start)}; "
            "place more"
        )
    for side, points in (("fixed", start), ("moving", goal)):
        _require_distinct(side, points)
        extent = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
        if extent[1] <= MIN_SPREAD * extent[0]:
            raise InputError(
                f"the {side} landmarks lie on one line, so a {kind} fit is open; place one off it"
            )
        if dimensions == 3 and extent[2] <= MIN_SPREAD * extent[0]:
            raise InputError(
                f"the {side} landmarks lie in one plane, so a {kind} fit is open; place one off "
                "it, or fit a rigid transform"
            )
    return start, goal


def _require_distinct(side: str, points: FloatArray) -> None:
    apart = squareform(pdist(points))
    same = np.argwhere(np.triu(apart <= SAME_PLACE_MM, k=1))
    if len(same):
        first, second = same[0] + 1
        raise InputError(
            f"{side} landmarks {first} and {second} are the same place; remove or move one"
        )
