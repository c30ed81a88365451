"""The part of the Record panel that writes files: the report, the transform, the moved volume."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from slicer.i18n import tr as _

from RegQCLib.errors import InputError
from RegQCScene.transform_exchange import directionInWords
from RegQCUI.dependencies import ensureRequirements
from RegQCUI.links import Links
from RegQCUI.progress_row import ProgressRow

FORMATS = ("html", "pdf", "json", "csv")
REPORT_FOLDER, TRANSFORM_FOLDER = "report", "transform"


class RecordFiles:
    """Buttons of the group Files. tell(text, level): shows a line for the user."""

    def __init__(self, session: Any, ui: Any, tell: Callable[[str, str], Any]) -> None:
        self.session, self.ui, self._tell = session, ui, tell
        self._ours = False
        names = {"linear": _("linear"), "nearest": _("nearest (labels)"), "cubic": _("cubic")}
        for value, name in names.items():
            ui.interpolationSelector.addItem(name, value)
        ui.directionLabel.setText(directionInWords())
        self._progress = ProgressRow(ui.progressBar, ui.cancelButton)
        links = self._links = Links()
        links.connect(ui.reportButton, "clicked(bool)", self.writeReport)
        links.connect(ui.transformButton, "clicked(bool)", self.exportTransform)
        links.connect(ui.movedButton, "clicked(bool)", self.resampleMoving)
        links.connect(ui.cancelButton, "clicked(bool)", self.cancel)
        links.listen(session.busyChanged, self._onBusy)
        links.listen(session.progressChanged, self._onProgress)
        self._onBusy(session.busy)

    def cleanup(self) -> None:
        """Let go of widgets and session."""
        self._links.disconnect()

    def update(self) -> None:
        """Offer what can be done now."""
        parameters, idle = self.session.parameters, not self.session.busy
        pair = parameters.fixedVolume is not None and parameters.movingVolume is not None
        self.ui.reportButton.enabled = idle and self.session.result is not None
        self.ui.transformButton.enabled = self.ui.movedButton.enabled = idle and pair

    def writeReport(self, _checked: bool = False) -> None:
        """Write the report into the folder "report"."""
        from RegQCScene.report_export import ReportJob
        from RegQCUI.pdf_report import pdfSteps

        formats = [name for name in FORMATS if getattr(self.ui, f"{name}CheckBox").checked]
        target = self._target(REPORT_FOLDER)
        if target is not None:
            self._start(
                _("Writing the report"),
                lambda: ReportJob(
                    self.session, target, formats, pdf=pdfSteps, case=self.session.case
                ),
                lambda _job: self._tell(_("Report written to {}").format(target), "info"),
            )

    def exportTransform(self, _checked: bool = False) -> None:
        """Write the transform into the folder "transform"."""
        target = self._target(TRANSFORM_FOLDER)
        if target is not None:
            self._start(
                _("Exporting the transform"),
                lambda: self._exportJob(target, wantsMoved=False),
                lambda _job: self._tell(_("Transform written to {}").format(target), "info"),
            )

    def resampleMoving(self, _checked: bool = False) -> None:
        """Make a copy of the moving volume on the fixed grid, in the scene."""

        def done(job: Any) -> None:
            self._tell(_("Made the volume {}").format(job.moved.GetName()), "info")

        self._start(
            _("Resampling the moving volume"),
            lambda: self._exportJob(None, wantsMoved=True),
            done,
        )

    def cancel(self, _checked: bool = False) -> None:
        """Stop what this panel started."""
        if self._ours:
            self.session.cancel()

    def _exportJob(self, target: Path | None, *, wantsMoved: bool) -> Any:
        from RegQCScene.transform_export import TransformExportJob

        box = self.ui.interpolationSelector
        interpolation = box.itemData(box.currentIndex)
        return TransformExportJob(
            self.session.parameters, target, wantsMoved=wantsMoved, interpolation=interpolation
        )

    def _target(self, name: str) -> Path | None:
        folder = self.ui.folderEdit.currentPath.strip()
        if not folder:
            self._tell(_("Choose a folder for the files first."), "error")
            return None
        self.ui.folderEdit.addCurrentPathToHistory()
        return Path(folder).expanduser() / name

    def _start(self, what: str, make: Callable[[], Any], done: Callable[[Any], Any]) -> None:
        try:
            ensureRequirements()
            job = make()
        except (InputError, RuntimeError) as error:
            self._tell(str(error), "error")
            return
        self._ours = True
        self.session.run(what, job, lambda _folder: done(job), uses=job.nodes)

    def _onBusy(self, what: str) -> None:
        self._ours = self._ours and bool(what)
        self._progress.begin(what if self._ours else "")
        self.update()

    def _onProgress(self, _stage: str, fraction: float) -> None:
        if self._ours:
            self._progress.advance(fraction)
