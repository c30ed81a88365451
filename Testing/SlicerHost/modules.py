"""What `slicer.modules` and `slicer.app.moduleManager()` hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import slicer


class HostModule:
    """A loaded module of Slicer's own: a name and a logic."""

    def __init__(self, name: str, *, logic: Any = None) -> None:
        self.name = name
        self.title = name
        self.path = ""
        self._logic = logic

    def logic(self) -> Any:
        return self._logic

    def widgetRepresentation(self) -> Any:
        return None


class LoadedModules:
    """`slicer.modules.volumes`, and for scripted modules `slicer.modules.NAMEWidget`."""

    def add(self, module: HostModule) -> None:
        setattr(self, module.name.lower(), module)

    def remove(self, name: str) -> None:
        for attribute in (name.lower(), f"{name}Widget", f"{name}Instance"):
            vars(self).pop(attribute, None)

    def loaded(self) -> list[HostModule]:
        return [module for module in vars(self).values() if isinstance(module, HostModule)]


class Signals:
    """Connections by signature, for objects that are no QObject here because they need no Qt."""

    def __init__(self, *signatures: str) -> None:
        self._callbacks: dict[str, list[Callable[..., None]]] = {s: [] for s in signatures}

    def connect(self, signature: str, callback: Callable[..., None]) -> bool:
        self._callbacks[signature].append(callback)
        return True

    def disconnect(self, signature: str, callback: Callable[..., None]) -> bool:
        if callback not in self._callbacks[signature]:
            return False
        self._callbacks[signature].remove(callback)
        return True

    def send(self, signature: str, *arguments: Any) -> None:
        for callback in list(self._callbacks[signature]):
            callback(*arguments)


class ModuleManager(Signals):
    """The methods of qSlicerModuleManager and its factory manager that slicer.util calls."""

    def __init__(self) -> None:
        super().__init__("moduleLoaded(QString)", "moduleAboutToBeUnloaded(QString)")

    def factoryManager(self) -> ModuleManager:
        return self

    def loadedModuleNames(self) -> list[str]:
        return [module.name for module in slicer.modules.loaded()]

    modulesNames = loadedModuleNames

    def isLoaded(self, name: str) -> bool:
        return name in self.loadedModuleNames()

    def module(self, name: str) -> HostModule | None:
        return next((m for m in slicer.modules.loaded() if m.name == name), None)
