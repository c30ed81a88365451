"""A scalar 3-D image in world space."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from RegQCLib.errors import InputError
from RegQCLib.geometry.grid import Grid


@dataclass(frozen=True, eq=False)
class Volume:
    """Voxel values with their place in space. Treated as immutable: operations return new volumes.

    array: (D, H, W) = (k, j, i), real numbers.
    affine: (4, 4), maps (i, j, k, 1) to RAS mm.
    name: what to call it in messages and reports.
    Raises InputError when the array is not 3-D or complex, or the affine is unusable (see Grid).
    """

    array: NDArray[Any]
    affine: NDArray[np.float64]
    name: str = "volume"

    def __post_init__(self) -> None:
        array = np.asarray(self.array)
        if array.ndim != 3:
            raise InputError(f"{self.name}: a volume has three axes, got shape {array.shape}")
        if np.iscomplexobj(array):
            raise InputError(f"{self.name}: values are complex; save the magnitude first")
        object.__setattr__(self, "array", array)
        object.__setattr__(self, "affine", self.grid.affine)

    @cached_property
    def grid(self) -> Grid:
        """The voxel grid."""
        return Grid(np.asarray(self.array).shape, self.affine)  # type: ignore[arg-type]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along (k, j, i)."""
        return self.grid.shape

    @property
    def spacing(self) -> NDArray[np.float64]:
        """Voxel size in mm along (i, j, k)."""
        return self.grid.spacing

    def with_array(self, array: NDArray[Any], *, name: str | None = None) -> Volume:
        """The same place with other values of the same shape."""
        if array.shape != self.array.shape:
            raise InputError(f"expected shape {self.array.shape}, got {array.shape}")
        return Volume(array, self.affine, self.name if name is None else name)
