"""A 3D view with its controller bar: `layoutManager().threeDWidget(0)`."""

from __future__ import annotations

from typing import Any

import slicer
import vtk
from PySide6 import QtWidgets

from SlicerHost.core import Core
from SlicerHost.displayable_managers import THREE_D_MANAGERS, createGroup
from SlicerHost.view_bar import ViewBar
from SlicerHost.views import RenderView


class ThreeDView(RenderView):
    """The picture itself (Slicer: qMRMLThreeDView)."""

    def __init__(self, logic: Any, node: Any) -> None:
        super().__init__()
        self._logic = logic
        self._node = node
        self._renderer.GradientBackgroundOn()
        factory = slicer.vtkMRMLThreeDViewDisplayableManagerFactory.GetInstance()
        self._group = createGroup(factory, THREE_D_MANAGERS, self._renderer, node)
        self._style = slicer.vtkMRMLThreeDViewInteractorStyle()
        self._style.SetDisplayableManagers(self._group)
        self._style.SetInteractor(self._interactor)
        self._group.AddObserver(vtk.vtkCommand.UpdateEvent, self.scheduleRender)
        node.AddObserver(vtk.vtkCommand.ModifiedEvent, self.scheduleRender)

    def mrmlViewNode(self) -> Any:
        return self._node

    def displayableManagerByClassName(self, name: str) -> Any:
        return self._group.GetDisplayableManagerByClassName(name)

    def cameraNode(self) -> Any:
        return slicer.vtkMRMLCameraNode.SafeDownCast(
            self._group.GetDisplayableManagerByClassName(
                "vtkMRMLCameraDisplayableManager"
            ).GetCameraNode()
        )

    def resetFocalPoint(self) -> None:
        """Look at the middle of what is shown."""
        self.resetCamera()

    def resetCamera(self, *_arguments: Any) -> None:
        self._renderer.ResetCamera()
        self.scheduleRender()


class ThreeDWidget(QtWidgets.QWidget):
    """View and controller (Slicer: qMRMLThreeDWidget)."""

    def __init__(self, core: Core, node: Any) -> None:
        super().__init__()
        self._logic = slicer.vtkMRMLViewLogic()
        self._logic.SetMRMLApplicationLogic(core.applicationLogic)
        core.applicationLogic.GetViewLogics().AddItem(self._logic)
        self._logic.SetMRMLScene(core.scene)
        self._view = ThreeDView(self._logic, node)
        self._controller = ViewBar(node.GetLayoutLabel() or node.GetName(), node.GetLayoutColor())
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._controller)
        layout.addWidget(self._view, 1)

    def viewLogic(self) -> Any:
        return self._logic

    def mrmlViewNode(self) -> Any:
        return self._view.mrmlViewNode()

    def threeDView(self) -> ThreeDView:
        return self._view

    view = threeDView

    def threeDController(self) -> ViewBar:
        return self._controller

    controller = threeDController
