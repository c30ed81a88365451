"""Stand-in for qMRMLTableView, which shows a table node."""

from __future__ import annotations

from typing import Any, ClassVar

import vtk
from PySide6 import QtCore, QtGui, QtWidgets

from SlicerHost.stand_in import standIn, stored
from SlicerHost.widgets_base import Observers


@standIn
class qMRMLTableView(QtWidgets.QTableView):
    """A spreadsheet of a table node; it follows the node, but does not edit it."""

    mrmlSceneChanged = QtCore.Signal(object)
    _cellsSelected = QtCore.Signal()
    signalAliases: ClassVar = {
        "mrmlSceneChanged(vtkMRMLScene*)": "mrmlSceneChanged",
        "selectionChanged()": "_cellsSelected",
    }
    transposed = stored(bool, "transposed", False, "_fill")
    firstRowLocked = stored(bool, "firstRowLocked", False)
    firstColumnLocked = stored(bool, "firstColumnLocked", False)

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._scene: Any = None
        self._table: Any = None
        self._viewNode: Any = None
        self._observers = Observers(self)
        self._items = QtGui.QStandardItemModel(self)
        self._proxy = QtCore.QSortFilterProxyModel(self)
        self._proxy.setSourceModel(self._items)
        self.setModel(self._proxy)

    def selectionChanged(
        self, selected: QtCore.QItemSelection, deselected: QtCore.QItemSelection
    ) -> None:
        """Qt calls this at any change; what Slicer's signal of this name tells is that alone."""
        super().selectionChanged(selected, deselected)
        self._cellsSelected.emit()

    def mrmlScene(self) -> Any:
        return self._scene

    def setMRMLScene(self, scene: Any) -> None:
        self._scene = scene
        self.mrmlSceneChanged.emit(scene)

    def mrmlTableViewNode(self) -> Any:
        return self._viewNode

    def setMRMLTableViewNode(self, node: Any) -> None:
        self._viewNode = node

    def mrmlTableNode(self) -> Any:
        return self._table

    def setMRMLTableNode(self, table: Any) -> None:
        self._observers.remove()
        self._table = table
        if table is not None:
            self._observers.add(table, vtk.vtkCommand.ModifiedEvent, self._fill)
        self._fill()

    def tableModel(self) -> QtGui.QStandardItemModel:
        return self._items

    def sortFilterProxyModel(self) -> QtCore.QSortFilterProxyModel:
        return self._proxy

    def _fill(self) -> None:
        table = self._table.GetTable() if self._table is not None else vtk.vtkTable()
        rows, columns = table.GetNumberOfRows(), table.GetNumberOfColumns()
        self._items.clear()
        if not self.transposed:
            names = [table.GetColumnName(column) or "" for column in range(columns)]
            self._items.setHorizontalHeaderLabels(names)
        for row in range(rows):
            for column in range(columns):
                item = QtGui.QStandardItem(table.GetValue(row, column).ToString())
                place = (column, row) if self.transposed else (row, column)
                self._items.setItem(*place, item)
