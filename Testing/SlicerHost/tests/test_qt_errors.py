"""Nothing goes wrong unseen."""

from __future__ import annotations

import time
from typing import Any

import pytest
from SlicerHost import qt_errors


def lastLines() -> list[str]:
    found = [text.strip().splitlines()[-1] for text in qt_errors.problems()]
    qt_errors.clear()
    return found


def test_event_handlers_of_a_module(qt: Any) -> None:
    """PySide6 alone crashes on this one."""

    class Painted(qt.QWidget):
        def paintEvent(self, event: Any) -> None:
            raise RuntimeError("painting")

    Painted().grab()
    assert set(lastLines()) == {"RuntimeError: painting"}


def test_event_filters(qt: Any, app: Any) -> None:
    class Filter(qt.QObject):
        def eventFilter(self, watched: Any, event: Any) -> bool:
            raise RuntimeError("filtering")

    widget, filtering = qt.QWidget(), Filter()
    widget.installEventFilter(filtering)
    widget.show()
    widget.removeEventFilter(filtering)
    assert set(lastLines()) == {"RuntimeError: filtering"}


def test_single_shots_and_timers(qt: Any, app: Any) -> None:
    def fail() -> None:
        raise RuntimeError("late")

    timer = qt.QTimer()
    timer.singleShot = True
    timer.connect("timeout()", fail)
    timer.start(0)
    qt.QTimer.singleShot(0, fail)
    end = time.monotonic() + 5
    while len(qt_errors.slotErrors()) < 2 and time.monotonic() < end:
        app.processEvents()
    assert lastLines() == ["RuntimeError: late"] * 2


def test_observers_of_vtk(qt: Any, scene: Any) -> None:
    node = scene.AddNewNodeByClass("vtkMRMLTextNode")
    node.AddObserver("ModifiedEvent", lambda *_: 1 / 0)
    node.Modified()
    assert lastLines() == ["ZeroDivisionError: division by zero"]


def test_stray_attributes(qt: Any, ctk: Any) -> None:
    label, slider = qt.QLabel(), ctk.ctkSliderWidget()
    label.objectName = "where"
    label.meaning = 42
    slider.scale = 2.0
    assert sorted(qt_errors.strayAttributes()) == [
        "QLabel 'where' was given attribute 'meaning'",
        "ctkSliderWidget '' was given attribute 'scale'",
    ]
    label.delete()
    slider.delete()


def test_used_signals_and_stand_ins_own_state_are_no_stray_attributes(qt: Any, ctk: Any) -> None:
    button = ctk.ctkCollapsibleButton()
    button.clicked.connect(print)
    button.collapsed = True
    assert qt_errors.strayAttributes() == []


@pytest.mark.parametrize("name", ["Signal", "Slot", "Property", "QRegExp", "QDesktopWidget"])
def test_names_that_do_not_run_everywhere(qt: Any, name: str) -> None:
    with pytest.raises(AttributeError, match="PythonQt for Qt 5 and Qt 6 has no"):
        getattr(qt, name)
