"""Fixtures for tests of the host itself; without slicer-core or PySide6 they are not collected."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

try:
    import PySide6  # noqa: F401
    import slicer  # noqa: F401
except ImportError:
    collect_ignore_glob = ["test_*.py"]
else:
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


@pytest.fixture(scope="session")
def app() -> Any:
    """The one application of the process: the whole host's, or a bare one where none can render."""
    from SlicerHost.rendering import whyNot

    if not whyNot():
        from SlicerHost.host import startHost

        return startHost().app
    from PySide6 import QtWidgets
    from SlicerHost.core import startCore
    from SlicerHost.qt_install import installQt

    startCore()
    installQt()
    return QtWidgets.QApplication.instance() or QtWidgets.QApplication(["host"])


@pytest.fixture
def qt(app: Any) -> Iterator[Any]:
    """The module `qt`; afterwards nothing may have gone wrong unseen."""
    import qt as module
    from SlicerHost import qt_dialogs, qt_errors

    qt_errors.clear()
    qt_dialogs.clear()
    yield module
    assert qt_errors.problems() == []


@pytest.fixture
def ctk(qt: Any) -> Any:
    """The module `ctk`."""
    import ctk as module

    return module


@pytest.fixture
def scene(qt: Any) -> Iterator[Any]:
    """The empty scene."""
    import slicer

    slicer.mrmlScene.Clear()
    yield slicer.mrmlScene
    slicer.mrmlScene.Clear()


@pytest.fixture
def calls() -> list[Any]:
    """What callbacks of a test were given."""
    return []
