"""Two label images of the same structures, brought onto one grid and checked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects

from RegQCLib.errors import InputError
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.resample import coverage, resample
from RegQCLib.geometry.transforms import Transform
from RegQCLib.geometry.volume import Volume

BoolArray = NDArray[np.bool_]

MAX_STRUCTURES = 256


@dataclass(frozen=True, eq=False)
class LabelPair:
    """Structures of the fixed image and of the moving image mapped onto it.

    values: the labels of either image in ascending order, without 0 (background).
    fixed, moved: (D, H, W) int32 on ``grid``, 0 or n for the label ``values[n - 1]``.
    """

    values: tuple[int, ...]
    fixed: NDArray[np.int32]
    moved: NDArray[np.int32]
    grid: Grid

    def structures(self) -> Iterator[tuple[int, BoolArray, BoolArray]]:
        """Yield each label with its fixed and its moved mask, cut to the box around both.

        One voxel around the structures is kept where the image has it, so that the edge of the
        box lies outside them. Masks of a label that is on neither side here are empty.
        """
        count = len(self.values)
        boxes = zip(find_objects(self.fixed, count), find_objects(self.moved, count), strict=True)
        for number, (value, found) in enumerate(zip(self.values, boxes, strict=True), start=1):
            box = _around([one for one in found if one is not None])
            yield value, self.fixed[box] == number, self.moved[box] == number


def pair_labels(fixed: Volume, moving: Volume, transform: Transform | None = None) -> LabelPair:
    """Map ``moving`` onto the grid of ``fixed`` by nearest neighbor and list the structures.

    fixed, moving: label images, each on its own grid; 0 is background. transform: fixed to moving
    points, RAS mm; None compares them where they are.
    Raises InputError when labels are not whole numbers, there is none or there are too many, or
    the two images have no place in common.
    """
    ours, theirs = _whole_numbers(fixed), _whole_numbers(moving)
    values = np.union1d(np.unique(ours.array), np.unique(theirs.array))
    values = values[values != 0]
    names = f"{fixed.name}, {moving.name}"
    if not len(values):
        raise InputError(f"{names}: no label but 0; draw at least one structure")
    if len(values) > MAX_STRUCTURES:
        raise InputError(
            f"{names}: {len(values)} labels; this looks like an image, give label images"
        )
    if not coverage(moving.grid, fixed.grid, transform).any():
        raise InputError(
            f"{names}: the label images do not overlap in space; give those of one pair, with its "
            "transform from fixed to moving points"
        )
    mapped = resample(theirs, fixed.grid, transform, interpolation="nearest")
    return LabelPair(
        values=tuple(int(value) for value in values),
        fixed=_numbered(ours.array, values),
        moved=_numbered(mapped.array, values),
        grid=fixed.grid,
    )


def _whole_numbers(volume: Volume) -> Volume:
    """The same labels as integers."""
    array = volume.array
    if array.dtype.kind in "iu":
        return volume
    if array.dtype.kind == "b":
        return volume.with_array(array.astype(np.uint8))
    if not (np.isfinite(array).all() and np.array_equal(np.rint(array), array)):
        raise InputError(f"{volume.name}: labels are whole numbers; give a label image")
    if np.abs(array).max() > np.iinfo(np.int32).max:
        raise InputError(f"{volume.name}: holds labels beyond 2147483647; number them from 1")
    return volume.with_array(array.astype(np.int32))


def _numbered(array: NDArray[np.integer], values: NDArray[np.integer]) -> NDArray[np.int32]:
    """Replace every label by 1 + its place in ``values``; background stays 0."""
    numbers = np.searchsorted(values, array).astype(np.int32) + 1
    numbers[array == 0] = 0
    return numbers


def _around(boxes: list[tuple[slice, ...]]) -> tuple[slice, ...]:
    """The box around ``boxes`` and one voxel; an empty one without any."""
    if not boxes:
        return (slice(0, 0),) * 3
    return tuple(
        slice(max(0, min(s.start for s in axis) - 1), max(s.stop for s in axis) + 1)
        for axis in zip(*boxes, strict=True)
    )
