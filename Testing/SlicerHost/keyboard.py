"""A user's keys: they go to the window in front, and there to what has the focus."""

from __future__ import annotations

from PySide6 import QtCore, QtWidgets
from PySide6.QtTest import QTest

NO_KEY = QtCore.Qt.KeyboardModifier.NoModifier
PATIENCE_MS = 10_000


def press(
    window: QtWidgets.QWidget,
    key: QtCore.Qt.Key,
    keys: QtCore.Qt.KeyboardModifier = NO_KEY,
    *,
    at: QtWidgets.QWidget | None = None,
) -> None:
    """Bring the window to front and press a key in it.

    at: the widget that gets the key; the one with the focus, or else the window, without it.

    Shortcuts answer in the active window alone, which it becomes a while after it was asked to.
    """
    window.activateWindow()
    active = QTest.qWaitForWindowActive(window, PATIENCE_MS)
    assert active, "the window did not come to front"
    QTest.keyClick(at or QtWidgets.QApplication.focusWidget() or window, key, keys)
    QtWidgets.QApplication.processEvents()
