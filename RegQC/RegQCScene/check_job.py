"""The check of a pair of nodes as a job: files are written, `regqc check` runs, files are read."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from slicer.i18n import tr as _

from RegQCScene.check_result import ERROR_MAP_FILE, CheckResult
from RegQCScene.error_map_file import errorMapSteps
from RegQCScene.job import Event
from RegQCScene.pair_export import Pair, exportPair
from RegQCScene.result_images import ResultImages, resultImageSteps
from RegQCScene.sequence_frames import frameNote
from RegQCScene.stepped_job import PAUSE, JobFailed, SteppedJob, Steps, childSteps

REPORT_FOLDER = "report"
FELT_VOXELS = 2**24
"""Maps of more voxels take the views a good part of a second."""


class CheckJob(SteppedJob):
    """Runs the check; afterwards ``result`` and ``images`` (None where it could not tell) are set.

    The nodes are read and nothing else; making nodes of the result is `result_nodes`' work.
    Raises InputError at once for a pair that cannot be checked.
    """

    def __init__(self, pair: Pair, options: Sequence[str] = ()) -> None:
        pair.volumes()  # so that a wrong choice is told at once
        self.pair = pair
        self.nodes = pair.nodes
        self.result: CheckResult | None = None
        self.images: ResultImages | None = None
        self._options = list(options)
        self._notes = [note for note in map(frameNote, (pair.fixedNode, pair.movingNode)) if note]
        super().__init__(self._work)

    @classmethod
    def fromParameters(cls, parameters: Any) -> CheckJob:
        """Prepare the check of what the user has chosen (`RegQCParameters`)."""
        pair = Pair(
            parameters.fixedVolume,
            parameters.movingVolume,
            parameters.transform,
            parameters.mask,
            parameters.maskSegment,
        )
        return cls(
            pair,
            checkOptions(
                toleranceMm=parameters.toleranceMm, betweenPeople=parameters.betweenPeople
            ),
        )

    def _work(self, folder: Path) -> Steps:
        yield Event("progress", _("reading the volumes"), 0.0)
        files = yield from exportPair(self.pair, folder / "inputs", (0.0, 0.1))
        report = folder / REPORT_FOLDER
        arguments = ["check", str(files.fixed), str(files.moving), "--out", str(report)]
        for option, path in (("--transform", files.transform), ("--mask", files.mask)):
            if path is not None:
                arguments += [option, str(path)]
        try:
            facts = yield from childSteps(
                [*arguments, *self._options], folder / "child", (0.1, 0.95)
            )
        except JobFailed as error:
            raise JobFailed(files.inUsersWords(str(error))) from error
        self.result = CheckResult.fromFolder(report, files.grid)
        self.result.addNotes(self._notes)
        shutil.rmtree(folder / "inputs", ignore_errors=True)
        if (report / ERROR_MAP_FILE).is_file():
            image = yield from errorMapSteps(report / ERROR_MAP_FILE, 0.95, 1.0)
            self.images = yield from resultImageSteps(image, self.result, files.grid)
        text = _("showing the result")
        if np.prod(files.grid.shape) > FELT_VOXELS:
            text = _("{text}; the window stands still for a moment").format(text=text)
        yield Event("progress", text, 1.0)
        yield PAUSE
        return facts


def checkOptions(
    *, toleranceMm: float | None = None, betweenPeople: bool = False, device: str = "auto"
) -> list[str]:
    """Return options of ``regqc check`` as on its command line."""
    options = ["--device", device]
    if toleranceMm is not None:
        options += ["--tolerance", repr(float(toleranceMm))]
    if betweenPeople:
        options.append("--between-people")
    return options
