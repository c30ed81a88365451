"""Poses of slices as numbers in mm, so that shifts and rotations can be weighed together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from RegQCLib.registration.slice_match import IN_PLANE, RIGID, motion, pose_point, turn_of
from RegQCLib.registration.slice_stack import Stack

FloatArray = NDArray[np.float64]


class PoseNumbers:
    """Translates between poses (4, 4) and shifts and turns about the middle of the stack.

    Rotations are expressed as mm at the typical radius of the body in a slice.
    """

    def __init__(self, stack: Stack, model: str) -> None:
        self.free = list(IN_PLANE if model == "in-plane" else RIGID)
        seen = np.flatnonzero(stack.content)
        self.middle = stack.centers[seen, :2].mean(axis=0)
        self.radius = float(np.median([stack.radius(int(number)) for number in seen]))
        self.step = float(stack.spacing[2])

    def center(self, number: int) -> FloatArray:
        """(3,) stack mm of the point that slice ``number`` turns about."""
        return np.array([*self.middle, number * self.step])

    def numbers(self, pose: FloatArray, number: int) -> FloatArray:
        """(P,) mm: shift of the center, and turn times the radius."""
        center = self.center(number)
        whole = np.concatenate([pose_point(pose, center) - center, turn_of(pose) * self.radius])
        return whole[self.free]

    def pose(self, numbers: FloatArray, number: int) -> FloatArray:
        """The pose that `numbers` describe."""
        whole = np.zeros(6)
        whole[self.free] = numbers
        return motion(whole[:3], whole[3:] / self.radius, self.center(number))


def displacement_mm(stack: Stack, number: int, pose: FloatArray) -> float:
    """Root mean square distance that a pose moves the body in a slice, mm."""
    v, u = np.nonzero(stack.body[number])
    if u.size == 0:
        return 0.0
    points = np.column_stack([u, v, np.full(len(u), number)]) * stack.spacing
    moved = points @ pose[:3, :3].T + pose[:3, 3] - points
    return float(np.sqrt((moved**2).sum(axis=1).mean()))
