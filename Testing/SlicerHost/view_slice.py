"""A slice view with its controller bar: `layoutManager().sliceWidget("Red")`."""

from __future__ import annotations

from typing import Any

import slicer
import vtk
from PySide6 import QtCore, QtWidgets

from SlicerHost.core import Core
from SlicerHost.displayable_managers import SLICE_MANAGERS, createGroup
from SlicerHost.view_bar import ViewBar
from SlicerHost.views import RenderView


class SliceView(RenderView):
    """The picture itself (Slicer: qMRMLSliceView)."""

    def __init__(self, logic: Any) -> None:
        super().__init__()
        self._logic = logic
        self._node = logic.GetSliceNode()
        self._renderer.GetActiveCamera().ParallelProjectionOn()
        factory = slicer.vtkMRMLSliceViewDisplayableManagerFactory.GetInstance()
        self._group = createGroup(factory, SLICE_MANAGERS, self._renderer, self._node)
        self._mapper, self._picture = _sliceImage()
        self._renderer.AddViewProp(self._picture)
        self._style = slicer.vtkMRMLSliceViewInteractorStyle()
        self._style.SetSliceLogic(logic)
        self._style.SetDisplayableManagers(self._group)
        self._style.SetInteractor(self._interactor)
        self._updatePicture()
        logic.AddObserver(vtk.vtkCommand.ModifiedEvent, self._updatePicture)
        self._node.AddObserver(vtk.vtkCommand.ModifiedEvent, self.scheduleRender)
        self._group.AddObserver(vtk.vtkCommand.UpdateEvent, self.scheduleRender)

    def mrmlSliceNode(self) -> Any:
        return self._node

    def sliceLogic(self) -> Any:
        return self._logic

    def displayableManagerByClassName(self, name: str) -> Any:
        return self._group.GetDisplayableManagerByClassName(name)

    def convertDeviceToXYZ(self, position: list[int]) -> list[float]:
        """Window pixels, counted from below, to the slice's own coordinates."""
        return [float(position[0]), float(position[1]), 0.0]

    def convertXYZToRAS(self, xyz: list[float]) -> list[float]:
        return list(self._node.GetXYToRAS().MultiplyPoint((*xyz, 1.0))[:3])

    def convertRASToXYZ(self, ras: list[float]) -> list[float]:
        toXYZ = vtk.vtkMatrix4x4()
        vtk.vtkMatrix4x4.Invert(self._node.GetXYToRAS(), toXYZ)
        return list(toXYZ.MultiplyPoint((*ras, 1.0))[:3])

    def _updatePicture(self, *_event: Any) -> None:
        connection = self._logic.GetImageDataConnection()
        self._mapper.SetInputConnection(connection)
        self._picture.SetVisibility(connection is not None)
        self.scheduleRender()

    def _onResized(self, width: int, height: int) -> None:
        self._logic.ResizeSliceNode(width, height)


class SliceWidget(QtWidgets.QWidget):
    """View and controller (Slicer: qMRMLSliceWidget)."""

    def __init__(self, core: Core, node: Any) -> None:
        super().__init__()
        self._logic = _sliceLogic(core, node)
        self._view = SliceView(self._logic)
        self._controller = SliceController(self._logic)
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._controller)
        layout.addWidget(self._view, 1)

    def sliceLogic(self) -> Any:
        return self._logic

    def mrmlSliceNode(self) -> Any:
        return self._logic.GetSliceNode()

    def mrmlSliceCompositeNode(self) -> Any:
        return self._logic.GetSliceCompositeNode()

    def sliceView(self) -> SliceView:
        return self._view

    view = sliceView

    def sliceController(self) -> SliceController:
        return self._controller

    controller = sliceController

    def interactorStyle(self) -> Any:
        return self._view.interactorStyle()

    def fitSliceToBackground(self) -> None:
        self._logic.FitSliceToBackground()


class SliceController(ViewBar):
    """The bar over a slice view: its name and color, and a slider through the volume."""

    STEPS = 10000

    def __init__(self, logic: Any) -> None:
        node = logic.GetSliceNode()
        super().__init__(node.GetLayoutLabel() or node.GetName(), node.GetLayoutColor())
        self._logic = logic
        self._slider = QtWidgets.QSlider(QtCore.Qt.Orientation.Horizontal)
        self._slider.setRange(0, self.STEPS)
        self._slider.setAccessibleName(f"Offset of {node.GetName()}")
        self._offset = QtWidgets.QLabel()
        self._offset.setMinimumWidth(self.fontMetrics().horizontalAdvance("-0000.0 mm"))
        self.addToBar(self._slider, 1)
        self.addToBar(self._offset)
        self._slider.valueChanged.connect(self._onSlider)
        logic.AddObserver(vtk.vtkCommand.ModifiedEvent, self._update)
        node.AddObserver(vtk.vtkCommand.ModifiedEvent, self._update)
        self._update()

    def sliceOffsetSlider(self) -> QtWidgets.QSlider:
        return self._slider

    def fitSliceToBackground(self) -> None:
        self._logic.FitSliceToBackground()

    def setSliceVisible(self, visible: bool) -> None:
        """Show the slice in 3D views."""
        self._logic.GetSliceNode().SetSliceVisible(int(visible))

    def setSliceLink(self, linked: bool) -> None:
        """Let the layers and the zoom of all slice views follow each other."""
        for node in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode"):
            node.SetLinkedControl(int(linked))

    def setSliceOffsetValue(self, offset: float) -> None:
        self._logic.SetSliceOffset(offset)

    def _range(self) -> tuple[float, float]:
        bounds = [0.0] * 6
        self._logic.GetLowestVolumeSliceBounds(bounds)
        return bounds[4], bounds[5]

    def _update(self, *_event: Any) -> None:
        low, high = self._range()
        offset = self._logic.GetSliceOffset()
        self._offset.setText(f"{offset:.1f} mm")
        self._slider.blockSignals(True)
        if high > low:
            self._slider.setValue(round((offset - low) / (high - low) * self.STEPS))
        self._slider.blockSignals(False)

    def _onSlider(self, value: int) -> None:
        low, high = self._range()
        self._logic.SetSliceOffset(low + (high - low) * value / self.STEPS)


def _sliceImage() -> tuple[Any, Any]:
    """Draws the logic's blended RGBA picture behind all else."""
    mapper = vtk.vtkImageMapper()
    mapper.SetColorWindow(255)
    mapper.SetColorLevel(127.5)
    picture = vtk.vtkActor2D()
    picture.SetMapper(mapper)
    picture.GetProperty().SetDisplayLocationToBackground()
    return mapper, picture


def _sliceLogic(core: Core, node: Any) -> Any:
    logic = slicer.vtkMRMLSliceLogic()
    logic.SetMRMLApplicationLogic(core.applicationLogic)
    core.applicationLogic.GetSliceLogics().AddItem(logic)
    logic.SetMRMLScene(core.scene)
    logic.SetSliceNode(node)
    return logic
