"""Undo and redo: order, series, limits, and nodes that are gone."""

from __future__ import annotations

import pytest
import slicer

from RegQCScene.command_stack import Command, CommandStack


class Thing:
    """Something with a state; no node."""

    state = 0


def step(thing, after, *, text="", series="", size=0):
    before, thing.state = thing.state, after
    restore = lambda target, state: setattr(target, "state", state)  # noqa: E731
    return Command(text or f"to {after}", thing, before, after, restore, size, series)


@pytest.fixture
def thing():
    return Thing()


def test_steps_are_taken_back_and_taken_again(thing):
    stack = CommandStack()
    for state in (1, 2, 3):
        stack.push(step(thing, state))
    assert (stack.undoText, stack.redoText) == ("to 3", "")
    assert stack.undo().text == "to 3"
    stack.undo()
    assert (thing.state, stack.undoText, stack.redoText) == (1, "to 1", "to 2")
    stack.redo()
    assert thing.state == 2
    stack.push(step(thing, 9))
    assert stack.redo() is None  # what was taken back is gone
    for expected in (2, 1, 0):
        stack.undo()
        assert thing.state == expected
    assert stack.undo() is None
    assert (stack.undoText, len(stack)) == ("", 0)


def test_a_series_is_one_step(thing):
    stack = CommandStack()
    stack.push(step(thing, 1))
    for state in (2, 3, 4):
        stack.push(step(thing, state, series="right"))
    stack.push(step(thing, 5, series="left"))
    assert len(stack) == 3
    stack.undo()
    assert thing.state == 4
    stack.push(step(thing, 6, series="right"))  # after an undo it is another series
    assert len(stack) == 3
    stack.endSeries()
    stack.push(step(thing, 7, series="right"))
    stack.undo()
    assert thing.state == 6
    other = Thing()
    stack.push(step(other, 1, series="right"))
    stack.undo()
    assert (other.state, thing.state) == (0, 6)


def test_the_number_of_steps_and_their_bytes_are_bounded(thing):
    few = CommandStack(maxCommands=2)
    for state in (1, 2, 3):
        few.push(step(thing, state))
    assert [few.undo().after, few.undo().after, few.undo()] == [3, 2, None]
    small = CommandStack(maxBytes=100)
    for state in (1, 2, 3):
        small.push(step(thing, state, size=45))
    assert len(small) == 2
    small.push(step(thing, 4, size=500))  # the last step can always be taken back
    assert len(small) == 1


def test_changes_are_told(thing):
    stack, told = CommandStack(), []
    stack.changed.connect(lambda: told.append((stack.undoText, stack.redoText)))
    stack.push(step(thing, 1))
    stack.undo()
    stack.redo()
    stack.clear()
    assert told == [("to 1", ""), ("", "to 1"), ("to 1", ""), ("", "")]


def test_steps_of_nodes_that_are_gone_are_passed_over(scene):
    kept, gone = (scene.AddNewNodeByClass("vtkMRMLTransformNode", name) for name in "ab")
    stack = CommandStack()
    for node in (kept, gone):
        rename = lambda target, name: target.SetName(name)  # noqa: E731
        stack.push(Command(f"rename {node.GetName()}", node, node.GetName(), "new", rename))
        node.SetName("new")
    slicer.mrmlScene.RemoveNode(gone)
    assert stack.undoText == "rename a"
    assert stack.undo().node is kept
    assert (kept.GetName(), gone.GetName()) == ("a", "new")
    stack.push(Command("again", kept, "a", "b", rename))
    stack.forget(kept)
    assert stack.undo() is None
