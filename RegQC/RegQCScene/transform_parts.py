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
from RegQCScene.volume_exchange import imageArray

STEP_POINTS = 2**11
"""Points mapped at once: some 30 ms where a deformation has to be inverted."""

SMOOTH_DETAIL_MM = 4.0
"""Detail of transforms without a grid, such as thin-plate splines."""


def flattened(transform: Any) -> list[Any]:
    """Return the simple transforms of a vtkGeneralTransform, in the order that a point takes."""
    collection = vtk.vtkCollection()
    slicer.vtkMRMLTransformNode.FlattenGeneralTransform(collection, transform)
    return [collection.GetItemAsObject(n) for n in range(collection.GetNumberOfItems())]


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


def exactField(parts: list[Any], grid: Grid) -> DisplacementField | None:
    """Return the displacement field that a transform simply is, or None.

    It shares the node's vectors where it can. A field that Slicer interpolates cubically counts
    where its voxels are no larger than those of ``grid``: there is nothing between them to differ.
    """
    if len(parts) != 1 or not parts[0].IsA("vtkOrientedGridTransform") or isInverted(parts[0]):
        return None
    part = parts[0]
    image = part.GetDisplacementGrid()
    if image is None or image.GetNumberOfScalarComponents() != 3:
        return None
    affine = _gridAffine(part)
    dense = np.linalg.norm(affine[:3, :3], axis=0).max() <= grid.spacing.min() * 1.001
    if part.GetInterpolationModeAsString() != "Linear" and not dense:
        return None
    vectors = np.moveaxis(imageArray(image), -1, 0)
    scale, shift = part.GetDisplacementScale(), part.GetDisplacementShift()
    if (scale, shift) != (1.0, 0.0):
        vectors = vectors * scale + shift
    return DisplacementField(vectors, affine)


def samplingGrid(parts: list[Any], grid: Grid, limit: int) -> Grid:
    """Return where to evaluate a transform over ``grid``: on it, or more coarsely.

    Never at more than half the finest detail of the parts, nor at more than ``limit`` points. The
    outermost points are the outermost voxel centers, so that every voxel lies between points.
    """
    detail = min((_detailMm(part) for part in parts), default=SMOOTH_DETAIL_MM)
    wanted = np.maximum(grid.spacing, detail / 2)
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


def _counts(length: NDArray[np.float64], spacing: NDArray[np.float64]) -> NDArray[np.intp]:
    return np.ceil(length / spacing - 1e-6).astype(int) + 1


def _detailMm(part: Any) -> float:
    """Return the length below which a transform has nothing new to say."""
    if part.IsA("vtkLinearTransform"):
        return np.inf
    if part.IsA("vtkOrientedGridTransform") and part.GetDisplacementGrid() is not None:
        return float(min(part.GetDisplacementGrid().GetSpacing()))
    if part.IsA("vtkOrientedBSplineTransform") and part.GetCoefficientData() is not None:
        return float(min(part.GetCoefficientData().GetSpacing())) / 2
    return SMOOTH_DETAIL_MM


def _gridAffine(part: Any) -> NDArray[np.float64]:
    """(4, 4) from voxels of a displacement grid to RAS mm."""
    image = part.GetDisplacementGrid()
    affine = np.eye(4)
    if part.GetGridDirectionMatrix() is not None:
        affine = slicer.util.arrayFromVTKMatrix(part.GetGridDirectionMatrix())
    affine[:3, :3] = affine[:3, :3] * np.array(image.GetSpacing())
    affine[:3, 3] = image.GetOrigin()
    affine[:3, 3] += affine[:3, :3] @ np.array(image.GetExtent()[::2])
    return affine
