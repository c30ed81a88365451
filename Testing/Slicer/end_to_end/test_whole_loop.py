"""From two loaded volumes to a signed report and back from a saved scene, by clicks and keys."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import SimpleITK as sitk
from end_to_end.conftest import SHIFTED_SLICE
from end_to_end.desk import childProcesses

CORNERS = [(x, y, z) for x in (-60.0, 60.0) for y in (-80.0, 60.0) for z in (-60.0, 10.0)]
"""RAS mm, around the head."""


def test_cancel_in_the_middle_leaves_nothing(desk):
    before, nodes, pose = childProcesses(), desk.nodeIds(), desk.pose()
    ui = desk.open("CheckPanel")
    desk.click(ui.checkButton)
    desk.settle(lambda: ui.progressBar.value > 150, what="progress")
    started = childProcesses() - before
    assert started
    desk.click(ui.cancelButton)
    assert not ui.progressBar.isVisible()
    desk.settle(lambda: not started & childProcesses(), what="the end of the processes")
    assert desk.nodeIds() == nodes
    assert desk.leftFolders() == []
    np.testing.assert_array_equal(desk.pose(), pose)
    assert ui.verdictLabel.text == "Not checked yet"


def test_the_whole_loop(desk, tmp_path):
    check(desk)
    jump(desk)
    inspect(desk)
    nudge(desk)
    drag(desk)
    register(desk)
    undo_and_redo(desk)
    fix_slice(desk)
    decide(desk)
    write_files(desk, tmp_path / "files")
    reopen(desk, tmp_path / "case.mrb")


def check(desk):
    ui = desk.open("CheckPanel")
    desk.click(ui.checkButton)
    desk.idle()
    result = desk.session.result
    assert ui.verdictLabel.text == "Misaligned"
    assert 2.5 < result.errorMean < 6.5  # truly 3.9 mm over the head
    assert f"{result.errorP95:.1f}" in ui.detailLabel.text
    assert desk.session.parameters.errorMap is not None
    assert desk.leftFolders() == []


def jump(desk):
    desk.open("InputsPanel").axisSelector.setCurrentIndex(3)
    ui = desk.open("CheckPanel")
    table = ui.sliceTable
    index = 12
    desk.clickRow(table, index)
    assert table.item(index, 0).text() == "axial"
    node = desk.host.layoutManager.sliceWidget("Red").mrmlSliceNode()
    normal = desk.slicer.util.arrayFromVTKMatrix(node.GetSliceToRAS())[:3, 2]
    place = normal @ desk.session.result.positionRas("axial", index)
    assert desk.offset("Red") == pytest.approx(place, abs=1e-3)
    desk.click(ui.errorMapCheckBox)
    clear = desk.picture("Red")
    desk.click(ui.errorMapCheckBox)
    covered = np.any(desk.picture("Red") != clear, axis=2)
    assert 0.1 < covered.mean() < 0.9


def inspect(desk):
    desk.click(desk.open("CheckPanel").errorMapCheckBox)
    ui = desk.open("InspectPanel")
    before = desk.picture("Red")
    desk.click(ui.edgesButton)
    assert yellow(desk.picture("Red")) > 200 + yellow(before)
    desk.key("E")
    assert not ui.edgesButton.checked
    np.testing.assert_array_equal(desk.picture("Red"), before)


def nudge(desk):
    ui = desk.open("CorrectPanel")
    moves = desk.panels["CorrectPanel"].parts[0].ui
    selector = moves.nudgeViewSelector
    selector.setCurrentIndex(selector.findText("Red", desk.qt.MatchFlag.MatchStartsWith))
    moves.nudgeMmBox.setValue(2.0)
    desk.click(moves.keysBox, (10, 8))
    before = desk.pose()
    desk.key("Right")
    # right on the screen is the patient's left; the views lie along the oblique fixed volume
    shift = (desk.pose() @ np.linalg.inv(before))[:3, 3]
    assert np.linalg.norm(shift) == pytest.approx(2.0, abs=1e-6)
    assert shift[0] < -1.8
    desk.settle(lambda: ui.axialNowLabel.text != "-", what="live scores")
    assert "mm" in ui.axialNowLabel.text
    desk.key("Z", desk.qt.KeyboardModifier.ControlModifier)
    np.testing.assert_allclose(desk.pose(), before, atol=1e-9)
    assert not ui.undoButton.enabled
    assert ui.redoButton.enabled


def drag(desk):
    from SlicerHost import mouse

    ui = desk.open("CorrectPanel")
    moves = desk.panels["CorrectPanel"].parts[0].ui
    before = desk.pose()
    desk.click(moves.handlesBox, (10, 8))
    working = desk.session.parameters.workingTransform
    center = working.GetCenterOfTransformation()
    view = desk.view("Red")
    view.forceRender()
    x, y = desk.place("Red", center)
    mouse.drag(view, (x, y), (x + 18, y))
    desk.settle(lambda: ui.undoButton.toolTip.startswith("Drag"), what="a step of the drag")
    shift = (desk.pose() @ np.linalg.inv(before))[:3, 3]
    assert shift[0] < -2  # to the right as it is seen
    while ui.undoButton.enabled:  # several steps where the computer is too busy
        desk.click(ui.undoButton)
    np.testing.assert_allclose(desk.pose(), before, atol=1e-9)
    desk.click(moves.handlesBox, (10, 8))


def register(desk):
    ui = desk.open("CorrectPanel")
    part = desk.panels["CorrectPanel"].parts[1].ui
    tabs = ui.correctTabs
    desk.click(tabs.tabBar(), _center(tabs.tabBar().tabRect(1)))
    assert part.registerKindSelector.currentText.startswith("Shift and turn")
    desk.click(part.registerButton)
    desk.idle()
    assert ui.previewFrame.isVisible()
    assert "aligned" in part.registerResultLabel.text
    assert largest_motion(desk.pose()) < 1.0  # the sample lies right as it was acquired
    desk.click(ui.previewBeforeButton)
    assert largest_motion(desk.pose()) > 3.0
    desk.click(ui.previewBeforeButton)
    desk.click(ui.previewKeepButton)
    desk.idle()
    assert not ui.previewFrame.isVisible()
    assert largest_motion(desk.pose()) < 1.0
    assert desk.session.result.verdict == "aligned"
    assert "misaligned" in ui.comparedLabel.text.partition("before")[0]
    assert "misaligned" not in ui.comparedLabel.text.partition("before")[2]


def undo_and_redo(desk):
    ui, kept = desk.open("CorrectPanel"), desk.pose()
    desk.click(ui.undoButton)
    assert largest_motion(desk.pose()) > 3.0
    desk.click(ui.redoButton)
    np.testing.assert_allclose(desk.pose(), kept, atol=1e-9)
    user = desk.moving.GetParentTransformNode()
    assert user.GetName() == "moved"  # never hardened, never changed
    checked = desk.panels["CheckPanel"]
    desk.settle(lambda: not checked.notices.shown, what="a result that counts again")


def fix_slice(desk):
    ui = desk.open("CorrectPanel")
    flagged = [index for plane, index in places(desk) if plane == "axial"]
    assert SHIFTED_SLICE in flagged
    slices = desk.panels["CorrectPanel"].parts[3].ui
    desk.click(ui.correctTabs.tabBar(), _center(ui.correctTabs.tabBar().tabRect(3)))
    desk.click(slices.fixSlicesButton)
    desk.idle()
    assert slices.sliceFixFrame.isVisible(), slices.sliceFixLabel.text
    desk.click(slices.sliceKeepButton)
    desk.moving = desk.session.parameters.movingVolume
    desk.idle()
    assert desk.moving.GetName() == "T1w (slices put back)"
    assert ("axial", SHIFTED_SLICE) not in places(desk)
    assert desk.session.result.verdict == "aligned"


def places(desk):
    return [(plane, one.index) for plane, one in desk.session.result.flagged()]


def decide(desk):
    ui = desk.open("RecordPanel")
    ui.filterSelector.setCurrentIndex(ui.filterSelector.findText("All slices"))
    desk.clickRow(ui.decisionTable, 3)
    desk.test.keyClicks(ui.sliceComment, "looked at it")
    desk.click(ui.acceptSlicesButton)
    assert ui.decisionTable.item(3, 2).text() == "accepted"
    ui.reviewerEdit.setText("")
    desk.test.keyClicks(ui.reviewerEdit, "Dr A")
    desk.test.keyClicks(ui.caseComment, "fine after a rigid registration")
    desk.click(ui.acceptCaseButton)
    assert ui.signatureLabel.text.startswith("Accepted by Dr A, ")
    assert "Signed" in ui.signatureLabel.text


def write_files(desk, folder):
    ui = desk.open("RecordPanel")
    folder.mkdir()
    ui.folderEdit.setCurrentPath(str(folder))
    desk.click(ui.pdfCheckBox, (8, 8))  # takes long, and has tests of its own
    desk.click(ui.reportButton)
    desk.idle()
    report = json.loads((folder / "report" / "report.json").read_text())
    assert report["verdict"] == "aligned"
    page = (folder / "report" / "report.html").read_text()
    assert "fine after a rigid registration" in page
    with (folder / "report" / "case.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert (row["decision"], row["signature"], row["reviewer"]) == ("accepted", "signed", "Dr A")
    desk.click(ui.transformButton)
    desk.idle()
    written = sitk.ReadTransform(str(folder / "transform" / "transform.h5"))
    fixed_to_moving = np.linalg.inv(desk.pose())
    for ras in CORNERS:
        lps = written.TransformPoint((-ras[0], -ras[1], ras[2]))
        expected = (fixed_to_moving @ (*ras, 1.0))[:3]
        np.testing.assert_allclose((-lps[0], -lps[1], lps[2]), expected, atol=1e-3)


def reopen(desk, path):
    before = desk.session.result.summary()
    pose, rows = desk.pose(), desk.panels["RecordPanel"].ui.decisionTable.rowCount
    assert desk.slicer.util.saveScene(str(path))
    desk.slicer.mrmlScene.Clear()
    desk.settle()
    ui = desk.panels["CheckPanel"].ui
    assert ui.verdictLabel.text == "Not checked yet"
    desk.slicer.util.loadScene(str(path))
    desk.settle()
    parameters = desk.session.parameters
    desk.fixed, desk.moving = parameters.fixedVolume, parameters.movingVolume
    assert ui.verdictLabel.text == "Aligned"
    assert desk.session.result.summary() == before
    np.testing.assert_allclose(desk.pose(), pose, atol=1e-6)
    record = desk.open("RecordPanel")
    assert record.signatureLabel.text.startswith("Accepted by Dr A, ")
    assert "sign again" not in record.signatureLabel.text
    assert record.caseComment.plainText == "fine after a rigid registration"
    record.filterSelector.setCurrentIndex(record.filterSelector.findText("All slices"))
    assert record.decisionTable.rowCount == rows
    assert "looked at it" in record.decisionTable.item(3, 3).text()
    correct = desk.open("CorrectPanel")
    desk.click(correct.restoreButton)
    assert largest_motion(desk.pose()) > 3.0  # the working transform was known again


def yellow(pixels):
    red, green, blue = (pixels[..., channel] for channel in range(3))
    return int(np.sum((red > 180) & (green > 140) & (blue < 90)))


def largest_motion(matrix):
    """Of the corners of a box around the head, in mm."""
    points = np.array([(*corner, 1.0) for corner in CORNERS])
    return float(np.linalg.norm((points @ matrix.T - points)[:, :3], axis=1).max())


def _center(rectangle):
    return rectangle.center().x(), rectangle.center().y()
