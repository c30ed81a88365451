"""The half of the host that needs no Qt: a scene with the logics that Slicer has after it started.

`startCore()` does once per process what Slicer's application does before it shows a window: it
makes the scene, the application logic and the modules' logics, and fills `slicer.mrmlScene`,
`slicer.app` and `slicer.modules`. Everything that touches nodes alone can be tested on it.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import slicer
import vtk

from SlicerHost.application import CoreApplication
from SlicerHost.modules import HostModule, LoadedModules
from SlicerHost.subject_hierarchy import SubjectHierarchyFiller
from SlicerHost.vtk_messages import VTKMessages, quiet

STAND_INS = Path(__file__).resolve().parent / "stand_ins"

# Slicer's module name -> class of its logic. Slicer makes these when it loads its modules.
MODULE_LOGICS = {
    "Colors": "vtkMRMLColorLogic",
    "CropVolume": "vtkSlicerCropVolumeLogic",
    "Markups": "vtkSlicerMarkupsLogic",
    "Models": "vtkSlicerModelsLogic",
    "Plots": "vtkSlicerPlotsLogic",
    "Reformat": "vtkSlicerReformatLogic",
    "Segmentations": "vtkSlicerSegmentationsModuleLogic",
    "Sequences": "vtkSlicerSequencesLogic",
    "SubjectHierarchy": "vtkSlicerSubjectHierarchyModuleLogic",
    "Tables": "vtkSlicerTablesLogic",
    "Terminologies": "vtkSlicerTerminologiesModuleLogic",
    "Texts": "vtkSlicerTextsLogic",
    "Transforms": "vtkSlicerTransformLogic",
    "Units": "vtkSlicerUnitsLogic",
    "ViewControllers": "vtkSlicerViewControllersLogic",
    "VolumeRendering": "vtkSlicerVolumeRenderingLogic",
    "Volumes": "vtkSlicerVolumesLogic",
}


@dataclass
class Core:
    """The scene and what works on it."""

    scene: Any
    applicationLogic: Any
    temporaryPath: str
    messages: VTKMessages
    logics: dict[str, Any] = field(default_factory=dict)
    # VTK objects that nothing in the scene holds.
    kept: list[Any] = field(default_factory=list)


_core: Core | None = None


def startCore() -> Core:
    """Start Slicer's core, or return the one that runs: VTK's factories allow one per process."""
    global _core  # noqa: PLW0603
    if _core is None:
        _core = _start()
    return _core


def _start() -> Core:
    folder = tempfile.mkdtemp(prefix="slicer-host-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    scene = slicer.vtkMRMLScene()
    scene.SetRootDirectory(folder)
    core = Core(scene, _applicationLogic(scene, folder), folder, VTKMessages())
    slicer.mrmlScene = scene
    slicer.modules = LoadedModules()
    slicer.app = CoreApplication(core)
    if str(STAND_INS) not in slicer.__path__:
        slicer.__path__.append(str(STAND_INS))
    _startViews(core)
    with quiet():  # terminologies look for files that only Slicer's installation has
        for name, className in MODULE_LOGICS.items():
            _startModule(core, name, getattr(slicer, className)())
    core.messages.clear()
    _startFileAccess(core)
    core.kept.append(SubjectHierarchyFiller(scene))
    return core


def _applicationLogic(scene: Any, folder: str) -> Any:
    crosshair = slicer.vtkMRMLCrosshairNode()
    crosshair.SetCrosshairName("default")
    scene.AddNode(crosshair)
    logic = slicer.vtkSlicerApplicationLogic()
    logic.SetTemporaryPath(folder)
    logic.SetShareDirectory(folder)
    logic.SetHomeDirectory(folder)
    logic.SetMRMLScene(scene)
    logic.GetColorLogic().SetMRMLScene(scene)
    logic.GetColorLogic().AddDefaultColorNodes()
    logic.SetSliceLogics(vtk.vtkCollection())
    logic.SetViewLogics(vtk.vtkCollection())
    return logic


def _startViews(core: Core) -> None:
    """Tell the factories of displayable managers who is the application; no views yet."""
    for factory in (
        slicer.vtkMRMLThreeDViewDisplayableManagerFactory,
        slicer.vtkMRMLSliceViewDisplayableManagerFactory,
    ):
        factory.GetInstance().SetMRMLApplicationLogic(core.applicationLogic)
    slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(core.scene, True)


def _startModule(core: Core, name: str, logic: Any) -> None:
    if hasattr(logic, "SetModuleShareDirectory"):
        logic.SetModuleShareDirectory(core.temporaryPath)
    if hasattr(logic, "SetMRMLApplicationLogic"):
        logic.SetMRMLApplicationLogic(core.applicationLogic)
    logic.SetMRMLScene(core.scene)
    core.applicationLogic.SetModuleLogic(name, logic)
    core.logics[name] = logic
    slicer.modules.add(HostModule(name, logic=logic))


def _startFileAccess(core: Core) -> None:
    """Without a cache manager in the scene, writing a .mrb file aborts the process."""
    remote = slicer.vtkMRMLRemoteIOLogic()
    remote.SetMRMLScene(core.scene)
    remote.SetMRMLApplicationLogic(core.applicationLogic)
    remote.GetCacheManager().SetRemoteCacheDirectory(core.temporaryPath)
    data = slicer.vtkDataIOManagerLogic()
    data.SetMRMLScene(core.scene)
    data.SetMRMLApplicationLogic(core.applicationLogic)
    data.SetAndObserveDataIOManager(remote.GetDataIOManager())
    remote.AddDataIOToScene()
    core.kept += [remote, data]
