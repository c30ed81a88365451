"""Correct, Move: handles in the views, arrow keys and buttons, in millimeters and degrees."""

from __future__ import annotations

from typing import Any

import numpy as np
import qt
import slicer
import vtk
from slicer.i18n import tr as _
from slicer.util import VTKObservationMixin

from RegQCScene.correction_of_total import sharedToWorld
from RegQCScene.handles import (
    canDragAnywhere,
    dragAnywhere,
    handlesShown,
    hideHandles,
    placeHandles,
    showHandles,
)
from RegQCScene.nudge import TURNS, WAYS, move, turn, viewAxes
from RegQCScene.slice_views import sliceNodes
from RegQCScene.visible_slices import shownSliceNodes, visiblePoint
from RegQCScene.volume_exchange import gridFromNode
from RegQCUI.correct_control import CorrectControl
from RegQCUI.correct_keys import CorrectKeys
from RegQCUI.links import Links
from RegQCUI.paths import uiPath

PLANES = (_("sagittal"), _("coronal"), _("axial"))
STRAIGHT_COSINE = 0.9986
"""Views turned by less than 3 degrees."""
FOLLOW_MS = 150
"""Without a change of the views for so long, the handles come after them."""


class MovePart(VTKObservationMixin):
    """Moves the working transform by hand."""

    def __init__(self, control: CorrectControl) -> None:
        VTKObservationMixin.__init__(self)
        self.control = control
        self.widget = slicer.util.loadUI(uiPath("CorrectMove"))
        self.ui = slicer.util.childWidgetVariables(self.widget)
        self.keys = CorrectKeys(self.move, self.turn, control.undo, control.redo)
        self._links = Links()
        self._view = ""
        self._here = False
        self._handled: Any = None
        self._follow = qt.QTimer()
        self._follow.setSingleShot(True)
        self._follow.setInterval(FOLLOW_MS)
        self._links.connect(self._follow, "timeout()", self._onViewsRest)
        self._fillViews()
        ui = self.ui
        ui.anywhereBox.setVisible(canDragAnywhere())
        for way in WAYS:
            button = getattr(ui, f"{way}Button")
            self._links.connect(button, "clicked(bool)", _ignoring(self.move, way))
        for way in TURNS:
            button = getattr(ui, f"{way}Button")
            self._links.connect(button, "clicked(bool)", _ignoring(self.turn, way))
        self._links.connect(ui.handlesBox, "toggled(bool)", self._onHandles)
        self._links.connect(ui.anywhereBox, "toggled(bool)", self._onHandles)
        self._links.connect(ui.keysBox, "toggled(bool)", self._onKeys)
        manager = slicer.app.layoutManager()
        if manager is not None:
            self._links.connect(manager, "layoutChanged(int)", self._onLayout)

    def enter(self) -> None:
        """Take the keys, show the handles again."""
        self._here = True
        self._fillViews()
        self.keys.grab()
        self.refresh()

    def exit(self) -> None:
        """Give keys and views back."""
        self._here = False
        self.keys.release()
        self._hideHandles()

    def cleanup(self) -> None:
        """Let go of everything."""
        self.exit()
        self._links.disconnect()

    def refresh(self) -> None:
        """Show what is possible, and handles on the working transform that counts now."""
        ui, previewing = self.ui, bool(self.control.previewed)
        ready = self.control.canCorrect and not previewing
        self.widget.setEnabled(ready)
        self.keys.setMoving(ready and ui.keysBox.checked)
        ui.anywhereBox.setEnabled(ui.handlesBox.checked)
        working = self.control.working
        if working is None or not ready:
            self._hideHandles()
        elif self._here and (ui.handlesBox.checked or ui.keysBox.checked):
            self.control.scoreLive()
            if ui.handlesBox.checked and not handlesShown(working):
                self._showHandles()

    def move(self, way: str) -> None:
        """Move the image by one step as it is seen; see `nudge.WAYS`."""
        working = self.control.begin()
        view = self.viewNode()
        if working is not None and view is not None:
            move(working, view, way, self.control.parameters.nudgeMm, self._history)

    def turn(self, way: str) -> None:
        """Turn the image by one step as it is seen; see `nudge.TURNS`."""
        working = self.control.begin()
        view = self.viewNode()
        if working is not None and view is not None:
            degrees = self.control.parameters.nudgeDegrees
            turn(working, view, way, degrees, self._point(), self._history)

    def viewNode(self) -> Any:
        """Return the slice node in which steps are meant; None where there is no slice view."""
        nodes = {node.GetID(): node for node in shownSliceNodes()}
        chosen = str(self.ui.nudgeViewSelector.currentData or "")
        if not chosen:
            meant = _viewUnderMouse() or _viewWithFocus()
            self._view = self._view if meant is None else meant.GetID()
            chosen = self._view
        return nodes.get(chosen) or next(iter(nodes.values()), None)

    @property
    def _history(self) -> Any:
        return self.control.session.history

    def _point(self) -> Any:
        """RAS mm where the views meet."""
        grid = gridFromNode(self.control.parameters.fixedVolume)
        return visiblePoint(grid, shownSliceNodes())

    def _onHandles(self, _on: bool) -> None:
        ui = self.ui
        if ui.handlesBox.checked and self.control.begin() is None:
            ui.handlesBox.setChecked(False)
        elif ui.handlesBox.checked:
            self._showHandles()
        else:
            self._hideHandles()
        ui.anywhereBox.setEnabled(ui.handlesBox.checked)

    def _showHandles(self) -> None:
        self._hideHandles()  # those of another pair, too
        working = self._handled = self.control.working
        showHandles(working, self._center(working))
        dragAnywhere(working, self.ui.anywhereBox.checked)
        for node in sliceNodes():
            self.addObserver(node, vtk.vtkCommand.ModifiedEvent, self._onView)

    def _hideHandles(self) -> None:
        self._follow.stop()
        self.removeObservers()
        if self._handled is not None and self._handled.GetScene() is not None:
            hideHandles(self._handled)
        self._handled = None

    def _center(self, working: Any) -> list[float]:
        """RAS mm in the space of the working transform's parent, where the views meet."""
        center = np.linalg.inv(sharedToWorld(working)) @ (*self._point(), 1.0)
        return list(map(float, center[:3]))

    def _onView(self, _caller: Any, _event: str) -> None:
        self._follow.start()

    def _onViewsRest(self) -> None:
        """The views show other slices: bring the handles there, but not under a hand that drags."""
        if self._handled is not self.control.working or not handlesShown(self._handled):
            return
        if qt.QApplication.mouseButtons() == qt.Qt.NoButton:
            placeHandles(self._handled, self._center(self._handled))
        else:
            self._follow.start()

    def _onKeys(self, on: bool) -> None:
        if on and self.control.begin() is None:
            self.ui.keysBox.setChecked(False)
            return
        self.keys.setMoving(on)

    def _onLayout(self, _layout: int) -> None:
        self._fillViews()

    def _fillViews(self) -> None:
        selector = self.ui.nudgeViewSelector
        chosen = selector.currentData
        selector.clear()
        selector.addItem(_("The view under the mouse"), "")
        for node in shownSliceNodes():
            selector.addItem(f"{node.GetName()} ({shownPlane(node)})", node.GetID())
        selector.setCurrentIndex(max(0, selector.findData(chosen or "")))


def shownPlane(sliceNode: Any) -> str:
    """Name the anatomical plane that a view shows, or comes closest to."""
    across = np.abs(viewAxes(sliceNode)[:, 2])
    plane = PLANES[int(np.argmax(across))]
    return plane if across.max() > STRAIGHT_COSINE else _("{plane}, oblique").format(plane=plane)


def _viewUnderMouse() -> Any:
    """Return the slice node of the view that the mouse is in, or None."""
    crosshair = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLCrosshairNode")
    return None if crosshair is None else crosshair.GetCursorPositionXYZ([0.0, 0.0, 0.0])


def _viewWithFocus() -> Any:
    """Return the slice node of the view that was clicked last and hears keys, or None."""
    manager, focus = slicer.app.layoutManager(), slicer.app.focusWidget()
    if manager is None or focus is None:
        return None
    for name in manager.sliceViewNames():
        widget = manager.sliceWidget(name)
        if widget is not None and widget.isAncestorOf(focus):
            return widget.mrmlSliceNode()
    return None


def _ignoring(receiver: Any, way: str) -> Any:
    """Call ``receiver(way)`` whatever a signal says."""

    def call(_checked: bool) -> None:
        receiver(way)

    return call
