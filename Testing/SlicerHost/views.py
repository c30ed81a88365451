"""A widget that shows what VTK renders off-screen and hands mouse and keys to VTK's interactor."""

from __future__ import annotations

from typing import Any

import slicer
import vtk
from PySide6 import QtCore, QtGui, QtWidgets

_BUTTONS = {
    QtCore.Qt.MouseButton.LeftButton: "LeftButton",
    QtCore.Qt.MouseButton.MiddleButton: "MiddleButton",
    QtCore.Qt.MouseButton.RightButton: "RightButton",
}
# VTK names keys as X11 does.
_KEYS = {
    QtCore.Qt.Key.Key_Left: "Left",
    QtCore.Qt.Key.Key_Right: "Right",
    QtCore.Qt.Key.Key_Up: "Up",
    QtCore.Qt.Key.Key_Down: "Down",
    QtCore.Qt.Key.Key_PageUp: "Prior",
    QtCore.Qt.Key.Key_PageDown: "Next",
    QtCore.Qt.Key.Key_Home: "Home",
    QtCore.Qt.Key.Key_End: "End",
    QtCore.Qt.Key.Key_Escape: "Escape",
    QtCore.Qt.Key.Key_Return: "Return",
    QtCore.Qt.Key.Key_Backspace: "BackSpace",
    QtCore.Qt.Key.Key_Delete: "Delete",
    QtCore.Qt.Key.Key_Space: "space",
    QtCore.Qt.Key.Key_Control: "Control_L",
    QtCore.Qt.Key.Key_Shift: "Shift_L",
    QtCore.Qt.Key.Key_Alt: "Alt_L",
}


class RenderView(QtWidgets.QWidget):
    """The methods of ctkVTKAbstractView that modules use. A hidden view renders nothing."""

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._stale = True
        self._mouseInside = False
        self._style: Any = None
        self._image = QtGui.QImage()
        self._renderCount = 0
        self._window = vtk.vtkRenderWindow()
        self._window.SetOffScreenRendering(1)
        self._window.SetMultiSamples(0)
        self._renderer = vtk.vtkRenderer()
        self._window.AddRenderer(self._renderer)
        self._interactor = vtk.vtkGenericRenderWindowInteractor()
        self._interactor.SetRenderWindow(self._window)
        self._interactor.SetInteractorStyle(vtk.vtkInteractorStyleUser())
        self._interactor.Initialize()
        # Displayable managers ask the interactor to render, which only marks the picture as old.
        self._interactor.EnableRenderOff()
        self.setMinimumSize(60, 60)
        self.setMouseTracking(True)
        self.setFocusPolicy(QtCore.Qt.FocusPolicy.StrongFocus)
        self.setAttribute(QtCore.Qt.WidgetAttribute.WA_OpaquePaintEvent)

    def renderWindow(self) -> Any:
        return self._window

    def renderer(self) -> Any:
        return self._renderer

    def interactor(self) -> Any:
        return self._interactor

    def interactorStyle(self) -> Any:
        return self._style

    def scheduleRender(self, *_event: Any) -> None:
        """Render again when the view is next painted; any number of calls cause one rendering."""
        self._stale = True
        if not slicer.app.isRenderPaused():
            self.update()

    def forceRender(self) -> None:
        """Render now, also while hidden."""
        self._render()
        if self.isVisible():
            self.repaint()

    def renderCount(self) -> int:
        """How often this view rendered; for tests, Slicer has no such method."""
        return self._renderCount

    def image(self) -> QtGui.QImage:
        """What was rendered last."""
        return self._image

    def _render(self) -> None:
        self._stale = False
        self._renderCount += 1
        self._window.Render()
        width, height = self._window.GetSize()
        pixels = vtk.vtkUnsignedCharArray()
        self._window.GetPixelData(0, 0, width - 1, height - 1, 0, pixels, 0)
        data = memoryview(pixels).tobytes()
        image = QtGui.QImage(data, width, height, 3 * width, QtGui.QImage.Format.Format_RGB888)
        self._image = image.flipped(QtCore.Qt.Orientation.Vertical)  # VTK counts rows from below
        self._image.setDevicePixelRatio(self.devicePixelRatioF())

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        if self._stale and not slicer.app.isRenderPaused():
            self._render()
        painter = QtGui.QPainter(self)
        painter.drawImage(0, 0, self._image)

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:
        ratio = self.devicePixelRatioF()
        size = (max(1, round(self.width * ratio)), max(1, round(self.height * ratio)))
        self._window.SetSize(*size)
        self._interactor.UpdateSize(*size)
        self._onResized(*size)
        self.scheduleRender()

    def _onResized(self, width: int, height: int) -> None:
        """For views whose node knows its size."""

    def mouseMoveEvent(self, event: QtGui.QMouseEvent) -> None:
        self._send(event, "MouseMoveEvent")

    def mousePressEvent(self, event: QtGui.QMouseEvent) -> None:
        self._send(event, f"{_BUTTONS.get(event.button(), 'MiddleButton')}PressEvent")

    def mouseReleaseEvent(self, event: QtGui.QMouseEvent) -> None:
        self._send(event, f"{_BUTTONS.get(event.button(), 'MiddleButton')}ReleaseEvent")

    def mouseDoubleClickEvent(self, event: QtGui.QMouseEvent) -> None:
        self._send(event, f"{_BUTTONS.get(event.button(), 'MiddleButton')}DoubleClickEvent")

    def wheelEvent(self, event: QtGui.QWheelEvent) -> None:
        forward = event.angleDelta().y() > 0
        self._send(event, f"MouseWheel{'Forward' if forward else 'Backward'}Event")
        event.accept()

    def leaveEvent(self, event: QtCore.QEvent) -> None:
        self._mouseInside = False
        self._interactor.InvokeEvent("LeaveEvent")

    def keyPressEvent(self, event: QtGui.QKeyEvent) -> None:
        self._sendKey(event, "KeyPressEvent")
        self._interactor.InvokeEvent("CharEvent")

    def keyReleaseEvent(self, event: QtGui.QKeyEvent) -> None:
        self._sendKey(event, "KeyReleaseEvent")

    def _send(self, event: Any, name: str) -> None:
        ratio = self.devicePixelRatioF()
        place = event.position()
        self._interactor.SetEventInformationFlipY(
            int(place.x() * ratio), int(place.y() * ratio), *_modifiers(event), "\0", 0, None
        )
        if not self._mouseInside:  # managers listen to a view only once the mouse is in it
            self._mouseInside = True
            self._interactor.InvokeEvent("EnterEvent")
        self._interactor.InvokeEvent(name)

    def _sendKey(self, event: QtGui.QKeyEvent, name: str) -> None:
        text = event.text()
        code = text if len(text) == 1 and text.isprintable() else "\0"
        symbol = _KEYS.get(QtCore.Qt.Key(event.key()), text or "None")
        self._interactor.SetKeyEventInformation(*_modifiers(event), code, 0, symbol)
        self._interactor.InvokeEvent(name)


def _modifiers(event: Any) -> tuple[bool, bool]:
    held = event.modifiers()
    return (
        bool(held & QtCore.Qt.KeyboardModifier.ControlModifier),
        bool(held & QtCore.Qt.KeyboardModifier.ShiftModifier),
    )
