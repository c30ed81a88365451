"""Moving the slice views to a place, and laying a volume over what they show."""

from __future__ import annotations

from typing import Any

import numpy as np
import slicer
from numpy.typing import ArrayLike, NDArray

from RegQCLib.geometry.grid import PLANE_NAMES

SAME_PLANE_COSINE = 0.8
"""Views turned by less than some 37 degrees show the same plane."""


def jumpToSlice(axis: str, positionRas: ArrayLike, normal: ArrayLike | None = None) -> list[Any]:
    """Let the views of one plane show the slice through a point; returns their slice nodes.

    axis: "sagittal", "coronal" or "axial". positionRas: (3,) mm. normal: (3,) across the slices in
    world space, for oblique volumes; by default along R, A or S. Where no view that can be seen
    shows that plane, all are moved so that they meet at the point.
    """
    across = np.eye(3)[PLANE_NAMES.index(axis)] if normal is None else np.asarray(normal, float)
    position = np.asarray(positionRas, dtype=np.float64)
    views = [node for node in sliceNodes() if abs(_normal(node) @ across) >= SAME_PLANE_COSINE]
    seen = [node for node in sliceNodes() if node.IsMappedInLayout()]
    if not views or (seen and not set(seen) & set(views)):
        return jumpToPoint(position)
    for node in views:
        node.JumpSliceByOffsetting(*position)
    return views


def jumpToResult(result: Any, plane: str, index: int) -> None:
    """Let the views show a slice of a `CheckResult`."""
    grid = result.grid
    normal = None if grid is None else grid.direction[:, 2 - grid.array_axis(plane)]
    jumpToSlice(plane, result.positionRas(plane, index), normal)


def jumpToPoint(positionRas: ArrayLike) -> list[Any]:
    """Let all views show the slice through a point; returns their slice nodes."""
    position = np.asarray(positionRas, dtype=np.float64)
    for node in sliceNodes():
        node.JumpSliceByOffsetting(*position)
    return sliceNodes()


def alignViews(volumeNode: Any) -> None:
    """Turn the views so that their planes are those of an oblique volume's voxels."""
    for node in sliceNodes():
        node.RotateToVolumePlane(volumeNode)


def showPair(fixedNode: Any, movingNode: Any, opacity: float = 0.5) -> None:
    """Show the fixed volume, and the moving one over it."""
    for node in compositeNodes():
        with slicer.util.NodeModify(node):
            node.SetBackgroundVolumeID(fixedNode.GetID())
            node.SetForegroundVolumeID(movingNode.GetID())
            node.SetForegroundOpacity(opacity)


def showOverlay(volumeNode: Any, opacity: float = 0.5) -> None:
    """Lay a volume, such as an error map, over what the views show.

    Slicer 5.10 and later have layers above the foreground; before, the foreground is replaced.
    """
    for node in compositeNodes():
        with slicer.util.NodeModify(node):
            if hasattr(node, "SetNthLayerVolumeID"):
                layer = _layerFor(node, volumeNode)
                node.SetNthLayerVolumeID(layer, volumeNode.GetID())
                node.SetNthLayerOpacity(layer, opacity)
            else:
                node.SetForegroundVolumeID(volumeNode.GetID())
                node.SetForegroundOpacity(opacity)


def hideOverlay(volumeNode: Any) -> None:
    """Take a volume off all layers above the background; the other layers stay as they are."""
    if volumeNode is None:
        return
    for node in compositeNodes():
        if node.GetForegroundVolumeID() == volumeNode.GetID():
            node.SetForegroundVolumeID(None)
        for layer in additionalLayers(node)[::-1]:
            if node.GetNthLayerVolumeID(layer) == volumeNode.GetID():
                _removeLayer(node, layer)


def sliceNodes() -> list[Any]:
    """Slice nodes of the scene's views."""
    return list(slicer.util.getNodesByClass("vtkMRMLSliceNode"))


def compositeNodes() -> list[Any]:
    """What each slice view shows."""
    return list(slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode"))


def additionalLayers(compositeNode: Any) -> range:
    """Return the layers above background, foreground and label; none in older Slicers."""
    if not hasattr(compositeNode, "SetNthLayerVolumeID"):
        return range(0)
    first = int(compositeNode.LayerLabel) + 1
    return range(first, first + compositeNode.GetNumberOfAdditionalLayers())


def _normal(sliceNode: Any) -> NDArray[np.float64]:
    matrix = slicer.util.arrayFromVTKMatrix(sliceNode.GetSliceToRAS())
    return np.asarray(matrix[:3, 2], dtype=np.float64)


def _layerFor(compositeNode: Any, volumeNode: Any) -> int:
    """Return the additional layer that shows a volume already, or a new one."""
    layers = additionalLayers(compositeNode)
    shown = [compositeNode.GetNthLayerVolumeID(layer) for layer in layers]
    if volumeNode.GetID() in shown:
        return layers[shown.index(volumeNode.GetID())]
    return layers.stop


def _removeLayer(compositeNode: Any, removed: int) -> None:
    """Remove an additional layer; Slicer moves up the volumes above it, but not their opacities."""
    above = range(removed + 1, additionalLayers(compositeNode).stop)
    opacities = [compositeNode.GetNthLayerOpacity(layer) for layer in above]
    compositeNode.SetNthLayerVolumeID(removed, None)
    for layer, opacity in enumerate(opacities, start=removed):
        compositeNode.SetNthLayerOpacity(layer, opacity)
