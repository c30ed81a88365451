"""Which slices moved, from measurements between slices: most did not, and anatomy changes smoothly.

A measurement says by how much slice n lies off slice m (or off a reference). It is explained by
motion x, zero for most slices, and by a baseline b that changes smoothly along the stack: anatomy
that runs obliquely through it, or a reference that lies elsewhere as a whole. Measurements may be
wrong. All of it is one least-squares problem with Geman-McClure weights, made convex at first and
then gradually less so (graduated non-convexity; Yang et al., IEEE Robotics and Automation Letters
2020).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Weights = NDArray[np.float64]

MEASUREMENT_MM = 0.7  # residual of a good measurement
MOTION_MM = 0.7  # where a slice begins to count as moved
MOTION_COST = 0.8  # of one moved slice, in wrong measurements
BEND_MM = 0.15  # change of the baseline's slope from slice to slice
FIRST_SCALE, SHRINK = 30.0, 0.75


@dataclass(frozen=True)
class Measurement:
    """Slice ``number`` lies ``offset`` (P,) mm off slice ``other``, or off the reference (None).

    Rotations are mm at the radius of the body. error_mm: to be expected beyond MEASUREMENT_MM.
    """

    number: int
    other: int | None
    offset: FloatArray
    error_mm: float = 0.0


def consensus(
    measurements: Sequence[Measurement], count: int, may_move: NDArray[np.bool_]
) -> tuple[FloatArray, FloatArray]:
    """Return motion and baseline, (count, P) mm each, that explain the measurements.

    may_move: (count,); the others keep zero motion. Slices without measurements get none, too.
    """
    offsets = np.array([one.offset for one in measurements])
    rows = np.zeros((len(measurements), count))
    for row, one in zip(rows, measurements, strict=True):
        row[one.number] = 1
        if one.other is not None:
            row[one.other] = -1
    scale = np.array([np.hypot(MEASUREMENT_MM, one.error_mm) for one in measurements])
    joined = np.hstack([rows[:, may_move], rows])
    movable = int(may_move.sum())
    stiffness = _stiffness(count, movable)
    x = np.zeros((movable, offsets.shape[1]))
    residual = offsets.copy()
    widening = FIRST_SCALE
    while True:
        certain = _weights(residual, scale, widening)
        resting = MOTION_COST * _weights(x, np.full(movable, MOTION_MM), widening)
        left = (joined.T * certain) @ joined + stiffness
        left[np.arange(movable), np.arange(movable)] += resting
        solution = np.linalg.solve(left, (joined.T * certain) @ offsets)
        x, residual = solution[:movable], offsets - joined @ solution
        if widening == 1:
            break
        widening = max(widening * SHRINK, 1.0)
    motion = np.zeros((count, offsets.shape[1]))
    motion[may_move] = x
    return motion, solution[movable:]


def _weights(residual: FloatArray, scale: FloatArray, widening: float) -> Weights:
    """Geman-McClure: weight of a residual of ``scale``, made flatter by ``widening``."""
    square = (residual**2).sum(axis=1)
    wide = (widening * scale) ** 2
    return (wide / (square + wide)) ** 2 / scale**2


def _stiffness(count: int, movable: int) -> FloatArray:
    """Quadratic cost of a baseline that bends; a trace of cost keeps it where nothing is known."""
    bend = np.zeros((max(count - 2, 0), count))
    for row in range(len(bend)):
        bend[row, row : row + 3] = (1, -2, 1)
    result = np.zeros((movable + count, movable + count))
    result[movable:, movable:] = bend.T @ bend / BEND_MM**2 + 1e-6 * np.eye(count)
    return result
