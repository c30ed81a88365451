"""Make `import qt` and `import ctk` work as in Slicer, on PySide6."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

from PySide6 import (
    QtCore,
    QtGui,
    QtNetwork,
    QtPrintSupport,
    QtSql,
    QtSvg,
    QtWidgets,
    QtXml,
)

from SlicerHost import qt_dialogs, qt_errors, qt_objects, qt_properties, qt_signals
from SlicerHost.qt_loader import QUiLoader
from SlicerHost.qt_versions import UNPORTABLE_NAMES
from SlicerHost.stand_in import registry

_QT_MODULES = (QtCore, QtGui, QtWidgets, QtNetwork, QtPrintSupport, QtSvg, QtXml, QtSql)
_CTK_MODULES = (
    "ctk_buttons",
    "ctk_inputs",
    "ctk_message_box",
    "ctk_ranges",
    "ctk_sliders",
    "ctk_spin_boxes",
)
_SLICER_MODULES = (
    "widgets_base",
    "widgets_node_combo_box",
    "widgets_segment_selector",
    "widgets_units",
    "widgets_table_view",
    "widgets_markups",
)


def installQt() -> ModuleType:
    """Install modules `qt` and `ctk`, and Slicer's widgets into `slicer`; returns `qt`.

    It changes PySide6's classes for the whole process, so it is for tests alone. A second call
    returns the same module.
    """
    installed = sys.modules.get("qt")
    if installed is not None:
        return installed
    qt = _qtModule()
    qt_objects.extendObjects()
    qt_signals.exposeSignals()
    qt_errors.collectUncaught()
    qt_errors.guardEventHandlers()
    qt_dialogs.guardDialogs()
    sys.modules["qt"] = qt
    sys.modules["ctk"] = _widgetModule("ctk", _CTK_MODULES)
    _installSlicerWidgets()
    return qt


def _qtModule() -> ModuleType:
    qt = ModuleType("qt", "Qt as PythonQt shows it, made of PySide6.")
    for module in _QT_MODULES:
        for name in dir(module):
            member = getattr(module, name)
            if name.startswith("_") or name in UNPORTABLE_NAMES:
                continue
            if isinstance(member, type) and issubclass(member, QtCore.QObject):
                qt_properties.exposeProperties(member)
            setattr(qt, name, member)
    qt.QUiLoader = QUiLoader  # type: ignore[attr-defined]
    qt.__getattr__ = _explainMissing  # type: ignore[method-assign]
    return qt


def _explainMissing(name: str) -> Any:
    instead = UNPORTABLE_NAMES.get(name)
    advice = f"; use {instead}" if instead else ""
    raise AttributeError(f"PythonQt for Qt 5 and Qt 6 has no qt.{name}{advice}")


def _widgetModule(name: str, parts: tuple[str, ...]) -> ModuleType:
    """A module of the stand-ins whose class names start with `name`."""
    module = ModuleType(name, f"Stand-ins for the {name} widgets that modules use.")
    for part in parts:
        importlib.import_module(f"SlicerHost.{part}")
    for kind_name, kind in registry.items():
        if kind_name.startswith(name):
            setattr(module, kind_name, kind)
    return module


def _installSlicerWidgets() -> None:
    import slicer  # only here: qt and ctk alone need no Slicer

    for part in _SLICER_MODULES:
        importlib.import_module(f"SlicerHost.{part}")
    for name, kind in registry.items():
        if name.startswith("q"):
            setattr(slicer, name, kind)
