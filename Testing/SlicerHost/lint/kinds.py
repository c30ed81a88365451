"""Questions about Qt classes as the host shows them."""

from __future__ import annotations

import enum
import functools
import inspect
import sys
from typing import Any

from PySide6 import QtCore

from SlicerHost.qt_install import installQt
from SlicerHost.qt_properties import PropertyAttribute, Qt6OnlyAttribute
from SlicerHost.qt_versions import QT6_ONLY_SIGNALS, isHidden
from SlicerHost.stand_in import registry

Kind = type

installQt()


def lookUp(dotted: str) -> Any:
    """What `qt.Qt.AlignLeft` or `slicer.qMRMLWidget` stands for; None where nothing does."""
    root, *names = dotted.split(".")
    found: Any = sys.modules.get(root) if root in {"qt", "ctk", "slicer"} else None
    for name in names:
        if found is None:
            return None
        found = getattr(found, name, None)
    return found


def isQtClass(found: Any) -> bool:
    """Whether this is a class of Qt, ctk or Slicer's widgets."""
    return isinstance(found, type) and (
        found.__module__.startswith("PySide6") or found in registry.values()
    )


def isEnum(found: Any) -> bool:
    """Whether this is an enum class or one of its values."""
    return isinstance(found, enum.Enum | enum.EnumMeta)


def _static(kind: Kind, name: str) -> Any:
    return inspect.getattr_static(kind, name, None)


def hasMember(kind: Kind, name: str) -> bool:
    """Whether PythonQt shows a property, signal, method or enum value of that name."""
    member = _static(kind, name)
    return member is not None and not isinstance(member, Qt6OnlyAttribute)


def isProperty(kind: Kind, name: str) -> bool:
    """Whether an attribute of that name is a property, to be read without ()."""
    return isinstance(_static(kind, name), PropertyAttribute | QtCore.Property)


def isWritable(kind: Kind, name: str) -> bool:
    """Whether it is a property that can be set."""
    index = kind.staticMetaObject.indexOfProperty(name)
    return isProperty(kind, name) and (
        name == "name" or index < 0 or kind.staticMetaObject.property(index).isWritable()
    )


def propertyType(kind: Kind, name: str) -> str:
    """C++ type of a property, such as `QString`; empty where it is none."""
    if not issubclass(kind, QtCore.QObject):
        return ""
    index = kind.staticMetaObject.indexOfProperty(name)
    return str(kind.staticMetaObject.property(index).typeName()) if index >= 0 else ""


@functools.cache
def signals(kind: Kind) -> frozenset[str]:
    """Normalized signatures of the signals that a class has in Qt 5, Qt 6 and Slicer."""
    if not issubclass(kind, QtCore.QObject):
        return frozenset()
    meta = kind.staticMetaObject
    methods = (meta.method(index) for index in range(meta.methodCount()))
    found = {
        bytes(method.methodSignature().data()).decode()
        for method in methods
        if method.methodType() == QtCore.QMetaMethod.MethodType.Signal
    }
    names = [base.__name__ for base in kind.__mro__]
    shown = {one for one in found if "PyObject" not in one and not one.startswith("_")}
    shown |= set(getattr(kind, "signalAliases", {}))
    return frozenset(one for one in shown if not isHidden(names, one, QT6_ONLY_SIGNALS))


def normalized(signature: str) -> str:
    """The signature as Qt compares it: `f(const QString &)` -> `f(QString)`."""
    return bytes(QtCore.QMetaObject.normalizedSignature(signature).data()).decode()


@functools.cache
def allClasses() -> frozenset[Kind]:
    """Every class of Qt and of the stand-ins."""
    qt = sys.modules["qt"]
    own = {member for name in dir(qt) if isQtClass(member := getattr(qt, name))}
    return frozenset(own | set(registry.values()))


@functools.cache
def knownSignals() -> frozenset[str]:
    """Signatures that any class has, for senders whose class is not known."""
    return frozenset().union(*(signals(kind) for kind in allClasses()))


@functools.cache
def certainProperties() -> frozenset[str]:
    """Names in camel case that are properties wherever Qt has them, and a method of no class."""
    properties, methods = set(), set()
    for kind in allClasses():
        for name, member in list(vars(kind).items()):
            if isinstance(member, PropertyAttribute | QtCore.Property):
                properties.add(name)
            elif callable(member):
                methods.add(name)
    return frozenset(name for name in properties - methods if name != name.lower())
