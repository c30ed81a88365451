"""Gives new nodes their item in the subject hierarchy; in Slicer a Qt plugin logic does that."""

from __future__ import annotations

from typing import Any

import slicer
import vtk

# Classes that Slicer's subject hierarchy plugins claim.
DATA_CLASSES = (
    "vtkMRMLVolumeNode",
    "vtkMRMLTransformNode",
    "vtkMRMLModelNode",
    "vtkMRMLMarkupsNode",
    "vtkMRMLSegmentationNode",
    "vtkMRMLTableNode",
    "vtkMRMLTextNode",
    "vtkMRMLPlotChartNode",
    "vtkMRMLPlotSeriesNode",
    "vtkMRMLSequenceNode",
    "vtkMRMLSequenceBrowserNode",
)


class SubjectHierarchyFiller:
    """Adds an item under the scene's root for each data node, and takes it away with the node."""

    def __init__(self, scene: Any) -> None:
        self._scene = scene
        self._observe(slicer.vtkMRMLScene.NodeAddedEvent, self._onNodeAdded)
        self._observe(slicer.vtkMRMLScene.NodeRemovedEvent, self._onNodeRemoved)
        scene.AddObserver(slicer.vtkMRMLScene.EndImportEvent, self._onImported)

    def _observe(self, event: int, method: Any) -> None:
        def call(caller: object, name: str, node: Any) -> None:
            method(node)

        call.CallDataType = vtk.VTK_OBJECT  # type: ignore[attr-defined]
        self._scene.AddObserver(event, call)

    def _onNodeAdded(self, node: Any) -> None:
        # A scene that is read brings its own items; what it lacks is added when it was read.
        if not self._scene.IsImporting():
            self._addItem(node)

    def _onImported(self, caller: object, event: str) -> None:
        for index in range(self._scene.GetNumberOfNodes()):
            self._addItem(self._scene.GetNthNode(index))

    def _onNodeRemoved(self, node: Any) -> None:
        if self._scene.IsClosing() or not _isData(node):
            return
        hierarchy = self._hierarchy()
        item = hierarchy.GetItemByDataNode(node)
        if item:
            hierarchy.RemoveItem(item, False, False)

    def _addItem(self, node: Any) -> None:
        if not _isData(node) or node.GetHideFromEditors():
            return
        hierarchy = self._hierarchy()
        if not hierarchy.GetItemByDataNode(node):
            hierarchy.CreateItem(hierarchy.GetSceneItemID(), node)

    def _hierarchy(self) -> Any:
        return slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(self._scene)


def _isData(node: Any) -> bool:
    return any(node.IsA(name) for name in DATA_CLASSES)
