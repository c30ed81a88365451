"""Modal dialogs: they return what PythonQt returns, and off-screen they never wait for anybody.

A test says beforehand what the user answers: `qt_dialogs.answer("/tmp/report.html")`. A dialog
that opens without an answer is dismissed, and the test fails by `qt_errors.problems`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from PySide6 import QtGui, QtPrintSupport, QtWidgets

from SlicerHost import qt_errors

_answers: deque[Any] = deque()
_opened: list[str] = []

# PySide6 returns (path, filter) or (value, accepted) where PythonQt returns the first alone.
_FUNCTIONS: tuple[tuple[type, tuple[str, ...], Any], ...] = (
    (QtWidgets.QFileDialog, ("getOpenFileName", "getSaveFileName"), ""),
    (QtWidgets.QFileDialog, ("getExistingDirectory",), ""),
    (QtWidgets.QFileDialog, ("getOpenFileNames",), ()),
    (QtWidgets.QInputDialog, ("getText", "getItem", "getMultiLineText"), ""),
    (QtWidgets.QInputDialog, ("getInt",), 0),
    (QtWidgets.QInputDialog, ("getDouble",), 0.0),
    (QtWidgets.QColorDialog, ("getColor",), QtGui.QColor()),
    (
        QtWidgets.QMessageBox,
        ("information", "question", "warning", "critical"),
        QtWidgets.QMessageBox.StandardButton.Cancel,
    ),
    (QtWidgets.QMessageBox, ("about", "aboutQt"), None),
)
_DIALOGS = (
    QtWidgets.QDialog,
    QtWidgets.QFileDialog,
    QtWidgets.QMessageBox,
    QtPrintSupport.QPrintDialog,
)


def answer(*values: Any) -> None:
    """Queue answers for the next dialogs: a path, a text, a button, or the result of `exec_`.

    For a menu, the text of the action to trigger.
    """
    _answers.extend(values)


def opened() -> list[str]:
    """What opened since the last `clear`, as `QFileDialog.getSaveFileName: Export`."""
    return list(_opened)


def clear() -> None:
    """Forget dialogs and answers."""
    _opened.clear()
    _answers.clear()


def guardDialogs() -> None:
    """Put the above in the place of Qt's own functions."""
    for owner, names, dismissed in _FUNCTIONS:
        for name in names:
            setattr(owner, name, staticmethod(_static(owner, name, dismissed)))
    for kind in _DIALOGS:
        kind.exec_ = _execDialog(kind.exec)
    QtWidgets.QMenu.exec_ = _execMenu(QtWidgets.QMenu.exec)


def _isWatched() -> bool:
    """Whether a person could answer."""
    return QtGui.QGuiApplication.platformName() != "offscreen"


def _answered(what: str, dismissed: Any) -> Any:
    _opened.append(what)
    if _answers:
        return _answers.popleft()
    qt_errors.record(RuntimeError(f"A dialog opened that the test did not expect: {what}"))
    return dismissed


def _static(owner: type, name: str, dismissed: Any) -> Callable[..., Any]:
    builtin = getattr(owner, name)

    def call(*arguments: Any) -> Any:
        if _isWatched():
            result = builtin(*arguments)
            return result[0] if isinstance(result, tuple) else result
        titles = [text for text in arguments if isinstance(text, str)]
        return _answered(f"{owner.__name__}.{name}: {': '.join(titles[:2])}", dismissed)

    return call


def _execDialog(builtin: Callable[..., int]) -> Callable[..., int]:
    def exec_(self: QtWidgets.QDialog) -> int:
        if _isWatched():
            return builtin(self)
        self.show()
        texts = (self.windowTitle, self.property("text"))
        what = ": ".join([type(self).__name__, *(text.strip() for text in texts if text)])
        answer = _answered(what, 0)
        result = int(getattr(answer, "value", answer))
        self.done(result)
        return result

    return exec_


def _execMenu(builtin: Callable[..., Any]) -> Callable[..., Any]:
    def exec_(self: QtWidgets.QMenu, *arguments: Any) -> Any:
        if _isWatched():
            return builtin(self, *arguments)
        text = _answered(f"QMenu: {', '.join(action.text for action in self.actions())}", "")
        chosen = [action for action in self.actions() if action.text == text]
        for action in chosen:
            action.trigger()
        return chosen[0] if chosen else None

    return exec_
