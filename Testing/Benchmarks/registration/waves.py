"""Smooth random functions of points as sums of cosines: defined everywhere, exact at any point."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from RegQCLib.errors import InputError
from RegQCLib.geometry.transforms import Transform

FloatArray = NDArray[np.floating]

TOLERANCE_MM = 1e-9
ITERATIONS = 200


@dataclass(frozen=True, eq=False)
class Waves:
    """x -> sum of amplitudes * cos(frequencies x + phases).

    frequencies: (M, 3) radians/mm. phases: (M,). amplitudes: (M, C) for functions of C components.
    """

    frequencies: NDArray[np.float64]
    phases: NDArray[np.float64]
    amplitudes: NDArray[np.float64]

    @classmethod
    def smooth(
        cls, rng: np.random.Generator, *, scale_mm: float, count: int = 64, components: int = 1
    ) -> Waves:
        """Like white noise smoothed by a Gaussian of SD ``scale_mm``, with unit variance.

        (Random Fourier features: Rahimi & Recht, NeurIPS 2007.)
        """
        frequencies = rng.standard_normal((count, 3)) / (np.sqrt(2) * scale_mm)
        return cls(frequencies, *_phases_amplitudes(rng, count, components))

    @classmethod
    def banded(
        cls, rng: np.random.Generator, *, wavelength_mm: float, count: int = 12, spread: float = 0.2
    ) -> Waves:
        """One component of unit variance whose waves all have about one length."""
        directions = rng.standard_normal((count, 3))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        lengths = wavelength_mm * rng.uniform(1 - spread, 1 + spread, (count, 1))
        _, amplitudes = _phases_amplitudes(rng, count, 1)
        amplitudes = np.sign(amplitudes) * np.sqrt(2 / count)
        return cls(directions * 2 * np.pi / lengths, rng.uniform(0, 2 * np.pi, count), amplitudes)

    def scaled(self, factor: ArrayLike) -> Waves:
        """The same function times ``factor``, a number or (C,)."""
        return Waves(self.frequencies, self.phases, self.amplitudes * np.asarray(factor))

    def __call__(self, points: FloatArray) -> FloatArray:
        """Evaluate at (..., 3) points; (..., C), in the precision of ``points``."""
        return np.cos(self._angles(points)) @ self.amplitudes.astype(points.dtype)

    def gradient(self, points: FloatArray) -> FloatArray:
        """Derivatives at (..., 3) points, (..., C, 3), per mm."""
        sines = -np.sin(self._angles(points))
        weights = self.amplitudes[:, :, None] * self.frequencies[:, None, :]
        flat = sines @ weights.reshape(len(weights), -1).astype(points.dtype)
        return flat.reshape(*points.shape[:-1], *weights.shape[1:])

    def _angles(self, points: FloatArray) -> FloatArray:
        kind = points.dtype
        return points @ self.frequencies.T.astype(kind) + self.phases.astype(kind)


@dataclass(frozen=True, eq=False)
class Swell:
    """The transform x -> x + u(x), fixed to moving points, RAS mm, with ``waves`` for u."""

    waves: Waves

    def apply(self, points: ArrayLike) -> NDArray[np.float64]:
        """Map (..., 3) RAS mm points."""
        positions = np.asarray(points, dtype=np.float64)
        return positions + self.waves(positions)

    def inverse(self) -> Transform:
        """The way back, by iteration at every point."""
        return _Unswell(self)


@dataclass(frozen=True, eq=False)
class _Unswell:
    """Inverse of a `Swell` whose displacement contracts."""

    forward: Swell

    def apply(self, points: ArrayLike) -> NDArray[np.float64]:
        """Map (..., 3) RAS mm points; InputError where the iteration does not settle."""
        goal = np.asarray(points, dtype=np.float64)
        result = goal.copy()
        for _ in range(ITERATIONS):
            step = goal - self.forward.apply(result)
            result += step
            if np.abs(step).max(initial=0) < TOLERANCE_MM:
                return result
        raise InputError("the deformation is too steep to be inverted; make it smaller or smoother")

    def inverse(self) -> Transform:
        """The transform that this one inverts."""
        return self.forward


def _phases_amplitudes(
    rng: np.random.Generator, count: int, components: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    phases = rng.uniform(0, 2 * np.pi, count)
    return phases, rng.standard_normal((count, components)) * np.sqrt(2 / count)
