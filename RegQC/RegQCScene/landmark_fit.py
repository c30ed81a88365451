"""Corrections from landmarks, with what they are worth in mm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import vtk
from numpy.typing import NDArray
from slicer.i18n import tr as _

from RegQCLib.errors import InputError
from RegQCLib.evaluation.landmark_error import target_registration_error
from RegQCLib.geometry.transforms import Affine
from RegQCLib.registration.landmarks import Kind, fit_landmarks
from RegQCScene.landmark_pairs import LandmarkPairs

FloatArray = NDArray[np.float64]

KINDS: tuple[Kind, ...] = ("rigid", "affine", "thin-plate")


@dataclass(frozen=True, eq=False)
class LandmarkResult:
    """A fit to the pairs that are used, and its errors at all N pairs.

    correction: in the place of the whole working correction, from its parent; an Affine, or a
    vtkThinPlateSplineTransform. residualMm: (N,) what is left at the pairs that were used, NaN at
    the others. heldOutMm: (N,) the error at a pair that the fit did not know: each used one left
    out in turn, the others as they are; NaN where too few remain for that.
    """

    kind: str
    correction: Any
    residualMm: FloatArray
    heldOutMm: FloatArray

    @property
    def summary(self) -> str:
        """Both errors in one line."""
        residual = _("residual {mm} mm").format(mm=_mean(self.residualMm))
        if np.isnan(self.heldOutMm).all():
            return _("{residual}; too few pairs for an error at places between").format(
                residual=residual
            )
        heldOut = _("{mm} mm (at most {most:.2f} mm) at pairs left out").format(
            mm=_mean(self.heldOutMm), most=np.nanmax(self.heldOutMm)
        )
        return f"{residual}; {heldOut}"


def fitLandmarks(pairs: LandmarkPairs, kind: Kind) -> LandmarkResult:
    """Fit a correction to the pairs that are used.

    kind: one of `KINDS`. Raises InputError for pairs that do not determine it: too few, on one
    line, or at one place.
    """
    if not pairs.used.any():
        raise InputError(_("no pair of landmarks is complete and in use; place some"))
    fixed, moving = pairs.fixed[pairs.used], pairs.moving[pairs.used]
    fit = fit_landmarks(fixed, moving, kind)
    errors = target_registration_error(pairs.fixed, pairs.moving, fit.transform)
    heldOut = errors.copy()
    heldOut[pairs.used] = fit.leave_one_out_mm
    residual = np.where(pairs.used, errors, np.nan)
    exact = isinstance(fit.transform, Affine)
    correction = fit.transform if exact else thinPlate(fixed, moving)
    return LandmarkResult(kind, correction, residual, heldOut)


def thinPlate(fixed: FloatArray, moving: FloatArray) -> Any:
    """Return the spline that takes fixed points to moving ones, both (N, 3) RAS mm, as Slicer's.

    The same as `RegQCLib.registration.thin_plate.ThinPlateSpline`; Slicer saves its own kind whole.
    """
    spline = vtk.vtkThinPlateSplineTransform()
    spline.SetBasisToR()
    spline.SetSourceLandmarks(_points(fixed))
    spline.SetTargetLandmarks(_points(moving))
    return spline


def _points(array: FloatArray) -> Any:
    points = vtk.vtkPoints()
    points.SetDataTypeToDouble()
    for point in array:
        points.InsertNextPoint(*point)
    return points


def _mean(values: FloatArray) -> str:
    return f"{np.nanmean(values):.2f}"
