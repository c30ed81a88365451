"""Corrections above the user's own transform: where they lie, and what they add up to."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
from correct.support import (
    MOTION,
    POINTS,
    field,
    mapped,
    names,
    newParameters,
    pairParameters,
    volumeNode,
)

from RegQCLib.errors import InputError
from RegQCLib.geometry.transforms import Affine, Composite
from RegQCScene.command_stack import CommandStack
from RegQCScene.preview import (
    dropPreview,
    isPreviewShown,
    keepPreview,
    setPreviewShown,
    showPreview,
)
from RegQCScene.transform_exchange import transformNodeFromRegQC
from RegQCScene.volume_exchange import transformChain
from RegQCScene.working_transform import (
    WorkingState,
    correct,
    deformationOf,
    ownTransform,
    removeWorking,
    startWorking,
    stateOf,
    workingTransformOf,
)

SHIFT = Affine.rigid(rotation_deg=(0, 0, 3), translation_mm=(0, 5, 0))


@pytest.fixture
def history():
    return CommandStack()


def shifted(motion=SHIFT):
    """A correction that moves the moving volume in the world by a motion."""
    return WorkingState(motion.matrix)


def test_the_correction_lies_above_the_users_own_transform(scene, history):
    parameters = pairParameters()
    own = parameters.transform
    before = slicer.util.arrayFromTransformMatrix(own).copy()
    working = startWorking(parameters)
    assert names(parameters) == ["own", "working"]
    assert parameters.workingTransform is working is startWorking(parameters)
    np.testing.assert_allclose(mapped(parameters), MOTION.apply(POINTS))
    correct(working, shifted(), "shift", history)
    np.testing.assert_allclose(mapped(parameters), MOTION.apply(SHIFT.inverse().apply(POINTS)))
    np.testing.assert_array_equal(slicer.util.arrayFromTransformMatrix(own), before)
    assert parameters.movingVolume.GetParentTransformNode() is own
    assert ownTransform(parameters.movingVolume) is own


def test_a_volume_without_transform_goes_under_the_correction_itself(scene, history):
    parameters = pairParameters(own=None)
    working = startWorking(parameters)
    assert names(parameters) == ["working"]
    assert ownTransform(parameters.movingVolume) is None
    correct(working, shifted(), "shift", history)
    np.testing.assert_allclose(mapped(parameters), SHIFT.inverse().apply(POINTS))
    removeWorking(parameters)
    assert names(parameters) == []
    assert parameters.workingTransform is None


def test_a_transform_that_moves_both_volumes_stays_above(scene, history):
    parameters = pairParameters()
    table = transformNodeFromRegQC(Affine.rigid(translation_mm=(50, 0, 0)), "table")
    parameters.fixedVolume.SetAndObserveTransformNodeID(table.GetID())
    parameters.transform.SetAndObserveTransformNodeID(table.GetID())
    working = startWorking(parameters)
    assert names(parameters) == ["own", "working", "table"]
    assert transformChain(parameters.fixedVolume) == [table]
    removeWorking(parameters)
    assert names(parameters) == ["own", "table"]
    assert working.GetScene() is None


def test_a_chosen_transform_is_put_above_the_moving_volume_and_taken_off_again(scene):
    parameters = pairParameters(own=None)
    parameters.transform = transformNodeFromRegQC(MOTION, "chosen")
    startWorking(parameters)
    assert names(parameters) == ["chosen", "working"]
    np.testing.assert_allclose(mapped(parameters), MOTION.apply(POINTS))
    removeWorking(parameters)
    assert names(parameters) == []


def test_each_of_two_chosen_transforms_has_its_own_correction(scene, history):
    parameters = pairParameters()
    first, own = startWorking(parameters), parameters.transform
    correct(first, shifted(), "shift", history)
    corrected = mapped(parameters)
    other = Affine.rigid(translation_mm=(9, 0, 0))
    parameters.transform = transformNodeFromRegQC(other, "other")
    second = startWorking(parameters)
    assert second is not first
    assert names(parameters) == ["other", "working"]
    np.testing.assert_allclose(mapped(parameters), other.apply(POINTS))
    parameters.transform = own
    assert startWorking(parameters) is first
    np.testing.assert_allclose(mapped(parameters), corrected)


def test_nothing_starts_without_a_pair(scene):
    volume = volumeNode("one")
    for values in ({}, {"fixedVolume": volume}, {"fixedVolume": volume, "movingVolume": volume}):
        with pytest.raises(InputError, match="moving volume"):
            startWorking(newParameters(**values))


def test_steps_are_undone_and_redone(scene, history):
    parameters = pairParameters()
    working = startWorking(parameters)
    start = mapped(parameters)
    correct(working, shifted(), "shift", history)
    moved = mapped(parameters)
    correct(working, shifted(), "nothing new", history)
    assert len(history) == 1
    bent = WorkingState(SHIFT.matrix, transformNodeFromRegQC(field(), "f").GetTransformFromParent())
    correct(working, bent, "bend", history)
    assert names(parameters) == ["own", "deformation", "working"]
    bentPoints = mapped(parameters)
    correct(working, shifted(), "unbend", history)
    assert names(parameters) == ["own", "working"]
    for expected, undo in (
        (bentPoints, True),
        (moved, True),
        (start, True),
        (moved, False),
        (bentPoints, False),
    ):
        history.undo() if undo else history.redo()
        np.testing.assert_allclose(mapped(parameters), expected, atol=1e-6)


def test_a_deformation_acts_between_the_users_transform_and_the_working_one(scene, history):
    parameters = pairParameters()
    working = startWorking(parameters)
    way = field()
    bent = transformNodeFromRegQC(way, "f").GetTransformFromParent()
    correct(working, WorkingState(SHIFT.matrix, bent), "bend", history)
    expected = Composite([SHIFT.inverse(), way, MOTION]).apply(POINTS)
    # fixedToMoving samples a chain that bends: on this coarse volume to some tenths of a mm
    np.testing.assert_allclose(mapped(parameters), expected, atol=0.5)
    deformation = deformationOf(working)
    removeWorking(parameters)
    assert names(parameters) == ["own"]
    assert deformation.GetScene() is None


@pytest.mark.parametrize("linear", [True, False])
def test_a_preview_is_seen_then_kept_and_undone(scene, history, linear):
    parameters = pairParameters()
    working = startWorking(parameters)
    correct(working, shifted(), "shift", history)
    before = mapped(parameters)
    way = Affine.rigid(translation_mm=(0, 0, 2)) if linear else field()
    showPreview(parameters, way, "rigid registration")
    assert names(parameters) == ["own", "preview"]
    assert isPreviewShown(parameters)
    assert workingTransformOf(parameters.movingVolume) is working
    after = mapped(parameters)
    np.testing.assert_allclose(after, MOTION.apply(way.apply(POINTS)), atol=0.5)
    setPreviewShown(parameters, False)
    np.testing.assert_allclose(mapped(parameters), before)
    setPreviewShown(parameters, True)
    keepPreview(parameters, history)
    assert parameters.previewTransform is None
    assert names(parameters) == ["own", *([] if linear else ["deformation"]), "working"]
    np.testing.assert_allclose(mapped(parameters), after, atol=1e-5)
    assert history.undoText == "rigid registration"
    history.undo()
    np.testing.assert_allclose(mapped(parameters), before)


def test_a_dropped_preview_leaves_nothing_behind(scene, history):
    parameters = pairParameters(own=None)
    startWorking(parameters)
    nodes = scene.GetNumberOfNodes()
    points = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "landmarks")
    points.SetAndObserveTransformNodeID(parameters.workingTransform.GetID())
    added = scene.GetNumberOfNodes() - nodes
    showPreview(parameters, SHIFT, "rigid registration")
    assert points.GetParentTransformNode() is parameters.previewTransform
    showPreview(parameters, field(), "another")  # takes the place of the first
    dropPreview(parameters)
    assert names(parameters) == ["working"]
    assert points.GetParentTransformNode() is parameters.workingTransform
    assert scene.GetNumberOfNodes() == nodes + added
    np.testing.assert_allclose(mapped(parameters), POINTS)
    assert len(history) == 0


def test_corrections_and_previews_come_back_with_the_scene(scene, history, tmp_path):
    parameters = pairParameters()
    working = startWorking(parameters)
    correct(working, shifted(), "shift", history)
    before = mapped(parameters)
    showPreview(parameters, field(), "deformable registration")
    after = mapped(parameters)
    file = str(tmp_path / "scene.mrb")
    assert slicer.util.saveScene(file)
    scene.Clear()
    slicer.util.loadScene(file)
    parameters = type(parameters)(slicer.util.getNode("RegQC"))
    assert names(parameters) == ["own", "preview"]
    # Slicer interpolates fields from files by cubic polynomials, ours before saving linearly
    np.testing.assert_allclose(mapped(parameters), after, atol=0.05)
    dropPreview(parameters)
    assert names(parameters) == ["own", "working"]
    np.testing.assert_allclose(mapped(parameters), before, atol=1e-6)
    assert np.allclose(stateOf(parameters.workingTransform).matrix, SHIFT.matrix)
