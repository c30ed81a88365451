"""`slicer.app` with windows: Qt's application with the methods of qSlicerApplication."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6 import QtCore, QtWidgets

from SlicerHost.application import ApplicationInterface
from SlicerHost.core import Core


class HostApplication(ApplicationInterface, QtWidgets.QApplication):
    """One per process, as Qt demands."""

    startupCompleted = QtCore.Signal()
    signalAliases = {"startupCompleted()": "startupCompleted"}  # noqa: RUF012

    def __init__(self, core: Core) -> None:
        QtWidgets.QApplication.__init__(self, ["Slicer"])
        self.setUpApplication(core)
        self._layoutManager: Any = None
        ini = QtCore.QSettings.Format.IniFormat
        self._settings = QtCore.QSettings(str(Path(core.temporaryPath) / "Slicer.ini"), ini)
        # what widgets keep by themselves goes there too, not into the user's own settings
        QtCore.QSettings.setDefaultFormat(ini)
        QtCore.QSettings.setPath(ini, QtCore.QSettings.Scope.UserScope, core.temporaryPath)

    def layoutManager(self) -> Any:
        return self._layoutManager

    def setLayoutManager(self, manager: Any) -> None:
        """For the host's start; in Slicer the main window does this."""
        self._layoutManager = manager

    def settings(self) -> QtCore.QSettings:
        return self._settings

    userSettings = revisionUserSettings = settings

    def resumeRender(self) -> None:
        """Views that became old while rendering was paused are painted now."""
        super().resumeRender()
        if not self.isRenderPaused() and self._layoutManager is not None:
            self._layoutManager.viewport().update()
            for child in self._layoutManager.viewport().findChildren(QtWidgets.QWidget):
                child.update()
