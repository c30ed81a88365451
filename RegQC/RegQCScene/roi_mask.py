"""A markups box as a mask: a few large voxels that fill it exactly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import slicer
import vtk
from numpy.typing import NDArray

from RegQCLib.errors import InputError
from RegQCLib.geometry.volume import Volume

LARGEST_VOXEL_MM = 50.0


def roiVolume(node: Any) -> Volume:
    """Return ones over a box (vtkMRMLMarkupsROINode) in world space, oblique where the box is.

    Raises InputError for a box that is not placed, is flat, or lies under a transform that bends or
    shears it.
    """
    name = node.GetName()
    if node.GetNumberOfControlPoints() < 1:
        raise InputError(f"{name}: the box is not placed; place it in a slice view")
    parent = node.GetParentTransformNode()
    if parent is not None and not parent.IsTransformToWorldLinear():
        raise InputError(f"{name}: lies under a transform that bends; take it out of it")
    toWorld = vtk.vtkMatrix4x4()
    vtk.vtkMatrix4x4.Multiply4x4(_nodeToWorld(node), node.GetObjectToNodeMatrix(), toWorld)
    matrix = slicer.util.arrayFromVTKMatrix(toWorld)
    scale = np.linalg.norm(matrix[:3, :3], axis=0)
    lengths = np.array(node.GetSize()) * scale  # mm along the box's own axes
    if lengths.min() < 1.0:
        raise InputError(f"{name}: the box is flat; draw its sides apart")
    counts = np.maximum(np.ceil(lengths / LARGEST_VOXEL_MM), 1).astype(int)
    steps = lengths / counts
    affine = np.eye(4)
    affine[:3, :3] = matrix[:3, :3] / scale * steps
    affine[:3, 3] = matrix[:3, 3] - affine[:3, :3] @ ((counts - 1) / 2)
    return Volume(np.ones(tuple(counts[::-1]), np.uint8), affine, name)


def startRoi(parameters: Any, center: NDArray[np.float64]) -> Any:
    """Return the chosen box; made, and placed around a point (RAS mm), where that is missing.

    It is as large as the middle half of the fixed volume.
    """
    node = parameters.roi or addRoi(parameters)
    if node.GetNumberOfControlPoints() < 1:
        bounds = np.zeros(6)
        parameters.fixedVolume.GetRASBounds(bounds)
        node.CreateDefaultDisplayNodes()
        node.SetXYZ(*map(float, center))
        node.SetRadiusXYZ(*map(float, (bounds[1::2] - bounds[::2]) / 4))
    return node


def saveRoi(node: Any, path: Path) -> Path:
    """Write a box as a mask file; see `roiVolume`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # needs nibabel, which Slicer lacks at first
    from RegQCLib.geometry.image_io import save_volume

    save_volume(roiVolume(node), path)
    return path


def addRoi(parameters: Any) -> Any:
    """Make a box that is not placed yet, and choose it."""
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "RegQC box")
    node.CreateDefaultDisplayNodes()
    parameters.roi = node
    return node


def _nodeToWorld(node: Any) -> Any:
    matrix = vtk.vtkMatrix4x4()
    if node.GetParentTransformNode() is not None:
        node.GetParentTransformNode().GetMatrixTransformToWorld(matrix)
    return matrix
