"""Slicer's own handles on a transform: arrows and rings to drag in the slice and 3-D views."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import slicer
import vtk


def showHandles(node: Any, center: Sequence[float]) -> None:
    """Let a transform be dragged in all views: moved and turned, not scaled.

    center: RAS mm in the space of the node's parent, where the handles sit and what is turned
    about.
    """
    if node.GetDisplayNode() is None:
        node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    with slicer.util.NodeModify(display):
        display.SetEditorTranslationEnabled(True)
        display.SetEditorRotationEnabled(True)
        display.SetEditorScalingEnabled(False)
        # separate switches for slice views came with Slicer 5.8
        for name, on in (("Translation", True), ("Rotation", True), ("Scaling", False)):
            _set(display, f"SetEditor{name}SliceEnabled", on)
        _set(display, "SetEditorSliceIntersectionVisibility", True)
        display.SetEditorVisibility(True)
        _set(display, "SetEditorVisibility3D", True)
    placeHandles(node, center)


def placeHandles(node: Any, center: Sequence[float]) -> None:
    """Put the handles of a transform at a point, RAS mm in the space of its parent."""
    # the center is a point of what is moved: it lies where the transform takes it
    back = vtk.vtkMatrix4x4()
    node.GetMatrixTransformFromParent(back)
    node.SetCenterOfTransformation(*back.MultiplyPoint((*map(float, center), 1.0))[:3])


def hideHandles(node: Any) -> None:
    """Take the handles of a transform away."""
    display = None if node is None else node.GetDisplayNode()
    if display is not None:
        display.SetEditorVisibility(False)
        _set(display, "SetEditorVisibility3D", False)
        dragAnywhere(node, False)


def handlesShown(node: Any) -> bool:
    """Whether a transform can be dragged in the views."""
    display = None if node is None else node.GetDisplayNode()
    return display is not None and bool(display.GetEditorVisibility())


def canDragAnywhere() -> bool:
    """Whether a drag anywhere in a slice view can move a transform (Slicer 5.12.4, 5.13)."""
    return hasattr(slicer.vtkMRMLTransformDisplayNode, "SetEditorTranslationSliceAnywhereEnabled")


def dragAnywhere(node: Any, on: bool) -> None:
    """Let a drag anywhere in a slice view move a transform, where Slicer can."""
    if canDragAnywhere() and node.GetDisplayNode() is not None:
        node.GetDisplayNode().SetEditorTranslationSliceAnywhereEnabled(on)


def _set(display: Any, method: str, value: bool) -> None:
    """Call a method that older versions of Slicer lack."""
    if hasattr(display, method):
        getattr(display, method)(value)
