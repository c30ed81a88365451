"""Landmarks of a pair in two markups lists: the same places in the same order.

Points of the moving list lie under the transforms of the moving volume, so that they stay on its
anatomy however it is moved.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import slicer
import vtk
from numpy.typing import NDArray
from slicer.i18n import tr as _

from RegQCScene.correction_of_total import ownToShared, sharedToWorld
from RegQCScene.transform_exchange import worldToMoving
from RegQCScene.transform_parts import mappedPoints
from RegQCScene.working_transform import startWorking

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LandmarkPairs:
    """Pairs whose points are both placed, N of them.

    names: of the fixed points. numbers: of the points in both lists. used: (N,) whether they count
    in a fit; the others only measure it. fixed: (N, 3) RAS mm in the space in which corrections
    act. moving: (N, 3) there, as the moving points would lie without any correction. nowMm: (N,)
    distance of the two as they lie now.
    """

    names: list[str]
    numbers: list[int]
    used: NDArray[np.bool_]
    fixed: FloatArray
    moving: FloatArray
    nowMm: FloatArray

    def __len__(self) -> int:
        return len(self.names)


def startLandmarks(parameters: Any) -> tuple[Any, Any]:
    """Return both lists of the chosen pair; made where there are none, and put in their places.

    A list that lies under no transform is taken as given in its volume's own space.
    Raises InputError when no pair is chosen.
    """
    startWorking(parameters)
    for role, name, color in (
        ("fixed", _("Fixed landmarks"), (0.2, 0.8, 1.0)),
        ("moving", _("Moving landmarks"), (1.0, 0.6, 0.1)),
    ):
        node = getattr(parameters, f"{role}Landmarks")
        if node is None:
            node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", name)
            node.SetControlPointLabelFormat(f"{role[0].upper()}-%d")
            node.CreateDefaultDisplayNodes()
            node.GetDisplayNode().SetSelectedColor(color)
            setattr(parameters, f"{role}Landmarks", node)
        if node.GetParentTransformNode() is None:
            volume = getattr(parameters, f"{role}Volume")
            node.SetAndObserveTransformNodeID(volume.GetTransformNodeID())
    return parameters.fixedLandmarks, parameters.movingLandmarks


def pairsOf(parameters: Any) -> LandmarkPairs:
    """Return the pairs that are complete; points without partner are left out."""
    fixed, moving = parameters.fixedLandmarks, parameters.movingLandmarks
    places = [] if fixed is None or moving is None else _complete(fixed, moving)
    names = [fixed.GetNthControlPointLabel(n) for n in places]
    used = np.array([bool(fixed.GetNthControlPointSelected(n)) for n in places], dtype=np.bool_)
    if not places:
        return noPairs()
    here, there = (_positions(node, places) for node in (fixed, moving))
    toShared = np.linalg.inv(sharedToWorld(parameters.workingTransform))
    own = mappedPoints(worldToMoving(parameters.movingVolume), there)
    rest = mappedPoints(ownToShared(parameters.fixedVolume, parameters.movingVolume), own)
    return LandmarkPairs(
        names,
        places,
        used,
        here @ toShared[:3, :3].T + toShared[:3, 3],
        rest,
        np.asarray(np.linalg.norm(here - there, axis=1), dtype=np.float64),
    )


def noPairs() -> LandmarkPairs:
    """Return pairs of which there are none."""
    nothing = np.zeros((0, 3))
    return LandmarkPairs([], [], np.zeros(0, dtype=np.bool_), nothing, nothing, np.zeros(0))


def imagePoints(parameters: Any) -> tuple[FloatArray, FloatArray]:
    """Return complete pairs that are used: fixed world points, and the moving volume's own."""
    fixed, moving = parameters.fixedLandmarks, parameters.movingLandmarks
    if fixed is None or moving is None:
        return np.zeros((0, 3)), np.zeros((0, 3))
    chosen = [n for n in _complete(fixed, moving) if fixed.GetNthControlPointSelected(n)]
    there = _positions(moving, chosen)
    own = mappedPoints(worldToMoving(parameters.movingVolume), there) if chosen else there
    return _positions(fixed, chosen), own


def setUsed(parameters: Any, number: int, used: bool) -> None:
    """Let a pair count in fits, or only measure them; ``number``: of the point in both lists."""
    for node in (parameters.fixedLandmarks, parameters.movingLandmarks):
        if number < node.GetNumberOfControlPoints():
            node.SetNthControlPointSelected(number, used)


def removePair(parameters: Any, number: int) -> None:
    """Remove a point from both lists."""
    for node in (parameters.fixedLandmarks, parameters.movingLandmarks):
        if number < node.GetNumberOfControlPoints():
            node.RemoveNthControlPoint(number)


def nextSide(parameters: Any) -> str:
    """Return where the next point belongs: "moving" while a fixed one lacks its partner."""
    fixed, moving = (
        node.GetNumberOfDefinedControlPoints()
        for node in (parameters.fixedLandmarks, parameters.movingLandmarks)
    )
    return "moving" if moving < fixed else "fixed"


def waitingPoint(parameters: Any) -> FloatArray | None:
    """Return RAS mm of the first fixed point that has no partner yet, or None."""
    fixed, moving = parameters.fixedLandmarks, parameters.movingLandmarks
    number = moving.GetNumberOfDefinedControlPoints()
    if number >= fixed.GetNumberOfDefinedControlPoints():
        return None
    return _positions(fixed, [number])[0]


def addSuggestions(node: Any, points: FloatArray) -> None:
    """Add suggested places, RAS mm in the world, to the fixed list."""
    with slicer.util.NodeModify(node):
        for point in points:
            node.AddControlPointWorld(vtk.vtkVector3d(*point))


def _complete(fixed: Any, moving: Any) -> list[int]:
    count = min(fixed.GetNumberOfControlPoints(), moving.GetNumberOfControlPoints())
    return [
        n
        for n in range(count)
        if all(
            node.GetNthControlPointPositionStatus(n) == node.PositionDefined
            for node in (fixed, moving)
        )
    ]


def _positions(node: Any, places: list[int]) -> FloatArray:
    """(N, 3) RAS mm in the world."""
    found = [node.GetNthControlPointPositionWorld(n) for n in places]
    return np.array([tuple(point) for point in found], dtype=np.float64).reshape(-1, 3)
