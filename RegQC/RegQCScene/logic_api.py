"""The module's functions for the Python console and scripts: nodes and keywords in, results out.

No dialogs, no widgets: everything runs under ``Slicer --no-main-window --python-script``, and the
functions return when the work is done. What a user can do about a failure is the text of a
ValueError. Input nodes are never changed; ``onProgress(stage, fraction)`` tells how it goes.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from numpy.typing import ArrayLike

from RegQCLib.errors import InputError
from RegQCLib.geometry.transform_io import load_transform
from RegQCScene.check_job import CheckJob, checkOptions
from RegQCScene.check_result import CheckResult
from RegQCScene.corrected_volume import addCorrected
from RegQCScene.pair_export import Pair
from RegQCScene.registration_job import RegistrationJob
from RegQCScene.result_nodes import storeResult
from RegQCScene.runner import BlockingRunner, Runnable
from RegQCScene.slice_fix import SliceFixJob
from RegQCScene.transform_exchange import transformNodeFromRegQC
from RegQCScene.transform_export import TransformExportJob
from RegQCScene.volume_exchange import gridFromNode

OnProgress = Callable[[str, float], Any] | None


@dataclass(frozen=True)
class RegistrationResult:
    """A registration: put the moving volume under ``transformNode`` to see it.

    summary: one line. report: content of report.json, with the checks before and after.
    """

    transformNode: Any
    summary: str
    report: dict[str, Any] = field(repr=False)


@dataclass(frozen=True)
class SliceFixResult:
    """A repair of slices: ``volumeNode`` is new and lies where the original does.

    moved: numbers of the slices that were put back. summary: one line. report: of report.json.
    """

    volumeNode: Any
    moved: list[int]
    summary: str
    report: dict[str, Any] = field(repr=False)


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
    exist yet. makeNodes: add the result to the scene, see ``result.nodes``.
    """
    target = _newFolder(folder)
    pair = Pair(fixedNode, movingNode, transformNode, mask, maskSegment)
    options = checkOptions(toleranceMm=toleranceMm, betweenPeople=betweenPeople, device=device)
    job = CheckJob(pair, options)
    with _finished(job, onProgress):
        assert job.result is not None
        assert job.result.folder is not None
        _keep(job.result.folder, target)
        result = job.result.inFolder(target)
        if makeNodes:
            result = storeResult(fixedNode, movingNode, result, job.images)
        return result


def register(
    fixedNode: Any,
    movingNode: Any,
    transformNode: Any = None,
    *,
    kind: str = "rigid",
    mask: Any = None,
    maskSegment: str = "",
    roi: Any = None,
    landmarks: tuple[ArrayLike, ArrayLike] | None = None,
    options: Sequence[str] = (),
    folder: str | Path | None = None,
    onProgress: OnProgress = None,
) -> RegistrationResult:
    """Compute the transform that puts the moving volume on the fixed one.

    transformNode: start from this transform; by default from where the moving volume lies. kind:
    "rigid", "similarity", "affine" or "deformable". mask: compare only there; roi: the same for a
    markups box, and deform only inside it. landmarks: fixed world points and points of the moving
    volume's own space that belong together, (N, 3) RAS mm; for deformations. options: further ones
    of ``regqc register``. folder: also put transform.h5, inverse.h5, moved.nii.gz and the reports
    there; it must not exist yet.
    The moving volume is not moved: put it under ``result.transformNode`` instead of what it lies
    under now.
    """
    target = _newFolder(folder)
    pair = Pair(fixedNode, movingNode, transformNode, mask, maskSegment)
    job = RegistrationJob(pair, kind, roiNode=roi, landmarks=landmarks, options=options)
    with _finished(job, onProgress):
        made = job.folder / "registration"
        _keep(made, target)
        name = f"{movingNode.GetName()} to {fixedNode.GetName()} ({kind})"
        found = load_transform(made / "transform.h5")  # every voxel of it, unlike a preview
        node = transformNodeFromRegQC(found, name, gridFromNode(fixedNode))
        return RegistrationResult(node, job.summary, job.report)


def fixSlices(
    volumeNode: Any,
    referenceNode: Any = None,
    *,
    slices: Sequence[int] | None = None,
    plane: str | None = None,
    model: str = "in-plane",
    toleranceMm: float = 1.0,
    folder: str | Path | None = None,
    onProgress: OnProgress = None,
) -> SliceFixResult:
    """Put back the slices of a volume that moved while it was acquired; makes a new volume.

    referenceNode: a volume of the same body, any contrast, that did not move; without it, slices
    are compared with their neighbors. slices: numbers of those that may have moved; all by default
    (`RegQCScene.slice_fix.flaggedNumbers` finds those that a check flagged). plane: "sagittal",
    "coronal" or "axial"; by default the one with the longest voxels. model: "in-plane", or "rigid"
    with a reference. toleranceMm: displacement up to which a slice is in place. folder: also put
    corrected.nii.gz, the transforms and the report there; it must not exist yet.
    """
    target = _newFolder(folder)
    chosen = None if slices is None else list(slices)
    job = SliceFixJob(
        volumeNode, referenceNode, slices=chosen, plane=plane, model=model, toleranceMm=toleranceMm
    )
    with _finished(job, onProgress):
        _keep(job.folder / "repair", target)
        name = f"{volumeNode.GetName()} (slices fixed)"
        node = addCorrected(volumeNode, job.image, name)
        return SliceFixResult(node, job.moved, job.summary, job.report)


def export(
    fixedNode: Any,
    movingNode: Any,
    transformNode: Any = None,
    *,
    folder: str | Path,
    moved: bool = True,
    interpolation: str = "linear",
    onProgress: OnProgress = None,
) -> Any:
    """Write the transform between two volumes for ITK, ANTs and Slicer, and the moved volume.

    transformNode: as in `check`. folder: for the files; made if missing, an earlier export in it is
    replaced. Its files map points of the fixed volume's file to points of the moving one's, LPS mm;
    a text in it says so. moved: also resample the moving volume onto the fixed voxels, as a file
    and as a node, which is returned. interpolation: "linear", "nearest" or "cubic".
    """
    chosen = SimpleNamespace(
        fixedVolume=fixedNode, movingVolume=movingNode, transform=transformNode
    )
    job = TransformExportJob(chosen, folder, wantsMoved=moved, interpolation=interpolation)
    with _finished(job, onProgress):
        return job.moved


@contextmanager
def _finished(job: Runnable, onProgress: OnProgress) -> Iterator[None]:
    """Run a job to its end; its folder is there inside. Raises ValueError where the job fails."""
    failures: list[str] = []
    try:
        BlockingRunner().start(job, onProgress=onProgress, onFailed=failures.append)
        if failures:
            raise InputError(failures[0])
        yield
    finally:
        job.removeFolder()


def _newFolder(folder: str | Path | None) -> Path | None:
    path = None if folder is None else Path(folder).expanduser().absolute()
    if path is not None and path.exists():
        raise InputError(f"{path}: exists already; choose another folder for the results")
    return path


def _keep(made: Path, target: Path | None) -> None:
    """Copy what a child process wrote to where the user wants it."""
    if target is None:
        return
    try:
        shutil.copytree(made, target)
    except OSError as error:
        raise InputError(f"{target}: cannot be written; choose another folder") from error
