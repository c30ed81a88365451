"""Errors that reach no caller: in slots, event handlers, timers and VTK observers.

Qt and VTK print such exceptions and go on, here as in Slicer. The host keeps them, so that a test
can assert that there were none.
"""

from __future__ import annotations

import functools
import sys
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Any

from PySide6 import QtCore, QtWidgets

_errors: list[str] = []
_original_excepthook = sys.excepthook


def record(error: BaseException) -> None:
    """Keep an exception and print it, as PythonQt would."""
    text = "".join(traceback.format_exception(error))
    _errors.append(text)
    sys.stderr.write(text)


def _onUncaught(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    _errors.append("".join(traceback.format_exception(kind, error, trace)))
    _original_excepthook(kind, error, trace)


def collectUncaught() -> None:
    """Also keep what PySide6 and VTK hand to `sys.excepthook`."""
    if sys.excepthook is not _onUncaught:
        sys.excepthook = _onUncaught


def guardEventHandlers() -> None:
    """Keep what a module's own widgets raise in `paintEvent` and the like.

    PySide6 may crash on an exception that leaves such a method while Qt draws; PythonQt prints it
    and goes on.
    """
    QtCore.QObject.__init_subclass__ = classmethod(_guardClass)  # type: ignore[assignment]


def _guardClass(kind: type, **_options: Any) -> None:
    for name, member in list(vars(kind).items()):
        if callable(member) and (name.endswith("Event") or name in {"event", "eventFilter"}):
            setattr(kind, name, _guarded(member))


def _guarded(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def call(self: QtCore.QObject, *arguments: Any) -> Any:
        try:
            return method(self, *arguments)
        except Exception as error:  # noqa: BLE001  # nothing may pass into Qt
            record(error)
            return False if method.__name__ in {"event", "eventFilter"} else None

    return call


def slotErrors() -> list[str]:
    """Tracebacks since the last `clear`, oldest first."""
    return list(_errors)


def strayAttributes() -> list[str]:
    """Attributes set on widgets of Qt, ctk or Slicer: PythonQt raises AttributeError on them."""
    found = []
    for widget in QtWidgets.QApplication.allWidgets():
        if not _isPlain(type(widget)):
            continue
        for name, value in vars(widget).items():
            if not name.startswith("_") and not _isExpected(name, value):
                kind = type(widget).__name__
                found.append(
                    f"{kind} '{widget.property('objectName')}' was given attribute '{name}'"
                )
    return found


def _isExpected(name: str, value: Any) -> bool:
    """What PySide6 itself keeps in a widget: used signals, and children by their object names."""
    if isinstance(value, QtCore.QObject):
        return bool(value.property("objectName") == name)
    return isinstance(value, QtCore.SignalInstance)


def _isPlain(kind: type) -> bool:
    """Whether this class stands for a C++ one, rather than being a module's own subclass."""
    return kind.__module__.startswith(("PySide6", "SlicerHost"))


def problems() -> list[str]:
    """All that a test should find empty at its end."""
    return slotErrors() + strayAttributes()


def clear() -> None:
    """Forget the errors so far, for the next test or after an expected one."""
    _errors.clear()
