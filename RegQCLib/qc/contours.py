"""Landmarks and contours that a person drew on both images: how far apart they are after mapping.

Distances are mm in fixed space for contours, in moving space for landmarks (where both points of a
pair are known exactly and nothing is inverted). These feed the TG-132 table, never the verdict.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import binary_erosion, distance_transform_edt

from RegQCLib.errors import InputError
from RegQCLib.geometry.resample import resample
from RegQCLib.geometry.transforms import Transform
from RegQCLib.geometry.volume import Volume

BoolArray = NDArray[np.bool_]

MAX_STRUCTURES = 256


def target_registration_error(
    fixed: ArrayLike, moving: ArrayLike, transform: Transform | None = None
) -> NDArray[np.float64]:
    """Distance in mm between each mapped fixed landmark and its partner, shape (N,).

    fixed, moving: (N, 3) RAS mm, the same places in the same order. transform: fixed to moving
    points, None is identity. Fitzpatrick et al., IEEE TMI 17 (1998).
    Raises InputError when the two lists differ in length, are empty, or hold values that are not
    finite.
    """
    start = np.asarray(fixed, dtype=np.float64)
    goal = np.asarray(moving, dtype=np.float64)
    if start.shape != goal.shape or start.ndim != 2 or start.shape[1] != 3 or not len(start):
        raise InputError(
            f"landmarks come as two lists of the same number of points (N, 3), got {start.shape} "
            f"and {goal.shape}; place the same points in the same order"
        )
    if not (np.isfinite(start).all() and np.isfinite(goal).all()):
        raise InputError("a landmark has a coordinate that is not finite; place it again")
    mapped = start if transform is None else transform.apply(start)
    return np.asarray(np.linalg.norm(mapped - goal, axis=1))


def contour_agreement(
    fixed: Volume, moving: Volume, transform: Transform | None = None
) -> tuple[dict[str, float | None], dict[str, float | None]]:
    """Dice and mean distance to agreement (mm) of every structure, by label.

    fixed, moving: label images, 0 is background. moving is mapped onto the grid of fixed by nearest
    neighbor. A structure found in one image only has Dice 0 and no distance (None).
    The distance averages, over the boundary voxels of both contours, that to the nearest boundary
    voxel of the other one.
    Raises InputError when labels are not whole numbers, there is none, or there are too many.
    """
    mapped = resample(moving, fixed.grid, transform, interpolation="nearest")
    ours, theirs = _labels(fixed), _labels(mapped)
    names = np.union1d(np.unique(ours), np.unique(_labels(moving)))
    names = names[names != 0]
    if not len(names):
        raise InputError(
            f"{fixed.name}, {moving.name}: no label but 0; draw at least one structure"
        )
    if len(names) > MAX_STRUCTURES:
        raise InputError(
            f"{fixed.name}, {moving.name}: {len(names)} labels; this looks like an image, "
            "give label images"
        )
    dice: dict[str, float | None] = {}
    distance: dict[str, float | None] = {}
    for name in names:
        a, b = ours == name, theirs == name
        total = int(a.sum()) + int(b.sum())
        dice[str(int(name))] = 2 * int((a & b).sum()) / total if total else 0.0
        distance[str(int(name))] = distance_to_agreement(a, b, fixed.spacing[::-1])
    return dice, distance


def distance_to_agreement(a: BoolArray, b: BoolArray, spacing: ArrayLike) -> float | None:
    """Mean distance (mm) between the boundaries of two masks, both ways; None if one is empty.

    a, b: (D, H, W). spacing: mm along the array's axes (k, j, i).
    """
    if not a.any() or not b.any():
        return None
    used = np.nonzero(a | b)
    box = tuple(slice(max(0, int(i.min()) - 1), int(i.max()) + 2) for i in used)
    edge_a, edge_b = _boundary(a[box]), _boundary(b[box])
    size = np.asarray(spacing, dtype=np.float64)
    to_b = distance_transform_edt(~edge_b, sampling=size)[edge_a]
    to_a = distance_transform_edt(~edge_a, sampling=size)[edge_b]
    return float(np.concatenate([to_b, to_a]).mean())


def _boundary(mask: BoolArray) -> BoolArray:
    """Voxels of the mask with a neighbor (6) outside it; beyond the array is outside."""
    boundary: BoolArray = mask & ~binary_erosion(mask)
    return boundary


def _labels(volume: Volume) -> NDArray[np.int64]:
    rounded = np.rint(volume.array)
    if not np.array_equal(rounded, volume.array):
        raise InputError(f"{volume.name}: labels are whole numbers; give a label image")
    return rounded.astype(np.int64)
