"""Places worth a landmark in a volume node, found in a child process, as a job."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from slicer.i18n import tr as _

from RegQCScene.job import Event
from RegQCScene.pair_export import saved
from RegQCScene.roi_mask import saveRoi
from RegQCScene.stepped_job import JobFailed, SteppedJob, Steps, childSteps
from RegQCScene.volume_exchange import volumeFromNode


class SuggestionJob(SteppedJob):
    """Runs the search; afterwards ``points`` are set, (N, 3) RAS mm in the world."""

    def __init__(self, volumeNode: Any, count: int, roiNode: Any = None) -> None:
        """Prepare to look for up to ``count`` places in a volume, or inside a box of it."""
        self._volume = volumeFromNode(volumeNode, role="fixed volume")
        self._count, self._roi = count, roiNode
        self.nodes = [volumeNode, *filter(None, [roiNode])]
        self.points = np.zeros((0, 3))
        super().__init__(self._work)

    def _work(self, folder: Path) -> Steps:
        yield Event("progress", _("reading the volume"), 0.0)
        file = yield from saved(self._volume, folder / "fixed", 0.0, 0.2)
        arguments = [str(file), "--count", str(self._count)]
        if self._roi is not None:
            arguments += ["--mask", str(saveRoi(self._roi, folder / "region.mha"))]
        try:
            facts = yield from childSteps(
                arguments, folder / "child", (0.2, 1.0), "RegQCLib.cli.suggest_worker"
            )
        except JobFailed as error:
            raise JobFailed(str(error).replace(str(file), self._volume.name)) from error
        self.points = np.array(facts["points"], dtype=np.float64).reshape(-1, 3)
        return dict(facts)
