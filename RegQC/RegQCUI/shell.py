"""The frame around the panels: builds them and connects their widgets to the parameter node."""

from __future__ import annotations

from typing import Any

import ctk
import qt
import slicer

from RegQCUI.links import Links
from RegQCUI.notices import Notices
from RegQCUI.panels import buildPanels

OPEN_AT_START = ("InputsPanel", "CheckPanel", "BrokenPanel")
STATUS_MS = 5000


class Shell:
    """Holds every panel in a collapsible section of one layout.

    Widgets with the property SlicerParameterName follow the parameter node while the module is
    shown; panels hear of everything else from the session.
    """

    def __init__(self, session: Any, layout: Any) -> None:
        self._session = session
        self._shown = False
        self._links: list[Any] = []
        self.notices = Notices(layout)
        self._layout = layout
        self.panels = buildPanels(session)
        self.sections = [self._section(panel) for panel in self.panels]
        for section in self.sections:
            layout.addWidget(section)
        layout.addStretch(1)
        self._connections = Links()
        self._connections.listen(session.message, self._onMessage)
        self._connections.listen(session.inputsChanged, self._clearMessage)
        self._connections.listen(session.busyChanged, self._onBusy)

    def _section(self, panel: Any) -> Any:
        name = type(panel).__name__
        section = ctk.ctkCollapsibleButton()
        section.objectName = f"{name}Section"
        section.text = panel.title
        section.setAccessibleName(panel.title)
        content = qt.QVBoxLayout(section)
        content.setContentsMargins(0, 0, 0, 0)
        content.addWidget(panel.widget)
        if hasattr(panel.widget, "setMRMLScene"):
            panel.widget.setMRMLScene(slicer.mrmlScene)
        section.collapsed = name not in OPEN_AT_START
        return section

    def enter(self) -> None:
        """Connect the widgets to the parameter node and wake the panels."""
        self._shown = True
        self.connectParameters()
        for panel in self.panels:
            panel.enter()

    def exit(self) -> None:
        """Put the panels to rest while another module is shown."""
        self._shown = False
        for panel in self.panels:
            panel.exit()
        self.disconnectParameters()

    def cleanup(self) -> None:
        """Let go of the scene for good."""
        self._connections.disconnect()
        self.disconnectParameters()
        for panel in self.panels:
            panel.cleanup()

    def connectParameters(self) -> None:
        """Let widgets follow the session's parameter node, if the module is shown."""
        if not self._shown or self._links:
            return
        parameters = self._session.parameters
        for panel in self.panels:
            widgets = slicer.util.childWidgetVariables(panel.widget)
            self._links.append((parameters, parameters.connectGui(widgets)))

    def disconnectParameters(self) -> None:
        """Let widgets stand by themselves, while a scene is replaced or the module is hidden."""
        for parameters, link in self._links:
            parameters.disconnectGui(link)
        self._links = []

    def _onMessage(self, text: str, level: str) -> None:
        """Say in the status bar what happened; what went wrong also stays in the panels."""
        slicer.util.showStatusMessage(text, STATUS_MS)
        if level != "info":
            self._placeNotices()
            self.notices.show([(level, text)])

    def _placeNotices(self) -> None:
        """Put them where the user looks: above the panel that was used last, else on top."""
        focus = slicer.app.focusWidget()
        for section in self.sections:
            if not section.collapsed and focus is not None and section.isAncestorOf(focus):
                section.layout().insertWidget(0, self.notices.widget)
                return
        self._layout.insertWidget(0, self.notices.widget)

    def _onBusy(self, what: str) -> None:
        if what:
            self._clearMessage()

    def _clearMessage(self) -> None:
        self.notices.show([])
