"""Between RegQC's objects (RAS mm) and SimpleITK's (LPS mm); nowhere else are axes flipped for ITK.

Arrays are (k, j, i) on both sides, so voxels never move; only the x and y signs of world
coordinates change.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import SimpleITK
from numpy.typing import ArrayLike, NDArray

from RegQCLib.errors import InputError
from RegQCLib.geometry.fields import DisplacementField
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.transforms import Affine
from RegQCLib.geometry.volume import Volume

FLIP = np.diag([-1.0, -1.0, 1.0, 1.0])
"""Maps RAS to LPS, and LPS to RAS."""


def to_sitk(volume: Volume) -> SimpleITK.Image:
    """Copy ``volume`` into a SimpleITK image; booleans become uint8, float16 float32."""
    array = storable(volume.array)
    image = SimpleITK.GetImageFromArray(np.ascontiguousarray(array))
    place(image, volume.grid)
    return image


def from_sitk(image: SimpleITK.Image, name: str = "volume") -> Volume:
    """Copy a scalar 3-D SimpleITK image into a volume.

    Raises InputError when the image is not 3-D, has several values a voxel or complex ones, or lies
    on an unusable grid (see Grid).
    """
    if image.GetDimension() != 3:
        raise InputError(f"{name}: the image has {image.GetDimension()} axes; 3 are needed")
    if image.GetNumberOfComponentsPerPixel() != 1:
        raise InputError(
            f"{name}: the image has {image.GetNumberOfComponentsPerPixel()} values a voxel "
            "(color or vector); pass one scalar channel"
        )
    affine = affine_from_lps(image.GetOrigin(), image.GetSpacing(), image.GetDirection())
    return Volume(SimpleITK.GetArrayFromImage(image), affine, name)


def affine_from_lps(
    origin: ArrayLike, spacing: ArrayLike, direction: ArrayLike
) -> NDArray[np.float64]:
    """(4, 4) voxel (i, j, k) to RAS mm from ITK's origin (3,), spacing (3,) and direction (9,)."""
    lps = np.eye(4)
    lps[:3, :3] = np.reshape(np.asarray(direction, dtype=np.float64), (3, 3)) * np.asarray(spacing)
    lps[:3, 3] = origin
    return FLIP @ lps


def place(image: SimpleITK.Image, grid: Grid) -> None:
    """Give ``image`` the origin, spacing and direction of ``grid``, in LPS."""
    image.SetSpacing(grid.spacing.tolist())
    image.SetDirection((FLIP[:3, :3] @ grid.direction).ravel().tolist())
    image.SetOrigin((FLIP[:3, :3] @ grid.origin).tolist())


def affine_to_sitk(transform: Affine) -> SimpleITK.AffineTransform:
    """Return the same map of points, for LPS."""
    lps = FLIP @ transform.matrix @ FLIP
    result = SimpleITK.AffineTransform(3)
    result.SetMatrix(lps[:3, :3].ravel().tolist())
    result.SetTranslation(lps[:3, 3].tolist())
    return result


def field_to_sitk(field: DisplacementField) -> SimpleITK.DisplacementFieldTransform:
    """Return the same map of points, for LPS; ITK keeps its displacements in float64."""
    vectors = np.empty((*field.grid.shape, 3))
    for component, sign in enumerate((-1.0, -1.0, 1.0)):
        np.multiply(field.array[component], sign, out=vectors[..., component])
    image = SimpleITK.GetImageFromArray(vectors, isVector=True)
    place(image, field.grid)
    return SimpleITK.DisplacementFieldTransform(image)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep ITK from printing warnings to stderr; what matters is raised instead."""
    before = SimpleITK.ProcessObject.GetGlobalWarningDisplay()
    SimpleITK.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        yield
    finally:
        SimpleITK.ProcessObject.SetGlobalWarningDisplay(before)


def storable(array: NDArray[Any]) -> NDArray[Any]:
    """``array`` in a type that image files and ITK know: booleans as uint8, float16 as float32."""
    if array.dtype == np.bool_:
        return array.astype(np.uint8)
    if array.dtype == np.float16:
        return array.astype(np.float32)
    if array.dtype.kind == "f" and array.dtype.itemsize > 8:
        return array.astype(np.float64)
    if not array.dtype.isnative:
        return array.astype(array.dtype.newbyteorder("="))
    return array
