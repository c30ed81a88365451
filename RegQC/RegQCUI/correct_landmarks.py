"""Correct, Landmarks: pairs of places, and what a fit to them leaves, there and in between."""

from __future__ import annotations

from typing import Any

import numpy as np
import qt
import slicer
from slicer.i18n import tr as _
from slicer.util import VTKObservationMixin

from RegQCLib.errors import RegQCError
from RegQCLib.registration.landmarks import Kind
from RegQCScene.landmark_fit import LandmarkResult, fitLandmarks
from RegQCScene.landmark_pairs import (
    LandmarkPairs,
    addSuggestions,
    nextSide,
    noPairs,
    pairsOf,
    removePair,
    setUsed,
    startLandmarks,
    waitingPoint,
)
from RegQCScene.slice_views import jumpToPoint
from RegQCScene.suggestion_job import SuggestionJob
from RegQCUI.correct_control import CorrectControl
from RegQCUI.dependencies import ensureRequirements
from RegQCUI.links import Links
from RegQCUI.paths import uiPath
from RegQCUI.tables import setUpTable

KINDS = (
    (_("Shift and turn (rigid)"), "rigid"),
    (_("Shift, turn, scale and shear (affine)"), "affine"),
    (_("Bend through every point (thin plate)"), "thin-plate"),
)
HEADERS = (_("Point"), _("Now"), _("Residual"), _("Left out"))
REFRESH_MS = 100


