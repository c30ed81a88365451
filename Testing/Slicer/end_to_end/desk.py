"""What a person at the module can do: click, press keys, look, wait."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

PATIENCE_S = 600
"""Nothing takes so long; computers that test many things at once are slow."""


class Desk:
    """The module with the sample pair: the FLAIR is fixed, the T1-weighted image was moved.

    shiftedSlice: number of an axial slice of the latter that moved by 4 mm while it was acquired.
    """

    def __init__(self, shiftedSlice: int | None = None) -> None:
        import slicer
        from PySide6 import QtCore
        from PySide6.QtTest import QTest
        from SlicerHost.host import SAMPLE, startHost

        self.qt, self.test, self.slicer = QtCore.Qt, QTest, slicer
        self.host = startHost()
        slicer.mrmlScene.Clear()
        manager = self.host.layoutManager
        manager.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)
        self.host.app.setTestingEnabled(True)
        self.fixed = slicer.util.loadVolume(str(SAMPLE / "flair.nii.gz"), {"name": "FLAIR"})
        self.moving = slicer.util.loadVolume(str(SAMPLE / "t1w.nii.gz"), {"name": "T1w"})
        moved = slicer.util.loadTransform(str(SAMPLE / "moved.tfm"))
        self.moving.SetAndObserveTransformNodeID(moved.GetID())
        if shiftedSlice is not None:
            voxels = slicer.util.arrayFromVolume(self.moving)
            voxels[shiftedSlice] = np.roll(voxels[shiftedSlice], 4, axis=1)
            slicer.util.arrayFromVolumeModified(self.moving)
        slicer.util.setSliceViewerLayers(self.fixed, self.moving, foregroundOpacity=0.5, fit=True)
        self.module = self.host.load()
        self.widget = self.module.widgetRepresentation().self()
        self.panels = {type(one).__name__: one for one in self.widget.shell.panels}
        inputs = self.panels["InputsPanel"].ui
        inputs.fixedSelector.setCurrentNode(self.fixed)
        inputs.movingSelector.setCurrentNode(self.moving)
        self.settle()

    def close(self) -> None:
        self.host.unload(self.module)
        self.slicer.mrmlScene.Clear()

    @property
    def session(self) -> Any:
        return self.widget.session

    def settle(
        self, until: Callable[[], Any] = lambda: False, seconds: float = 0.2, what: str = ""
    ) -> None:
        """Let events pass, until something holds if `what` says in words what it is."""
        end = time.monotonic() + (PATIENCE_S if what else seconds)
        while time.monotonic() < end and not until():
            self.host.app.processEvents()
            time.sleep(0.005)
        assert not what or until(), f"{what}: did not happen; {self.widget.shell.notices.shown}"

    def idle(self) -> None:
        """Wait for what was started."""
        self.settle(lambda: not self.session.busy, what="the end of the work")
        self.settle(seconds=0.05)

    def section(self, name: str) -> Any:
        """Return the collapsible section of a panel."""
        sections = self.widget.shell.sections
        return next(one for one in sections if one.objectName == f"{name}Section")

    def open(self, name: str) -> Any:
        """Unfold one section and fold the others; returns the widgets of its panel."""
        for section in self.widget.shell.sections:
            if bool(section.collapsed) == (section is self.section(name)):
                self.click(section, (20, 8))
        self.settle(seconds=0.05)
        return self.panels[name].ui

    def click(self, widget: Any, place: tuple[int, int] | None = None) -> None:
        """Click on a widget that can be seen and used."""
        from PySide6.QtCore import QPoint

        assert widget.isVisible(), f"{widget.objectName} is not shown"
        assert widget.isEnabled(), f"{widget.objectName} is disabled: {widget.toolTip}"
        where = QPoint(*place) if place else QPoint(widget.width // 2, widget.height // 2)
        self.test.mouseClick(widget, self.qt.MouseButton.LeftButton, pos=where)
        self.host.app.processEvents()

    def clickRow(self, table: Any, row: int) -> None:
        """Click on a row of a table that can be scrolled to."""
        table.scrollToItem(table.item(row, 1))
        place = table.visualItemRect(table.item(row, 1)).center()
        self.test.mouseClick(table.viewport(), self.qt.MouseButton.LeftButton, pos=place)
        self.host.app.processEvents()

    def key(self, key: str, modifiers: Any = None) -> None:
        """Press a key while the views have the focus."""
        from SlicerHost.keyboard import press

        self.view("Red").setFocus()
        none, window = self.qt.KeyboardModifier.NoModifier, self.host.window
        press(window, getattr(self.qt.Key, f"Key_{key}"), modifiers or none, at=window)

    def view(self, name: str) -> Any:
        return self.host.layoutManager.sliceWidget(name).sliceView()

    def offset(self, name: str) -> float:
        """Where a slice view stands along its normal, in mm."""
        return float(self.host.layoutManager.sliceWidget(name).sliceLogic().GetSliceOffset())

    def picture(self, name: str) -> NDArray[np.int64]:
        """(rows, columns, 3) what a slice view shows."""
        import vtk
        from vtk.util.numpy_support import vtk_to_numpy

        view = self.view(name)
        view.forceRender()
        grab = vtk.vtkWindowToImageFilter()
        grab.SetInput(view.renderWindow())
        grab.ReadFrontBufferOff()
        grab.Update()
        image = grab.GetOutput()
        width, height, _depth = image.GetDimensions()
        scalars = vtk_to_numpy(image.GetPointData().GetScalars())
        return scalars.reshape(height, width, -1).astype(np.int64)

    def place(self, name: str, ras: Any) -> tuple[float, float]:
        """Where a point is seen in a slice view, in pixels from above."""
        view = self.view(name)
        x, y, _depth = view.convertRASToXYZ(list(map(float, ras)))
        return x, view.height - 1 - y

    def pose(self) -> NDArray[np.float64]:
        """(4, 4) RAS mm, what lies above the moving volume, to the world."""
        import vtk

        matrix = vtk.vtkMatrix4x4()
        parent = self.moving.GetParentTransformNode()
        if parent is not None:
            parent.GetMatrixTransformToWorld(matrix)
        return self.slicer.util.arrayFromVTKMatrix(matrix)

    def nodeIds(self) -> set[str]:
        scene = self.slicer.mrmlScene
        return {scene.GetNthNode(n).GetID() for n in range(scene.GetNumberOfNodes())}

    def leftFolders(self) -> list[Path]:
        """Folders of child processes that are still there."""
        return list(Path(self.slicer.app.temporaryPath).glob("regqc-*"))


def childProcesses() -> set[int]:
    """Processes below this one that have not ended."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
        except OSError:  # it ended meanwhile
            continue
        if state != "Z":
            parents[int(entry.name)] = int(parent)
    found, new = set(), {os.getpid()}
    while new:
        new = {child for child, parent in parents.items() if parent in new}
        found |= new
    return found
