"""Which of many contour pieces are worth drawing."""

from __future__ import annotations

from typing import Any

import numpy as np
import vtk
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from vtk.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray, vtk_to_numpy

WEAK_SHARE = 0.5


class StrongLines:
    """Keeps pieces of lines whose scalar stays above half a threshold and somewhere exceeds it.

    This is Canny's hysteresis (IEEE PAMI 8, 1986): no dashes where an edge is about as strong as
    the threshold, no crumbs where there is noise. One NumPy step costs a third of VTK's filters.

    lines: a filter whose output is lines of two points each with one scalar.
    """

    def __init__(self, lines: Any) -> None:
        self._threshold = np.inf
        self._low, self._high = np.full(3, -np.inf), np.full(3, np.inf)
        self._transform: Any = None
        self._kept = vtk.vtkProgrammableFilter()
        self._kept.SetInputConnection(lines.GetOutputPort())
        self._kept.SetExecuteMethod(self._keep)

    @property
    def output(self) -> Any:
        """Port with the lines kept; it does not keep this object alive."""
        return self._kept.GetOutputPort()

    def setThreshold(self, threshold: float) -> None:
        """Set what a line must exceed somewhere, in the scalar's unit."""
        if threshold != self._threshold:
            self._threshold = threshold
            self._kept.Modified()

    def setBox(self, low: ArrayLike, high: ArrayLike, transform: Any) -> None:
        """Keep only what a vtkAbstractTransform takes into a box, corners (3,) each."""
        self._low, self._high = np.asarray(low), np.asarray(high)
        self._transform = transform
        self._kept.Modified()

    def _keep(self) -> None:
        lines, result = self._kept.GetPolyDataInput(), self._kept.GetPolyDataOutput()
        pieces = _pieces(lines)
        if len(pieces):
            strength = vtk_to_numpy(lines.GetPointData().GetArray(0))
            pieces = pieces[(strength > WEAK_SHARE * self._threshold)[pieces].all(axis=1)]
            pieces = self._inside(pieces, vtk_to_numpy(lines.GetPoints().GetData()))
            pieces = _joinedTo(strength > self._threshold, pieces)
        cells = vtk.vtkCellArray()
        cells.SetData(2, numpy_to_vtkIdTypeArray(pieces.reshape(-1), deep=True))
        result.SetLines(cells)

    def _inside(self, pieces: NDArray[np.int64], points: NDArray[np.float32]) -> NDArray[np.int64]:
        """Pieces whose points both lie in the box."""
        if self._transform is None or not len(pieces):
            return pieces
        used = np.zeros(len(points), dtype=np.bool_)
        used[pieces] = True
        here, there = vtk.vtkPoints(), vtk.vtkPoints()
        chosen = points[used]
        here.SetData(numpy_to_vtk(chosen))
        self._transform.TransformPoints(here, there)
        places = vtk_to_numpy(there.GetData())
        used[used] = ((places >= self._low) & (places <= self._high)).all(axis=1)
        return pieces[used[pieces].all(axis=1)]


def _pieces(lines: Any) -> NDArray[np.int64]:
    """(N, 2) numbers of the points of each piece."""
    if not lines.GetNumberOfLines():
        return np.zeros((0, 2), dtype=np.int64)
    return np.asarray(vtk_to_numpy(lines.GetLines().GetConnectivityArray())).reshape(-1, 2)


def _joinedTo(strong: NDArray[np.bool_], pieces: NDArray[np.int64]) -> NDArray[np.int64]:
    """Pieces that are connected to a strong point."""
    first, second = pieces.T
    size = len(strong)
    links = coo_array((np.ones(len(pieces), dtype=np.int8), (first, second)), (size, size))
    _count, group = connected_components(links, directed=False)
    kept = np.zeros(size, dtype=np.bool_)
    kept[group[first[strong[first]]]] = kept[group[second[strong[second]]]] = True
    return pieces[kept[group[first]]]
