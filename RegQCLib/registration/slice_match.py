"""Where one slice belongs: local correlation with a target, climbed by Gauss-Newton steps.

In a small window two contrasts are close to linearly related, up to the sign, and a window does not
see gain, offset or shading. With local means taken off, maximizing the correlation of slice s and
target r is least squares on e = s - a r with the slope a = cov(s, r) / var(r) of each window
(Avants et al., Med Image Anal 2008, for the measure). A jackknife over blocks of the slice says how
far the answer can be trusted, also where anatomy and not noise is what does not fit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from RegQCLib.registration.slice_stack import Level, Stack
from RegQCLib.registration.slice_target import Target

FloatArray = NDArray[np.float64]

WINDOW = 9  # pixels
NOISE = 0.03**2  # variance below which a window holds no structure; tissue spans about 0 to 1
BLOCK_MM = 20.0
ITERATIONS = 12
STOP_MM = 0.02
FIRST_DAMPING, LEAST_DAMPING, MOST_DAMPING = 1e-2, 1e-4, 1e3
LONGEST_STEP_MM = 3.0
LEAST_OVERLAP = 0.4  # share of the body that must stay in view
LEAST_PIXELS = 60
IN_PLANE = (0, 1, 5)
RIGID = (0, 1, 2, 3, 4, 5)


@dataclass(frozen=True)
class Match:
    """A slice in its place.

    pose: (4, 4) stack mm, from where the slice lies in the file to where it belongs.
    score: -1 to 1, local correlation there. spread_mm: standard error of the place, root mean
    square over the body.
    """

    pose: FloatArray
    score: float
    spread_mm: float = float("inf")


class SliceMatcher:
    """One slice of a level against a target."""

    def __init__(
        self, stack: Stack, level: Level, number: int, target: Target, *, model: str, signed: bool
    ) -> None:
        self.free = list(IN_PLANE if model == "in-plane" else RIGID)
        self.signed = signed
        depth = number * float(stack.spacing[2])
        self.target = target.plane(depth) if model == "in-plane" else target
        self.center = stack.centers[number]
        self.radius = stack.radius(number)
        box = _box_around(level.mask[number])
        self.shape = level.mask[number][box].shape
        self.mask = level.mask[number][box].ravel()
        coordinates = level.coordinates[box].reshape(-1, 2)
        self.points = np.column_stack([coordinates, np.full(len(coordinates), depth)])
        self.values = level.images[number][box].astype(np.float32)
        self.mean = self._local(self.values)
        variance = np.maximum(self._local(self.values * self.values) - self.mean**2, 0)
        self.variance = variance + np.float32(NOISE)
        self.structure = (self.mask.reshape(self.shape) * variance / self.variance).ravel()

    @property
    def in_view(self) -> bool:
        """Whether the slice holds structure, and the target shows enough of it."""
        structure = float(self.structure.sum())
        seen = self.structure[self.mask & self.target.inside(self.target.indices(self.points))]
        return structure > LEAST_PIXELS and float(seen.sum()) > LEAST_OVERLAP * structure

    def score(self, pose: FloatArray) -> float:
        """Mean local correlation at a pose; -1 where too little of the slice is in view."""
        places = self.target.indices(_moved(self.points, pose))
        return self._compare(places)[0]

    def _local(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Mean in the window around every pixel."""
        return uniform_filter(values, WINDOW, mode="nearest")

    def _compare(
        self, places: FloatArray
    ) -> tuple[float, NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
        """Score, residual e, slope a and the pixels that count, all (N,)."""
        read = self.target.values(places).reshape(self.shape)
        mean = self._local(read)
        variance = np.maximum(self._local(read * read) - mean**2, 0) + np.float32(NOISE)
        covariance = self._local(self.values * read) - self.mean * mean
        if self.signed:
            covariance = np.maximum(covariance, 0)
            alike = covariance / np.sqrt(self.variance * variance)
        else:
            alike = covariance**2 / (self.variance * variance)
        slope = covariance / variance
        residual = (self.values - self.mean) - slope * (read - mean)
        used = self.mask & self.target.inside(places)
        seen = float(self.structure[used].sum())
        if seen < LEAST_OVERLAP * float(self.structure.sum()):
            score = -1.0
        else:
            weight = self.structure[used]
            score = float((alike.ravel()[used] * weight).sum() / max(seen, 1e-9))
        return score, residual.ravel(), slope, used

    def climb(self, start: FloatArray, *, iterations: int = ITERATIONS) -> Match:
        """Improve a pose by damped steps until they are shorter than 0.02 mm."""
        pose, damping = start, FIRST_DAMPING
        score, matrix, vector = self._system(pose)
        for _ in range(iterations):
            left = matrix + damping * np.diag(np.diag(matrix)) + 1e-9 * np.eye(len(matrix))
            step = np.asarray(np.linalg.solve(left, vector), dtype=np.float64)
            length = float(np.linalg.norm(step))
            step = step * min(1.0, LONGEST_STEP_MM / max(length, 1e-9))
            candidate = self._stepped(pose, step)
            better, *system = self._system(candidate)
            if better > score:
                pose, damping = candidate, max(damping / 5, LEAST_DAMPING)
                score, (matrix, vector) = better, system
                if length < STOP_MM:
                    break
            else:
                damping *= 10
                if length < STOP_MM or damping > MOST_DAMPING:
                    break
        return Match(pose, score)

    def spread(self, pose: FloatArray) -> float:
        """Standard error of a pose, mm over the body: delete-one-block jackknife of a Newton step.

        Infinite where the blocks do not determine the pose.
        """
        jacobian, residual, weight = self._linearized(pose)[1:]
        block = np.floor(self.points[:, :2] / BLOCK_MM).astype(np.intp)
        _, label = np.unique(block @ np.array([1, 100_000]), return_inverse=True)
        count = int(label.max()) + 1
        size = len(self.free)
        matrices, vectors = np.empty((count, size, size)), np.empty((count, size))
        for row in range(size):
            weighted = weight * jacobian[row]
            vectors[:, row] = np.bincount(label, weighted * residual, count)
            for column in range(size):
                matrices[:, row, column] = np.bincount(label, weighted * jacobian[column], count)
        informative = np.trace(matrices, axis1=1, axis2=2) > 1e-6
        matrices, vectors = matrices[informative], vectors[informative]
        count = len(vectors)
        if count < 4:
            return float("inf")
        ridge = 1e-6 * np.trace(matrices.sum(0)) * np.eye(size)
        left = matrices.sum(0) - matrices + ridge
        steps = np.linalg.solve(left, (vectors.sum(0) - vectors)[..., None])[..., 0]
        variance = (count - 1) / count * ((steps - steps.mean(0)) ** 2).sum(axis=0)
        return float(np.sqrt(variance.sum()))

    def _system(self, pose: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        """Score, and the normal equations of a step in mm (rotations times the radius)."""
        score, jacobian, residual, weight = self._linearized(pose)
        weighted = jacobian * weight
        matrix, vector = weighted @ jacobian.T, weighted @ residual
        return score, matrix.astype(np.float64), vector.astype(np.float64)

    def _linearized(
        self, pose: FloatArray
    ) -> tuple[float, NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """Score, change of the read values with each free parameter, residual and weight."""
        moved = _moved(self.points, pose)
        places = self.target.indices(moved)
        score, residual, slope, used = self._compare(places)
        arm = (moved - _moved(self.center[None], pose)) / self.radius
        along_u, along_v, along_w = self.target.derivatives(places)
        changes = {0: along_u, 1: along_v, 5: arm[:, 0] * along_v - arm[:, 1] * along_u}
        if len(self.free) > len(changes):
            changes[2] = along_w
            changes[3] = arm[:, 1] * along_w - arm[:, 2] * along_v
            changes[4] = arm[:, 2] * along_u - arm[:, 0] * along_w
        jacobian = np.empty((len(self.free), len(moved)), dtype=np.float32)
        for row, parameter in enumerate(self.free):
            change = changes[parameter].reshape(self.shape).astype(np.float32)
            jacobian[row] = (slope * (change - self._local(change))).ravel()
        weight = np.where(used, 1 / self.variance.ravel(), np.float32(0))
        return score, jacobian, residual, weight

    def _stepped(self, pose: FloatArray, step: FloatArray) -> FloatArray:
        """The pose after a small motion about where the slice's middle is now."""
        whole = np.zeros(6)
        whole[self.free] = step
        return motion(whole[:3], whole[3:] / self.radius, pose_point(pose, self.center)) @ pose


def motion(shift_mm: FloatArray, turn: FloatArray, center: FloatArray) -> FloatArray:
    """(4, 4): rotation by the vector ``turn`` (radians) about ``center``, then a shift."""
    angle = float(np.linalg.norm(turn))
    rotation = np.eye(3)
    if angle > 0:  # Rodrigues' formula
        x, y, z = turn / angle
        cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
        rotation += np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    result = np.eye(4)
    result[:3, :3] = rotation
    result[:3, 3] = center + shift_mm - rotation @ center
    return result


def turn_of(pose: FloatArray) -> FloatArray:
    """(3,) rotation vector of a pose, radians; angles stay below half a turn."""
    r = pose[:3, :3]
    skew = np.array([r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1]]) / 2
    sine = float(np.linalg.norm(skew))
    if sine < 1e-12:
        return np.zeros(3)
    return skew / sine * np.arctan2(sine, (np.trace(r) - 1) / 2)


def pose_point(pose: FloatArray, point: FloatArray) -> FloatArray:
    """(3,) where a pose takes a point."""
    return pose[:3, :3] @ point + pose[:3, 3]


def _moved(points: FloatArray, pose: FloatArray) -> FloatArray:
    return points @ pose[:3, :3].T + pose[:3, 3]


def _box_around(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    """The mask's bounding box with half a window around it."""
    result = []
    for axis in (0, 1):
        used = np.flatnonzero(mask.any(axis=1 - axis))
        first, last = (int(used[0]), int(used[-1])) if used.size else (0, 0)
        result.append(slice(max(first - WINDOW // 2, 0), last + 1 + WINDOW // 2))
    return result[0], result[1]
