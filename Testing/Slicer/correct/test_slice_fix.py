"""Repair of slices from the scene: what the child is given, and what becomes of its result."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import slicer
from correct.support import field, pairParameters, volumeNode
from qc.support import grid_around_origin, picture

from RegQCLib.errors import InputError
from RegQCLib.geometry.image_io import load_volume, save_volume
from RegQCLib.geometry.transforms import Affine
from RegQCScene import slice_fix as module
from RegQCScene.check_result import CheckResult
from RegQCScene.command_stack import CommandStack
from RegQCScene.corrected_volume import (
    addCorrected,
    keepCorrected,
    removeCorrected,
    showInsteadOf,
)
from RegQCScene.runner import BlockingRunner
from RegQCScene.slice_fix import SliceFixJob, flaggedNumbers, placedFor
from RegQCScene.transform_exchange import transformNodeFromRegQC
from RegQCScene.volume_exchange import gridFromNode, imageData, nodeFromVolume, volumeFromNode

AWAY = Affine.rigid(rotation_deg=(5, -10, 15), translation_mm=(6, 7, -8))


class Child:
    """Stands for the child process: notes what it was asked, writes a corrected stack."""

    def __init__(self):
        self.arguments = []
        self.inputs = {}

    def __call__(self, arguments, _folder, _span=(0, 1)):
        self.arguments = arguments
        yield None
        self.inputs["stack"] = load_volume(arguments[1])
        if "--reference" in arguments:
            self.inputs["reference"] = load_volume(self.after("--reference"))
        out = Path(self.after("--out"))
        out.mkdir()
        stack = self.inputs["stack"]
        save_volume(stack.with_array(stack.array + 1), out / "corrected.nii.gz")
        (out / "report.json").write_text(json.dumps({"summary": "2 of 9 slices moved"}))
        return {"moved": [3, 4], "notes": ["a note"], "summary": "x; results in y"}

    def after(self, option):
        return self.arguments[self.arguments.index(option) + 1]


@pytest.fixture
def child(monkeypatch):
    made = Child()
    monkeypatch.setattr(module, "childSteps", made)
    return made


def run(job):
    failures = []
    BlockingRunner().start(job, onDone=lambda _: None, onFailed=failures.append)
    job.removeFolder()
    return failures


def test_the_corrected_stack_comes_back_on_its_own_voxels(scene, child):
    parameters = pairParameters()
    stack = parameters.movingVolume
    job = SliceFixJob(stack, slices=[4, 3], plane="axial", toleranceMm=0.75)
    assert run(job) == []
    sent = child.inputs["stack"]
    own = volumeFromNode(stack, world=False)
    np.testing.assert_array_equal(sent.array, own.array)
    np.testing.assert_allclose(sent.affine, own.affine, atol=1e-9)
    assert child.after("--slices") == "3,4"
    assert child.after("--plane") == "axial"
    assert child.after("--tolerance") == "0.75"
    assert "--reference" not in child.arguments
    assert (job.moved, job.notes, job.summary) == ([3, 4], ["a note"], "2 of 9 slices moved")
    corrected = addCorrected(stack, job.image, "corrected")
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(corrected), own.array + 1)
    assert gridFromNode(corrected).same_as(gridFromNode(stack))
    assert corrected.GetParentTransformNode() is stack.GetParentTransformNode()


def test_the_witness_lies_as_it_does_in_the_world(scene, child):
    parameters = pairParameters(own=AWAY)
    fixed, moving = parameters.fixedVolume, parameters.movingVolume
    assert run(SliceFixJob(moving, fixed, model="in-plane")) == []
    reference = child.inputs["reference"]
    np.testing.assert_allclose(reference.affine, AWAY.matrix @ volumeFromNode(fixed).affine)
    assert "--slices" not in child.arguments
    placed = placedFor(moving, fixed)
    own = volumeFromNode(moving, world=False)
    np.testing.assert_allclose(placed.affine, np.linalg.inv(AWAY.matrix) @ own.affine)


def test_bent_and_sheared_witnesses_are_placed_by_their_linear_part(scene):
    sheared = Affine.from_parameters(shear=(0.1, 0, 0), translation_mm=(2, 0, 0))
    parameters = pairParameters(own=sheared)
    fixed, moving = parameters.fixedVolume, parameters.movingVolume
    placed = placedFor(moving, fixed)
    middle = (np.array(placed.shape[::-1]) - 1) / 2
    expected = sheared.inverse().apply(volumeFromNode(moving, world=False).grid.center)
    np.testing.assert_allclose(placed.grid.to_world(middle), expected)
    corners = placed.grid.to_world(middle * [[0], [2]])
    true = sheared.inverse().apply(
        volumeFromNode(moving, world=False).grid.to_world(middle * [[0], [2]])
    )
    assert np.abs(corners - true).max() < 1.5
    bent = transformNodeFromRegQC(field(1.0), "bent")
    moving.SetAndObserveTransformNodeID(bent.GetID())
    placed = placedFor(moving, fixed)
    assert np.abs(placed.grid.center - volumeFromNode(moving, world=False).grid.center).max() < 1.5


def test_what_cannot_be_repaired_is_refused_at_once(scene):
    parameters = pairParameters()
    with pytest.raises(InputError, match="flagged"):
        SliceFixJob(parameters.movingVolume, slices=[])
    with pytest.raises(InputError, match="no volume"):
        SliceFixJob(None)


def test_the_childs_words_name_nodes_not_files(scene, monkeypatch):
    def failing(arguments, _folder, _span=(0, 1)):
        yield None
        raise module.JobFailed(f"{arguments[1]}: 3 slices; too few")

    monkeypatch.setattr(module, "childSteps", failing)
    parameters = pairParameters()
    parameters.movingVolume.SetName("my stack")
    assert run(SliceFixJob(parameters.movingVolume)) == ["my stack: 3 slices; too few"]


def checked(grid, flagged, plane="axial"):
    """A result that flags slices of one plane of a grid."""
    axis = grid.array_axis(plane)
    world = ("sagittal", "coronal", "axial").index(plane)
    slices = []
    for index in range(grid.shape[axis]):
        middle = (np.array(grid.shape[::-1]) - 1) / 2
        middle[2 - axis] = index
        slices.append(
            {
                "index": index,
                "position_mm": grid.to_world(middle)[world],
                "probability_misaligned": 0.5,
                "error_mm": 1.0,
                "flagged": index in flagged,
            }
        )
    axes = [{"name": plane, "is_acquisition": True, "slices": slices}]
    report = {"verdict": "aligned", "reason": "", "probability_misaligned": 0.1, "axes": axes}
    return CheckResult(report, grid)


def test_flagged_slices_are_found_again_in_the_stack(scene):
    parameters = pairParameters(own=None)
    fixed, moving = parameters.fixedVolume, parameters.movingVolume
    result = checked(gridFromNode(fixed), {2, 5, 6})
    assert flaggedNumbers(result, fixed, "axial") == [2, 5, 6]
    up = transformNodeFromRegQC(Affine.rigid(translation_mm=(0, 0, 8.0)), "up")
    moving.SetAndObserveTransformNodeID(up.GetID())
    # fixed points go 8 mm, two slices, up to where they lie in the moving volume
    assert flaggedNumbers(result, moving, "axial") == [4, 7, 8]
    far = transformNodeFromRegQC(Affine.rigid(translation_mm=(0, 0, 80.0)), "far")
    moving.SetAndObserveTransformNodeID(far.GetID())
    assert flaggedNumbers(result, moving, "axial") == []
    assert flaggedNumbers(checked(gridFromNode(fixed), set()), fixed, "axial") == []


def test_flagged_slices_of_a_stack_of_another_orientation(scene):
    fixed = volumeNode("fixed")
    sagittal = grid_around_origin((7, 20, 20), (2, 2, 6), direction=np.eye(3)[:, [1, 2, 0]])
    stack = nodeFromVolume(picture(sagittal), "stack")
    result = checked(gridFromNode(fixed), {0, 9}, plane="sagittal")
    ends = gridFromNode(fixed).to_world([[0, 5, 4], [9, 5, 4]])
    expected = np.rint(sagittal.to_index(ends)[:, 2]).astype(int)
    assert flaggedNumbers(result, stack) == sorted(expected)
    with pytest.raises(InputError):
        flaggedNumbers(
            result, nodeFromVolume(picture(grid_around_origin((9,) * 3, (2, 2, 2))), "x")
        )


def viewsShow(scene, fixed, moving):
    composite = scene.AddNewNodeByClass("vtkMRMLSliceCompositeNode")
    composite.SetBackgroundVolumeID(fixed.GetID())
    composite.SetForegroundVolumeID(moving.GetID())
    return composite


def test_a_corrected_volume_is_seen_then_kept_and_undone(scene):
    parameters, history = pairParameters(), CommandStack()
    fixed, moving = parameters.fixedVolume, parameters.movingVolume
    composite = viewsShow(scene, fixed, moving)
    image = imageData(slicer.util.arrayFromVolume(moving) + 1)
    corrected = addCorrected(moving, image, "corrected")
    showInsteadOf(corrected, moving)
    assert composite.GetForegroundVolumeID() == corrected.GetID()
    assert parameters.movingVolume is moving
    keepCorrected(parameters, corrected, history)
    assert parameters.movingVolume is corrected
    assert history.undoText == "Put slices of moving back"
    history.undo()
    assert parameters.movingVolume is moving
    assert composite.GetForegroundVolumeID() == moving.GetID()
    history.redo()
    assert parameters.movingVolume is corrected
    assert parameters.fixedVolume is fixed


def test_a_corrected_volume_that_is_dropped_leaves_nothing(scene):
    parameters = pairParameters()
    fixed = parameters.fixedVolume
    composite = viewsShow(scene, fixed, parameters.movingVolume)
    nodes = scene.GetNumberOfNodes()
    corrected = addCorrected(fixed, imageData(slicer.util.arrayFromVolume(fixed)), "corrected")
    showInsteadOf(corrected, fixed)
    removeCorrected(corrected)
    assert composite.GetBackgroundVolumeID() == fixed.GetID()
    assert corrected.GetScene() is None
    assert scene.GetNumberOfNodes() == nodes


@pytest.mark.parametrize("reference", [False, True])
def test_the_command_understands_what_it_is_asked(scene, child, reference):
    import typer

    from RegQCLib.cli.main import app

    parameters = pairParameters()
    witness = parameters.fixedVolume if reference else None
    model = "rigid" if reference else "in-plane"
    run(SliceFixJob(parameters.movingVolume, witness, slices=[1], plane="coronal", model=model))
    command = typer.main.get_command(app).commands["fix-slices"]
    context = command.make_context("fix-slices", child.arguments[1:])
    assert context.params["slices"] == "1"
    assert context.params["model"].value == model
    assert context.params["plane"].value == "coronal"
