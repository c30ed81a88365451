"""What a comparison leaves behind: nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import slicer

from RegQCScene.display.comparison import Mode

COMPARING = [mode for mode in Mode if mode is not Mode.NONE]


def state(*volumes: Any) -> dict[str, Any]:
    """How the volumes and the views are shown, and which nodes there are."""
    displays = [v.GetDisplayNode() for v in volumes]
    return {
        "displays": [d.GetID() for d in displays],
        "windows": [(d.GetWindow(), d.GetLevel(), d.GetAutoWindowLevel()) for d in displays],
        "colors": [d.GetColorNodeID() for d in displays],
        "touched": [d.GetMTime() for d in displays],
        "views": [
            (
                node.GetBackgroundVolumeID(),
                node.GetForegroundVolumeID(),
                node.GetForegroundOpacity(),
                node.GetCompositing(),
            )
            for node in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
        ],
        "nodes": sorted(
            slicer.mrmlScene.GetNthNode(n).GetID()
            for n in range(slicer.mrmlScene.GetNumberOfNodes())
        ),
    }


@pytest.fixture
def shown(benches: Any, pair: Any) -> Any:
    """The sample pair, shown in a way of the user's own."""
    fixed, moving = pair
    for volume, window in zip(pair, (91.0, 47.0), strict=True):
        volume.GetDisplayNode().SetAutoWindowLevel(False)
        volume.GetDisplayNode().SetWindowLevel(window, window / 3)
    moving.GetDisplayNode().SetAndObserveColorNodeID("vtkMRMLColorTableNodeRed")
    for index, bench in enumerate(benches.values()):
        node = bench.view.compositeNode
        node.SetBackgroundVolumeID(moving.GetID())
        node.SetForegroundVolumeID(fixed.GetID() if index else None)
        node.SetForegroundOpacity(0.25 * index)
        node.SetCompositing(node.Add)
        bench.center(180, (0, 0, -30))
    return pair


@pytest.mark.parametrize("mode", COMPARING)
def test_everything_is_as_before_when_a_mode_is_left(
    comparison: Any, benches: Any, shown: Any, mode: Mode
) -> None:
    before, picture = state(*shown), benches["Red"].pixels()
    comparison.setVolumes(*shown)
    comparison.setMode(mode)
    assert comparison.mode is mode
    comparison.flip()
    assert np.any(benches["Red"].pixels() != picture)
    for volume in shown:  # a user adjusts the picture meanwhile
        if mode is Mode.COLORS:
            volume.GetDisplayNode().SetWindowLevel(11, 3)
    comparison.setMode(Mode.NONE)
    assert state(*shown) == before
    np.testing.assert_array_equal(benches["Red"].pixels(), picture)


def test_modes_follow_each_other_without_a_trace(comparison: Any, shown: Any) -> None:
    before = state(*shown)
    comparison.setVolumes(*shown)
    comparison.options.matchWindows = True
    for mode in (*COMPARING, *reversed(COMPARING)):
        comparison.toggle(mode)
    comparison.toggle(comparison.mode)
    assert comparison.mode is Mode.NONE
    assert state(*shown) == before


def test_opacity_and_flicker(comparison: Any, benches: Any, shown: Any) -> None:
    fixed, moving = shown
    comparison.setVolumes(*shown)
    comparison.options.opacity = 0.3
    comparison.setMode(Mode.OPACITY)
    for bench in benches.values():
        node = bench.view.compositeNode
        assert node.GetBackgroundVolumeID() == fixed.GetID()
        assert node.GetForegroundVolumeID() == moving.GetID()
        assert node.GetForegroundOpacity() == pytest.approx(0.3)
    comparison.setMode(Mode.FLICKER)
    seen = []
    for _ in range(4):
        comparison.flip()
        seen.append(benches["Red"].at(0, 0, -30))
    assert seen[0] == seen[2] != seen[1] == seen[3]


def test_matching_windows_is_a_choice(comparison: Any, benches: Any, shown: Any) -> None:
    comparison.setVolumes(*shown)
    comparison.setMode(Mode.CHECKERBOARD)
    assert shown[0].GetDisplayNode().GetWindow() == 91
    comparison.options.matchWindows = True
    comparison.refresh()
    assert shown[0].GetDisplayNode().GetWindow() != 91


@pytest.mark.parametrize("suffix", [".mrml", ".mrb"])
def test_a_saved_scene_holds_the_users_own_display(
    comparison: Any, shown: Any, tmp_path: Path, suffix: str
) -> None:
    before = state(*shown)
    comparison.setVolumes(*shown)
    comparison.setMode(Mode.COLORS)
    path = tmp_path / f"scene{suffix}"
    assert slicer.util.saveScene(str(path))
    assert comparison.mode is Mode.COLORS
    assert shown[0].GetDisplayNode().GetWindow() != 91  # the comparison goes on
    comparison.setMode(Mode.NONE)
    after = state(*shown)
    assert after["views"] == before["views"]
    assert after["displays"] == before["displays"]
    if suffix == ".mrml":
        text = path.read_text()
        assert "RegQC comparison" not in text
        assert 'window="91"' in text
        assert "vtkMRMLColorTableNodeRed" in text


def test_a_removed_volume_ends_the_comparison(comparison: Any, benches: Any, shown: Any) -> None:
    fixed, moving = shown
    views = state(*shown)["views"]
    own = fixed.GetDisplayNode()
    comparison.setVolumes(*shown)
    comparison.setMode(Mode.DIFFERENCE)
    modes = []
    comparison.changed.connect(lambda: modes.append(comparison.mode))
    identifier = moving.GetID()
    slicer.mrmlScene.RemoveNode(moving)
    assert modes == [Mode.NONE]
    assert not comparison.ready
    assert fixed.GetDisplayNode() is own
    expected = [(None if b == identifier else b, f, o, c) for b, f, o, c in views]
    assert state(fixed)["views"] == expected
    assert not slicer.util.getNodes("RegQC comparison*")
    comparison.setMode(Mode.EDGES)
    assert comparison.mode is Mode.NONE


def test_closing_the_scene_ends_the_comparison(comparison: Any, shown: Any, scene: Any) -> None:
    comparison.setVolumes(*shown)
    comparison.setMode(Mode.COLORS)
    scene.Clear()
    assert comparison.mode is Mode.NONE
    assert not slicer.util.getNodes("RegQC comparison*")


def test_suspended_while_another_module_is_used(comparison: Any, shown: Any) -> None:
    before = state(*shown)
    comparison.setVolumes(*shown)
    comparison.setMode(Mode.COLORS)
    comparison.suspend()
    assert state(*shown) == before
    comparison.setMode(Mode.EDGES)  # from a script, say
    assert state(*shown) == before
    comparison.resume()
    assert comparison.mode is Mode.EDGES
    assert state(*shown)["views"] != before["views"]


def test_changed_voxels_are_measured_anew(comparison: Any, benches: Any, phantoms: Any) -> None:
    fixed, moving = phantoms.ball(20), phantoms.ball(20)
    comparison.setVolumes(fixed, moving)
    comparison.setMode(Mode.DIFFERENCE)
    slicer.util.updateVolumeFromArray(moving, slicer.util.arrayFromVolume(moving) * 40)
    comparison.refresh()
    assert benches["Red"].pixels().max() == 0
