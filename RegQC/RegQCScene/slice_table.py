"""Scores of slices as a table that people read, and as a plot."""

from __future__ import annotations

from typing import Any

import numpy as np
import slicer
import vtk
from numpy.typing import NDArray
from slicer.i18n import tr as _
from vtk.util import numpy_support

from RegQCLib.geometry.grid import PLANE_NAMES
from RegQCScene.check_result import CheckResult
from RegQCScene.folders import putIntoFolder

PLOT_DATA = "RegQC.plotData"
COLORS = {"sagittal": (0.93, 0.84, 0.0), "coronal": (0.35, 0.69, 0.25), "axial": (0.86, 0.23, 0.21)}
"""As Slicer colors the views of these planes."""


def updateTable(node: Any, result: CheckResult) -> None:
    """Fill a table node: one row a slice of every plane; NaN where nothing was measured."""
    slices = result.slices()
    ones = [one for _plane, one in slices]
    columns = {
        _("plane"): [plane for plane, _one in slices],
        _("slice"): np.array([one.index for one in ones], dtype=np.int32),
        _("position (mm)"): _floats(one.position_mm for one in ones),
        _("P(misaligned)"): _floats(one.probability_misaligned for one in ones),
        _("error (mm)"): _floats(one.error_mm for one in ones),
        _("flagged"): np.array([one.flagged for one in ones], dtype=np.int32),
    }
    _fill(node, columns)


def updatePlot(node: Any, result: CheckResult, folder: int) -> None:
    """Fill a plot chart node: error in mm along each axis, one series a plane."""
    data = node.GetNodeReference(PLOT_DATA)
    if data is None:
        data = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode", _("RegQC plot data"))
        node.SetNodeReferenceID(PLOT_DATA, data.GetID())
        putIntoFolder(data, folder)
    rows = max((len(result.scores(plane)) for plane in PLANE_NAMES), default=0)
    columns = {}
    for plane in PLANE_NAMES:
        for name, field in (("position", "position_mm"), ("error", "error_mm")):
            values = _floats(getattr(one, field) for one in result.scores(plane))
            padding = np.full(rows - len(values), np.nan)
            columns[_columnName(plane, name)] = np.concatenate([values, padding])
    _fill(data, columns)
    for plane in PLANE_NAMES:
        _updateSeries(node, data, plane, folder)
    node.SetTitle(_("Estimated error by slice"))
    node.SetXAxisTitle(_("position (mm)"))
    node.SetYAxisTitle(_("error (mm)"))


def _updateSeries(chart: Any, data: Any, plane: str, folder: int) -> None:
    role = f"RegQC.{plane}"
    series = chart.GetNodeReference(role)
    if series is None:
        series = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLPlotSeriesNode", plane)
        chart.SetNodeReferenceID(role, series.GetID())
        chart.AddAndObservePlotSeriesNodeID(series.GetID())
        putIntoFolder(series, folder)
    with slicer.util.NodeModify(series):
        series.SetAndObserveTableNodeID(data.GetID())
        series.SetXColumnName(_columnName(plane, "position"))
        series.SetYColumnName(_columnName(plane, "error"))
        series.SetPlotType(slicer.vtkMRMLPlotSeriesNode.PlotTypeScatter)
        series.SetMarkerStyle(slicer.vtkMRMLPlotSeriesNode.MarkerStyleNone)
        series.SetLineStyle(slicer.vtkMRMLPlotSeriesNode.LineStyleSolid)
        series.SetColor(*COLORS[plane])


def _columnName(plane: str, name: str) -> str:
    return f"{plane} {name} (mm)"


def _floats(values: Any) -> NDArray[np.float64]:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _fill(node: Any, columns: dict[str, Any]) -> None:
    """Replace the columns of a table node; lists of text stay text."""
    table = vtk.vtkTable()
    for name, values in columns.items():
        if isinstance(values, list):
            column = vtk.vtkStringArray()
            for value in values:
                column.InsertNextValue(value)
        else:
            column = numpy_support.numpy_to_vtk(values, deep=True)
        column.SetName(name)
        table.AddColumn(column)
    node.SetAndObserveTable(table)
    node.Modified()
