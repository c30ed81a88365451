"""Slice and 3D views: what they show, what mouse and keys do, and when they render."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import qt
import slicer
from PySide6.QtTest import QTest
from SlicerHost import mouse


@pytest.fixture
def volume(host: Any) -> Any:
    """A block of 40 x 50 x 30 mm, dark at the left and bright at the right, about the origin."""
    voxels = np.tile(np.linspace(0, 100, 40), (30, 50, 1))
    affine = np.diag([1.0, 1.0, 1.0, 1.0])
    affine[:3, 3] = (-20, -25, -15)
    node = slicer.util.addVolumeFromArray(voxels, affine, "block")
    node.CreateDefaultDisplayNodes()
    node.GetDisplayNode().SetAutoWindowLevel(False)
    node.GetDisplayNode().SetWindowLevelMinMax(0, 100)
    slicer.util.setSliceViewerLayers(background=node, fit=True)
    host.app.processEvents()
    return node


@pytest.fixture
def red(host: Any) -> Any:
    return host.layoutManager.sliceWidget("Red")


def pixels(view: Any) -> np.ndarray:
    """What the view shows: (height, width) of red, from above."""
    view.forceRender()
    image = view.image().convertToFormat(qt.QImage.Format_RGB888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), -1)
    colors = rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3)
    return colors[..., 0].copy()  # the image goes, and its memory with it


def placeOf(view: Any, ras: tuple[float, float, float]) -> tuple[float, float]:
    x, y, _z = view.convertRASToXYZ(ras)
    return x, view.height - 1 - y


def test_the_view_shows_the_volume_in_its_place(volume: Any, red: Any) -> None:
    view = red.sliceView()
    shown = pixels(view)
    for x in (-15.0, 0.0, 15.0):
        across, down = placeOf(view, (x, 3.0, 0.0))
        expected = (x + 20) / 39 * 255
        assert shown[round(down), round(across)] == pytest.approx(expected, abs=6)
    left, right = placeOf(view, (-20.0, 0, 0))[0], placeOf(view, (19.0, 0, 0))[0]
    assert left > right  # radiologists look from the feet: the patient's right is at the left


def test_device_and_world_coordinates(volume: Any, red: Any) -> None:
    view = red.sliceView()
    ras = (3.0, -4.0, view.mrmlSliceNode().GetSliceOffset())
    np.testing.assert_allclose(view.convertXYZToRAS(view.convertRASToXYZ(ras)), ras, atol=1e-6)


def test_the_foreground_is_blended(volume: Any, red: Any) -> None:
    other = slicer.util.addVolumeFromArray(np.full((30, 50, 40), 100.0), name="bright")
    affine = slicer.vtkMRMLVolumeNode.SafeDownCast(volume)
    other.CopyOrientation(affine)
    other.CreateDefaultDisplayNodes()
    other.GetDisplayNode().SetAutoWindowLevel(False)
    other.GetDisplayNode().SetWindowLevelMinMax(0, 100)
    alone = pixels(red.sliceView()).astype(float)
    slicer.util.setSliceViewerLayers(foreground=other, foregroundOpacity=1.0)
    over = pixels(red.sliceView()).astype(float)
    slicer.util.setSliceViewerLayers(foregroundOpacity=0.5)
    np.testing.assert_allclose(pixels(red.sliceView()), (alone + over) / 2, atol=1.01)
    assert over.mean() > alone.mean() + 10


def test_keys_and_wheel_change_the_slice(volume: Any, red: Any) -> None:
    node, view = red.mrmlSliceNode(), red.sliceView()
    start = node.GetSliceOffset()
    QTest.keyClick(view, qt.Qt.Key_Right)
    QTest.keyClick(view, qt.Qt.Key_Right)
    QTest.keyClick(view, qt.Qt.Key_Left)
    assert node.GetSliceOffset() == pytest.approx(start + 1)
    mouse.wheel(view, (50, 50), 3)
    assert node.GetSliceOffset() == pytest.approx(start + 4)


def test_the_controller_follows_and_leads(volume: Any, red: Any) -> None:
    slider = red.sliceController().sliceOffsetSlider()
    red.sliceLogic().SetSliceOffset(-15.0)
    low = slider.value
    red.sliceLogic().SetSliceOffset(14.0)
    assert slider.value - low > 0.9 * slider.maximum
    slider.setValue(slider.maximum // 2)
    assert red.mrmlSliceNode().GetSliceOffset() == pytest.approx(-0.5, abs=0.5)


def test_right_drag_zooms_and_middle_drag_pans(volume: Any, red: Any) -> None:
    node, view = red.mrmlSliceNode(), red.sliceView()
    width = node.GetFieldOfView()[0]
    mouse.drag(view, (100, 100), (100, 160), button=mouse.RIGHT)
    assert node.GetFieldOfView()[0] < 0.95 * width
    before = placeOf(view, (0.0, 0.0, 0.0))
    mouse.drag(view, (100, 100), (130, 110), button=mouse.MIDDLE)
    moved = np.subtract(placeOf(view, (0.0, 0.0, 0.0)), before)
    np.testing.assert_allclose(moved, (30, 10), atol=1.5)


def test_shift_and_mouse_move_the_other_slices(host: Any, volume: Any, red: Any) -> None:
    view = red.sliceView()
    QTest.keyPress(view, qt.Qt.Key_Shift, qt.Qt.ShiftModifier)
    mouse.hover(view, placeOf(view, (10.0, -7.0, 0.0)), mouse.SHIFT)
    for name, axis, position in (("Yellow", 0, 10.0), ("Green", 1, -7.0)):
        toRas = host.layoutManager.sliceWidget(name).mrmlSliceNode().GetSliceToRAS()
        assert toRas.GetElement(axis, 3) == pytest.approx(position, abs=0.3)


def test_a_transform_handle_is_dragged(host: Any, scene: Any, volume: Any, red: Any) -> None:
    transform = scene.AddNewNodeByClass("vtkMRMLTransformNode", "t")
    transform.CreateDefaultDisplayNodes()
    volume.SetAndObserveTransformNodeID(transform.GetID())
    transform.GetDisplayNode().SetEditorVisibility(True)
    transform.GetDisplayNode().SetEditorSliceIntersectionVisibility(True)
    host.app.processEvents()
    view = red.sliceView()
    x, y = placeOf(view, (0.0, 0.0, 0.0))
    mouse.drag(view, (x, y), (x - 40, y + 20))
    moved = slicer.util.arrayFromTransformMatrix(transform)[:3, 3]
    scale = red.mrmlSliceNode().GetFieldOfView()[0] / view.width
    np.testing.assert_allclose(moved[:2], (40 * scale, -20 * scale), atol=2 * scale)


def test_a_point_is_placed_where_the_mouse_clicks(
    host: Any, scene: Any, volume: Any, red: Any
) -> None:
    points = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "p")
    points.CreateDefaultDisplayNodes()
    logic = slicer.modules.markups.logic()
    logic.SetActiveList(points)
    logic.StartPlaceMode(False)
    view = red.sliceView()
    mouse.click(view, placeOf(view, (6.0, -3.0, 0.0)))
    placed = slicer.util.arrayFromMarkupsControlPoints(points)
    np.testing.assert_allclose(placed[:, :2], [(6.0, -3.0)], atol=0.3)


def test_the_3d_view_turns(host: Any, volume: Any) -> None:
    view = host.layoutManager.threeDWidget(0).threeDView()
    before = np.array(view.cameraNode().GetPosition())
    mouse.drag(view, (100, 100), (160, 100))
    after = np.array(view.cameraNode().GetPosition())
    assert np.linalg.norm(after) == pytest.approx(np.linalg.norm(before), rel=1e-3)
    assert np.linalg.norm(after - before) > 0.1 * np.linalg.norm(before)


def test_the_3d_view_shows_a_model(host: Any, scene: Any) -> None:
    import vtk

    ball = vtk.vtkSphereSource()
    ball.SetRadius(60)
    ball.Update()
    view = host.layoutManager.threeDWidget(0).threeDView()
    view.mrmlViewNode().SetBoxVisible(0)
    view.mrmlViewNode().SetAxisLabelsVisible(0)
    before = pixels(view)
    model = slicer.modules.models.logic().AddModel(ball.GetOutput())
    model.GetDisplayNode().SetColor(1, 0, 0)
    view.resetFocalPoint()
    after = pixels(view)
    middle = tuple(n // 2 for n in after.shape)
    assert before[middle] != after[middle]
    assert before[2, 2] == after[2, 2]


def test_many_changes_are_one_rendering(host: Any, volume: Any, red: Any) -> None:
    host.app.processEvents()
    count = red.sliceView().renderCount()
    for offset in range(10):
        red.mrmlSliceNode().SetSliceOffset(offset)
    host.app.processEvents()
    assert red.sliceView().renderCount() == count + 1


def test_paused_views_wait(host: Any, volume: Any, red: Any) -> None:
    host.app.processEvents()
    count = red.sliceView().renderCount()
    with slicer.util.RenderBlocker():
        red.mrmlSliceNode().SetSliceOffset(3)
        host.app.processEvents()
        assert red.sliceView().renderCount() == count
    host.app.processEvents()
    assert red.sliceView().renderCount() == count + 1


def test_slicers_own_mouse_helper_works(volume: Any, red: Any) -> None:
    width = red.mrmlSliceNode().GetFieldOfView()[0]
    slicer.util.clickAndDrag(red, button="Right", start=(100, 160), end=(100, 100))
    assert red.mrmlSliceNode().GetFieldOfView()[0] < 0.95 * width
