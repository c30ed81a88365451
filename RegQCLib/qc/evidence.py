"""Putting together what slices say about the residual displacement.

Slices along the three axes give, at lattice points, the in-plane displacement with its covariance.
Here they become one displacement field on a coarse 3-D lattice: each measurement is a Gaussian, so
precisions add, and the two in-plane components seen along one axis complete what another cannot
see. An affine motion explains what can be explained globally; a smooth local remainder takes the
rest where there is evidence for it. Axes and components are (k, j, i); lengths are millimeters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from RegQCLib.qc.planes import Frame, in_plane_axes

FloatArray = NDArray[np.float64]

QUERY_PIXELS = 4  # lattice spacing in pixels
NOISE_PIXELS = 0.5  # error of a sharp match that its own covariance does not know of
PRIOR_PIXELS = 8.0  # spread of its answers where it sees nothing: even over its window
MAX_CORRELATION = 0.98
WINDOW_PIXELS = 14.0  # largest displacement the matcher searches
SMOOTHING_MM = 8.0  # of the local remainder
PAIRS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))  # of a symmetric 3 x 3 matrix


@dataclass
class Evidence:
    """Sums over slices on the lattice.

    precision: (6, K, J, I), entries PAIRS of the 3 x 3 precision matrix, 1/mm^2.
    weighted: (3, K, J, I), precision times displacement, 1/mm. spacing: mm between points.
    """

    precision: FloatArray
    weighted: FloatArray
    spacing: float

    @property
    def shape(self) -> tuple[int, int, int]:
        """Lattice points along (k, j, i)."""
        k, j, i = self.precision.shape[1:]
        return k, j, i

    def positions(self) -> FloatArray:
        """(3, K, J, I) mm of the lattice points in the frame."""
        steps = [np.arange(n) * self.spacing for n in self.shape]
        return np.stack(np.meshgrid(*steps, indexing="ij"))

    def from_middle(self) -> FloatArray:
        """(3, K, J, I) mm of the lattice points from the lattice's middle."""
        middle = (np.array(self.shape) - 1) / 2 * self.spacing
        return self.positions() - middle.reshape(3, 1, 1, 1)


def empty_evidence(frame: Frame) -> Evidence:
    """No evidence on the lattice of a frame."""
    shape = lattice_shape(frame)
    return Evidence(np.zeros((6, *shape)), np.zeros((3, *shape)), QUERY_PIXELS * frame.pixel_mm)


