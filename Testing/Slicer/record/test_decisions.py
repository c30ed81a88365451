"""Decisions in the scene: kept with the pair, saved with the scene, sealed against changes."""

from __future__ import annotations

import numpy as np
import pytest
import slicer

from RegQCLib.errors import InputError
from RegQCLib.report.decisions import Decisions
from RegQCScene.decisions import (
    decide,
    decisionsOf,
    requireUnchanged,
    sign,
    signatureOf,
    storeDecisions,
    takeBack,
    withdraw,
)
from RegQCScene.parameters import RegQCParameters
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
    move(moving, 1e-5)  # less than a thousandth of a millimeter
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
    move(checked.parameters.movingVolume, 0.0)
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
