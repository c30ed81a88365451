"""Random affine moves of a known size: the misalignments of real pairs in this experiment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

STRAIN = 0.6  # of scaling and shear against rotation

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class AffineMove:
    """Displacement u(p) = linear p + shift, mm; linear (3, 3), shift (3,)."""

    linear: FloatArray
    shift: FloatArray

    def __call__(self, points: FloatArray) -> FloatArray:
        """Displacement at (..., 3) points, mm."""
        return np.asarray(points @ self.linear.T + self.shift)

    def mean_mm(self, points: FloatArray) -> float:
        """Mean length of the displacement over (N, 3) points."""
        return float(np.linalg.norm(self(points), axis=1).mean())


def random_affine(
    points: FloatArray, size_mm: float, free: NDArray[np.bool_], rng: np.random.Generator
) -> AffineMove:
    """Translation, rotation, scaling and shear in random shares about the middle of ``points``.

    points: (N, 3) mm, over which the mean displacement is exactly ``size_mm``. free: (3,) axes
    along which anything moves; the displacement does not depend on the position along the others.
    """
    turn, stretch = rng.standard_normal((2, 3, 3))
    linear = (turn - turn.T) / 2 + STRAIN * rng.random() * (stretch + stretch.T) / 2
    linear *= np.outer(free, free)
    shift = rng.standard_normal(3) * free
    center = points.mean(axis=0)
    arms = (points - center) @ linear.T
    share = rng.random()
    linear *= share / max(np.linalg.norm(arms, axis=1).mean(), 1e-9)
    shift *= (1 - share) / np.linalg.norm(shift)
    move = AffineMove(linear, shift - linear @ center)
    scale = size_mm / move.mean_mm(points)
    return AffineMove(move.linear * scale, move.shift * scale)
