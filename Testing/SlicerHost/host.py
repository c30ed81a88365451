"""Starts the whole host: scene, Qt, main window and views, as Slicer has them after its start."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import slicer

from SlicerHost.core import Core, startCore
from SlicerHost.rendering import windowClass

if TYPE_CHECKING:
    from SlicerHost.layout import LayoutManager
    from SlicerHost.main_window import MainWindow
    from SlicerHost.module_loader import qSlicerScriptedLoadableModule

ROOT = Path(__file__).resolve().parents[2]
MODULE_FILE = ROOT / "RegQC" / "RegQC.py"
SAMPLE = ROOT / "Resources" / "SampleData"


@dataclass
class Host:
    """The running host."""

    core: Core
    app: Any
    window: MainWindow
    layoutManager: LayoutManager

    def load(self, path: Path = MODULE_FILE) -> qSlicerScriptedLoadableModule:
        """Load a scripted module and open its panel."""
        from SlicerHost.module_loader import loadModule

        module = loadModule(path)
        self.app.startupCompleted.emit()
        self.window.moduleSelector().selectModule(module.name)
        self.app.processEvents()
        return module

    def unload(self, module: qSlicerScriptedLoadableModule) -> None:
        """Leave a module and forget it."""
        from SlicerHost.module_loader import unloadModule

        self.window.moduleSelector().selectModule("")
        unloadModule(module)
        self.app.processEvents()

    def useDarkColors(self, dark: bool) -> None:
        """Switch between a dark and a light palette, as a desktop's setting would."""
        from PySide6 import QtGui

        # Qt derives all other colors, texts among them, from that of a button.
        self.app.setPalette(QtGui.QPalette(QtGui.QColor("#353535" if dark else "#efefef")))
        self.app.processEvents()

    def problems(self) -> list[str]:
        """What went wrong without raising: errors in slots and in VTK, attributes on widgets."""
        from SlicerHost import qt_errors

        return qt_errors.problems() + self.core.messages.errors

    def clearProblems(self) -> None:
        from SlicerHost import qt_dialogs, qt_errors

        qt_errors.clear()
        qt_dialogs.clear()
        self.core.messages.clear()


_host: Host | None = None


def startHost(*, offScreen: bool = True, size: tuple[int, int] = (1400, 900)) -> Host:
    """Start the host, or return the one that runs. `offScreen` opens no window on the desktop."""
    global _host  # noqa: PLW0603
    if _host is None:
        if offScreen:
            os.environ["QT_QPA_PLATFORM"] = "offscreen"
        # Known from a trial; otherwise VTK tries X11 first and complains.
        os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", windowClass())
        _host = _start(size)
    return _host


def _start(size: tuple[int, int]) -> Host:
    core = startCore()
    from PySide6 import QtCore

    QtCore.qInstallMessageHandler(_onQtMessage)
    from SlicerHost.qt_install import installQt

    installQt()
    from SlicerHost.application_qt import HostApplication

    app = HostApplication(core)
    app.setStyle("Fusion")  # the same widgets on every desktop
    slicer.app = app
    from SlicerHost.layout import LayoutManager
    from SlicerHost.main_window import MainWindow
    from SlicerHost.module_loader import installModuleClasses

    installModuleClasses()
    window = MainWindow()
    window.resize(*size)
    manager = LayoutManager(core, window.viewport())
    app.setLayoutManager(manager)
    window.show()
    app.processEvents()
    return Host(core, app, window, manager)


def _onQtMessage(kind: Any, context: Any, message: str) -> None:
    """Print what Qt says, but for what it says of every window that is off-screen."""
    if "propagateSizeHints" not in message:
        sys.stderr.write(f"{message}\n")
