"""Small steps: as seen on the screen, in millimeters and degrees, in any tree of transforms."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
from correct.support import POINTS, mapped, pairParameters
from scipy.spatial.transform import Rotation

from RegQCLib.geometry.transforms import Affine
from RegQCScene.command_stack import CommandStack
from RegQCScene.nudge import TURNS, WAYS, move, turn
from RegQCScene.transform_exchange import transformNodeFromRegQC
from RegQCScene.working_transform import startWorking


def sliceNode(orientation="Axial"):
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSliceNode", "Red")
    slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(slicer.mrmlScene, True)
    node.SetOrientation(orientation)
    return node


# An axial view shows the patient's left at the right of the screen, and the front at the top.
SEEN = {
    ("Axial", "right"): (-1, 0, 0),
    ("Axial", "up"): (0, 1, 0),
    ("Coronal", "left"): (1, 0, 0),
    ("Coronal", "up"): (0, 0, 1),
    ("Sagittal", "down"): (0, 0, -1),
    ("Axial", "toward"): (0, 0, -1),  # it is seen from the feet
    ("Coronal", "away"): (0, -1, 0),
}


@pytest.mark.parametrize(("view", "way"), SEEN)
def test_the_image_moves_as_seen_in_the_view(scene, view, way):
    parameters, history = pairParameters(own=None), CommandStack()
    move(startWorking(parameters), sliceNode(view), way, 2.5, history)
    step = 2.5 * np.array(SEEN[view, way])
    np.testing.assert_allclose(mapped(parameters), POINTS - step, atol=1e-9)
    history.undo()
    np.testing.assert_allclose(mapped(parameters), POINTS, atol=1e-9)


def test_every_way_has_its_opposite():
    assert {tuple(-np.array(way)) for way in WAYS.values()} == set(WAYS.values())
    assert sorted(TURNS.values()) == [-1, 1]


@pytest.mark.parametrize("view", ["Axial", "Coronal", "Sagittal"])
@pytest.mark.parametrize("way", TURNS)
def test_the_image_turns_about_the_pivot_as_seen_in_the_view(scene, view, way):
    parameters, node = pairParameters(own=None), sliceNode(view)
    pivot = np.array([4.0, -5.0, 6.0])
    turn(startWorking(parameters), node, way, 6.0, pivot, CommandStack())
    back = Affine(np.linalg.inv(_toWorld(parameters)))
    np.testing.assert_allclose(back.apply(pivot), pivot, atol=1e-9)
    screen = slicer.util.arrayFromVTKMatrix(node.GetSliceToRAS())[:3, :3]
    right = screen.T @ (_toWorld(parameters)[:3, :3] @ screen[:, 0])
    angle = np.degrees(np.arctan2(right[1], right[0]))  # on the screen, up is positive
    assert angle == pytest.approx(-6 if way == "clockwise" else 6)
    moved = Rotation.from_matrix(_toWorld(parameters)[:3, :3])
    assert np.degrees(moved.magnitude()) == pytest.approx(6)


def test_steps_are_in_world_space_under_a_shared_transform(scene):
    parameters = pairParameters(own=None)
    table = transformNodeFromRegQC(Affine.rigid(rotation_deg=(0, 0, 90)), "table")
    for node in (parameters.fixedVolume, parameters.movingVolume):
        node.SetAndObserveTransformNodeID(table.GetID())
    working = startWorking(parameters)
    before = mapped(parameters)
    move(working, sliceNode(), "up", 3.0, CommandStack())
    np.testing.assert_allclose(
        mapped(parameters, POINTS + np.array([0, 3.0, 0])), before, atol=1e-9
    )


def test_equal_steps_in_a_row_are_undone_together(scene):
    parameters, history = pairParameters(), CommandStack()
    working, view = startWorking(parameters), sliceNode()
    start = mapped(parameters)
    for _ in range(3):
        move(working, view, "left", 1.0, history)
    assert history.undoText == "Move 1 mm to the patient's right"
    turn(working, view, "clockwise", 0.5, (0, 0, 0), history)
    assert len(history) == 2
    assert "0.5 degrees clockwise" in history.undoText
    history.undo()
    history.undo()
    np.testing.assert_allclose(mapped(parameters), start, atol=1e-9)


def _toWorld(parameters):
    from vtk import vtkMatrix4x4

    matrix = vtkMatrix4x4()
    parameters.workingTransform.GetMatrixTransformToWorld(matrix)
    return slicer.util.arrayFromVTKMatrix(matrix)
