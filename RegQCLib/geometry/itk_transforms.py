"""RegQC transforms to and from SimpleITK's: RAS here, LPS there.

Both map fixed-space points to moving-space points. ITK applies the transform that was added last
to a composite first; RegQC's `Composite` lists them in the order of use.
"""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from RegQCLib.errors import InputError
from RegQCLib.geometry.bspline import BSplineField
from RegQCLib.geometry.fields import DisplacementField
from RegQCLib.geometry.sampling import FloatArray
from RegQCLib.geometry.sitk import FLIP, affine_from_lps, affine_to_sitk, field_to_sitk, place
from RegQCLib.geometry.transforms import Affine, Composite, Transform


def from_itk(transform: sitk.Transform) -> Transform:
    """Convert a 3-D SimpleITK transform.

    Raises InputError for other dimensions, singular matrices, values that are not finite, and
    kinds that are neither linear nor displacement fields, B-splines or composites of these.
    """
    if transform.GetDimension() != 3:
        raise InputError(f"the transform is {transform.GetDimension()}-D; RegQC needs a 3-D one")
    if transform.IsLinear():
        return _affine(transform)
    kind = transform.GetTransformEnum()
    if kind == sitk.sitkDisplacementField:
        image = sitk.DisplacementFieldTransform(transform).GetDisplacementField()
        return from_vector_image(image)
    if kind == sitk.sitkBSplineTransform:
        return _bspline(sitk.BSplineTransform(transform))
    if isinstance(transform, sitk.CompositeTransform):
        count = transform.GetNumberOfTransforms()
        return Composite([from_itk(transform.GetNthTransform(n)) for n in reversed(range(count))])
    raise InputError(
        f"transforms of the kind {transform.GetName()} are not supported; "
        "convert it to a displacement field first"
    )


def to_itk(transform: Transform) -> sitk.Transform:
    """Convert to SimpleITK. Raises InputError for a kind that ITK does not have."""
    if isinstance(transform, Affine):
        return affine_to_sitk(transform)
    if isinstance(transform, DisplacementField):
        return field_to_sitk(transform)
    if isinstance(transform, BSplineField):
        vectors = flipped(transform.coefficients.astype(np.float64))
        images = [sitk.GetImageFromArray(component) for component in vectors]
        for image in images:
            place(image, transform.grid)
        return sitk.BSplineTransform(images, transform.order)
    if isinstance(transform, Composite):
        result = sitk.CompositeTransform(3)
        for part in reversed(transform.transforms):
            result.AddTransform(to_itk(part))
        return result
    raise InputError(
        f"{type(transform).__name__} has no ITK form; sample it with to_displacement first"
    )


def from_vector_image(image: sitk.Image) -> DisplacementField:
    """Read a 3-D image of three LPS mm components a voxel as a displacement field (RAS)."""
    vectors = np.moveaxis(sitk.GetArrayFromImage(image), -1, 0)
    affine = affine_from_lps(image.GetOrigin(), image.GetSpacing(), image.GetDirection())
    return DisplacementField(flipped(vectors), affine)


def to_vector_image(field: DisplacementField) -> sitk.Image:
    """Write displacements as a SimpleITK image of LPS mm vectors, in the array's precision."""
    vectors = np.moveaxis(flipped(field.array), 0, -1)
    image = sitk.GetImageFromArray(vectors, isVector=True)
    place(image, field.grid)
    return image


def _affine(transform: sitk.Transform) -> Affine:
    # Evaluating works for every linear kind, also those SimpleITK has no class for.
    origin = np.array(transform.TransformPoint((0.0, 0.0, 0.0)))
    matrix = np.eye(4)
    for axis, unit in enumerate(np.eye(3).tolist()):
        matrix[:3, axis] = transform.TransformPoint(unit)
    matrix[:3, 3] = origin
    if not np.isfinite(matrix).all():
        raise InputError("the transform has values that are not finite; write it again")
    matrix[:3, :3] -= origin[:, None]
    return Affine(FLIP @ matrix @ FLIP)


def _bspline(transform: sitk.BSplineTransform) -> BSplineField:
    images = transform.GetCoefficientImages()
    vectors = np.stack([sitk.GetArrayFromImage(image) for image in images])
    first = images[0]
    affine = affine_from_lps(first.GetOrigin(), first.GetSpacing(), first.GetDirection())
    return BSplineField(flipped(vectors), affine, transform.GetOrder())


def flipped(vectors: FloatArray) -> FloatArray:
    """Turn (3, D, H, W) vectors from RAS to LPS or back, in a new contiguous array."""
    result = np.array(vectors, order="C")
    np.negative(result[:2], out=result[:2])
    return result
