"""Which of many contour pieces are worth drawing."""

from __future__ import annotations

from typing import Any

import numpy as np
import vtk
from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

WEAK_SHARE = 0.5


class StrongLines:
    """Keeps lines whose scalar stays above half a threshold and somewhere exceeds all of it.

    This is Canny's hysteresis (IEEE PAMI 8, 1986): no dashes where an edge is about as strong as
    the threshold, no crumbs where there is noise.

    lines: a filter whose output is lines with one scalar.
    """

    def __init__(self, lines: Any) -> None:
        self._threshold = np.inf
        self._weak = vtk.vtkClipPolyData()
        self._weak.SetInputConnection(lines.GetOutputPort())
        self._pieces = vtk.vtkPolyDataConnectivityFilter()
        self._pieces.SetInputConnection(self._weak.GetOutputPort())
        self._pieces.SetExtractionModeToAllRegions()
        self._pieces.ColorRegionsOn()
        self._marked = vtk.vtkProgrammableFilter()
        self._marked.SetInputConnection(self._pieces.GetOutputPort())
        self._marked.SetExecuteMethod(self._mark)
        self._kept = vtk.vtkClipPolyData()
        self._kept.SetInputConnection(self._marked.GetOutputPort())
        self._kept.SetValue(0.5)

    @property
    def output(self) -> Any:
        """Port with the lines kept; it does not keep this object alive."""
        return self._kept.GetOutputPort()

    def setThreshold(self, threshold: float) -> None:
        """Set what a line must exceed somewhere, in the scalar's unit."""
        if threshold != self._threshold:
            self._threshold = threshold
            self._weak.SetValue(WEAK_SHARE * threshold)
            self._marked.Modified()

    def _mark(self) -> None:
        """Give every point 1 where its piece is kept, else 0."""
        pieces, result = self._marked.GetPolyDataInput(), self._marked.GetPolyDataOutput()
        result.ShallowCopy(pieces)
        points = pieces.GetPointData()
        kept = np.zeros(pieces.GetNumberOfPoints(), dtype=np.uint8)
        if kept.size:
            piece = vtk_to_numpy(points.GetArray("RegionId"))
            strongest = np.zeros(piece.max() + 1)
            # The connectivity filter made its own scalar active; the strength is the first array.
            np.maximum.at(strongest, piece, vtk_to_numpy(points.GetArray(0)))
            kept[:] = (strongest > self._threshold)[piece]
        result.GetPointData().SetScalars(numpy_to_vtk(kept, deep=True))
