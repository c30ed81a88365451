"""Thin-plate splines in 3-D: the smoothest map that takes some points to others.

x -> A x + b + sum of w_i |x - c_i|. In three dimensions the kernel of least bending energy is the
distance itself (Bookstein, IEEE TPAMI 11, 1989; Rohr et al., IEEE TMI 20, 2001). Far from the
points the map tends to its affine part A x + b. It may fold; then it has no inverse.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import cdist

from RegQCLib.errors import InputError
from RegQCLib.geometry.fields import MAX_UNINVERTED_FRACTION
from RegQCLib.geometry.transforms import Affine

FloatArray = NDArray[np.float64]

BLOCK_DISTANCES = 2**20
"""Distances to centers that are held at once: 8 megabytes."""

TOLERANCE_MM = 1e-6
LOST_MM = 1e-3
"""Residual above which a point counts as not inverted."""

ITERATIONS = 50
MIN_DETERMINANT = 1e-6
"""Below it Newton's step is not to be trusted and the affine part is used instead."""


@dataclass(frozen=True, eq=False)
class ThinPlateSpline:
    """A map of fixed-space points to moving-space points.

    centers: (N, 3) RAS mm, where it was fitted. weights: (N, 3), of the distances to the centers.
    affine: the rest of the map.
    """

    centers: FloatArray
    weights: FloatArray
    affine: Affine

    @classmethod
    def fit(
        cls, fixed: FloatArray, moving: FloatArray, *, smoothing: float = 0.0
    ) -> ThinPlateSpline:
        """Take ``fixed`` to ``moving``, both (N, 3) RAS mm: distinct points, not in one plane.

        smoothing: mm, 0 or more, added to the diagonal of the kernel matrix. 0 meets every point;
        the larger, the closer to the affine least-squares fit (Wahba, Spline models, 1990).
        Raises InputError when the affine part flattens the volume.
        """
        count, origin = len(fixed), fixed.mean(axis=0)
        scale = float(np.linalg.norm(fixed - origin, axis=1).mean())  # takes the unit out below
        system = np.zeros((count + 4, count + 4))
        system[:count, :count] = (smoothing * np.eye(count) - cdist(fixed, fixed)) / scale
        system[:count, count] = 1
        system[:count, count + 1 :] = (fixed - origin) / scale
        system[count:, :count] = system[:count, count:].T
        goal = np.concatenate([moving, np.zeros((4, 3))])
        solution = np.linalg.solve(system, goal)
        matrix = np.eye(4)
        matrix[:3, :3] = solution[count + 1 :].T / scale
        matrix[:3, 3] = solution[count] - matrix[:3, :3] @ origin
        return cls(np.array(fixed), -solution[:count] / scale, Affine(matrix))

    def apply(self, points: ArrayLike) -> FloatArray:
        """Map (..., 3) RAS mm points."""
        positions = np.asarray(points, dtype=np.float64)
        flat = positions.reshape(-1, 3)
        result = self.affine.apply(flat)
        for block in self._blocks(len(flat)):
            result[block] += cdist(flat[block], self.centers) @ self.weights
        return result.reshape(positions.shape)

    def jacobian(self, points: ArrayLike) -> FloatArray:
        """Derivatives dT_c / dx_a at (M, 3) RAS mm points, (M, 3, 3); at a center, their mean."""
        flat = np.asarray(points, dtype=np.float64)
        result = np.tile(self.affine.matrix[:3, :3], (len(flat), 1, 1))
        for block in self._blocks(len(flat)):
            offset = flat[block, None] - self.centers
            distance = np.linalg.norm(offset, axis=-1, keepdims=True)
            direction = offset / np.where(distance > 0, distance, 1)
            result[block] += np.einsum("nc,mna->mca", self.weights, direction)
        return result

    @property
    def orientation(self) -> float:
        """1 for a map that keeps handedness, -1 for one that mirrors."""
        return float(np.sign(np.linalg.det(self.affine.matrix[:3, :3])))

    def inverse(self) -> ThinPlateInverse:
        """Return the map back, found point by point."""
        return ThinPlateInverse(self)

    def _blocks(self, count: int) -> Iterator[slice]:
        size = max(1, BLOCK_DISTANCES // len(self.centers))
        return (slice(start, start + size) for start in range(0, count, size))


@dataclass(frozen=True, eq=False)
class ThinPlateInverse:
    """The inverse of a thin-plate spline: moving-space points to fixed-space points."""

    forward: ThinPlateSpline

    def apply(self, points: ArrayLike) -> FloatArray:
        """Map (..., 3) RAS mm points, by Newton's method, damped where it overshoots.

        Raises InputError when the spline folds at more than 1 % of the points.
        """
        goal = np.asarray(points, dtype=np.float64).reshape(-1, 3)
        solution = self.forward.affine.inverse().apply(goal)
        residual = self.forward.apply(solution) - goal
        step = np.ones(len(goal))
        for _ in range(ITERATIONS):
            error = np.linalg.norm(residual, axis=1)
            (active,) = np.nonzero(error > TOLERANCE_MM)
            if not active.size:
                break
            trial = solution[active] - step[active, None] * self._newton_step(
                solution[active], residual[active]
            )
            trial_residual = self.forward.apply(trial) - goal[active]
            better = np.linalg.norm(trial_residual, axis=1) < error[active]
            step[active] = np.where(better, np.minimum(1, 2 * step[active]), step[active] / 2)
            accepted = active[better]
            solution[accepted], residual[accepted] = trial[better], trial_residual[better]
        # Where the spline folds over, Newton may well arrive on the sheet that lies inside out.
        turned = np.linalg.det(self.forward.jacobian(solution)) * self.forward.orientation <= 0
        lost = turned | (np.linalg.norm(residual, axis=1) > LOST_MM)
        if lost.size and lost.mean() > MAX_UNINVERTED_FRACTION:
            raise InputError(
                f"the thin-plate spline folds at {lost.mean():.1%} of the points and has no "
                "inverse there; check the landmarks around them, or fit with more smoothing"
            )
        return solution.reshape(np.shape(points))

    def inverse(self) -> ThinPlateSpline:
        """Return the spline itself."""
        return self.forward

    def _newton_step(self, points: FloatArray, residual: FloatArray) -> FloatArray:
        jacobian = self.forward.jacobian(points)
        flat = np.abs(np.linalg.det(jacobian)) < MIN_DETERMINANT
        jacobian[flat] = self.forward.affine.matrix[:3, :3]
        return np.asarray(np.linalg.solve(jacobian, residual[..., None])[..., 0])
