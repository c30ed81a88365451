"""The layout manager: Slicer's layouts, the views in them, plots and tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import qt
import slicer

NODE = slicer.vtkMRMLLayoutNode


def visible(host: Any) -> list[str]:
    manager = host.layoutManager
    host.app.processEvents()
    return [n for n in manager.sliceViewNames() if manager.sliceWidget(n).isVisible()]


def test_four_up_is_the_start(host: Any) -> None:
    manager = slicer.app.layoutManager()
    assert manager.layout == NODE.SlicerLayoutFourUpView
    assert visible(host) == ["Red", "Green", "Yellow"]
    assert manager.threeDViewCount == 1
    assert manager.threeDWidget(0).mrmlViewNode().GetID() == "vtkMRMLViewNode1"
    for name, orientation in (("Red", "Axial"), ("Green", "Coronal"), ("Yellow", "Sagittal")):
        assert manager.sliceWidget(name).mrmlSliceNode().GetOrientation() == orientation
    assert manager.sliceWidget("Blue") is None


def test_three_over_three_and_back(host: Any) -> None:
    manager = host.layoutManager
    layouts: list[int] = []
    manager.connect("layoutChanged(int)", layouts.append)
    manager.setLayout(NODE.SlicerLayoutThreeOverThreeView)
    assert set(visible(host)) == {"Red", "Green", "Yellow", "Red+", "Green+", "Yellow+"}
    node = manager.sliceWidget("Red+").mrmlSliceNode()
    assert (node.GetViewGroup(), node.IsMappedInLayout()) == (1, True)
    manager.layoutLogic().GetLayoutNode().SetViewArrangement(NODE.SlicerLayoutFourUpView)
    assert visible(host) == ["Red", "Green", "Yellow"]
    assert not node.IsMappedInLayout()
    assert layouts == [NODE.SlicerLayoutThreeOverThreeView, NODE.SlicerLayoutFourUpView]
    manager.disconnect("layoutChanged(int)", layouts.append)


def test_hidden_views_do_not_render(host: Any) -> None:
    manager = host.layoutManager
    manager.setLayout(NODE.SlicerLayoutOneUpRedSliceView)
    assert visible(host) == ["Red"]
    view = manager.sliceWidget("Green").sliceView()
    count = view.renderCount()
    manager.sliceWidget("Green").mrmlSliceNode().SetSliceOffset(5)
    host.app.processEvents()
    assert view.renderCount() == count
    view.forceRender()
    assert view.renderCount() == count + 1


def test_views_keep_their_place_in_the_volume(host: Any) -> None:
    manager = host.layoutManager
    manager.sliceWidget("Red").mrmlSliceNode().SetSliceOffset(12)
    manager.setLayout(NODE.SlicerLayoutConventionalView)
    assert manager.sliceWidget("Red").mrmlSliceNode().GetSliceOffset() == 12
    assert manager.mrmlSliceLogics().GetNumberOfItems() == len(manager.sliceViewNames())


def test_closing_the_scene_leaves_the_views(host: Any) -> None:
    slicer.mrmlScene.Clear()
    host.layoutManager.setLayout(NODE.SlicerLayoutFourUpView)
    assert visible(host) == ["Red", "Green", "Yellow"]
    volume = slicer.util.addVolumeFromArray(np.ones((3, 3, 3)))
    slicer.util.setSliceViewerLayers(background=volume, fit=True)
    composite = host.layoutManager.sliceWidget("Red").mrmlSliceCompositeNode()
    assert composite.GetBackgroundVolumeID() == volume.GetID()


def test_a_layout_of_ones_own(host: Any) -> None:
    description = (
        '<layout type="tab">'
        '<item><view class="vtkMRMLSliceNode" singletontag="Own">'
        '<property name="orientation" action="default">Coronal</property>'
        '<property name="viewlabel" action="default">O</property></view></item>'
        '<item><view class="vtkMRMLSliceNode" singletontag="Red"/></item></layout>'
    )
    node = host.layoutManager.layoutLogic().GetLayoutNode()
    assert node.AddLayoutDescription(9001, description)
    host.layoutManager.setLayout(9001)
    assert visible(host) == ["Own"]
    own = host.layoutManager.sliceWidget("Own").mrmlSliceNode()
    assert own.GetOrientation() == "Coronal"


@pytest.fixture
def table(scene: Any) -> Any:
    node = scene.AddNewNodeByClass("vtkMRMLTableNode", "scores")
    columns = (np.arange(20.0), np.full(20, 3.0))
    slicer.util.updateTableFromArray(node, columns, ["slice", "error"])
    return node


def test_the_plot_view_draws_the_chart(host: Any, scene: Any, table: Any) -> None:
    series = scene.AddNewNodeByClass("vtkMRMLPlotSeriesNode", "error")
    series.SetAndObserveTableNodeID(table.GetID())
    series.SetXColumnName("slice")
    series.SetYColumnName("error")
    series.SetPlotType(series.PlotTypeScatter)
    series.SetColor(1, 0, 0)
    chart = scene.AddNewNodeByClass("vtkMRMLPlotChartNode", "chart")
    chart.AddAndObservePlotSeriesNodeID(series.GetID())
    manager = host.layoutManager
    manager.setLayout(NODE.SlicerLayoutFourUpPlotView)
    assert manager.plotViewCount == 1
    view = manager.plotWidget(0).plotView()
    before = redPixels(host, view)
    manager.plotWidget(0).mrmlPlotViewNode().SetPlotChartNodeID(chart.GetID())
    drawn = redPixels(host, view)
    assert (before, drawn > 50) == (0, True)
    series.SetColor(0, 0, 1)
    assert redPixels(host, view) == 0


def redPixels(host: Any, view: Any) -> int:
    host.app.processEvents()
    view.forceRender()
    image = view.image().convertToFormat(qt.QImage.Format_RGB888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), -1)
    colors = rows[:, : 3 * image.width()].reshape(-1, 3).astype(int)
    return int(((colors[:, 0] > 150) & (colors[:, 1] < 100) & (colors[:, 2] < 100)).sum())


def test_the_table_view_shows_the_table(host: Any, table: Any) -> None:
    manager = host.layoutManager
    manager.setLayout(NODE.SlicerLayoutFourUpTableView)
    widget = manager.tableWidget(0)
    widget.mrmlTableViewNode().SetTableNodeID(table.GetID())
    assert widget.tableView().mrmlTableNode() is table
