"""Two images that are about to be registered: checked, with their bodies, levels and points."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from RegQCLib.errors import InputError
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.sampling import inside
from RegQCLib.geometry.transforms import Affine
from RegQCLib.geometry.validation import require_image_content, require_mask
from RegQCLib.geometry.volume import Volume
from RegQCLib.registration.iterative.affine_images import (
    Array,
    Level,
    Mask,
    Picture,
    Region,
    intensity_range,
    samples,
)
from RegQCLib.registration.iterative.affine_parameters import Kind, Motions, plane_axes

COARSEST_MM = 8.0
COARSEST_SHARE = 1 / 7
"""Of the body's radius: blocks of this size still show its shape."""

LEVELS = 4
SPARE_DETAIL = 0.75
"""Blocks smaller than this share of a voxel show nothing more."""

MOST_VOXELS = 2**25
"""At the finest level; larger images are averaged, which bounds the memory."""

REGION_SHARE = 0.5  # of the coarsest blocks: size of the blocks that points are drawn from
MARGIN_SHARE = 0.1  # of the body's radius: how far around the body points are drawn


@dataclass(frozen=True, eq=False)
class LevelPair:
    """Both images at one resolution, and what to compare.

    points: (N, 3) RAS mm in the fixed image, values: (N,) its intensities there. fixed_range,
    moving_range: intensities (low, high) that matter.
    """

    size_mm: float
    fixed: Level
    moving: Level
    points: Array
    values: Array
    fixed_range: tuple[float, float]
    moving_range: tuple[float, float]

    def overlap(self, matrix: Array) -> float:
        """Share of the points that a (4, 4) matrix takes to where the moving image may be seen."""
        grid = self.moving.grid
        index = grid.to_index(Affine(matrix).apply(self.points))
        met = inside(index, grid.shape)
        if self.moving.seen is not None:
            i, j, k = np.rint(index[met] + 0.0).astype(np.intp).T
            last = np.array(grid.shape) - 1
            met[met] = self.moving.seen[
                np.clip(k, 0, last[0]), np.clip(j, 0, last[1]), np.clip(i, 0, last[2])
            ]
        return float(met.mean())


@dataclass(frozen=True, eq=False)
class AffinePair:
    """Fixed and moving image with the motions between them. region: where fixed points lie."""

    fixed: Picture
    moving: Picture
    motions: Motions
    region: Region
    seed: int
    _levels: dict[tuple[float, int], LevelPair] = field(default_factory=dict)

    @property
    def sizes_mm(self) -> list[float]:
        """Block sizes of the levels, from coarse to fine."""
        grids = (self.fixed.volume.grid, self.moving.volume.grid)
        finest = max(float(_extended(grid).min()) for grid in grids)
        bulk = max(float(np.prod(grid.spacing) * np.prod(grid.shape)) for grid in grids)
        finest = max(finest, (bulk / MOST_VOXELS) ** (1 / 3))
        sizes = [coarsest_mm(self.motions.radius)]
        while len(sizes) < LEVELS and sizes[-1] / 2 >= SPARE_DETAIL * finest:
            sizes.append(sizes[-1] / 2)
        return sizes

    def level(self, size_mm: float, count: int) -> LevelPair:
        """Both images in blocks of ``size_mm`` with ``count`` points: always the same ones."""
        key = (size_mm, count)
        if key not in self._levels:
            fixed, moving = self.fixed.level(size_mm), self.moving.level(size_mm)
            rng = np.random.default_rng([self.seed, count])
            values, points = samples(fixed, self.region.points(count, rng))
            inside = moving.array[moving.body] if moving.body.any() else moving.array
            self._levels[key] = LevelPair(
                size_mm,
                fixed,
                moving,
                points,
                values,
                intensity_range(values),
                intensity_range(inside),
            )
        return self._levels[key]


def prepare(
    fixed: Volume,
    moving: Volume,
    *,
    kind: Kind,
    fixed_mask: Volume | None,
    moving_mask: Volume | None,
    seed: int,
) -> AffinePair:
    """Check both images and find their bodies. Raises InputError for what cannot be registered."""
    normals = tuple(_normal(volume) for volume in (fixed, moving))
    if (normals[0] is None) != (normals[1] is None):
        flat, full = (fixed, moving) if normals[1] is None else (moving, fixed)
        raise InputError(
            f"{flat.name} is one slice and {full.name} a volume; give two slices or two volumes"
        )
    pictures = [
        _picture(volume, mask) for volume, mask in ((fixed, fixed_mask), (moving, moving_mask))
    ]
    points = _body_points(pictures[0])
    center = points.mean(0)
    radius = float(np.sqrt(((points - center) ** 2).sum(1).mean()))
    radius = max(radius, float(_extended(fixed.grid).min()))
    fixed_axes = moving_axes = None
    pivot = center
    if normals[0] is not None and normals[1] is not None:
        fixed_axes = plane_axes(fixed.grid.direction, normals[0])
        moving_axes = plane_axes(moving.grid.direction, normals[1], fixed_axes)
        normal = moving_axes[:, 2]
        pivot = center + normal * (normal @ (moving.grid.origin - center))
    motions = Motions(kind, center, pivot, radius, fixed_axes, moving_axes)
    region = Region.around(pictures[0], REGION_SHARE * coarsest_mm(radius), MARGIN_SHARE * radius)
    return AffinePair(pictures[0], pictures[1], motions, region, seed)


def coarsest_mm(radius: float) -> float:
    """Block size of the coarsest level for a body of this radius in mm."""
    return min(COARSEST_MM, COARSEST_SHARE * radius)


def _normal(volume: Volume) -> int | None:
    """Voxel axis (0 i, 1 j, 2 k) across a single slice, or None for a volume."""
    thin = np.flatnonzero(np.array(volume.shape[::-1]) == 1)
    if len(thin) > 1:
        shown = " x ".join(str(n) for n in volume.shape[::-1])
        raise InputError(
            f"{volume.name}: {shown} voxels are a line, not an image; give a slice or a volume"
        )
    return int(thin[0]) if len(thin) else None


def _picture(volume: Volume, mask: Volume | None) -> Picture:
    # The check of contents refuses single slices; doubled, one has the same contents.
    thin = [axis for axis, size in enumerate(volume.shape) if size == 1]
    doubled = np.repeat(volume.array, 2, axis=thin[0]) if thin else volume.array
    require_image_content(Volume(doubled, volume.affine, volume.name))
    inside: Mask | None = None if mask is None else require_mask(mask, volume.grid)
    if inside is not None and np.ptp(volume.array[inside]) == 0:
        raise InputError(
            f"{volume.name}: every voxel inside the mask has the same value; draw a larger mask"
        )
    return Picture(volume, inside)


def _body_points(picture: Picture) -> Array:
    """Places in the body, (N, 3) RAS mm; a regular subset of the voxels of large images."""
    step = max(1, round((picture.volume.array.size / 2**18) ** (1 / 3)))
    coarse = tuple(slice(None, None, step if n > step else 1) for n in picture.volume.shape)
    body = picture.body[coarse]
    if not body.any():
        body, step = picture.body, 1
        coarse = (slice(None),) * 3
    indices = np.argwhere(body)[:, ::-1] * [s.step or 1 for s in coarse[::-1]]
    return picture.volume.grid.to_world(indices)


def _extended(grid: Grid) -> Array:
    """Voxel sizes along the axes that have several voxels."""
    return np.asarray(grid.spacing[np.array(grid.shape[::-1]) > 1])
