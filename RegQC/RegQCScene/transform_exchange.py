"""Transform nodes as RegQCLib transforms, and back.

Slicer's transforms lead from a node to its parent: they move the MOVING volume onto the fixed one.
RegQCLib, and the files of ITK, ANTs and elastix, hold the way back: from FIXED points to MOVING
points, which is what resampling needs. Both are RAS mm in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import numpy as np
import slicer
import vtk
from numpy.typing import NDArray
from slicer.i18n import tr as _
from vtk.util import numpy_support

from RegQCLib.errors import InputError
from RegQCLib.geometry.fields import DisplacementField
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.transforms import Affine, Composite, Transform, simplified, to_displacement
from RegQCScene.transform_parts import (
    STEP_POINTS,
    exactField,
    flattened,
    isInverted,
    mappedPoints,
    samplingGrid,
)
from RegQCScene.volume_exchange import gridFromNode, transformChain

MAX_POINTS = 2**20
MAX_INVERTED_POINTS = 2**18
"""Where a non-linear transform is evaluated at most; inverting one point takes some 15 us."""


def directionInWords() -> str:
    """What to show beside every transform and every exported file."""
    return _(
        "In Slicer it moves the moving volume onto the fixed one. Written to a file it maps fixed "
        "points to moving points (LPS, mm), as ITK, ANTs and elastix resample."
    )


def fixedToMoving(
    fixedNode: Any, movingNode: Any, transformNode: Any = None
) -> Affine | DisplacementField:
    """Return the map from the fixed volume's world points to the moving volume's own points.

    "Own" means the space of its header, without the transforms above it; with
    ``volumeFromNode(fixedNode)`` and ``volumeFromNode(movingNode, world=False)`` it makes a pair.
    transformNode: one above the moving volume, or one that it is to be judged under instead; None
    takes whatever it lies under. Transforms above that one count too.
    Linear ones give an Affine; others a DisplacementField: the node's own where it is one, else
    sampled over the fixed volume, see `samplingGrid`. Raises InputError as `volumeFromNode` does.
    """
    steps = fixedToMovingSteps(fixedNode, movingNode, transformNode)
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value


def fixedToMovingSteps(
    fixedNode: Any, movingNode: Any, transformNode: Any = None
) -> Generator[float, None, Affine | DisplacementField]:
    """Do what `fixedToMoving` does, in short steps; yields the fraction done."""
    grid = gridFromNode(fixedNode)
    way = worldToMoving(movingNode, transformNode)
    linear = vtk.vtkTransform()
    if slicer.vtkMRMLTransformNode.IsGeneralTransformLinear(way, linear):
        return Affine(slicer.util.arrayFromVTKMatrix(linear.GetMatrix()))
    parts = flattened(way)
    field = exactField(parts, grid)
    if field is not None:
        return field
    limit = MAX_INVERTED_POINTS if any(map(isInverted, parts)) else MAX_POINTS
    return (yield from _sampledSteps(way, samplingGrid(parts, grid, limit)))


def worldToMoving(movingNode: Any, transformNode: Any = None) -> Any:
    """Return vtkGeneralTransform from world points to the moving volume's own; a snapshot."""
    nearest = movingNode.GetParentTransformNode()
    if transformNode is not None and transformNode not in transformChain(movingNode):
        nearest = transformNode
    way = vtk.vtkGeneralTransform()
    slicer.vtkMRMLTransformNode.GetTransformBetweenNodes(None, nearest, way)
    snapshot = vtk.vtkGeneralTransform()
    snapshot.DeepCopy(way)  # later changes of the nodes do not reach it
    return snapshot


def transformNodeFromRegQC(transform: Transform, name: str, grid: Grid | None = None) -> Any:
    """Add a transform node; a moving volume put under it lies on the fixed one.

    transform: fixed to moving points; becomes the node's transform from its parent. grid: where to
    sample kinds that Slicer does not have (`BSplineField`, velocities).
    """
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTransformNode", name)
    updateTransformNode(node, transform, grid)
    return node


def updateTransformNode(node: Any, transform: Transform, grid: Grid | None = None) -> None:
    """Give a transform node another transform; see `transformNodeFromRegQC`."""
    simple = simplified(transform)
    if isinstance(simple, Affine):
        node.SetMatrixTransformFromParent(slicer.util.vtkMatrixFromArray(simple.matrix))
    else:
        node.SetAndObserveTransformFromParent(_vtkTransform(simple, grid))


def _vtkTransform(transform: Transform, grid: Grid | None) -> Any:
    if isinstance(transform, Affine):
        linear = vtk.vtkTransform()
        linear.SetMatrix(slicer.util.vtkMatrixFromArray(transform.matrix))
        return linear
    if isinstance(transform, DisplacementField):
        return _gridTransform(transform)
    if isinstance(transform, Composite):
        whole = vtk.vtkGeneralTransform()
        whole.PostMultiply()
        for part in transform.transforms:
            whole.Concatenate(_vtkTransform(part, grid))
        return whole
    if grid is None:
        raise InputError(f"{type(transform).__name__}: needs a grid to be sampled on")
    return _gridTransform(to_displacement(transform, grid))


def _gridTransform(field: DisplacementField) -> Any:
    """Return vtkOrientedGridTransform, linear between voxels as RegQCLib and ITK are."""
    vectors = np.ascontiguousarray(np.moveaxis(field.array, 0, -1)).reshape(-1, 3)
    image = vtk.vtkImageData()
    image.SetDimensions(*field.grid.shape[::-1])
    image.SetSpacing(*field.grid.spacing)
    image.SetOrigin(*field.grid.origin)
    image.GetPointData().SetScalars(numpy_support.numpy_to_vtk(vectors, deep=True))
    direction = np.eye(4)
    direction[:3, :3] = field.grid.direction
    result = slicer.vtkOrientedGridTransform()
    result.SetDisplacementGridData(image)
    result.SetGridDirectionMatrix(slicer.util.vtkMatrixFromArray(direction))
    result.SetInterpolationModeToLinear()
    return result


def _sampledSteps(way: Any, grid: Grid) -> Generator[float, None, DisplacementField]:
    depth, height, width = grid.shape
    vectors = np.empty((depth * height * width, 3), dtype=np.float32)
    place: Callable[[Any], NDArray[np.intp]] = lambda flat: np.stack(  # noqa: E731
        np.unravel_index(flat, grid.shape)[::-1], axis=-1
    )
    for start in range(0, len(vectors), STEP_POINTS):
        chosen = np.arange(start, min(start + STEP_POINTS, len(vectors)))
        points = grid.to_world(place(chosen))
        vectors[chosen] = mappedPoints(way, points) - points
        yield start / len(vectors)
    return DisplacementField(np.moveaxis(vectors.reshape(*grid.shape, 3), -1, 0), grid.affine)
