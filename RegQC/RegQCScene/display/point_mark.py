"""A cross at a point, with a gap in the middle so that the point itself stays visible."""

from __future__ import annotations

from typing import Any

import numpy as np
import vtk
from numpy.typing import NDArray

from RegQCScene.display.slice_view import SliceView

COLOR = (0.0, 0.9, 1.0)
INNER_PIXELS, OUTER_PIXELS = 5.0, 22.0
NEAR_MM = 1.0
"""The mark is drawn in slices no further than this, or half a voxel, from the point."""


class PointMark:
    """Marks a point in one view; drawn only while the view's slice passes through it."""

    def __init__(self, view: SliceView) -> None:
        self._view = view
        self._point: NDArray[np.float64] | None = None
        mapper = vtk.vtkPolyDataMapper2D()
        mapper.SetInputData(_cross())
        self.prop = vtk.vtkActor2D()
        self.prop.SetMapper(mapper)
        self.prop.GetProperty().SetColor(*COLOR)
        self.prop.GetProperty().SetLineWidth(2.0)

    def setPoint(self, point: NDArray[np.float64] | None) -> None:
        """Mark a point, RAS mm in the view's space; None marks nothing."""
        self._point = point
        self.synchronize()

    def synchronize(self) -> None:
        """Follow the view's place and zoom."""
        if self._point is None:
            self.prop.SetVisibility(False)
            return
        x, y, away = self._view.toPixel(self._point)
        near = max(NEAR_MM, self._view.logic.GetLowestVolumeSliceSpacing()[2] / 2)
        self.prop.SetVisibility(bool(abs(away) <= near))
        self.prop.SetPosition(float(x), float(y))


def _cross() -> Any:
    points, lines = vtk.vtkPoints(), vtk.vtkCellArray()
    for direction in np.array([(1, 0), (0, 1), (-1, 0), (0, -1)]):
        lines.InsertNextCell(2)
        for distance in (INNER_PIXELS, OUTER_PIXELS):
            lines.InsertCellPoint(points.InsertNextPoint(*(distance * direction), 0))
    cross = vtk.vtkPolyData()
    cross.SetPoints(points)
    cross.SetLines(lines)
    return cross
