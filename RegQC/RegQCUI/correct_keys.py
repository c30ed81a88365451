"""Keys that move the image, while they are wanted and no other widget needs them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import qt
import slicer

from RegQCUI.links import Links

MOVES = {
    "Left": "left",
    "Right": "right",
    "Up": "up",
    "Down": "down",
    "PgUp": "toward",
    "PgDown": "away",
}
TURNS = {"Shift+Left": "counterclockwise", "Shift+Right": "clockwise"}
UNDO, REDO = ("Ctrl+Z",), ("Ctrl+Shift+Z", "Ctrl+Y")

TYPED_INTO = ("QLineEdit", "QAbstractSpinBox", "QTextEdit", "QAbstractItemView", "QComboBox")
"""Widgets that need arrow keys, and Ctrl+Z, for themselves."""
STEERED = ("QAbstractSlider", "QTabBar", "QLabel")
"""Widgets that need arrow keys alone; the strips of scores are labels. So do 3-D views."""


class CorrectKeys:
    """Shortcuts of the main window; made by `grab`, gone after `release`."""

    def __init__(
        self,
        onMove: Callable[[str], Any],
        onTurn: Callable[[str], Any],
        onUndo: Callable[[], Any],
        onRedo: Callable[[], Any],
    ) -> None:
        self._actions: list[tuple[str, bool, Callable[[], Any]]] = []
        for key, way in MOVES.items():
            self._actions.append((key, True, partial(onMove, way)))
        for key, way in TURNS.items():
            self._actions.append((key, True, partial(onTurn, way)))
        for keys, receiver in ((UNDO, onUndo), (REDO, onRedo)):
            self._actions += [(key, False, receiver) for key in keys]
        self._shortcuts: list[tuple[Any, bool]] = []
        self._links = Links()
        self._moving = False

    def grab(self) -> None:
        """Take the keys; those that move work once `setMoving` was called."""
        window = slicer.util.mainWindow()
        if window is None or self._shortcuts:
            return
        for key, moves, receiver in self._actions:
            shortcut = qt.QShortcut(window)
            shortcut.setKey(qt.QKeySequence(key))
            # Slicer's menu has Ctrl+Z, too, where its own undo is switched on
            for signal in ("activated()", "activatedAmbiguously()"):
                self._links.connect(shortcut, signal, _without(receiver))
            self._shortcuts.append((shortcut, moves))
        self._links.connect(slicer.app, "focusChanged(QWidget*,QWidget*)", self._onFocus)
        self._enable()

    def release(self) -> None:
        """Give the keys back."""
        self._links.disconnect()
        for shortcut, _moves in self._shortcuts:
            shortcut.setParent(None)
            shortcut.deleteLater()
        self._shortcuts = []

    def setMoving(self, on: bool) -> None:
        """Let arrow keys move the image, or do what they usually do."""
        self._moving = on
        self._enable()

    def _onFocus(self, _old: Any, _new: Any) -> None:
        self._enable()

    def _enable(self) -> None:
        focus = slicer.app.focusWidget()
        typing = _is(focus, TYPED_INTO)
        steering = _is(focus, STEERED) or _isInThreeD(focus)
        for shortcut, moves in self._shortcuts:
            shortcut.setEnabled(not typing and (not moves or (self._moving and not steering)))


def _is(widget: Any, names: Sequence[str]) -> bool:
    return widget is not None and any(widget.inherits(name) for name in names)


def _isInThreeD(widget: Any) -> bool:
    manager = slicer.app.layoutManager()
    if widget is None or manager is None:
        return False
    views = [manager.threeDWidget(number) for number in range(manager.threeDViewCount)]
    return any(view is not None and view.isAncestorOf(widget) for view in views)


def _without(receiver: Callable[[], Any]) -> Callable[[], None]:
    """Wrap a receiver so that each connection has one of its own."""

    def call() -> None:
        receiver()

    return call
