"""What an image or a mask must hold before alignment is checked: one line says what is wrong.

Loading does not ask this: label maps, masks and fields may be constant or thin.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from RegQCLib.errors import InputError
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.resample import resample
from RegQCLib.geometry.volume import Volume


def require_image_content(volume: Volume) -> None:
    """Raise InputError unless ``volume`` is an image whose alignment can be judged.

    Refused: a single slice along any axis; values that are NaN, infinite, or all the same.
    """
    if min(volume.shape) < 2:
        shown = " x ".join(str(n) for n in volume.shape[::-1])
        raise InputError(f"{volume.name}: one slice only ({shown} voxels); give a 3-D volume")
    array = volume.array
    # NaN and infinity show in the extremes: two passes without a temporary array.
    low, high = float(array.min()), float(array.max())
    if np.isfinite(low) and np.isfinite(high):
        if low == high:
            raise InputError(
                f"{volume.name}: every voxel has the value {low:g}; give an image with contrast"
            )
        return
    missing = int(np.isnan(array).sum())
    if missing == array.size:
        raise InputError(f"{volume.name}: every voxel is NaN; export the image again")
    if missing:
        raise InputError(
            f"{volume.name}: {missing} of {array.size} voxels are NaN; "
            "replace them with the background value"
        )
    infinite = int(np.isinf(array).sum())
    raise InputError(
        f"{volume.name}: {infinite} of {array.size} voxels are infinite; "
        "replace them with the background value"
    )


def require_mask(mask: Volume, grid: Grid) -> NDArray[np.bool_]:
    """Return the nonzero voxels of ``mask`` on ``grid``, shape (D, H, W), by nearest neighbor.

    Raises InputError when the mask holds values that are not finite, is empty, or lies elsewhere.
    """
    if not np.isfinite(np.sum(mask.array, dtype=np.float64)):
        raise InputError(f"{mask.name}: the mask has values that are not finite; draw it again")
    marked: NDArray[Any] = mask.array != 0
    if not marked.any():
        raise InputError(f"{mask.name}: the mask is empty; draw the region to check")
    on_grid = resample(mask.with_array(marked), grid, interpolation="nearest").array
    if not on_grid.any():
        raise InputError(
            f"{mask.name}: the mask lies elsewhere, outside the fixed image; draw it on that image"
        )
    return on_grid
