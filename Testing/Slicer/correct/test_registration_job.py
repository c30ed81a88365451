"""Registrations in a child process: what it is given, and where the result puts the volume."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from correct.support import MOTION, POINTS, field, mapped, names, pairParameters, volumeNode

from RegQCLib.errors import InputError
from RegQCLib.geometry.image_io import load_volume
from RegQCLib.geometry.landmarks import load_landmarks
from RegQCLib.geometry.transform_io import load_transform, save_transform
from RegQCLib.geometry.transforms import Affine, Composite, to_displacement
from RegQCLib.geometry.validation import require_mask
from RegQCScene import registration_job as module
from RegQCScene.command_stack import CommandStack
from RegQCScene.correction_of_total import CorrectionJob
from RegQCScene.pair_export import Pair
from RegQCScene.preview import showPreview
from RegQCScene.registration_job import RegistrationJob
from RegQCScene.roi_mask import roiVolume, startRoi
from RegQCScene.runner import BlockingRunner
from RegQCScene.transform_exchange import transformNodeFromRegQC
from RegQCScene.volume_exchange import gridFromNode
from RegQCScene.working_transform import WorkingState, correct, startWorking

FOUND = Affine.rigid(rotation_deg=(2, 0, 0), translation_mm=(1.0, 5.0, -2.0))


class Child:
    """Stands for the child process: notes what it was asked, writes a transform."""

    def __init__(self, found, grid=None):
        self.found, self.grid, self.calls = found, grid, []

    def __call__(self, arguments, _folder, _span=(0, 1), module="RegQCLib"):
        self.calls.append((module, arguments))
        yield None
        if module == "RegQCLib":
            out = Path(self.after("--out"))
            out.mkdir(parents=True)
            save_transform(self.found, out / "transform.h5", grid=self.grid)
            (out / "report.json").write_text(json.dumps({"kind": self.after("--kind")}))
            return {"summary": "rigid: good; results in somewhere"}
        from RegQCLib.cli import preview_worker

        preview_worker.main(arguments)
        return {"largest_difference_mm": 0.25}

    def after(self, option, count=1):
        arguments = self.calls[0][1]
        place = arguments.index(option) + 1
        return arguments[place] if count == 1 else arguments[place : place + count]

    def has(self, option):
        return option in self.calls[0][1]


@pytest.fixture
def child(monkeypatch):
    made = Child(FOUND)
    monkeypatch.setattr(module, "childSteps", made)
    return made


def pairOf(parameters):
    return Pair(parameters.fixedVolume, parameters.movingVolume, parameters.transform)


def run(job, read=lambda _: None):
    """Run a job; ``read`` sees its files before they are removed."""
    failures, seen = [], []
    BlockingRunner().start(
        job, onDone=lambda _folder: seen.append(read(job)), onFailed=failures.append
    )
    job.removeFolder()
    assert not failures
    return seen[0]


def test_it_starts_from_where_the_volume_lies(scene, child):
    parameters = pairParameters()
    working = startWorking(parameters)
    shift = Affine.rigid(translation_mm=(0, 4, 0))
    correct(working, WorkingState(shift.matrix), "shift", CommandStack())
    job = RegistrationJob(pairOf(parameters), "rigid", options=["--seed", "3"])
    start = run(job, lambda _: load_transform(child.after("--init")))
    np.testing.assert_allclose(start.apply(POINTS), mapped(parameters), atol=1e-6)
    arguments = child.calls[0][1]
    assert arguments[0] == "register"
    assert arguments[-2:] == ["--seed", "3"]
    assert child.after("--kind") == "rigid"
    np.testing.assert_allclose(job.transform.matrix, FOUND.matrix, atol=1e-9)
    assert (job.summary, job.report) == ("rigid: good", {"kind": "rigid"})
    assert not job.folder.exists()
    assert parameters.movingVolume in job.nodes


def test_a_volume_at_rest_gives_no_start(scene, child):
    parameters = pairParameters(own=None)
    startWorking(parameters)
    run(RegistrationJob(pairOf(parameters), "deformable"))
    assert not child.has("--init")  # so that an affine step comes before the deformation


def test_a_box_limits_what_is_compared_and_what_deforms(scene, child):
    parameters = pairParameters()
    roi = scene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "box")
    roi.SetXYZ(2, 3, 4)
    roi.SetRadiusXYZ(6, 9, 8)
    for kind, options in (
        ("rigid", ["--fixed-mask"]),
        ("deformable", ["--fixed-mask", "--region"]),
    ):
        child.calls.clear()
        job = RegistrationJob(pairOf(parameters), kind, roiNode=roi)
        masks = run(job, lambda _, o=options: [load_volume(child.after(one)) for one in o])
        assert child.has("--region") == (kind == "deformable")
        assert roi in job.nodes
        grid = gridFromNode(parameters.fixedVolume)
        inside = (np.abs(grid.points() - (2, 3, 4)) <= (6, 9, 8)).all(axis=-1)
        for mask in masks:
            np.testing.assert_array_equal(require_mask(mask, grid), inside)


def test_landmarks_are_written_in_the_spaces_of_the_images(scene, child):
    parameters = pairParameters()
    pairs = (POINTS, POINTS + 1.5)
    job = RegistrationJob(pairOf(parameters), "deformable", landmarks=pairs)
    files = run(job, lambda _: [load_landmarks(f) for f in child.after("--landmarks", 2)])
    np.testing.assert_allclose(files, pairs)


def test_a_deformation_is_sampled_for_display_by_a_child(scene, child, monkeypatch):
    parameters = pairParameters()
    grid = gridFromNode(parameters.fixedVolume)
    child.found, child.grid = Composite([field(), FOUND]), grid
    monkeypatch.setattr(module, "SMALL_FILE_BYTES", 0)
    job = RegistrationJob(pairOf(parameters), "deformable")
    run(job)
    assert [name for name, _ in child.calls] == ["RegQCLib", "RegQCLib.cli.preview_worker"]
    assert job.differenceMm == 0.25
    expected = to_displacement(child.found, grid).apply(POINTS)
    np.testing.assert_allclose(job.transform.apply(POINTS), expected, atol=0.02)


def test_a_linear_registration_cannot_start_from_a_deformation(scene):
    parameters = pairParameters()
    bent = transformNodeFromRegQC(field(), "f").GetTransformFromParent()
    correct(startWorking(parameters), WorkingState(np.eye(4), bent), "bend", CommandStack())
    with pytest.raises(InputError, match="deformed already"):
        RegistrationJob(pairOf(parameters), "affine")
    RegistrationJob(pairOf(parameters), "deformable").cancel()


@pytest.mark.parametrize("ownBends", [False, True])
@pytest.mark.parametrize("linear", [False, True])
@pytest.mark.parametrize("shared", [False, True])
def test_the_result_puts_the_volume_where_it_was_found(scene, ownBends, linear, shared):
    """Whatever the user's own transforms, and whatever both volumes lie under."""
    parameters = pairParameters(own=None if ownBends else MOTION)
    fixed, moving = parameters.fixedVolume, parameters.movingVolume
    if ownBends:
        own = transformNodeFromRegQC(field(), "own")
        moving.SetAndObserveTransformNodeID(own.GetID())
        parameters.transform = own
    points = POINTS
    if shared:
        turned = Affine.rigid(rotation_deg=(0, 30, 0), translation_mm=(5, 0, 0))
        table = transformNodeFromRegQC(turned, "table")
        points = turned.inverse().apply(POINTS)  # inside the fixed volume
        for node in (fixed, moving.GetParentTransformNode()):
            node.SetAndObserveTransformNodeID(table.GetID())
    total = FOUND if linear and not ownBends else to_displacement(FOUND, gridFromNode(fixed))
    working = startWorking(parameters)
    job = CorrectionJob(total, working, fixed, moving)
    run(job)
    correction = job.correction
    showPreview(parameters, correction, "found")
    assert names(parameters) == ["own", "preview", *(["table"] if shared else [])]
    tolerance = 0.05 if ownBends else 1e-4
    np.testing.assert_allclose(mapped(parameters, points), FOUND.apply(points), atol=tolerance)


