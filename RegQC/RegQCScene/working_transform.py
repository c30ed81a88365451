"""Corrections of a pair, in transform nodes of our own above the user's, which are never hardened.

From the moving volume upward: the user's own transforms; the working deformation, where there is
one; the working transform, which is linear and follows keys and handles; then what the fixed volume
lies under, too, or the world. While something is previewed, the preview node stands in the place of
the two working nodes. Only the parent of the topmost node of the user is changed, and put back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import slicer
import vtk
from numpy.typing import NDArray
from slicer.i18n import tr as _

from RegQCLib.errors import InputError
from RegQCScene.command_stack import Command, CommandStack
from RegQCScene.node_removal import removeNode
from RegQCScene.volume_exchange import transformChain

ROLE = "RegQC.Role"
WORKING, DEFORMATION, PREVIEW = "working", "deformation", "preview"
OWN_ROLES = (WORKING, DEFORMATION, PREVIEW)
MOVED = "RegQC.Moved"
"""Node reference: the user's topmost node below ours, or the moving volume itself."""
TO_WORKING = "RegQC.Working"
"""Node reference of a preview: the working transform whose place it takes."""
PUT_UNDER = "RegQC.PutUnder"
"""Attribute of a working transform: what the moving volume lay under before we moved it."""


@dataclass(frozen=True, eq=False)
class WorkingState:
    """What corrections hold at one moment; never changed.

    matrix: (4, 4) RAS mm, of the working transform to its parent. deformation: vtkAbstractTransform
    from the parent of the working deformation, or None.
    """

    matrix: NDArray[np.float64]
    deformation: Any = None

    @property
    def size(self) -> int:
        """Bytes that its deformation holds."""
        grid = getattr(self.deformation, "GetDisplacementGrid", lambda: None)()
        return 0 if grid is None else 1024 * int(grid.GetActualMemorySize())


def isOurs(node: Any) -> bool:
    """Whether a transform node was made for corrections."""
    return node.GetAttribute(ROLE) in OWN_ROLES


def ownTransforms(fixedNode: Any, movingNode: Any) -> list[Any]:
    """Return the user's transforms that move the moving volume alone, the nearest first."""
    shared = [] if fixedNode is None else transformChain(fixedNode)
    own = []
    for node in transformChain(movingNode):
        if node in shared:
            break
        if not isOurs(node):
            own.append(node)
    return own


def ownTransform(movingNode: Any, fixedNode: Any = None) -> Any:
    """Return the user's transform nearest to the moving volume, or None; never one of ours."""
    return next(iter(ownTransforms(fixedNode, movingNode)), None)


def workingTransformOf(movingNode: Any) -> Any:
    """Return the working transform of a moving volume, also while a preview hides it, or None."""
    for node in transformChain(movingNode):
        if node.GetAttribute(ROLE) == PREVIEW:
            return node.GetNodeReference(TO_WORKING)
        if node.GetAttribute(ROLE) == WORKING:
            return node
    return None


def previewOf(movingNode: Any) -> Any:
    """Return the preview that a moving volume lies under, or None."""
    chain = transformChain(movingNode)
    return next((node for node in chain if node.GetAttribute(ROLE) == PREVIEW), None)


def deformationOf(working: Any) -> Any:
    """Return the working deformation below a working transform, or None."""
    return working.GetNodeReference(f"RegQC.{DEFORMATION}")


def startWorking(parameters: Any) -> Any:
    """Return the working transform of the chosen pair; made and put in place where there is none.

    Raises InputError when no pair is chosen.
    """
    fixed, moving = parameters.fixedVolume, parameters.movingVolume
    if fixed is None or moving is None or fixed is moving:
        raise InputError(_("choose a fixed and another, moving volume first"))
    working, chosen = workingTransformOf(moving), parameters.transform
    elsewhere = chosen is not None and not isOurs(chosen) and chosen not in transformChain(moving)
    if working is None or elsewhere:
        with slicer.util.RenderBlocker():
            working = _insertWorking(fixed, moving, chosen if elsewhere else None)
    parameters.workingTransform = working
    return working


