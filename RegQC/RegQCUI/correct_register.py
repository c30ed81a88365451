"""Correct, Register: from where the moving volume lies now, in a child process."""

from __future__ import annotations

from pathlib import Path

import slicer
from slicer.i18n import tr as _

from RegQCLib.errors import RegQCError
from RegQCScene.check_job import checkOptions
from RegQCScene.landmark_pairs import imagePoints
from RegQCScene.registration_job import RegistrationJob
from RegQCScene.roi_mask import startRoi
from RegQCScene.visible_slices import shownSliceNodes, visiblePoint
from RegQCScene.volume_exchange import gridFromNode
from RegQCUI.correct_control import CorrectControl
from RegQCUI.dependencies import ensureRequirements, ensureTorch
from RegQCUI.links import Links
from RegQCUI.paths import uiPath

KINDS = (
    (_("Shift and turn (rigid)"), "rigid"),
    (_("Shift, turn and one scale (similarity)"), "similarity"),
    (_("Shift, turn, scale and shear (affine)"), "affine"),
    (_("Bend (deformable)"), "deformable"),
)
NOTEWORTHY_MM = 0.1


class RegisterPart:
    """Runs a registration and previews its result."""

    def __init__(self, control: CorrectControl) -> None:
        self.control = control
        self.widget = slicer.util.loadUI(uiPath("CorrectRegister"))
        self.widget.setMRMLScene(slicer.mrmlScene)
        self.ui = slicer.util.childWidgetVariables(self.widget)
        self._links = Links()
        for text, kind in KINDS:
            self.ui.registerKindSelector.addItem(text, kind)
        self._links.connect(self.ui.registerButton, "clicked(bool)", self.onRegister)
        self._links.connect(self.ui.registerInRoiBox, "toggled(bool)", self._onRoi)
        self._links.connect(self.ui.registerKindSelector, "currentIndexChanged(int)", self._onKind)
        self.refresh()

    def enter(self) -> None:
        """Show what has changed."""
        self.refresh()

    def exit(self) -> None:
        """Nothing to give back."""

    def cleanup(self) -> None:
        """Let go of the widgets."""
        self._links.disconnect()

    @property
    def kind(self) -> str:
        """The chosen kind of registration."""
        return str(self.ui.registerKindSelector.currentData)

    def refresh(self) -> None:
        """Show what is possible."""
        self.widget.setEnabled(self.control.canCorrect and not self.control.session.busy)
        self.ui.registerWithLandmarksBox.setEnabled(self.kind == "deformable")

    def onRegister(self, _checked: bool = False) -> None:
        """Register; offers to install what is missing first."""
        control, parameters = self.control, self.control.parameters
        self.ui.registerResultLabel.setText("")
        try:
            ensureRequirements()
            if self.kind == "deformable":
                ensureTorch()
        except RuntimeError as error:
            control.session.message.emit(str(error), "error")
            return
        if control.begin() is None:
            return
        control.drop()
        landmarks = None
        if self.kind == "deformable" and parameters.registerWithLandmarks:
            landmarks = imagePoints(parameters)
        try:
            job = RegistrationJob(
                control.pair(),
                self.kind,
                roiNode=parameters.roi if parameters.registerInRoi else None,
                landmarks=landmarks if landmarks is not None and len(landmarks[0]) else None,
                options=checkOptions(
                    toleranceMm=parameters.toleranceMm, betweenPeople=parameters.betweenPeople
                ),
            )
        except RegQCError as error:
            control.session.message.emit(str(error), "error")
            return

        def done(_folder: Path) -> None:
            what = self.ui.registerKindSelector.currentText
            control.previewTotal(job.transform, str(what), lambda: self._tell(job))

        control.session.run(_("Registering"), job, done, uses=[*job.nodes, control.working])

    def _tell(self, job: RegistrationJob) -> None:
        text = job.summary
        if job.differenceMm > NOTEWORTHY_MM:
            text += "; " + _("shown to within {mm:.1f} mm").format(mm=job.differenceMm)
        self.ui.registerResultLabel.setText(text)
        self.control.session.message.emit(text, "info")

    def _onRoi(self, on: bool) -> None:
        """Place a box where there is none, so that it can be dragged in the views."""
        parameters = self.control.parameters
        parameters.registerInRoi = on  # the box's own connection may come later
        if on and self.control.canCorrect:
            grid = gridFromNode(parameters.fixedVolume)
            startRoi(parameters, visiblePoint(grid, shownSliceNodes()))

    def _onKind(self, _index: int) -> None:
        self.refresh()
