"""slicer.parameterNodeWrapper without Qt: types, defaults, rules, and what a saved scene keeps."""

from __future__ import annotations

import enum
import pathlib
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pytest
import slicer
import vtk
from slicer.parameterNodeWrapper import (
    Choice,
    Default,
    Exclude,
    FloatRange,
    Maximum,
    Minimum,
    RegexMatch,
    WithinRange,
    parameterNodeWrapper,
)


class Mode(enum.Enum):
    FAST = "f"
    GOOD = "g"


@parameterNodeWrapper
class Parameters:
    volume: slicer.vtkMRMLScalarVolumeNode
    anyNode: slicer.vtkMRMLNode
    count: Annotated[int, Minimum(0)] = 4
    size: Annotated[float, WithinRange(-5, 5), Default(2)]
    on: bool
    text: str = "a b"
    axis: Annotated[str, Choice(["all", "axial"])] = "all"
    mode: Mode
    path: pathlib.Path
    window: FloatRange = FloatRange(1.5, 2.5)
    names: list[str]
    nodes: list[slicer.vtkMRMLNode]
    made: Annotated[str, Default(generator=lambda: "later")]


@pytest.fixture
def node(scene: Any) -> Any:
    return scene.AddNewNodeByClass("vtkMRMLScriptedModuleNode", "parameters")


def modifications(node: Any) -> list[str]:
    events: list[str] = []
    node.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: events.append("modified"))
    return events


def test_defaults(node: Any) -> None:
    p = Parameters(node)
    assert p.volume is None
    assert (p.count, p.size, p.on, p.text, p.axis) == (4, 2.0, False, "a b", "all")
    assert (p.mode, p.path, p.window) == (Mode.FAST, pathlib.Path(), FloatRange(1.5, 2.5))
    assert (p.names, p.nodes, p.made) == ([], [], "later")
    assert p.default("count").value == 4
    assert p.parameterNode is node


def test_a_second_wrapper_sees_what_the_first_wrote(node: Any) -> None:
    p = Parameters(node)
    p.count, p.size, p.on, p.text = 7, 0.1 + 0.2, True, "x: ;%|y"
    p.mode, p.path, p.window = Mode.GOOD, pathlib.Path("a") / "b", FloatRange(-1e-9, 3)
    p.names = ["one", "two"]
    q = Parameters(node)
    assert (q.count, q.size, q.on, q.text) == (7, 0.1 + 0.2, True, "x: ;%|y")
    assert (q.mode, q.path, q.window) == (Mode.GOOD, pathlib.Path("a/b"), FloatRange(-1e-9, 3))
    assert q.names == ["one", "two"]


def test_lists_write_themselves_back(node: Any) -> None:
    p = Parameters(node)
    p.names.append("one")
    p.names += ["two", "three"]
    p.names[0] = "zero"
    p.names.remove("two")
    assert Parameters(node).names == ["zero", "three"]


def test_nodes_are_references(scene: Any, node: Any) -> None:
    p = Parameters(node)
    volume = slicer.util.addVolumeFromArray(np.zeros((2, 2, 2)))
    p.volume = volume
    p.nodes = [volume, node]
    assert p.volume is volume
    assert node.GetNodeReference("volume") is volume
    scene.RemoveNode(volume)
    assert p.volume is None
    assert p.nodes == [None, node]


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("count", -1, ValueError),
        ("count", 1.5, TypeError),
        ("size", 5.1, ValueError),
        ("size", "1", TypeError),
        ("size", None, ValueError),
        ("text", 3, TypeError),
        ("on", 1, TypeError),
        ("axis", "coronal", ValueError),
        ("mode", "FAST", TypeError),
        ("names", "word", TypeError),
        ("names", [1], TypeError),
        ("volume", "id", TypeError),
    ],
)
def test_wrong_values_are_refused_and_change_nothing(
    node: Any, name: str, value: object, error: type[Exception]
) -> None:
    p = Parameters(node)
    before = getattr(p, name)
    with pytest.raises(error):
        setattr(p, name, value)
    assert getattr(p, name) == before


def test_a_node_of_another_class_is_refused(scene: Any, node: Any) -> None:
    p = Parameters(node)
    with pytest.raises(TypeError):
        p.volume = scene.AddNewNodeByClass("vtkMRMLTransformNode")


def test_other_rules(node: Any) -> None:
    @parameterNodeWrapper
    class Ruled:
        low: Annotated[float, Maximum(1.0)]
        word: Annotated[str, Exclude(["bad"]), RegexMatch("[a-z]*$")]

    p = Ruled(node)
    for name, value in (("low", 1.1), ("word", "bad"), ("word", "A")):
        with pytest.raises(ValueError):  # noqa: PT011
            setattr(p, name, value)
    p.low, p.word = 1.0, "good"
    assert (p.low, p.word) == (1.0, "good")


def test_classes_that_cannot_work_are_refused(scene: Any) -> None:
    class BadDefault:
        size: Annotated[float, WithinRange(1, 2)]

    class BadType:
        size: complex

    with pytest.raises(ValueError, match=r"BadDefault\.size"):
        parameterNodeWrapper(BadDefault)
    with pytest.raises(TypeError, match="complex"):
        parameterNodeWrapper(BadType)


def test_one_change_is_one_event(node: Any) -> None:
    p = Parameters(node)
    events = modifications(node)
    p.names = ["a", "b", "c"]
    p.size = 3.0
    p.size = 3.0
    assert len(events) == 2
    before = p.StartModify()
    p.count, p.on = 9, True
    p.EndModify(before)
    assert len(events) == 3


def test_a_saved_scene_keeps_parameters(scene: Any, node: Any, tmp_path: Path) -> None:
    p = Parameters(node)
    p.volume = slicer.util.addVolumeFromArray(np.zeros((2, 2, 2)), name="v")
    p.names, p.text, p.mode, p.size = ["a", "b;c"], 'quote " and umlaut \xe4', Mode.GOOD, -1.25
    slicer.util.saveScene(str(tmp_path / "s.mrb"))
    scene.Clear()
    slicer.util.loadScene(str(tmp_path / "s.mrb"))
    q = Parameters(slicer.util.getNode("parameters"))
    assert q.volume.GetName() == "v"
    assert (q.names, q.text, q.mode, q.size) == (p.names, p.text, Mode.GOOD, -1.25)
