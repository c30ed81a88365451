"""The panels of the module, top to bottom, and what stands in the place of one that is broken."""

from __future__ import annotations

import logging
from importlib import import_module
from typing import Any

import qt
from slicer.i18n import tr as _

from RegQCScene.signal import Signal
from RegQCUI.notices import Notices

PANELS = (
    ("inputs_panel", "InputsPanel"),
    ("check_panel", "CheckPanel"),
    ("inspect_panel", "InspectPanel"),
    ("correct_panel", "CorrectPanel"),
    ("record_panel", "RecordPanel"),
    ("worklist_panel", "WorklistPanel"),
)


class BrokenPanel:
    """Says in the place of a panel why it is missing."""

    def __init__(self, name: str, error: Exception) -> None:
        self.title = _("{panel} (not available)").format(panel=name)
        self.widget = qt.QWidget()
        layout = qt.QVBoxLayout(self.widget)
        text = _(
            "This panel could not be loaded; the others work. Install the extension again, or "
            "report this line: {error}"
        )
        self.notices = Notices(layout)
        self.notices.show([("error", text.format(error=f"{type(error).__name__}: {error}"))])

    def enter(self) -> None:
        """Nothing to do."""

    def exit(self) -> None:
        """Nothing to do."""

    def cleanup(self) -> None:
        """Nothing to do."""


def buildPanels(session: Any) -> list[Any]:
    """Return the panels; one that cannot be made does not keep the others from working."""
    return [_built(session, module, name) for module, name in PANELS]


def _built(session: Any, module: str, name: str) -> Any:
    signals = [one for one in vars(session).values() if isinstance(one, Signal)]
    before = [signal.receivers for signal in signals]
    try:
        return getattr(import_module(f"RegQCUI.{module}"), name)(session)
    except Exception as error:
        logging.exception("The panel %s could not be loaded", name)
        for signal, known in zip(signals, before, strict=True):
            for receiver in set(signal.receivers) - set(known):  # of a panel that is half made
                signal.disconnect(receiver)
        return BrokenPanel(name.removesuffix("Panel"), error)
