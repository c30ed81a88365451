"""Engines that know the truth or match by brute force, and pictures that are exact on any grid.

They stand in for the networks, so that what is made of answers can be judged by known motion.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.transforms import Transform
from RegQCLib.geometry.volume import Volume
from RegQCLib.qc.calibration import Calibration, ErrorModel
from RegQCLib.qc.evidence import NOISE_PIXELS, PRIOR_PIXELS
from RegQCLib.qc.features import ERROR_FEATURES, SLICE_FEATURES
from RegQCLib.qc.measure import chosen_slices
from RegQCLib.qc.planes import Frame, acquisition_axis, frame_around, in_plane_axes

FloatArray = NDArray[np.float64]
Field = Callable[[FloatArray], FloatArray]
"""Displacement (3, ...) in mm at frame positions (3, ...) in mm, both along (k, j, i)."""

SEMI_AXES_MM = np.array([26.0, 32.0, 22.0])
"""Of the ellipsoid in `picture`, along R, A, S."""


def posterior(displacement: FloatArray, likelihood: FloatArray) -> FloatArray:
    """Moments (5, ...) that a perfect matcher gives for a Gaussian likelihood.

    displacement: (2, ...) pixels. likelihood: precision (3, ...) as (rows, columns, mixed), 1/px^2,
    at most half of what sharp matches are credited with.
    """
    rows, columns, mixed = likelihood
    precision = np.stack([np.stack([rows, mixed], -1), np.stack([mixed, columns], -1)], -1)
    covariance = np.linalg.inv(precision + np.eye(2) / PRIOR_PIXELS**2)
    mean = (covariance @ precision @ np.moveaxis(displacement, 0, -1)[..., None])[..., 0]
    # the library adds this much to what a matcher says
    covariance = covariance - NOISE_PIXELS**2 * np.eye(2)
    return np.stack(
        [
            mean[..., 0],
            mean[..., 1],
            covariance[..., 0, 0],
            covariance[..., 1, 1],
            covariance[..., 0, 1],
        ]
    )


def isotropic(axis: int, positions: FloatArray) -> FloatArray:
    """A likelihood with a standard deviation of one pixel in every direction."""
    one = np.ones(positions.shape[1:])
    return np.stack([one, one, 0 * one])


class OracleEngine:
    """Answers with the true motion, in the order in which `measure.measure` asks.

    field: true displacement. likelihood: what can be seen, of (axis, positions (3, ...)).
    moved_slices: by (axis, index of the region), in-plane motion in mm on top of the field.
    classified: output for every slice.
    """

    name = "oracle"

    def __init__(
        self,
        frame: Frame,
        slices: Iterable[tuple[int, int]],
        field: Field,
        *,
        likelihood: Callable[[int, FloatArray], FloatArray] = isotropic,
        moved_slices: dict[tuple[int, int], tuple[float, float]] | None = None,
        classified: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        self.frame, self.field, self.likelihood = frame, field, likelihood
        self.waiting = list(slices)
        self.moved_slices = moved_slices or {}
        self.classified = classified

    def match(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        count = len(images)
        asked, self.waiting = self.waiting[:count], self.waiting[count:]
        answers = [self._answer(*one) for one in asked]
        shape = (count, 5, images.shape[2] // 4, images.shape[3] // 4)
        result = np.stack(answers).astype(np.float32)
        assert result.shape == shape
        return result

    def classify(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        assert images.shape[1:] == (2, 128, 128)
        return np.tile(np.array(self.classified, dtype=np.float32), (len(images), 1))

    def _answer(self, axis: int, index: int) -> FloatArray:
        rows, columns = in_plane_axes(axis)
        spacing = 4 * self.frame.pixel_mm
        places = [np.zeros(1)] * 3
        places[axis] = np.array([index * self.frame.spacing[axis]])
        for in_plane in (rows, columns):
            places[in_plane] = np.arange(self.frame.pixels(in_plane) // 4) * spacing
        positions = np.stack(np.meshgrid(*places, indexing="ij")).squeeze(axis + 1)
        truth = self.field(positions)[[rows, columns]]
        own = np.array(self.moved_slices.get((axis, index), (0.0, 0.0)))
        truth = (truth + own[:, None, None]) / self.frame.pixel_mm
        return posterior(truth, self.likelihood(axis, positions))


def believed(displacement: FloatArray, spacing: tuple[float, float, float]) -> FloatArray:
    """What is reported of a motion (3, ...) without strain: all but what thick slices hide.

    spacing: mm along (k, j, i). Through plane, a tenth of what slices are thicker is taken off.
    """
    result = np.array(displacement, dtype=np.float64)
    axis = int(np.argmax(spacing))
    if spacing[axis] >= 1.8 * sorted(spacing)[1]:
        through = result[axis]
        slack = 0.1 * (spacing[axis] - min(spacing))
        result[axis] = np.sign(through) * np.maximum(np.abs(through) - slack, 0)
    return result


def asked_slices(body: NDArray[np.bool_], grid: Grid, frame: Frame) -> list[tuple[int, int]]:
    """(axis, index) of the slices that `measure.measure` matches, in its order."""
    stack = acquisition_axis(grid)
    return [
        (axis, int(index))
        for axis in range(3)
        for index in chosen_slices(body[frame.box], frame, axis, every=axis == stack)
    ]


class BlockMatchingEngine:
    """The matcher's task done by brute force: squared differences of patches, one contrast only."""

    name = "block matching"
    radius, patch, noise = 7, 9, 0.03

    def match(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        count, _, height, width = images.shape
        reach = 2 * self.radius
        moved = np.pad(images[:, 1], ((0, 0), (reach, reach), (reach, reach)), mode="edge")
        steps = range(-reach, reach + 1, 2)
        offsets = np.array([(row, column) for row in steps for column in steps], dtype=np.float64)
        cost = np.empty((count, len(offsets), height // 4, width // 4))
        for n, (row, column) in enumerate(offsets.astype(int)):
            shifted = moved[:, reach + row :, reach + column :][:, :height, :width]
            square = uniform_filter((shifted - images[:, 0]) ** 2, (1, self.patch, self.patch))
            cost[:, n] = square[:, ::4, ::4]
        # neighboring pixels of a patch are not independent: a patch counts as a few samples
        log_p = -6 * cost / (2 * self.noise**2)
        log_p -= ((offsets**2).sum(axis=1) / (2 * PRIOR_PIXELS**2))[:, None, None]
        p = np.exp(log_p - log_p.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        mean = np.einsum("nohw,oc->nchw", p, offsets)
        second = np.einsum("nohw,oc,od->ncdhw", p, offsets, offsets)
        second -= mean[:, :, None] * mean[:, None]
        parts = [mean[:, 0], mean[:, 1], second[:, 0, 0], second[:, 1, 1], second[:, 0, 1]]
        return np.stack(parts, axis=1).astype(np.float32)

    def classify(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.zeros((len(images), 2), dtype=np.float32)


def plain_calibration(**changes: float) -> Calibration:
    """A calibration that takes the measured displacement for the error, with 20 % of spread."""
    values = {"tolerance_mm": 1.5, "min_log_evidence": -3.0, "slice_flag": 0.5, **changes}
    return Calibration(_plain_model(ERROR_FEATURES), _plain_model(SLICE_FEATURES), **values)


def _plain_model(names: tuple[str, ...]) -> ErrorModel:
    count = len(names)
    mean, spread = np.zeros(2 * count + 1), np.zeros(count + 1)
    mean[1 + names.index("log_error")] = 1
    spread[0] = np.log(0.2)
    far = np.full(count, 20.0)
    return ErrorModel(names, -far, far, np.zeros(count), np.ones(count), mean, spread)


def grid_around_origin(
    shape: tuple[int, int, int],
    spacing: tuple[float, float, float],
    *,
    direction: FloatArray | None = None,
) -> Grid:
    """A grid whose middle is the world's origin; spacing (i, j, k), direction (3, 3) columns."""
    affine = np.eye(4)
    affine[:3, :3] = (np.eye(3) if direction is None else direction) * np.array(spacing)
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape[::-1]) - 1) / 2)
    return Grid(shape, affine)


def turned(degrees: float = 17.0, *, mirrored: bool = False) -> FloatArray:
    """Direction columns of a grid turned about an oblique axis; mirrored: left-handed."""
    x = np.array([0.36, 0.48, 0.8])
    cross = np.array([[0, -x[2], x[1]], [x[2], 0, -x[0]], [-x[1], x[0], 0]])
    angle = np.radians(degrees)
    rotation = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return rotation @ np.diag([-1.0 if mirrored else 1.0, 1, 1])


def ellipsoid(grid: Grid, scale: float = 1.0) -> NDArray[np.bool_]:
    """Which voxels lie in the ellipsoid of `picture`, (D, H, W)."""
    return ((grid.points() / (scale * SEMI_AXES_MM)) ** 2).sum(axis=-1) < 1


def framed(grid: Grid, *, pixel_mm: float | None = None) -> tuple[NDArray[np.bool_], Frame]:
    """The ellipsoid's body on a grid and the frame around it."""
    body = ellipsoid(grid)
    return body, frame_around(body, grid, pixel_mm=pixel_mm)


def picture(
    grid: Grid, transform: Transform | None = None, *, name: str = "picture", seed: int = 1
) -> Volume:
    """An ellipsoid of smooth tissue in faint noise, sampled exactly.

    transform: fixed to moving points; the picture is then the moving image, and under the transform
    it shows what `picture(grid)` shows.
    """
    rng = np.random.default_rng(seed)
    waves = rng.normal(size=(12, 3)) / 5.0
    phases = rng.uniform(0, 2 * np.pi, 12)
    points = grid.points()
    if transform is not None:
        points = transform.inverse().apply(points)
    radius = np.sqrt(((points / SEMI_AXES_MM) ** 2).sum(axis=-1))
    inside = np.clip((1 - radius) * 12 + 0.5, 0, 1)
    tissue = 600 + 110 * sum(
        np.sin(points @ w + phase) for w, phase in zip(waves, phases, strict=True)
    )
    noise = np.random.default_rng([seed, 1]).normal(0, 4, grid.shape)
    return Volume((inside * tissue.clip(250) + noise).astype(np.float32), grid.affine, name)
