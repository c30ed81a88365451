"""Loads a scripted module as Slicer does: from its file, its widget only when it is asked for."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import qt
import slicer

from SlicerHost.modules import HostModule


class qSlicerScriptedLoadableModule(HostModule):
    """What Slicer knows of a scripted module; the module's class fills in title, categories, ..."""

    def __init__(self, name: str, path: Path) -> None:
        super().__init__(name)
        self.path = str(path)
        self._widget: qSlicerScriptedLoadableModuleWidget | None = None

    def widgetRepresentation(self) -> qSlicerScriptedLoadableModuleWidget:
        """The module's panel; built at the first call."""
        if self._widget is None:
            self._widget = self.createNewWidgetRepresentation()
        return self._widget

    def createNewWidgetRepresentation(self) -> qSlicerScriptedLoadableModuleWidget:
        panel = qSlicerScriptedLoadableModuleWidget()
        panel.setUp(self.name)
        return panel

    def close(self) -> None:
        """Delete the panel; the module has cleaned up already."""
        if self._widget is not None:
            self._widget.delete()
            self._widget = None


class qSlicerScriptedLoadableModuleWidget(slicer.qMRMLWidget):
    """The panel that the module's widget class fills; `self()` is that Python object."""

    def setUp(self, name: str) -> None:
        self._moduleName = name
        self._entered = False
        self.setLayout(qt.QVBoxLayout())
        self.setMRMLScene(slicer.mrmlScene)
        self._make()

    def self(self) -> Any:
        return self._python

    def reload(self) -> None:
        """Fill the panel again from the module's file as it is now."""
        self._make()
        if self._entered:
            self._call("enter")

    def enter(self) -> None:
        self._entered = True
        self._call("enter")

    def exit(self) -> None:
        self._entered = False
        self._call("exit")

    def _make(self) -> None:
        widgetClass = getattr(sys.modules[self._moduleName], f"{self._moduleName}Widget")
        self._python = widgetClass(self)
        setattr(slicer.modules, f"{self._moduleName}Widget", self._python)
        self._python.setup()

    def _call(self, method: str) -> None:
        """Modules need not have `enter` and `exit`."""
        if hasattr(self._python, method):
            getattr(self._python, method)()


def installModuleClasses() -> None:
    """slicer.util tells scripted modules from others by these classes."""
    slicer.qSlicerScriptedLoadableModule = qSlicerScriptedLoadableModule
    slicer.qSlicerScriptedLoadableModuleWidget = qSlicerScriptedLoadableModuleWidget


def loadModule(path: Path) -> qSlicerScriptedLoadableModule:
    """Import a module's file and make its module class; raises what the file raises.

    As in Slicer, only the file's own folder joins `sys.path`.
    """
    name = path.stem
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    code = importlib.util.module_from_spec(spec)
    sys.modules[name] = code
    spec.loader.exec_module(code)
    module = qSlicerScriptedLoadableModule(name, path)
    slicer.modules.add(module)
    setattr(slicer.modules, f"{name}Instance", getattr(code, name)(module))
    slicer.app.moduleManager().send("moduleLoaded(QString)", name)
    return module


def unloadModule(module: qSlicerScriptedLoadableModule) -> None:
    """Let the module clean up, delete its panel and forget it."""
    slicer.app.moduleManager().send("moduleAboutToBeUnloaded(QString)", module.name)
    module.close()
    slicer.modules.remove(module.name)
