"""The part of Inspect that draws the transform, and maps of it."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import qt
import slicer
from slicer.i18n import tr as _

from RegQCLib.errors import InputError
from RegQCScene.display.color_scale import ColorScale
from RegQCScene.display.field_display import FieldDisplay, FieldKind
from RegQCScene.display.field_map import FieldMap, MapKind
from RegQCScene.display.field_map_node import pairMapSteps, showFoldedOnly, updateFieldMap
from RegQCScene.slice_views import hideOverlay, showOverlay
from RegQCUI.links import Links

KINDS = (None, FieldKind.GRID, FieldKind.GLYPH, FieldKind.CONTOUR)
NO_MAP, JACOBIAN, FOLDED, MAGNITUDE = range(4)
REFRESH_MS = 100
STEP_S = 0.03
"""A map is computed in pieces of this length; between them the interface lives on."""
MAP_OPACITY = 0.6
PROGRESS_STEPS = 1000


class InspectField:
    """Selectors for grid, arrows, contours, and for maps, of the pair's transform."""

    def __init__(self, session: Any, ui: Any) -> None:
        self.session, self.ui = session, ui
        self.display = FieldDisplay()
        self.scale = ColorScale(left=True)  # that of the error map is on the right
        self._steps: Any = None
        self._suspended = True
        self._refreshTimer = _timer(REFRESH_MS)
        self._stepTimer = _timer(0)
        links = self._links = Links()
        links.connect(ui.fieldSelector, "currentIndexChanged(int)", self._onField)
        links.connect(ui.fieldViewSelector, "currentIndexChanged(int)", self._onField)
        links.connect(ui.fieldThreeDCheckBox, "toggled(bool)", self._onField)
        links.connect(ui.mapSelector, "currentIndexChanged(int)", self._onMap)
        links.connect(ui.mapUpdateButton, "clicked(bool)", self._onUpdate)
        links.connect(self._refreshTimer, "timeout()", self._refreshField)
        links.connect(self._stepTimer, "timeout()", self._step)
        self.display.changed.connect(self._onTransform)
        ui.mapProgress.hide()
        ui.mapText.hide()
        self.fillViews()
        self._showField()

    def setPair(self, ready: bool, reason: str) -> None:
        """Start anew with the session's pair; reason: why there is nothing to draw."""
        for name in ("fieldSelector", "fieldViewSelector", "fieldThreeDCheckBox", "mapSelector"):
            getattr(self.ui, name).enabled = ready
        self.ui.fieldSelector.setToolTip(
            reason or _("How the transform leads from fixed points to moving points.")
        )
        self._stopMap()
        self._showField()
        if not ready:
            self.ui.mapSelector.setCurrentIndex(NO_MAP)

    def fillViews(self) -> None:
        """Offer the slice views of the layout."""
        box = self.ui.fieldViewSelector
        chosen = box.currentText
        names = [node.GetLayoutName() for node in _shownSliceNodes()]
        blocked = box.blockSignals(True)
        box.clear()
        box.addItem(_("All slice views"), "")
        for name in names:
            box.addItem(name, name)
        box.setCurrentIndex(max(0, box.findText(chosen)))
        box.blockSignals(blocked)

    def suspend(self) -> None:
        """Draw nothing while another module is used."""
        self._suspended = True
        self._refreshTimer.stop()
        self._stopMap()
        self.display.hide()

    def resume(self) -> None:
        """Draw again what is chosen."""
        self._suspended = False
        self.fillViews()
        self._showField()

    def cleanup(self) -> None:
        """Let go of nodes and widgets."""
        self.suspend()
        self._links.disconnect()
        self.display.close()
        self.scale.hide()

    def _pair(self) -> tuple[Any, Any, Any]:
        parameters = self.session.parameters
        return parameters.fixedVolume, parameters.movingVolume, parameters.transform

    # Grid, arrows, contours

    def _onField(self, _choice: Any) -> None:
        self._showField()

    def _showField(self) -> None:
        kind = KINDS[self.ui.fieldSelector.currentIndex]
        self.display.hide()
        shown = kind is not None and self.ui.fieldSelector.enabled and not self._suspended
        if shown and kind is not None:
            name = self.ui.fieldViewSelector.itemData(self.ui.fieldViewSelector.currentIndex)
            nodes = [n for n in _shownSliceNodes() if n.GetLayoutName() == name] if name else []
            try:
                self.display.show(
                    self._pair(),
                    kind,
                    viewNodes=nodes,
                    inThreeD=self.ui.fieldThreeDCheckBox.checked,
                )
            except InputError as error:
                self.session.message.emit(str(error), "error")
                shown = False
        self.ui.fieldText.setVisible(shown)
        self.ui.fieldText.setText(self._fieldWords(kind) if shown else "")

    def _fieldWords(self, kind: FieldKind | None) -> str:
        display = self.display
        text = _("From fixed to moving points; longest displacement {mm:.1f} mm.").format(
            mm=display.largestMm
        )
        if kind is not FieldKind.CONTOUR:
            text += " " + _("{mm:g} mm apart.").format(mm=display.spacingMm)
        if display.exaggeration > 1:
            text += " " + _("Arrows drawn {times:g} times as long.").format(
                times=display.exaggeration
            )
        return text

    def _onTransform(self) -> None:
        """Draw a transform that changes at most ten times a second."""
        if not self._refreshTimer.isActive():
            self._refreshTimer.start()

    def _refreshField(self) -> None:
        self._refreshTimer.stop()
        self.display.refresh()

    # Maps

    def _onMap(self, choice: int) -> None:
        self._stopMap()
        if choice == NO_MAP:
            hideOverlay(self.session.parameters.fieldMap)
            self.scale.hide()
            self.ui.mapText.hide()
            return
        self._steps = pairMapSteps(
            self._pair(), MapKind.MAGNITUDE if choice == MAGNITUDE else MapKind.JACOBIAN
        )
        self.ui.mapProgress.setValue(0)
        self.ui.mapProgress.show()
        self._stepTimer.start()

    def _onUpdate(self, _checked: bool = False) -> None:
        self._onMap(self.ui.mapSelector.currentIndex)

    def _step(self) -> None:
        end = time.monotonic() + STEP_S
        try:
            while time.monotonic() < end:
                self.ui.mapProgress.setValue(round(PROGRESS_STEPS * next(self._steps)))
        except StopIteration as stop:
            self._stopMap()
            self._showMap(stop.value)
        except InputError as error:
            self._stopMap()
            self.session.message.emit(str(error), "error")

    def _stopMap(self) -> None:
        self._stepTimer.stop()
        self._steps = None
        self.ui.mapProgress.hide()
        self.ui.mapUpdateButton.enabled = False

    def _showMap(self, result: FieldMap) -> None:
        parameters = self.session.parameters
        fixed, moving, _transform = self._pair()
        node = updateFieldMap(parameters.fieldMap, result, fixed, moving)
        parameters.fieldMap = node
        if self.ui.mapSelector.currentIndex == FOLDED:
            showFoldedOnly(node)
        showOverlay(node, MAP_OPACITY)
        length = result.kind is MapKind.MAGNITUDE
        title = _("Shift (mm)") if length else _("Volume change")
        self.scale.show(node, title)
        self.ui.mapUpdateButton.enabled = True
        self.ui.mapText.setText(_mapWords(result))
        self.ui.mapText.show()


def _mapWords(result: FieldMap) -> str:
    low, high = float(np.min(result.values)), float(np.max(result.values))
    if result.kind is MapKind.MAGNITUDE:
        return _("Displacement {low:.1f} to {high:.1f} mm.").format(low=low, high=high)
    text = _("Volume change {low:.2f} to {high:.2f}: 1 keeps, 0 or less folds. {folded}")
    count = result.foldedVoxels
    percent = 100 * count / result.values.size
    folded = _("{count} voxels fold ({percent:.2g} %).").format(count=count, percent=percent)
    return text.format(low=low, high=high, folded=folded if count else _("No voxel folds."))


def _shownSliceNodes() -> list[Any]:
    nodes = slicer.util.getNodesByClass("vtkMRMLSliceNode")
    return [node for node in nodes if node.IsMappedInLayout()]


def _timer(milliseconds: int) -> Any:
    timer = qt.QTimer()
    timer.setInterval(milliseconds)
    return timer
