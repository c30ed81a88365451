"""Aligned and moved versions of a real pair that differ in nothing but the move.

If the aligned pair were taken as stored and only the moved one resampled, the blur of the
interpolation and the empty border it drags in would give the moved one away. Here both go the same
way: the moving image is sampled **once**, by a cubic B-spline, on a copy of its own grid that is

- carried into the fixed image's space by the rigid part of the authors' transform, so that thick
  slices stay on their own positions;
- displaced by a random part (1/4 to 3/4) of a voxel along every axis in which moves happen, so
  that the aligned version is interpolated like any other. Not across thick slices, where half a
  slice would blur more than any real misalignment; there moves are in plane or by whole slices;
- cropped, by the same margin in every version, at those faces which the body touches, so that
  moves pull little emptiness into view. What remains is filled with the border's value and
  reported as ``border_fraction``. A background of one exact value keeps that value.

The fixed image is never touched, except by `shifted_slice`.
"""

from __future__ import annotations

import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates, spline_filter
from scipy.ndimage import shift as shift_image

from RegQCLib.geometry.foreground import body_mask
from RegQCLib.geometry.grid import PLANE_NAMES, Grid
from RegQCLib.geometry.transforms import Affine, Composite, Transform
from RegQCLib.geometry.volume import Volume
from RegQCLib.similarity.arrays import block_average
from Testing.Benchmarks.detection.moves import THROUGH, Body, Move, displacement_mm, make_move
from Testing.Benchmarks.detection.pairs import Pair

CROP_MM = 10.0
MAX_CROP = 0.15  # of the extent, at each face
TOUCHING = 0.02  # share of body on a face above which it is cropped
FLAT_BACKGROUND = 0.2  # share of voxels at one value above which it is kept exactly
MIN_SLICE_AREA = 0.1  # of the largest body area along the axis; smaller slices are not scored

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Prepared:
    """A loaded pair, ready to be moved. ``moving_body`` is a (D, H, W) mask on the moving grid."""

    pair: Pair
    fixed: Volume
    moving: Volume
    fixed_body: NDArray[np.bool_]
    moving_body: NDArray[np.bool_]
    gold: Transform

    @cached_property
    def coefficients(self) -> NDArray[np.float32]:
        """B-spline coefficients of the moving image, filtered once for all cases."""
        return spline_filter(self.moving.array.astype(np.float64), order=3).astype(np.float32)

    @cached_property
    def free(self) -> NDArray[np.bool_]:
        """For the moving voxel axes (i, j, k): whether moves happen along it."""
        free = np.ones(3, dtype=bool)
        if self.pair.spacing_class == "thick":
            free[int(np.argmax(self.moving.spacing))] = False
        elif self.pair.spacing_class == "slab":
            extent = np.array(self.moving.shape[::-1]) * self.moving.spacing
            free[int(np.argmin(extent))] = False
        return free

    @cached_property
    def stored(self) -> Grid:
        """The moving grid carried to the fixed space by the rigid part of gold, then cropped."""
        carried = Grid(
            self.moving.shape, rigid_part(self.gold, self.moving.grid).matrix @ self.moving.affine
        )
        low, high = np.zeros(3, dtype=int), np.array(carried.shape[::-1])
        for axis in np.flatnonzero(self.free):
            count = carried.shape[2 - axis]
            margin = int(min(np.ceil(CROP_MM / carried.spacing[axis]), MAX_CROP * count))
            faces = np.moveaxis(self.moving_body, 2 - axis, 0)
            low[axis] += margin * bool(faces[: margin + 1].mean() > TOUCHING)
            high[axis] -= margin * bool(faces[-margin - 1 :].mean() > TOUCHING)
        affine = carried.affine.copy()
        affine[:3, 3] = carried.to_world(low)
        size = high - low
        return Grid((int(size[2]), int(size[1]), int(size[0])), affine)

    @cached_property
    def normal(self) -> FloatArray | None:
        """Unit vector across the slices where moves stay in plane, else None."""
        if self.free.all():
            return None
        return np.asarray(self.stored.direction[:, int(np.flatnonzero(~self.free)[0])])

    @cached_property
    def body(self) -> Body:
        """The fixed body where the stored moving image can be seen."""
        visible = self.fixed_body.copy()
        voxels = np.argwhere(visible)
        index = self.stored.to_index(self.fixed.grid.to_world(voxels[:, ::-1]))
        outside = ((index < 0) | (index > np.array(self.stored.shape[::-1]) - 1)).any(axis=1)
        visible[tuple(voxels[outside].T)] = False
        return Body.from_mask(self.fixed.grid, visible, self.normal)

    @cached_property
    def visible(self) -> NDArray[np.bool_]:
        """``body`` as a (D, H, W) mask on the fixed grid."""
        mask = np.zeros(self.fixed.shape, dtype=bool)
        index = np.rint(self.fixed.grid.to_index(self.body.points)).astype(int)
        mask[index[:, 2], index[:, 1], index[:, 0]] = True
        return mask

    @property
    def slice_spacing(self) -> float:
        """Distance of the moving image's slices, mm: the size of its through-plane move."""
        return float(self.moving.spacing.max())


