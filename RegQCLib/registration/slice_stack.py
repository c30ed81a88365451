"""A volume seen as a stack of slices, in millimeters along its own axes.

Stack coordinates (u, v, w) are mm along the columns, the rows and the stacking direction from the
center of the first voxel. They may be left-handed; lengths and angles are those of the world.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from RegQCLib.errors import InputError
from RegQCLib.geometry.foreground import body_mask
from RegQCLib.geometry.grid import PLANE_NAMES
from RegQCLib.geometry.volume import Volume
from RegQCLib.qc.planes import Frame, acquisition_axis, gray_window, in_plane_axes, plane_name

FloatArray = NDArray[np.float64]

RIM_MM = 4.0  # around the body: its outline is evidence, too
LEAST_BODY = 0.02  # of the largest body area in the stack: less is noise, not anatomy
GRAY_RANGE = (-0.5, 2.5)  # of scaled intensities: slices that are brighter than the rest keep shape


@dataclass(frozen=True)
class Level:
    """All slices on square pixels of one size.

    images: (K, rows, columns), body about 0 to 1. mask: where they may be compared. pixel_mm: side.
    """

    images: NDArray[np.float32]
    mask: NDArray[np.bool_]
    pixel_mm: float

    @cached_property
    def coordinates(self) -> FloatArray:
        """(rows, columns, 2) mm (u, v) of the pixels."""
        rows, columns = self.images.shape[1:]
        v, u = np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")
        return np.stack([u, v], axis=-1).astype(np.float64) * self.pixel_mm


@dataclass(frozen=True, eq=False)
class Stack:
    """A volume and the array axis (0 k, 1 j, 2 i) along which its slices are stacked."""

    volume: Volume
    axis: int

    @property
    def count(self) -> int:
        """Number of slices."""
        return self.volume.shape[self.axis]

    @property
    def plane(self) -> str:
        """What the slices are called: "sagittal", "coronal" or "axial"."""
        return plane_name(self.volume.grid, self.axis)

    @cached_property
    def voxel_axes(self) -> tuple[int, int, int]:
        """Voxel axes (0 i, 1 j, 2 k) that run along u, v and w."""
        rows, columns = in_plane_axes(self.axis)
        return 2 - columns, 2 - rows, 2 - self.axis

    @cached_property
    def spacing(self) -> FloatArray:
        """(3,) mm between voxels along u, v and w."""
        return np.asarray(self.volume.spacing[list(self.voxel_axes)], dtype=np.float64)

    @cached_property
    def to_world(self) -> FloatArray:
        """(4, 4) maps stack mm to RAS mm; a distance stays what it is."""
        matrix = np.eye(4)
        direction, _, turned = np.linalg.svd(self.volume.grid.direction[:, list(self.voxel_axes)])
        matrix[:3, :3] = direction @ turned  # headers are a little sheared by rounding
        matrix[:3, 3] = self.volume.grid.origin
        return matrix

    @cached_property
    def slices(self) -> NDArray[Any]:
        """(K, rows, columns) view of the voxels."""
        return np.moveaxis(self.volume.array, self.axis, 0)

    @cached_property
    def body(self) -> NDArray[np.bool_]:
        """(K, rows, columns): which pixels show the body."""
        return np.moveaxis(body_mask(self.volume), self.axis, 0)

    @cached_property
    def centers(self) -> FloatArray:
        """(K, 3) stack mm: middle of the body in each slice; of the stack where there is none."""
        result = np.empty((self.count, 3))
        result[:, :2] = (np.array(self.slices.shape[:0:-1]) - 1) / 2 * self.spacing[:2]
        result[:, 2] = np.arange(self.count) * self.spacing[2]
        for number in np.flatnonzero(self.content):
            v, u = np.nonzero(self.body[number])
            result[number, :2] = np.array([u.mean(), v.mean()]) * self.spacing[:2]
        return result

    @cached_property
    def content(self) -> NDArray[np.bool_]:
        """(K,): which slices show enough of the body to be compared at all."""
        area = self.body.sum(axis=(1, 2))
        return np.asarray(area > LEAST_BODY * max(int(area.max()), 1))

    def radius(self, number: int) -> float:
        """Root mean square distance of a slice's body from its middle, mm."""
        v, u = np.nonzero(self.body[number])
        if u.size < 2:
            return 1.0
        return float(max(np.hypot(u.std() * self.spacing[0], v.std() * self.spacing[1]), 1.0))

    def positions_mm(self) -> FloatArray:
        """(K,) world coordinate (R, A or S) of the middle of each slice."""
        middle = (np.array(self.slices.shape[:0:-1]) - 1) / 2 * self.spacing[:2]
        points = np.column_stack(
            [np.tile(middle, (self.count, 1)), np.arange(self.count) * self.spacing[2]]
        )
        world = points @ self.to_world[:3, :3].T + self.to_world[:3, 3]
        return world[:, PLANE_NAMES.index(self.plane)]

    def level(self, pixel_mm: float) -> Level:
        """All slices averaged or interpolated onto pixels of ``pixel_mm``."""
        thickness = np.ones(3)  # of no meaning here: slices are not resampled across
        rows_axis, columns_axis = in_plane_axes(self.axis)
        thickness[rows_axis], thickness[columns_axis] = self.spacing[1], self.spacing[0]
        k, j, i = (float(s) for s in thickness)
        frame = Frame((0, 0, 0), self.volume.shape, (k, j, i), pixel_mm)
        rows, columns = frame.weights(rows_axis), frame.weights(columns_axis).T
        low, high = gray_window(self.slices, self.body)
        scaled = np.clip((self.slices.astype(np.float32) - low) / (high - low), *GRAY_RANGE)
        images = rows @ scaled @ columns
        around = [_dilated(one, self.spacing) for one in self.body]
        mask = rows @ np.asarray(around, dtype=np.float32) @ columns > 0.5
        for axis, size in ((1, self.spacing[1]), (2, self.spacing[0])):
            used = int(np.floor((self.slices.shape[axis] - 1) * size / pixel_mm + 1e-6)) + 1
            np.moveaxis(mask, axis, 0)[used:] = False
        mask[~self.content] = False
        return Level(np.ascontiguousarray(images, dtype=np.float32), mask, pixel_mm)


def stack_of(volume: Volume, axis: str | int | None = None) -> Stack:
    """See ``volume`` as a stack. axis: plane of the slices by name, or array axis (0 k, 1 j, 2 i).

    By default the axis along which voxels are clearly longest.
    Raises InputError for an unknown axis, and where none was given and none stands out.
    """
    if axis is None:
        found = acquisition_axis(volume.grid)
        if found is None:
            raise InputError(
                f"{volume.name}: the voxels do not show along which axis its slices lie; "
                f"say which slices moved: {', '.join(PLANE_NAMES)} (--plane)"
            )
        return Stack(volume, found)
    if isinstance(axis, str):
        if axis not in PLANE_NAMES:
            raise InputError(f"slices are one of {', '.join(PLANE_NAMES)}, got {axis!r}")
        return Stack(volume, volume.grid.array_axis(axis))
    if axis not in (0, 1, 2):
        raise InputError(f"an array axis is 0, 1 or 2, got {axis}")
    return Stack(volume, axis)


def _dilated(body: NDArray[np.bool_], spacing: FloatArray) -> NDArray[np.bool_]:
    steps = round(RIM_MM / float(spacing[:2].min()))
    return np.asarray(binary_dilation(body, iterations=steps)) if steps else body
