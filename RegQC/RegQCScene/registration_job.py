"""`regqc register` on a pair of nodes, from where the moving volume lies now, as a job."""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import slicer
import vtk
from numpy.typing import ArrayLike
from slicer.i18n import tr as _

from RegQCLib.errors import InputError
from RegQCLib.geometry.fields import DisplacementField
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.transforms import Affine
from RegQCScene.job import Event
from RegQCScene.pair_export import Pair, PairFiles, exportPair
from RegQCScene.roi_mask import saveRoi
from RegQCScene.stepped_job import JobFailed, SteppedJob, Steps, childSteps
from RegQCScene.transform_exchange import MAX_SLOW_POINTS, worldToMoving
from RegQCScene.transform_parts import SMOOTH_DETAIL_MM, samplingGrid

KINDS = ("rigid", "similarity", "affine", "deformable")
SMALL_FILE_BYTES = 2**18
"""A transform file up to this size holds no dense field and is read at once."""


class RegistrationJob(SteppedJob):
    """Runs a registration; afterwards these are set.

    transform: the map from fixed world points to the moving volume's own points, an Affine, or a
    displacement field sampled finely enough for display. differenceMm: of that sampling. report:
    content of report.json. summary: one line.
    """

    def __init__(
        self,
        pair: Pair,
        kind: str,
        *,
        roiNode: Any = None,
        landmarks: tuple[ArrayLike, ArrayLike] | None = None,
        options: Sequence[str] = (),
    ) -> None:
        """Prepare a registration of ``pair``, which starts from the transforms above it.

        kind: one of `KINDS`. roiNode: markups box inside which to compare, and to deform.
        landmarks: fixed world points and points of the moving volume's own space, (N, 3) RAS mm;
        for deformations. options: further ones of ``regqc register``.
        Raises InputError for a pair that cannot be registered so.
        """
        pair.volumes()  # so that a wrong choice is told at once
        way = worldToMoving(pair.movingNode, pair.transformNode)
        linear = vtk.vtkTransform()
        bent = not slicer.vtkMRMLTransformNode.IsGeneralTransformLinear(way, linear)
        if bent and kind != "deformable":
            raise InputError(
                _(
                    "the moving volume is deformed already, and a {kind} registration cannot start "
                    "from that: choose deformable, or restore the original first"
                ).format(kind=kind)
            )
        self.pair, self.kind = pair, kind
        self.nodes = [*pair.nodes, *filter(None, [roiNode])]
        self.transform: Affine | DisplacementField = Affine.identity()
        self.differenceMm = 0.0
        self.report: dict[str, Any] = {}
        self.summary = ""
        self._roi, self._landmarks, self._options = roiNode, landmarks, list(options)
        # the engines prepare a deformation by an affine step only where nothing is given to start
        self._atRest = not bent and _isIdentity(linear.GetMatrix())
        super().__init__(self._work)

    def _work(self, folder: Path) -> Steps:
        yield Event("progress", _("reading the volumes"), 0.0)
        files = yield from exportPair(self.pair, folder / "inputs", (0.0, 0.1))
        out = folder / "registration"
        arguments = ["register", str(files.fixed), str(files.moving), "--out", str(out)]
        arguments += ["--kind", self.kind, *self._files(files, folder), *self._options]
        try:
            facts = yield from childSteps(arguments, folder / "child", (0.1, 0.9))
        except JobFailed as error:
            raise JobFailed(files.inUsersWords(str(error))) from error
        self.report = json.loads((out / "report.json").read_text(encoding="utf-8"))
        self.summary = str(facts["summary"]).partition("; results in")[0]
        yield from self._readTransform(out / "transform.h5", files.grid)
        return dict(facts)

    def _files(self, files: PairFiles, folder: Path) -> list[str]:
        options: list[str] = []
        if files.transform is not None and not self._atRest:
            options += ["--init", str(files.transform)]
        if files.mask is not None and self._roi is None:
            options += ["--fixed-mask", str(files.mask)]
        if self._roi is not None:
            box = str(saveRoi(self._roi, folder / "inputs" / "region.mha"))
            options += ["--fixed-mask", box]
            options += ["--region", box] if self.kind == "deformable" else []
        if self._landmarks is not None:
            names = [folder / "inputs" / f"{side}_landmarks.csv" for side in ("fixed", "moving")]
            for name, points in zip(names, self._landmarks, strict=True):
                np.savetxt(name, np.asarray(points), delimiter=",", header="R,A,S", comments="")
            options += ["--landmarks", *map(str, names)]
        return options

    def _readTransform(self, file: Path, grid: Grid) -> Generator[Any, None, None]:
        # needs nibabel, which Slicer lacks at first
        from RegQCLib.geometry.transform_io import load_transform

        if file.stat().st_size <= SMALL_FILE_BYTES:
            found = load_transform(file)
            if isinstance(found, Affine):
                self.transform = found
                return
        coarse = samplingGrid(SMOOTH_DETAIL_MM, grid, MAX_SLOW_POINTS)
        described, samples = file.with_name("grid.json"), file.with_name("field.npy")
        text = json.dumps({"shape": coarse.shape, "affine": coarse.affine.tolist()})
        described.write_text(text, encoding="utf-8")
        facts = yield from childSteps(
            [str(file), "--grid", str(described), "--out", str(samples)],
            file.parent / "child",
            (0.9, 1.0),
            "RegQCLib.cli.preview_worker",
        )
        self.differenceMm = float(facts["largest_difference_mm"])
        self.transform = DisplacementField(np.load(samples), coarse.affine)


def _isIdentity(matrix: Any) -> bool:
    return bool(np.allclose(slicer.util.arrayFromVTKMatrix(matrix), np.eye(4), atol=1e-9))
