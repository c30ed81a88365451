"""The Inspect panel, by clicks and keys, in the views of the host."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import qt
import slicer
import vtk
from PySide6 import QtCore
from SlicerHost import keyboard
from vtk.util.numpy_support import vtk_to_numpy

from RegQCScene.display.comparison import Mode
from RegQCUI.inspect_panel import KEYS

SAMPLE = Path(__file__).resolve().parents[2] / "Resources" / "SampleData"


@pytest.fixture
def panel(host: Any, module: Any, pair: Any) -> Any:
    """The panel, with the sample pair chosen and the moving volume out of place."""
    widget = module.widgetRepresentation().self()
    found = next(p for p in widget.shell.panels if type(p).__name__ == "InspectPanel")
    moving = pair[1]
    transform = slicer.util.loadTransform(str(SAMPLE / "moved.tfm"))
    moving.SetAndObserveTransformNodeID(transform.GetID())
    found.session.parameters.fixedVolume, found.session.parameters.movingVolume = pair
    slicer.util.setSliceViewerLayers(background=pair[0], fit=True)
    host.app.processEvents()
    return found


def shown(name: str = "Red") -> Any:
    """(rows, columns, 3) what a view shows."""
    view = slicer.app.layoutManager().sliceWidget(name).sliceView()
    view.forceRender()
    window = view.renderWindow()
    grab = vtk.vtkWindowToImageFilter()
    grab.SetInput(window)
    grab.ReadFrontBufferOff()
    grab.Update()
    image = grab.GetOutput()
    width, height, _ = image.GetDimensions()
    return vtk_to_numpy(image.GetPointData().GetScalars()).reshape(height, width, -1).astype(int)


def yellow(pixels: Any) -> int:
    return int(np.sum((pixels[..., 0] > 180) & (pixels[..., 1] > 140) & (pixels[..., 2] < 90)))


def waitFor(host: Any, condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        host.app.processEvents()
        time.sleep(0.005)


def press(host: Any, key: str) -> None:
    keyboard.press(host.window, getattr(QtCore.Qt.Key, f"Key_{key}"), at=host.window)


def composites() -> list[Any]:
    return [
        (
            node.GetBackgroundVolumeID(),
            node.GetForegroundVolumeID(),
            node.GetForegroundOpacity(),
            node.GetCompositing(),
        )
        for node in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
    ]


@pytest.mark.parametrize("mode", list(KEYS))
def test_a_click_turns_a_mode_on_and_another_one_off(host: Any, panel: Any, mode: Mode) -> None:
    before, views = shown(), composites()
    button = panel.buttons[mode]
    button.click()
    host.app.processEvents()
    assert panel.comparison.mode is mode
    assert [b.checked for b in panel.buttons.values()].count(True) == 1
    assert button.checked
    pictures = [shown()]
    if mode is Mode.FLICKER:  # one of the two is the fixed image, as before
        panel.comparison.flip()
        pictures.append(shown())
    assert any(np.any(picture != before) for picture in pictures)
    button.click()
    host.app.processEvents()
    assert panel.comparison.mode is Mode.NONE
    assert not button.checked
    assert composites() == views
    np.testing.assert_array_equal(shown(), before)


def test_keys_toggle_while_the_module_is_shown(host: Any, panel: Any) -> None:
    for mode, key in KEYS.items():
        press(host, key)
        assert panel.comparison.mode is mode
        assert panel.buttons[mode].checked
    press(host, KEYS[mode])
    assert panel.comparison.mode is Mode.NONE
    views = composites()
    press(host, "C")
    panel.exit()
    assert composites() == views
    left = {shortcut.key.toString() for shortcut in host.window.findChildren(qt.QShortcut)}
    assert not left.intersection(KEYS.values())
    press(host, "E")
    assert panel.comparison.mode is Mode.COLORS
    panel.enter()
    assert composites() != views
    press(host, "E")
    assert panel.comparison.mode is Mode.EDGES


def test_edges_follow_a_transform_that_changes(host: Any, panel: Any, pair: Any) -> None:
    panel.buttons[Mode.EDGES].click()
    before = shown()
    assert yellow(before) > 200
    transform = pair[1].GetParentTransformNode()
    matrix = np.eye(4)
    matrix[0, 3] = 15
    transform.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
    view = slicer.app.layoutManager().sliceWidget("Red").sliceView()
    count = view.renderCount()
    waitFor(host, lambda: view.renderCount() > count)
    after = shown()
    assert yellow(after) > 200
    assert np.mean((before != after).any(axis=2)) > 0.01


def test_settings_appear_with_their_mode_and_act(host: Any, panel: Any) -> None:
    rows = {Mode.OPACITY: "opacityRow", Mode.EDGES: "edgeRow", Mode.CHECKERBOARD: "squareRow"}
    for mode, row in rows.items():
        panel.buttons[mode].click()
        assert [getattr(panel.ui, r).isHidden() for r in rows.values()].count(False) == 1
        assert not getattr(panel.ui, row).isHidden()
    panel.buttons[Mode.OPACITY].click()
    panel.ui.opacitySlider.setValue(0.8)
    assert composites()[0][2] == pytest.approx(0.8)
    assert panel.session.parameters.inspectOpacity == pytest.approx(0.8)
    panel.buttons[Mode.EDGES].click()
    few = yellow(shown())
    panel.ui.edgeSlider.setValue(45)
    assert yellow(shown()) > few


def test_flicker_changes_by_itself(host: Any, panel: Any) -> None:
    panel.ui.rateSlider.setValue(8)
    panel.buttons[Mode.FLICKER].click()
    seen = set()
    waitFor(host, lambda: len(seen.union({composites()[0][2]})) > 1 or seen.add(composites()[0][2]))
    panel.buttons[Mode.FLICKER].click()


def test_the_transform_is_drawn_in_the_chosen_view(host: Any, panel: Any) -> None:
    plain = {name: shown(name) for name in ("Red", "Green")}
    panel.ui.fieldSelector.setCurrentIndex(1)
    views = panel.ui.fieldViewSelector
    views.setCurrentIndex(views.findText("Green"))
    host.app.processEvents()
    assert np.any(shown("Green") != plain["Green"])
    np.testing.assert_array_equal(shown("Red"), plain["Red"])
    assert "mm" in panel.ui.fieldText.text
    panel.ui.fieldSelector.setCurrentIndex(0)
    np.testing.assert_array_equal(shown("Green"), plain["Green"])


def test_a_map_is_computed_without_stopping_the_interface(host: Any, panel: Any) -> None:
    plain = shown()
    panel.ui.mapSelector.setCurrentIndex(3)
    assert not panel.ui.mapProgress.isHidden()
    waitFor(host, lambda: panel.session.parameters.fieldMap is not None)
    assert panel.ui.mapProgress.isHidden()
    assert "mm" in panel.ui.mapText.text
    values = slicer.util.arrayFromVolume(panel.session.parameters.fieldMap)
    assert 2 < values.mean() < 6  # 3.9 mm over the head
    assert np.any(shown() != plain)
    panel.ui.mapSelector.setCurrentIndex(1)
    node = panel.session.parameters.fieldMap
    waitFor(host, lambda: "folds" in panel.ui.mapText.text)
    assert panel.session.parameters.fieldMap is node
    np.testing.assert_allclose(slicer.util.arrayFromVolume(node), 1, atol=1e-4)  # rigid
    panel.ui.mapSelector.setCurrentIndex(0)
    np.testing.assert_array_equal(shown(), plain)


def test_the_original_moving_image_beside(host: Any, panel: Any, pair: Any) -> None:
    manager = slicer.app.layoutManager()
    before = manager.layout
    panel.ui.originalCheckBox.click()
    host.app.processEvents()
    panel.buttons[Mode.COLORS].click()
    originals = [n for n in manager.sliceViewNames() if n.endswith("+")]
    assert len(originals) == 3
    for name in originals:
        logic = manager.sliceWidget(name).sliceLogic()
        volume = logic.GetBackgroundLayer().GetVolumeNode()
        assert volume.GetImageData() is pair[1].GetImageData()
        assert volume.GetParentTransformNode() is None
    view = manager.sliceWidget("Red").sliceView()
    crosshair = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLCrosshairNode")
    crosshair.SetCursorPositionXYZ([50.0, 60.0, 0.0], view.mrmlSliceNode())
    assert "original moving" in panel.ui.originalText.text
    panel.ui.originalCheckBox.click()
    assert manager.layout == before
    assert not slicer.util.getNodes("*(original)")


def test_the_original_keeps_its_own_window_while_colors_are_compared(
    host: Any, panel: Any, pair: Any
) -> None:
    display = pair[1].GetDisplayNode()
    display.SetAutoWindowLevel(False)
    display.SetWindowLevel(77, 33)
    panel.buttons[Mode.COLORS].click()
    panel.ui.originalCheckBox.click()
    logic = slicer.app.layoutManager().sliceWidget("Red+").sliceLogic()
    original = logic.GetBackgroundLayer().GetVolumeNode().GetDisplayNode()
    assert (original.GetWindow(), original.GetLevel()) == (77, 33)
    assert original.GetColorNodeID() == display.GetColorNodeID()
    assert pair[1].GetDisplayNode() is not display
    panel.buttons[Mode.COLORS].click()
    assert len(np.unique(shown("Red+"))) > 20


def test_what_cannot_be_compared_says_why(host: Any, panel: Any, pair: Any) -> None:
    panel.buttons[Mode.DIFFERENCE].click()
    panel.session.parameters.movingVolume = pair[0]
    assert not any(b.enabled for b in panel.buttons.values())
    assert panel.comparison.mode is Mode.NONE
    assert panel.notices.shown
    panel.session.parameters.movingVolume = pair[1]
    assert all(b.enabled for b in panel.buttons.values())


def test_closing_the_scene_in_the_middle(host: Any, panel: Any) -> None:
    panel.buttons[Mode.EDGES].click()
    panel.ui.fieldSelector.setCurrentIndex(1)
    panel.ui.mapSelector.setCurrentIndex(3)
    panel.ui.originalCheckBox.click()
    slicer.mrmlScene.Clear()
    host.app.processEvents()
    assert panel.comparison.mode is Mode.NONE
    assert not any(b.enabled for b in panel.buttons.values())
    assert not slicer.util.getNodesByClass("vtkMRMLVolumeNode")
