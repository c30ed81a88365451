"""The Check panel by clicks: verdict, slices, strips, overlays, progress and cancel."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
from PySide6 import QtCore, QtGui
from PySide6.QtTest import QTest

from .conftest import FLAGGED

LEFT = QtCore.Qt.MouseButton.LeftButton


class StuckJob:
    """A job that reports progress and then waits."""

    def __init__(self, folder):
        self.folder = folder
        self.running = True
        self.cancelled = False
        self.nodes = []

    def poll(self):
        from RegQCScene.job import Event

        return [] if self.cancelled else [Event("progress", "measuring", 0.25)]

    def cancel(self):
        self.running, self.cancelled = False, True

    def removeFolder(self):
        pass


def offsetOf(view: str) -> float:
    return slicer.app.layoutManager().sliceWidget(view).sliceLogic().GetSliceOffset()


def axialNormalPlace(panels, index: int) -> float:
    """Where the Red view stands when it shows the middle of an axial slice."""
    node = slicer.app.layoutManager().sliceWidget("Red").mrmlSliceNode()
    normal = slicer.util.arrayFromVTKMatrix(node.GetSliceToRAS())[:3, 2]
    return float(normal @ panels.session.result.positionRas("axial", index))


def test_the_button_waits_for_a_pair(panels):
    ui = panels.check.ui
    assert not ui.checkButton.enabled
    assert "fixed volume" in ui.checkButton.toolTip
    panels.choosePair()
    assert ui.checkButton.enabled
    assert ui.verdictLabel.text == "Not checked yet"
    assert not ui.resultsWidget.isVisible()
    assert not ui.progressBar.isVisible()


def test_progress_and_cancel(panels, tmp_path):
    panels.choosePair()
    nodes = slicer.mrmlScene.GetNumberOfNodes()
    ui, job = panels.check.ui, StuckJob(tmp_path)
    panels.session.run("Checking alignment", job, print)
    assert panels.settle(lambda: ui.progressBar.value == 250, 5)
    assert ui.progressBar.isVisible()
    assert "measuring" in ui.progressBar.format
    assert not ui.checkButton.enabled
    QTest.mouseClick(ui.cancelButton, LEFT)
    assert job.cancelled
    assert not ui.progressBar.isVisible()
    assert not ui.cancelButton.isVisible()
    assert ui.checkButton.enabled
    assert slicer.mrmlScene.GetNumberOfNodes() == nodes


def test_a_pair_that_cannot_be_read_is_told_above_the_panels(panels, monkeypatch):
    panels.choosePair()
    panels.fixed.SetAndObserveImageData(None)
    panels.check.onCheck()
    ((level, text),) = panels.widget.shell.notices.shown
    assert level == "error"
    assert text.startswith("flair: holds no voxels")


def test_a_declined_installation_starts_nothing(panels, monkeypatch):
    from RegQCUI import check_panel

    def declined():
        raise RuntimeError("nothing was installed")

    monkeypatch.setattr(check_panel, "ensureRequirements", declined)
    panels.choosePair()
    QTest.mouseClick(panels.check.ui.checkButton, LEFT)
    assert not panels.session.busy
    assert panels.widget.shell.notices.shown == [("error", "nothing was installed")]


@pytest.mark.parametrize(
    ("verdict", "title", "detail"),
    [
        ("misaligned", "Misaligned", "> 99 %"),
        ("aligned", "Aligned", "4 %"),
        ("cannot_tell", "Cannot tell", None),
    ],
)
def test_the_verdict_is_told_in_words_numbers_and_a_light(panels, verdict, title, detail):
    panels.choosePair()
    panels.showResult(verdict)
    ui = panels.check.ui
    assert ui.verdictLabel.text == title
    assert ui.reasonLabel.text == "Made up for a test."
    if detail is None:
        assert not ui.detailLabel.isVisible()
    else:
        assert detail in ui.detailLabel.text
        assert "4.4" in ui.detailLabel.text
    assert panels.check.notices.shown == [("warning", "the mask was resampled")]
    image = ui.verdictLight.pixmap.toImage()
    rim = QtGui.QColor(image.pixel(image.width() // 2, image.height() // 8))
    strongest = max(("red", rim.red()), ("green", rim.green()), key=lambda one: one[1])[0]
    assert strongest == {"aligned": "green"}.get(verdict, "red")
    assert rim.blue() < max(rim.red(), rim.green())


def test_a_click_on_a_row_shows_that_slice(panels):
    panels.choosePair()
    panels.showResult()
    table = panels.check.ui.sliceTable
    panels.inputs.ui.axisSelector.setCurrentIndex(3)
    panels.settle(seconds=0.05)
    assert table.rowCount == 29
    assert table.item(7, 0).text() == "axial"
    place = table.visualItemRect(table.item(5, 2)).center()
    QTest.mouseClick(table.viewport(), LEFT, pos=place)
    assert offsetOf("Red") == pytest.approx(axialNormalPlace(panels, 5), abs=1e-3)
    QTest.keyClick(table, QtCore.Qt.Key.Key_Down)
    assert offsetOf("Red") == pytest.approx(axialNormalPlace(panels, 6), abs=1e-3)


def test_headings_sort_and_flagged_slices_come_first_on_demand(panels):
    panels.choosePair()
    panels.showResult()
    panels.inputs.ui.axisSelector.setCurrentIndex(3)
    check = panels.check
    header = check.ui.sliceTable.horizontalHeader()

    def order() -> list[int]:
        return [one.index for _axis, one in check.list.rows]

    assert order() == list(range(29))
    x = header.sectionViewportPosition(4) + header.sectionSize(4) // 2
    QTest.mouseClick(header.viewport(), LEFT, pos=QtCore.QPoint(x, header.height // 2))
    assert order()[:3] == sorted(FLAGGED, reverse=True)  # the worst first
    assert order()[-8:] == [0, 1, 2, 3, 25, 26, 27, 28]  # nothing known of these
    x = header.sectionViewportPosition(1) + header.sectionSize(1) // 2
    QTest.mouseClick(header.viewport(), LEFT, pos=QtCore.QPoint(x, header.height // 2))
    assert order() == list(range(29))
    check.ui.flaggedFirstCheckBox.click()
    assert order() == [*FLAGGED, *(n for n in range(29) if n not in FLAGGED)]
    assert check.ui.sliceTable.item(0, 1).text() == "9"
    assert not check.ui.sliceTable.item(0, 0).icon().isNull()
    assert check.ui.sliceTable.item(3, 0).icon().isNull()


def test_a_long_table_is_filled_in_pieces(panels):
    panels.choosePair()
    panels.showResult()
    table = panels.check.ui.sliceTable
    rows = len(panels.session.result.slices())
    assert rows == table.rowCount == 151 + 197 + 29
    assert panels.settle(lambda: table.item(rows - 1, 4) is not None, 5)
    panels.check.list.setFlaggedFirst(True)
    assert table.item(rows - 1, 4) is None
    panels.check.showSlice("axial", 28)
    assert table.item(table.currentRow(), 1).text() == "28"


@pytest.mark.parametrize("plane", ["sagittal", "coronal", "axial"])
def test_a_click_on_a_strip_shows_that_slice(panels, plane):
    panels.choosePair()
    result = panels.showResult()
    strip = panels.check.strips[plane]
    slices = result.scores(plane)
    # as in the views: right and anterior are on the left, inferior on the left
    backward = plane != "axial"
    ordered = sorted(slices, key=lambda one: one.position_mm, reverse=backward)
    place = len(slices) * 2 // 3
    x = round((place + 0.5) * strip.widget.width / len(slices))
    QTest.mouseClick(strip.widget, LEFT, pos=QtCore.QPoint(x, 10))
    view = {"sagittal": "Yellow", "coronal": "Green", "axial": "Red"}[plane]
    node = slicer.app.layoutManager().sliceWidget(view).mrmlSliceNode()
    normal = slicer.util.arrayFromVTKMatrix(node.GetSliceToRAS())[:3, 2]
    index = ordered[place].index
    wanted = float(normal @ result.positionRas(plane, index))
    assert offsetOf(view) == pytest.approx(wanted, abs=1e-3)
    row = panels.check.ui.sliceTable.currentRow()
    assert panels.check.list.rows[row][0] == plane
    assert panels.check.list.rows[row][1].index == index
    assert f"slice {index}," in strip.widget.accessibleDescription
    QTest.keyClick(strip.widget, QtCore.Qt.Key.Key_Left)
    assert f"slice {ordered[place - 1].index}," in strip.widget.accessibleDescription


def test_the_strip_draws_errors_flags_and_gaps(panels):
    panels.choosePair()
    panels.showResult()
    strip = panels.check.strips["axial"]
    image = strip.widget.pixmap.toImage()
    width, height = image.width(), image.height()

    def filled(index: int) -> tuple[int, QtGui.QColor]:
        """Height of the bar of a slice, and its color."""
        x = int((index + 0.4) * width / 29)
        base = QtGui.QColor(image.pixel(x, height - 3))
        rows = [y for y in range(height) if QtGui.QColor(image.pixel(x, y)) == base]
        return len(rows), base

    flagged, orange = filled(10)
    normal, blue = filled(15)
    assert flagged > 3 * normal > 0
    assert orange.red() > orange.blue()
    assert blue.blue() > blue.red()
    assert filled(1)[0] <= 2  # nothing was measured there


def test_the_error_map_is_laid_over_and_taken_off(panels):
    panels.choosePair()
    panels.showResult()
    from RegQCScene.slice_views import compositeNodes

    map_id = panels.parameters.errorMap.GetID()

    def shown() -> bool:
        return all(
            any(
                map_id == node.GetNthLayerVolumeID(layer)
                for layer in range(3, 3 + node.GetNumberOfAdditionalLayers())
            )
            for node in compositeNodes()
        )

    box = panels.check.ui.errorMapCheckBox
    assert box.checked
    assert shown()
    legends = panels.check.ui.scaleLabel, panels.check.ui.notJudgedLabel
    assert all(one.isVisible() for one in legends)
    box.click()
    assert not shown()
    assert not any(one.isVisible() for one in legends)
    assert all(n.GetBackgroundVolumeID() == panels.fixed.GetID() for n in compositeNodes())


def test_views_that_appear_later_are_hatched_and_have_a_scale(panels):
    from RegQCScene.display.slice_view import layoutViews

    panels.choosePair()
    panels.showResult()

    def drawn() -> list[int]:
        return [view.renderer.GetViewProps().GetNumberOfItems() for view in layoutViews()]

    few = len(drawn())
    panels.host.layoutManager.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutThreeOverThreeView)
    withMap = drawn()
    assert len(withMap) > few
    panels.check.ui.errorMapCheckBox.click()
    assert [more - less for more, less in zip(withMap, drawn(), strict=True)] == [2] * len(withMap)


def test_flagged_slices_are_shown_and_hidden(panels):
    panels.choosePair()
    panels.showResult()
    box = panels.check.ui.flaggedSlicesCheckBox
    assert box.text == "Flagged slices (3)"
    display = panels.parameters.flaggedSlices.GetDisplayNode()
    assert not display.GetVisibility()
    box.click()
    assert display.GetVisibility()
    panels.showResult("aligned")
    assert not box.enabled


def test_the_plot_comes_and_goes(panels):
    panels.choosePair()
    panels.showResult()
    manager = slicer.app.layoutManager()
    before = manager.layout
    panels.check.ui.plotButton.click()
    panels.settle(seconds=0.05)
    assert manager.plotViewCount == 1
    assert manager.layout != before
    panels.check.ui.plotButton.click()
    assert manager.layout == before


def test_a_result_grows_old_when_its_inputs_change(panels):
    panels.choosePair()
    panels.showResult()
    old = ("warning", "The inputs changed after this check; check again.")
    assert not panels.settle(lambda: old in panels.check.notices.shown)
    nudge = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTransformNode", "nudge")
    panels.moving.SetAndObserveTransformNodeID(nudge.GetID())
    assert not panels.settle(lambda: old in panels.check.notices.shown)  # nothing has moved
    matrix = np.eye(4)
    matrix[0, 3] = 1.0
    nudge.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
    assert panels.settle(lambda: old in panels.check.notices.shown, 5)
    nudge.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(np.eye(4)))
    assert panels.settle(lambda: old not in panels.check.notices.shown, 5)
    panels.inputs.ui.toleranceSpinBox.setValue(4.0)
    assert panels.settle(lambda: old in panels.check.notices.shown, 5)


def test_a_map_of_another_place_is_not_shown(panels):
    from RegQCScene.slice_views import additionalLayers, compositeNodes

    panels.choosePair()
    panels.showResult()
    ui = panels.check.ui
    ui.flaggedSlicesCheckBox.click()
    flagged = panels.parameters.flaggedSlices.GetDisplayNode()

    def shown() -> bool:
        return any(len(additionalLayers(node)) for node in compositeNodes())

    assert shown()
    nudge = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTransformNode", "nudge")
    panels.moving.SetAndObserveTransformNodeID(nudge.GetID())
    matrix = np.eye(4)
    matrix[0, 3] = 1.0
    nudge.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
    assert panels.settle(lambda: not shown(), 60)
    assert not flagged.GetVisibility()
    assert ui.hiddenLabel.isVisible()
    assert ui.errorMapCheckBox.checked  # a user's wish stands
    ui.errorMapCheckBox.click()
    ui.errorMapCheckBox.click()
    assert shown()
    assert not ui.hiddenLabel.isVisible()
    nudge.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(np.eye(4)))
    assert panels.settle(flagged.GetVisibility, 60)
    assert shown()
    assert not ui.hiddenLabel.isVisible()


@pytest.mark.parametrize("dark", [False, True])
def test_words_and_bars_are_readable_in_dark_and_light(panels, dark):
    panels.choosePair()
    panels.showResult()
    panels.host.useDarkColors(dark)
    try:
        for widget in (panels.check.ui.verdictLabel, panels.check.strips["axial"].widget):
            pixels = pixelsOf(widget)
            values, counts = np.unique(pixels.reshape(-1, 3), axis=0, return_counts=True)
            ground = luminance(values[counts.argmax()])
            assert (ground < 0.2) == dark
            contrast = [ratio(luminance(value), ground) for value in values[counts > 3]]
            assert max(contrast) > 4.5
    finally:
        panels.host.useDarkColors(False)


def pixelsOf(widget) -> np.ndarray:
    image = widget.grab().toImage().convertToFormat(QtGui.QImage.Format.Format_RGB888)
    rows = np.frombuffer(bytes(image.constBits()), np.uint8).reshape(image.height(), -1)
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3)


def luminance(rgb) -> float:
    """Relative luminance, WCAG 2."""
    share = np.asarray(rgb) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


def ratio(one: float, other: float) -> float:
    """Contrast ratio, WCAG 2."""
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)


def test_a_result_comes_back_with_its_pair_and_with_a_saved_scene(panels, tmp_path):
    panels.choosePair()
    panels.showResult()
    panels.inputs.ui.movingSelector.setCurrentNode(None)
    assert panels.check.ui.verdictLabel.text == "Not checked yet"
    panels.inputs.ui.movingSelector.setCurrentNode(panels.moving)
    assert panels.check.ui.verdictLabel.text == "Misaligned"
    for view, plane in (("Red", "Axial"), ("Yellow", "Sagittal"), ("Green", "Coronal")):
        # Slicer itself complains of views that are turned when it reads their scene
        slicer.app.layoutManager().sliceWidget(view).mrmlSliceNode().SetOrientation(plane)
    path = str(tmp_path / "case.mrb")
    assert slicer.util.saveScene(path)
    slicer.mrmlScene.Clear()
    panels.settle(seconds=0.05)
    assert panels.check.ui.verdictLabel.text == "Not checked yet"
    slicer.util.loadScene(path)
    panels.settle(seconds=0.05)
    assert panels.check.ui.verdictLabel.text == "Misaligned"
    panels.check.showSlice("axial", 10)
    assert offsetOf("Red") == pytest.approx(axialNormalPlace(panels, 10), abs=1e-3)


def test_a_scene_that_closes_while_something_runs_is_survived(panels, tmp_path):
    panels.choosePair()
    job = StuckJob(tmp_path)
    panels.session.run("Checking alignment", job, print)
    panels.settle(seconds=0.1)
    slicer.mrmlScene.Clear()
    panels.settle(seconds=0.1)
    assert job.cancelled
    assert not panels.check.ui.progressBar.isVisible()
    assert panels.parameters.fixedVolume is None