def _insertWorking(fixed: Any, moving: Any, chosen: Any) -> Any:
    """Put a working transform above the user's; ``chosen``: a transform to go under first."""
    before = moving.GetTransformNodeID() or ""
    if chosen is not None:
        # the pair is to be judged under this one, so this is how it must be seen, too
        moving.SetAndObserveTransformNodeID(chosen.GetID())
        there = workingTransformOf(moving)
        if there is not None:
            return there
    working = slicer.mrmlScene.AddNewNodeByClass(
        "vtkMRMLTransformNode", _("RegQC correction of {name}").format(name=moving.GetName())
    )
    working.SetAttribute(ROLE, WORKING)
    if chosen is not None:
        working.SetAttribute(PUT_UNDER, before)
    own = ownTransforms(fixed, moving)
    moved = own[-1] if own else moving
    working.SetNodeReferenceID(MOVED, moved.GetID())
    shared = moved.GetParentTransformNode()
    working.SetAndObserveTransformNodeID(None if shared is None else shared.GetID())
    moved.SetAndObserveTransformNodeID(working.GetID())
    return working


def stateOf(working: Any) -> WorkingState:
    """Return what the corrections are now."""
    matrix = vtk.vtkMatrix4x4()
    working.GetMatrixTransformToParent(matrix)
    deformation = deformationOf(working)
    bent = None if deformation is None else deformation.GetTransformFromParent()
    return WorkingState(slicer.util.arrayFromVTKMatrix(matrix), bent)


def restoreState(working: Any, state: WorkingState) -> None:
    """Make the corrections what they were."""
    with slicer.util.RenderBlocker():
        deformation = deformationOf(working)
        if state.deformation is not None:
            deformation = deformation or _addDeformation(working)
            if deformation.GetTransformFromParent() is not state.deformation:
                deformation.SetAndObserveTransformFromParent(state.deformation)
        elif deformation is not None:
            moveChildren(deformation, working)
            removeNode(deformation)
        working.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(state.matrix))


def correct(
    working: Any, state: WorkingState, text: str, history: CommandStack, series: str = ""
) -> None:
    """Change the corrections, as a step that can be undone."""
    before = stateOf(working)
    restoreState(working, state)
    remember(working, before, text, history, series)


def remember(
    working: Any, before: WorkingState, text: str, history: CommandStack, series: str = ""
) -> None:
    """Make a step of a change that has happened; one that changed nothing is none."""
    after = stateOf(working)
    if np.array_equal(before.matrix, after.matrix) and before.deformation is after.deformation:
        return
    size = after.size if after.deformation is not before.deformation else 0
    history.push(Command(text, working, before, after, restoreState, size, series))


def removeWorking(parameters: Any) -> None:
    """Take all corrections of the chosen pair out of the scene; the user's transform remains."""
    moving = parameters.movingVolume
    working = None if moving is None else workingTransformOf(moving)
    if working is None:
        return
    with slicer.util.RenderBlocker():
        ours = [parameters.previewTransform, deformationOf(working), working]
        for node in filter(None, ours):
            moveChildren(node, working.GetParentTransformNode())
        before = working.GetAttribute(PUT_UNDER)
        if before is not None:
            moving.SetAndObserveTransformNodeID(before or None)
        for node in filter(None, ours):
            removeNode(node)
    parameters.workingTransform = parameters.previewTransform = None


def topOf(working: Any) -> Any:
    """Return the node that the user's own ones lie under: the deformation, or the transform."""
    return deformationOf(working) or working


def _addDeformation(working: Any) -> Any:
    node = slicer.mrmlScene.AddNewNodeByClass(
        "vtkMRMLTransformNode", _("{name}, deformation").format(name=working.GetName())
    )
    node.SetAttribute(ROLE, DEFORMATION)
    node.SetAndObserveTransformNodeID(working.GetID())
    working.SetNodeReferenceID(f"RegQC.{DEFORMATION}", node.GetID())
    moveChildren(working, node)
    return node


def moveChildren(source: Any, target: Any) -> None:
    """Put all that lies directly under one of our nodes under another one, or under none.

    Besides the user's topmost node that may be landmarks, and corrected copies of the volume.
    """
    for node in slicer.util.getNodesByClass("vtkMRMLTransformableNode"):
        if node.GetParentTransformNode() is source and not isOurs(node):
            node.SetAndObserveTransformNodeID(None if target is None else target.GetID())
