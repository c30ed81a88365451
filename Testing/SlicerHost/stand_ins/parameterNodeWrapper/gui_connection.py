"""Keeps widgets and a parameter node equal, in both directions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import vtk

from .gui_connectors import Connector, createConnector


class GuiConnection:
    """A node and the widgets that one call of connectGui found."""

    def __init__(self, node: Any, pairs: list[tuple[Any, Any]]) -> None:
        self._node = node
        self._updating = False
        self._links: list[tuple[Any, Connector, Callable[..., None]]] = []
        for parameter, widget in pairs:
            connector = createConnector(parameter, widget)
            self._links.append((parameter, connector, self._onWidgetChanged(parameter, connector)))
        self._updateWidgets()
        for _, connector, onChanged in self._links:
            if connector.signal is not None:
                connector.widget.connect(connector.signal, onChanged)
        self._tag = node.AddObserver(vtk.vtkCommand.ModifiedEvent, self._updateWidgets)

    def disconnect(self) -> None:
        self._node.RemoveObserver(self._tag)
        for _, connector, onChanged in self._links:
            if connector.signal is not None:
                connector.widget.disconnect(connector.signal, onChanged)
        self._links.clear()

    def _onWidgetChanged(self, parameter: Any, connector: Connector) -> Callable[..., None]:
        def onChanged() -> None:
            if not self._updating:
                parameter.write(self._node, connector.read())

        return onChanged

    def _updateWidgets(self, caller: Any = None, event: str = "") -> None:
        if self._updating:
            return
        self._updating = True
        try:
            for parameter, connector, _ in self._links:
                value = parameter.read(self._node)
                if connector.read() != value:
                    connector.write(value)
        finally:
            self._updating = False
