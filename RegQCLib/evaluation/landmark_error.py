"""Distance of landmarks from their partners, in mm.

It is taken in moving space, where both points of a pair are known exactly and nothing is inverted.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from RegQCLib.errors import InputError
from RegQCLib.geometry.transforms import Transform


def checked_pairs(
    fixed: ArrayLike, moving: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return two lists of matching points as (N, 3) float64.

    Raises InputError when they differ in length, are empty, or hold values that are not finite.
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
    return start, goal


def target_registration_error(
    fixed: ArrayLike, moving: ArrayLike, transform: Transform | None = None
) -> NDArray[np.float64]:
    """Distance in mm between each mapped fixed landmark and its partner, shape (N,).

    fixed, moving: (N, 3) RAS mm, the same places in the same order. transform: fixed to moving
    points, None is identity. Fitzpatrick et al., IEEE TMI 17 (1998).
    Raises InputError as `checked_pairs`.
    """
    start, goal = checked_pairs(fixed, moving)
    mapped = start if transform is None else transform.apply(start)
    return np.asarray(np.linalg.norm(mapped - goal, axis=1))