def lattice_shape(frame: Frame) -> tuple[int, int, int]:
    """Lattice points of a frame along (k, j, i); the first lies on the first voxel."""
    k, j, i = (frame.pixels(axis) // QUERY_PIXELS for axis in range(3))
    return k, j, i


def lattice_middle(frame: Frame) -> FloatArray:
    """(3,) mm from the first lattice point, the origin of affine motions."""
    return (np.array(lattice_shape(frame)) - 1) / 2 * QUERY_PIXELS * frame.pixel_mm


def information(moments: NDArray[np.float32], pixel_mm: float) -> tuple[FloatArray, FloatArray]:
    """What the matcher saw, without what it believed before it looked.

    moments: (5, ...) mean and covariance of a posterior, pixels. A point that sees nothing answers
    evenly over the window that is searched, 8 pixels in standard deviation. With a Gaussian prior
    of that width the likelihood alone has the precision ``S^-1 - prior^-1`` and the information
    vector ``S^-1 mean``. On synthetic volumes of known displacement, the information in an answer
    is proportional to ``1 / S`` up to variances of 50 pixels^2, as this says; a narrower prior
    threw away four answers of five and blew up others.
    Returns precision (3, ...) as (rows, columns, mixed), 1/mm^2, and vector (2, ...), 1/mm.
    """
    row, column, row_variance, column_variance, covariance = moments.astype(np.float64)
    # rounding may leave variances below zero, or a covariance above what they allow
    row_variance, column_variance = np.maximum(row_variance, 0), np.maximum(column_variance, 0)
    a, d = row_variance + NOISE_PIXELS**2, column_variance + NOISE_PIXELS**2
    largest = np.sqrt(np.minimum(MAX_CORRELATION**2 * a * d, row_variance * column_variance))
    covariance = np.clip(covariance, -largest, largest)
    determinant = a * d - covariance**2
    rows, columns, mixed = d / determinant, a / determinant, -covariance / determinant
    vector = np.stack([rows * row + mixed * column, mixed * row + columns * column])
    # along the principal axes of the posterior the prior comes off each one by itself
    angle = np.arctan2(mixed, (rows - columns) / 2) / 2
    cosine, sine = np.cos(angle), np.sin(angle)
    middle, radius = (rows + columns) / 2, np.hypot((rows - columns) / 2, mixed)
    prior = 1 / PRIOR_PIXELS**2
    first, second = np.maximum(middle + radius - prior, 0), np.maximum(middle - radius - prior, 0)
    # undoing shrinkage must not place an answer beyond the window that was searched
    along = _clipped(cosine * vector[0] + sine * vector[1], WINDOW_PIXELS * first)
    across = _clipped(cosine * vector[1] - sine * vector[0], WINDOW_PIXELS * second)
    vector = np.stack([cosine * along - sine * across, sine * along + cosine * across])
    rows, columns = first * cosine**2 + second * sine**2, first * sine**2 + second * cosine**2
    mixed = (first - second) * cosine * sine
    return np.stack([rows, columns, mixed]) / pixel_mm**2, vector / pixel_mm


def add_slices(
    evidence: Evidence,
    axis: int,
    depth_mm: FloatArray,
    precision: FloatArray,
    vector: FloatArray,
    *,
    weight: float,
) -> None:
    """Add slices across ``axis`` at ``depth_mm`` (N,) to the lattice.

    precision: (3, N, rows, columns); vector: (2, N, rows, columns), see `information`.
    weight: what one slice counts, so that planes of many slices do not outvote others.
    """
    row_axis, column_axis = in_plane_axes(axis)
    layers = np.rint(depth_mm / evidence.spacing).astype(int)
    layers = np.clip(layers, 0, evidence.shape[axis] - 1)
    p_rows, p_columns, mixed = precision * weight
    entries = {
        (row_axis, row_axis): p_rows,
        (column_axis, column_axis): p_columns,
        (row_axis, column_axis): mixed,
    }
    for pair, values in entries.items():
        target = np.moveaxis(evidence.precision[PAIRS.index(pair)], axis, 0)
        np.add.at(target, layers, values)
    for component, values in zip((row_axis, column_axis), vector * weight, strict=True):
        np.add.at(np.moveaxis(evidence.weighted[component], axis, 0), layers, values)


def affine_motion(evidence: Evidence, *, iterations: int = 6) -> FloatArray:
    """(3, 4) affine displacement that fits best: linear part per mm, shift at the lattice middle.

    Weighted least squares, reweighted so that points which disagree (other anatomy, false matches,
    local deformation) count less (Huber weights). A weak prior keeps unseen parts at rest.
    """
    points = evidence.from_middle().reshape(3, -1).T
    basis = np.concatenate([points, np.ones((len(points), 1))], axis=1)  # (M, 4)
    matrix = symmetric(evidence.precision).reshape(-1, 3, 3)
    weighted = evidence.weighted.reshape(3, -1).T
    seen = np.trace(matrix, axis1=1, axis2=2) > 1e-6
    basis, matrix, weighted = basis[seen], matrix[seen], weighted[seen]
    motion = np.zeros((3, 4))
    if not seen.any():
        return motion
    center = _local_solution(matrix, weighted)
    prior = np.kron(np.eye(3), np.diag([30.0**2] * 3 + [1e-2]))
    products = (basis[:, :, None] * basis[:, None, :]).reshape(-1, 16)
    robust = np.ones(len(basis))
    for _ in range(iterations):
        left = (matrix.reshape(-1, 9) * robust[:, None]).T @ products
        left = left.reshape(3, 3, 4, 4).transpose(0, 2, 1, 3)
        right = (weighted * robust[:, None]).T @ basis
        motion = np.linalg.solve(left.reshape(12, 12) + prior, right.reshape(12)).reshape(3, 4)
        residual = center - basis @ motion.T
        pull = np.matmul(matrix, residual[..., None])[..., 0]
        distance = np.sqrt((pull * residual).sum(axis=1).clip(0))
        scale = 1.5 * max(float(np.median(distance)), 0.5)
        robust = np.minimum(1.0, scale / np.maximum(distance, 1e-9))
    return motion


def displacement_field(
    evidence: Evidence, motion: FloatArray, *, rigidity: float
) -> tuple[FloatArray, FloatArray]:
    """Residual displacement (3, K, J, I) mm and its precision (6, K, J, I), smoothed over 8 mm.

    rigidity: precision (1/mm^2) of the belief that the affine motion is all there is; local
    evidence must outweigh it.
    """
    global_part = affine_displacement(evidence, motion)
    width = SMOOTHING_MM / evidence.spacing
    # turns a mean into about a sum over the kernel
    unit = (2 * np.sqrt(np.pi) * max(width, 0.3)) ** 3
    precision = _smoothed(evidence.precision, width) * unit
    # taken off before smoothing, or the slope of the affine part would show at the body's border
    remainder = evidence.weighted - multiply(evidence.precision, global_part)
    remainder = _smoothed(remainder, width) * unit
    return global_part + _local_part(precision, remainder, rigidity), precision


def affine_displacement(evidence: Evidence, motion: FloatArray) -> FloatArray:
    """(3, K, J, I) mm at the lattice points: what `affine_motion` says there."""
    return affine_at(motion, evidence.from_middle())


def affine_at(motion: FloatArray, points: FloatArray) -> FloatArray:
    """(3, ...) mm: an affine motion (3, 4) at points (3, ...) from the lattice's middle."""
    shift = motion[:, 3].reshape(3, *[1] * (points.ndim - 1))
    return np.asarray(np.tensordot(motion[:, :3], points, axes=1) + shift)


def symmetric(entries: FloatArray) -> FloatArray:
    """(6, ...) entries PAIRS to (..., 3, 3)."""
    matrix = np.empty((*entries.shape[1:], 3, 3))
    for value, (row, column) in zip(entries, PAIRS, strict=True):
        matrix[..., row, column] = matrix[..., column, row] = value
    return matrix


def multiply(entries: FloatArray, vectors: FloatArray) -> FloatArray:
    """Product of symmetric matrices (6, ...) with vectors (3, ...)."""
    result = np.zeros_like(vectors)
    for value, (row, column) in zip(entries, PAIRS, strict=True):
        result[row] += value * vectors[column]
        if row != column:
            result[column] += value * vectors[row]
    return result


def multiply_in_plane(entries: FloatArray, vectors: FloatArray) -> FloatArray:
    """Product of symmetric 2 x 2 matrices, (3, ...) as (rows, columns, mixed), with (2, ...)."""
    rows, columns, mixed = entries
    return np.stack(
        [rows * vectors[0] + mixed * vectors[1], mixed * vectors[0] + columns * vectors[1]]
    )


def _smoothed(entries: FloatArray, width: float) -> FloatArray:
    """Gaussian smoothing of (C, K, J, I) over the lattice, as matrix products: these are fast."""
    k, j, i = (gaussian_filter1d(np.eye(n), width, axis=0) for n in entries.shape[1:])
    rows = np.matmul(np.matmul(j, entries), i.T)
    flat = rows.reshape(*rows.shape[:2], -1)
    result: FloatArray = np.matmul(k, flat).reshape(entries.shape)
    return result


def _local_part(precision: FloatArray, remainder: FloatArray, rigidity: float) -> FloatArray:
    """Solve (precision + rigidity) x = remainder at every point, (3, ...), by Cramer's rule."""
    kk, jj, ii, kj, ki, ji = precision
    kk, jj, ii = kk + rigidity, jj + rigidity, ii + rigidity
    inverse = np.stack(
        [
            jj * ii - ji**2,
            kk * ii - ki**2,
            kk * jj - kj**2,
            ki * ji - kj * ii,
            kj * ji - ki * jj,
            kj * ki - ji * kk,
        ]
    )
    determinant = kk * inverse[0] + kj * inverse[3] + ki * inverse[4]
    return multiply(inverse, remainder) / determinant


def _clipped(values: FloatArray, limit: FloatArray) -> FloatArray:
    result: FloatArray = np.clip(values, -limit, limit)
    return result


def _local_solution(matrix: FloatArray, weighted: FloatArray) -> FloatArray:
    ridge = 1e-3 * np.eye(3)
    solution = np.linalg.solve(matrix + ridge, weighted[..., None])[..., 0]
    return np.asarray(solution, dtype=np.float64)
