"""Another display node for a volume, for a while.

The volume's own display node is never written to: it is taken off and put back. So window, level,
color and threshold come back as they were, whatever a user did to the picture in between.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import slicer
import vtk

from RegQCScene.display.gray_look import GrayLook
from RegQCScene.display.hidden_node import hiddenNode, removeNodes

LEVELS = 256
OWN = "RegQC.own"
"""Node reference of a temporary display node: the volume's own one."""


class TemporaryDisplay:
    """Shows ``volume`` in the window of its `GrayLook`, its body in a gray of medium brightness."""

    def __init__(self, volume: Any, look: GrayLook) -> None:
        self._volume = volume
        own = volume.GetDisplayNode()
        self._ownID = own.GetID() if own is not None else None
        self._grays = _grays(look.gamma)
        self.node = hiddenNode("vtkMRMLScalarVolumeDisplayNode", "RegQC comparison")
        if own is not None:
            self.node.SetNodeReferenceID(OWN, own.GetID())
            self.node.SetInterpolate(own.GetInterpolate())
        self.node.SetAutoWindowLevel(False)
        self.node.SetWindowLevelMinMax(*look.window)
        self.node.SetAndObserveColorNodeID(self._grays.GetID())
        volume.SetAndObserveDisplayNodeID(self.node.GetID())

    def restore(self) -> None:
        """Give the volume its own display node back, unless someone gave it another one."""
        scene = slicer.mrmlScene
        if self._volume.GetScene() is scene and self._volume.GetDisplayNode() is self.node:
            own = scene.GetNodeByID(self._ownID) if self._ownID else None
            self._volume.SetAndObserveDisplayNodeID(own.GetID() if own is not None else None)
        removeNodes(self.node, self._grays)


def ownDisplay(volume: Any) -> Any:
    """Return the display node that a volume has but for comparisons, or None."""
    display = volume.GetDisplayNode()
    return (display.GetNodeReference(OWN) or display) if display is not None else None


def _grays(gamma: float) -> Any:
    node = hiddenNode("vtkMRMLColorTableNode", "RegQC comparison grays")
    node.SetTypeToUser()
    node.SetNumberOfColors(LEVELS)
    table = vtk.vtkLookupTable()
    table.SetNumberOfTableValues(LEVELS)
    for index, gray in enumerate(np.linspace(0, 1, LEVELS) ** gamma):
        table.SetTableValue(index, gray, gray, gray, 1.0)
    node.SetLookupTable(table)
    return node
