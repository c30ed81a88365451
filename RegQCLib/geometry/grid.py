"""Voxel grids in world space.

Arrays are indexed ``(k, j, i)``; ``affine`` maps ``(i, j, k, 1)`` to RAS millimeters.
Tuples that name voxel axes (``spacing``) are therefore ordered ``(i, j, k)``, shapes ``(k, j, i)``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from RegQCLib.errors import InputError

PLANE_NAMES = ("sagittal", "coronal", "axial")
"""Slices stacked along R, A and S respectively."""

MIN_SPACING_MM = 1e-3
MAX_SPACING_MM = 100.0
MAX_SHEAR_COSINE = 1e-2  # 0.6 degrees: rounding in stored headers stays well below


@dataclass(frozen=True, eq=False)
class Grid:
    """Where voxels lie in space.

    shape: voxels along (k, j, i).
    affine: (4, 4) float64, maps (i, j, k, 1) to RAS mm.
    Raises InputError for a shape that is not 3-D or an affine that is not finite, singular,
    sheared, or whose spacing is outside [0.001, 100] mm.
    """

    shape: tuple[int, int, int]
    affine: NDArray[np.float64]

    def __post_init__(self) -> None:
        shape = tuple(int(n) for n in self.shape)
        if len(shape) != 3 or min(shape) < 1:
            raise InputError(f"a grid has three axes of at least one voxel, got shape {shape}")
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "affine", checked_affine(self.affine))

    @cached_property
    def spacing(self) -> NDArray[np.float64]:
        """Voxel size in mm along (i, j, k)."""
        return np.linalg.norm(self.affine[:3, :3], axis=0)

    @cached_property
    def direction(self) -> NDArray[np.float64]:
        """(3, 3) unit column vectors of the i, j and k axes in RAS."""
        return self.affine[:3, :3] / self.spacing

    @property
    def origin(self) -> NDArray[np.float64]:
        """RAS position in mm of the center of voxel (0, 0, 0)."""
        return self.affine[:3, 3]

    @cached_property
    def inverse_affine(self) -> NDArray[np.float64]:
        """(4, 4) maps RAS mm to (i, j, k, 1)."""
        return np.asarray(np.linalg.inv(self.affine), dtype=np.float64)

    @property
    def center(self) -> NDArray[np.float64]:
        """RAS position in mm of the middle of the grid."""
        return self.to_world((np.array(self.shape[::-1]) - 1) / 2)

    @cached_property
    def world_axes(self) -> tuple[int, int, int]:
        """For each voxel axis (i, j, k), the world axis (0 R, 1 A, 2 S) it runs along most closely.

        Every world axis is used once, also for oblique grids at 45 degrees.
        """
        weight = np.abs(self.direction).copy()
        result = [0, 0, 0]
        for _ in range(3):
            world, voxel = np.unravel_index(np.argmax(weight), weight.shape)
            result[int(voxel)] = int(world)
            weight[world, :] = -1
            weight[:, voxel] = -1
        return result[0], result[1], result[2]

    def array_axis(self, plane: str) -> int:
        """Array axis (0 k, 1 j, 2 i) along which slices of ``plane`` are stacked."""
        return 2 - self.world_axes.index(PLANE_NAMES.index(plane))

    def to_world(self, indices: ArrayLike) -> NDArray[np.float64]:
        """Map (..., 3) voxel indices (i, j, k) to RAS mm."""
        return np.asarray(indices, dtype=np.float64) @ self.affine[:3, :3].T + self.origin

    def to_index(self, points: ArrayLike) -> NDArray[np.float64]:
        """Map (..., 3) RAS mm to continuous voxel indices (i, j, k)."""
        inverse = self.inverse_affine
        return np.asarray(points, dtype=np.float64) @ inverse[:3, :3].T + inverse[:3, 3]

    def points(self) -> NDArray[np.float64]:
        """RAS mm of every voxel center, shape (D, H, W, 3)."""
        depth, height, width = self.shape
        k, j, i = np.meshgrid(np.arange(depth), np.arange(height), np.arange(width), indexing="ij")
        return self.to_world(np.stack([i, j, k], axis=-1))

    def same_as(self, other: Grid, *, tolerance_mm: float = 1e-3) -> bool:
        """Whether both grids have the same voxels: no corner is further off than the tolerance."""
        if self.shape != other.shape:
            return False
        far = np.array(self.shape[::-1]) - 1
        corners = np.array(np.meshgrid(*[(0, n) for n in far])).reshape(3, -1).T
        gap = self.to_world(corners) - other.to_world(corners)
        return bool(np.abs(gap).max() <= tolerance_mm)


def checked_affine(affine: ArrayLike) -> NDArray[np.float64]:
    """Return ``affine`` as float64, or raise InputError when it is no voxel-to-world map."""
    matrix = np.array(affine, dtype=np.float64)
    if matrix.shape != (4, 4):
        raise InputError(f"an affine has shape (4, 4), got {matrix.shape}")
    if not np.isfinite(matrix).all():
        raise InputError("the orientation matrix has values that are not finite; repair the header")
    if not np.allclose(matrix[3], (0, 0, 0, 1)):
        raise InputError(f"the last row of an affine is 0 0 0 1, got {matrix[3]}")
    spacing = np.linalg.norm(matrix[:3, :3], axis=0)
    if spacing.min() < MIN_SPACING_MM or spacing.max() > MAX_SPACING_MM:
        raise InputError(
            f"voxel size must be between {MIN_SPACING_MM} and {MAX_SPACING_MM} mm, got "
            f"{' x '.join(f'{s:g}' for s in spacing)} mm; check the header's units"
        )
    cosines = (matrix[:3, :3] / spacing).T @ (matrix[:3, :3] / spacing)
    if np.abs(cosines - np.eye(3)).max() > MAX_SHEAR_COSINE:
        raise InputError(
            "the voxel axes are not perpendicular (sheared or singular header); "
            "resample the image onto a regular grid first"
        )
    return matrix
