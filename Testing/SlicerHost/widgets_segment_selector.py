"""Stand-in for qMRMLSegmentSelectorWidget, the selector of one segment of a segmentation."""

from __future__ import annotations

from typing import Any, ClassVar

import slicer
from PySide6 import QtCore, QtWidgets

from SlicerHost.stand_in import forwarded, standIn, stored
from SlicerHost.widgets_base import Observers, qMRMLWidget
from SlicerHost.widgets_node_combo_box import qMRMLNodeComboBox

_NONE = "None"


@standIn
class qMRMLSegmentSelectorWidget(qMRMLWidget):
    """A selector of a segmentation node above one of its segments; one segment at a time.

    `currentNode()`, `currentNodeID()` and `currentSegmentID()` are methods here, as in Slicer.
    """

    currentNodeChanged = QtCore.Signal(object)
    _validityChanged = QtCore.Signal(bool)
    currentSegmentChanged = QtCore.Signal(str)
    nodeAboutToBeEdited = QtCore.Signal(object)
    signalAliases: ClassVar = {
        **qMRMLWidget.signalAliases,
        "currentNodeChanged(vtkMRMLNode*)": "currentNodeChanged",
        "currentNodeChanged(bool)": "_validityChanged",
        "nodeAboutToBeEdited(vtkMRMLNode*)": "nodeAboutToBeEdited",
    }

    noneEnabled = forwarded(bool, "_nodes", "noneEnabled", "_populate")
    editEnabled = forwarded(bool, "_nodes", "editEnabled")
    selectNodeUponCreation = forwarded(bool, "_nodes", "selectNodeUponCreation")
    horizontalLayout = stored(bool, "horizontalLayout", False)

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._segmentation: Any = None
        self._segmentID = ""
        self._observers = Observers(self)
        self._nodes, self._segments = qMRMLNodeComboBox(), QtWidgets.QComboBox()
        self._nodes.nodeTypes = ["vtkMRMLSegmentationNode"]
        self._nodes.addEnabled = self._nodes.removeEnabled = False
        self._message = QtWidgets.QLabel()
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for child in (self._nodes, self._segments, self._message):
            layout.addWidget(child)
        self._nodes.connect("currentNodeChanged(vtkMRMLNode*)", self._onNode)
        self._nodes.connect("currentNodeChanged(bool)", self._validityChanged.emit)
        self._nodes.connect("nodeAboutToBeEdited(vtkMRMLNode*)", self.nodeAboutToBeEdited.emit)
        self._segments.connect("currentIndexChanged(int)", self._onSegment)
        self._populate()

    def setMRMLScene(self, scene: Any) -> None:
        super().setMRMLScene(scene)
        self._nodes.setMRMLScene(scene)

    def currentNode(self) -> Any:
        return self._nodes.currentNode()

    def currentNodeID(self) -> str:
        return str(self._nodes.currentNodeID)

    def setCurrentNode(self, node: Any) -> None:
        self._nodes.setCurrentNode(node)

    def setCurrentNodeID(self, nodeID: str) -> None:
        self._nodes.setCurrentNodeID(nodeID)

    def currentSegmentID(self) -> str:
        return self._segmentID

    def setCurrentSegmentID(self, segmentID: str) -> None:
        if not segmentID and self.noneEnabled:
            self._segments.setCurrentIndex(0)
            return
        row = self._segments.findData(segmentID)
        if row >= 0:
            self._segments.setCurrentIndex(row)

    def _selectorShown(self) -> bool:
        return not self._nodes.isHidden()

    def _showSelector(self, shown: bool) -> None:
        self._nodes.setVisible(shown)

    segmentationNodeSelectorVisible = QtCore.Property(bool, _selectorShown, _showSelector)

    def _onNode(self, node: Any) -> None:
        if node is not self._segmentation:
            self._observers.remove()
            self._segmentation = node
            events = slicer.vtkSegmentation
            if node is not None:
                for event in (events.SegmentAdded, events.SegmentRemoved, events.SegmentModified):
                    self._observers.add(node, event, self._populate)
            self._populate()
        self.currentNodeChanged.emit(node)

    def _populate(self) -> None:
        """List the segments; as in Slicer the first one is chosen, whatever was chosen before."""
        segmentation = self._segmentation.GetSegmentation() if self._segmentation else None
        segmentIDs = list(segmentation.GetSegmentIDs()) if segmentation else []
        blocked = self._segments.blockSignals(True)
        self._segments.clear()
        if segmentIDs and self.noneEnabled:
            self._segments.addItem(_NONE, _NONE)
        for segmentID in segmentIDs:
            self._segments.addItem(segmentation.GetSegment(segmentID).GetName(), segmentID)
        self._segments.setCurrentIndex(-1)
        self._segments.blockSignals(blocked)
        self._segments.setVisible(bool(segmentIDs))
        self._message.setVisible(not segmentIDs)
        self._message.setText(
            "No segments in segmentation" if self._segmentation else "No node is selected"
        )
        if segmentIDs:
            self._segments.setCurrentIndex(int(self.noneEnabled))

    def _onSegment(self, row: int) -> None:
        if self._segmentation is None:
            return
        data = self._segments.itemData(row)
        self._segmentID = "" if data in (None, _NONE) else data
        self.currentSegmentChanged.emit(self._segmentID)
