"""Hatching over a slice where a map says nothing.

On a map that leaves small values clear, "all is well" and "nothing is known" would look alike. Air
is not hatched: nobody expects an answer there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import vtk

from RegQCScene.display.mixed_pixels import MixedPixels, Pixels, pixel
from RegQCScene.display.overlay import Overlay
from RegQCScene.display.slice_view import SliceView, layoutViews

PERIOD_PIXELS = 9
"""Distance of the lines along a row."""
HATCH = (235, 235, 235, 190), (25, 25, 25, 190)
"""A light line beside a dark one is seen on every gray."""
LINES = pixel([*HATCH, *[(0, 0, 0, 0)] * (PERIOD_PIXELS - len(HATCH))])
AIR_GRAY = 20
"""Darker pixels, of 255, are taken for air."""


class NotJudged:
    """Hatches what is negative in one volume. views: returns the views to use."""

    def __init__(self, views: Callable[[], Sequence[SliceView]] = layoutViews) -> None:
        self._views = views
        self._overlays: list[Overlay] = []

    def show(self, volumeNode: Any) -> None:
        """Hatch over the layer that shows a volume, in all views that have one."""
        self.hide()
        self._overlays = [Overlay(view, Hatching(view, volumeNode)) for view in self._views()]

    def hide(self) -> None:
        """Take the hatching off the views."""
        for overlay in self._overlays:
            overlay.remove()
        self._overlays = []


class Hatching(MixedPixels):
    """Lines in one view: its background layer tells air, the volume what was not judged."""

    def __init__(self, view: SliceView, volumeNode: Any) -> None:
        super().__init__(view)
        self._volume = volumeNode
        self._values = vtk.vtkImageReslice()
        self._values.SetInterpolationModeToNearestNeighbor()
        self._values.SetBackgroundLevel(0.0)  # no lines outside the volume
        self._values.SetOutputSpacing(1, 1, 1)
        self._values.SetOutputOrigin(0, 0, 0)
        self._marks = vtk.vtkImageMapToColors()
        self._marks.SetLookupTable(_negativeAlone())
        self._marks.SetOutputFormatToRGBA()
        self._marks.SetInputConnection(self._values.GetOutputPort())

    def ports(self) -> list[Any]:
        """The background layer's pixels, and pixels that are not 0 where nothing was judged."""
        below = self._view.logic.GetBackgroundLayer()
        layer = self._view.layerOf(self._volume)
        source = None if layer is None else layer.GetReslice()
        if below is None or source is None or source.GetNumberOfInputConnections(0) == 0:
            return [None, None]
        self._values.SetInputConnection(source.GetInputConnection(0, 0))
        # The layer makes a new transform object at every change.
        self._values.SetResliceTransform(source.GetResliceTransform())
        width, height = self._view.sizePixels
        self._values.SetOutputExtent(0, width - 1, 0, height - 1, 0, 0)
        return [below.GetImageDataConnection(), self._marks.GetOutputPort()]

    def join(self, fixed: Pixels, moving: Pixels, joined: Pixels) -> None:
        """Draw where ``moving``, here the marks, is not 0."""
        rows, columns = (np.arange(n) for n in joined.shape)
        np.take(LINES, (rows[:, None] + columns) % PERIOD_PIXELS, out=joined, mode="clip")
        bright = fixed.view(np.uint8).reshape(*fixed.shape, 4)[..., :3].max(axis=-1) > AIR_GRAY
        joined *= (moving != 0) & bright


def _negativeAlone() -> Any:
    """Colors for -1 (not judged) and for 0 and more."""
    table = vtk.vtkLookupTable()
    table.SetNumberOfTableValues(2)
    table.SetTableRange(-1, 0)
    table.SetTableValue(0, 1, 1, 1, 1)
    table.SetTableValue(1, 0, 0, 0, 0)
    return table
