"""PythonQt's connections: `w.connect('clicked(bool)', f)` and `w.clicked.connect(f)`.

A callback gets as many arguments as it has parameters, defaults included; any other callable, such
as a `partial`, gets all. What it raises is kept by `qt_errors`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import FunctionType, MethodType
from typing import Any, NamedTuple

import shiboken6
from PySide6 import QtCore, QtWidgets

from SlicerHost import qt_errors
from SlicerHost.qt_versions import OVERLOADED_SIGNALS, QT6_ONLY_SIGNALS, isHidden

Callback = Callable[..., Any]


class _Connection(NamedTuple):
    signal: str
    callback: Callback
    receiver: Callback


# By address of the C++ object: PySide6 may make a new wrapper whenever it meets an object again.
_connections: dict[int, list[_Connection]] = {}
_builtin_getattribute = QtCore.QObject.__getattribute__
_builtin_connect = QtCore.QObject.connect
_builtin_disconnect = QtCore.QObject.disconnect


class BoundSignal:
    """What PythonQt gives for `widget.clicked`; calling it emits the signal."""

    def __init__(self, sender: QtCore.QObject, name: str, instance: QtCore.SignalInstance) -> None:
        self._sender = sender
        self._name = name
        self._instance = instance

    def connect(self, callback: Callback) -> bool:
        return connect(self._sender, self._signature(), callback)

    def disconnect(self, callback: Callback | None = None) -> bool:
        return disconnect(self._sender, self._signature(), callback)

    def emit(self, *arguments: Any) -> None:
        button = isinstance(self._sender, QtWidgets.QAbstractButton)
        if button and self._name == "clicked" and arguments:  # PySide6 takes it for clicked()
            self._sender.emit(QtCore.SIGNAL("clicked(bool)"), *arguments)
        else:
            self._instance.emit(*arguments)

    __call__ = emit

    def _signature(self) -> str:
        if isHidden(_classNames(self._sender), self._name, OVERLOADED_SIGNALS):
            raise ValueError(
                f"'{self._name}' of {type(self._sender).__name__} is overloaded in Qt 5 or Slicer: "
                f"connect by its full signature"
            )
        for signature, attribute in _aliases(self._sender).items():
            if attribute == self._name:
                return signature
        meta = type(self._sender).staticMetaObject
        methods = (meta.method(index) for index in range(meta.methodCount()))
        kind = QtCore.QMetaMethod.MethodType.Signal
        return next(
            bytes(method.methodSignature().data()).decode()
            for method in methods
            if method.methodType() == kind and bytes(method.name().data()).decode() == self._name
        )


def connect(sender: QtCore.QObject, signal: str, target: Any, slot: str | None = None) -> bool:
    """Connect a signal, named by its C++ signature, to a callable or to a receiver's slot.

    Raises ValueError for a signature that the sender does not have in Qt 5 and Qt 6 alike, where
    PythonQt only prints a line and returns False.
    """
    callback = target if slot is None else getattr(target, slot.split("(")[0])
    if not callable(callback):
        raise ValueError(f"Cannot connect '{signal}' to {callback!r}: it is not callable")
    signature = _known(sender, signal)
    receiver = _receiver(callback)
    alias = _aliases(sender).get(signature)
    if alias is not None:
        _builtin_getattribute(sender, alias).connect(receiver)
    else:
        _builtin_connect(sender, QtCore.SIGNAL(signature), receiver)
    _kept(sender).append(_Connection(signature, callback, receiver))
    return True


def disconnect(sender: QtCore.QObject, signal: str, callback: Callback | None = None) -> bool:
    """Undo one connection, or without a callback all of that signal; whether there was any."""
    signature = _known(sender, signal)
    kept = _kept(sender)
    alias = _aliases(sender).get(signature)
    matching = [c for c in kept if c.signal == signature and callback in (None, c.callback)]
    if callback is not None:
        matching = matching[:1]
    for connection in matching:
        if alias is not None:
            _builtin_getattribute(sender, alias).disconnect(connection.receiver)
        else:
            _builtin_disconnect(sender, QtCore.SIGNAL(signature), connection.receiver)
        kept.remove(connection)
    return bool(matching)


def _known(sender: QtCore.QObject, signal: str) -> str:
    normalized = bytes(QtCore.QMetaObject.normalizedSignature(signal).data()).decode()
    if normalized in _aliases(sender):
        return normalized
    absent = type(sender).staticMetaObject.indexOfSignal(normalized) < 0
    if absent or isHidden(_classNames(sender), normalized, QT6_ONLY_SIGNALS):
        raise ValueError(f"{type(sender).__name__} has no signal '{normalized}' in Qt 5 and Qt 6")
    return normalized


def _aliases(sender: QtCore.QObject) -> dict[str, str]:
    """Signatures with types that only Slicer has -> the stand-in's signal of plain Python types."""
    return getattr(type(sender), "signalAliases", {})


def _classNames(sender: QtCore.QObject) -> list[str]:
    return [kind.__name__ for kind in type(sender).__mro__]


def _kept(sender: QtCore.QObject) -> list[_Connection]:
    address = shiboken6.getCppPointer(sender)[0]
    if address not in _connections:
        _connections[address] = []
        _builtin_getattribute(sender, "destroyed").connect(
            lambda *_: _connections.pop(address, None)
        )
    return _connections[address]


def _receiver(callback: Callback) -> Callback:
    count = _parameterCount(callback)

    def call(*arguments: Any) -> None:
        try:
            callback(*arguments[:count])
        except BaseException as error:  # noqa: BLE001  # as in PythonQt, nothing passes a slot
            qt_errors.record(error)

    return call


def _parameterCount(callback: Callback) -> int | None:
    """How many positional parameters a function or method has; None: as many as come."""
    bound = isinstance(callback, MethodType)
    function = callback.__func__ if bound else callback
    if not isinstance(function, FunctionType) or function.__code__.co_flags & inspect.CO_VARARGS:
        return None
    return function.__code__.co_argcount - int(bound)


def _getattribute(self: QtCore.QObject, name: str) -> Any:
    # PySide6 answers instance.connect in C++, before it looks into the class.
    if name == "connect":
        return MethodType(connect, self)
    if name == "disconnect":
        return MethodType(disconnect, self)
    value = _builtin_getattribute(self, name)
    return BoundSignal(self, name, value) if type(value) is QtCore.SignalInstance else value


def exposeSignals() -> None:
    """Make every QObject connect in PythonQt's way."""
    QtCore.QObject.__getattribute__ = _getattribute  # type: ignore[method-assign]
