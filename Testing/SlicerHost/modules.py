"""What `slicer.modules` holds: one object a module, found by the module's name in lower case."""

from __future__ import annotations

from typing import Any


class HostModule:
    """A loaded module; a scripted one also has a path and a widget."""

    def __init__(self, name: str, *, title: str = "", path: str = "", logic: Any = None) -> None:
        self.name = name
        self.title = title or name
        self.path = path
        self._logic = logic
        self._widget: Any = None

    def logic(self) -> Any:
        return self._logic

    def widgetRepresentation(self) -> Any:
        return self._widget

    def setWidgetRepresentation(self, widget: Any) -> None:
        self._widget = widget


class LoadedModules:
    """`slicer.modules.volumes`, and for scripted modules `slicer.modules.NAMEWidget`."""

    def add(self, module: HostModule) -> None:
        setattr(self, module.name.lower(), module)

    def remove(self, name: str) -> None:
        vars(self).pop(name.lower(), None)
        vars(self).pop(name + "Widget", None)

    def loaded(self) -> list[HostModule]:
        return [module for module in vars(self).values() if isinstance(module, HostModule)]
