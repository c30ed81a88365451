"""Stand-in for qMRMLNodeComboBox, the selector of a node of the scene."""

from __future__ import annotations

from typing import Any, ClassVar

import slicer
import vtk
from PySide6 import QtCore, QtWidgets

from SlicerHost.stand_in import rowLayout, standIn, stored
from SlicerHost.widgets_base import Observers
from SlicerHost.widgets_node_actions import NodeActions

_NODE_ID = QtCore.Qt.ItemDataRole.UserRole


@standIn
class qMRMLNodeComboBox(NodeActions, QtWidgets.QWidget):
    """A combo box of "None" (where enabled), the scene's nodes of some types, and actions.

    Rows come and go one by one, so that the current node follows QComboBox's own rules as in
    Slicer: when the current node is removed, its neighbor becomes current, even where "None" is
    enabled; the first node of an empty list without other entries is chosen by itself. A new name
    of the current node is told as a change of the current node.
    """

    currentNodeChanged = QtCore.Signal(object)
    _validityChanged = QtCore.Signal(bool)
    currentNodeIDChanged = QtCore.Signal(str)
    nodeActivated = QtCore.Signal(object)
    nodeAdded = QtCore.Signal(object)
    nodeAddedByUser = QtCore.Signal(object)
    nodeAboutToBeRemoved = QtCore.Signal(object)
    nodeAboutToBeEdited = QtCore.Signal(object)
    currentNodeRenamed = QtCore.Signal(str)
    signalAliases: ClassVar = {
        "currentNodeChanged(vtkMRMLNode*)": "currentNodeChanged",
        "currentNodeChanged(bool)": "_validityChanged",
        "nodeActivated(vtkMRMLNode*)": "nodeActivated",
        "nodeAdded(vtkMRMLNode*)": "nodeAdded",
        "nodeAddedByUser(vtkMRMLNode*)": "nodeAddedByUser",
        "nodeAboutToBeRemoved(vtkMRMLNode*)": "nodeAboutToBeRemoved",
        "nodeAboutToBeEdited(vtkMRMLNode*)": "nodeAboutToBeEdited",
    }

    nodeTypes = stored("QStringList", "nodeTypes", [], "_rebuild")
    hideChildNodeTypes = stored("QStringList", "hideChildNodeTypes", [], "_rebuild")
    showHidden = stored(bool, "showHidden", False, "_rebuild")
    showChildNodeTypes = stored(bool, "showChildNodeTypes", True, "_rebuild")
    noneEnabled = stored(bool, "noneEnabled", False, "_rebuild")
    noneDisplay = stored(str, "noneDisplay", "None", "_rebuild")
    addEnabled = stored(bool, "addEnabled", True, "_rebuild")
    removeEnabled = stored(bool, "removeEnabled", True, "_rebuild")
    editEnabled = stored(bool, "editEnabled", False, "_rebuild")
    renameEnabled = stored(bool, "renameEnabled", False, "_rebuild")
    baseName = stored(str, "baseName", "")
    selectNodeUponCreation = stored(bool, "selectNodeUponCreation", True)
    interactionNodeSingletonTag = stored(str, "interactionNodeSingletonTag", "Singleton")
    sizeAdjustPolicy = stored(int, "sizeAdjustPolicy", 0)

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._scene: Any = None
        self._requestedID = ""
        self._attributes: list[tuple[str, str, str | None]] = []
        self._labels: dict[str, str] = {}
        self._watched: dict[str, Any] = {}
        self._observers = Observers(self)
        self._combo = QtWidgets.QComboBox()
        rowLayout(self, self._combo)
        self.setFocusProxy(self._combo)
        self._combo.connect("currentIndexChanged(int)", self._onCurrent)
        self._combo.connect("activated(int)", self._onActivated)
        self._combo.view().clicked.connect(self._onViewClicked)
        self.setEnabled(False)

    # The scene

    def mrmlScene(self) -> Any:
        return self._scene

    def setMRMLScene(self, scene: Any) -> None:
        if scene is self._scene:
            return
        self._observers.remove()
        self._watched.clear()
        self._scene = scene
        if scene is not None:
            kind = slicer.vtkMRMLScene
            self._observers.addWithNode(scene, kind.NodeAddedEvent, self._onNodeAdded)
            self._observers.addWithNode(
                scene, kind.NodeAboutToBeRemovedEvent, self._onNodeAboutToBeRemoved
            )
            for event in (kind.EndCloseEvent, kind.EndImportEvent):
                self._observers.add(scene, event, self._synchronize)
        self._rebuild()
        self.setCurrentNodeID(self._requestedID or self.currentNodeID)
        self._requestedID = ""
        self.setEnabled(scene is not None)

    def _onNodeAdded(self, node: Any) -> None:
        if self._scene.IsImporting() or not self._isListed(node):
            return  # imported nodes have their IDs only after the import
        self._synchronize()
        self.nodeAdded.emit(node)

    def _onNodeAboutToBeRemoved(self, node: Any) -> None:
        if not self._scene.IsClosing() and self._row(node.GetID()) >= 0:
            self.nodeAboutToBeRemoved.emit(node)
            self._synchronize(leaving=node)

    # The rows

    def _isListed(self, node: Any) -> bool:
        if node.GetHideFromEditors() and not self.showHidden:
            return False
        if any(node.IsA(kind) for kind in self.hideChildNodeTypes):
            return False
        exact = not self.showChildNodeTypes
        kinds = [
            kind
            for kind in self.nodeTypes
            if (node.GetClassName() == kind if exact else node.IsA(kind))
        ]
        return bool(kinds) and all(self._hasAttribute(node, *rule) for rule in self._attributes)

    def _hasAttribute(self, node: Any, kind: str, name: str, value: str | None) -> bool:
        if not node.IsA(kind):
            return True
        found = node.GetAttribute(name)
        return found is not None if value is None else found == value

    def _listed(self, leaving: Any = None) -> list[Any]:
        if self._scene is None:
            return []
        count = self._scene.GetNumberOfNodes()
        nodes = (self._scene.GetNthNode(index) for index in range(count))
        return [node for node in nodes if node is not leaving and self._isListed(node)]

    def _firstRow(self) -> int:
        return int(self.noneEnabled and self._scene is not None)

    def _row(self, nodeID: str | None) -> int:
        return self._combo.findData(nodeID, _NODE_ID) if nodeID else -1

    def _rebuild(self) -> None:
        """Fill the combo box anew, keeping the current node."""
        current = self.currentNodeID
        blocked = self._combo.blockSignals(True)
        self._combo.clear()
        if self._firstRow():
            self._combo.addItem(self.noneDisplay)
        self._addActions()
        if not self._firstRow():
            self._combo.setCurrentIndex(-1)
        self._combo.blockSignals(blocked)
        self._synchronize()
        if current and self._row(current) >= 0:
            self._combo.setCurrentIndex(self._row(current))

    def _synchronize(self, leaving: Any = None) -> None:
        """Add, remove and rename rows until they show the scene's nodes."""
        if self._scene is None:
            return
        nodes = self._listed(leaving)
        wanted = [node.GetID() for node in nodes]
        for nodeID in [nodeID for nodeID in self._shown() if nodeID not in wanted]:
            self._observers.remove(self._watched.pop(nodeID))
            self._combo.removeItem(self._row(nodeID))
        for position, node in enumerate(nodes, self._firstRow()):
            row = self._row(node.GetID())
            if row < 0:
                self._watch(node)
                self._combo.insertItem(position, node.GetName(), node.GetID())
            elif self._combo.itemText(row) != node.GetName():
                self._combo.setItemText(row, node.GetName())
                if row == self._combo.currentIndex:
                    self._onCurrent()
        if self.currentNode() is None:
            self.setCurrentNode(None)

    def _watch(self, node: Any) -> None:
        if node.GetID() not in self._watched:
            self._watched[node.GetID()] = node
            self._observers.add(node, vtk.vtkCommand.ModifiedEvent, self._onNodeModified)

    def _shown(self) -> list[str]:
        data = (self._combo.itemData(row, _NODE_ID) for row in range(self._combo.count))
        return [nodeID for nodeID in data if nodeID]

    def _onNodeModified(self) -> None:
        if not self._scene.IsClosing() and not self._scene.IsImporting():
            self._synchronize()

    # The current node

    def currentNode(self) -> Any:
        nodeID = self._combo.itemData(self._combo.currentIndex, _NODE_ID)
        return self._scene.GetNodeByID(nodeID) if nodeID and self._scene is not None else None

    def setCurrentNode(self, node: Any) -> None:
        """A node, None or (deprecated in Slicer) a node's ID."""
        self.setCurrentNodeID(node if isinstance(node, str) else node.GetID() if node else "")

    def _getCurrentID(self) -> str:
        node = self.currentNode()
        return node.GetID() if node is not None else ""

    def setCurrentNodeID(self, nodeID: str) -> None:
        if self._scene is None:
            self._requestedID = nodeID or ""
            return
        row = self._row(nodeID)
        self._combo.setCurrentIndex(row if row >= 0 else self._firstRow() - 1)

    currentNodeID = QtCore.Property(str, _getCurrentID, setCurrentNodeID)

    def setCurrentNodeIndex(self, index: int) -> None:
        inside = index < self.nodeCount()
        self._combo.setCurrentIndex((index if inside else -1) + self._firstRow())

    def nodeCount(self) -> int:
        return len(self._shown())

    def nodeFromIndex(self, index: int) -> Any:
        nodeID = self._combo.itemData(index + self._firstRow(), _NODE_ID)
        return self._scene.GetNodeByID(nodeID) if nodeID else None

    def _onCurrent(self) -> None:
        node, row = self.currentNode(), self._combo.currentIndex
        if node is None and row != self._firstRow() - 1:
            # QComboBox stepped onto an action: take the last node instead.
            if self.nodeCount():
                self.setCurrentNodeIndex(self.nodeCount() - 1)
            return
        self.currentNodeChanged.emit(node)
        self._validityChanged.emit(node is not None)
        self.currentNodeIDChanged.emit(node.GetID() if node is not None else "")

    def _onActivated(self, row: int) -> None:
        node = self.currentNode()
        if node is not None or (self._firstRow() and row == 0):
            self.nodeActivated.emit(node)

    # Filters by attribute

    def addAttribute(self, nodeType: str, name: str, value: str | None = None) -> None:
        self._attributes.append((nodeType, name, value))
        self._rebuild()

    def removeAttribute(self, nodeType: str, name: str) -> None:
        self._attributes = [rule for rule in self._attributes if rule[:2] != (nodeType, name)]
        self._rebuild()
