"""Helpers for classes that stand for CTK's and Slicer's widgets.

PythonQt shows of such a class its properties, slots and Q_INVOKABLE methods, and no other method:
`slider.setMinimum(0)` fails in Slicer, `slider.minimum = 0` works. Stand-ins offer no more.
"""

from __future__ import annotations

from typing import Any, TypeVar

from PySide6 import QtCore, QtWidgets

Kind = TypeVar("Kind", bound=type)

# Class name in .ui files -> class that takes its place.
registry: dict[str, type[QtWidgets.QWidget]] = {}


def standIn(kind: Kind) -> Kind:
    """Register a class under its name, for .ui files and for `installQt`."""
    registry[kind.__name__] = kind
    return kind


def forwarded(kind: Any, member: str, name: str, after: str | None = None) -> Any:
    """A Qt property kept by the inner object `self.<member>` under the property `name`.

    `after` names a method to call when it was written.
    """

    def read(self: Any) -> Any:
        return getattr(self, member).property(name)

    def write(self: Any, value: Any) -> None:
        getattr(self, member).setProperty(name, value)
        if after is not None:
            getattr(self, after)()

    return QtCore.Property(kind, read, write)


def stored(kind: Any, name: str, default: Any, after: str | None = None) -> Any:
    """A Qt property that is only remembered, in `self._<name>`."""
    attribute = f"_{name}"

    def read(self: Any) -> Any:
        return self.__dict__.get(attribute, default)

    def write(self: Any, value: Any) -> None:
        self.__dict__[attribute] = value
        if after is not None:
            getattr(self, after)()

    return QtCore.Property(kind, read, write)


def rowLayout(widget: QtWidgets.QWidget, *children: QtWidgets.QWidget) -> QtWidgets.QHBoxLayout:
    """Put children side by side into a widget, without margins; the first takes the room."""
    layout = QtWidgets.QHBoxLayout(widget)
    layout.setContentsMargins(0, 0, 0, 0)
    for index, child in enumerate(children):
        layout.addWidget(child, int(index == 0))
    return layout
