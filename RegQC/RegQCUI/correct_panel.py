"""Correct: move by hand, register, fit landmarks, put slices back; with live scores and undo."""

from __future__ import annotations

from typing import Any

import slicer
from slicer.i18n import tr as _

from RegQCScene.live_probe import LiveScore
from RegQCUI.correct_control import CorrectControl
from RegQCUI.correct_landmarks import LandmarksPart
from RegQCUI.correct_move import MovePart
from RegQCUI.correct_register import RegisterPart
from RegQCUI.correct_slices import SlicesPart
from RegQCUI.links import Links
from RegQCUI.notices import Notices
from RegQCUI.paths import uiPath

PARTS = (
    ("moveTab", MovePart),
    ("registerTab", RegisterPart),
    ("landmarksTab", LandmarksPart),
    ("slicesTab", SlicesPart),
)
PLANES = ("sagittal", "coronal", "axial")
PROGRESS_STEPS = 1000


class CorrectPanel:
    """Puts the parts together, and shows what they share."""

    title = _("Correct")

    def __init__(self, session: Any, parent: Any = None) -> None:  # noqa: ARG002
        self.session = session
        self.control = CorrectControl(session)
        self.widget = slicer.util.loadUI(uiPath("Correct"))
        tabs = slicer.util.childWidgetVariables(self.widget)
        self.parts = [part(self.control) for _name, part in PARTS]
        for (name, _part), part in zip(PARTS, self.parts, strict=True):
            layout = getattr(tabs, name).layout()
            layout.addWidget(part.widget)
            layout.addStretch(1)
        self.ui = ui = tabs
        self.notices = Notices(self.widget.layout())
        self.widget.layout().insertWidget(0, self.notices.widget)
        self._busyHere = False
        self._links = Links()
        for button, receiver in (
            (ui.previewKeepButton, self._onKeep),
            (ui.previewDropButton, self._onDrop),
            (ui.undoButton, self.control.undo),
            (ui.redoButton, self.control.redo),
            (ui.restoreButton, self.control.restoreOriginal),
            (ui.recheckButton, self.control.recheck),
            (ui.correctCancelButton, self._onCancel),
        ):
            self._links.connect(button, "clicked(bool)", receiver)
        self._links.connect(ui.previewBeforeButton, "toggled(bool)", self._onBefore)
        self._links.connect(ui.correctTabs, "currentChanged(int)", self._onTab)
        self.control.changed.connect(self.refresh)
        self.control.live.changed.connect(self._showScores)
        session.resultChanged.connect(self.refresh)
        session.busyChanged.connect(self._onBusy)
        session.progressChanged.connect(self._onProgress)
        self._onBusy(session.busy)
        self._showScores()

    def enter(self) -> None:
        """Take keys and views."""
        for part in self.parts:
            part.enter()
        self.refresh()

    def exit(self) -> None:
        """Give keys and views back, and score nothing."""
        self.control.settle()
        self.control.live.stop()
        for part in self.parts:
            part.exit()

    def cleanup(self) -> None:
        """Let go of session, nodes and widgets."""
        self.control.changed.disconnect(self.refresh)
        self.control.live.changed.disconnect(self._showScores)
        self.session.resultChanged.disconnect(self.refresh)
        self.session.busyChanged.disconnect(self._onBusy)
        self.session.progressChanged.disconnect(self._onProgress)
        for part in self.parts:
            part.cleanup()
        self._links.disconnect()
        self.control.cleanup()

    def refresh(self) -> None:
        """Show what is previewed, what can be undone, and what is possible."""
        ui, control, history = self.ui, self.control, self.session.history
        for part in self.parts:
            part.refresh()
        idle = not self.session.busy
        ui.previewFrame.setVisible(bool(control.previewed))
        ui.previewFrame.setEnabled(idle)
        ui.previewLabel.setText(_("Preview: {what}").format(what=control.previewed))
        ui.previewBeforeButton.setChecked(bool(control.previewed) and not control.previewShown)
        for button, text, nothing in (
            (ui.undoButton, history.undoText, _("Nothing to undo.")),
            (ui.redoButton, history.redoText, _("Nothing to redo.")),
        ):
            button.setEnabled(bool(text) and idle)
            button.setToolTip(text or nothing)
        ui.restoreButton.setEnabled(control.canRestore and idle)
        ui.recheckButton.setEnabled(control.canCorrect and idle)
        ui.comparedLabel.setText(control.compared)
        ui.comparedLabel.setVisible(bool(control.compared))
        self._explain()

    def _explain(self) -> None:
        """Say why what is seen is disabled."""
        reason, moving = self.control.whyNot, self.ui.correctTabs.currentIndex == 0
        if not reason and self.control.previewed and moving:
            reason = _("Keep or drop the preview first; then the image can be moved by hand.")
        self.notices.show([("info", reason)] if reason else [])

    def _showScores(self) -> None:
        live = self.control.live
        self.ui.liveGroup.setVisible(live.running or bool(live.status))
        for plane in PLANES:
            before, now = live.before.get(plane), live.scores.get(plane)
            for name, score in (("Before", before), ("Now", now)):
                label = getattr(self.ui, f"{plane}{name}Label")
                label.setText(scoreText(score))
        status = live.status
        if not status and live.beforeIsLost:
            status = _("Before is not known of these slices: they were not in view then.")
        self.ui.liveStatusLabel.setText(status)
        self.ui.liveStatusLabel.setVisible(bool(status))

    def _onBusy(self, what: str) -> None:
        self.ui.correctBusyFrame.setVisible(bool(what))
        self.ui.correctProgressBar.setValue(0)
        self.refresh()

    def _onProgress(self, stage: str, fraction: float) -> None:
        bar = self.ui.correctProgressBar
        bar.setValue(round(PROGRESS_STEPS * fraction))
        bar.setFormat(f"{stage} - %p%")

    def _onTab(self, _index: int) -> None:
        self.refresh()

    def _onCancel(self, _checked: bool) -> None:
        self.session.cancel()

    def _onKeep(self, _checked: bool) -> None:
        self.control.keep()

    def _onDrop(self, _checked: bool) -> None:
        self.control.drop()

    def _onBefore(self, before: bool) -> None:
        if self.control.previewed and self.control.previewShown == before:
            self.control.showPreviewed(not before)


def scoreText(score: LiveScore | None) -> str:
    """Say what a slice scores."""
    if score is None or score.errorMm is None:
        return "-"
    text = _("{mm:.1f} mm").format(mm=score.errorMm)
    return _("{mm}, flagged").format(mm=text) if score.flagged else text
