"""`qt.QUiLoader`: .ui files with CTK's and Slicer's widgets in them."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from functools import cache
from pathlib import Path
from typing import Any

from PySide6 import QtCore, QtUiTools, QtWidgets

from SlicerHost import qt_signals
from SlicerHost.stand_in import registry


class QUiLoader:
    """Loads .ui files. All share one loader of Qt: each would look for plugins anew, which takes
    ten times as long as to load a form.
    """

    def __init__(self, parent: QtCore.QObject | None = None) -> None:
        self.load = _sharedLoader().load


@cache
def _sharedLoader() -> FormLoader:
    return FormLoader()


class FormLoader(QtUiTools.QUiLoader):
    """Loads a .ui file; raises RuntimeError for a widget class that neither Qt nor the host knows.

    Connections whose signal has a VTK type in its signature are made here, in Python: Qt's own
    loader knows no such type.
    """

    def __init__(self) -> None:
        super().__init__()
        self._made: list[QtWidgets.QWidget] = []
        self._ofQt = frozenset(self.availableWidgets())

    def createWidget(
        self, className: str, parent: QtWidgets.QWidget | None = None, name: str = ""
    ) -> QtWidgets.QWidget:
        kind = registry.get(className)
        if kind is None:
            return super().createWidget(className, parent, name)
        widget = kind(parent)
        widget.setObjectName(name)
        self._made.append(widget)
        return widget

    def load(self, device: Any, parentWidget: QtWidgets.QWidget | None = None) -> QtWidgets.QWidget:
        path = Path(device.fileName() if isinstance(device, QtCore.QFile) else str(device))
        root = ET.fromstring(path.read_text(encoding="utf-8"))  # our own files
        self._refuseUnknown(root, path)
        links = _takeVtkConnections(root)
        for element in root.findall("customwidgets"):
            root.remove(element)
        buffer = QtCore.QBuffer()
        buffer.setData(ET.tostring(root))
        buffer.open(QtCore.QIODevice.OpenModeFlag.ReadOnly)
        self._made = []
        widget = super().load(buffer, parentWidget)
        _connect(widget, links)
        # PySide6 would drop the Python half of widgets that nothing in Python refers to.
        widget._standIns = self._made
        return widget

    def _refuseUnknown(self, root: ET.Element, path: Path) -> None:
        known = {*registry, *self._ofQt, "Line"}
        for element in root.iter("widget"):
            if element.get("class") not in known:
                raise RuntimeError(
                    f"{path.name}: the host has no widget class {element.get('class')}"
                )


def _takeVtkConnections(root: ET.Element) -> list[tuple[str, str, str, str]]:
    """Remove (sender, signal, receiver, slot) connections with VTK types from the form."""
    taken = []
    connections = root.find("connections")
    for element in list(connections if connections is not None else ()):
        sender, signal, receiver, slot = (
            element.findtext(key, "") for key in ("sender", "signal", "receiver", "slot")
        )
        if "vtk" in signal and connections is not None:
            taken.append((sender, signal, receiver, slot))
            connections.remove(element)
    return taken


def _connect(widget: QtWidgets.QWidget, links: list[tuple[str, str, str, str]]) -> None:
    children = widget.findChildren(QtWidgets.QWidget)
    by_name = {child.property("objectName"): child for child in [widget, *children]}
    for sender, signal, receiver, slot in links:
        qt_signals.connect(by_name[sender], signal, by_name[receiver], slot)
