"""Qt properties as attributes, as PythonQt has them: `label.text`, never `label.text()`.

PySide6's own switch for this (`from __feature__ import true_property`) also takes away the setters,
which PythonQt keeps, so the attributes are made here from the classes' meta-objects.
"""

from __future__ import annotations

from typing import Any

from PySide6 import QtCore

from SlicerHost.qt_versions import QT6_ONLY_PROPERTIES

# C++ virtuals: an attribute of that name would be taken for a Python override and recurse.
_VIRTUAL = frozenset({"sizeHint", "minimumSizeHint", "spacing"})


class PropertyAttribute:
    """One Qt property, read and written as an attribute.

    Looked up on the class it gives what stood there before: `QTimer.singleShot` is a property of a
    timer and a static function of the class.
    """

    def __init__(self, name: str, writable: bool, onClass: Any) -> None:
        self.name = name
        self.writable = writable
        self.onClass = onClass

    def __get__(self, instance: QtCore.QObject | None, owner: type) -> Any:
        return self.onClass if instance is None else instance.property(self.name)

    def __set__(self, instance: QtCore.QObject, value: Any) -> None:
        kind = type(instance).__name__
        if not self.writable:
            raise AttributeError(f"Property '{self.name}' of {kind} is not writable")
        if not _isAccepted(instance.property(self.name), value) or not instance.setProperty(
            self.name, value
        ):
            raise ValueError(
                f"Property '{self.name}' of {kind} does not accept {value!r} "
                f"of type {type(value).__name__}"
            )


def _isAccepted(current: Any, value: Any) -> bool:
    """Refuse what Qt would convert in its own way and PythonQt in another."""
    if isinstance(current, str):
        return isinstance(value, str)
    if isinstance(current, int) and not isinstance(current, bool):
        return isinstance(value, int)
    return True


class Qt6OnlyAttribute:
    """Stands where Qt 5 has a method and Qt 6 a property: neither spelling runs in both."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, instance: QtCore.QObject | None, owner: type) -> Any:
        raise AttributeError(
            f"'{self.name}' of {owner.__name__} is a method in Qt 5 and a property in Qt 6; "
            f"a module for both may only set it, by a method"
        )

    def __set__(self, instance: QtCore.QObject, value: Any) -> None:
        self.__get__(instance, type(instance))


def exposeProperties(kind: type[QtCore.QObject]) -> None:
    """Give a Qt class one attribute for each property of its own, in place of the getter."""
    meta = kind.staticMetaObject
    qt6_only = QT6_ONLY_PROPERTIES.get(kind.__name__, frozenset())
    for index in range(meta.propertyCount()):
        described = meta.property(index)
        name = described.name()
        own = index >= meta.propertyOffset() or name in vars(kind)
        if name in _VIRTUAL or not own:
            continue
        if name in qt6_only:
            setattr(kind, name, Qt6OnlyAttribute(name))
        else:
            before = getattr(kind, name, None)
            setattr(kind, name, PropertyAttribute(name, described.isWritable(), before))
