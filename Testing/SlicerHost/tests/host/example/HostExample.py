"""A scripted module as Slicer's wizard makes them, small: the host is tested on it."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import slicer
import vtk
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.parameterNodeWrapper import Choice, WithinRange, parameterNodeWrapper
from slicer.ScriptedLoadableModule import *  # noqa: F403
from slicer.util import VTKObservationMixin


class HostExample(ScriptedLoadableModule):  # noqa: F405
    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)  # noqa: F405
        self.parent.title = _("Host example")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Examples")]
        self.started = 0
        slicer.app.connect("startupCompleted()", self.onStarted)

    def onStarted(self):
        self.started += 1


class Side(Enum):
    LEFT = 1
    RIGHT = 2

    def label(self):
        return self.name.title()


@parameterNodeWrapper
class HostExampleParameters:
    volume: slicer.vtkMRMLScalarVolumeNode
    opacity: Annotated[float, WithinRange(0.0, 1.0)] = 0.5
    count: int = 3
    enabled: bool = True
    note: str
    axis: Annotated[str, Choice(["axial", "coronal"])] = "axial"
    side: Side


class HostExampleWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):  # noqa: F405
    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)  # noqa: F405
        VTKObservationMixin.__init__(self)
        self.calls = []

    def setup(self):
        ScriptedLoadableModuleWidget.setup(self)  # noqa: F405
        widget = slicer.util.loadUI(self.resourcePath("UI/HostExample.ui"))
        self.layout.addWidget(widget)
        self.ui = slicer.util.childWidgetVariables(widget)
        widget.setMRMLScene(slicer.mrmlScene)
        self.logic = HostExampleLogic()
        self.connectParameters()
        scene = slicer.mrmlScene
        self.addObserver(scene, scene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(scene, scene.EndCloseEvent, self.onSceneEndClose)
        self.ui.applyButton.connect("clicked(bool)", self.onApply)

    def connectParameters(self):
        self.parameters = self.logic.getParameterNode()
        self.tag = self.parameters.connectGui(self.ui)
        self.addObserver(self.parameters, vtk.vtkCommand.ModifiedEvent, self.onModified)

    def disconnectParameters(self):
        self.removeObserver(self.parameters, vtk.vtkCommand.ModifiedEvent, self.onModified)
        self.parameters.disconnectGui(self.tag)

    def onSceneStartClose(self, caller, event):
        # A closing scene empties the parameter node: from here on it cannot be read.
        self.disconnectParameters()

    def onSceneEndClose(self, caller, event):
        self.connectParameters()

    def onModified(self, caller, event):
        self.calls.append("modified")

    def onApply(self):
        with slicer.util.tryWithErrorDisplay(_("It failed."), waitCursor=True):
            self.logic.process(self.parameters.volume)

    def enter(self):
        self.calls.append("enter")

    def exit(self):
        self.calls.append("exit")

    def cleanup(self):
        self.calls.append("cleanup")
        self.disconnectParameters()
        self.removeObservers()


class HostExampleLogic(ScriptedLoadableModuleLogic):  # noqa: F405
    def getParameterNode(self):
        return HostExampleParameters(super().getParameterNode())

    def process(self, volume):
        if volume is None:
            raise ValueError("no volume")


class HostExampleTest(ScriptedLoadableModuleTest):  # noqa: F405
    ran = 0

    def runTest(self):
        self.setUp()
        self.delayDisplay("testing")
        HostExampleTest.ran += 1
