"""Keys of the main window that a panel has while the module is open."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import qt
import slicer

from RegQCUI.links import Links


class Shortcuts:
    """Made by `take`, gone after `release`."""

    def __init__(self) -> None:
        self._shortcuts: list[Any] = []
        self._links = Links()

    @property
    def taken(self) -> bool:
        """Whether the keys are ours now."""
        return bool(self._shortcuts)

    def take(self, receivers: Mapping[str, Callable[[], Any]]) -> None:
        """Call a receiver when its key, such as "Ctrl+Shift+A", is pressed."""
        self.release()
        window = slicer.util.mainWindow()
        for key, receiver in receivers.items():
            shortcut = qt.QShortcut(window)
            shortcut.setKey(qt.QKeySequence(key))
            self._links.connect(shortcut, "activated()", receiver)
            self._shortcuts.append(shortcut)

    def release(self) -> None:
        """Give the keys back."""
        self._links.disconnect()
        for shortcut in self._shortcuts:
            shortcut.setParent(None)
            shortcut.deleteLater()
        self._shortcuts = []
