"""`slicer.app`: what modules ask Slicer's application for, as far as it needs no Qt."""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any

import slicer

from SlicerHost.core_io import CoreIOManager
from SlicerHost.modules import ModuleManager, Signals

if TYPE_CHECKING:
    from SlicerHost.core import Core


class ApplicationInterface:
    """The part of qSlicerCoreApplication that `CoreApplication` and the one with windows share."""

    applicationName = "Slicer"
    applicationVersion = "5.12.4"
    majorVersion = 5
    minorVersion = 12
    patchVersion = 4
    revision = "host"
    platform = "linux-amd64"
    os = "linux"

    def setUpApplication(self, core: Core) -> None:
        self._core = core
        self._ioManager = CoreIOManager(core)
        self._moduleManager = ModuleManager()
        self._testing = True
        self._pauses = 0

    @property
    def temporaryPath(self) -> str:
        return self._core.temporaryPath

    @property
    def slicerHome(self) -> str:
        return self._core.temporaryPath

    def applicationLogic(self) -> Any:
        return self._core.applicationLogic

    mrmlApplicationLogic = applicationLogic

    def mrmlScene(self) -> Any:
        return self._core.scene

    def coreIOManager(self) -> CoreIOManager:
        return self._ioManager

    ioManager = coreIOManager

    def moduleManager(self) -> ModuleManager:
        return self._moduleManager

    def testingEnabled(self) -> bool:
        """Whether Slicer was started with --testing: no dialogs then."""
        return self._testing

    def setTestingEnabled(self, on: bool) -> None:
        """For tests of what happens outside testing mode; Slicer has no such method."""
        self._testing = on

    def isInstalled(self) -> bool:
        return True

    def commandOptions(self) -> types.SimpleNamespace:
        return types.SimpleNamespace(
            noMainWindow=slicer.util.mainWindow() is None, testingEnabled=self._testing
        )

    def pauseRender(self) -> None:
        self._pauses += 1
        self._core.applicationLogic.PauseRender()

    def resumeRender(self) -> None:
        self._pauses -= 1
        self._core.applicationLogic.ResumeRender()

    def isRenderPaused(self) -> bool:
        return self._pauses > 0


class CoreApplication(ApplicationInterface, Signals):
    """Slicer started with --no-main-window, and without Qt: there are no widgets at all."""

    def __init__(self, core: Core) -> None:
        Signals.__init__(self, "startupCompleted()")
        self._settings = Settings()
        self.setUpApplication(core)

    def layoutManager(self) -> None:
        return None

    def settings(self) -> Settings:
        return self._settings

    userSettings = revisionUserSettings = settings

    def processEvents(self, *arguments: Any) -> None:
        """Nothing to process."""

    def topLevelWidgets(self) -> list[Any]:
        return []


class Settings:
    """The methods of QSettings that modules use, in memory."""

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}

    def value(self, key: str, default: Any = None) -> Any:
        return self._values.get(key, default)

    def setValue(self, key: str, value: Any) -> None:
        self._values[key] = value

    def contains(self, key: str) -> bool:
        return key in self._values

    def remove(self, key: str) -> None:
        self._values.pop(key, None)

    def sync(self) -> None:
        """Nothing to write."""
