"""The signed report as files: images, result and decisions go to a child, which makes the pages."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import slicer

from RegQCLib.errors import InputError
from RegQCLib.geometry.volume import Volume
from RegQCLib.outputs import output_folder
from RegQCLib.report.decisions import save_decisions
from RegQCLib.report.review import PRINT_FILE
from RegQCLib.report.saved_report import REPORT_FILE
from RegQCScene.decisions import decisionsOf, requireUnchanged
from RegQCScene.error_map_file import withGaps
from RegQCScene.job import Event
from RegQCScene.pair_export import Pair, exportPair
from RegQCScene.raw_image_file import volumeSteps
from RegQCScene.stepped_job import JobFailed, SteppedJob, Steps, childSteps

FORMATS = ("html", "pdf", "json", "csv")
PDF_FILE = "report.pdf"

PdfWriter = Callable[[Path, Path], Iterator[float]]
"""Writes a print page as a PDF in steps: `RegQCUI.pdf_report.pdfSteps`."""


class ReportJob(SteppedJob):
    """Writes the report on the chosen pair into a folder, complete or not at all.

    session: has the result and the decisions. target: the folder; an earlier report of RegQC in it
    is replaced. formats: of `FORMATS`. pdf: needed for "pdf". case: what the pair is called.
    Raises InputError at once without a check, or where the pair was moved after it.
    """

    def __init__(
        self,
        session: Any,
        target: str | Path,
        formats: Sequence[str] = FORMATS,
        *,
        pdf: PdfWriter | None = None,
        case: str = "",
    ) -> None:
        if session.result is None:
            raise InputError("check the pair first; the report is about the result of a check")
        unknown = [name for name in formats if name not in FORMATS]
        if unknown or not formats:
            raise InputError(f"choose what to write, of {', '.join(FORMATS)}")
        requireUnchanged(session)
        parameters = session.parameters
        self._pair = Pair(parameters.fixedVolume, parameters.movingVolume, parameters.transform)
        self.nodes = self._pair.nodes
        self._report = session.result.text
        self._decisions = decisionsOf(parameters)
        self._errorMap = parameters.errorMap
        self._target, self._formats = Path(target), list(formats)
        self._pdf, self._case = pdf, case
        super().__init__(self._work)

    def _work(self, folder: Path) -> Steps:
        yield Event("progress", "reading the volumes", 0.0)
        files = yield from exportPair(self._pair, folder / "inputs", (0.0, 0.2))
        yield from self._checkSteps(folder / "check")
        save_decisions(self._decisions, folder / "decisions.json")
        made = folder / "report"
        arguments = ["report", files.fixed, files.moving, "--check", folder / "check"]
        arguments += ["--decisions", folder / "decisions.json", "--out", made]
        arguments += ["--formats", ",".join("print" if f == "pdf" else f for f in self._formats)]
        if files.transform is not None:
            arguments += ["--transform", files.transform]
        if self._case:
            arguments += ["--case", self._case]
        try:
            yield from childSteps([str(one) for one in arguments], folder / "child", (0.2, 0.8))
        except JobFailed as error:
            raise JobFailed(files.inUsersWords(str(error))) from error
        if self._pdf is not None and (made / PRINT_FILE).exists():
            for fraction in self._pdf(made / PRINT_FILE, made / PDF_FILE):
                yield Event("progress", "writing the PDF", 0.8 + 0.2 * fraction)
        (made / PRINT_FILE).unlink(missing_ok=True)
        copyResult(made, self._target)
        return {"out": str(self._target)}

    def _checkSteps(self, folder: Path) -> Iterator[Event]:
        """Write what ``regqc check`` would have written."""
        folder.mkdir()
        (folder / REPORT_FILE).write_text(self._report, encoding="utf-8")
        if self._errorMap is None or self._errorMap.GetImageData() is None:
            return
        ijkToRas = slicer.util.vtkMatrixFromArray(np.eye(4))
        self._errorMap.GetIJKToRASMatrix(ijkToRas)
        affine = slicer.util.arrayFromVTKMatrix(ijkToRas)
        errors = Volume(slicer.util.arrayFromVolume(self._errorMap), affine)
        for _fraction in volumeSteps(errors, folder / "error_map.mha", withGaps):
            yield Event("progress", "reading the error map", 0.2)


def copyResult(made: Path, target: Path) -> None:
    """Copy a child's output folder to where a user wants it, complete or not at all.

    An earlier run of RegQC at ``target`` is replaced. Raises InputError for a folder that holds
    anything else, or cannot be written.
    """
    with output_folder(target, overwrite=True) as staging:
        for file in sorted(made.iterdir()):
            if not file.name.startswith("."):
                shutil.copy2(file, staging / file.name)
