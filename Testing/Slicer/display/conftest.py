"""Slice views without Qt, and phantoms whose edges are known, for tests of what views show."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import slicer
import vtk
from SlicerHost.rendering import whyNot
from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

from RegQCScene.display.comparison import Comparison
from RegQCScene.display.slice_view import SliceView

SIZE = 240
_number = itertools.count()
ORIENTATIONS = {"Red": "Axial", "Yellow": "Sagittal", "Green": "Coronal"}


class Bench:
    """A slice view that draws into memory: the slice alone, without handles and markups."""

    def __init__(self, name: str, orientation: str) -> None:
        application = slicer.app.applicationLogic()
        self._window = vtk.vtkRenderWindow()
        self._window.SetOffScreenRendering(1)
        self._window.SetMultiSamples(0)
        self._window.SetSize(SIZE, SIZE)
        renderer = vtk.vtkRenderer()
        renderer.GetActiveCamera().ParallelProjectionOn()
        self._window.AddRenderer(renderer)
        self._interactor = vtk.vtkRenderWindowInteractor()  # displayable managers ask for one
        self._interactor.SetRenderWindow(self._window)
        self._interactor.Initialize()
        self.logic = slicer.vtkMRMLSliceLogic()
        self.logic.SetMRMLApplicationLogic(application)
        application.GetSliceLogics().AddItem(self.logic)
        self.logic.SetMRMLScene(slicer.mrmlScene)
        # Slice nodes outlive the scene that is cleared between tests: each view needs a new one.
        node = self.logic.AddSliceNode(f"{name}{next(_number)}")
        node.SetOrientation(orientation)
        self._mapper = vtk.vtkImageMapper()
        self._mapper.SetColorWindow(255)
        self._mapper.SetColorLevel(127.5)
        self._picture = vtk.vtkActor2D()
        self._picture.SetMapper(self._mapper)
        self._picture.GetProperty().SetDisplayLocationToBackground()
        renderer.AddViewProp(self._picture)
        self.logic.ResizeSliceNode(SIZE, SIZE)
        self.requests = 0
        self.view = SliceView(name, self.logic, renderer, self._request)

    def center(self, millimeters: float, where: tuple[float, float, float] = (0, 0, 0)) -> None:
        """Show a square of some width around a point."""
        node = self.logic.GetSliceNode()
        node.SetFieldOfView(millimeters, millimeters, 1)
        node.JumpSliceByCentering(*where)

    def pixels(self) -> Any:
        """Draw; (rows, columns, 3) bytes, rows upward."""
        port = self.logic.GetImageDataConnection()
        self._mapper.SetInputConnection(port)
        self._picture.SetVisibility(port is not None)
        self._window.Render()
        grab = vtk.vtkWindowToImageFilter()
        grab.SetInput(self._window)
        grab.ReadFrontBufferOff()
        grab.Update()
        scalars = grab.GetOutput().GetPointData().GetScalars()
        return vtk_to_numpy(scalars).reshape(SIZE, SIZE, 3).copy()

    def at(self, *point: float) -> tuple[int, ...]:
        """Draw; the color at an RAS point."""
        x, y, _ = self.view.toPixel(np.array(point))
        return tuple(int(c) for c in self.pixels()[round(y), round(x)])

    def close(self) -> None:
        self._window.Finalize()
        slicer.app.applicationLogic().GetSliceLogics().RemoveItem(self.logic)
        self.logic.SetMRMLScene(None)

    def _request(self) -> None:
        self.requests += 1


@pytest.fixture
def benches(scene: Any) -> Iterator[dict[str, Bench]]:
    """Three slice views through the origin, 120 mm wide, that show nothing yet."""
    if whyNot():
        pytest.skip(whyNot())
    made = {name: Bench(name, orientation) for name, orientation in ORIENTATIONS.items()}
    for bench in made.values():
        bench.center(120)
    yield made
    for bench in made.values():
        bench.close()


@pytest.fixture
def views(benches: dict[str, Bench]) -> list[SliceView]:
    return [bench.view for bench in benches.values()]


class Phantoms:
    """Volumes and transforms of known shape."""

    obliqueLeftHanded = np.array(
        [[0.96, 0.28, 0.0], [-0.28, 0.96, 0.0], [0.0, 0.0, 1.0]]
    ) @ np.diag([1.0, 1.5, -2.0])

    def volume(
        self, array: Any, axes: Any = None, *, center: tuple[float, float, float] = (0, 0, 0)
    ) -> Any:
        """A volume node of an array (k, j, i) around a point; axes: (3, 3) mm per voxel i, j, k."""
        axes = np.eye(3) if axes is None else axes
        affine = np.eye(4)
        affine[:3, :3] = axes
        affine[:3, 3] = np.array(center) - axes @ ((np.array(array.shape[::-1]) - 1) / 2)
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
        node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(affine))
        slicer.util.updateVolumeFromArray(node, array)
        node.CreateDefaultDisplayNodes()
        return node

    def empty(self) -> Any:
        return self.volume(np.zeros((60, 60, 60), np.float32))

    def ball(
        self, radiusMm: float, axes: Any = None, *, shape: tuple[int, int, int] = (80, 90, 100)
    ) -> Any:
        """A ball of 100 in air of 0 (soft by a voxel), in the middle of a volume."""
        axes = np.eye(3) if axes is None else axes
        k, j, i = np.meshgrid(*(np.arange(n) - (n - 1) / 2 for n in shape), indexing="ij")
        distance = np.linalg.norm(np.stack([i, j, k], axis=-1) @ axes.T, axis=-1)
        array = 100 / (1 + np.exp(np.clip((distance - radiusMm) / 0.5, -50, 50)))
        return self.volume(array.astype(np.float32), axes)

    def translation(self, *millimeters: float) -> Any:
        """A transform node that moves what lies under it."""
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTransformNode", "move")
        self.move(node, *millimeters)
        return node

    def move(self, node: Any, *millimeters: float) -> None:
        matrix = np.eye(4)
        matrix[:3, 3] = millimeters
        node.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))

    def uniformField(self, *millimeters: float) -> Any:
        """A displacement field node, non-linear to Slicer, fixed to moving points."""
        grid = vtk.vtkImageData()
        grid.SetDimensions(13, 13, 13)
        grid.SetSpacing(10, 10, 10)
        grid.SetOrigin(-60, -60, -60)
        vectors = np.tile(np.array(millimeters, dtype=np.float64), (13**3, 1))
        grid.GetPointData().SetScalars(numpy_to_vtk(vectors, deep=True))
        field = slicer.vtkOrientedGridTransform()
        field.SetDisplacementGridData(grid)
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTransformNode", "field")
        node.SetAndObserveTransformFromParent(field)
        return node


@pytest.fixture
def phantoms(scene: Any) -> Phantoms:
    return Phantoms()


@pytest.fixture
def comparison(views: list[SliceView]) -> Iterator[Comparison]:
    made = Comparison(lambda: views)
    yield made
    made.close()
