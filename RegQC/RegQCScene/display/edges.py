"""Edges of one image as lines over a slice.

Edges are the zero crossings of the Laplacian of the smoothed slice (Marr and Hildreth, Proc. R.
Soc. B 207, 1980) where the gradient is strong. Contours of a smooth function are sharp at every
zoom and cost little: VTK computes them when a view is drawn, so never for views that are hidden.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import vtk

from RegQCLib.report.colors import EDGE
from RegQCScene.display.gray_look import GrayLook
from RegQCScene.display.slice_view import SliceView
from RegQCScene.display.strong_lines import StrongLines

LINE_PIXELS = 2.0
SAMPLES_PER_SCALE = 2.0
"""The slice is sampled this often per standard deviation of the smoothing, whatever the zoom."""
KERNEL_RADIUS = 3.0


class EdgeLines:
    """Draws the edges of the volume in one layer of a slice view.

    layer: a vtkMRMLSliceLayerLogic. look: of that layer's volume. percent: how much of the body has
    no edge, see `GrayLook.edgeThreshold`.
    """

    def __init__(self, view: SliceView, layer: Any, look: GrayLook, percent: float) -> None:
        self._view, self._layer, self._look = view, layer, look
        self.percent = percent
        self._build()

    def _build(self) -> None:
        self._reslice = vtk.vtkImageReslice()
        self._reslice.SetInterpolationModeToLinear()
        self._reslice.SetBackgroundLevel(self._look.window[0])
        self._reslice.SetOutputScalarType(vtk.VTK_FLOAT)
        self._smooth = vtk.vtkImageGaussianSmooth()
        self._smooth.SetDimensionality(2)
        self._smooth.SetRadiusFactors(*[KERNEL_RADIUS] * 3)
        self._smooth.SetInputConnection(self._reslice.GetOutputPort())
        gradient = vtk.vtkImageGradientMagnitude()
        laplacian = vtk.vtkImageLaplacian()
        for derivative in (gradient, laplacian):
            derivative.SetDimensionality(2)
            derivative.SetInputConnection(self._smooth.GetOutputPort())
        crossings = vtk.vtkFlyingEdges2D()
        crossings.SetInputConnection(laplacian.GetOutputPort())
        crossings.SetValue(0, 0.0)
        strength = vtk.vtkProbeFilter()
        strength.SetInputConnection(crossings.GetOutputPort())
        strength.SetSourceConnection(gradient.GetOutputPort())
        self._strong = StrongLines(strength)
        mapper = vtk.vtkPolyDataMapper2D()
        mapper.SetInputConnection(self._strong.output)
        mapper.ScalarVisibilityOff()
        self.prop = vtk.vtkActor2D()
        self.prop.SetMapper(mapper)
        self.prop.GetProperty().SetColor(*np.array(EDGE) / 255)
        self.prop.GetProperty().SetLineWidth(LINE_PIXELS)

    def synchronize(self) -> None:
        """Follow the layer: its volume, the transform above it, and the view's place and zoom."""
        source = self._layer.GetReslice()
        volume = self._layer.GetVolumeNode()
        shown = volume is not None and source.GetNumberOfInputConnections(0) > 0
        self.prop.SetVisibility(shown)
        if not shown:
            return
        self._reslice.SetInputConnection(source.GetInputConnection(0, 0))
        # The layer makes a new transform object at every change.
        self._reslice.SetResliceTransform(source.GetResliceTransform())
        pixelMm = self._view.pixelMm
        step = max(1.0, self._look.edgeScaleMm / pixelMm / SAMPLES_PER_SCALE)
        width, height = self._view.sizePixels
        self._reslice.SetOutputSpacing(step, step, 1)
        self._reslice.SetOutputOrigin(0, 0, 0)
        self._reslice.SetOutputExtent(0, int(width / step), 0, int(height / step), 0, 0)
        self._smooth.SetStandardDeviation(self._look.edgeScaleMm / pixelMm / step)
        self._strong.setThreshold(self._look.edgeThreshold(self.percent) * pixelMm)
        self._keepOffTheBorder(volume, source.GetResliceTransform())

    def _keepOffTheBorder(self, volume: Any, toVoxels: Any) -> None:
        """Draw no edge where the volume merely ends."""
        margin = self._look.edgeScaleMm / np.array(volume.GetSpacing()) - 0.5
        last = np.array(volume.GetImageData().GetDimensions()) - 1
        margin = np.minimum(margin, last / 2)
        self._strong.setBox(margin, last - margin, toVoxels)
