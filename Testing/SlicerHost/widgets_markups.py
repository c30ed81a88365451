"""Stand-in for qSlicerSimpleMarkupsWidget, a table of control points."""

from __future__ import annotations

from typing import Any

import slicer
import vtk
from PySide6 import QtCore, QtGui, QtWidgets

from SlicerHost.stand_in import standIn
from SlicerHost.widgets_base import Observers, qSlicerWidget
from SlicerHost.widgets_node_combo_box import qMRMLNodeComboBox

_COLUMNS = ("Label", "R", "A", "S")


@standIn
class qSlicerSimpleMarkupsWidget(qSlicerWidget):
    """A selector of a point list above a table of its points (world RAS, mm)."""

    markupsNodeChanged = QtCore.Signal()
    markupsSelectionChanged = QtCore.Signal()
    markupsPlaceModeChanged = QtCore.Signal()
    currentMarkupsControlPointSelectionChanged = QtCore.Signal(int)
    updateFinished = QtCore.Signal()

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._observers = Observers(self)
        self._color = QtGui.QColor("red")
        self._nodes = qMRMLNodeComboBox()
        self._nodes.nodeTypes = ["vtkMRMLMarkupsFiducialNode"]
        self._nodes.noneEnabled = True
        self._table = QtWidgets.QTableWidget(0, len(_COLUMNS))
        self._table.setHorizontalHeaderLabels(list(_COLUMNS))
        self._table.setEditTriggers(QtWidgets.QAbstractItemView.EditTrigger.NoEditTriggers)
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._nodes)
        layout.addWidget(self._table)
        self._nodes.connect("currentNodeChanged(vtkMRMLNode*)", self._onNode)
        self._nodes.connect("nodeAdded(vtkMRMLNode*)", self._onNodeAdded)
        self._table.connect("cellClicked(int,int)", self._onCell)

    def setMRMLScene(self, scene: Any) -> None:
        super().setMRMLScene(scene)
        self._nodes.setMRMLScene(scene)

    def currentNode(self) -> Any:
        return self._nodes.currentNode()

    def setCurrentNode(self, node: Any) -> None:
        self._nodes.setCurrentNode(node)

    def setNodeBaseName(self, name: str) -> None:
        self._nodes.baseName = name

    def setDefaultNodeColor(self, color: QtGui.QColor) -> None:
        self._color = color

    def setNodeColor(self, color: QtGui.QColor) -> None:
        node = self.currentNode()
        if node is not None and node.GetDisplayNode() is not None:
            node.GetDisplayNode().SetSelectedColor(color.redF(), color.greenF(), color.blueF())

    def tableWidget(self) -> QtWidgets.QTableWidget:
        return self._table

    def highlightNthControlPoint(self, index: int) -> None:
        if 0 <= index < self._table.rowCount:
            self._table.selectRow(index)

    def activate(self) -> None:
        node = self.currentNode()
        if node is not None:
            slicer.modules.markups.logic().SetActiveListID(node)

    def _onNode(self, node: Any) -> None:
        self._observers.remove()
        if node is not None:
            events = slicer.vtkMRMLMarkupsNode
            for event in (
                events.PointModifiedEvent,
                events.PointAddedEvent,
                events.PointRemovedEvent,
                vtk.vtkCommand.ModifiedEvent,
            ):
                self._observers.add(node, event, self._fill)
        self._fill()
        self.markupsNodeChanged.emit()

    def _onNodeAdded(self, node: Any) -> None:
        if node.GetDisplayNode() is None:
            node.CreateDefaultDisplayNodes()

    def _onCell(self, row: int) -> None:
        self.currentMarkupsControlPointSelectionChanged.emit(row)

    def _fill(self) -> None:
        node = self.currentNode()
        count = node.GetNumberOfControlPoints() if node is not None else 0
        self._table.setRowCount(count)
        for row in range(count):
            position = node.GetNthControlPointPositionWorld(row)
            texts = [node.GetNthControlPointLabel(row), *(f"{value:.3f}" for value in position)]
            for column, text in enumerate(texts):
                self._table.setItem(row, column, QtWidgets.QTableWidgetItem(text))
        self.updateFinished.emit()
