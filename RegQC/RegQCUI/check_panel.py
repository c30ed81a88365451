"""Check: the button, the verdict, the slices; a click on a slice shows it in the views."""

from __future__ import annotations

from typing import Any

import qt
import slicer
import vtk
from slicer.i18n import tr as _
from slicer.util import VTKObservationMixin

from RegQCLib.geometry.grid import PLANE_NAMES
from RegQCScene.check_result import CheckResult
from RegQCScene.freshness import inputFingerprint
from RegQCScene.input_advice import firstError
from RegQCScene.parameters import AXES
from RegQCScene.slice_views import jumpToResult
from RegQCUI.dependencies import ensureRequirements, missingRequirements
from RegQCUI.drawing import verdictLight
from RegQCUI.links import Links
from RegQCUI.notices import Notices
from RegQCUI.paths import uiPath
from RegQCUI.progress_row import ProgressRow
from RegQCUI.result_display import ResultDisplay
from RegQCUI.slice_list import SliceList
from RegQCUI.slice_strip import SHOWN_ENDS, SliceStrip, percentText

LIGHT_PIXELS = 44
PAUSE_MS = 300
PLANES = {"sagittal": _("Sagittal"), "coronal": _("Coronal"), "axial": _("Axial")}


class CheckPanel(VTKObservationMixin):
    """Starts the check and shows its result; the calculation runs in a child process."""

    title = _("Check")

    def __init__(self, session: Any, parent: Any = None) -> None:  # noqa: ARG002
        VTKObservationMixin.__init__(self)
        self.session = session
        self.widget = slicer.util.loadUI(uiPath("Check"))
        self.ui = slicer.util.childWidgetVariables(self.widget)
        self.display = ResultDisplay(session, self.ui)
        self.progress = ProgressRow(self.ui.progressBar, self.ui.cancelButton)
        self.strips = self._addStrips()
        self.list = SliceList(self.ui.sliceTable, self.showSlice)
        self.notices = Notices(self.ui.verdictWords)
        self.refusal = Notices(self.widget.layout())
        self.widget.layout().insertWidget(1, self.refusal.widget)
        font = self.ui.verdictLabel.font
        font.setBold(True)
        font.setPointSizeF(1.4 * font.pointSizeF())
        self.ui.verdictLabel.setFont(font)
        self._axis = session.parameters.axis
        self._asked: tuple[Any, ...] | None = None
        self._answered: tuple[Any, ...] | None = None
        self._fresh = True
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._timer.setInterval(PAUSE_MS)
        links = self._links = Links()
        links.connect(self.ui.checkButton, "clicked(bool)", self.onCheck)
        links.connect(self.ui.cancelButton, "clicked(bool)", self.onCancel)
        links.connect(self.ui.flaggedFirstCheckBox, "toggled(bool)", self.list.setFlaggedFirst)
        links.connect(self._timer, "timeout()", self._onPause)
        links.listen(session.inputsChanged, self._onInputs)
        links.listen(session.resultChanged, self._onResult)
        links.listen(session.busyChanged, self._onBusy)
        links.listen(session.progressChanged, self._onProgress)
        self._onBusy(session.busy)
        self._onResult()

    def enter(self) -> None:
        """Show what has changed meanwhile."""
        self._onInputs()

    def exit(self) -> None:
        """Watch nothing while the module is hidden."""
        self._timer.stop()

    def cleanup(self) -> None:
        """Let go of nodes and widgets."""
        self.removeObservers()
        self._timer.stop()
        self._links.disconnect()
        for strip in self.strips.values():
            strip.cleanup()
        self.list.cleanup()
        self.display.cleanup()

    def onCheck(self, _checked: bool = False) -> None:
        """Check the pair; offers to install what is missing first."""
        try:
            ensureRequirements()
        except RuntimeError as error:
            self.session.message.emit(str(error), "error")
            return
        self.session.check()

    def onCancel(self, _checked: bool = False) -> None:
        """Stop what runs."""
        self.session.cancel()

    def showSlice(self, axis: str, index: int) -> None:
        """Show a slice in the views of its plane, and mark it in the table and the strips."""
        result = self.session.result
        if result is None:
            return
        jumpToResult(result, axis, index)
        for name, strip in self.strips.items():
            strip.choose(index if name == axis else None)
        self.list.choose(axis, index)

    def _addStrips(self) -> dict[str, SliceStrip]:
        """Put a strip for every plane into the form: name, ends of the axis, bars."""
        strips = {}
        grid = self.ui.stripsLayout
        for row, (axis, ends) in enumerate(zip(PLANE_NAMES, SHOWN_ENDS, strict=True)):
            strip = strips[axis] = SliceStrip(axis, self.showSlice)
            for column, text in enumerate((PLANES[axis], ends[0], None, ends[1])):
                widget = strip.widget if text is None else qt.QLabel(text)
                grid.addWidget(widget, row, column)
        grid.setColumnStretch(2, 1)
        return strips

    # What the session tells

    def _onInputs(self) -> None:
        self._offerCheck()
        self._watch(self.session.parameters)
        self._onParameters()

    def _offerCheck(self) -> None:
        """Let the button be pressed, or say why not."""
        reason = firstError(self.session.parameters)
        button = self.ui.checkButton
        button.enabled = not reason and not self.session.busy
        tip = reason or self.session.busy or _("Tell whether the moving volume lies on the fixed.")
        missing = missingRequirements()
        if missing and not reason:
            tip += " " + _("Asks to install first: {packages}").format(packages=", ".join(missing))
        button.setToolTip(tip)
        self.refusal.show([("info", reason)] if reason and not self.session.busy else [])

    def _onBusy(self, what: str) -> None:
        self.progress.begin(what)
        if what:
            self._asked = inputFingerprint(self.session.parameters)
        self._onInputs()

    def _onProgress(self, stage: str, fraction: float) -> None:
        text = _("{what}: {stage}").format(what=self.session.busy, stage=stage)
        self.progress.advance(fraction, f"{text}, %p %")

    def _onResult(self) -> None:
        result = self.session.result
        self._answered = self._asked or inputFingerprint(self.session.parameters)
        self._asked, self._fresh = None, True
        self._showVerdict(result)
        self.ui.resultsWidget.setVisible(result is not None)
        for axis, strip in self.strips.items():
            if result is None:
                strip.show([])
            else:
                strip.show(result.scores(axis), result.toleranceMm)
        self._fillList()
        self.display.showResult(result)

    # Whether the result is still that of the inputs

    def _watch(self, parameters: Any) -> None:
        """Observe the places of the two images."""
        self.removeObservers()
        changed = vtk.vtkCommand.ModifiedEvent
        self.addObserver(parameters.parameterNode, changed, self._onParameters)
        event = slicer.vtkMRMLTransformableNode.TransformModifiedEvent
        for node in filter(None, {parameters.fixedVolume, parameters.movingVolume}):
            self.addObserver(node, event, self._onMoved)

    def _onParameters(self, _caller: Any = None, _event: Any = None) -> None:
        """Other planes are to be listed, or another tolerance counts."""
        axis = self.session.parameters.axis
        if axis != self._axis and axis in AXES:
            self._axis = axis
            self._fillList()
        self._timer.start()

    def _onMoved(self, _caller: Any, _event: Any) -> None:
        self._timer.start()

    def _onPause(self) -> None:
        """Nothing has moved for a while: look at the images' places once."""
        self._offerCheck()
        self._checkFreshness()

    def _checkFreshness(self) -> None:
        result = self.session.result
        if result is None:
            return
        fresh = inputFingerprint(self.session.parameters) == self._answered
        if fresh != self._fresh:
            self._fresh = fresh
            self._showVerdict(result)
            self.display.setFresh(fresh)

    def _fillList(self) -> None:
        result = self.session.result
        self.list.show(result.slices(self._axis) if result is not None else [])

    def _showVerdict(self, result: CheckResult | None) -> None:
        verdict = "" if result is None else result.verdict
        light = self.ui.verdictLight
        light.setPixmap(verdictLight(light, verdict, LIGHT_PIXELS))
        text = _("Not checked yet") if result is None else result.verdictText.capitalize()
        self.ui.verdictLabel.setText(text)
        self.ui.detailLabel.setText("" if result is None else _numbers(result))
        self.ui.reasonLabel.setText("" if result is None else _sentence(result.reason))
        self.ui.detailLabel.setVisible(bool(self.ui.detailLabel.text))
        self.ui.reasonLabel.setVisible(result is not None)
        notices = [("warning", one) for one in (result.warnings if result else ())]
        if not self._fresh:
            notices.insert(0, ("warning", _("The inputs changed after this check; check again.")))
        self.notices.show(notices)
        light.setAccessibleDescription(text)


def _numbers(result: CheckResult) -> str:
    """The probability, and the error that most of the body stays below, in words."""
    if result.probability is None or result.errorP95 is None:
        return ""
    text = _("Probability of misalignment {percent}; 95 % of the body is off by less than {mm}.")
    return text.format(
        percent=percentText(result.probability), mm=f"{result.errorP95:.1f}\N{NO-BREAK SPACE}mm"
    )


def _sentence(text: str) -> str:
    """Begin and end a reason as a sentence; numbers keep their unit on the same line."""
    text = text.replace(" mm", "\N{NO-BREAK SPACE}mm")
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")