def test_an_oblique_box_in_its_own_place(scene):
    roi = scene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "box")
    roi.SetXYZ(0, 0, 0)
    roi.SetRadiusXYZ(60, 10, 30)
    place = Affine.rigid(rotation_deg=(20, -10, 35), translation_mm=(7, 8, 9))
    parent = transformNodeFromRegQC(place.inverse(), "parent")
    roi.SetAndObserveTransformNodeID(parent.GetID())
    box = roiVolume(roi)
    assert box.spacing.max() <= 50
    extent = np.array(box.shape[::-1])
    corners = box.grid.to_world(np.array([[-0.5] * 3, extent - 0.5]))
    expected = place.apply(np.array([[60, 10, 30], [-60, -10, -30]]))
    np.testing.assert_allclose(sorted(map(tuple, corners)), sorted(map(tuple, expected)))


def test_a_box_is_made_in_the_middle_of_what_is_seen(scene):
    parameters = pairParameters()
    roi = startRoi(parameters, np.array([1.0, 2.0, 3.0]))
    assert parameters.roi is roi
    extent = np.array(gridFromNode(parameters.fixedVolume).shape[::-1]) * (3.0, 2.5, 4.0)
    box = roiVolume(roi)
    np.testing.assert_allclose(box.grid.center, (1, 2, 3))
    np.testing.assert_allclose(np.array(box.shape[::-1]) * box.spacing, extent / 2)
    roi.SetXYZ(5, 5, 5)
    assert startRoi(parameters, np.zeros(3)) is roi
    np.testing.assert_allclose(roiVolume(roi).grid.center, (5, 5, 5))  # one that is placed stays


