"""Stand-ins for Slicer's widgets that know a scene, and observers that end with their widget."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any, ClassVar

import shiboken6
import vtk
from PySide6 import QtCore, QtWidgets

from SlicerHost.stand_in import standIn


class Observers:
    """Observers of VTK objects on behalf of a widget.

    They hold the widget weakly and stay silent once Qt has deleted it, as qvtkConnect does.
    """

    def __init__(self, widget: QtWidgets.QWidget) -> None:
        self._widget = weakref.ref(widget)
        self._tags: list[tuple[Any, int]] = []
        tags = self._tags
        widget.destroyed.connect(lambda *_: _removeAll(tags))

    def add(self, target: Any, event: Any, method: Callable[[], None]) -> None:
        """Call a method of the widget, without arguments, at each such event."""
        weak = weakref.WeakMethod(method)  # type: ignore[arg-type]

        def call(*_: Any) -> None:
            bound = self._alive(weak)
            if bound is not None:
                bound()

        self._tags.append((target, target.AddObserver(event, call)))

    def addWithNode(self, target: Any, event: Any, method: Callable[[Any], None]) -> None:
        """The same, for events of a scene that carry a node."""
        weak = weakref.WeakMethod(method)  # type: ignore[arg-type]

        @vtk.calldata_type(vtk.VTK_OBJECT)
        def call(_caller: Any, _event: str, node: Any) -> None:
            bound = self._alive(weak)
            if bound is not None:
                bound(node)

        self._tags.append((target, target.AddObserver(event, call)))

    def _alive(self, method: weakref.WeakMethod[Any]) -> Callable[..., None] | None:
        widget = self._widget()
        return method() if widget is not None and shiboken6.isValid(widget) else None

    def remove(self, target: Any = None) -> None:
        """Remove all observers, or those of one object."""
        chosen = [pair for pair in self._tags if target is None or pair[0] is target]
        for pair in chosen:
            self._tags.remove(pair)
        _removeAll(chosen)


def _removeAll(tags: list[tuple[Any, int]]) -> None:
    for target, tag in tags:
        target.RemoveObserver(tag)
    tags.clear()


@standIn
class qMRMLWidget(QtWidgets.QWidget):
    """A widget with a scene; panels in .ui files connect `mrmlSceneChanged` to their children."""

    mrmlSceneChanged = QtCore.Signal(object)
    signalAliases: ClassVar = {"mrmlSceneChanged(vtkMRMLScene*)": "mrmlSceneChanged"}

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._scene: Any = None

    def mrmlScene(self) -> Any:
        return self._scene

    def setMRMLScene(self, scene: Any) -> None:
        if scene is self._scene:
            return
        self._scene = scene
        self.mrmlSceneChanged.emit(scene)


@standIn
class qSlicerWidget(qMRMLWidget):
    """The same, under the name that the Extension Wizard's .ui files use."""
