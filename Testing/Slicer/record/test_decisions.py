"""Decisions in the scene: kept with the pair, saved with the scene, sealed against changes."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
import vtk
from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

from RegQCLib.errors import InputError
from RegQCLib.report.decisions import Decisions
from RegQCScene.check_job import CheckJob
from RegQCScene.check_result import CheckResult
from RegQCScene.decisions import (
    decide,
    decisionsOf,
    noteChecked,
    requireUnchanged,
    sign,
    signatureOf,
    storeDecisions,
    takeBack,
    withdraw,
)
from RegQCScene.job import Event
from RegQCScene.pair_export import Pair
from RegQCScene.parameters import RegQCParameters
from RegQCScene.placement import chosenPlacement
from RegQCScene.result_nodes import resultFolder
from RegQCScene.session import Session


def places(session):
    return {one.place: one.decision for one in decisionsOf(session.parameters).slices}


def move(node, millimeters):
    """Put a volume under a translation, or change the one that it lies under."""
    transform = node.GetParentTransformNode()
    if transform is None:
        transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTransformNode", "moved")
        node.SetAndObserveTransformNodeID(transform.GetID())
    matrix = np.eye(4)
    matrix[0, 3] = millimeters
    transform.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))


def test_decisions_know_slice_reviewer_and_time(checked):
    heard = []
    checked.decisionsChanged.connect(lambda: heard.append(1))
    decide(checked, [("axial", 5), ("axial", 6)], "rejected", " Shift ", "left\nventricle")
    decide(checked, [("axial", 6)], "accepted")
    assert places(checked) == {("axial", 5): "rejected", ("axial", 6): "accepted"}
    one = decisionsOf(checked.parameters).by_place["axial", 5]
    assert (one.reason, one.comment, one.reviewer) == ("Shift", "left\nventricle", "Dr A")
    assert one.position_mm == 12.5
    assert one.time.endswith("Z")
    assert len(heard) == 2
    takeBack(checked, [("axial", 5)])
    assert places(checked) == {("axial", 6): "accepted"}


def test_the_node_lies_in_the_folder_of_the_result(checked):
    decide(checked, [("axial", 5)], "rejected")
    node = checked.parameters.decisionsText
    tree = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    folder = resultFolder(checked.parameters.fixedVolume, checked.parameters.movingVolume)
    assert folder
    assert tree.GetItemParent(tree.GetItemByDataNode(node)) == folder
    decide(checked, [("axial", 6)], "rejected")
    assert checked.parameters.decisionsText is node


def test_nothing_is_decided_without_a_check(session):
    with pytest.raises(InputError, match="check the pair first"):
        decide(session, [("axial", 5)], "rejected")
    with pytest.raises(InputError, match="check the pair first"):
        sign(session, "accepted")
    with pytest.raises(InputError, match="check the pair first"):
        storeDecisions(session, Decisions())
    assert decisionsOf(session.parameters) == Decisions()
    assert signatureOf(session) == "unsigned"


def test_slices_that_do_not_exist_are_refused(checked):
    with pytest.raises(InputError, match="no axial slice 99"):
        decide(checked, [("axial", 5), ("axial", 99)], "rejected")
    assert places(checked) == {}


def test_signing_needs_a_name_and_holds_until_something_changes(checked):
    checked.parameters.reviewer = "  "
    with pytest.raises(InputError, match="reviewer's name"):
        sign(checked, "accepted")
    checked.parameters.reviewer = "Dr A"
    sign(checked, "accepted", "Within tolerance", "fine")
    assert signatureOf(checked) == "valid"
    assert decisionsOf(checked.parameters).case.comment == "fine"
    decide(checked, [("axial", 7)], "rejected")
    assert signatureOf(checked) == "changed"
    sign(checked, "rejected")
    assert signatureOf(checked) == "valid"
    withdraw(checked)
    assert signatureOf(checked) == "unsigned"
    assert places(checked) == {("axial", 7): "rejected"}


def test_another_check_breaks_the_signature(checked, storeCheck):
    sign(checked, "accepted")
    storeCheck(checked, verdict="aligned")
    assert signatureOf(checked) == "changed"


def test_a_pair_that_was_moved_after_its_check_is_not_signed(checked):
    moving = checked.parameters.movingVolume
    move(moving, 3.0)
    with pytest.raises(InputError, match="changed after the check"):
        sign(checked, "accepted")
    move(moving, 1e-3)  # too little to matter
    sign(checked, "accepted")


def bend(node, fromParent=True):
    """Put a volume under a field of its own; returns the field's transform node and image."""
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTransformNode", "bent")
    image = vtk.vtkImageData()
    image.SetDimensions(7, 6, 5)
    image.SetSpacing(12, 12, 12)
    image.SetOrigin(-30, -30, -30)
    vectors = np.random.default_rng(0).normal(0, 1, (7 * 6 * 5, 3)).astype(np.float32)
    image.GetPointData().SetScalars(numpy_to_vtk(vectors, deep=True))
    field = slicer.vtkOrientedGridTransform()
    field.SetDisplacementGridData(image)
    if fromParent:
        transform.SetAndObserveTransformFromParent(field)
    else:
        transform.SetAndObserveTransformToParent(field)
    node.SetAndObserveTransformNodeID(transform.GetID())
    return transform, image


