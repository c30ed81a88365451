"""A slice view as far as pictures in it are concerned, and the views of Slicer's layout."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import slicer
import vtk
from numpy.typing import NDArray

from RegQCScene.slice_views import additionalLayers


@dataclass(frozen=True, eq=False)
class SliceView:
    """What draws one slice.

    name: of the view, such as "Red". logic: its vtkMRMLSliceLogic. renderer: draws the slice; its
    2-D coordinates are the slice's pixels. requestRender: asks for a new picture soon; many
    requests give one picture, and a hidden view gives none.
    """

    name: str
    logic: Any
    renderer: Any
    requestRender: Callable[[], Any]

    @property
    def sliceNode(self) -> Any:
        """The view's vtkMRMLSliceNode."""
        return self.logic.GetSliceNode()

    @property
    def compositeNode(self) -> Any:
        """The vtkMRMLSliceCompositeNode that says which volumes are shown."""
        return self.logic.GetSliceCompositeNode()

    @property
    def pixelMm(self) -> float:
        """Side of a pixel in mm."""
        matrix = self.sliceNode.GetXYToRAS()
        return float(np.linalg.norm([matrix.GetElement(row, 0) for row in range(3)]))

    @property
    def sizePixels(self) -> tuple[int, int]:
        """Width and height."""
        width, height = self.sliceNode.GetDimensions()[:2]
        return int(width), int(height)

    def layerOf(self, volumeNode: Any) -> Any:
        """The vtkMRMLSliceLayerLogic that shows a volume here, or None."""
        further = map(self.logic.GetNthLayer, additionalLayers(self.compositeNode))
        layers = [self.logic.GetBackgroundLayer(), self.logic.GetForegroundLayer(), *further]
        return next((one for one in layers if one and one.GetVolumeNode() is volumeNode), None)

    def toWorld(self, pixel: tuple[float, float]) -> NDArray[np.float64]:
        """RAS mm of a pixel (x right, y up)."""
        matrix = slicer.util.arrayFromVTKMatrix(self.sliceNode.GetXYToRAS())
        return np.asarray(matrix @ (pixel[0], pixel[1], 0, 1))[:3]

    def toPixel(self, point: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return (x, y) in pixels and the distance from the slice in mm of an RAS point."""
        matrix = vtk.vtkMatrix4x4()
        vtk.vtkMatrix4x4.Invert(self.sliceNode.GetXYToRAS(), matrix)
        x, y, _ = (slicer.util.arrayFromVTKMatrix(matrix) @ (*point, 1))[:3]
        return np.array([x, y, float(self._normal() @ (np.asarray(point) - self.toWorld((x, y))))])

    def _normal(self) -> NDArray[np.float64]:
        matrix = slicer.util.arrayFromVTKMatrix(self.sliceNode.GetSliceToRAS())
        return np.asarray(matrix[:3, 2])


def layoutViews() -> list[SliceView]:
    """Return the slice views of Slicer's present layout; none where there is no window."""
    manager = getattr(slicer.app, "layoutManager", lambda: None)()
    if manager is None:
        return []
    widgets = {name: manager.sliceWidget(name) for name in manager.sliceViewNames()}
    return [_ofWidget(name, widget) for name, widget in widgets.items() if widget is not None]


def _ofWidget(name: str, widget: Any) -> SliceView:
    view = widget.sliceView()
    # The first renderer is the slice's own; further ones lie above it.
    renderer = view.renderWindow().GetRenderers().GetItemAsObject(0)
    return SliceView(name, widget.sliceLogic(), renderer, view.scheduleRender)
