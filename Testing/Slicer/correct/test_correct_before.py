"""Before and now in the Correct panel, which keys count where, and coming back to the module."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import slicer
from correct.hands import (
    FakeRegistration,
    FakeRepair,
    click,
    drag,
    errors,
    middleOf,
    part,
    redView,
    toggle,
    wait,
)
from correct.support import POINTS, field, mapped, volumeNode
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from scene.canned_check import CannedCheck
from SlicerHost.keyboard import press

from RegQCScene import check_job
from RegQCScene.handles import handlesShown
from RegQCScene.slice_views import jumpToPoint
from RegQCUI import correct_register, correct_slices


def scored(panel, host, button):
    """Click, and wait until the slices have their new scores."""
    click(button)
    return settled(panel, host)


def settled(panel, host):
    live, goal = panel.control.live, mapped(panel.session.parameters)[1]
    wait(host, lambda: live.scores and np.allclose(errors(live.scores), goal))
    return goal


def test_before_is_what_was_before_a_preview_until_the_next_correction(panel, host, monkeypatch):
    monkeypatch.setattr(correct_register, "RegistrationJob", FakeRegistration)
    live, ui = panel.control.live, part(panel, "MovePart").ui
    original = scored(panel, host, ui.upButton)
    panel.ui.correctTabs.setCurrentIndex(1)
    click(part(panel, "RegisterPart").ui.registerButton)
    wait(host, lambda: panel.control.previewed)
    now = settled(panel, host)
    assert not np.allclose(now, original)
    np.testing.assert_allclose(errors(live.before), original)
    for _ in range(2):  # look at what was before, and back
        scored(panel, host, panel.ui.previewBeforeButton)
        np.testing.assert_allclose(errors(live.before), original)
    click(panel.ui.previewKeepButton)
    settled(panel, host)
    np.testing.assert_allclose(errors(live.before), original)
    assert panel.ui.axialBeforeLabel.text == f"{original[2]:.1f} mm"
    panel.ui.correctTabs.setCurrentIndex(0)
    scored(panel, host, ui.downButton)
    np.testing.assert_allclose(errors(live.before), now)


def test_before_is_told_of_slices_that_come_into_view_later(panel, host):
    live, ui = panel.control.live, part(panel, "MovePart").ui
    start = mapped(panel.session.parameters)[1]
    click(ui.rightButton)  # the first of all, while nothing is scored yet
    wait(host, lambda: live.before)
    np.testing.assert_allclose(errors(live.before), start)
    settled(panel, host)
    first = live.before
    jumpToPoint((8, 8, 8))
    wait(host, lambda: live.before and live.before is not first)
    np.testing.assert_allclose(errors(live.before), start)
    assert panel.ui.axialBeforeLabel.text == f"{start[2]:.1f} mm"
    click(ui.rightButton)  # one more of the same: it still began there
    settled(panel, host)
    np.testing.assert_allclose(errors(live.before), start)
    moved = mapped(panel.session.parameters)[1]
    click(ui.upButton)
    settled(panel, host)
    np.testing.assert_allclose(errors(live.before), moved)
    jumpToPoint((0, 0, 0))
    wait(host, lambda: live.before and live.scores)
    np.testing.assert_allclose(errors(live.before), moved)
    assert panel.ui.liveStatusLabel.isHidden()


def test_where_before_cannot_be_told_it_is_said(panel, host):
    live, ui, control = panel.control.live, part(panel, "MovePart").ui, panel.control
    scored(panel, host, ui.rightButton)
    control.preview(field(), "bend")
    wait(host, lambda: live.before and not live._probe.working)
    jumpToPoint((8, 8, 8))
    wait(host, lambda: not panel.ui.liveStatusLabel.isHidden())
    assert "not in view then" in panel.ui.liveStatusLabel.text
    assert panel.ui.axialBeforeLabel.text == "-"
    jumpToPoint((0, 0, 0))
    wait(host, lambda: live.before)
    wait(host, panel.ui.liveStatusLabel.isHidden)


def test_handles_come_after_the_views(panel, host):
    parameters = panel.session.parameters
    toggle(part(panel, "MovePart").ui.handlesBox)
    wait(host, lambda: panel.control.live.scores)
    working, history = parameters.workingTransform, panel.session.history
    before, place = dict(panel.control.live.before), np.array([6.0, -5.0, 8.0])
    np.testing.assert_allclose(working.GetCenterOfTransformation(), 0, atol=1e-6)
    jumpToPoint(place)
    wait(host, lambda: np.allclose(working.GetCenterOfTransformation(), place, atol=1e-3))
    np.testing.assert_allclose(mapped(parameters), POINTS, atol=1e-9)
    assert len(history) == 0
    assert panel.control.live.before == before == {}


def test_handles_of_another_pair_go(panel, host):
    parameters = panel.session.parameters
    toggle(part(panel, "MovePart").ui.handlesBox)
    first = parameters.workingTransform
    assert handlesShown(first)
    parameters.movingVolume = volumeNode("other", (20, 24, 28))
    host.app.processEvents()
    assert not handlesShown(first)


def test_what_is_disabled_says_why(panel, host, monkeypatch):
    monkeypatch.setattr(correct_register, "RegistrationJob", FakeRegistration)
    parameters = panel.session.parameters
    assert panel.notices.shown == []
    panel.ui.correctTabs.setCurrentIndex(1)
    click(part(panel, "RegisterPart").ui.registerButton)
    wait(host, lambda: panel.control.previewed)
    assert panel.notices.shown == []
    panel.ui.correctTabs.setCurrentIndex(0)
    ((_level, text),) = panel.notices.shown
    assert text.startswith("Keep or drop the preview")
    click(panel.ui.previewDropButton)
    assert panel.notices.shown == []
    shear = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTransformNode", "gantry")
    matrix = np.eye(4)
    matrix[1, 2] = 0.2
    shear.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
    toggle(part(panel, "MovePart").ui.handlesBox)
    parameters.fixedVolume.SetAndObserveTransformNodeID(shear.GetID())
    panel.enter()
    ((_level, text),) = panel.notices.shown
    assert "gantry" in text
    assert not part(panel, "MovePart").widget.enabled
    assert panel.control.begin() is None
    parameters.fixedVolume = None
    ((_level, text),) = panel.notices.shown
    assert "Choose a fixed" in text


def test_lists_of_landmarks_that_are_chosen_by_hand_are_shown(panel, host):
    ui = part(panel, "LandmarksPart").ui
    panel.ui.correctTabs.setCurrentIndex(2)
    for name in ("fixed", "moving"):
        points = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", name)
        for place in ((0, 0, 0), (20, 0, 5), (0, 15, -8), (-9, 4, 10)):
            points.AddControlPointWorld(*place)
        getattr(ui, f"{name}LandmarksSelector").setCurrentNode(points)
    wait(host, lambda: ui.landmarkTable.rowCount == 4)
    assert ui.landmarkTable.item(3, 2).text() == "0.00 mm"


def test_a_comparison_of_checks_goes_with_the_next_step(panel, host, monkeypatch):
    good = SimpleNamespace(verdictText="aligned", errorMean=0.5)
    monkeypatch.setattr(panel.session, "check", lambda told: told(good))
    click(panel.ui.recheckButton)
    assert not panel.ui.comparedLabel.isHidden()
    click(part(panel, "MovePart").ui.upButton)
    assert panel.ui.comparedLabel.isHidden()


def test_repaired_slices_are_compared_with_the_check_of_the_original(panel, host, monkeypatch):
    canned = CannedCheck()
    monkeypatch.setattr(check_job, "childSteps", canned)
    monkeypatch.setattr(correct_slices, "SliceFixJob", FakeRepair)
    ui, session = part(panel, "SlicesPart").ui, panel.session
    click(panel.ui.recheckButton)
    wait(host, lambda: session.result is not None)
    assert panel.ui.comparedLabel.text.startswith("Check: misaligned (")
    panel.ui.correctTabs.setCurrentIndex(3)
    ui.stackPlaneSelector.setCurrentIndex(ui.stackPlaneSelector.findData("axial"))
    click(ui.fixSlicesButton)
    wait(host, lambda: not ui.sliceFixFrame.isHidden())
    assert FakeRepair.asked[2]["slices"] == [1, 2, 4]
    canned.verdict, session.parameters.checkCorrections = "aligned", True
    click(ui.sliceKeepButton)
    wait(host, lambda: panel.control.compared and not session.busy)
    assert "misaligned (" in panel.ui.comparedLabel.text
    assert ") before, aligned (" in panel.ui.comparedLabel.text


def test_a_repair_that_was_not_kept_goes_with_its_pair(panel, host, monkeypatch):
    monkeypatch.setattr(correct_slices, "SliceFixJob", FakeRepair)
    ui, parameters = part(panel, "SlicesPart").ui, panel.session.parameters
    panel.ui.correctTabs.setCurrentIndex(3)
    click(ui.fixSlicesButton)
    wait(host, lambda: not ui.sliceFixFrame.isHidden())
    other = volumeNode("other", (20, 24, 28))
    parameters.movingVolume = other
    host.app.processEvents()
    assert ui.sliceFixFrame.isHidden()
    assert slicer.mrmlScene.GetFirstNodeByName("moving (slices put back)") is None
    assert parameters.movingVolume is other


def test_arrow_keys_mean_the_view_that_was_clicked_when_the_mouse_is_elsewhere(panel, host):
    ui, parameters = part(panel, "MovePart").ui, panel.session.parameters
    parameters.nudgeMm = 2.0
    toggle(ui.keysBox)
    green = slicer.app.layoutManager().sliceWidget("Green").sliceView()
    crosshair = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLCrosshairNode")
    crosshair.SetCursorPositionInvalid()
    green.setFocus()
    host.app.processEvents()
    press(host.window, Qt.Key.Key_Up)  # up in a coronal view is to the head
    np.testing.assert_allclose(mapped(parameters), POINTS - np.array([0, 0, 2.0]), atol=1e-9)
    red = redView()
    QTest.mouseMove(red, middleOf(red))
    host.app.processEvents()
    press(host.window, Qt.Key.Key_Up)  # up in an axial view is to the front
    np.testing.assert_allclose(mapped(parameters), POINTS - np.array([0, 2.0, 2.0]), atol=1e-9)


def test_arrow_keys_stay_with_views_and_tabs_that_they_steer(panel, host):
    ui = part(panel, "MovePart").ui
    toggle(ui.keysBox)
    inside = slicer.app.layoutManager().threeDWidget(0).threeDView()
    for widget in (inside, panel.ui.correctTabs.tabBar()):
        widget.setFocus()
        host.app.processEvents()
        press(host.window, Qt.Key.Key_Up)
        assert len(panel.session.history) == 0
    redView().setFocus()
    press(host.window, Qt.Key.Key_Up)
    assert len(panel.session.history) == 1


def test_scores_follow_a_drag_also_after_another_module_was_open(panel, host, module):
    ui, live = part(panel, "MovePart").ui, panel.control.live
    toggle(ui.handlesBox)
    wait(host, lambda: live.scores)
    for name in ("", module.name):
        host.window.moduleSelector().selectModule(name)
        host.app.processEvents()
    wait(host, lambda: live.scores)
    view = redView()
    view.forceRender()
    start = mapped(panel.session.parameters)
    drag(host, view, middleOf(view), QPoint(3, 2))
    assert not np.allclose(mapped(panel.session.parameters), start)
    settled(panel, host)


def test_the_list_of_views_is_that_of_the_layout(panel, host):
    selector = part(panel, "MovePart").ui.nudgeViewSelector
    assert selector.findText("Green (coronal)") > 0
    slicer.app.layoutManager().setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutOneUpRedSliceView)
    host.app.processEvents()
    assert selector.findText("Green (coronal)") < 0
    assert selector.findText("Red (axial)") > 0
    slicer.app.layoutManager().setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)
