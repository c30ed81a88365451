"""The selector of nodes follows the scene as Slicer's does."""

from __future__ import annotations

from typing import Any

import pytest
import slicer
from PySide6 import QtWidgets
from SlicerHost import qt_dialogs

VOLUME = "vtkMRMLScalarVolumeNode"


@pytest.fixture
def selector(scene: Any) -> Any:
    made = slicer.qMRMLNodeComboBox()
    made.nodeTypes = [VOLUME]
    made.noneEnabled = True
    made.setMRMLScene(scene)
    yield made
    made.delete()


def addVolumes(scene: Any, *names: str) -> list[Any]:
    return [scene.AddNewNodeByClass(VOLUME, name) for name in names]


def entries(selector: Any) -> list[str]:
    combo = selector.findChild(QtWidgets.QComboBox)
    return [combo.itemText(row) for row in range(combo.count)]


def test_it_is_disabled_without_a_scene(scene: Any) -> None:
    selector = slicer.qMRMLNodeComboBox()
    assert not selector.enabled
    selector.setMRMLScene(scene)
    assert selector.enabled


def test_it_lists_none_nodes_and_actions(selector: Any, scene: Any) -> None:
    addVolumes(scene, "a", "b")
    scene.AddNewNodeByClass("vtkMRMLTextNode", "text")
    assert entries(selector)[:3] == ["None", "a", "b"]
    assert len(entries(selector)) == 5
    selector.addEnabled = selector.removeEnabled = selector.noneEnabled = False
    assert entries(selector) == ["a", "b"]
    assert selector.nodeCount() == 2
    assert selector.nodeFromIndex(1).GetName() == "b"


def test_subclasses_and_hidden_nodes(selector: Any, scene: Any) -> None:
    labels = scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "labels")
    (volume,) = addVolumes(scene, "a")
    assert selector.nodeCount() == 2
    selector.showChildNodeTypes = False
    assert selector.nodeCount() == 1
    selector.showChildNodeTypes = True
    selector.hideChildNodeTypes = ["vtkMRMLLabelMapVolumeNode"]
    assert selector.nodeFromIndex(0) is volume
    selector.setCurrentNode(volume)
    volume.SetHideFromEditors(True)
    volume.Modified()
    assert selector.currentNode() is None
    selector.showHidden = True
    assert selector.nodeFromIndex(0) is volume
    assert labels is not None


def test_attribute_filters_and_marks_new_nodes(selector: Any, scene: Any) -> None:
    addVolumes(scene, "plain")
    selector.addAttribute(VOLUME, "Role", "moving")
    assert selector.nodeCount() == 0
    made = selector.addNode()
    assert made.GetAttribute("Role") == "moving"
    assert selector.nodeCount() == 1
    selector.removeAttribute(VOLUME, "Role")
    assert selector.nodeCount() == 2


def test_choosing_tells_once(selector: Any, scene: Any, calls: list[Any]) -> None:
    first, _second = addVolumes(scene, "a", "b")
    selector.connect("currentNodeChanged(vtkMRMLNode*)", calls.append)
    selector.connect("currentNodeChanged(bool)", calls.append)
    selector.connect("currentNodeIDChanged(QString)", calls.append)
    selector.setCurrentNode(first)
    selector.setCurrentNode(first)
    assert calls == [first, True, first.GetID()]
    assert selector.currentNodeID == first.GetID()
    calls.clear()
    selector.currentNodeID = ""
    assert calls == [None, False, ""]


def test_nodes_of_one_name_are_told_apart(selector: Any, scene: Any, calls: list[Any]) -> None:
    first, second = addVolumes(scene, "same", "same")
    second.SetName(first.GetName())
    selector.setCurrentNode(first)
    selector.connect("currentNodeChanged(vtkMRMLNode*)", calls.append)
    selector.setCurrentNode(second)
    assert calls == [second]
    assert selector.currentNode() is second


def test_new_name_of_the_current_node_is_told(selector: Any, scene: Any, calls: list[Any]) -> None:
    first, second = addVolumes(scene, "a", "b")
    selector.setCurrentNode(first)
    selector.connect("currentNodeChanged(vtkMRMLNode*)", calls.append)
    second.SetName("c")
    first.SetName("d")
    assert entries(selector)[1:3] == ["d", "c"]
    assert calls == [first]


