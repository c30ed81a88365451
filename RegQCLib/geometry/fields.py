"""Dense displacement fields, in RAS mm on a voxel grid, and their inverses.

Rules decided here once, the same as ITK's DisplacementFieldTransform: linear interpolation, and
**zero displacement outside the field**. A point counts as inside while it lies within half a voxel
of a voxel center; in that half voxel the value at the edge is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from RegQCLib.errors import InputError
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.sampling import (
    FloatArray,
    checked_vectors,
    inside,
    on_grid,
    sample_vectors,
)

MAX_UNINVERTED_FRACTION = 0.01
"""`DisplacementField.inverse` refuses a field of which more than this has no inverse."""


@dataclass(frozen=True, eq=False)
class DisplacementField:
    """The transform x -> x + u(x), fixed-space points to moving-space points.

    array: (3, D, H, W) float, u in RAS mm (R, A, S components) at the voxels (k, j, i).
    affine: (4, 4), maps (i, j, k, 1) to RAS mm.
    Raises InputError when the array has another shape or values that are not finite.
    """

    array: FloatArray
    affine: NDArray[np.float64]

    def __post_init__(self) -> None:
        object.__setattr__(self, "array", checked_vectors(self.array))
        object.__setattr__(self, "affine", self.grid.affine)

    @cached_property
    def grid(self) -> Grid:
        """The voxels that carry a displacement."""
        return Grid(np.shape(self.array)[1:], self.affine)  # type: ignore[arg-type]

    def apply(self, points: ArrayLike) -> NDArray[np.float64]:
        """Map (..., 3) RAS mm points."""
        positions = np.asarray(points, dtype=np.float64)
        return positions + self.sample(positions)

    def sample(self, points: ArrayLike) -> NDArray[np.float64]:
        """Displacement in RAS mm at (..., 3) RAS mm points; zero outside the field."""
        indices = self.grid.to_index(points)
        values = sample_vectors(self.array, indices)
        values[~inside(indices, self.grid.shape)] = 0
        return values

    def resampled(self, grid: Grid) -> DisplacementField:
        """Store the same transform on another grid (float32)."""
        if self.grid.same_as(grid):
            return self
        return DisplacementField(on_grid(self.sample, grid), grid.affine)

    def inverse(self) -> DisplacementField:
        """Invert on the same grid; `invert` chooses another grid and reports the error.

        Raises InputError when more than 1 % of the voxels have no inverse (a field that folds).
        """
        result = invert(self)
        if result.unconverged_fraction > MAX_UNINVERTED_FRACTION:
            raise InputError(
                f"the displacement field has no inverse at {result.unconverged_fraction:.1%} of "
                "its voxels, so it folds; pass the inverse that the registration wrote"
            )
        return result.field


@dataclass(frozen=True)
class Inversion:
    """An inverse field and its residual |T(T^-1(y)) - y| over the voxels that T reaches.

    field: moving-space points to fixed-space points.
    mean_error_mm, max_error_mm: of the residual at the voxels; 0 when T reaches none of them.
    unconverged_fraction: share of the reached voxels whose residual exceeds the tolerance.
    """

    field: DisplacementField
    mean_error_mm: float
    max_error_mm: float
    unconverged_fraction: float


def invert(
    field: DisplacementField,
    grid: Grid | None = None,
    *,
    tolerance_mm: float = 1e-2,
    iterations: int = 50,
) -> Inversion:
    """Invert ``field`` on ``grid`` (its own by default; the moving image's is often better).

    The fixed-point iteration of Chen et al. (Med. Phys. 35, 2008) in quasi-Newton form: the field
    is split as x + u(x) = A x + b + r(x) with A its best affine fit, and x <- x - A^-1 (T(x) - y)
    repeats, damped where it overshoots. Large rotations converge at once; only r must contract.
    Beyond the border r keeps its edge value, so a stored affine motion inverts exactly there too;
    points whose origin lies there do not count in the reported error.
    Raises InputError when the affine part of the field is singular.
    """
    target = field.grid if grid is None else grid
    matrix, offset = affine_part(field)
    if abs(np.linalg.det(matrix)) < 1e-6:
        raise InputError("the displacement field flattens its volume, so it has no inverse")
    back = np.linalg.inv(matrix)
    affine_motion = on_grid(lambda x: x @ (matrix - np.eye(3)).T + offset, field.grid)
    remainder = field.array - affine_motion
    errors: list[NDArray[np.float64]] = []

    def mismatch(points: FloatArray, goal: FloatArray) -> NDArray[np.float64]:
        shift = sample_vectors(remainder, field.grid.to_index(points))
        return points @ matrix.T + offset + shift - goal

    def displacement(points: FloatArray) -> NDArray[np.float64]:
        goal = points.reshape(-1, 3)
        solution: NDArray[np.float64] = (goal - offset) @ back.T
        residual = mismatch(solution, goal)
        error = np.linalg.norm(residual, axis=1)
        step = np.ones(len(goal))
        for _ in range(iterations):
            (active,) = np.nonzero(error > tolerance_mm)
            if active.size == 0:
                break
            trial = solution[active] - step[active, None] * (residual[active] @ back.T)
            trial_residual = mismatch(trial, goal[active])
            trial_error = np.linalg.norm(trial_residual, axis=1)
            better = trial_error < error[active]
            step[active] = np.where(better, np.minimum(1, 2 * step[active]), step[active] / 2)
            accepted = active[better]
            solution[accepted] = trial[better]
            residual[accepted] = trial_residual[better]
            error[accepted] = trial_error[better]
        errors.append(error[inside(field.grid.to_index(solution), field.grid.shape)])
        shift: NDArray[np.float64] = solution - goal
        return shift.reshape(points.shape)

    inverse = DisplacementField(on_grid(displacement, target), target.affine)
    reached = np.sort(np.concatenate(errors))  # sorted: the mean does not depend on thread order
    if reached.size == 0:
        return Inversion(inverse, 0.0, 0.0, 0.0)
    return Inversion(
        field=inverse,
        mean_error_mm=float(reached.mean()),
        max_error_mm=float(reached[-1]),
        unconverged_fraction=float((reached > tolerance_mm).mean()),
    )


def affine_part(field: DisplacementField) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Least-squares (matrix (3, 3), offset (3,)) of x -> x + u(x) over the field's voxels."""
    # Centered indices of a regular grid are orthogonal, so each slope is one projection.
    grid = field.grid
    slopes = np.zeros((3, 3))
    for voxel_axis, length in enumerate(grid.shape[::-1]):
        others = tuple(a for a in (1, 2, 3) if a != 3 - voxel_axis)
        profile = field.array.mean(axis=others, dtype=np.float64)
        centered = np.arange(length) - (length - 1) / 2
        if length > 1:
            slopes[:, voxel_axis] = profile @ centered / (centered @ centered)
    matrix: NDArray[np.float64] = np.eye(3) + slopes @ grid.inverse_affine[:3, :3]
    mean = field.array.mean(axis=(1, 2, 3), dtype=np.float64)
    offset: NDArray[np.float64] = grid.center + mean - matrix @ grid.center
    return matrix, offset
