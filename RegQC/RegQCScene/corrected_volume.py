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

    def choose(_node: Any, volume: Any) -> None:
        other = original if volume is node else node
        setattr(parameters, role, volume)
        showInsteadOf(volume, other)

    choose(node, node)
    text = _("Put slices of {name} back").format(name=original.GetName())
    history.push(Command(text, node, original, node, choose))


def removeCorrected(node: Any) -> None:
    """Show the original again and remove a corrected copy that was not kept."""
    original = node.GetNodeReference(CORRECTED)
    if original is not None:
        showInsteadOf(original, node)
    removeNode(node)
