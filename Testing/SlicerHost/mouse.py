"""A user's mouse and wheel over a view, as Qt reports them; places are in pixels from above."""

from __future__ import annotations

from PySide6 import QtCore, QtGui, QtWidgets

LEFT = QtCore.Qt.MouseButton.LeftButton
MIDDLE = QtCore.Qt.MouseButton.MiddleButton
RIGHT = QtCore.Qt.MouseButton.RightButton
NO_BUTTON = QtCore.Qt.MouseButton.NoButton
SHIFT = QtCore.Qt.KeyboardModifier.ShiftModifier
CONTROL = QtCore.Qt.KeyboardModifier.ControlModifier
NO_KEY = QtCore.Qt.KeyboardModifier.NoModifier

Place = tuple[float, float]


def hover(
    widget: QtWidgets.QWidget, place: Place, keys: QtCore.Qt.KeyboardModifier = NO_KEY
) -> None:
    """Move the mouse with no button down."""
    _send(widget, QtCore.QEvent.Type.MouseMove, place, NO_BUTTON, NO_BUTTON, keys)


def press(
    widget: QtWidgets.QWidget,
    place: Place,
    button: QtCore.Qt.MouseButton = LEFT,
    keys: QtCore.Qt.KeyboardModifier = NO_KEY,
) -> None:
    """Put a button down; the mouse comes from elsewhere first."""
    hover(widget, place, keys)
    _send(widget, QtCore.QEvent.Type.MouseButtonPress, place, button, button, keys)


def moveTo(
    widget: QtWidgets.QWidget,
    place: Place,
    button: QtCore.Qt.MouseButton = LEFT,
    keys: QtCore.Qt.KeyboardModifier = NO_KEY,
) -> None:
    """Move the mouse with a button down."""
    _send(widget, QtCore.QEvent.Type.MouseMove, place, NO_BUTTON, button, keys)


def release(
    widget: QtWidgets.QWidget,
    place: Place,
    button: QtCore.Qt.MouseButton = LEFT,
    keys: QtCore.Qt.KeyboardModifier = NO_KEY,
) -> None:
    _send(widget, QtCore.QEvent.Type.MouseButtonRelease, place, button, NO_BUTTON, keys)


def click(widget: QtWidgets.QWidget, place: Place, button: QtCore.Qt.MouseButton = LEFT) -> None:
    press(widget, place, button)
    release(widget, place, button)


def drag(
    widget: QtWidgets.QWidget,
    start: Place,
    end: Place,
    *,
    button: QtCore.Qt.MouseButton = LEFT,
    keys: QtCore.Qt.KeyboardModifier = NO_KEY,
    steps: int = 8,
) -> None:
    """Press at `start`, move in equal steps, release at `end`; views follow each step."""
    press(widget, start, button, keys)
    for step in range(1, steps + 1):
        part = step / steps
        place = tuple(a + (b - a) * part for a, b in zip(start, end, strict=True))
        moveTo(widget, place, button, keys)
        QtWidgets.QApplication.processEvents()
    release(widget, end, button, keys)
    QtWidgets.QApplication.processEvents()


def wheel(widget: QtWidgets.QWidget, place: Place, clicks: int) -> None:
    """Turn the wheel; positive away from the user."""
    point = QtCore.QPointF(*place)
    for _ in range(abs(clicks)):
        event = QtGui.QWheelEvent(
            point,
            widget.mapToGlobal(point),
            QtCore.QPoint(),
            QtCore.QPoint(0, 120 if clicks > 0 else -120),
            NO_BUTTON,
            NO_KEY,
            QtCore.Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QtWidgets.QApplication.sendEvent(widget, event)


def _send(
    widget: QtWidgets.QWidget,
    kind: QtCore.QEvent.Type,
    place: Place,
    button: QtCore.Qt.MouseButton,
    held: QtCore.Qt.MouseButton,
    keys: QtCore.Qt.KeyboardModifier,
) -> None:
    point = QtCore.QPointF(*place)
    event = QtGui.QMouseEvent(kind, point, widget.mapToGlobal(point), button, held, keys)
    QtWidgets.QApplication.sendEvent(widget, event)
