"""A corrected copy of a volume: looked at in its place, then kept in its place, or removed."""

from __future__ import annotations

from typing import Any

import slicer
from slicer.i18n import tr as _

from RegQCScene.command_stack import Command, CommandStack
from RegQCScene.node_removal import removeNode
from RegQCScene.slice_views import compositeNodes

CORRECTED = "RegQC.Corrected"
"""Node reference from a corrected copy to the volume it was made from."""


def addCorrected(original: Any, image: Any, name: str) -> Any:
    """Add a volume node with other voxels in the place, and with the looks, of another one."""
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    with slicer.util.NodeModify(node):
        node.CopyOrientation(original)
        node.SetAndObserveImageData(image)
        node.SetAndObserveTransformNodeID(original.GetTransformNodeID())
        node.SetNodeReferenceID(CORRECTED, original.GetID())
    node.CreateDefaultDisplayNodes()
    if original.GetDisplayNode() is not None:
        node.GetDisplayNode().CopyContent(original.GetDisplayNode())
    return node


def sameImage(one: Any, other: Any) -> bool:
    """Whether two volumes are the same, or one is a corrected copy of the other."""
    if one is other or one is None or other is None:
        return one is other
    return other is one.GetNodeReference(CORRECTED) or one is other.GetNodeReference(CORRECTED)


def showInsteadOf(shown: Any, hidden: Any) -> None:
    """Show one volume wherever the slice views show another one."""
    for composite in compositeNodes():
        with slicer.util.NodeModify(composite):
            if composite.GetBackgroundVolumeID() == hidden.GetID():
                composite.SetBackgroundVolumeID(shown.GetID())
            if composite.GetForegroundVolumeID() == hidden.GetID():
                composite.SetForegroundVolumeID(shown.GetID())


def keepCorrected(parameters: Any, node: Any, history: CommandStack) -> None:
    """Choose a corrected copy instead of its original, as a step that can be undone."""
    original = node.GetNodeReference(CORRECTED)
    role = "fixedVolume" if parameters.fixedVolume is original else "movingVolume"
    text = _("Put slices of {name} back").format(name=original.GetName())
    _exchange(parameters, role, node, original, text, history)


def correctedRoles(parameters: Any) -> list[str]:
    """Return which volumes of the chosen pair are corrected copies whose original is there."""
    chosen = {role: getattr(parameters, role) for role in ("fixedVolume", "movingVolume")}
    return [
        role
        for role, node in chosen.items()
        if node is not None and node.GetNodeReference(CORRECTED) is not None
    ]


def chooseOriginals(parameters: Any, history: CommandStack) -> None:
    """Choose the originals instead of corrected copies, as steps that can be undone."""
    for role in correctedRoles(parameters):
        node = getattr(parameters, role)
        original = node.GetNodeReference(CORRECTED)
        text = _("Choose {name} as it was").format(name=original.GetName())
        _exchange(parameters, role, original, node, text, history)


def _exchange(
    parameters: Any, role: str, chosen: Any, other: Any, text: str, history: CommandStack
) -> None:
    """Choose one of two volumes in a role and show it instead of the other one."""

    def choose(_node: Any, volume: Any) -> None:
        setattr(parameters, role, volume)
        showInsteadOf(volume, other if volume is chosen else chosen)

    choose(chosen, chosen)
    history.push(Command(text, chosen, other, chosen, choose))


def removeCorrected(node: Any) -> None:
    """Show the original again and remove a corrected copy that was not kept."""
    original = node.GetNodeReference(CORRECTED)
    if original is not None:
        showInsteadOf(original, node)
    removeNode(node)
