"""The colored bar with a view's name on top of each view."""

from __future__ import annotations

from PySide6 import QtCore, QtGui, QtWidgets


class ViewBar(QtWidgets.QWidget):
    """A label in the view's own color, with room for controls beside it."""

    def __init__(self, label: str, color: tuple[float, float, float]) -> None:
        super().__init__()
        self._row = QtWidgets.QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 4, 0)
        name = QtWidgets.QLabel(f" {label} ")
        palette = name.palette
        background = QtGui.QColor.fromRgbF(*color)
        palette.setColor(QtGui.QPalette.ColorRole.Window, background)
        dark = background.lightnessF() > 0.45
        palette.setColor(
            QtGui.QPalette.ColorRole.WindowText, QtGui.QColor("black" if dark else "white")
        )
        name.setPalette(palette)
        name.setAutoFillBackground(True)
        name.setSizePolicy(QtWidgets.QSizePolicy.Policy.Fixed, QtWidgets.QSizePolicy.Policy.Fixed)
        self._row.addWidget(name, alignment=QtCore.Qt.AlignmentFlag.AlignLeft)

    def addToBar(self, widget: QtWidgets.QWidget, stretch: int = 0) -> None:
        self._row.addWidget(widget, stretch)
