"""What images become before a registration network sees them, in training and in use alike.

Voxels of one size on axes closest to right, anterior, superior, around the fixed body; intensities
cut off and scaled. The settings stand in a training config and in the model's file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from RegQCLib.errors import InputError
from RegQCLib.geometry.foreground import body_mask
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.resample import resample
from RegQCLib.geometry.transforms import Transform
from RegQCLib.geometry.volume import Volume
from RegQCLib.registration.iterative.affine_images import block_factors
from RegQCLib.registration.iterative.deformable_frame import averaged

NORMALIZATIONS = ("minmax", "zscore", "none")


@dataclass(frozen=True)
class ImagePreprocessing:
    """How images are prepared.

    spacing_mm: side of a voxel. clip: percentiles (low, high) beyond which intensities are cut off;
    None keeps them all. normalization: "minmax" to [0, 1], "zscore" to zero mean and unit
    variance, or "none". crop: to the box around the fixed body and ``margin_mm`` on each side.
    size: voxels along the axes of more than one voxel, (k, j, i), around the middle of that box;
    None takes as many as cover it.
    Raises InputError for values that make no sense.
    """

    spacing_mm: float = 2.0
    clip: tuple[float, float] | None = (0.5, 99.5)
    normalization: str = "minmax"
    crop: bool = True
    margin_mm: float = 8.0
    size: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if not 0 < self.spacing_mm < float("inf"):
            raise InputError(f"spacing_mm is a positive number of mm, got {self.spacing_mm!r}")
        if self.clip is not None:
            low, high = self.clip
            if not 0 <= low < high <= 100:
                raise InputError(f"clip: two percentiles, 0 to 100, low and high, got {self.clip}")
        if self.normalization not in NORMALIZATIONS:
            raise InputError(
                f"normalization is one of {', '.join(NORMALIZATIONS)}, got {self.normalization!r}"
            )
        if not 0 <= self.margin_mm < float("inf"):
            raise InputError(f"margin_mm is a number of mm from 0, got {self.margin_mm!r}")
        if self.size is not None and (len(self.size) not in {2, 3} or min(self.size) < 1):
            raise InputError(f"size: two or three counts of voxels above 0, got {self.size}")

    def network_grid(self, fixed: Volume, divisor: int = 1) -> Grid:
        """Voxels that the network is given of a pair with this fixed image.

        Their numbers are multiples of ``divisor``; a single slice stays one.
        Raises InputError when ``size`` does not fit the number of axes.
        """
        grid = fixed.grid
        low, high = _box(fixed, self.margin_mm) if self.crop else _whole(grid)
        affine, shape = np.eye(4), [1, 1, 1]
        many = [axis for axis in range(3) if _count(grid, axis) > 1]
        if self.size is not None and len(self.size) != len(many):
            raise InputError(
                f"{fixed.name}: this model works on {len(self.size)} axes and the image has "
                f"{len(many)} of more than one voxel; give another image or model"
            )
        for axis in range(3):  # array axis of the result; k runs along world axis 2
            voxel_axis = grid.world_axes.index(2 - axis)
            step = grid.direction[:, voxel_axis]
            step = step if step[2 - axis] > 0 else -step
            if axis not in many:
                affine[:3, 2 - axis] = step * grid.spacing[voxel_axis]
                continue
            length = (high[voxel_axis] - low[voxel_axis]) * grid.spacing[voxel_axis]
            wanted = int(np.ceil(length / self.spacing_mm - 1e-3))
            if self.size is not None:
                wanted = self.size[many.index(axis)]
            shape[axis] = max(1, -(-wanted // divisor)) * divisor
            affine[:3, 2 - axis] = step * self.spacing_mm
        middle = grid.to_world((low + high - 1) / 2)
        affine[:3, 3] = middle - affine[:3, :3] @ ((np.array(shape[::-1]) - 1) / 2)
        return Grid((shape[0], shape[1], shape[2]), affine)

    def image(
        self, volume: Volume, grid: Grid, transform: Transform | None = None
    ) -> NDArray[np.float32]:
        """Values of ``volume`` on ``grid``, (D, H, W), prepared; its minimum where it ends.

        transform: from points of the grid to points of the volume. Finer voxels are averaged first.
        """
        source = averaged(volume, block_factors(volume.grid, self.spacing_mm))
        lowest = float(source.array.min())
        return self.scaled(resample(source, grid, transform, outside=lowest).array)

    def scaled(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """Clip and normalize intensities; a constant image becomes 0 unless "none" is asked."""
        if self.clip is not None:
            values = np.clip(values, *np.percentile(values, self.clip))
        if self.normalization == "none":
            return np.asarray(values, dtype=np.float32)
        if self.normalization == "minmax":
            start, scale = float(values.min()), float(values.max() - values.min())
        else:
            start, scale = float(values.mean(dtype=np.float64)), float(values.std(dtype=np.float64))
        return np.asarray((values - start) / (scale if scale > 0 else 1.0), dtype=np.float32)


def _count(grid: Grid, axis: int) -> int:
    """Voxels of ``grid`` along what becomes array axis ``axis``."""
    return grid.shape[2 - grid.world_axes.index(2 - axis)]


def _whole(grid: Grid) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """First voxel (i, j, k), and one behind the last."""
    return np.zeros(3), np.array(grid.shape[::-1], dtype=np.float64)


def _box(fixed: Volume, margin_mm: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The same of the box around the body and a margin, as far as the image reaches."""
    first, behind = _whole(fixed.grid)
    body = body_mask(fixed)
    if not body.any():
        return first, behind
    for axis in range(3):
        used = np.flatnonzero(body.any(axis=tuple(a for a in range(3) if a != 2 - axis)))
        margin = margin_mm / fixed.spacing[axis]
        if behind[axis] > 1:
            first[axis] = max(first[axis], used[0] - margin)
            behind[axis] = min(behind[axis], used[-1] + 1 + margin)
    return first, behind
