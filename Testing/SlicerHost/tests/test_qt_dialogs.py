"""Dialogs answer as told, and tell when nobody was to answer."""

from __future__ import annotations

from typing import Any

import pytest
from SlicerHost import qt_dialogs, qt_errors


@pytest.mark.parametrize("function", ["getOpenFileName", "getSaveFileName", "getExistingDirectory"])
def test_file_dialogs_return_the_path_alone(qt: Any, function: str) -> None:
    qt_dialogs.answer("/a/b.h5")
    chosen = getattr(qt.QFileDialog, function)(None, "Export", "/a")
    assert chosen == "/a/b.h5"
    assert qt_dialogs.opened() == [f"QFileDialog.{function}: Export: /a"]


def test_answers_come_in_order(qt: Any) -> None:
    qt_dialogs.answer(qt.QMessageBox.Yes, "reviewer")
    assert qt.QMessageBox.question(None, "Restore", "Sure?") == qt.QMessageBox.Yes
    assert qt.QInputDialog.getText(None, "Name", "Who?") == "reviewer"


def test_dialog_runs_without_waiting(qt: Any, calls: list[Any]) -> None:
    dialog = qt.QDialog()
    dialog.connect("accepted()", lambda: calls.append("accepted"))
    qt_dialogs.answer(1)
    assert dialog.exec_() == 1
    assert calls == ["accepted"]


def test_menu_triggers_the_action_of_that_text(qt: Any, calls: list[Any]) -> None:
    menu = qt.QMenu()
    menu.addAction("Copy")
    action = menu.addAction("Paste")
    action.connect("triggered(bool)", lambda: calls.append("pasted"))
    qt_dialogs.answer("Paste")
    assert menu.exec_(qt.QPoint(0, 0)) == action
    assert calls == ["pasted"]


def test_unexpected_dialog_is_dismissed_and_fails_the_test(qt: Any) -> None:
    assert qt.QFileDialog.getSaveFileName(None, "Export") == ""
    assert qt.QMessageBox.question(None, "Restore", "Sure?") == qt.QMessageBox.Cancel
    assert len(qt_errors.slotErrors()) == 2
    assert "did not expect: QMessageBox.question: Restore: Sure?" in qt_errors.slotErrors()[1]
    qt_errors.clear()


def test_path_line_edit_browses(ctk: Any) -> None:
    edit = ctk.ctkPathLineEdit()
    edit.filters = edit.Files | edit.Writable
    qt_dialogs.answer("/a/report.html")
    edit.browse()
    assert edit.currentPath == "/a/report.html"


@pytest.fixture
def asking(app: Any) -> Any:
    """As for a user: Slicer's message boxes answer themselves only in testing mode."""
    import slicer

    before = slicer.app.testingEnabled()
    slicer.app.setTestingEnabled(False)
    yield slicer.util
    slicer.app.setTestingEnabled(before)


def test_slicers_own_questions(qt: Any, asking: Any) -> None:
    qt_dialogs.answer(qt.QMessageBox.Ok, qt.QMessageBox.No)
    assert asking.confirmOkCancelDisplay("Install now?", windowTitle="RegQC")
    assert not asking.confirmYesNoDisplay("Restore?")
    assert qt_dialogs.opened()[0] == "ctkMessageBox: RegQC: Install now?"


def test_message_that_is_not_shown_again(qt: Any, ctk: Any) -> None:
    box = ctk.ctkMessageBox()
    box.text = "Once"
    box.dontShowAgainVisible = True
    box.dontShowAgain = True
    assert box.exec_() == qt.QMessageBox.Ok
    assert qt_dialogs.opened() == []
