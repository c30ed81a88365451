"""Where to begin: thousands of motions are tried on coarse images, and the best ones improved.

Tried are rotations up to `LARGEST_DEGREES`, each with the bodies' centers put on one another and
with shifts from there, since centers tell little where a field of view cuts a body; the bodies'
principal axes put on one another; and the images left where they are.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from RegQCLib.geometry.transforms import Affine
from RegQCLib.progress import Progress, silent
from RegQCLib.registration.iterative.affine_images import Array, Level, Mask, samples
from RegQCLib.registration.iterative.affine_parameters import Motions

BINS = 12
DARKEST = 0.02  # what is darker than this share of the body counts as air
CHUNK = 2**18  # pairs of point and motion at once: they stay in the processor's cache

LARGEST_DEGREES, STEP_DEGREES = 45.0, 20.0
STEP_DEGREES_2D = 10.0
SHIFT = 0.45  # of the body's radius, between shifts

KEPT = 96
STEPS = ((0.2, 0.2, 0.1), (0.1, 0.05, 0.05))
"""Steps of the improvement as shares of the body's radius, at a coarse and a finer resolution."""
FEWER = 2 / 3  # of the motions stay after a step

APART = 0.2
"""Motions closer than this share of the body's radius are one."""


class Score:
    """How much the moving image tells about points of the fixed one, for many motions at once.

    The mutual information of a point that has a partner times the share of such points (nats): the
    likelihood ratio of images that belong together and images that do not. Losing overlap does not
    pay, and neither does a chance agreement of few points.
    """

    def __init__(self, fixed: Level, moving: Level, points: Array) -> None:
        """points: (N, 3) RAS mm in the fixed image."""
        values, points = samples(fixed, points)
        self._points = np.vstack([points.T, np.ones(len(points))]).astype(np.float32)
        self._codes = _coded(values, fixed) * (BINS + 1)
        self._to_voxels = moving.grid.inverse_affine
        codes = _coded(moving.array, moving)
        if moving.seen is not None:
            codes[~moving.seen] = BINS
        # A border of one voxel stands for all that lies outside.
        self._table = np.pad(codes, 1, constant_values=BINS)
        counts = np.arange(len(points) + 1, dtype=np.float64)
        self._n_log_n = counts * np.log(np.maximum(counts, 1))

    def __call__(self, matrices: Array) -> Array:
        """Scores of (B, 4, 4) matrices, (B,), 0 or more; larger is better."""
        step = max(1, CHUNK // len(self._codes))
        parts = [self._of(matrices[n : n + step]) for n in range(0, len(matrices), step)]
        return np.concatenate(parts)

    def _of(self, matrices: Array) -> Array:
        index = (self._to_voxels @ matrices)[:, :3].astype(np.float32) @ self._points
        index += 1.5  # half a voxel for rounding by truncation, one for the border
        last = np.array(self._table.shape[::-1], dtype=np.float32)[:, None] - 0.5
        index = np.clip(index, 0, last).astype(np.int32)
        _, height, width = self._table.shape
        flat = (index[:, 2] * height + index[:, 1]) * width + index[:, 0]
        size = BINS * (BINS + 1)
        pairs = self._table.ravel()[flat] + self._codes
        pairs += np.arange(len(matrices), dtype=np.int32)[:, None] * size
        counts = np.bincount(pairs.ravel(), minlength=size * len(matrices))
        counts = counts.reshape(len(matrices), BINS, BINS + 1)[:, :, :BINS]
        entropy = self._n_log_n
        gain = entropy[counts].sum((1, 2)) + entropy[counts.sum((1, 2))]
        gain -= entropy[counts.sum(2)].sum(1) + entropy[counts.sum(1)].sum(1)
        return np.asarray(gain / len(self._codes))


def best_starts(
    scores: tuple[Score, Score],
    motions: Motions,
    starts: Array,
    *,
    count: int,
    progress: Progress = silent,
) -> Array:
    """The ``count`` most promising motions, best first, (count or fewer, size) parameters.

    scores: at a coarse and a finer resolution: in the coarse one the way to a good motion is
    longer, in the finer one a good motion stands out more. starts: (B, size) parameters to try.
    """
    values, kept = scores[0](motions.matrices(starts)), KEPT
    chosen = distinct(motions, starts, values, kept)
    starts = starts[chosen]
    for number, (score, steps) in enumerate(zip(scores, STEPS, strict=True)):
        progress("looking for a start", 0.5 * (number + 1))
        values = score(motions.matrices(starts))
        for step in steps:
            starts, values = _improved(score, motions, starts, values, step * motions.radius)
            kept = max(count, int(kept * FEWER))
            chosen = distinct(motions, starts, values, kept)
            starts, values = starts[chosen], values[chosen]
    return starts[:count]


def all_starts(motions: Motions, fixed: Level, moving: Level) -> Array:
    """Everything to try, (B, size) parameters; the first leaves the images where they are."""
    at_rest = motions.shift_to(motions.center)
    middle = _center(moving)
    centered = motions.shift_to(middle)
    rows = []
    for angles in _rotations(motions):
        rows.append(_row(motions, at_rest, angles))
        for offset in _offsets(motions.axes):
            rows.append(_row(motions, centered + offset * motions.radius, angles))
    if motions.axes == 3:
        rows += _principal(motions, fixed, moving, middle)
    return np.stack([_row(motions, at_rest, np.zeros(motions.rotations)), *rows])


def _rotations(motions: Motions) -> list[Array]:
    """Rotation vectors in radians that cover all small rotations."""
    step = STEP_DEGREES if motions.axes == 3 else STEP_DEGREES_2D
    reach = int(LARGEST_DEGREES // step)
    grid = np.array(list(product(range(-reach, reach + 1), repeat=motions.rotations))) * step
    return list(np.radians(grid[np.linalg.norm(grid, axis=1) <= LARGEST_DEGREES]))


def _offsets(axes: int) -> Array:
    """Shifts as shares of the body's radius: a cube of neighbors, and farther along the axes."""
    near = np.array(list(product((-1, 0, 1), repeat=axes)))
    far = np.concatenate([2 * np.eye(axes), -2 * np.eye(axes)])
    return np.concatenate([near, far]) * SHIFT


def _row(motions: Motions, shift: Array, angles: Array) -> Array:
    row = np.zeros(motions.size)
    row[: motions.axes] = shift
    row[motions.axes : motions.axes + motions.rotations] = angles * motions.radius
    return row


def _center(level: Level) -> Array:
    return np.asarray(level.grid.to_world(_body_indices(level).mean(0)))


def _body_indices(level: Level) -> NDArray[np.intp]:
    body: Mask = level.body if level.body.any() else np.ones_like(level.body)
    return np.argwhere(body)[:, ::-1]


def _principal(motions: Motions, fixed: Level, moving: Level, middle: Array) -> list[Array]:
    """Motions that put the bodies' principal axes on one another, whichever way they point."""
    axes = [_principal_axes(level) for level in (fixed, moving)]
    rows = []
    for first, second in product((-1.0, 1.0), repeat=2):
        signs = np.array([first, second, first * second])
        matrix = np.eye(4)
        matrix[:3, :3] = (axes[1] * signs) @ axes[0].T
        matrix[:3, 3] = middle - matrix[:3, :3] @ motions.center
        parameters = motions.parameters(Affine(matrix))
        angles = parameters[motions.axes : motions.axes + motions.rotations]
        if np.degrees(np.linalg.norm(angles) / motions.radius) <= 2 * LARGEST_DEGREES:
            rows.append(parameters)
    return rows


def _principal_axes(level: Level) -> Array:
    """Right-handed (3, 3) columns of the body's axes, shortest first."""
    points = level.grid.to_world(_body_indices(level))
    _, axes = np.linalg.eigh(np.cov(points.T))
    axes[:, 2] *= np.sign(np.linalg.det(axes))
    return np.asarray(axes)


def _improved(
    score: Score, motions: Motions, found: Array, values: Array, step: float
) -> tuple[Array, Array]:
    """Move every motion by ``step`` mm along the parameter that helps most, or leave it."""
    # Shears hardly show at this resolution; an affine motion scales evenly here.
    free = np.eye(motions.size)[: motions.axes + motions.rotations]
    if motions.kind != "rigid":
        free = np.vstack([free, motions.scaling])
    neighbors = found[:, None] + step * np.concatenate([free, -free])
    size = neighbors.shape[1]
    scores = score(motions.matrices(neighbors.reshape(-1, motions.size))).reshape(-1, size)
    rows, best = np.arange(len(found)), scores.argmax(1)
    better = scores[rows, best] > values
    return (
        np.where(better[:, None], neighbors[rows, best], found),
        np.where(better, scores[rows, best], values),
    )


def distinct(motions: Motions, found: Array, values: Array, count: int) -> NDArray[np.intp]:
    """Numbers of the ``count`` best of the motions (B, size) that differ from one another."""
    chosen: list[int] = []
    for candidate in np.argsort(-values, kind="stable").tolist():
        gaps = np.linalg.norm(found[chosen] - found[candidate], axis=1)
        if not chosen or gaps.min() > APART * motions.radius:
            chosen.append(candidate)
        if len(chosen) == count:
            break
    return np.array(chosen)


def _coded(values: NDArray[np.floating], level: Level) -> NDArray[np.int32]:
    """Bin 0 to ``BINS - 1`` of every value: air, then equal shares of the body."""
    inside = level.array[level.body] if level.body.any() else level.array
    shares = np.concatenate([[DARKEST], np.arange(1, BINS - 1) / (BINS - 1)])
    return np.searchsorted(np.quantile(inside, shares), values).astype(np.int32)