class LandmarksPart(VTKObservationMixin):
    """Shows the pairs with their errors in mm, and fits corrections to them."""

    def __init__(self, control: CorrectControl) -> None:
        VTKObservationMixin.__init__(self)
        self.control = control
        self.widget = slicer.util.loadUI(uiPath("CorrectLandmarks"))
        self.widget.setMRMLScene(slicer.mrmlScene)
        self.ui = slicer.util.childWidgetVariables(self.widget)
        self.pairs: LandmarkPairs = noPairs()
        self.result: LandmarkResult | None = None
        self._links = Links()
        self._lists: tuple[Any, ...] = ()
        self._filling = False
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._timer.setInterval(REFRESH_MS)
        table = self.ui.landmarkTable
        setUpTable(table, HEADERS)
        table.horizontalHeader().setSectionResizeMode(qt.QHeaderView.Stretch)
        table.setSelectionBehavior(qt.QAbstractItemView.SelectRows)
        for text, kind in KINDS:
            self.ui.fitKindSelector.addItem(text, kind)
        for sender, signal, receiver in (
            (self._timer, "timeout()", self.update),
            (self.ui.placeButton, "clicked(bool)", self.onPlace),
            (self.ui.suggestButton, "clicked(bool)", self.onSuggest),
            (self.ui.removePairButton, "clicked(bool)", self.onRemove),
            (self.ui.fitButton, "clicked(bool)", self.onFit),
            (self.ui.fitKindSelector, "currentIndexChanged(int)", self._onKind),
            (self.ui.fixedLandmarksSelector, "currentNodeChanged(vtkMRMLNode*)", self._onList),
            (self.ui.movingLandmarksSelector, "currentNodeChanged(vtkMRMLNode*)", self._onList),
            (table, "cellClicked(int,int)", self._onCell),
            (table, "itemChanged(QTableWidgetItem*)", self._onItem),
        ):
            self._links.connect(sender, signal, receiver)
        self.refresh()

    def enter(self) -> None:
        """Show what has changed."""
        self.refresh()

    def exit(self) -> None:
        """Recalculate nothing while the module is hidden."""
        self._timer.stop()

    def cleanup(self) -> None:
        """Let go of lists and widgets."""
        self.exit()
        self.removeObservers()
        self._links.disconnect()

    @property
    def kind(self) -> Kind:
        """The chosen kind of fit."""
        kind: Kind = self.ui.fitKindSelector.currentData
        return kind

    def refresh(self) -> None:
        """Show soon what counts now."""
        self.widget.setEnabled(self.control.canCorrect and not self.control.session.busy)
        self._timer.start()

    def _watch(self) -> None:
        """Watch the points of the chosen lists."""
        parameters = self.control.parameters
        lists = (parameters.fixedLandmarks, parameters.movingLandmarks)
        if lists != self._lists:
            self.removeObservers()
            self._lists = lists
            markups = slicer.vtkMRMLMarkupsNode
            for node in filter(None, lists):
                for event in (
                    markups.PointModifiedEvent,
                    markups.PointAddedEvent,
                    markups.PointRemovedEvent,
                    markups.PointPositionDefinedEvent,
                ):
                    self.addObserver(node, event, self._onPoints)

    def update(self) -> None:
        """Measure the pairs, and what the chosen fit would make of them."""
        self._watch()
        parameters = self.control.parameters
        pairs = pairsOf(parameters) if self.control.canCorrect else noPairs()
        self.pairs, self.result, text = pairs, None, ""
        if len(pairs):
            try:
                self.result = fitLandmarks(pairs, self.kind)
                text = self.result.summary
            except RegQCError as error:
                text = str(error)
        self.ui.fitButton.setEnabled(self.result is not None)
        for label, words in (
            (self.ui.fitResultLabel, text),
            (self.ui.placeHintLabel, self._hint()),
        ):
            label.setText(words)
            label.setVisible(bool(words))
        self._fill()

    def onPlace(self, _checked: bool = False) -> None:
        """Let the next click in a view place a point; shows the place whose partner is missing."""
        if self._start() is None:
            return
        parameters = self.control.parameters
        waiting = waitingPoint(parameters)
        if waiting is not None:
            jumpToPoint(waiting)
        node = getattr(parameters, f"{nextSide(parameters)}Landmarks")
        logic = slicer.modules.markups.logic()
        logic.SetActiveList(node)
        logic.StartPlaceMode(False)
        self.update()

    def onSuggest(self, _checked: bool = False) -> None:
        """Look for places in the fixed image, in a child process."""
        session, parameters = self.control.session, self.control.parameters
        try:
            ensureRequirements()
            roi = parameters.roi if parameters.registerInRoi else None
            job = SuggestionJob(parameters.fixedVolume, self.ui.suggestCountBox.value, roi)
        except (RuntimeError, RegQCError) as error:
            session.message.emit(str(error), "error")
            return

        def done(_folder: Any) -> None:
            if self._start() is not None:
                addSuggestions(parameters.fixedLandmarks, job.points)

        session.run(_("Looking for places"), job, done, uses=job.nodes)

    def onRemove(self, _checked: bool = False) -> None:
        """Remove the selected pair."""
        row = self.ui.landmarkTable.currentRow()
        if 0 <= row < len(self.pairs):
            removePair(self.control.parameters, self.pairs.numbers[row])

    def onFit(self, _checked: bool = False) -> None:
        """Preview the fit."""
        if self.control.begin() is None:
            return
        self.update()
        if self.result is not None:
            what = _("{count} landmarks: {fit}").format(
                count=int(self.pairs.used.sum()), fit=self.ui.fitKindSelector.currentText
            )
            self.control.preview(self.result.correction, what)
            self.control.session.message.emit(self.result.summary, "info")

    def _start(self) -> Any:
        """Make the lists; returns them, or None and a message."""
        if self.control.begin() is None:
            return None
        lists = startLandmarks(self.control.parameters)
        self.refresh()
        return lists

    def _hint(self) -> str:
        parameters = self.control.parameters
        if parameters.fixedLandmarks is None or parameters.movingLandmarks is None:
            return ""
        if nextSide(parameters) == "moving":
            count = parameters.movingLandmarks.GetNumberOfDefinedControlPoints() + 1
            return _("Next: the partner of point {count} in the moving image.").format(count=count)
        return _("Next: a place in the fixed image.")

    def _fill(self) -> None:
        table, pairs, result = self.ui.landmarkTable, self.pairs, self.result
        self._filling = True
        table.setRowCount(len(pairs))
        for row in range(table.rowCount):
            name = qt.QTableWidgetItem(pairs.names[row])
            name.setCheckState(qt.Qt.Checked if pairs.used[row] else qt.Qt.Unchecked)
            table.setItem(row, 0, name)
            errors = (np.nan, np.nan)
            if result is not None:
                errors = (result.residualMm[row], result.heldOutMm[row])
            for column, value in enumerate((pairs.nowMm[row], *errors), start=1):
                text = "" if np.isnan(value) else _("{mm:.2f} mm").format(mm=value)
                table.setItem(row, column, qt.QTableWidgetItem(text))
        self._filling = False

    def _onPoints(self, _caller: Any, _event: str) -> None:
        if not self._timer.isActive():
            self._timer.start()

    def _onList(self, _node: Any) -> None:
        """Other lists were chosen, by hand or for another pair; the parameter node follows soon."""
        self._timer.start()

    def _onKind(self, _index: int) -> None:
        self.update()

    def _onCell(self, row: int, _column: int) -> None:
        if row < len(self.pairs):
            number = self.pairs.numbers[row]
            place = self.control.parameters.fixedLandmarks.GetNthControlPointPositionWorld(number)
            jumpToPoint(tuple(place))

    def _onItem(self, item: Any) -> None:
        if self._filling or item.column() != 0:
            return
        used = item.checkState() == qt.Qt.Checked
        setUsed(self.control.parameters, self.pairs.numbers[item.row()], used)
        self._timer.start()
