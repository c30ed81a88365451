"""What Slicer's transforms are made of: parts in order, fields, and points mapped through them."""

from __future__ import annotations

from typing import Any

import numpy as np
import slicer
import vtk
from numpy.typing import NDArray
from vtk.util import numpy_support

from RegQCLib.geometry.fields import DisplacementField
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.transforms import Affine, Composite, Transform, simplified
from RegQCScene.volume_exchange import imageArray

SMOOTH_DETAIL_MM = 4.0
"""Detail of transforms without a grid, such as thin-plate splines."""

LARGEST_STEP_MM = 20.0
"""Even where nothing bends: grids have at most 100 mm between voxels."""


def flattened(transform: Any) -> list[Any]:
    """Return the simple transforms of a vtkGeneralTransform, in the order that a point takes."""
    collection = vtk.vtkCollection()
    slicer.vtkMRMLTransformNode.FlattenGeneralTransform(collection, transform)
    return [collection.GetItemAsObject(n) for n in range(collection.GetNumberOfItems())]


def snapshot(transform: Any) -> Any:
    """Return a vtkGeneralTransform that later changes of the nodes do not reach.

    `vtkGeneralTransform.DeepCopy` would keep the nodes' own transforms. Vectors of fields are
    shared: nodes exchange them as a whole.
    """
    result = vtk.vtkGeneralTransform()
    result.PostMultiply()
    for part in flattened(transform):
        if part.IsA("vtkLinearTransform"):
            copy = vtk.vtkTransform()
            copy.SetMatrix(slicer.util.vtkMatrixFromArray(_matrix(part)))
        else:
            copy = part.MakeTransform()
            copy.DeepCopy(part)
        result.Concatenate(copy)
    return result


def isInverted(part: Any) -> bool:
    """Whether a non-linear transform is used backward, so that every point needs a search."""
    return part.IsA("vtkWarpTransform") and bool(part.GetInverseFlag())


def mappedPoints(transform: Any, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Map (N, 3) points through any vtkAbstractTransform."""
    source, target = vtk.vtkPoints(), vtk.vtkPoints()
    source.SetData(numpy_support.numpy_to_vtk(np.ascontiguousarray(points, dtype=np.float64)))
    target.SetDataTypeToDouble()
    transform.TransformPoints(source, target)
    return np.array(numpy_support.vtk_to_numpy(target.GetData()))


def exactParts(parts: list[Any], grid: Grid) -> Transform | None:
    """Return the same transform made of RegQCLib's affines and fields; None where there is no such.

    Fields share the vectors of their nodes where they can. A field that Slicer interpolates
    cubically counts where its voxels are no larger than those of ``grid``: there is nothing between
    them to differ.
    """
    converted = [_exactPart(part, grid) for part in parts]
    found = [part for part in converted if part is not None]
    return simplified(Composite(found)) if len(found) == len(parts) else None


def detailMm(part: Any) -> float:
    """Length below which a part of a transform (of VTK or RegQCLib) has nothing new to say, mm."""
    if isinstance(part, Affine) or hasattr(part, "GetMatrix"):
        return np.inf
    if isinstance(part, DisplacementField):
        return float(part.grid.spacing.min())
    if part.IsA("vtkOrientedGridTransform") and part.GetDisplacementGrid() is not None:
        return float(min(part.GetDisplacementGrid().GetSpacing()))
    if part.IsA("vtkOrientedBSplineTransform") and part.GetCoefficientData() is not None:
        return float(min(part.GetCoefficientData().GetSpacing())) / 2
    return SMOOTH_DETAIL_MM


def samplingGrid(detail: float, grid: Grid, limit: int) -> Grid:
    """Return where to evaluate a transform over ``grid``: at its voxels, or more coarsely.

    detail: see `detailMm`; half of it is fine enough. limit: of the number of points. The outermost
    points are the outermost voxel centers, so that every voxel lies between points.
    """
    wanted = np.maximum(grid.spacing, min(detail / 2, LARGEST_STEP_MM))
    length = (np.array(grid.shape[::-1]) - 1) * grid.spacing
    counts = _counts(length, wanted)
    while np.prod(counts) > limit:
        wanted = np.maximum(wanted, wanted.min() * 1.1)
        counts = _counts(length, wanted)
    counts = np.minimum(counts, grid.shape[::-1])
    step = np.where(counts > 1, length / np.maximum(counts - 1, 1), grid.spacing)
    affine = grid.affine.copy()
    affine[:3, :3] = grid.direction * step
    return Grid((int(counts[2]), int(counts[1]), int(counts[0])), affine)


def imageAffine(image: Any, direction: Any) -> NDArray[np.float64]:
    """(4, 4) from voxels of a field's image to RAS mm. direction: its vtkMatrix4x4, or None."""
    affine = np.eye(4)
    if direction is not None:
        affine = slicer.util.arrayFromVTKMatrix(direction)
    affine[:3, :3] = affine[:3, :3] * np.array(image.GetSpacing())
    affine[:3, 3] = image.GetOrigin()
    affine[:3, 3] += affine[:3, :3] @ np.array(image.GetExtent()[::2])
    return affine


def _exactPart(part: Any, grid: Grid) -> Affine | DisplacementField | None:
    if part.IsA("vtkLinearTransform"):
        return Affine(_matrix(part))
    if not part.IsA("vtkOrientedGridTransform") or isInverted(part):
        return None
    image = part.GetDisplacementGrid()
    if image is None or image.GetNumberOfScalarComponents() != 3:
        return None
    affine = imageAffine(image, part.GetGridDirectionMatrix())
    dense = np.linalg.norm(affine[:3, :3], axis=0).max() <= grid.spacing.min() * 1.001
    if part.GetInterpolationModeAsString() != "Linear" and not dense:
        return None
    vectors = np.moveaxis(imageArray(image), -1, 0)
    scale, shift = part.GetDisplacementScale(), part.GetDisplacementShift()
    if (scale, shift) != (1.0, 0.0):
        vectors = vectors * scale + shift
    return DisplacementField(vectors, affine)


def _counts(length: NDArray[np.float64], spacing: NDArray[np.float64]) -> NDArray[np.intp]:
    return np.ceil(length / spacing - 1e-6).astype(int) + 1


def _matrix(part: Any) -> NDArray[np.float64]:
    """(4, 4) of a linear transform, RAS mm."""
    return np.asarray(slicer.util.arrayFromVTKMatrix(part.GetMatrix()), dtype=np.float64)
