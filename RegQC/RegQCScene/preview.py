"""Corrections to look at before they are kept: see `working_transform` for where they lie."""

from __future__ import annotations

from typing import Any

import numpy as np
import slicer
import vtk
from slicer.i18n import tr as _

from RegQCLib.geometry.transforms import Transform
from RegQCScene.command_stack import CommandStack
from RegQCScene.node_removal import removeNode
from RegQCScene.transform_exchange import updateTransformNode
from RegQCScene.volume_exchange import transformChain
from RegQCScene.working_transform import (
    PREVIEW,
    ROLE,
    TO_WORKING,
    WorkingState,
    correct,
    moveChildren,
    startWorking,
    topOf,
)


def showPreview(parameters: Any, correction: Transform | Any, what: str) -> Any:
    """Show the moving volume under another correction; returns the preview's node.

    correction: in the place of the whole working correction, from its parent: a RegQCLib transform
    or a vtkAbstractTransform. what: in words, such as "rigid registration". An earlier preview is
    dropped.
    """
    dropPreview(parameters)
    working = startWorking(parameters)
    node = slicer.mrmlScene.AddNewNodeByClass(
        "vtkMRMLTransformNode", _("RegQC preview: {what}").format(what=what)
    )
    node.SetAttribute(ROLE, PREVIEW)
    node.SetDescription(what)
    node.SetNodeReferenceID(TO_WORKING, working.GetID())
    node.SetAndObserveTransformNodeID(working.GetTransformNodeID())
    if isinstance(correction, vtk.vtkAbstractTransform):
        node.SetAndObserveTransformFromParent(correction)
    else:
        updateTransformNode(node, correction)
    parameters.previewTransform = node
    setPreviewShown(parameters, True)
    return node


def isPreviewShown(parameters: Any) -> bool:
    """Whether the moving volume is seen under the preview, not as it was before."""
    node, moving = parameters.previewTransform, parameters.movingVolume
    return node is not None and moving is not None and node in transformChain(moving)


def setPreviewShown(parameters: Any, shown: bool) -> None:
    """Show the moving volume under the preview, or as it was before."""
    node = parameters.previewTransform
    if node is None or shown == isPreviewShown(parameters):
        return
    before = topOf(node.GetNodeReference(TO_WORKING))
    with slicer.util.RenderBlocker():
        moveChildren(before if shown else node, node if shown else before)


def keepPreview(parameters: Any, history: CommandStack) -> None:
    """Make the preview the correction, as one step that can be undone."""
    node = parameters.previewTransform
    if node is None:
        return
    working = node.GetNodeReference(TO_WORKING)
    if node.IsLinear():
        matrix = vtk.vtkMatrix4x4()
        node.GetMatrixTransformToParent(matrix)
        state = WorkingState(slicer.util.arrayFromVTKMatrix(matrix))
    else:
        state = WorkingState(np.eye(4), node.GetTransformFromParent())
    text = node.GetDescription()
    with slicer.util.RenderBlocker():
        dropPreview(parameters)
        correct(working, state, text, history)


def dropPreview(parameters: Any) -> None:
    """Remove the preview; everything is as it was before."""
    node = parameters.previewTransform
    if node is None:
        return
    setPreviewShown(parameters, False)
    parameters.previewTransform = None
    removeNode(node)
