"""The Record panel, clicked: decisions, signature, files."""

from __future__ import annotations

import csv
import time

import pytest
import qt
import slicer
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from SlicerHost.keyboard import press

from RegQCScene.decisions import decisionsOf, signatureOf


@pytest.fixture
def panel(module, host, makeVolume, storeCheck):
    """The panel of the loaded module, with a checked pair."""
    shell = module.widgetRepresentation().self().shell
    made = next(one for one in shell.panels if type(one).__name__ == "RecordPanel")
    section = next(s for s in shell.sections if s.objectName == "RecordPanelSection")
    section.collapsed = False
    made.session.parameters.fixedVolume = makeVolume(0, "flair")
    made.session.parameters.movingVolume = makeVolume(1, "t1w")
    storeCheck(made.session)
    host.app.processEvents()
    return made


def click(widget):
    assert widget.enabled
    QTest.mouseClick(widget, Qt.MouseButton.LeftButton)


def clickRow(table, row, modifier=Qt.KeyboardModifier.NoModifier):
    place = table.visualItemRect(table.item(row, 0)).center()
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, modifier, place)


def cell(panel, row, column):
    return panel.ui.decisionTable.item(row, column).text()


def wait(host, condition, seconds=60):
    """Let the window live until something has happened."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        host.app.processEvents()
        time.sleep(0.01)


def test_words_have_room_in_the_table(panel, host):
    table = panel.ui.decisionTable
    wait(host, lambda: table.columnWidth(3) > 0.35 * table.viewport().width)
    assert "mm" in table.item(0, 0).toolTip()  # where the slice lies


def test_slices_are_accepted_and_rejected_by_clicks(panel, host):
    table = panel.ui.decisionTable
    assert [cell(panel, row, 0) for row in range(table.rowCount)] == [
        "axial 5 *", "axial 6 *", "axial 7 *"]  # fmt: skip
    clickRow(table, 0)
    clickRow(table, 1, Qt.KeyboardModifier.ControlModifier)
    panel.ui.sliceReason.setCurrentIndex(panel.ui.sliceReason.findText("Shift"))
    QTest.keyClicks(panel.ui.sliceComment, "to the left")
    click(panel.ui.rejectSlicesButton)
    clickRow(table, 2)
    click(panel.ui.acceptSlicesButton)
    decided = decisionsOf(panel.session.parameters).by_place
    assert {place: one.decision for place, one in decided.items()} == {
        ("axial", 5): "rejected", ("axial", 6): "rejected", ("axial", 7): "accepted"}  # fmt: skip
    assert [cell(panel, 1, column) for column in (2, 3)] == ["rejected", "Shift: to the left"]
    click(panel.ui.clearSlicesButton)
    assert cell(panel, 2, 2) == ""
    assert ("axial", 7) not in decisionsOf(panel.session.parameters).by_place


def test_a_click_on_a_row_moves_the_views(panel, host):
    clickRow(panel.ui.decisionTable, 0)
    red = slicer.app.layoutManager().sliceWidget("Red").mrmlSliceNode()
    before = red.GetSliceOffset()
    clickRow(panel.ui.decisionTable, 2)
    assert red.GetSliceOffset() - before == pytest.approx(10.0, abs=0.01)  # two slices of 5 mm


def test_nothing_selected_is_said_and_nothing_decided(panel):
    panel.ui.decisionTable.clearSelection()
    click(panel.ui.acceptSlicesButton)
    assert panel.notices.shown == [("error", "Select a slice in the table first.")]
    assert decisionsOf(panel.session.parameters).slices == ()


def test_the_slices_in_view_can_be_selected(panel, host):
    clickRow(panel.ui.decisionTable, 1)
    click(panel.ui.shownButton)
    assert panel.ui.filterSelector.currentText == "All slices"
    selected = panel.list.selected()
    assert len(selected) == 3
    assert ("axial", 6) in selected
    assert {plane for plane, _index in selected} == {"sagittal", "coronal", "axial"}
    click(panel.ui.rejectSlicesButton)
    assert len(decisionsOf(panel.session.parameters).slices) == 3


def test_the_case_is_signed_in_a_name(panel, host):
    click(panel.ui.acceptCaseButton)
    assert "reviewer's name" in panel.notices.shown[0][1]
    panel.ui.reviewerEdit.setFocus()
    QTest.keyClicks(panel.ui.reviewerEdit, "Dr A")
    panel.ui.caseComment.setPlainText("fine\nthough")
    click(panel.ui.acceptCaseButton)
    assert panel.notices.shown == []
    assert signatureOf(panel.session) == "valid"
    assert panel.ui.signatureLabel.text.startswith("Accepted by Dr A, ")
    assert decisionsOf(panel.session.parameters).case.comment == "fine\nthough"
    clickRow(panel.ui.decisionTable, 0)
    click(panel.ui.rejectSlicesButton)
    assert "sign again" in panel.ui.signatureLabel.text
    click(panel.ui.withdrawButton)
    assert panel.ui.signatureLabel.text == "The case is undecided."
    assert not panel.ui.withdrawButton.enabled


def test_words_on_one_pair_stay_with_it(panel, host, makeVolume):
    panel.session.parameters.reviewer = "Dr A"
    host.app.processEvents()
    first = panel.session.parameters.movingVolume
    panel.ui.caseComment.setPlainText("about t1w")
    panel.ui.caseReason.setEditText("Shift")
    click(panel.ui.rejectCaseButton)
    panel.ui.sliceComment.setText("not decided yet")
    panel.session.parameters.movingVolume = makeVolume(2, "t2w")
    host.app.processEvents()
    for text in (panel.ui.caseComment.plainText, panel.ui.sliceComment.text,
                 panel.ui.caseReason.currentText):  # fmt: skip
        assert text == ""
    panel.session.parameters.movingVolume = first
    host.app.processEvents()
    assert panel.ui.caseComment.plainText == "about t1w"
    assert panel.ui.caseReason.currentText == "Shift"


def test_the_list_can_be_narrowed(panel):
    clickRow(panel.ui.decisionTable, 1)
    click(panel.ui.acceptSlicesButton)
    counts = []
    for name in ("Flagged or decided", "Decided", "All slices"):
        panel.ui.filterSelector.setCurrentIndex(panel.ui.filterSelector.findText(name))
        counts.append(panel.ui.decisionTable.rowCount)
    assert counts == [3, 1, 12 + 26 + 30]


def test_keys_decide_while_the_module_is_open(panel, host):
    clickRow(panel.ui.decisionTable, 0)
    keys = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    press(host.window, Qt.Key.Key_R, keys, at=panel.ui.decisionTable)
    assert ("axial", 5) in decisionsOf(panel.session.parameters).by_place
    panel.exit()
    press(host.window, Qt.Key.Key_U, keys, at=panel.ui.decisionTable)
    assert ("axial", 5) in decisionsOf(panel.session.parameters).by_place
    panel.enter()


def test_without_a_check_nothing_can_be_pressed(panel, host):
    panel.session.parameters.movingVolume = None
    host.app.processEvents()
    for name in ("acceptSlicesButton", "acceptCaseButton", "reportButton", "transformButton"):
        assert not getattr(panel.ui, name).enabled
    assert panel.ui.decisionTable.rowCount == 0
    assert "Check the pair first" in panel.ui.signatureLabel.text


@pytest.mark.usefixtures("noChild")
def test_the_report_is_written_with_a_pdf(panel, host, tmp_path):
    panel.session.parameters.reviewer = "Dr A"
    host.app.processEvents()
    clickRow(panel.ui.decisionTable, 0)
    click(panel.ui.rejectSlicesButton)
    click(panel.ui.rejectCaseButton)
    click(panel.ui.reportButton)
    assert "Choose a folder" in panel.notices.shown[0][1]
    panel.ui.folderEdit.setCurrentPath(str(tmp_path))
    panel.session.case = "patient 7"  # as the worklist does
    click(panel.ui.reportButton)
    assert panel.ui.cancelButton.visible
    assert not panel.ui.reportButton.enabled
    wait(host, lambda: not panel.session.busy)
    assert panel.notices.shown[0][0] == "info", panel.notices.shown
    folder = tmp_path / "report"
    assert (folder / "report.pdf").read_bytes().startswith(b"%PDF-")
    assert (folder / "report.html").exists()
    assert not (folder / "print.html").exists()
    (row,) = csv.DictReader((folder / "case.csv").open())
    assert (row["id"], row["decision"], row["signature"]) == ("patient 7", "rejected", "signed")
    assert not panel.ui.progressBar.visible


def test_writing_can_be_cancelled(panel, host, tmp_path):
    panel.ui.folderEdit.setCurrentPath(str(tmp_path))
    click(panel.ui.reportButton)
    host.app.processEvents()
    click(panel.ui.cancelButton)
    assert panel.session.busy == ""
    assert list(tmp_path.iterdir()) == []
    assert panel.ui.reportButton.enabled


@pytest.mark.usefixtures("noChild")
def test_the_transform_and_the_moved_volume_are_made(panel, host, tmp_path):
    assert "fixed points to moving points" in panel.ui.directionLabel.text.replace("\n", " ")
    panel.ui.folderEdit.setCurrentPath(str(tmp_path))
    click(panel.ui.transformButton)
    wait(host, lambda: not panel.session.busy)
    assert (tmp_path / "transform" / "inverse.h5").exists()
    assert not (tmp_path / "transform" / "moved.nii.gz").exists()
    click(panel.ui.movedButton)
    wait(host, lambda: not panel.session.busy)
    assert slicer.util.getNode("t1w on flair").GetImageData().GetDimensions() == (30, 26, 12)


def test_a_closed_scene_is_survived(panel, host, tmp_path):
    panel.ui.folderEdit.setCurrentPath(str(tmp_path))
    click(panel.ui.reportButton)
    host.app.processEvents()
    slicer.mrmlScene.Clear()
    host.app.processEvents()
    assert panel.session.busy == ""
    assert panel.ui.decisionTable.rowCount == 0
    assert list(tmp_path.iterdir()) == []


def test_everything_can_be_read_aloud(panel):
    for widget in panel.widget.findChildren(qt.QWidget):
        if widget.inherits("QAbstractButton") or widget.inherits("QLineEdit"):
            named = widget.accessibleName or widget.parent().accessibleName
            assert named or not widget.objectName or widget.objectName.startswith("qt_")
