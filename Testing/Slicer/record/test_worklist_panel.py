"""The Worklist panel, clicked: open, next, previous, what comes back, what is said."""

from __future__ import annotations

import time

import numpy as np
import pytest
import slicer
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from SlicerHost.keyboard import press

from RegQCLib.geometry.image_io import save_volume
from RegQCLib.geometry.volume import Volume
from RegQCScene import case_nodes
from RegQCScene.decisions import decide, decisionsOf
from RegQCScene.slice_views import compositeNodes

AFFINE = np.diag([2.0, 2.5, 5.0, 1.0])


@pytest.fixture
def source(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("f", "m"):
        values = rng.normal(100, 9, (12, 26, 30)).astype(np.float32)
        save_volume(Volume(values, AFFINE), tmp_path / f"{name}.nii.gz")
    file = tmp_path / "cases.csv"
    file.write_text("id,fixed,moving\na,f.nii.gz,m.nii.gz\nbad,gone.nii.gz,m.nii.gz\n"
                    "b,f.nii.gz,m.nii.gz\n")  # fmt: skip
    return file


@pytest.fixture
def panel(module, host):
    shell = module.widgetRepresentation().self().shell
    made = next(one for one in shell.panels if type(one).__name__ == "WorklistPanel")
    section = next(s for s in shell.sections if s.objectName == "WorklistPanelSection")
    section.collapsed = False
    host.app.processEvents()
    return made


@pytest.fixture
def opened(panel, host, source, tmp_path):
    """The panel with the list open, no case yet."""
    panel.ui.sourceEdit.setCurrentPath(str(source))
    panel.ui.outputEdit.setCurrentPath(str(tmp_path / "out"))
    click(panel.ui.openButton)
    return panel


def click(widget):
    assert widget.enabled
    QTest.mouseClick(widget, Qt.MouseButton.LeftButton)


def wait(host, panel, seconds=60):
    end = time.monotonic() + seconds
    while panel.session.busy:
        assert time.monotonic() < end, f"still busy: {panel.session.busy}"
        host.app.processEvents()
        time.sleep(0.01)


def cells(panel, row):
    table = panel.ui.caseTable
    return [table.item(row, column).text() for column in range(table.columnCount)]


def test_a_list_needs_a_source_and_a_place(panel):
    click(panel.ui.openButton)
    assert "Choose the list" in panel.notices.shown[0][1]
    panel.ui.sourceEdit.setCurrentPath("/nowhere/cases.csv")
    panel.ui.outputEdit.setCurrentPath("/nowhere/out")
    click(panel.ui.openButton)
    ((level, text),) = panel.notices.shown
    assert level == "error"
    assert "no such file or folder" in text
    assert panel.ui.statusLabel.text == "No list is open."
    assert not panel.ui.nextButton.enabled


def test_the_list_is_shown_and_bad_rows_are_named(opened):
    assert [cells(opened, row)[:2] for row in range(2)] == [["a", "not checked"],
                                                            ["b", "not checked"]]  # fmt: skip
    ((level, text),) = opened.notices.shown
    assert level == "warning"
    assert text.startswith("cases.csv, line 3: fixed ")
    assert opened.ui.statusLabel.text == "0 of 2 cases are decided."
    assert opened.ui.nextButton.enabled
    assert not opened.ui.saveButton.enabled


def test_what_makes_the_window_wait_is_said_before(opened, host, monkeypatch):
    monkeypatch.setattr(case_nodes, "FELT_BYTES", 100)
    said = set()
    opened.session.progressChanged.connect(lambda *_: said.add(opened.ui.statusLabel.text))
    click(opened.ui.nextButton)
    wait(host, opened)
    for what in ("reading f.nii.gz", "reading m.nii.gz", "showing the images"):
        assert f"Opening a: {what}; the window stands still for a moment" in said


def test_from_case_to_case_and_back(opened, host, storeCheck):
    session = opened.session
    said = set()
    session.progressChanged.connect(lambda *_: said.add(opened.ui.statusLabel.text))
    click(opened.ui.nextButton)
    wait(host, opened)
    assert "Opening a: reading f.nii.gz" in said
    assert session.parameters.fixedVolume.GetName() == "a fixed"
    pair = session.parameters.fixedVolume.GetID(), session.parameters.movingVolume.GetID()
    for node in compositeNodes():  # the case is what is seen
        assert (node.GetBackgroundVolumeID(), node.GetForegroundVolumeID()) == pair
    red = slicer.app.layoutManager().sliceWidget("Red").mrmlSliceNode()
    assert red.GetFieldOfView()[0] >= 30 * 2.0
    assert "Open: a." in opened.ui.statusLabel.text
    storeCheck(session)
    wait(host, opened)
    assert cells(opened, 0)[1:4] == ["misaligned", "2.8 mm", "3"]
    decide(session, [("axial", 5)], "rejected")
    click(opened.ui.nextButton)
    wait(host, opened)
    assert session.parameters.fixedVolume.GetName() == "b fixed"
    assert session.result is None
    assert not opened.ui.nextButton.enabled
    click(opened.ui.previousButton)
    wait(host, opened)
    assert session.result.verdict == "misaligned"
    assert len(decisionsOf(session.parameters).slices) == 1
    assert slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")[0].GetName() == "a fixed"


def test_a_case_is_opened_by_double_click_and_closed(opened, host):
    table = opened.ui.caseTable
    place = table.visualItemRect(table.item(1, 0)).center()
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    QTest.mouseDClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    wait(host, opened)
    assert opened.worklist.case.id == "b"
    click(opened.ui.closeButton)
    wait(host, opened)
    assert opened.worklist.case is None
    assert list(slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")) == []


def test_keys_go_from_case_to_case(opened, host):
    keys = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    press(host.window, Qt.Key.Key_N, keys, at=opened.ui.caseTable)
    wait(host, opened)
    assert opened.worklist.case.id == "a"


def test_a_closed_scene_closes_the_case_and_not_the_list(opened, host):
    click(opened.ui.nextButton)
    wait(host, opened)
    slicer.mrmlScene.Clear()
    host.app.processEvents()
    assert opened.worklist.case is None
    click(opened.ui.nextButton)
    wait(host, opened)
    assert opened.worklist.case.id == "a"
