"""The Correct panel with real mouse and keys: move, preview, keep, undo, leave nothing behind."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
from correct.hands import (
    SHIFT,
    FakeRegistration,
    FakeRepair,
    childGone,
    click,
    drag,
    errors,
    middleOf,
    part,
    redView,
    toggle,
    wait,
)
from correct.support import POINTS, mapped, names, volumeNode
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from SlicerHost.keyboard import press

from RegQCScene.check_comparison import comparison
from RegQCScene.handles import handlesShown
from RegQCScene.working_transform import workingTransformOf
from RegQCUI import correct_register, correct_slices


def test_nothing_is_in_the_scene_before_a_correction(panel, host):
    parameters = panel.session.parameters
    assert parameters.workingTransform is None
    assert names(parameters) == []
    assert not panel.ui.undoButton.enabled
    assert not panel.ui.restoreButton.enabled
    assert panel.ui.previewFrame.isHidden()
    assert panel.ui.liveGroup.isHidden()


def test_arrow_keys_move_the_image_as_it_is_seen(panel, host):
    ui, parameters = part(panel, "MovePart").ui, panel.session.parameters
    ui.nudgeViewSelector.setCurrentIndex(ui.nudgeViewSelector.findText("Red (axial)"))
    parameters.nudgeMm = 2.5
    toggle(ui.keysBox)
    assert ui.keysBox.checked
    redView().setFocus()
    host.app.processEvents()
    press(host.window, Qt.Key.Key_Right)
    np.testing.assert_allclose(mapped(parameters), POINTS + np.array([2.5, 0, 0]), atol=1e-9)
    press(host.window, Qt.Key.Key_Up)
    press(host.window, Qt.Key.Key_PageDown)  # away from who looks from the feet
    expected = POINTS + np.array([2.5, -2.5, -2.5])
    np.testing.assert_allclose(mapped(parameters), expected, atol=1e-9)
    press(host.window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    press(host.window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    np.testing.assert_allclose(mapped(parameters), POINTS + np.array([2.5, 0, 0]), atol=1e-9)
    press(host.window, Qt.Key.Key_Y, Qt.KeyboardModifier.ControlModifier)
    assert len(panel.session.history) == 2
    start = mapped(parameters)
    press(host.window, Qt.Key.Key_Left, Qt.KeyboardModifier.ShiftModifier)
    assert "counterclockwise" in panel.session.history.undoText
    assert not np.allclose(mapped(parameters), start)


def test_arrow_keys_stay_with_fields_that_are_typed_into(panel, host):
    ui, parameters = part(panel, "MovePart").ui, panel.session.parameters
    toggle(ui.keysBox)
    ui.nudgeMmBox.setFocus()
    host.app.processEvents()
    press(host.window, Qt.Key.Key_Up)
    assert parameters.nudgeMm == 1.5
    assert len(panel.session.history) == 0
    redView().setFocus()
    host.app.processEvents()
    toggle(ui.keysBox)
    redView().setFocus()
    press(host.window, Qt.Key.Key_Up)
    assert len(panel.session.history) == 0


def test_a_series_of_steps_is_compared_with_what_was_before_it(panel, host):
    ui, parameters = part(panel, "MovePart").ui, panel.session.parameters
    live = panel.control.live

    def scored(button):
        click(button)
        goal = mapped(parameters)[1]
        wait(host, lambda: live.scores and np.allclose(errors(live.scores), goal))
        return goal

    first = scored(ui.upButton)
    for _ in range(3):
        last = scored(ui.rightButton)
        np.testing.assert_allclose(errors(live.before), first)
    assert len(panel.session.history) == 2
    scored(ui.downButton)
    np.testing.assert_allclose(errors(live.before), last)


def test_buttons_move_and_turn(panel, host):
    ui, parameters = part(panel, "MovePart").ui, panel.session.parameters
    ui.nudgeViewSelector.setCurrentIndex(ui.nudgeViewSelector.findText("Green (coronal)"))
    click(ui.upButton)
    np.testing.assert_allclose(mapped(parameters), POINTS - np.array([0, 0, 1.0]), atol=1e-9)
    click(ui.clockwiseButton)
    assert panel.session.history.undoText.startswith("Turn 1 degrees clockwise")
    click(panel.ui.restoreButton)
    np.testing.assert_allclose(mapped(parameters), POINTS, atol=1e-9)
    click(panel.ui.undoButton)
    assert not np.allclose(mapped(parameters), POINTS)
    assert panel.ui.redoButton.toolTip == "Restore the original"


def test_a_handle_is_dragged_and_scores_follow(panel, host):
    ui, parameters = part(panel, "MovePart").ui, panel.session.parameters
    toggle(ui.handlesBox)
    working = parameters.workingTransform
    assert handlesShown(working)
    live = panel.control.live
    wait(host, lambda: live.scores)
    assert live.status == ""
    answers, start = live.updates, mapped(parameters)[1]
    view = redView()
    view.forceRender()
    drag(host, view, middleOf(view), QPoint(3, 2))
    assert not np.allclose(mapped(parameters)[1], start)
    assert live.updates > answers or live._stale or live._probe.busy
    wait(host, lambda: np.allclose(errors(live.scores), mapped(parameters)[1]))
    assert panel.ui.axialNowLabel.text == f"{mapped(parameters)[1][2]:.1f} mm"
    assert panel.ui.axialBeforeLabel.text == f"{start[2]:.1f} mm"
    wait(host, lambda: not panel.control._settle.isActive())
    assert panel.session.history.undoText.startswith("Drag by ")
    while panel.session.history.undoText:  # more than one where the machine is too busy
        click(panel.ui.undoButton)
    np.testing.assert_allclose(mapped(parameters)[1], start)
    wait(host, lambda: np.allclose(errors(live.scores), start))
    toggle(ui.handlesBox)
    assert not handlesShown(working)


def test_a_drag_anywhere_moves_the_image_where_slicer_can(panel, host):
    ui, parameters = part(panel, "MovePart").ui, panel.session.parameters
    if ui.anywhereBox.isHidden():
        pytest.skip("this Slicer cannot")
    toggle(ui.handlesBox)
    toggle(ui.anywhereBox)
    view = redView()
    view.forceRender()
    before = mapped(parameters)
    drag(host, view, middleOf(view) + QPoint(-90, 70), QPoint(4, 0))
    assert not np.allclose(mapped(parameters), before)


def test_a_registration_is_previewed_kept_and_undone(panel, host, monkeypatch):
    monkeypatch.setattr(correct_register, "RegistrationJob", FakeRegistration)
    ui, parameters = part(panel, "RegisterPart").ui, panel.session.parameters
    panel.ui.correctTabs.setCurrentIndex(1)
    kinds = [ui.registerKindSelector.itemData(n) for n in range(ui.registerKindSelector.count)]
    assert kinds == ["rigid", "similarity", "affine", "deformable"]
    ui.registerKindSelector.setCurrentIndex(0)
    click(ui.registerButton)
    wait(host, lambda: panel.control.previewed)
    assert FakeRegistration.asked[0] == "rigid"
    assert FakeRegistration.asked[1]["roiNode"] is None
    assert ui.registerResultLabel.text == "rigid: 4 mm before, 0 after"
    assert names(parameters) == ["preview"]
    assert not part(panel, "MovePart").widget.enabled
    np.testing.assert_allclose(mapped(parameters), SHIFT.apply(POINTS), atol=1e-9)
    click(panel.ui.previewBeforeButton)
    np.testing.assert_allclose(mapped(parameters), POINTS, atol=1e-9)
    click(panel.ui.previewBeforeButton)
    checks = []
    monkeypatch.setattr(panel.session, "check", checks.append)
    parameters.checkCorrections = True
    click(panel.ui.previewKeepButton)
    assert len(checks) == 1
    assert names(parameters) == ["working"]
    np.testing.assert_allclose(mapped(parameters), SHIFT.apply(POINTS), atol=1e-9)
    click(panel.ui.undoButton)
    np.testing.assert_allclose(mapped(parameters), POINTS, atol=1e-9)


def test_a_dropped_preview_changes_nothing(panel, host, monkeypatch):
    monkeypatch.setattr(correct_register, "RegistrationJob", FakeRegistration)
    parameters = panel.session.parameters
    panel.ui.correctTabs.setCurrentIndex(1)
    toggle(part(panel, "RegisterPart").ui.registerInRoiBox)
    assert parameters.registerInRoi
    assert parameters.roi.GetNumberOfControlPoints() == 1
    click(part(panel, "RegisterPart").ui.registerButton)
    wait(host, lambda: panel.control.previewed)
    assert FakeRegistration.asked[1]["roiNode"] is parameters.roi
    click(panel.ui.previewDropButton)
    np.testing.assert_allclose(mapped(parameters), POINTS, atol=1e-9)
    assert panel.ui.previewFrame.isHidden()
    assert len(panel.session.history) == 0


def test_landmarks_are_placed_by_clicks_and_fitted(panel, host):
    landmarks, parameters = part(panel, "LandmarksPart"), panel.session.parameters
    ui = landmarks.ui
    panel.ui.correctTabs.setCurrentIndex(2)
    view = redView()
    view.forceRender()
    middle = middleOf(view)
    for offset in (QPoint(-40, -30), QPoint(50, -10), QPoint(0, 45), QPoint(-30, 30)):
        for shift in (QPoint(0, 0), QPoint(10, 0)):  # the partner lies 10 pixels beside
            click(ui.placeButton)
            host.app.processEvents()
            place = middle + offset + shift
            QTest.mouseMove(view, place)
            host.app.processEvents()
            QTest.mouseClick(view, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)
            host.app.processEvents()
    wait(host, lambda: ui.landmarkTable.rowCount == 4)
    wait(host, lambda: ui.fitButton.enabled)
    for row in range(4):
        for column in (2, 3):  # what is left there, and where the fit did not know the pair
            assert 0 <= float(ui.landmarkTable.item(row, column).text().removesuffix(" mm")) < 1
    assert "at pairs left out" in ui.fitResultLabel.text
    assert [ui.fitKindSelector.itemData(n) for n in range(3)] == ["rigid", "affine", "thin-plate"]
    apart = landmarks.pairs.nowMm
    assert apart.min() > 1
    np.testing.assert_allclose(apart, apart[0], rtol=0.1)
    assert ui.landmarkTable.item(0, 1).text() == f"{apart[0]:.2f} mm"
    for row in (2, 3):
        ui.landmarkTable.item(row, 0).setCheckState(Qt.CheckState.Unchecked)
    wait(host, lambda: not landmarks.pairs.used[2:].any() and not ui.fitButton.enabled)
    assert "at least 3 pairs" in ui.fitResultLabel.text
    ui.landmarkTable.item(2, 0).setCheckState(Qt.CheckState.Checked)
    wait(host, lambda: ui.fitButton.enabled)
    click(ui.fitButton)
    wait(host, lambda: panel.control.previewed)
    wait(host, lambda: landmarks.pairs.nowMm.max() < 0.5)
    click(panel.ui.previewKeepButton)
    assert panel.session.history.undoText.startswith("3 landmarks")
    ui.landmarkTable.selectRow(1)
    click(ui.removePairButton)
    wait(host, lambda: ui.landmarkTable.rowCount == 3)
    assert parameters.fixedLandmarks.GetNumberOfControlPoints() == 3


def test_slices_are_put_back_in_a_copy_that_is_kept_and_undone(panel, host, monkeypatch):
    monkeypatch.setattr(correct_slices, "SliceFixJob", FakeRepair)
    ui, parameters = part(panel, "SlicesPart").ui, panel.session.parameters
    fixed, moving = parameters.fixedVolume, parameters.movingVolume
    panel.ui.correctTabs.setCurrentIndex(3)
    click(ui.fixSlicesButton)
    wait(host, lambda: not ui.sliceFixFrame.isHidden())
    assert FakeRepair.asked[:2] == (moving, fixed)
    assert FakeRepair.asked[2]["slices"] is None
    assert "1 of 20 slices moved" in ui.sliceFixLabel.text
    shown = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")[0]
    copy = slicer.util.getNode("moving (slices put back)")
    assert shown.GetForegroundVolumeID() == copy.GetID()
    click(ui.sliceBeforeButton)
    assert shown.GetForegroundVolumeID() == moving.GetID()
    click(ui.sliceKeepButton)
    assert parameters.movingVolume is copy
    assert shown.GetForegroundVolumeID() == copy.GetID()
    click(panel.ui.restoreButton)
    assert parameters.movingVolume is moving
    assert shown.GetForegroundVolumeID() == moving.GetID()
    click(panel.ui.undoButton)
    assert parameters.movingVolume is copy
    click(panel.ui.undoButton)
    assert parameters.movingVolume is moving
    click(ui.fixSlicesButton)
    wait(host, lambda: not ui.sliceFixFrame.isHidden())
    click(ui.sliceDropButton)
    assert shown.GetForegroundVolumeID() == moving.GetID()
    assert ui.sliceFixFrame.isHidden()


def test_leaving_the_module_gives_keys_and_views_back(panel, host, module):
    ui, parameters = part(panel, "MovePart").ui, panel.session.parameters
    toggle(ui.keysBox)
    toggle(ui.handlesBox)
    wait(host, lambda: panel.control.live.scores)
    process = panel.control.live._probe._process
    host.window.moduleSelector().selectModule("")
    host.app.processEvents()
    assert not handlesShown(parameters.workingTransform)
    assert childGone(process)
    redView().setFocus()
    press(host.window, Qt.Key.Key_Right)
    assert len(panel.session.history) == 0
    host.window.moduleSelector().selectModule(module.name)
    host.app.processEvents()
    assert handlesShown(parameters.workingTransform)


@pytest.mark.parametrize("moment", ["live", "preview"])
def test_a_scene_that_closes_in_the_middle_is_survived(panel, host, monkeypatch, moment):
    monkeypatch.setattr(correct_register, "RegistrationJob", FakeRegistration)
    ui = part(panel, "MovePart").ui
    toggle(ui.handlesBox)
    wait(host, lambda: panel.control.live.scores)
    process = panel.control.live._probe._process
    if moment == "preview":
        click(part(panel, "RegisterPart").ui.registerButton)
        wait(host, lambda: panel.control.previewed)
    slicer.mrmlScene.Clear()
    host.app.processEvents()
    assert childGone(process)
    assert panel.control.working is None
    assert not panel.ui.undoButton.enabled
    assert panel.ui.previewFrame.isHidden()


def test_a_volume_that_is_removed_in_the_middle_is_survived(panel, host):
    toggle(part(panel, "MovePart").ui.handlesBox)
    wait(host, lambda: panel.control.live.scores)
    moving = panel.session.parameters.movingVolume
    slicer.mrmlScene.RemoveNode(moving)
    host.app.processEvents()
    assert not panel.control.live.running
    assert not part(panel, "MovePart").widget.enabled


def test_corrections_of_another_pair_are_its_own(panel, host):
    ui, parameters = part(panel, "MovePart").ui, panel.session.parameters
    click(ui.rightButton)
    first = parameters.movingVolume
    parameters.movingVolume = volumeNode("other", (20, 24, 28))
    host.app.processEvents()
    assert panel.control.working is None
    assert not panel.ui.undoButton.enabled
    click(ui.leftButton)
    assert workingTransformOf(parameters.movingVolume) is not workingTransformOf(first)
    parameters.movingVolume = first
    host.app.processEvents()
    assert panel.control.working is workingTransformOf(first)


def test_two_checks_are_compared_in_one_line(panel, host, monkeypatch):
    class Result:
        def __init__(self, verdict, mm):
            self.verdictText, self.errorMean = verdict, mm

    bad, good = Result("misaligned", 4.06), Result("aligned", 0.5)
    assert comparison(bad, good) == "Check: misaligned (4.1 mm) before, aligned (0.5 mm) now"
    assert comparison(None, Result("cannot tell", None)) == "Check: cannot tell"
    monkeypatch.setattr(panel.session, "check", lambda told: told(good))
    click(panel.ui.recheckButton)
    assert panel.ui.comparedLabel.text == "Check: aligned (0.5 mm)"
