"""Transforms of points. World is RAS mm; a transform maps FIXED points to MOVING points.

That is the direction in which images are resampled, and that of ITK, ANTs and elastix files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from RegQCLib.errors import InputError
from RegQCLib.geometry.fields import DisplacementField
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.sampling import on_grid

MIN_DETERMINANT = 1e-9
"""Below this share of the volume that the column lengths allow, a matrix counts as singular."""


class Transform(Protocol):
    """Anything that maps points and has an inverse."""

    def apply(self, points: ArrayLike) -> NDArray[np.float64]:
        """Map (..., 3) RAS mm fixed-space points to moving space."""

    def inverse(self) -> Transform:
        """Return the transform from moving-space to fixed-space points."""


@dataclass(frozen=True, eq=False)
class Affine:
    """x -> A x + t on RAS mm points.

    matrix: (4, 4) float64, last row 0 0 0 1.
    Raises InputError when it has another shape, values that are not finite, or no inverse.
    """

    matrix: NDArray[np.float64]

    def __post_init__(self) -> None:
        matrix = np.array(self.matrix, dtype=np.float64)
        if matrix.shape != (4, 4):
            raise InputError(f"an affine transform is a (4, 4) matrix, got shape {matrix.shape}")
        if not np.isfinite(matrix).all():
            raise InputError("the affine transform has values that are not finite; write it again")
        if not np.allclose(matrix[3], (0, 0, 0, 1)):
            raise InputError(f"the last row of an affine transform is 0 0 0 1, got {matrix[3]}")
        largest = float(np.prod(np.linalg.norm(matrix[:3, :3], axis=0)))
        if abs(np.linalg.det(matrix[:3, :3])) <= MIN_DETERMINANT * largest:
            raise InputError(
                "the affine transform is singular: it flattens the volume and has no inverse; "
                "check the matrix"
            )
        object.__setattr__(self, "matrix", matrix)

    @classmethod
    def identity(cls) -> Affine:
        """Every point stays."""
        return cls(np.eye(4))

    @classmethod
    def rigid(
        cls,
        rotation_deg: ArrayLike = (0.0, 0.0, 0.0),
        translation_mm: ArrayLike = (0.0, 0.0, 0.0),
        center: ArrayLike = (0.0, 0.0, 0.0),
    ) -> Affine:
        """Rotation about ``center``, then translation; see `from_parameters`."""
        return cls.from_parameters(
            rotation_deg=rotation_deg, translation_mm=translation_mm, center=center
        )

    @classmethod
    def from_parameters(
        cls,
        *,
        rotation_deg: ArrayLike = (0.0, 0.0, 0.0),
        translation_mm: ArrayLike = (0.0, 0.0, 0.0),
        scale: ArrayLike = (1.0, 1.0, 1.0),
        shear: ArrayLike = (0.0, 0.0, 0.0),
        center: ArrayLike = (0.0, 0.0, 0.0),
    ) -> Affine:
        """Make x -> Rz Ry Rx H S (x - center) + center + translation.

        rotation_deg: right-handed degrees about the R, A and S axes, applied in that order.
        translation_mm, center: (3,) RAS mm. scale: (3,) factors along R, A, S (S above).
        shear: (3,) upper-triangle entries xy, xz, yz of H.
        """
        x, y, z = np.radians(np.asarray(rotation_deg, dtype=np.float64))
        about_x = _rotation(1, 2, x)
        about_y = _rotation(2, 0, y)
        about_z = _rotation(0, 1, z)
        sheared = np.eye(3)
        sheared[np.triu_indices(3, 1)] = shear
        matrix = np.eye(4)
        matrix[:3, :3] = about_z @ about_y @ about_x @ sheared @ np.diag(np.asarray(scale))
        pivot = np.asarray(center, dtype=np.float64)
        matrix[:3, 3] = pivot + np.asarray(translation_mm) - matrix[:3, :3] @ pivot
        return cls(matrix)

    def apply(self, points: ArrayLike) -> NDArray[np.float64]:
        """Map (..., 3) RAS mm points."""
        return np.asarray(points, dtype=np.float64) @ self.matrix[:3, :3].T + self.matrix[:3, 3]

    def inverse(self) -> Affine:
        """Return the transform back."""
        return Affine(np.linalg.inv(self.matrix).astype(np.float64))

    def then(self, second: Affine) -> Affine:
        """One transform for: this one first, ``second`` after it."""
        return Affine(second.matrix @ self.matrix)

    def is_rigid(self, *, tolerance: float = 1e-5) -> bool:
        """Whether distances and handedness stay: A^T A = I within ``tolerance``, det A > 0."""
        linear = self.matrix[:3, :3]
        orthonormal = np.abs(linear.T @ linear - np.eye(3)).max() <= tolerance
        return bool(orthonormal and np.linalg.det(linear) > 0)


@dataclass(frozen=True)
class Composite:
    """Several transforms in a row: a point goes through ``transforms[0]`` first."""

    transforms: Sequence[Transform]

    def __post_init__(self) -> None:
        object.__setattr__(self, "transforms", tuple(self.transforms))

    def apply(self, points: ArrayLike) -> NDArray[np.float64]:
        """Map (..., 3) RAS mm points."""
        result = np.array(points, dtype=np.float64)
        for transform in self.transforms:
            result = transform.apply(result)
        return result

    def inverse(self) -> Composite:
        """Return the inverses in reverse order."""
        return Composite([t.inverse() for t in reversed(self.transforms)])


def simplified(transform: Transform) -> Transform:
    """Flatten nested composites and merge neighboring affines; the mapping stays the same."""
    if not isinstance(transform, Composite):
        return transform
    parts: list[Transform] = []
    for part in transform.transforms:
        simple = simplified(part)
        parts.extend(simple.transforms if isinstance(simple, Composite) else [simple])
    merged: list[Transform] = []
    for part in parts:
        if merged and isinstance(part, Affine) and isinstance(merged[-1], Affine):
            merged[-1] = merged[-1].then(part)
        else:
            merged.append(part)
    if not merged:
        return Affine.identity()
    return merged[0] if len(merged) == 1 else Composite(merged)


def to_displacement(transform: Transform, grid: Grid) -> DisplacementField:
    """Store any transform as displacements on ``grid`` (float32; exact at the voxels only)."""
    if isinstance(transform, DisplacementField):
        return transform.resampled(grid)
    return DisplacementField(on_grid(lambda x: transform.apply(x) - x, grid), grid.affine)


def _rotation(first: int, second: int, angle: float) -> NDArray[np.float64]:
    """Right-handed rotation that turns axis ``first`` toward axis ``second``."""
    matrix = np.eye(3)
    matrix[first, first] = matrix[second, second] = np.cos(angle)
    matrix[second, first] = np.sin(angle)
    matrix[first, second] = -np.sin(angle)
    return matrix
