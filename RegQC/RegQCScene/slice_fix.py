"""`regqc fix-slices` on volume nodes, as a job: the stack, and another volume as witness."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import slicer
import vtk
from numpy.typing import NDArray
from slicer.i18n import tr as _

from RegQCLib.errors import InputError
from RegQCLib.geometry.grid import PLANE_NAMES
from RegQCLib.geometry.volume import Volume
from RegQCLib.registration.slice_stack import stack_of
from RegQCScene.check_result import CheckResult
from RegQCScene.job import Event
from RegQCScene.nifti_steps import niftiSteps
from RegQCScene.pair_export import saved
from RegQCScene.stepped_job import JobFailed, SteppedJob, Steps, childSteps
from RegQCScene.transform_exchange import worldToMoving
from RegQCScene.transform_parts import mappedPoints
from RegQCScene.volume_exchange import volumeFromNode

MODELS = ("in-plane", "rigid")
PLACES = 6
"""Along each axis, where a transform that bends is looked at to find its linear part."""


class SliceFixJob(SteppedJob):
    """Runs a repair of slices; afterwards these are set.

    image: vtkImageData of the corrected stack, on its own voxels. report: content of report.json.
    moved: numbers of the slices that were put back. summary: one line; notes: what limits it.
    """

    def __init__(
        self,
        stackNode: Any,
        referenceNode: Any = None,
        *,
        slices: list[int] | None = None,
        plane: str | None = None,
        model: str = "in-plane",
        toleranceMm: float = 1.0,
    ) -> None:
        """Prepare a repair of ``stackNode``.

        referenceNode: a volume of the same body that did not move; both count where they lie in the
        world, to within a linear transform. slices: numbers of those that may have moved, None for
        all. plane: "axial", "coronal" or "sagittal"; None for that with the longest voxels. model:
        one of `MODELS`. Raises InputError for nodes that cannot be used.
        """
        self._stack = volumeFromNode(stackNode, world=False, role="volume")
        if slices is not None and not slices:
            raise InputError(_("no slice of this volume is flagged; choose to examine all slices"))
        self._reference = None
        if referenceNode is not None:
            self._reference = placedFor(referenceNode, stackNode)
        self.nodes = [stackNode, *filter(None, [referenceNode])]
        self.image: Any = None
        self.report: dict[str, Any] = {}
        self.moved: list[int] = []
        self.notes: list[str] = []
        self.summary = ""
        self._options = ["--model", model, "--tolerance", repr(float(toleranceMm))]
        if slices is not None:
            self._options += ["--slices", ",".join(map(str, sorted(slices)))]
        if plane is not None:
            self._options += ["--plane", plane]
        super().__init__(self._work)

    def _work(self, folder: Path) -> Steps:
        yield Event("progress", _("reading the volumes"), 0.0)
        stack = yield from saved(self._stack, folder / "stack", 0.0, 0.05)
        names = {stack: self._stack.name}
        arguments = ["fix-slices", str(stack), "--out", str(folder / "repair"), *self._options]
        if self._reference is not None:
            reference = yield from saved(self._reference, folder / "reference", 0.05, 0.1)
            names[reference] = self._reference.name
            arguments += ["--reference", str(reference)]
        try:
            facts = yield from childSteps(arguments, folder / "child", (0.1, 0.9))
        except JobFailed as error:
            text = str(error)
            for path, name in names.items():
                text = text.replace(str(path), name).replace(path.name, name)
            raise JobFailed(text) from error
        made = folder / "repair"
        self.report = json.loads((made / "report.json").read_text(encoding="utf-8"))
        self.moved, self.notes = list(facts["moved"]), list(facts["notes"])
        self.summary = str(self.report["summary"])
        stage = _("reading the corrected volume")
        self.image = yield from niftiSteps(made / "corrected.nii.gz", stage, 0.9, 1.0)
        return dict(facts)


def placedFor(node: Any, stackNode: Any) -> Volume:
    """Return a volume as it lies in the space of another volume's header.

    What bends is taken by its linear part, and what shears by the nearest axes without: a witness
    need not lie exactly, see `RegQCLib.registration.slices.fix_slices`.
    """
    volume = volumeFromNode(node, world=False, role="reference")
    affine = np.linalg.inv(ownToWorld(stackNode)) @ ownToWorld(node) @ volume.affine
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    left, _singular, right = np.linalg.svd(affine[:3, :3] / lengths)
    middle = np.array([*(np.array(volume.shape[::-1]) - 1) / 2, 1.0])
    placed = np.eye(4)
    placed[:3, :3] = left @ right * lengths
    placed[:3, 3] = (affine @ middle)[:3] - placed[:3, :3] @ middle[:3]
    return Volume(volume.array, placed, volume.name)


def ownToWorld(node: Any) -> NDArray[np.float64]:
    """(4, 4) from a volume's own space to the world; of transforms that bend the linear part."""
    way = worldToMoving(node)
    linear = vtk.vtkTransform()
    if slicer.vtkMRMLTransformNode.IsGeneralTransformLinear(way, linear):
        return np.linalg.inv(slicer.util.arrayFromVTKMatrix(linear.GetMatrix()))
    volume = volumeFromNode(node, world=False)
    sides = [np.linspace(0, n - 1, PLACES) for n in volume.shape[::-1]]
    places = np.stack(np.meshgrid(*sides), axis=-1).reshape(-1, 3)
    points = volume.grid.to_world(places)
    ends = mappedPoints(way.GetInverse(), points)
    solution, *_rest = np.linalg.lstsq(np.c_[points, np.ones(len(points))], ends, rcond=None)
    matrix = np.eye(4)
    matrix[:3] = solution.T
    return matrix


def flaggedNumbers(result: CheckResult, stackNode: Any, plane: str | None = None) -> list[int]:
    """Return which slices of a stack lie where the check of a pair flagged slices.

    plane: as in `SliceFixJob`. The check flags slices of the fixed volume; those of the plane that
    lies closest to the stack's are found again in the stack, where it lies in the world.
    Raises InputError where it is not clear what the stack's slices are.
    """
    volume = volumeFromNode(stackNode, world=False)
    axis = stack_of(volume, plane).axis
    toWorld = ownToWorld(stackNode)
    normal = toWorld[:3, :3] @ volume.grid.direction[:, 2 - axis]
    checked = PLANE_NAMES[int(np.argmax(np.abs(normal)))]
    positions = [result.positionRas(checked, one.index) for _axis, one in result.flagged(checked)]
    if not positions:
        return []
    back = np.linalg.inv(toWorld)
    own = np.array(positions) @ back[:3, :3].T + back[:3, 3]
    numbers = np.rint(volume.grid.to_index(own)[:, 2 - axis]).astype(int)
    return sorted({int(n) for n in numbers if 0 <= n < volume.shape[axis]})