@dataclass(frozen=True)
class Case:
    """One version of a pair. ``truth``: (D, H, W) float32 mm on the fixed grid, NaN off the body.

    move is None for the aligned version. border_fraction: share of the moved image that had to be
    filled because the move brought it in from outside.
    """

    fixed: Volume
    moved: Volume
    move: Move | None
    truth: NDArray[np.float32]
    border_fraction: float = 0.0

    @property
    def mean_mm(self) -> float:
        """True mean displacement over the body."""
        return float(np.nanmean(self.truth))

    def slice_truth(self, plane: str) -> dict[int, float]:
        """True mean displacement in mm of every slice of ``plane`` with enough body in it."""
        return slice_means(self.truth, self.fixed.grid.array_axis(plane))


def prepare(pair: Pair, *, spacing_mm: float | None = None) -> Prepared:
    """Load a pair and find the bodies; ``spacing_mm`` averages finer voxels up to that size."""
    fixed, moving = (as_float(volume) for volume in pair.load())
    if spacing_mm is not None:
        fixed, moving = block_average(fixed, spacing_mm), block_average(moving, spacing_mm)
    return Prepared(
        pair,
        fixed,
        moving,
        np.asarray(body_mask(fixed.array)),
        np.asarray(body_mask(moving.array)),
        pair.gold_transform(),
    )


def build(prepared: Prepared, kind: str | None, size_mm: float, *, seed: int = 0) -> Case:
    """The aligned (``kind`` None) or moved version of a pair; the same seed gives the same case.

    Raises InputError when the body is too small for the move (see moves.make_move).
    """
    label = f"{prepared.pair.name} {kind} {size_mm:g}"
    rng = np.random.default_rng([seed, zlib.crc32(label.encode())])
    move = None
    if kind is not None:
        size = prepared.slice_spacing if kind == THROUGH else size_mm
        move = make_move(kind, size, prepared.body, rng)
    return with_transform(prepared, move, rng)


def with_transform(prepared: Prepared, move: Move | None, rng: np.random.Generator) -> Case:
    """Sample the moving image through ``move`` and gold on its jittered grid."""
    grid = jittered(prepared.stored, prepared.free, rng)
    steps = [prepared.gold] if move is None else [move.transform, prepared.gold]
    moved, border = _sample(prepared, grid, Composite(steps))
    truth = np.full(prepared.fixed.shape, np.nan, dtype=np.float32)
    points = prepared.body.points
    magnitude = np.zeros(len(points)) if move is None else displacement_mm(move.transform, points)
    truth[prepared.visible] = magnitude
    return Case(prepared.fixed, moved, move, truth, border)


def shifted_slice(prepared: Prepared, shift_mm: float, *, seed: int = 0) -> tuple[Case, str, int]:
    """One slice of the fixed stack shifted in plane; returns the case, its plane and slice index.

    All slices of the fixed image are interpolated by the same part of a voxel, so that the shifted
    one is no blurrier than its neighbors. The slice is drawn among those with at least half of the
    largest body area and with a neighbor on both sides.
    """
    label = f"{prepared.pair.name} slice {shift_mm:g}"
    rng = np.random.default_rng([seed, zlib.crc32(label.encode())])
    grid = prepared.fixed.grid
    voxel_axis = int(np.argmax(grid.spacing))
    plane, axis = PLANE_NAMES[grid.world_axes[voxel_axis]], 2 - voxel_axis
    slices = np.moveaxis(prepared.fixed.array, axis, 0)
    area = np.moveaxis(prepared.visible, axis, 0).sum(axis=(1, 2))
    candidates = [n for n in range(1, len(area) - 1) if area[n] >= area.max() / 2]
    index = int(rng.choice(candidates))
    angle, jitter = rng.uniform(0, 2 * np.pi), rng.uniform(0.25, 0.75, 2)
    in_plane = np.delete(grid.spacing[::-1], axis)
    step = shift_mm * np.array([np.sin(angle), np.cos(angle)]) / in_plane
    stack = np.stack(
        [
            shift_image(image, jitter + (step if n == index else 0), order=3, mode="nearest")
            for n, image in enumerate(slices)
        ]
    ).clip(slices.min(), slices.max())
    affine = grid.affine.copy()
    offset = np.insert(jitter, axis, 0.0)[::-1]
    affine[:3, 3] = grid.to_world(-offset)
    fixed = Volume(np.moveaxis(stack, 0, axis), affine, prepared.fixed.name)
    truth = np.where(prepared.visible, np.float32(0), np.float32(np.nan))
    view = np.moveaxis(truth, axis, 0)[index]
    view[~np.isnan(view)] = shift_mm
    moved = with_transform(prepared, None, rng).moved
    return Case(fixed, moved, None, truth), plane, index


