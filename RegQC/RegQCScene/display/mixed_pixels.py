"""Pictures that join the pixels of both layers of a slice, as the view would show them.

One NumPy step joins them when the view is drawn: on a slice, that is several times faster than a
chain of VTK's filters, each of which starts its own threads.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import vtk
from numpy.typing import NDArray
from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy
from vtk.util.vtkAlgorithm import VTKPythonAlgorithmBase

from RegQCScene.display.slice_view import SliceView

Pixels = NDArray[np.uint8]

WHITE_DIFFERENCE = 128
"""Difference of gray values, of 255, that is shown white: small ones must be seen."""
BRIGHTER = np.minimum(np.arange(256) * 255 // WHITE_DIFFERENCE, 255).astype(np.uint8)


class MixedPixels(VTKPythonAlgorithmBase):
    """An image over the whole view, made from its background and foreground layer.

    prop: the actor to add to the view's renderer.
    """

    def __init__(self, view: SliceView) -> None:
        super().__init__(
            nInputPorts=2,
            inputType="vtkImageData",
            nOutputPorts=1,
            outputType="vtkImageData",
        )
        self._view = view
        mapper = vtk.vtkImageMapper()
        mapper.SetColorWindow(255)
        mapper.SetColorLevel(127.5)
        mapper.SetInputConnection(self.GetOutputPort())
        self.prop = vtk.vtkActor2D()
        self.prop.SetMapper(mapper)
        # Above the slice, below everything that is drawn on it.
        self.prop.GetProperty().SetDisplayLocationToBackground()

    def synchronize(self) -> None:
        """Follow the layers, which replace their pipelines when their volumes change."""
        logic = self._view.logic
        layers = logic.GetBackgroundLayer(), logic.GetForegroundLayer()
        ports = [layer.GetImageDataConnection() if layer else None for layer in layers]
        shown = all(port is not None for port in ports)
        self.prop.SetVisibility(shown)
        if shown:
            for index, port in enumerate(ports):
                self.SetInputConnection(index, port)

    def join(self, fixed: Pixels, moving: Pixels) -> Pixels:
        """Return (rows, columns, 3 or 4) of two (rows, columns, 4): red, green, blue, opacity.

        Rows run upward. Opacity is 0 where a volume has no data.
        """
        raise NotImplementedError

    def RequestData(self, _request: Any, inputs: Any, outputs: Any) -> int:
        """Join, when VTK asks for it."""
        images = [vtk.vtkImageData.GetData(info, 0) for info in inputs]
        result = vtk.vtkImageData.GetData(outputs, 0)
        result.CopyStructure(images[0])
        width, height, _ = images[0].GetDimensions()
        layers = [
            vtk_to_numpy(image.GetPointData().GetScalars()).reshape(height, width, -1)
            for image in images
        ]
        pixels = np.ascontiguousarray(self.join(*layers))
        result.GetPointData().SetScalars(
            numpy_to_vtk(pixels.reshape(-1, pixels.shape[-1]), deep=True)
        )
        return 1


class Checkerboard(MixedPixels):
    """Squares of the fixed and the moving image by turns, ``squareMm`` wide."""

    def __init__(self, view: SliceView, squareMm: float) -> None:
        super().__init__(view)
        self._squareMm = squareMm

    def join(self, fixed: Pixels, moving: Pixels) -> Pixels:
        side = max(1.0, self._squareMm / self._view.pixelMm)
        rows, columns = ((np.arange(n) / side).astype(int) % 2 for n in fixed.shape[:2])
        return np.where((rows[:, None] ^ columns)[..., None].astype(bool), moving, fixed)


class ComplementaryColors(MixedPixels):
    """Fixed green and moving magenta, so gray where both are alike; black where one has no data."""

    def join(self, fixed: Pixels, moving: Pixels) -> Pixels:
        result = np.empty((*fixed.shape[:2], 3), dtype=np.uint8)
        result[..., 1] = _visible(fixed)
        result[..., 0] = result[..., 2] = _visible(moving)
        return result


class Difference(MixedPixels):
    """|fixed - moving| of the gray values on the screen; black where either has no data."""

    def join(self, fixed: Pixels, moving: Pixels) -> Pixels:
        grays = fixed[..., 0], moving[..., 0]
        difference = np.maximum(*grays) - np.minimum(*grays)
        difference[(fixed[..., 3] == 0) | (moving[..., 3] == 0)] = 0
        return np.repeat(BRIGHTER[difference][..., None], 3, axis=2)


def _visible(layer: Pixels) -> Pixels:
    return np.where(layer[..., 3] > 0, layer[..., 0], 0)
