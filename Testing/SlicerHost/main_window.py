"""The main window: the panel of the current module on the left, the views on the right."""

from __future__ import annotations

from typing import Any

import slicer
from PySide6 import QtCore, QtWidgets

from SlicerHost.module_loader import qSlicerScriptedLoadableModule


class ModuleSelector:
    """Switches modules, as the selector in Slicer's toolbar."""

    def __init__(self, window: MainWindow) -> None:
        self._window = window
        self.selectedModule = ""

    def selectModule(self, name: str) -> None:
        """Leave the current module and enter another; an empty name only leaves."""
        before = slicer.app.moduleManager().module(self.selectedModule)
        if isinstance(before, qSlicerScriptedLoadableModule):
            before.widgetRepresentation().exit()
        self.selectedModule = name
        module = slicer.app.moduleManager().module(name)
        if isinstance(module, qSlicerScriptedLoadableModule):
            self._window.showPanel(module.widgetRepresentation())
            module.widgetRepresentation().enter()
        else:
            self._window.showPanel(None)


class ModulePanel(QtWidgets.QScrollArea):
    """Scrolls up and down alone: it is as wide as the module's panel needs, as in Slicer."""

    def __init__(self) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QtWidgets.QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(QtCore.Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def eventFilter(self, watched: QtCore.QObject, event: QtCore.QEvent) -> bool:
        """Qt lets a scroll area watch the widget in it."""
        if event.type() == QtCore.QEvent.Type.LayoutRequest and watched is self.widget():
            bar = self.verticalScrollBar().sizeHint().width()
            self.setMinimumWidth(self.widget().minimumSizeHint().width() + bar)
        return super().eventFilter(watched, event)


class MainWindow(QtWidgets.QMainWindow):
    """slicer.util.mainWindow() finds it by its object name."""

    PANEL_WIDTH = 430

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("qSlicerMainWindow")
        self.setWindowTitle("RegQC outside Slicer")
        self._selector = ModuleSelector(self)
        self._viewport = QtWidgets.QWidget()
        self._panel = ModulePanel()
        split = QtWidgets.QSplitter()
        split.addWidget(self._panel)
        split.addWidget(self._viewport)
        split.setStretchFactor(1, 1)
        split.setSizes([self.PANEL_WIDTH, 1000])
        self.setCentralWidget(split)
        self.statusBar()

    def viewport(self) -> QtWidgets.QWidget:
        """Where the layout manager puts the views."""
        return self._viewport

    def moduleSelector(self) -> ModuleSelector:
        return self._selector

    def pythonConsole(self) -> None:
        return None

    def showPanel(self, panel: Any) -> None:
        """Show a module's panel; the one before goes out of sight, undeleted."""
        before = self._panel.takeWidget()
        if before is not None:
            before.hide()
            before.setParent(None)
        if panel is not None:
            self._panel.setWidget(panel)
            panel.show()
