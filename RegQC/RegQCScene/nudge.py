"""Small steps of the moving volume, seen from a slice view: millimeters along it, degrees about it.

All steps are taken in world space, wherever in the tree of transforms the working one lies.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import slicer
import vtk
from numpy.typing import ArrayLike, NDArray
from slicer.i18n import tr as _

from RegQCLib.geometry.transforms import Affine
from RegQCScene.command_stack import CommandStack
from RegQCScene.correction_of_total import sharedToWorld
from RegQCScene.working_transform import WorkingState, correct, stateOf

FloatArray = NDArray[np.float64]

WAYS = {
    "left": (-1, 0, 0),
    "right": (1, 0, 0),
    "up": (0, 1, 0),
    "down": (0, -1, 0),
    "toward": (0, 0, 1),
    "away": (0, 0, -1),
}
"""Steps as seen on the screen: along the axes of a slice view, the third toward the viewer."""

TURNS = {"clockwise": -1, "counterclockwise": 1}


def move(working: Any, sliceNode: Any, way: str, mm: float, history: CommandStack) -> None:
    """Move the moving volume by some mm the way it is seen in a slice view; see `WAYS`."""
    direction = viewAxes(sliceNode) @ np.array(WAYS[way], dtype=np.float64)
    motion = Affine.rigid(translation_mm=mm * direction)
    text = _("Move {mm:g} mm to {where}").format(mm=mm, where=anatomical(direction))
    apply(working, motion, text, history)


def turn(
    working: Any,
    sliceNode: Any,
    way: str,
    degrees: float,
    pivot: ArrayLike,
    history: CommandStack,
) -> None:
    """Turn the moving volume in the plane of a slice view, as it is seen there; see `TURNS`.

    pivot: RAS mm, the point that stays.
    """
    normal = viewAxes(sliceNode)[:, 2]
    motion = about(normal, TURNS[way] * degrees, pivot)
    text = _("Turn {degrees:g} degrees {way} in the {view} view").format(
        degrees=degrees, way=way, view=sliceNode.GetName()
    )
    apply(working, motion, text, history)


def apply(working: Any, motion: Affine, text: str, history: CommandStack) -> None:
    """Add a motion of world points to the correction; equal steps in a row count as one."""
    parent = sharedToWorld(working)
    state = stateOf(working)
    matrix = np.linalg.inv(parent) @ motion.matrix @ parent @ state.matrix
    correct(working, WorkingState(matrix, state.deformation), text, history, series=text)


def viewAxes(sliceNode: Any) -> FloatArray:
    """(3, 3) unit columns in RAS: to the right, up, and toward the viewer of a slice view."""
    matrix = slicer.util.arrayFromVTKMatrix(sliceNode.GetSliceToRAS())[:3, :3]
    right, up = (matrix[:, axis] / np.linalg.norm(matrix[:, axis]) for axis in (0, 1))
    # the third column may point either way: axial views are seen from the feet
    return np.stack([right, up, np.cross(right, up)], axis=1)


def about(axis: ArrayLike, degrees: float, pivot: ArrayLike) -> Affine:
    """Rotation by a right-handed angle about an axis (RAS, unit) through a point (RAS mm)."""
    transform = vtk.vtkTransform()
    transform.Translate(*np.asarray(pivot, dtype=float))
    transform.RotateWXYZ(degrees, *np.asarray(axis, dtype=float))
    transform.Translate(*-np.asarray(pivot, dtype=float))
    return Affine(slicer.util.arrayFromVTKMatrix(transform.GetMatrix()))


def anatomical(direction: FloatArray) -> str:
    """Name the direction in the patient that a vector points to most closely."""
    names = ((_("right"), _("left")), (_("front"), _("back")), (_("head"), _("feet")))
    axis = int(np.argmax(np.abs(direction)))
    return _("the patient's {side}").format(side=names[axis][int(direction[axis] < 0)])
