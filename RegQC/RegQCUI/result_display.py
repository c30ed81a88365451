"""The toggles of the Check panel: error map with its scale, flagged slices, plot."""

from __future__ import annotations

from typing import Any

import numpy as np
import qt
import slicer
from slicer.i18n import tr as _

from RegQCLib.report.colors import ERROR, colored
from RegQCScene.check_result import CheckResult
from RegQCScene.display.color_scale import ColorScale
from RegQCScene.display.not_judged import HATCH, PERIOD_PIXELS, NotJudged
from RegQCScene.error_map_node import clearBelowMm, colorLimitMm
from RegQCScene.slice_views import compositeNodes, hideOverlay, showOverlay, showPair
from RegQCUI.drawing import picture
from RegQCUI.links import Links

SCALE_PIXELS = (110, 14)
MARGIN_PIXELS = 3
GAP_PIXELS = 8
OPACITY = 0.3
"""Of the error map: the anatomy below it matters more than shades of color."""


class ResultDisplay:
    """Shows and hides the nodes of the current result as the check boxes say."""

    def __init__(self, session: Any, ui: Any) -> None:
        self._session = session
        self._ui = ui
        self._errorMap: Any = None
        self._fresh = True
        self._scale, self._hatching = ColorScale(), NotJudged()
        self._layoutBefore: int | None = None
        ui.hiddenLabel.hide()
        self._links = Links()
        self._links.connect(ui.errorMapCheckBox, "toggled(bool)", self.showErrorMap)
        self._links.connect(ui.flaggedSlicesCheckBox, "toggled(bool)", self.showFlagged)
        self._links.connect(ui.plotButton, "toggled(bool)", self.showPlot)
        self._links.connect(slicer.app.layoutManager(), "layoutChanged(int)", self._onLayout)

    def cleanup(self) -> None:
        """Let go of the widgets."""
        self._links.disconnect()
        self._scale.hide()
        self._hatching.hide()

    def showResult(self, result: CheckResult | None) -> None:
        """Show a new result as the toggles stand; take the one before off the views."""
        parameters, ui = self._session.parameters, self._ui
        self._fresh = True
        if self._errorMap is not parameters.errorMap:
            self._hideErrorMap()
        ui.errorMapCheckBox.enabled = parameters.errorMap is not None
        flagged = 0 if result is None else len(result.flagged())
        ui.flaggedSlicesCheckBox.enabled = bool(flagged) and parameters.flaggedSlices is not None
        ui.flaggedSlicesCheckBox.text = _("Flagged slices ({count})").format(count=flagged)
        ui.plotButton.enabled = parameters.slicePlot is not None
        if result is None:
            return
        self._showScale(result)
        backgrounds = {node.GetBackgroundVolumeID() for node in compositeNodes()}
        if parameters.fixedVolume.GetID() not in backgrounds:
            showPair(parameters.fixedVolume, parameters.movingVolume)
        self._showAsWished()

    def setFresh(self, fresh: bool) -> None:
        """Hide what tells of another place than the moving image has now; show it again there.

        A user who wants to see it all the same switches it off and on.
        """
        self._fresh = fresh
        self._showAsWished()

    def _showAsWished(self) -> None:
        ui, fresh = self._ui, self._fresh
        self.showErrorMap(fresh and ui.errorMapCheckBox.checked)
        self.showFlagged(fresh and ui.flaggedSlicesCheckBox.checked)
        ui.hiddenLabel.setVisible(not fresh and ui.errorMapCheckBox.checked)

    def showErrorMap(self, on: bool) -> None:
        """Lay the error map over the images, or take it off."""
        node = self._session.parameters.errorMap
        for legend in (self._ui.scaleLabel, self._ui.notJudgedLabel):
            legend.setVisible(bool(on) and node is not None)
        self._ui.hiddenLabel.hide()
        if on and node is not None:
            self._errorMap = node
            showOverlay(node, OPACITY)
            self._drawOver(node)
        else:
            self._hideErrorMap()

    def showFlagged(self, on: bool) -> None:
        """Show or hide the flagged slices."""
        node = self._session.parameters.flaggedSlices
        if node is not None and node.GetDisplayNode() is not None:
            node.GetDisplayNode().SetVisibility(bool(on))

    def showPlot(self, on: bool) -> None:
        """Show the plot beside the views, or put the layout back that was there before."""
        manager = slicer.app.layoutManager()
        chart = self._session.parameters.slicePlot
        if on and chart is not None:
            self._layoutBefore = manager.layout
            slicer.modules.plots.logic().ShowChartInLayout(chart)
        elif self._layoutBefore is not None:
            manager.setLayout(self._layoutBefore)
            self._layoutBefore = None

    def _onLayout(self, _layout: int) -> None:
        """Other views may be seen now."""
        if self._errorMap is not None:
            self._drawOver(self._errorMap)

    def _drawOver(self, errorMap: Any) -> None:
        title = _("Error (mm)") if self._fresh else _("Error (mm) before")
        self._scale.show(errorMap, title)
        self._hatching.show(errorMap)

    def _hideErrorMap(self) -> None:
        self._scale.hide()
        self._hatching.hide()
        if self._errorMap is not None and self._errorMap.GetScene() is not None:
            hideOverlay(self._errorMap)
        self._errorMap = None

    def _showScale(self, result: CheckResult) -> None:
        """Draw the colors of the error map between their values in mm, and a bit of hatching."""
        width, height = SCALE_PIXELS
        least, limit = clearBelowMm(result), colorLimitMm(result)
        colors = colored(np.linspace(least / limit, 1, width), ERROR).tolist()
        place = qt.QRect(MARGIN_PIXELS, 0, width - 2 * MARGIN_PIXELS, height)

        def draw(painter: Any) -> None:
            for x, rgb in enumerate(colors):
                painter.fillRect(x, 0, 1, height, qt.QColor(*rgb[:3]))
            font = painter.font()
            font.setPixelSize(height - MARGIN_PIXELS)
            painter.setFont(font)
            for text, side, shade in (
                (f"{least:.1f}", qt.Qt.AlignLeft, "black"),
                (f"{limit:.0f} mm", qt.Qt.AlignRight, "white"),
            ):
                painter.setPen(qt.QColor(shade))
                painter.drawText(place, side | qt.Qt.AlignVCenter, text)
            _drawHatching(painter, width + GAP_PIXELS, height)

        whole = width + GAP_PIXELS + height
        self._ui.scaleLabel.setPixmap(picture(self._ui.scaleLabel, whole, height, draw))
        text = _(
            "Errors from {least:.1f} to {limit:.0f} mm; clear where they are smaller, "
            "hatched where nothing could be judged"
        )
        self._ui.scaleLabel.setToolTip(text.format(least=least, limit=limit))
        self._ui.scaleLabel.setAccessibleDescription(self._ui.scaleLabel.toolTip)


def _drawHatching(painter: Any, left: int, size: int) -> None:
    """Draw a square as the slice views show what was not judged, on gray."""
    painter.fillRect(left, 0, size, size, qt.QColor("gray"))
    for x in range(size):
        for y in range(size):
            phase = (x + size - y) % PERIOD_PIXELS
            if phase < len(HATCH):
                painter.fillRect(left + x, y, 1, 1, qt.QColor(*HATCH[phase]))
