"""What the list of a qMRMLNodeComboBox lets a user do: create, rename, edit, delete nodes."""

from __future__ import annotations

from typing import Any

from PySide6 import QtCore, QtWidgets

_ACTION = QtCore.Qt.ItemDataRole.UserRole + 1


class NodeActions:
    """The part of qMRMLNodeComboBox that makes and changes nodes."""

    def nodeTypeLabel(self: Any, nodeType: str) -> str:
        if nodeType in self._labels:
            return self._labels[nodeType]
        named = self._scene is not None and self._scene.GetTypeDisplayNameByClassName(nodeType)
        return named or "node"

    def setNodeTypeLabel(self: Any, label: str, nodeType: str) -> None:
        self._labels[nodeType] = label
        self._rebuild()

    def addNode(self: Any, nodeType: str = "") -> Any:
        """Add a node of one of the allowed types, by default the first; None for any other."""
        nodeType = nodeType or (self.nodeTypes[0] if self.nodeTypes else "")
        if nodeType not in self.nodeTypes:
            return None
        name = self._scene.GenerateUniqueName(self.baseName or self.nodeTypeLabel(nodeType))
        node = self._scene.CreateNodeByClass(nodeType)
        node.UnRegister(None)
        node.SetName(name)
        for kind, attribute, value in self._attributes:
            if node.IsA(kind):
                node.SetAttribute(attribute, value or "")
        node = self._scene.AddNode(node)
        if self.selectNodeUponCreation:
            self.setCurrentNode(node)
        self.nodeAddedByUser.emit(node)
        return node

    def removeCurrentNode(self: Any) -> None:
        self._scene.RemoveNode(self.currentNode())

    def editCurrentNode(self: Any) -> None:
        self.nodeAboutToBeEdited.emit(self.currentNode())

    def renameCurrentNode(self: Any) -> None:
        node = self.currentNode()
        if node is None:
            return
        title = f"Rename {self.nodeTypeLabel(node.GetClassName())}"
        name = QtWidgets.QInputDialog.getText(self, title, "New name:")
        if name:
            node.SetName(name)
            self.currentNodeRenamed.emit(name)

    def _addActions(self: Any) -> None:
        kinds = list(self.nodeTypes)
        label = self.nodeTypeLabel(kinds[0]) if len(kinds) == 1 else "node"
        actions = []
        if self.renameEnabled:
            actions.append((f"Rename current {label}", "RENAME"))
        if self.editEnabled:
            actions.append((f"Edit current {label}", "EDIT"))
        if self.addEnabled:
            actions += [(f"Create new {self.nodeTypeLabel(k)}", f"CREATE/{k}") for k in kinds]
        if self.removeEnabled:
            actions.append((f"Delete current {label}", "DELETE"))
        for text, action in actions if self._scene is not None else ():
            self._combo.addItem(text)
            row = self._combo.count - 1
            self._combo.setItemData(row, action, _ACTION)
            self._combo.model().item(row).setSelectable(False)

    def _onViewClicked(self: Any, index: QtCore.QModelIndex) -> None:
        action = index.data(_ACTION)
        if not action:
            return
        self._combo.hidePopup()
        verb, _, nodeType = action.partition("/")
        if verb == "CREATE":
            self.setCurrentNode(self.addNode(nodeType))
        elif verb == "DELETE":
            self.removeCurrentNode()
        elif verb == "EDIT":
            self.editCurrentNode()
        else:
            self.renameCurrentNode()