def test_removed_node_gives_way_to_its_neighbor(selector: Any, scene: Any) -> None:
    """Even where None is enabled: a module must not rely on None after a removal."""
    first, second, third = addVolumes(scene, "a", "b", "c")
    selector.setCurrentNode(second)
    scene.RemoveNode(second)
    assert selector.currentNode() is third
    scene.RemoveNode(third)
    assert selector.currentNode() is first
    scene.RemoveNode(first)
    assert selector.currentNode() is None


def test_node_is_still_in_the_scene_when_its_removal_is_told(
    selector: Any, scene: Any, calls: list[Any]
) -> None:
    (volume,) = addVolumes(scene, "a")
    selector.connect(
        "nodeAboutToBeRemoved(vtkMRMLNode*)",
        lambda node: calls.append(scene.GetNodeByID(node.GetID()) is volume),
    )
    scene.RemoveNode(volume)
    assert calls == [True]


@pytest.mark.parametrize("actions", [False, True])
def test_first_node_is_chosen_only_where_nothing_else_is_listed(scene: Any, actions: bool) -> None:
    selector = slicer.qMRMLNodeComboBox()
    selector.nodeTypes = [VOLUME]
    selector.addEnabled = selector.removeEnabled = actions
    selector.setMRMLScene(scene)
    (volume,) = addVolumes(scene, "a")
    assert selector.currentNode() is (None if actions else volume)


def test_closing_the_scene_empties_it(selector: Any, scene: Any, calls: list[Any]) -> None:
    volumes = addVolumes(scene, "a", "b")
    selector.setCurrentNode(volumes[1])
    selector.connect("currentNodeChanged(vtkMRMLNode*)", calls.append)
    scene.Clear()
    assert selector.nodeCount() == 0
    assert calls[-1] is None


def test_choice_before_the_scene_is_kept(scene: Any) -> None:
    volumes = addVolumes(scene, "a", "b")
    selector = slicer.qMRMLNodeComboBox()
    selector.nodeTypes = [VOLUME]
    selector.setCurrentNode(volumes[1])
    selector.setMRMLScene(scene)
    assert selector.currentNode() is volumes[1]


def test_new_node_is_named_chosen_and_told(selector: Any, scene: Any, calls: list[Any]) -> None:
    selector.baseName = "Output"
    selector.connect("nodeAddedByUser(vtkMRMLNode*)", calls.append)
    made = selector.addNode()
    assert made.GetName() == "Output"
    assert selector.currentNode() is made
    assert calls == [made]
    assert selector.addNode("vtkMRMLTextNode") is None


def test_actions_of_the_list(selector: Any, scene: Any, calls: list[Any]) -> None:
    view = selector.findChild(QtWidgets.QComboBox).view()
    model = view.model()
    texts = {model.index(row, 0).data(): model.index(row, 0) for row in range(model.rowCount())}
    create = next(index for text, index in texts.items() if text.startswith("Create new"))
    view.clicked.emit(create)
    assert scene.GetNumberOfNodesByClass(VOLUME) == 1
    assert selector.currentNode() is not None
    selector.removeCurrentNode()
    assert scene.GetNumberOfNodesByClass(VOLUME) == 0


def test_activated_is_for_the_user_alone(selector: Any, scene: Any, calls: list[Any]) -> None:
    (volume,) = addVolumes(scene, "a")
    selector.connect("nodeActivated(vtkMRMLNode*)", calls.append)
    selector.setCurrentNode(volume)
    assert calls == []
    selector.findChild(QtWidgets.QComboBox).activated.emit(1)
    assert calls == [volume]


def test_deleted_selector_hears_nothing(scene: Any) -> None:
    selector = slicer.qMRMLNodeComboBox()
    selector.nodeTypes = [VOLUME]
    selector.setMRMLScene(scene)
    (volume,) = addVolumes(scene, "a")
    selector.delete()
    volume.SetName("b")
    scene.RemoveNode(volume)


def test_removed_node_is_let_go(selector: Any, scene: Any) -> None:
    (volume,) = addVolumes(scene, "a")
    scene.RemoveNode(volume)
    assert volume.GetReferenceCount() == 1


def test_rename_asks_for_a_name(selector: Any, scene: Any, calls: list[Any]) -> None:
    (volume,) = addVolumes(scene, "a")
    selector.setCurrentNode(volume)
    selector.connect("currentNodeRenamed(QString)", calls.append)
    qt_dialogs.answer("b")
    selector.renameCurrentNode()
    assert volume.GetName() == "b"
    assert calls == ["b"]