@pytest.mark.parametrize("fromParent", [True, False])
def test_a_field_that_was_edited_after_the_check_is_not_signed(checked, storeCheck, fromParent):
    _node, image = bend(checked.parameters.movingVolume, fromParent)
    storeCheck(checked, verdict="aligned")
    sign(checked, "accepted")
    vectors = vtk_to_numpy(image.GetPointData().GetScalars())
    before = vectors[100].copy()
    vectors[100] += 0.5  # one voxel of it
    image.GetPointData().GetScalars().Modified()
    with pytest.raises(InputError, match="changed after the check"):
        sign(checked, "accepted")
    vectors[100] = before  # as undo does
    image.GetPointData().GetScalars().Modified()
    sign(checked, "accepted")


def test_what_was_moved_while_it_was_checked_is_not_signed(checked, makeReport, monkeypatch):
    class MovedMeanwhile:
        """A check of where the pair lay at its beginning."""

        nodes = ()
        running = True
        images = None
        folder = None

        def __init__(self, parameters):
            self.pair = Pair(parameters.fixedVolume, parameters.movingVolume)
            self.result = CheckResult(makeReport(*self.pair.nodes, verdict="aligned"))

        def poll(self):
            move(self.pair.movingNode, 3.0)
            return [Event("result")]

        def removeFolder(self):
            """It has none."""

    monkeypatch.setattr(CheckJob, "fromParameters", MovedMeanwhile)
    checked.check()
    assert checked.result.verdict == "aligned"
    with pytest.raises(InputError, match="changed after the check"):
        sign(checked, "accepted")


def test_another_pair_has_its_own_decisions(checked, makeVolume):
    decide(checked, [("axial", 5)], "rejected")
    first = checked.parameters.movingVolume
    checked.parameters.movingVolume = makeVolume(2, "t2w")
    checked.refreshResult()
    assert decisionsOf(checked.parameters) == Decisions()
    checked.parameters.movingVolume = first
    assert places(checked) == {("axial", 5): "rejected"}


def test_they_come_back_with_a_saved_scene(checked, tmp_path):
    decide(checked, [("axial", 5)], "rejected", "Shift", 'second line:\n"quoted" <b> Łuczak 脑')
    bend(checked.parameters.movingVolume)
    noteChecked(
        checked.parameters.reportText, checked.result.text, chosenPlacement(checked.parameters)
    )
    sign(checked, "rejected", comment="again\nplease")
    before = decisionsOf(checked.parameters)
    path = str(tmp_path / "scene.mrb")
    assert slicer.util.saveScene(path)
    slicer.mrmlScene.Clear()
    slicer.util.loadScene(path)
    node = next(n for n in slicer.util.getNodesByClass("vtkMRMLScriptedModuleNode")
                if n.GetAttribute("ModuleName") == "RegQC")  # fmt: skip
    again = Session(RegQCParameters(node))
    assert decisionsOf(again.parameters) == before
    assert signatureOf(again) == "valid"
    assert again.parameters.reviewer == "Dr A"
    requireUnchanged(again)
    again.close()


def test_an_edited_node_is_named(checked):
    decide(checked, [("axial", 5)], "rejected")
    checked.parameters.decisionsText.SetText("{")
    with pytest.raises(InputError, match="RegQC decisions"):
        decisionsOf(checked.parameters)
