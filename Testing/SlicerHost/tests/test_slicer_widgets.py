"""Stand-ins for Slicer's other widgets."""

from __future__ import annotations

from typing import Any

import pytest
import slicer
import vtk


@pytest.fixture
def segmentation(scene: Any) -> Any:
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "organs")
    for name in ("liver", "spleen"):
        node.GetSegmentation().AddEmptySegment(name, name)
    return node


@pytest.fixture
def segments(scene: Any) -> Any:
    made = slicer.qMRMLSegmentSelectorWidget()
    made.setMRMLScene(scene)
    yield made
    made.delete()


def test_first_segment_is_chosen(segments: Any, segmentation: Any, calls: list[Any]) -> None:
    segments.connect("currentNodeChanged(vtkMRMLNode*)", calls.append)
    segments.connect("currentSegmentChanged(QString)", calls.append)
    segments.setCurrentNode(segmentation)
    assert segments.currentNode() is segmentation
    assert segments.currentNodeID() == segmentation.GetID()
    assert segments.currentSegmentID() == "liver"
    segments.setCurrentSegmentID("spleen")
    assert calls[-1] == "spleen"


def test_none_is_a_choice_where_enabled(segments: Any, segmentation: Any) -> None:
    segments.noneEnabled = True
    segments.setCurrentNode(segmentation)
    segments.setCurrentSegmentID("")
    assert segments.currentSegmentID() == ""
    segments.setCurrentNode(None)
    assert segments.currentNode() is None


def test_new_segment_resets_the_choice(segments: Any, segmentation: Any) -> None:
    """As in Slicer: a module has to choose its segment again."""
    segments.setCurrentNode(segmentation)
    segments.setCurrentSegmentID("spleen")
    segmentation.GetSegmentation().AddEmptySegment("kidney", "kidney")
    assert segments.currentSegmentID() == "liver"


def test_removed_segmentation(segments: Any, segmentation: Any, scene: Any) -> None:
    segments.noneEnabled = True
    segments.setCurrentNode(segmentation)
    scene.RemoveNode(segmentation)
    assert segments.currentNode() is None


def test_selector_of_the_node_can_be_hidden(segments: Any) -> None:
    segments.segmentationNodeSelectorVisible = False
    assert not segments.segmentationNodeSelectorVisible


def test_units_come_from_the_scene(scene: Any) -> None:
    unit = scene.AddNewNodeByClass("vtkMRMLUnitNode", "angle")
    unit.SetQuantity("angle")
    unit.SetSuffix("deg")
    unit.SetPrecision(1)
    selection = scene.GetFirstNodeByClass("vtkMRMLSelectionNode") or scene.AddNewNodeByClass(
        "vtkMRMLSelectionNode"
    )
    selection.SetUnitNodeID("angle", unit.GetID())
    slider = slicer.qMRMLSliderWidget()
    slider.quantity = "angle"
    slider.setMRMLScene(scene)
    assert (slider.suffix, slider.decimals) == ("deg", 1)
    assert slider.inherits("ctkSliderWidget")


@pytest.fixture
def table(scene: Any) -> Any:
    node = scene.AddNewNodeByClass("vtkMRMLTableNode", "scores")
    for name, values in (("slice", (1, 2, 3)), ("error", (0.5, 2.0, 1.0))):
        column = vtk.vtkDoubleArray()
        column.SetName(name)
        for value in values:
            column.InsertNextValue(value)
        node.AddColumn(column)
    return node


def test_table_view_follows_its_node(scene: Any, table: Any) -> None:
    view = slicer.qMRMLTableView()
    view.setMRMLScene(scene)
    view.setMRMLTableNode(table)
    model = view.model()
    assert (model.rowCount(), model.columnCount()) == (3, 2)
    assert model.index(1, 1).data() == "2"
    table.GetTable().SetValue(1, 1, vtk.vtkVariant(7.0))
    table.Modified()
    assert view.model().index(1, 1).data() == "7"
    view.transposed = True
    assert (view.model().rowCount(), view.model().columnCount()) == (2, 3)
    view.setMRMLTableNode(None)
    assert view.model().rowCount() == 0


def test_table_view_tells_what_is_selected(scene: Any, table: Any, calls: list[Any]) -> None:
    view = slicer.qMRMLTableView()
    view.setMRMLTableNode(table)
    view.connect("selectionChanged()", lambda: calls.append("selected"))
    view.selectRow(1)
    assert calls == ["selected"]


def test_markups_widget_lists_points(scene: Any, calls: list[Any]) -> None:
    points = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "landmarks")
    widget = slicer.qSlicerSimpleMarkupsWidget()
    widget.setMRMLScene(scene)
    widget.setCurrentNode(points)
    points.AddControlPoint(vtk.vtkVector3d(1, 2, 3), "apex")
    rows = widget.tableWidget()
    assert rows.rowCount == 1
    assert [rows.item(0, column).text() for column in range(4)] == [
        "apex", "1.000", "2.000", "3.000",
    ]  # fmt: skip
    points.RemoveAllControlPoints()
    assert rows.rowCount == 0
    widget.setCurrentNode(None)
    assert widget.currentNode() is None


def test_panel_hands_its_scene_down(qt: Any, scene: Any, tmp_path: Any) -> None:
    form = tmp_path / "Panel.ui"
    form.write_text(
        '<ui version="4.0"><class>Panel</class><widget class="qMRMLWidget" name="Panel">'
        '<layout class="QVBoxLayout" name="layout"><item>'
        '<widget class="qMRMLNodeComboBox" name="volumes"><property name="nodeTypes"><stringlist>'
        "<string>vtkMRMLScalarVolumeNode</string></stringlist></property>"
        '<property name="noneEnabled"><bool>true</bool></property>'
        '<property name="SlicerParameterName" stdset="0"><string>fixedVolume</string></property>'
        "</widget></item></layout></widget><connections><connection><sender>Panel</sender>"
        "<signal>mrmlSceneChanged(vtkMRMLScene*)</signal><receiver>volumes</receiver>"
        "<slot>setMRMLScene(vtkMRMLScene*)</slot></connection></connections></ui>"
    )
    panel = slicer.util.loadUI(str(form))
    ui = slicer.util.childWidgetVariables(panel)
    panel.setMRMLScene(scene)
    assert ui.volumes.mrmlScene() is scene
    assert list(ui.volumes.nodeTypes) == ["vtkMRMLScalarVolumeNode"]
    assert ui.volumes.noneEnabled
    assert ui.volumes.property("SlicerParameterName") == "fixedVolume"
    panel.delete()


def test_form_with_an_unknown_widget_is_refused(qt: Any, tmp_path: Any) -> None:
    form = tmp_path / "Panel.ui"
    form.write_text('<ui><class>P</class><widget class="qMRMLNothing" name="P"/></ui>')
    with pytest.raises(RuntimeError, match="no widget class qMRMLNothing"):
        slicer.util.loadUI(str(form))
