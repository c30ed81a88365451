"""Volume nodes as RegQCLib volumes, and back. Nodes that are read are never changed.

Both sides use RAS mm and arrays (k, j, i); voxels are shared, not copied, where that is possible.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import slicer
import vtk
from numpy.typing import NDArray
from vtk.util import numpy_support

from RegQCLib.errors import InputError
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.volume import Volume


def volumeFromNode(node: Any, *, world: bool = True, role: str = "volume") -> Volume:
    """Return a scalar volume node as a volume that shares its voxels.

    world: in world space, the linear transforms above the node folded into the affine; otherwise
    in the node's own space, as if no transform were above it.
    role: what to call it where no node was chosen.
    Raises InputError for no node, no voxels, a label map, several values a voxel, axes that are not
    perpendicular, and, in world space, a non-linear transform above it.
    """
    requireImage(node, role)
    return _volume(node, world)


def labelVolumeFromNode(node: Any) -> Volume:
    """Return a label map (or any scalar volume) in world space, as `volumeFromNode` does."""
    _requireVoxels(node, "mask")
    return _volume(node, world=True)


def gridFromNode(node: Any, *, world: bool = True) -> Grid:
    """Return where the voxels of a volume node lie; see `volumeFromNode`."""
    _requireVoxels(node, "volume")
    return _grid(node, world)


def requireImage(node: Any, role: str) -> None:
    """Raise InputError unless a node is an image: a scalar volume that is no label map."""
    _requireVoxels(node, role)
    if node.IsA("vtkMRMLLabelMapVolumeNode"):
        raise InputError(
            f"{node.GetName()}: is a label map, not an image; choose the image it was drawn on, "
            "or convert it in the module Volumes"
        )


def parentToWorld(node: Any) -> NDArray[np.float64]:
    """(4, 4) what the transforms above a node do, RAS mm.

    Raises InputError when one of them is not linear.
    """
    parent = node.GetParentTransformNode()
    matrix = vtk.vtkMatrix4x4()
    if parent is not None:
        if not parent.IsTransformToWorldLinear():
            bent = next(t for t in transformChain(node) if not t.IsLinear())
            raise InputError(
                f"{node.GetName()}: lies under the non-linear transform {bent.GetName()}; take it "
                "out of it, or harden the transform on a copy of the volume and choose the copy"
            )
        parent.GetMatrixTransformToWorld(matrix)
    return np.asarray(slicer.util.arrayFromVTKMatrix(matrix), dtype=np.float64)


def transformChain(node: Any) -> list[Any]:
    """Return the transform nodes above a node, the nearest first."""
    chain = []
    parent = node.GetParentTransformNode()
    while parent is not None and parent not in chain:
        chain.append(parent)
        parent = parent.GetParentTransformNode()
    return chain


def nodeFromVolume(volume: Volume, name: str, className: str = "vtkMRMLScalarVolumeNode") -> Any:
    """Add a volume node that holds a copy of the voxels; nothing is shown yet."""
    node = slicer.mrmlScene.AddNewNodeByClass(className, name)
    updateNode(node, imageData(volume.array), volume.affine)
    return node


def updateNode(node: Any, image: Any, affine: NDArray[np.float64]) -> None:
    """Give a volume node other voxels (vtkImageData) and their place, (4, 4) to RAS mm."""
    with slicer.util.NodeModify(node):
        node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(affine))
        node.SetAndObserveImageData(image)


def imageData(array: NDArray[Any]) -> Any:
    """Copy an array (k, j, i) into vtkImageData of the same type (booleans as bytes)."""
    values = array.astype(np.uint8) if array.dtype == np.bool_ else array
    image = emptyImage(values.shape, values.dtype)
    imageArray(image)[:] = values
    return image


def emptyImage(shape: tuple[int, ...], dtype: Any) -> Any:
    """Make vtkImageData of shape (k, j, i); its values are not set."""
    image = vtk.vtkImageData()
    image.SetDimensions(*shape[::-1])
    image.AllocateScalars(numpy_support.get_vtk_array_type(np.dtype(dtype)), 1)
    return image


def imageArray(image: Any) -> NDArray[Any]:
    """View the scalars of vtkImageData as (k, j, i), or (k, j, i, component)."""
    scalars = image.GetPointData().GetScalars()
    components = scalars.GetNumberOfComponents()
    shape = image.GetDimensions()[::-1]
    array = numpy_support.vtk_to_numpy(scalars)
    return array.reshape(shape if components == 1 else (*shape, components))


def _requireVoxels(node: Any, role: str) -> None:
    if node is None:
        raise InputError(f"no {role} is chosen; choose one")
    name = node.GetName()
    if node.GetScene() is None:
        raise InputError(f"{name}: was removed from the scene; choose another {role}")
    if not node.IsA("vtkMRMLScalarVolumeNode"):
        raise InputError(f"{name}: is no volume; choose a volume as {role}")
    image = node.GetImageData()
    if image is None or image.GetPointData().GetScalars() is None:
        raise InputError(f"{name}: holds no voxels; load the image again")
    components = image.GetNumberOfScalarComponents()
    if components != 1:
        raise InputError(
            f"{name}: is a color or vector volume ({components} values a voxel); choose a scalar "
            "volume, for example one made by the module Vector to Scalar Volume"
        )


def _volume(node: Any, world: bool) -> Volume:
    return Volume(imageArray(node.GetImageData()), _grid(node, world).affine, node.GetName())


def _grid(node: Any, world: bool) -> Grid:
    image, name = node.GetImageData(), node.GetName()
    ijkToRas = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(ijkToRas)
    affine = slicer.util.arrayFromVTKMatrix(ijkToRas)
    # an image cut out of a larger one may count its voxels from elsewhere than 0
    affine[:3, 3] += affine[:3, :3] @ np.array(image.GetExtent()[::2])
    try:
        own = Grid(image.GetDimensions()[::-1], affine)
    except InputError as error:
        raise InputError(f"{name}: {error}") from error
    if not world or node.GetParentTransformNode() is None:
        return own
    toWorld = parentToWorld(node)
    try:
        return Grid(own.shape, toWorld @ own.affine)
    except InputError as error:
        above = node.GetParentTransformNode().GetName()
        raise InputError(
            f"{name}: under the transform {above} {error}, or take it out of the transform"
        ) from error
