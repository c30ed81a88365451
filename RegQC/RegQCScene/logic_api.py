"""The module's functions for the Python console and scripts: nodes and keywords in, results out.

No dialogs, no widgets: everything runs under ``Slicer --no-main-window --python-script``. What a
user can do about a failure is the text of a ValueError. Input nodes are never changed.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from RegQCLib.errors import InputError
from RegQCScene.check_job import CheckJob, checkOptions
from RegQCScene.check_result import CheckResult
from RegQCScene.pair_export import Pair
from RegQCScene.result_nodes import storeResult
from RegQCScene.runner import BlockingRunner, Runnable

OnProgress = Callable[[str, float], Any] | None


def check(
    fixedNode: Any,
    movingNode: Any,
    transformNode: Any = None,
    *,
    mask: Any = None,
    maskSegment: str = "",
    toleranceMm: float | None = None,
    betweenPeople: bool = False,
    device: str = "auto",
    folder: str | Path | None = None,
    makeNodes: bool = True,
    onProgress: OnProgress = None,
) -> CheckResult:
    """Tell whether the moving volume lies on the fixed one, where not, and by how much.

    transformNode: judge the moving volume under this transform; by default under the one that it
    lies under. mask: label map or segmentation, where to judge; maskSegment: ID of one segment.
    toleranceMm: mean error above which they are misaligned; by default the calibrated one.
    betweenPeople: two people, whose transform may bend more. device: "auto", "cpu" or "cuda".
    folder: also put report.html, report.json, slices.csv and error_map.nii.gz there; it must not
    exist yet. makeNodes: add the result to the scene. onProgress(stage, fraction).
    Returns the verdict and scores; with nodes, ``result.nodes`` names them.
    Raises ValueError with one line when the pair cannot be checked.
    """
    target = None if folder is None else _newFolder(folder)
    pair = Pair(fixedNode, movingNode, transformNode, mask, maskSegment)
    options = checkOptions(toleranceMm=toleranceMm, betweenPeople=betweenPeople, device=device)
    job = CheckJob(pair, options)
    try:
        run(job, onProgress)
        assert job.result is not None
        result = job.result
        if target is not None:
            assert result.folder is not None
            shutil.copytree(result.folder, target)
        if makeNodes:
            result = storeResult(fixedNode, movingNode, result, job.errorMapImage)
        return result.inFolder(target)
    finally:
        job.removeFolder()


def run(job: Runnable, onProgress: OnProgress = None) -> None:
    """Run a job to its end. Raises ValueError with its one line when it fails."""
    failures: list[str] = []
    BlockingRunner().start(job, onProgress=onProgress, onFailed=failures.append)
    if failures:
        raise InputError(failures[0])


def _newFolder(folder: str | Path) -> Path:
    path = Path(folder).expanduser().absolute()
    if path.exists():
        raise InputError(f"{path}: exists already; choose another folder for the results")
    return path
