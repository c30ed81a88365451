"""Pictures that join the pixels of both layers of a slice, as the view would show them.

One NumPy step joins them when the view is drawn, a pixel's four bytes taken as one number and
written to where VTK draws them: on a slice, that is several times faster than a chain of VTK's
filters, each of which starts its own threads.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import vtk
from numpy.typing import ArrayLike, NDArray
from vtk.util.numpy_support import vtk_to_numpy
from vtk.util.vtkAlgorithm import VTKPythonAlgorithmBase

from RegQCScene.display.slice_view import SliceView

Pixels = NDArray[np.uint32]
"""(rows, columns), rows upward: red, green, blue and opacity in the order of memory."""


def pixel(color: ArrayLike) -> Pixels:
    """(...) pixels of (..., 4) bytes."""
    return np.ascontiguousarray(color, dtype=np.uint8).view(np.uint32)[..., 0]


GREEN, MAGENTA = pixel([0, 255, 0, 0]), pixel([255, 0, 255, 0])
OPACITY = pixel([0, 0, 0, 255])
WHITE_DIFFERENCE = 128
"""Difference of gray values, of 255, that is shown white: small ones must be seen."""
BRIGHTER = np.minimum(np.arange(256) * 255 // WHITE_DIFFERENCE, 255)
BRIGHTER_GRAYS = pixel(np.c_[BRIGHTER, BRIGHTER, BRIGHTER, np.full(256, 255)])


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
        ports = self.ports()
        shown = all(port is not None for port in ports)
        self.prop.SetVisibility(shown)
        if shown:
            for index, port in enumerate(ports):
                self.SetInputConnection(index, port)

    def ports(self) -> list[Any]:
        """Where the pixels of the two layers come from; None for one that shows nothing."""
        logic = self._view.logic
        layers = logic.GetBackgroundLayer(), logic.GetForegroundLayer()
        return [layer.GetImageDataConnection() if layer else None for layer in layers]

    def join(self, fixed: Pixels, moving: Pixels, joined: Pixels) -> None:
        """Write into ``joined`` what two layers of its shape give.

        Their opacity is 0 where a volume has no data.
        """
        raise NotImplementedError

    def RequestData(self, _request: Any, inputs: Any, outputs: Any) -> int:
        """Join, when VTK asks for it."""
        images = [vtk.vtkImageData.GetData(info, 0) for info in inputs]
        result = vtk.vtkImageData.GetData(outputs, 0)
        result.CopyStructure(images[0])
        result.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 4)
        self.join(*map(pixelsOf, (*images, result)))
        return 1


class Checkerboard(MixedPixels):
    """Squares of the fixed and the moving image by turns, ``squareMm`` wide."""

    def __init__(self, view: SliceView, squareMm: float) -> None:
        super().__init__(view)
        self._squareMm = squareMm

    def join(self, fixed: Pixels, moving: Pixels, joined: Pixels) -> None:
        side = max(1.0, self._squareMm / self._view.pixelMm)
        rows, columns = ((np.arange(n) / side).astype(int) % 2 for n in fixed.shape)
        np.copyto(joined, fixed)
        np.copyto(joined, moving, where=rows[:, None] != columns)


class ComplementaryColors(MixedPixels):
    """Fixed green and moving magenta, so gray where both are alike; black where one has no data."""

    def join(self, fixed: Pixels, moving: Pixels, joined: Pixels) -> None:
        np.bitwise_or(_whereSeen(fixed, GREEN), _whereSeen(moving, MAGENTA), out=joined)
        joined |= OPACITY


class Difference(MixedPixels):
    """|fixed - moving| of the gray values on the screen; black where either has no data."""

    def join(self, fixed: Pixels, moving: Pixels, joined: Pixels) -> None:
        grays = [layer.view(np.uint8)[:, ::4] for layer in (fixed, moving)]
        difference = np.maximum(*grays) - np.minimum(*grays)
        difference *= (fixed & moving & OPACITY) != 0
        np.take(BRIGHTER_GRAYS, difference, out=joined, mode="clip")


def pixelsOf(image: Any) -> Pixels:
    """Pixels of a vtkImageData of four bytes each; writing to them writes to the image."""
    width, height, _ = image.GetDimensions()
    scalars: NDArray[np.uint8] = vtk_to_numpy(image.GetPointData().GetScalars())
    return scalars.view(np.uint32).reshape(height, width)


def _whereSeen(layer: Pixels, channels: Pixels) -> Pixels:
    """Some channels of a layer's pixels; 0 where it has no data."""
    return np.asarray((layer & channels) * ((layer & OPACITY) != 0), dtype=np.uint32)
