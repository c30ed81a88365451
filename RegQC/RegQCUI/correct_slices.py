"""Correct, Slices: find slices that moved during the acquisition and put them back, in a copy."""

from __future__ import annotations

from typing import Any

import slicer
from slicer.i18n import tr as _

from RegQCLib.errors import RegQCError
from RegQCScene.corrected_volume import (
    addCorrected,
    keepCorrected,
    removeCorrected,
    showInsteadOf,
)
from RegQCScene.slice_fix import SliceFixJob, flaggedNumbers
from RegQCUI.correct_control import CorrectControl
from RegQCUI.dependencies import ensureRequirements
from RegQCUI.links import Links
from RegQCUI.paths import uiPath

PLANES = (
    (_("Along the longest voxels"), ""),
    (_("Axial"), "axial"),
    (_("Coronal"), "coronal"),
    (_("Sagittal"), "sagittal"),
)
MODELS = ((_("In their plane"), "in-plane"), (_("In all directions"), "rigid"))
STACKS = ((_("The moving image"), "moving"), (_("The fixed image"), "fixed"))


class SlicesPart:
    """Runs a repair of slices and previews the corrected copy."""

    def __init__(self, control: CorrectControl) -> None:
        self.control = control
        self.widget = slicer.util.loadUI(uiPath("CorrectSlices"))
        self.ui = slicer.util.childWidgetVariables(self.widget)
        self._links = Links()
        self._original: Any = None
        self._copy: Any = None
        ui = self.ui
        for selector, items in (
            (ui.stackSelector, STACKS),
            (ui.stackPlaneSelector, PLANES),
            (ui.sliceModelSelector, MODELS),
        ):
            for text, value in items:
                selector.addItem(text, value)
        self._links.connect(ui.fixSlicesButton, "clicked(bool)", self.onFix)
        self._links.connect(ui.sliceBeforeButton, "toggled(bool)", self._onBefore)
        self._links.connect(ui.sliceKeepButton, "clicked(bool)", self.onKeep)
        self._links.connect(ui.sliceDropButton, "clicked(bool)", self.onDrop)
        self.refresh()

    def enter(self) -> None:
        """Show what has changed."""
        self.refresh()

    def exit(self) -> None:
        """Nothing to give back."""

    def cleanup(self) -> None:
        """Let go of the widgets; what is previewed stays a plain volume of the scene."""
        self._links.disconnect()

    def refresh(self) -> None:
        """Show what is possible; a copy that was removed elsewhere is forgotten.

        That of another pair than the chosen one is removed.
        """
        parameters = self.control.parameters
        pair = parameters.fixedVolume, parameters.movingVolume
        if self._copy is not None and self._copy.GetScene() is None:
            self._original = self._copy = None
        if self._copy is not None and self.control.canCorrect and self._original not in pair:
            self.onDrop()
        self.widget.setEnabled(self.control.canCorrect and not self.control.session.busy)
        self.ui.sliceFixFrame.setVisible(self._copy is not None)
        self.ui.fixOnlyFlaggedBox.setEnabled(self.control.session.result is not None)

    def onFix(self, _checked: bool = False) -> None:
        """Look for slices that moved; offers to install what is missing first."""
        session, ui = self.control.session, self.ui
        self.onDrop()
        ui.sliceFixLabel.setText("")
        try:
            ensureRequirements()
            job = self._job()
        except (RuntimeError, RegQCError) as error:
            session.message.emit(str(error), "error")
            return
        session.run(
            _("Looking for slices that moved"), job, lambda _f: self._show(job), uses=job.nodes
        )

    def onKeep(self, _checked: bool = False) -> None:
        """Go on with the corrected copy, and measure again."""
        copy, self._original, self._copy = self._copy, None, None
        if copy is None:
            return
        keepCorrected(self.control.parameters, copy, self.control.session.history)
        self.refresh()
        self.control.recheckIfWanted()

    def onDrop(self, _checked: bool = False) -> None:
        """Remove the corrected copy."""
        copy, self._original, self._copy = self._copy, None, None
        if copy is not None and copy.GetScene() is not None:
            removeCorrected(copy)
        self.refresh()

    def _job(self) -> SliceFixJob:
        ui, parameters = self.ui, self.control.parameters
        stack, other = parameters.movingVolume, parameters.fixedVolume
        if ui.stackSelector.currentData == "fixed":
            stack, other = other, stack
        plane = str(ui.stackPlaneSelector.currentData) or None
        result, slices = self.control.session.result, None
        if parameters.fixOnlyFlagged and result is not None:
            slices = flaggedNumbers(result, stack, plane)
        self._original = stack
        return SliceFixJob(
            stack,
            other if parameters.fixWithWitness else None,
            slices=slices,
            plane=plane,
            model=str(ui.sliceModelSelector.currentData),
        )

    def _show(self, job: SliceFixJob) -> None:
        text = ". ".join([job.summary, *job.notes])
        self.ui.sliceFixLabel.setText(text)
        self.control.session.message.emit(text, "info")
        if job.moved:
            name = _("{name} (slices put back)").format(name=self._original.GetName())
            self._copy = addCorrected(self._original, job.image, name)
            self.ui.sliceBeforeButton.setChecked(False)
            showInsteadOf(self._copy, self._original)
        self.refresh()

    def _onBefore(self, before: bool) -> None:
        if self._copy is None:
            return
        shown, hidden = (self._original, self._copy) if before else (self._copy, self._original)
        showInsteadOf(shown, hidden)