def slice_means(truth: NDArray[np.float32], axis: int) -> dict[int, float]:
    """Mean of the body's values in every slice along an array axis that shows enough body."""
    values = np.moveaxis(truth, axis, 0).reshape(truth.shape[axis], -1)
    inside = ~np.isnan(values)
    area = inside.sum(axis=1)
    sums = np.where(inside, values, 0).sum(axis=1, dtype=np.float64)
    enough = area >= max(MIN_SLICE_AREA * area.max(), 1)
    return {int(n): float(sums[n] / area[n]) for n in np.flatnonzero(enough)}


def jittered(grid: Grid, free: NDArray[np.bool_], rng: np.random.Generator) -> Grid:
    """``grid`` displaced by 1/4 to 3/4 of a voxel along its free axes (i, j, k)."""
    offset = np.where(free, rng.uniform(0.25, 0.75, 3), 0.0)
    affine = grid.affine.copy()
    affine[:3, 3] = grid.to_world(offset)
    return Grid(grid.shape, affine)


def rigid_part(transform: Transform, grid: Grid) -> Affine:
    """Rigid map from points of ``grid`` back through ``transform``: the closest over its corners.

    Orthogonal Procrustes of the corners of ``grid`` against their images under the inverse.
    """
    far = np.array(grid.shape[::-1]) - 1
    corners = grid.to_world(np.array(np.meshgrid(*[(0, n) for n in far])).reshape(3, -1).T)
    targets = transform.inverse().apply(corners)
    first, second = corners - corners.mean(axis=0), targets - targets.mean(axis=0)
    u, _, vt = np.linalg.svd(second.T @ first)
    rotation = u @ np.diag([1, 1, np.sign(np.linalg.det(u @ vt))]) @ vt
    matrix = np.eye(4)
    matrix[:3, :3] = rotation
    matrix[:3, 3] = targets.mean(axis=0) - rotation @ corners.mean(axis=0)
    return Affine(matrix)


def as_float(volume: Volume) -> Volume:
    """The volume in float32."""
    return volume.with_array(np.asarray(volume.array, dtype=np.float32))


def _sample(prepared: Prepared, grid: Grid, transform: Transform) -> tuple[Volume, float]:
    """Moving image at transformed voxels by cubic B-spline, and the share from outside."""
    source = prepared.moving
    array = np.asarray(source.array)
    corner = array[0, 0, 0]
    flat = (array != corner).astype(np.float32) if _is_flat(array, corner) else None
    upper = np.array(source.shape[::-1]) - 0.5
    values = np.empty(grid.shape, dtype=np.float32)
    outside = np.zeros(grid.shape[0], dtype=np.int64)

    def fill(k: int) -> None:
        affine = grid.affine.copy()
        affine[:3, 3] = grid.to_world((0, 0, k))
        points = Grid((1, *grid.shape[1:]), affine).points()[0]
        index = source.grid.to_index(transform.apply(points))
        outside[k] = ((index < -0.5) | (index > upper)).any(axis=-1).sum()
        where = np.moveaxis(index.clip(0, upper - 0.5)[..., ::-1], -1, 0)
        plane = map_coordinates(
            prepared.coefficients, where, np.float32, order=3, mode="mirror", prefilter=False
        )
        if flat is not None:
            plane[map_coordinates(flat, where, np.float32, order=1, mode="mirror") == 0] = corner
        values[k] = plane

    prepared.coefficients  # noqa: B018  (filter once, before the threads ask for it)
    with ThreadPoolExecutor(max_workers=2) as pool:
        list(pool.map(fill, range(grid.shape[0])))
    clipped = values.clip(array.min(), array.max())
    return Volume(clipped, grid.affine, source.name), float(outside.sum() / values.size)


def _is_flat(array: NDArray[np.float32], value: np.float32) -> bool:
    return float(np.mean(array == value)) > FLAT_BACKGROUND
