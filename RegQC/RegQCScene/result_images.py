"""The images of a result, made in short steps before any node is: large ones take a while."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from RegQCLib.geometry.grid import PLANE_NAMES, Grid
from RegQCScene.check_result import CheckResult
from RegQCScene.step_generators import exhausted
from RegQCScene.volume_exchange import emptyImage, imageArray

STEP_VOXELS = 2**21


@dataclass(frozen=True, eq=False)
class ResultImages:
    """What a result's volume and segmentation show.

    errorMap: vtkImageData on the fixed grid, mm, -1 where nothing was judged. flagged: of each
    plane with flagged slices, vtkImageData with 1 on their judged voxels, from the first to the
    last of them.
    """

    errorMap: Any
    flagged: Mapping[str, Any]


def resultImages(errorMap: Any, result: CheckResult, grid: Grid) -> ResultImages:
    """Do `resultImageSteps` at once."""
    return exhausted(resultImageSteps(errorMap, result, grid))


def resultImageSteps(
    errorMap: Any, result: CheckResult, grid: Grid
) -> Generator[None, None, ResultImages]:
    """Mark the flagged slices of each plane. errorMap: as in `ResultImages`; grid: of it."""
    judged = imageArray(errorMap)
    flagged = {}
    for plane in PLANE_NAMES:
        indices = sorted(one.index for _name, one in result.flagged(plane))
        if indices:
            flagged[plane] = yield from _marked(judged, grid.array_axis(plane), indices)
    return ResultImages(errorMap, flagged)


def _marked(judged: NDArray[Any], axis: int, indices: list[int]) -> Generator[None, None, Any]:
    first, last = indices[0], indices[-1]
    box = [slice(None)] * 3
    box[axis] = slice(first, last + 1)
    part = judged[tuple(box)]
    image = emptyImage(part.shape, np.uint8)
    chosen = np.zeros(last - first + 1, dtype=np.uint8)
    chosen[np.array(indices) - first] = 1
    wanted = np.expand_dims(chosen, [n for n in range(3) if n != axis])
    yield from _mark(imageArray(image), part, np.broadcast_to(wanted, part.shape))
    extent = [0, part.shape[2] - 1, 0, part.shape[1] - 1, 0, part.shape[0] - 1]
    column = 2 * (2 - axis)
    extent[column : column + 2] = [first, last]
    image.SetExtent(extent)
    return image


def _mark(marks: NDArray[Any], part: NDArray[Any], wanted: NDArray[Any]) -> Iterator[None]:
    """In the order of memory: slices across the last axis, one by one, would take a second."""
    count = max(1, STEP_VOXELS // part[0].size)
    for start in range(0, len(part), count):
        some = slice(start, start + count)
        np.greater_equal(part[some], 0, out=marks[some].view(np.bool_))
        np.multiply(marks[some], wanted[some], out=marks[some])
        yield None
