"""Small things that PythonQt adds to every object: `name`, `className()`, `delete()`, `exec_()`."""

from __future__ import annotations

from typing import Any

import shiboken6
from PySide6 import QtCore, QtGui, QtWidgets

_builtin_find_children = QtCore.QObject.findChildren


def _className(self: QtCore.QObject) -> str:
    return str(type(self).staticMetaObject.className())


def _inherits(self: QtCore.QObject, name: str) -> bool:
    return any(kind.__name__ == name for kind in type(self).__mro__)


def _delete(self: QtCore.QObject) -> None:
    shiboken6.delete(self)


def _findChildren(self: QtCore.QObject, kind: Any, name: str = "") -> list[QtCore.QObject]:
    """All descendants of a class, given as a type or by its name, and of an object name."""
    base = QtCore.QObject if isinstance(kind, str) else kind
    found = _builtin_find_children(self, base)
    if isinstance(kind, str):
        found = [child for child in found if _inherits(child, kind)]
    return [child for child in found if not name or child.property("objectName") == name]


def _findChild(self: QtCore.QObject, kind: Any, name: str = "") -> QtCore.QObject | None:
    return next(iter(_findChildren(self, kind, name)), None)


def extendObjects() -> None:
    """Add PythonQt's common members to QObject, and `exec_` where Qt has `exec`."""
    base: Any = QtCore.QObject
    base.name = vars(base)["objectName"]
    base.className = _className
    base.inherits = _inherits
    base.delete = _delete
    base.findChildren = _findChildren
    base.findChild = _findChild
    kinds: tuple[Any, ...] = (
        QtCore.QCoreApplication,
        QtCore.QEventLoop,
        QtGui.QDrag,
        QtGui.QGuiApplication,
        QtWidgets.QApplication,
    )
    for kind in kinds:
        kind.exec_ = kind.exec
