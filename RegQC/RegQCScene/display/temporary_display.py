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

LEVELS = 256


class TemporaryDisplay:
    """Shows ``volume`` in the window of its `GrayLook`, its body in a gray of medium brightness."""

    def __init__(self, volume: Any, look: GrayLook) -> None:
        self._volume = volume
        own = volume.GetDisplayNode()
        self._ownID = own.GetID() if own is not None else None
        self._grays = _grays(look.gamma)
        self.node = _hidden("vtkMRMLScalarVolumeDisplayNode", "RegQC comparison")
        if own is not None:
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
        for node in (self.node, self._grays):
            if node.GetScene() is scene:
                scene.RemoveNode(node)


def _grays(gamma: float) -> Any:
    node = _hidden("vtkMRMLColorTableNode", "RegQC comparison grays")
    node.SetTypeToUser()
    node.SetNumberOfColors(LEVELS)
    table = vtk.vtkLookupTable()
    table.SetNumberOfTableValues(LEVELS)
    for index, gray in enumerate(np.linspace(0, 1, LEVELS) ** gamma):
        table.SetTableValue(index, gray, gray, gray, 1.0)
    node.SetLookupTable(table)
    return node


def _hidden(className: str, name: str) -> Any:
    node = slicer.mrmlScene.CreateNodeByClass(className)
    node.UnRegister(None)
    node.SetName(name)
    node.SetHideFromEditors(True)
    node.SetSaveWithScene(False)
    return slicer.mrmlScene.AddNode(node)
