"""HD95 as in Learn2Reg: the area-weighted surface distance of DeepMind's ``surface-distance``.

A surface runs between voxels: every corner where eight voxels meet, some inside the mask and some
outside, carries the area of the marching-cubes triangles around it (Lorensen and Cline, SIGGRAPH
1987; Nikolov et al., J. Med. Internet Res. 23, 2021). Learn2Reg measures in voxels, whatever their
size in mm, and so does this.
"""

from __future__ import annotations

from functools import cache
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate, distance_transform_edt, find_objects

BoolArray = NDArray[np.bool_]

PERCENT = 95.0

TRIANGLE = float(np.sqrt(3) / 8)
"""Area that cuts one corner off a unit cube at the middle of its edges."""

RECTANGLE = float(np.sqrt(0.5))
"""Area that cuts one edge off."""

SQUARE = 1.0
"""Area that halves the cube."""

AREAS = {
    # (corners inside, edges between them, most edges at one of them)
    (0, 0, 0): 0.0,
    (1, 0, 0): TRIANGLE,
    (2, 1, 1): RECTANGLE,
    (2, 0, 0): 2 * TRIANGLE,
    (3, 2, 2): SQUARE / 2 + 3 * TRIANGLE,
    (3, 1, 1): RECTANGLE + TRIANGLE,
    (3, 0, 0): 3 * TRIANGLE,
    (4, 4, 2): SQUARE,
    (4, 3, 3): 6 * TRIANGLE,
    (4, 3, 2): RECTANGLE + 4 * TRIANGLE,
    (4, 2, 2): SQUARE / 2 + 4 * TRIANGLE,
    (4, 2, 1): 2 * RECTANGLE,
    (4, 0, 0): 4 * TRIANGLE,
}
"""Area of the triangles in a unit cube, by which of its corners are inside; more than four inside
are taken as their complement. Turning or mirroring the cube changes none of the three counts."""

CORNERS = np.array(list(product((0, 1), repeat=3)))
WEIGHTS = 2 ** np.arange(8).reshape(2, 2, 2)
"""Bit of each corner in the code of a cube, in the order of `CORNERS`."""


def hausdorff_95(a: BoolArray, b: BoolArray) -> float:
    """95th percentile by area of the distance between two surfaces, in voxels; the worse direction.

    a, b: masks of one shape (D, H, W). Infinite when either is empty.
    """
    if not a.any() or not b.any():
        return float("inf")
    (box,) = find_objects((a | b).view(np.uint8))
    area_a, area_b = _surface_areas(a[box]), _surface_areas(b[box])
    to_a, to_b = distance_transform_edt(area_a == 0), distance_transform_edt(area_b == 0)
    return max(_percentile(to_b, area_a), _percentile(to_a, area_b))


@cache
def cube_areas() -> NDArray[np.float64]:
    """Surface area in each of the 256 cubes of eight voxels, by the code of `WEIGHTS`."""
    apart = np.abs(CORNERS[:, None] - CORNERS).sum(axis=-1)
    result = np.empty(256)
    for code in range(256):
        inside = (code & WEIGHTS.ravel()) > 0
        if inside.sum() > 4:
            inside = ~inside
        edges = (apart[np.ix_(inside, inside)] == 1).sum(axis=0)
        result[code] = AREAS[int(inside.sum()), int(edges.sum()) // 2, int(edges.max(initial=0))]
    return result


def _surface_areas(mask: BoolArray) -> NDArray[np.float64]:
    """Area at every corner of the voxels, one longer than the mask along each axis."""
    padded = np.pad(mask, ((0, 1),) * 3).astype(np.uint8)
    return cube_areas()[correlate(padded, WEIGHTS.astype(np.uint8), mode="constant")]


def _percentile(distance: NDArray[np.float64], area: NDArray[np.float64]) -> float:
    """Distance below which 95 % of the area lies; no interpolation, as in the original."""
    surface = area > 0
    distances, weights = distance[surface], area[surface]
    # By area within one distance: the sum then runs in the original's order, to the last bit.
    order = np.lexsort((weights, distances))
    share = np.cumsum(weights[order]) / np.sum(weights[order])
    place = min(int(np.searchsorted(share, PERCENT / 100.0)), len(order) - 1)
    return float(distances[order][place])
