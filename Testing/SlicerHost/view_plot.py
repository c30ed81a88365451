"""Plot and table views: `layoutManager().plotWidget(0)` and `tableWidget(0)`."""

from __future__ import annotations

from typing import Any

import slicer
import vtk
from PySide6 import QtWidgets

from SlicerHost.core import Core
from SlicerHost.view_bar import ViewBar
from SlicerHost.views import RenderView

_DASHES = {
    "LineStyleNone": vtk.vtkPen.NO_PEN,
    "LineStyleSolid": vtk.vtkPen.SOLID_LINE,
    "LineStyleDash": vtk.vtkPen.DASH_LINE,
    "LineStyleDot": vtk.vtkPen.DOT_LINE,
}


class PlotView(RenderView):
    """Draws a chart node's series with VTK's charts (Slicer: qMRMLPlotView)."""

    def __init__(self, node: Any) -> None:
        super().__init__()
        self._node = node
        self._chart = vtk.vtkChartXY()
        self._scene = vtk.vtkContextScene()
        self._scene.AddItem(self._chart)
        actor = vtk.vtkContextActor()
        actor.SetScene(self._scene)
        self._scene.SetRenderer(self._renderer)
        self._renderer.AddViewProp(actor)
        self._renderer.SetBackground(1.0, 1.0, 1.0)
        self._observed: list[tuple[Any, int]] = []
        node.AddObserver(vtk.vtkCommand.ModifiedEvent, self._update)
        self._update()

    def mrmlPlotViewNode(self) -> Any:
        return self._node

    def fitToContent(self) -> None:
        self._chart.RecalculateBounds()
        self.scheduleRender()

    def _update(self, *_event: Any) -> None:
        for observed, tag in self._observed:
            observed.RemoveObserver(tag)
        self._observed.clear()
        self._chart.ClearPlots()
        chartNode = self._node.GetPlotChartNode()
        if chartNode is not None:
            self._watch(chartNode)
            self._drawChart(chartNode)
        self.scheduleRender()

    def _drawChart(self, chartNode: Any) -> None:
        self._chart.SetTitle(chartNode.GetTitle() or "")
        self._chart.SetShowLegend(chartNode.GetLegendVisibility())
        self._chart.GetAxis(vtk.vtkAxis.BOTTOM).SetTitle(chartNode.GetXAxisTitle() or "")
        self._chart.GetAxis(vtk.vtkAxis.LEFT).SetTitle(chartNode.GetYAxisTitle() or "")
        for index in range(chartNode.GetNumberOfPlotSeriesNodes()):
            series = chartNode.GetNthPlotSeriesNode(index)
            table = series.GetTableNode() if series is not None else None
            if table is not None:
                self._watch(series)
                self._watch(table)
                self._drawSeries(series, table.GetTable())

    def _drawSeries(self, series: Any, table: Any) -> None:
        column = table.GetColumnByName(series.GetYColumnName() or "")
        if column is None:
            return
        bars = series.GetPlotType() == series.PlotTypeBar
        plot = self._chart.AddPlot(vtk.vtkChart.BAR if bars else vtk.vtkChart.LINE)
        across = table.GetColumnByName(series.GetXColumnName() or "")
        if across is None:
            plot.SetUseIndexForXSeries(True)
            plot.SetInputData(table, column.GetName(), column.GetName())
        else:
            plot.SetInputData(table, across.GetName(), column.GetName())
        plot.SetLabel(series.GetName())
        plot.GetPen().SetColorF(*series.GetColor())
        plot.GetBrush().SetColorF(*series.GetColor())
        plot.SetWidth(series.GetLineWidth())
        style = series.GetLineStyleAsString(series.GetLineStyle())
        plot.GetPen().SetLineType(_DASHES.get(style, vtk.vtkPen.SOLID_LINE))

    def _watch(self, node: Any) -> None:
        tag = node.AddObserver(vtk.vtkCommand.ModifiedEvent, self._update)
        self._observed.append((node, tag))


class PlotWidget(QtWidgets.QWidget):
    """View and controller (Slicer: qMRMLPlotWidget)."""

    def __init__(self, core: Core, node: Any) -> None:
        super().__init__()
        self._view = PlotView(node)
        self._controller = _stacked(self, node, self._view)

    def plotView(self) -> PlotView:
        return self._view

    def plotController(self) -> ViewBar:
        return self._controller

    def mrmlPlotViewNode(self) -> Any:
        return self._view.mrmlPlotViewNode()


class TableWidget(QtWidgets.QWidget):
    """A table view that follows its view node (Slicer: qMRMLTableWidget)."""

    def __init__(self, core: Core, node: Any) -> None:
        super().__init__()
        self._node = node
        self._view = slicer.qMRMLTableView()
        self._view.setMRMLScene(core.scene)
        self._controller = _stacked(self, node, self._view)
        node.AddObserver(vtk.vtkCommand.ModifiedEvent, self._update)
        self._update()

    def tableView(self) -> Any:
        return self._view

    def tableController(self) -> ViewBar:
        return self._controller

    def mrmlTableViewNode(self) -> Any:
        return self._node

    def _update(self, *_event: Any) -> None:
        self._view.setMRMLTableNode(self._node.GetTableNode())


def _stacked(widget: QtWidgets.QWidget, node: Any, view: QtWidgets.QWidget) -> ViewBar:
    """Put a bar over a view; returns the bar."""
    bar = ViewBar(node.GetLayoutLabel() or node.GetName(), node.GetLayoutColor())
    layout = QtWidgets.QVBoxLayout(widget)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(0)
    layout.addWidget(bar)
    layout.addWidget(view, 1)
    return bar
