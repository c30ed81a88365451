"""Drags become steps: one each, none of what other steps did."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
from correct.support import mapped, pairParameters

from RegQCLib.geometry.transforms import Affine
from RegQCScene.command_stack import CommandStack
from RegQCScene.drag_watch import DragWatch
from RegQCScene.nudge import apply
from RegQCScene.working_transform import removeWorking, startWorking


@pytest.fixture
def history():
    return CommandStack()


@pytest.fixture
def watch(history):
    made = DragWatch(history)
    yield made
    made.close()


def drag(node, motion):
    """As the handles do: many small changes of the matrix."""
    start = slicer.util.arrayFromTransformMatrix(node).copy()
    for share in np.linspace(0.2, 1.0, 5):
        part = motion.matrix if share == 1 else np.eye(4)
        part = part.copy()
        part[:3, 3] = share * motion.matrix[:3, 3]
        node.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(part @ start))


def test_a_drag_is_one_step(scene, watch, history):
    parameters = pairParameters()
    working = startWorking(parameters)
    moves = []
    watch.moved.connect(lambda: moves.append(1))
    watch.watch(working)
    before = mapped(parameters)
    drag(working, Affine.rigid(translation_mm=(3, 0, 4)))
    assert len(moves) == 5
    assert len(history) == 0
    watch.settle()
    watch.settle()
    assert len(history) == 1
    assert history.undoText == "Drag by 5.0 mm"
    after = mapped(parameters)
    history.undo()
    np.testing.assert_allclose(mapped(parameters), before)
    watch.settle()  # an undo is no drag
    history.redo()
    np.testing.assert_allclose(mapped(parameters), after)


def test_a_turn_about_the_handles_is_told_in_degrees(scene, watch, history):
    working = startWorking(pairParameters())
    watch.watch(working)
    working.SetCenterOfTransformation(10, 20, 30)
    turn = Affine.rigid(rotation_deg=(0, 0, 7), center=(10, 20, 30))
    working.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(turn.matrix))
    watch.settle()
    assert history.undoText == "Drag by 0.0 mm and 7.0 degrees"


def test_steps_between_drags_are_theirs_alone(scene, watch, history):
    parameters = pairParameters()
    working = startWorking(parameters)
    watch.watch(working)
    apply(working, Affine.rigid(translation_mm=(1, 0, 0)), "nudge", history)
    watch.settle()
    assert len(history) == 1
    drag(working, Affine.rigid(translation_mm=(0, 2, 0)))
    watch.settle()
    assert history.undo().text == "Drag by 2.0 mm"
    assert history.undo().text == "nudge"
    assert history.undo() is None


def test_another_pair_and_a_removed_transform(scene, watch, history):
    first, second = pairParameters(), pairParameters()
    one, other = startWorking(first), startWorking(second)
    watch.watch(one)
    drag(one, Affine.rigid(translation_mm=(1, 0, 0)))
    watch.watch(other)  # what was dragged is not lost
    assert len(history) == 1
    drag(one, Affine.rigid(translation_mm=(1, 0, 0)))
    watch.settle()
    assert len(history) == 1
    removeWorking(second)
    watch.settle()
    watch.watch(None)
    assert history.undoText == "Drag by 1.0 mm"


def test_handles_that_are_put_elsewhere_move_nothing(scene, watch, history):
    working, moves = startWorking(pairParameters()), []
    watch.watch(working)
    watch.moved.connect(lambda: moves.append(1))
    working.SetCenterOfTransformation(3, 4, 5)
    assert moves == []
    drag(working, Affine.rigid(translation_mm=(1, 0, 0)))
    assert len(moves) == 5
