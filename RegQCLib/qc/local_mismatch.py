"""Where two images look least alike: MIND, smoothed, against what is usual in this pair.

Matching averages over centimeters, so small local errors show faintly in its displacement. A
measure that works across contrasts shows them sharply, but knows no millimeters and differs from
tissue to tissue. The error map multiplies one with the other.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

from RegQCLib.geometry.volume import Volume
from RegQCLib.qc.evidence import QUERY_PIXELS, lattice_shape
from RegQCLib.qc.planes import Frame
from RegQCLib.similarity.arrays import block_average
from RegQCLib.similarity.mind import mind_map

FloatArray = NDArray[np.float64]

BLOCK_MM = 2.9  # as in similarity.measures: 1 mm images are compared at 2 mm
SMOOTHING_MM = 5.0
LARGEST_RATIO = 4.0  # and its inverse the smallest


def local_mismatch(
    fixed: NDArray[np.float32],
    moved: NDArray[np.float32],
    body: NDArray[np.bool_],
    frame: Frame,
) -> FloatArray:
    """(K, J, I) on the frame's lattice: MIND distance over its median in the body, 1/4 to 4.

    fixed, moved, body: the frame's region. Source: MIND-SSC, Heinrich et al., MICCAI 2013.
    """
    first, second, share = (
        block_average(_on_frame(array, frame), BLOCK_MM)
        for array in (fixed, moved, body.astype(np.float32))
    )
    inside = share.array > 0.5 * share.array.max()
    distance = mind_map(first.array, second.array, dilation=1) * inside
    width = SMOOTHING_MM / share.spacing[::-1]
    weight = gaussian_filter(inside.astype(np.float32), width)
    smooth = gaussian_filter(distance, width) / np.maximum(weight, 1e-3)
    usual = float(np.median(smooth[inside]))
    if usual < 1e-6:  # no structure, or one image twice: nothing stands out
        return np.ones(lattice_shape(frame))
    ratio = smooth / usual
    steps = [np.arange(n) * QUERY_PIXELS * frame.pixel_mm for n in lattice_shape(frame)]
    points = np.stack(np.meshgrid(*steps[::-1], indexing="ij")).T  # (K, J, I, 3) along (i, j, k)
    places = np.moveaxis(share.grid.to_index(points), -1, 0)[::-1]
    there = map_coordinates(ratio, places, order=1, mode="nearest")
    return np.clip(there.astype(np.float64), 1 / LARGEST_RATIO, LARGEST_RATIO)


def _on_frame(array: NDArray[np.float32], frame: Frame) -> Volume:
    return Volume(array, np.diag([*frame.spacing[::-1], 1.0]), "region")
