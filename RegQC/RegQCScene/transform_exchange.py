"""Transform nodes as RegQCLib transforms, and back.

Slicer's transforms lead from a node to its parent: they move the MOVING volume onto the fixed one.
RegQCLib, and the files of ITK, ANTs and elastix, hold the way back: from FIXED points to MOVING
points, which is what resampling needs. Both are RAS mm in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial
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
from RegQCScene.step_generators import exhausted
from RegQCScene.transform_parts import (
    detailMm,
    exactParts,
    flattened,
    isInverted,
    mappedPoints,
    samplingGrid,
    snapshot,
)
from RegQCScene.volume_exchange import gridFromNode, transformChain

MAX_POINTS = 2**23
MAX_SLOW_POINTS = 2**20
MAX_INVERTED_POINTS = 2**18
"""Where a transform is evaluated at most: by RegQCLib, by VTK, and by VTK's search for inverses."""

STEP_POINTS = 2**15
STEP_SLOW_POINTS = 2**11
"""Points mapped at once: some 20 ms."""

Mapping = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def directionInWords() -> str:
    """What to show beside every transform and every exported file."""
    return _(
        "In Slicer it moves the moving volume onto the fixed one. Written to a file it maps fixed "
        "points to moving points (LPS, mm), as ITK, ANTs and elastix resample."
    )


def fixedToMoving(fixedNode: Any, movingNode: Any, transformNode: Any = None) -> Transform:
    """Return the map from the fixed volume's world points to the moving volume's own points.

    "Own" means the space of its header, without the transforms above it; with
    ``volumeFromNode(fixedNode)`` and ``volumeFromNode(movingNode, world=False)`` it makes a pair.
    transformNode: one above the moving volume, or one that it is to be judged under instead; None
    takes whatever it lies under. Transforms above that one count too.
    Linear chains give an Affine. Displacement fields stay what they are (`exactParts`), alone or in
    a Composite; everything else is sampled over the fixed volume (`samplingGrid`).
    Raises InputError as `volumeFromNode` does.
    """
    return exhausted(fixedToMovingSteps(fixedNode, movingNode, transformNode))


def fixedToMovingSteps(
    fixedNode: Any, movingNode: Any, transformNode: Any = None
) -> Generator[float, None, Transform]:
    """Do what `fixedToMoving` does, in short steps; yields the fraction done."""
    grid = gridFromNode(fixedNode)
    way = worldToMoving(movingNode, transformNode)
    linear = vtk.vtkTransform()
    if slicer.vtkMRMLTransformNode.IsGeneralTransformLinear(way, linear):
        return Affine(slicer.util.arrayFromVTKMatrix(linear.GetMatrix()))
    parts = flattened(way)
    exact = exactParts(parts, grid)
    if exact is not None:
        return exact
    limit = MAX_INVERTED_POINTS if any(map(isInverted, parts)) else MAX_SLOW_POINTS
    places = samplingGrid(min(map(detailMm, parts)), grid, limit)
    return (yield from _sampledSteps(partial(mappedPoints, way), places, STEP_SLOW_POINTS))


def oneFieldSteps(
    transform: Transform, grid: Grid
) -> Generator[float, None, Affine | DisplacementField]:
    """Make one field of a composite, over ``grid``, in short steps; others are returned as is."""
    if isinstance(transform, Affine | DisplacementField):
        return transform
    parts = transform.transforms if isinstance(transform, Composite) else (transform,)
    places = samplingGrid(min(map(detailMm, parts)), grid, MAX_POINTS)
    return (yield from _sampledSteps(transform.apply, places, STEP_POINTS))


def worldToMoving(movingNode: Any, transformNode: Any = None) -> Any:
    """Return vtkGeneralTransform from world points to the moving volume's own; a snapshot.

    transformNode: see `fixedToMoving`. Raises InputError where it is no transform, or where one on
    the way flattens the volume.
    """
    if transformNode is not None:
        _requireTransform(transformNode)
    nearest = movingNode.GetParentTransformNode()
    if transformNode is not None and transformNode not in transformChain(movingNode):
        nearest = transformNode
    for node in [] if nearest is None else [nearest, *transformChain(nearest)]:
        _requireInvertible(node)
    way = vtk.vtkGeneralTransform()
    slicer.vtkMRMLTransformNode.GetTransformBetweenNodes(None, nearest, way)
    return snapshot(way)


def _requireTransform(node: Any) -> None:
    if not node.IsA("vtkMRMLTransformNode"):
        raise InputError(f"{node.GetName()}: is no transform; choose a transform, or none")
    if node.GetScene() is None:
        raise InputError(f"{node.GetName()}: was removed from the scene; choose another transform")


def _requireInvertible(node: Any) -> None:
    """VTK would take the inverse of a singular matrix to be the matrix."""
    if node.IsLinear():
        matrix = vtk.vtkMatrix4x4()
        node.GetMatrixTransformToParent(matrix)
        try:
            Affine(slicer.util.arrayFromVTKMatrix(matrix))
        except InputError as error:
            raise InputError(f"{node.GetName()}: {error}") from error


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


def _sampledSteps(
    mapped: Mapping, grid: Grid, count: int
) -> Generator[float, None, DisplacementField]:
    """Evaluate a map at the voxels of ``grid``, ``count`` of them at once."""
    vectors = np.empty((int(np.prod(grid.shape)), 3), dtype=np.float32)
    for start in range(0, len(vectors), count):
        chosen = np.arange(start, min(start + count, len(vectors)))
        points = grid.to_world(np.stack(np.unravel_index(chosen, grid.shape)[::-1], axis=-1))
        vectors[chosen] = mapped(points) - points
        yield start / len(vectors)
    return DisplacementField(np.moveaxis(vectors.reshape(*grid.shape, 3), -1, 0), grid.affine)
