"""The child that scores slices: what reaches it, what it follows, and how it ends."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import numpy as np
import pytest
import slicer
from correct.support import field, mapped, pairParameters
from qc.support import grid_around_origin, picture

from RegQCLib.errors import InputError
from RegQCLib.geometry.transforms import Affine
from RegQCScene import live_probe as module
from RegQCScene.command_stack import CommandStack
from RegQCScene.live_probe import LiveProbe
from RegQCScene.nudge import apply
from RegQCScene.preview import showPreview
from RegQCScene.transform_exchange import transformNodeFromRegQC
from RegQCScene.visible_slices import visiblePoint, visibleVoxel
from RegQCScene.volume_exchange import gridFromNode, nodeFromVolume
from RegQCScene.working_transform import WorkingState, correct, startWorking

PATIENCE_S = 60
SHIFT = Affine.rigid(rotation_deg=(0, 4, 0), translation_mm=(1, 2, 3))


@pytest.fixture
def fake(monkeypatch):
    monkeypatch.setattr(module, "CHILD", "correct.fake_live_worker")
    here = Path(__file__).resolve().parents[1]
    monkeypatch.setenv("PYTHONPATH", str(here))


@pytest.fixture
def probes():
    made = []
    yield made
    for probe in made:
        probe.close()


def probeOf(parameters, probes, **options):
    working = startWorking(parameters)
    probe = LiveProbe(parameters.fixedVolume, parameters.movingVolume, working, **options)
    probes.append(probe)
    return probe


def until(probe, said):
    limit = time.monotonic() + PATIENCE_S
    while time.monotonic() < limit:
        answer = probe.poll()
        if said(answer):
            return answer
        time.sleep(0.005)
    raise AssertionError(f"nothing came: {probe.failure}")


def ready(probe):
    until(probe, lambda _: probe.ready or probe.failure)


def asked(probe, index=(4, 5, 6)):
    until(probe, lambda _: probe.ask(index))
    return until(probe, lambda answer: answer is not None)


def ends(probe):
    """Where the point that the fake child follows ends."""
    return np.array([score.errorMm for score in asked(probe)])


def test_both_volumes_reach_the_child_whole(scene, fake, probes, monkeypatch):
    monkeypatch.setattr(module, "STEP_BYTES", 500)  # in many pieces
    parameters = pairParameters()
    probe = probeOf(parameters, probes, toleranceMm=2.5)
    ready(probe)
    assert probe.failure == ""
    seen = json.loads((probe._folder / "seen.json").read_text())
    for name, node, total in zip(
        ("fixed", "moving"),
        (parameters.fixedVolume, parameters.movingVolume),
        seen["sums"],
        strict=True,
    ):
        assert total == slicer.util.arrayFromVolume(node).sum()
        assert seen["pair"][name]["name"] == name
        own = gridFromNode(node, world=False)
        np.testing.assert_allclose(seen["pair"][name]["affine"], own.affine)
    assert seen["pair"]["tolerance_mm"] == 2.5


def test_scores_follow_the_working_transform(scene, fake, probes):
    parameters, history = pairParameters(), CommandStack()
    correct(startWorking(parameters), WorkingState(SHIFT.matrix), "start", history)
    probe = probeOf(parameters, probes)
    ready(probe)
    np.testing.assert_allclose(ends(probe), mapped(parameters)[1], atol=1e-6)
    for motion in (SHIFT, Affine.rigid(translation_mm=(0, -4, 0))):
        apply(parameters.workingTransform, motion, "move", history)
        np.testing.assert_allclose(ends(probe), mapped(parameters)[1], atol=1e-6)
    history.undo()
    np.testing.assert_allclose(ends(probe), mapped(parameters)[1], atol=1e-6)


def test_scores_follow_under_a_shared_transform_and_through_deformations(scene, fake, probes):
    parameters, history = pairParameters(), CommandStack()
    table = transformNodeFromRegQC(Affine.rigid(rotation_deg=(0, 30, 0)), "table")
    for node in (parameters.fixedVolume, parameters.transform):
        node.SetAndObserveTransformNodeID(table.GetID())
    probe = probeOf(parameters, probes)
    ready(probe)
    apply(parameters.workingTransform, SHIFT, "move", history)
    np.testing.assert_allclose(ends(probe), mapped(parameters)[1], atol=1e-6)
    showPreview(parameters, field(), "bend")
    probe.refresh()
    np.testing.assert_allclose(ends(probe), mapped(parameters)[1], atol=1e-4)
    bent = transformNodeFromRegQC(field(2), "f").GetTransformFromParent()
    showPreview(parameters, bent, "bend again")  # fields have files of their own
    probe.refresh()
    np.testing.assert_allclose(ends(probe), mapped(parameters)[1], atol=1e-4)


def test_one_question_is_open_at_a_time(scene, fake, probes):
    probe = probeOf(pairParameters(), probes)
    assert not probe.ask((1, 2, 3))  # not ready yet
    ready(probe)
    assert probe.ask((1, 2, 3))
    assert probe.busy
    assert not probe.ask((1, 2, 3))
    until(probe, lambda answer: answer is not None)
    assert not probe.busy
    assert asked(probe, (0, 0, 0)) == []  # outside: no scores, and it goes on
    assert len(asked(probe)) == 3


def test_a_child_that_ends_is_told(scene, fake, probes):
    probe = probeOf(pairParameters(), probes)
    ready(probe)
    assert probe.ask((1, 1, 1))
    until(probe, lambda _: probe.failure)
    assert "has ended" in probe.failure
    assert not probe.ask((1, 2, 3))
    assert not probe._folder.exists()


def test_a_pair_that_cannot_be_judged_is_told(scene, fake, probes):
    parameters = pairParameters()
    parameters.fixedVolume.SetName("refused")
    probe = probeOf(parameters, probes)
    ready(probe)
    assert probe.failure == "refused: cannot be judged"
    label = scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "label")
    with pytest.raises(InputError, match="label"):
        LiveProbe(label, parameters.movingVolume, parameters.workingTransform)


@pytest.mark.parametrize("moment", ["copying", "starting", "ready"])
def test_closing_leaves_no_process_and_no_file(scene, fake, probes, monkeypatch, moment):
    if moment == "copying":
        monkeypatch.setattr(module, "BUDGET_S", 0.0)
    probe = probeOf(pairParameters(), probes)
    if moment == "copying":
        probe.poll()
    else:
        until(probe, lambda _: probe.ready if moment == "ready" else probe._process)
    process = probe._process
    assert (process is None) == (moment == "copying")
    probe.close()
    assert not probe._folder.exists()
    if process is not None:
        with pytest.raises(ProcessLookupError):
            os.kill(process.pid, 0)
    assert probe.poll() is None
    probe.close()


def test_the_real_child_sees_what_is_moved(scene, probes):
    grid = grid_around_origin((40, 52, 44), (1.4, 1.4, 1.4))
    parameters = pairParameters(own=None)
    parameters.fixedVolume = nodeFromVolume(picture(grid), "fixed picture")
    parameters.movingVolume = nodeFromVolume(picture(grid), "moving picture")
    probe = probeOf(parameters, probes)
    ready(probe)
    assert probe.failure == ""
    middle = tuple(n // 2 for n in grid.shape)
    before = asked(probe, middle)
    motion = Affine.rigid(translation_mm=(4, -4, 4))
    apply(parameters.workingTransform, motion, "move", CommandStack())
    after = asked(probe, middle)
    assert [score.plane for score in after] == ["sagittal", "coronal", "axial"]
    for one, other in zip(before, after, strict=True):
        assert one.errorMm + 1 < other.errorMm


def test_visible_slices_meet_in_one_voxel(scene):
    parameters = pairParameters()
    grid = gridFromNode(parameters.fixedVolume)
    views = {}
    for name in ("Axial", "Sagittal", "Coronal"):
        views[name] = scene.AddNewNodeByClass("vtkMRMLSliceNode", name)
        slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(scene, True)
        views[name].SetOrientation(name)
        views[name].JumpSliceByOffsetting(4.4, -6.1, 8.2)
    nodes = list(views.values())
    np.testing.assert_allclose(visiblePoint(grid, nodes), (4.4, -6.1, 8.2))
    i, j, k = np.rint((np.array((4.4, -6.1, 8.2)) - grid.origin) / grid.spacing).astype(int)
    assert visibleVoxel(grid, nodes) == (k, j, i)
    np.testing.assert_allclose(visiblePoint(grid, [views["Axial"]]), (*grid.center[:2], 8.2))
    twice = [views["Axial"], views["Axial"], views["Coronal"]]
    np.testing.assert_allclose(visiblePoint(grid, twice), (grid.center[0], -6.1, 8.2))
    np.testing.assert_allclose(visiblePoint(grid, []), grid.center)
    views["Axial"].JumpSliceByOffsetting(0, 0, 500)
    assert visibleVoxel(grid, nodes) is None
