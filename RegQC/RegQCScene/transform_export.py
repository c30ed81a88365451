"""The transform of the chosen pair for other programs, and the moving volume on the fixed grid."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import slicer
from slicer.i18n import tr as _

from RegQCLib.errors import InputError
from RegQCLib.geometry.transform_io import save_transform
from RegQCLib.geometry.transforms import Affine, Composite, Transform, simplified
from RegQCScene.folders import putIntoFolder
from RegQCScene.job import Event
from RegQCScene.pair_export import Pair, saved
from RegQCScene.report_export import copyResult
from RegQCScene.result_nodes import resultFolder
from RegQCScene.step_generators import told
from RegQCScene.stepped_job import JobFailed, SteppedJob, Steps, childSteps
from RegQCScene.transform_exchange import fixedToMovingSteps
from RegQCScene.volume_exchange import parentToWorld, volumeFromNode

MOVED_FILE = "moved.nii.gz"
INTERPOLATIONS = ("linear", "nearest", "cubic")


class TransformExportJob(SteppedJob):
    """Runs ``regqc export`` on the chosen pair; afterwards ``moved`` is the resampled volume.

    The files are about the images' own spaces, as their files have them: transforms above the fixed
    volume are part of the transform that is written. target: the folder for the files, or None
    where only the volume is wanted; an earlier run of RegQC in it is replaced. wantsMoved: whether
    to resample; interpolation: see `INTERPOLATIONS`.
    Raises InputError at once for a pair that cannot be used.
    """

    def __init__(
        self,
        parameters: Any,
        target: str | Path | None,
        *,
        wantsMoved: bool = True,
        interpolation: str = "linear",
    ) -> None:
        self.pair = Pair(parameters.fixedVolume, parameters.movingVolume, parameters.transform)
        self.pair.volumes()
        if interpolation not in INTERPOLATIONS:
            raise InputError(f"interpolation is one of {', '.join(INTERPOLATIONS)}")
        self.nodes = self.pair.nodes
        self.moved: Any = None
        self._target = None if target is None else Path(target)
        self._options = ["--interpolation", interpolation]
        self._options += ["--moved" if wantsMoved else "--no-moved"]
        self._wantsMoved = wantsMoved
        super().__init__(self._work)

    def _work(self, folder: Path) -> Steps:
        pair = self.pair
        fixed = volumeFromNode(pair.fixedNode, world=False)
        moving = volumeFromNode(pair.movingNode, world=False)
        fixedFile = yield from saved(fixed, folder / "fixed", 0.0, 0.1)
        movingFile = yield from saved(moving, folder / "moving", 0.1, 0.2)
        transform = yield from ownToOwnSteps(pair)
        save_transform(transform, folder / "transform.h5")
        made = folder / "export"
        arguments = ["export", fixedFile, movingFile, "--out", made]
        arguments += ["--transform", folder / "transform.h5", *self._options]
        try:
            facts = yield from childSteps(
                [str(one) for one in arguments], folder / "child", (0.2, 0.95)
            )
        except JobFailed as error:
            text = str(error).replace(str(folder / "transform.h5"), _("the transform"))
            raise JobFailed(text) from error
        if self._wantsMoved:
            yield Event("progress", "reading the resampled volume", 0.95)
            self.moved = movedNode(pair, made / MOVED_FILE)
        if self._target is not None:
            copyResult(made, self._target)
        return {**facts, "out": str(self._target)}


def ownToOwnSteps(pair: Pair) -> Generator[Event, None, Transform]:
    """Return the map from the fixed volume's own points to the moving volume's own, RAS mm."""
    steps = fixedToMovingSteps(pair.fixedNode, pair.movingNode, pair.transformNode)
    worldToOwn = yield from told(steps, _("reading the transform"), 0.0, 0.2)
    return simplified(Composite([Affine(parentToWorld(pair.fixedNode)), worldToOwn]))


def movedNode(pair: Pair, path: Path) -> Any:
    """Add the resampled moving volume; it lies under what the fixed volume lies under."""
    name = _("{moving} on {fixed}").format(
        moving=pair.movingNode.GetName(), fixed=pair.fixedNode.GetName()
    )
    node = slicer.util.loadVolume(str(path), {"name": name, "show": False})
    node.SetName(name)
    node.SetAndObserveStorageNodeID(None)  # the file that it came from goes away
    node.SetAndObserveTransformNodeID(pair.fixedNode.GetTransformNodeID())
    _alignExactly(node, pair.fixedNode)
    putIntoFolder(node, resultFolder(pair.fixedNode, pair.movingNode))
    return node


def _alignExactly(node: Any, fixedNode: Any) -> None:
    """Give ``node`` the fixed volume's geometry to the last digit, which files round."""
    matrix = slicer.util.vtkMatrixFromArray(np.eye(4))
    fixedNode.GetIJKToRASMatrix(matrix)
    node.SetIJKToRASMatrix(matrix)
