"""What the working correction must be, so that the whole chain is a transform that was found.

A registration finds the whole way from fixed points to the moving volume's own points. On that way
a point first leaves what both volumes lie under, then passes our correction, then the user's own
transforms: the correction is the whole, seen from both ends.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import slicer
import vtk
from numpy.typing import NDArray
from slicer.i18n import tr as _

from RegQCLib.geometry.fields import DisplacementField
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.transforms import Affine
from RegQCScene.step_generators import told
from RegQCScene.stepped_job import SteppedJob, Steps
from RegQCScene.transform_exchange import STEP_SLOW_POINTS
from RegQCScene.transform_parts import mappedPoints
from RegQCScene.working_transform import ownTransforms


def correctionSteps(
    total: Affine | DisplacementField, working: Any, fixedNode: Any, movingNode: Any
) -> Generator[float, None, Affine | DisplacementField]:
    """Return the correction from the parent of ``working``; yields the fraction done.

    total: fixed world points to the moving volume's own points. Where the user's own transforms
    bend, they are inverted at the points of ``total``, so ``total`` must be a field then, or the
    result is sampled at its grid.
    """
    toWorld = sharedToWorld(working)
    own = ownToShared(fixedNode, movingNode)
    linear = vtk.vtkTransform()
    straight = slicer.vtkMRMLTransformNode.IsGeneralTransformLinear(own, linear)
    if isinstance(total, Affine) and straight:
        after = slicer.util.arrayFromVTKMatrix(linear.GetMatrix())
        return Affine(after @ total.matrix @ toWorld)
    assert isinstance(total, DisplacementField)
    grid = Grid(total.grid.shape, np.linalg.inv(toWorld) @ total.grid.affine)
    vectors = np.empty((int(np.prod(grid.shape)), 3), dtype=np.float32)
    moved = np.moveaxis(total.array, 0, -1).reshape(-1, 3)
    for start in range(0, len(vectors), STEP_SLOW_POINTS):
        chosen = np.arange(start, min(start + STEP_SLOW_POINTS, len(vectors)))
        places = np.stack(np.unravel_index(chosen, grid.shape)[::-1], axis=-1)
        ends = mappedPoints(own, total.grid.to_world(places) + moved[chosen])
        vectors[chosen] = ends - grid.to_world(places)
        yield start / len(vectors)
    return DisplacementField(np.moveaxis(vectors.reshape(*grid.shape, 3), -1, 0), grid.affine)


class CorrectionJob(SteppedJob):
    """Runs `correctionSteps`, which takes seconds where transforms bend; sets ``correction``."""

    def __init__(
        self, total: Affine | DisplacementField, working: Any, fixedNode: Any, movingNode: Any
    ) -> None:
        self.nodes = [working, fixedNode, movingNode]
        self.correction: Affine | DisplacementField = Affine.identity()
        self._total = total
        super().__init__(self._work)

    def _work(self, _folder: Path) -> Steps:
        steps = correctionSteps(self._total, *self.nodes)
        self.correction = yield from told(steps, _("preparing the preview"))
        return {}


def ownToShared(fixedNode: Any, movingNode: Any) -> Any:
    """Return vtkGeneralTransform from the moving volume's own space through the user's transforms.

    It leads to what both volumes lie under: the space in which corrections act.
    """
    way = vtk.vtkGeneralTransform()
    way.PostMultiply()
    for node in ownTransforms(fixedNode, movingNode):
        if node.GetTransformToParent() is not None:  # a new node has none, and moves nothing
            way.Concatenate(node.GetTransformToParent())
    return way


def sharedToWorld(working: Any) -> NDArray[np.float64]:
    """(4, 4) from the space in which corrections act to the world; linear, as the fixed volume's.

    working: the working transform, or None, which lies under nothing.
    """
    matrix = vtk.vtkMatrix4x4()
    if working is not None and working.GetParentTransformNode() is not None:
        working.GetParentTransformNode().GetMatrixTransformToWorld(matrix)
    return np.asarray(slicer.util.arrayFromVTKMatrix(matrix), dtype=np.float64)
