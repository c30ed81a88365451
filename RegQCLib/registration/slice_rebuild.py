"""Gray values on the planes of a stack from slices that lie anywhere: scattered data resampling.

A point takes the values of all slices that pass near it, each read in its own plane, with weights
that fall linearly with the distance from that plane. A slice that moved in its plane is thereby
just resampled, and between slices in their places values are interpolated linearly. Where no slice
passes within one slice distance there is a hole, and the neighbors fill it from farther off.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from RegQCLib.registration.slice_stack import Stack

FloatArray = NDArray[np.float64]

NEAR, FARTHER = 1.0, (2.0, 3.0)  # slice distances within which a slice is read
LEAST_WEIGHT = 0.25  # below it, what a slice says of a point is a guess
ROUNDING = 1e-6
ACQUIRED, RESAMPLED, FILLED, UNKNOWN = 0, 1, 2, 3
"""Values of the source map: left as it was; from moved slices; from neighbors; nothing known."""


@dataclass(frozen=True)
class Slices:
    """Slices with their poses.

    images: (K, rows, columns). pixel_mm: (u, v). step_mm: between slices. poses: (4, 4) by number;
    slices that are not named take no part.
    """

    images: NDArray[Any]
    pixel_mm: tuple[float, float]
    step_mm: float
    poses: dict[int, FloatArray]


def gather(
    slices: Slices, plane: int, *, width: float, leave_out: int | None = None, order: int = 1
) -> tuple[FloatArray, FloatArray]:
    """Values and their weights, (rows, columns), at the place of slice ``plane``.

    width: slice distances within which slices count. The weight is 1 in the plane of a slice.
    """
    rows, columns = slices.images.shape[1:]
    v, u = np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")
    size = np.array([*slices.pixel_mm, slices.step_mm])
    points = np.stack([u, v, np.full_like(u, plane)], axis=-1) * size
    total, weights = np.zeros((rows, columns)), np.zeros((rows, columns))
    for number, pose in slices.poses.items():
        if number == leave_out:
            continue
        back = np.asarray(np.linalg.inv(pose), dtype=np.float64)
        if _passes_by(points, back, number, size, width):
            continue
        places = (points @ back[:3, :3].T + back[:3, 3]) / size
        weight = np.clip(1 - np.abs(places[..., 2] - number) / width, 0, 1)
        upper = np.array([columns, rows]) - 0.5
        weight *= ((places[..., :2] >= -0.5) & (places[..., :2] <= upper)).all(axis=-1)
        used = weight > ROUNDING
        if not used.any():
            continue
        image = slices.images[number].astype(np.float64)
        read = map_coordinates(image, places[used][:, 1::-1].T, order=order, mode="nearest")
        if order > 1:
            read = np.clip(read, image.min(), image.max())  # splines overshoot at edges
        total[used] += weight[used] * read
        weights += weight
    return total / np.maximum(weights, 1e-9), weights


def _passes_by(
    points: FloatArray, back: FloatArray, number: int, size: FloatArray, width: float
) -> bool:
    """Whether a slice comes nowhere near a plane: all corners lie beyond it, on one side."""
    corners = points[[0, 0, -1, -1], [0, -1, 0, -1]]
    offset = (corners @ back[2, :3] + back[2, 3]) / size[2] - number
    return bool(offset.min() >= width or offset.max() <= -width)


def filled(
    slices: Slices, plane: int, *, leave_out: int | None = None, order: int = 1
) -> tuple[FloatArray, NDArray[np.uint8]]:
    """Values at the place of slice ``plane`` and where each came from, (rows, columns)."""
    values, weights = gather(slices, plane, width=NEAR, leave_out=leave_out, order=order)
    source = np.full(values.shape, UNKNOWN, dtype=np.uint8)
    source[weights >= LEAST_WEIGHT] = RESAMPLED
    for width in FARTHER:
        holes = source == UNKNOWN
        if not holes.any():
            break
        more, weights = gather(slices, plane, width=width, leave_out=leave_out, order=order)
        found = holes & (weights >= LEAST_WEIGHT)
        values[found], source[found] = more[found], FILLED
    return values, source


def rebuild(
    stack: Stack, poses: dict[int, FloatArray], moved: NDArray[np.bool_]
) -> tuple[NDArray[Any], NDArray[np.uint8]]:
    """The stack with moved slices where they belong, and the source of every voxel, (D, H, W).

    poses: of all slices, stack mm. Planes of slices that did not move stay as they are, bit by bit.
    Values keep their type; what nothing is known of takes the stack's smallest value.
    """
    slices = Slices(
        stack.slices,
        (float(stack.spacing[0]), float(stack.spacing[1])),
        float(stack.spacing[2]),
        poses,
    )
    result = stack.slices.copy()
    source = np.full(result.shape, ACQUIRED, dtype=np.uint8)
    for plane in np.flatnonzero(moved):
        values, source[plane] = filled(slices, int(plane), order=3)
        values[source[plane] == UNKNOWN] = stack.slices.min()
        if result.dtype.kind in "biu":
            values = np.rint(values)
        result[plane] = values.astype(result.dtype)
    return np.moveaxis(result, 0, stack.axis), np.moveaxis(source, 0, stack.axis)
