"""Nodes with known geometry, for the tests of the scene's side of the module."""

from __future__ import annotations

from typing import Any

import numpy as np
import slicer
import vtk
from vtk.util import numpy_support

from RegQCLib.geometry.transforms import Affine

SHAPE = (5, 7, 6)


def affineOf(
    *, angles=(10, -20, 30), spacing=(1.2, 0.9, 2.5), origin=(-20.0, 15.0, 40.0), mirrored=False
) -> np.ndarray:
    """Voxels (i, j, k, 1) to RAS mm: oblique, unequal spacing, perhaps left-handed."""
    affine = Affine.rigid(angles).matrix @ np.diag([*spacing, 1.0])
    if mirrored:
        affine[:, 0] *= -1
    affine[:3, 3] = origin
    return affine


def addVolume(array=None, affine=None, name="volume", className="vtkMRMLScalarVolumeNode") -> Any:
    """A volume node; random voxels by default."""
    if array is None:
        array = np.random.default_rng(3).normal(100, 20, SHAPE).astype(np.float32)
    node = slicer.mrmlScene.AddNewNodeByClass(className, name)
    image = vtk.vtkImageData()
    image.SetDimensions(*array.shape[2::-1])
    flat = array.reshape(-1) if array.ndim == 3 else array.reshape(-1, array.shape[3])
    image.GetPointData().SetScalars(numpy_support.numpy_to_vtk(flat, deep=True))
    node.SetIJKToRASMatrix(
        slicer.util.vtkMatrixFromArray(affineOf() if affine is None else np.asarray(affine))
    )
    node.SetAndObserveImageData(image)
    return node


def addLinear(matrix, name="linear", parent=None) -> Any:
    """A transform node that moves what is under it by a (4, 4) matrix."""
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTransformNode", name)
    node.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(np.asarray(matrix, float)))
    return under(node, parent)


def addField(*, fromParent=True, cubic=False, spacing=8.0, size=3.0, name="bent", parent=None):
    """A transform node with smooth displacements of some mm around the origin."""
    count = int(160 / spacing)
    axes = np.meshgrid(*[np.linspace(0, 3, count)] * 3, indexing="ij")
    vectors = size * np.stack([np.sin(axes[1] + 1), np.cos(axes[0]), np.sin(axes[2] + 2)], -1)
    image = vtk.vtkImageData()
    image.SetDimensions(count, count, count)
    image.SetSpacing(spacing, spacing, spacing)
    image.SetOrigin(70, -80, -40)
    image.GetPointData().SetScalars(
        numpy_support.numpy_to_vtk(vectors.reshape(-1, 3).astype(np.float32), deep=True)
    )
    grid = slicer.vtkOrientedGridTransform()
    grid.SetDisplacementGridData(image)
    turned = Affine.rigid((0, 0, 90)).matrix  # the grid's axes are not the world's
    grid.SetGridDirectionMatrix(slicer.util.vtkMatrixFromArray(turned))
    (grid.SetInterpolationModeToCubic if cubic else grid.SetInterpolationModeToLinear)()
    return _withTransform(grid, fromParent, name, parent)


def addThinPlate(*, fromParent=True, offset=0.0, name="thin plate", parent=None):
    """A transform node without any grid. offset: in mm, of one landmark."""
    points = np.array([[0, 0, 40], [30, 0, 30], [0, 40, 20], [-30, -10, 60], [10, 20, 80.0]])
    moved = points + np.array([[1 + offset, 0, 0], [0, 2, 0], [0, 0, -1], [2, 1, 0], [0, -1, 1]])
    spline = vtk.vtkThinPlateSplineTransform()
    spline.SetBasisToR()
    for setter, values in (
        (spline.SetSourceLandmarks, points),
        (spline.SetTargetLandmarks, moved),
    ):
        landmarks = vtk.vtkPoints()
        for value in values:
            landmarks.InsertNextPoint(*value)
        setter(landmarks)
    return _withTransform(spline, fromParent, name, parent)


def under(node, parent) -> Any:
    """Put a node under a transform node."""
    node.SetAndObserveTransformNodeID(None if parent is None else parent.GetID())
    return node


def mapped(transform, points) -> np.ndarray:
    """Points through a vtkAbstractTransform, one by one: the truth of these tests."""
    return np.array([transform.TransformPoint(point) for point in np.asarray(points, float)])


def truth(source, target) -> Any:
    """Slicer's own way from a node's space to another's (None: world)."""
    way = vtk.vtkGeneralTransform()
    slicer.vtkMRMLTransformNode.GetTransformBetweenNodes(source, target, way)
    return way


def _withTransform(transform, fromParent, name, parent) -> Any:
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTransformNode", name)
    if fromParent:
        node.SetAndObserveTransformFromParent(transform)
    else:
        node.SetAndObserveTransformToParent(transform)
    return under(node, parent)
