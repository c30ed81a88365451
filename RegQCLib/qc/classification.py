"""The slice classifier of ISMRM 2022 #1880 on the slices of a pair: misaligned or not?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from RegQCLib.qc.measure import BATCH, Engine
from RegQCLib.qc.planes import Frame, in_plane_axes, slice_images

FloatArray = NDArray[np.float64]

CLASSIFIER_PIXELS = 128
NARROW_PIXELS = 24
"""Slices of thin slabs are strips: narrower ones look misaligned to the classifier, which learned
on whole slices."""


def classifier_frame(frame: Frame) -> Frame:
    """The same region on pixels large enough that any of its slices fits the classifier."""
    pixel = max(frame.pixel_mm, float(frame.extent_mm.max()) / (CLASSIFIER_PIXELS - 8))
    return Frame(frame.start, frame.stop, frame.spacing, pixel)


def classified_axes(small: Frame) -> list[int]:
    """Array axes whose slices are wide enough to be classified; all where none is.

    small: see `classifier_frame`.
    """
    sides = small.extent_mm / small.pixel_mm
    wide = [
        axis for axis in range(3) if min(sides[a] for a in in_plane_axes(axis)) >= NARROW_PIXELS
    ]
    return wide or [0, 1, 2]


def with_narrow_planes(
    classified: dict[int, FloatArray], indices: dict[int, NDArray[np.intp]]
) -> dict[int, FloatArray]:
    """Answers for the slices of all three planes: those not asked get the mean of all others."""
    rows = np.concatenate(list(classified.values()))
    mean = rows.mean(axis=0) if len(rows) else np.zeros(2)
    return {
        axis: classified[axis] if axis in classified else np.tile(mean, (len(chosen), 1))
        for axis, chosen in indices.items()
    }


def classify_slices(
    fixed: NDArray[np.float32],
    moved: NDArray[np.float32],
    frame: Frame,
    axis: int,
    indices: NDArray[np.intp],
    engine: Engine,
) -> FloatArray:
    """(N, 2) of the slice classifier: logit of misaligned, mean displacement in mm."""
    if not len(indices):
        return np.zeros((0, 2))
    parts = []
    for start in range(0, len(indices), 4 * BATCH):
        images = slice_images(fixed, moved, frame, axis, indices[start : start + 4 * BATCH])
        parts.append(engine.classify(_padded(images)))
    output = np.concatenate(parts).astype(np.float64)
    output[:, 1] = np.maximum(np.expm1(output[:, 1]), 0) * frame.pixel_mm
    return output


def _padded(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Slices centered on 128 x 128 pixels; what does not fit is cut off evenly."""
    rows, columns = images.shape[2:]
    result = np.zeros((*images.shape[:2], CLASSIFIER_PIXELS, CLASSIFIER_PIXELS), dtype=np.float32)
    row, column = (max(0, (CLASSIFIER_PIXELS - side) // 2) for side in (rows, columns))
    height, width = min(rows, CLASSIFIER_PIXELS), min(columns, CLASSIFIER_PIXELS)
    top, left = (rows - height) // 2, (columns - width) // 2
    result[:, :, row : row + height, column : column + width] = images[
        :, :, top : top + height, left : left + width
    ]
    return result