def test_boxes_that_are_no_boxes_are_refused(scene):
    roi = scene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "box")
    with pytest.raises(InputError, match="not placed"):
        roiVolume(roi)
    roi.SetXYZ(0, 0, 0)
    roi.SetRadiusXYZ(5, 5, 0.1)
    with pytest.raises(InputError, match="flat"):
        roiVolume(roi)
    bent = transformNodeFromRegQC(field(), "f")
    roi.SetAndObserveTransformNodeID(bent.GetID())
    with pytest.raises(InputError, match="bends"):
        roiVolume(roi)


def test_nothing_is_left_of_a_cancelled_registration(scene, monkeypatch):
    """With the real child, stopped in the middle of its work."""
    import os
    import time

    from RegQCScene.job import Job

    fixed, moving = volumeNode("fixed", (60, 60, 60)), volumeNode("moving", (60, 60, 60))
    nodes = scene.GetNumberOfNodes()
    started = []
    init = Job.__init__
    monkeypatch.setattr(
        Job, "__init__", lambda self, *a: (init(self, *a), started.append(self.processId))[0]
    )
    job = RegistrationJob(Pair(fixed, moving), "rigid")
    limit = time.monotonic() + 60
    while not started and time.monotonic() < limit:
        job.poll()
    job.cancel()
    assert started
    with pytest.raises(ProcessLookupError):
        os.kill(started[0], 0)
    assert not job.folder.exists()
    assert scene.GetNumberOfNodes() == nodes


@pytest.mark.parametrize("kind", module.KINDS)
def test_the_command_understands_what_it_is_asked(scene, child, kind):
    import typer

    from RegQCLib.cli.main import app

    parameters = pairParameters()
    roi = scene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "box")
    roi.SetXYZ(2, 3, 4)
    roi.SetRadiusXYZ(6, 9, 8)
    pairs = (POINTS, POINTS) if kind == "deformable" else None
    run(RegistrationJob(pairOf(parameters), kind, roiNode=roi, landmarks=pairs))
    command = typer.main.get_command(app).commands["register"]
    context = command.make_context("register", child.calls[0][1][1:])
    assert context.params["kind"].value == kind
    assert str(context.params["init"]) == child.after("--init")
