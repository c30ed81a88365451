"""`slicer.app.layoutManager()`: which views are shown, and how they are arranged.

Layouts, their view nodes and their descriptions come from Slicer's own layout logic.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import slicer
import vtk
from PySide6 import QtCore, QtWidgets

from SlicerHost.core import Core
from SlicerHost.view_plot import PlotWidget, TableWidget
from SlicerHost.view_slice import SliceWidget
from SlicerHost.view_three_d import ThreeDWidget

WIDGETS = {
    "vtkMRMLSliceNode": SliceWidget,
    "vtkMRMLViewNode": ThreeDWidget,
    "vtkMRMLPlotViewNode": PlotWidget,
    "vtkMRMLTableViewNode": TableWidget,
}


class LayoutManager(QtCore.QObject):
    """The methods of qSlicerLayoutManager that modules use."""

    layoutChanged = QtCore.Signal(int)

    def __init__(self, core: Core, viewport: QtWidgets.QWidget) -> None:
        super().__init__(viewport)
        self._core = core
        self._viewport = viewport
        self._widgets: dict[Any, QtWidgets.QWidget] = {}
        self._description = ""
        QtWidgets.QVBoxLayout(viewport).setContentsMargins(0, 0, 0, 0)
        self._logic = slicer.vtkMRMLLayoutLogic()
        self._logic.SetMRMLApplicationLogic(core.applicationLogic)
        self._logic.SetMRMLScene(core.scene)
        node = self._logic.GetLayoutNode()
        node.SetViewArrangement(node.SlicerLayoutFourUpView)
        node.AddObserver(vtk.vtkCommand.ModifiedEvent, self._update)
        self._update()

    def viewport(self) -> QtWidgets.QWidget:
        return self._viewport

    def layoutLogic(self) -> Any:
        return self._logic

    def mrmlScene(self) -> Any:
        return self._core.scene

    def setLayout(self, layout: int) -> None:
        """Show a layout, such as vtkMRMLLayoutNode.SlicerLayoutFourUpView."""
        self._logic.GetLayoutNode().SetViewArrangement(layout)

    layout = QtCore.Property(
        int,
        lambda self: self._logic.GetLayoutNode().GetViewArrangement(),
        setLayout,
        notify=layoutChanged,
    )

    def sliceViewNames(self) -> list[str]:
        """The names of all slice views that were shown so far."""
        return [node.GetLayoutName() for node in self._nodes("vtkMRMLSliceNode")]

    def sliceWidget(self, name: str) -> SliceWidget | None:
        found = [n for n in self._nodes("vtkMRMLSliceNode") if n.GetLayoutName() == name]
        return self._widgets[found[0]] if found else None

    def mrmlSliceLogics(self) -> Any:
        return self._core.applicationLogic.GetSliceLogics()

    def threeDWidget(self, which: int | str) -> ThreeDWidget | None:
        return self._find("vtkMRMLViewNode", which)

    def plotWidget(self, which: int | str) -> PlotWidget | None:
        return self._find("vtkMRMLPlotViewNode", which)

    def tableWidget(self, which: int | str) -> TableWidget | None:
        return self._find("vtkMRMLTableViewNode", which)

    threeDViewCount = QtCore.Property(int, lambda self: len(self._nodes("vtkMRMLViewNode")))
    plotViewCount = QtCore.Property(int, lambda self: len(self._nodes("vtkMRMLPlotViewNode")))
    tableViewCount = QtCore.Property(int, lambda self: len(self._nodes("vtkMRMLTableViewNode")))

    def resetSliceViews(self) -> None:
        for node in self._nodes("vtkMRMLSliceNode"):
            self._widgets[node].fitSliceToBackground()

    def resetThreeDViews(self) -> None:
        for node in self._nodes("vtkMRMLViewNode"):
            self._widgets[node].threeDView().resetFocalPoint()

    def _nodes(self, className: str) -> list[Any]:
        return [node for node in self._widgets if node.GetClassName() == className]

    def _find(self, className: str, which: int | str) -> Any:
        """A widget by its number, or by the name of its view node."""
        nodes = self._nodes(className)
        if isinstance(which, int):
            return self._widgets[nodes[which]] if which < len(nodes) else None
        return next((self._widgets[n] for n in nodes if n.GetName() == which), None)

    def _update(self, *_event: Any) -> None:
        """Arrange the views anew if the description of the layout changed."""
        node = self._logic.GetLayoutNode()
        description = node.GetCurrentLayoutDescription() or ""
        if description == self._description or not description:
            return
        self._description = description
        box = self._viewport.layout()
        before = box.itemAt(0).widget() if box.count() else None
        for viewNode, widget in self._widgets.items():
            viewNode.SetMappedInLayout(0)
            widget.hide()
            widget.setParent(self._viewport)
        # Splitters go once nothing is in them.
        if before is not None and before not in self._widgets.values():
            before.setParent(None)
            before.deleteLater()
        box.addWidget(self._build(ET.fromstring(description)))
        self.layoutChanged.emit(node.GetViewArrangement())

    def _build(self, element: ET.Element) -> QtWidgets.QWidget:
        """The widget for a <layout> or <view>; layouts may stand in each other."""
        if element.tag == "view":
            return self._view(element)
        items = [item[0] for item in element.findall("item")]
        if element.get("type") == "tab":
            tabs = QtWidgets.QTabWidget()
            for item in items:
                tabs.addTab(self._build(item), item.get("singletontag", ""))
            return tabs
        across = element.get("type") == "horizontal"
        splitter = QtWidgets.QSplitter(
            QtCore.Qt.Orientation.Horizontal if across else QtCore.Qt.Orientation.Vertical
        )
        for item in items:
            splitter.addWidget(self._build(item))
        splitter.setSizes([int(i.get("splitSize", 500)) for i in element.findall("item")])
        return splitter

    def _view(self, element: ET.Element) -> QtWidgets.QWidget:
        className = element.get("class", "")
        node = self._core.scene.GetSingletonNode(element.get("singletontag"), className)
        if node not in self._widgets:
            self._widgets[node] = WIDGETS[className](self._core, node)
        node.SetMappedInLayout(1)
        self._widgets[node].show()
        return self._widgets[node]
