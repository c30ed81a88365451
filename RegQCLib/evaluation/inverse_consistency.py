"""Does a transform's inverse lead back? Small errors show stability, not accuracy (AAPM TG-132)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from RegQCLib.geometry.field_in_body import first_field
from RegQCLib.geometry.sampling import inside
from RegQCLib.geometry.transforms import Transform, simplified


def inverse_consistency(
    transform: Transform, inverse: Transform, points: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Distance |T^-1(T(x)) - x| in mm, (M,), for M of the points.

    transform: fixed to moving points; inverse: moving to fixed points. points: (N, 3) RAS mm in
    fixed space. Points that leave a dense inverse, which knows nothing there, are left out.
    """
    moved = transform.apply(points)
    error: NDArray[np.float64] = np.linalg.norm(inverse.apply(moved) - points, axis=1)
    first = first_field(simplified(inverse))
    if first is not None:
        error = error[inside(first.grid.to_index(moved), first.grid.shape)]
    return error
