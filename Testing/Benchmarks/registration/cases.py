"""Phantom pairs with an exact truth: rigid, affine, deformed, and starts far from the answer.

The moving image shows a head as it is, the fixed image the same head at T(x), so that T maps fixed
to moving points exactly. Angles, shifts and sizes are those of the tasks in the README.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.sampling import inside
from RegQCLib.geometry.transforms import Affine, Transform
from RegQCLib.geometry.volume import Volume
from Testing.Benchmarks.registration.contrasts import RANDOM, T1, T2
from Testing.Benchmarks.registration.phantom import CEREBRUM, FIRST_BRAIN_LABEL, Phantom
from Testing.Benchmarks.registration.rendering import centered_grid, render
from Testing.Benchmarks.registration.waves import Swell, Waves

FloatArray = NDArray[np.float64]
Size = tuple[tuple[int, int, int], float]

SMALL: Size = ((96, 96, 96), 2.0)  # voxels (k, j, i), mm
FULL: Size = ((160, 192, 160), 1.0)

ANGLE_DEG, SHIFT_MM = (5.0, 10.0), (5.0, 10.0)  # of every axis, either way
SCALE, SHEAR = (0.02, 0.05), (0.0, 0.05)
PEAK_MM = (7.0, 8.0)  # largest displacement inside the brain
SWELL_SCALE_MM = 15.0  # with these peaks SD of log J is about 0.15

CAPTURE_ANGLE_DEG, CAPTURE_SHIFT_MM, CAPTURE_SCALE = 40.0, 60.0, 0.15
CAPTURE_OVERLAP = (0.5, 0.8)  # share of the head left in every second moving image
CAPTURE_JITTER_MM = 15.0  # of the fixed field of view about the head
CAPTURE_STARTS = 40

POINTS = 20_000

RIGID, AFFINE, OTHER, CAPTURE, SAME, CROSS = (
    "rigid",
    "affine",
    "random",
    "capture",
    "same",
    "cross",
)
PHANTOM_TASKS = (RIGID, AFFINE, OTHER, CAPTURE, SAME, CROSS)


@dataclass(frozen=True, eq=False)
class Case:
    """Two images and what is known about them.

    truth: fixed to moving points, RAS mm; None for inter-subject pairs, where labels judge.
    region: (D, H, W) bool on the fixed grid, where errors and the field are measured.
    facts: numbers that describe the case, for the results.
    """

    name: str
    fixed: Volume
    moving: Volume
    fixed_labels: Volume | None
    moving_labels: Volume | None
    truth: Transform | None
    region: NDArray[np.bool_]
    facts: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def points(self) -> FloatArray:
        """At most `POINTS` voxel centers of the region, (N, 3) RAS mm, evenly drawn."""
        voxels = np.argwhere(self.region)
        keep = np.random.default_rng(0).permutation(len(voxels))[:POINTS]
        return self.fixed.grid.to_world(voxels[np.sort(keep)][:, ::-1])


def phantom_case(task: str, seed: int, size: Size = SMALL) -> Case:
    """The case of a phantom task; the same seed gives the same images.

    For ``capture`` the seed is the number of the start.
    """
    rng = np.random.default_rng([seed, zlib.crc32(task.encode())])
    if task == CAPTURE:
        return _capture(seed, size, rng)
    grid = centered_grid(*size)
    phantom = Phantom.draw(seed)
    looks = {SAME: (T1, T1), OTHER: (T1, RANDOM)}.get(task, (T1, T2))
    truth: Transform
    if task in {SAME, CROSS}:
        truth = deformation(np.random.default_rng([seed, zlib.crc32(SAME.encode())]))
    else:
        truth = _affine(rng, rigid=task == RIGID)
    return _rendered(f"{task}-{seed}", phantom, looks, (grid, grid), truth, rng)


def deformation(rng: np.random.Generator) -> Swell:
    """A smooth invertible transform, 7 to 8 mm at most inside the brain and defined everywhere."""
    waves = Waves.smooth(rng, scale_mm=SWELL_SCALE_MM, count=32, components=3)
    extent = np.abs(CEREBRUM.center) + np.array(CEREBRUM.radii)
    points = rng.uniform(-extent, extent, (40_000, 3))
    points = points[CEREBRUM(points) < 0]
    peak = np.linalg.norm(waves(points), axis=1).max()
    return Swell(waves.scaled(rng.uniform(*PEAK_MM) / peak))


def _affine(rng: np.random.Generator, *, rigid: bool) -> Affine:
    def either(low: float, high: float) -> FloatArray:
        return rng.uniform(low, high, 3) * rng.choice((-1.0, 1.0), 3)

    angles, shift = either(*ANGLE_DEG), either(*SHIFT_MM)
    if rigid:
        return Affine.rigid(angles, shift)
    return Affine.from_parameters(
        rotation_deg=angles,
        translation_mm=shift,
        scale=1 + either(*SCALE),
        shear=either(*SHEAR),
    )


def _capture(start: int, size: Size, rng: np.random.Generator) -> Case:
    """A pair far apart; every second moving image shows only a part of the head.

    The fixed field of view goes with the head, as it does at a scanner, so that a shift does not
    empty it; where the head lies in it is left to chance.
    """
    angle = rng.uniform(0, CAPTURE_ANGLE_DEG)
    axis = _direction(rng)
    shift = rng.uniform(0, CAPTURE_SHIFT_MM) * _direction(rng)
    scale = 1 + rng.uniform(-CAPTURE_SCALE, CAPTURE_SCALE, 3)
    turn, stretch = np.eye(4), Affine.from_parameters(scale=scale, translation_mm=shift)
    turn[:3, :3] = _rotation(axis, np.radians(angle))
    truth = stretch.then(Affine(turn))
    grid = centered_grid(*size)
    middle = truth.inverse().apply(np.zeros(3))
    jitter = rng.uniform(-CAPTURE_JITTER_MM, CAPTURE_JITTER_MM, 3)
    fixed_grid = Grid(grid.shape, _shifted(grid.affine, middle + jitter))
    share = float(rng.uniform(*CAPTURE_OVERLAP)) if start % 2 else 1.0
    case = _rendered(
        f"{CAPTURE}-{start}",
        Phantom.draw(start),
        (T1, T2),
        (fixed_grid, grid),
        truth,
        rng,
        share=share,
    )
    case.facts.update(
        angle_deg=float(angle),
        shift_mm=float(np.linalg.norm(truth.apply(np.zeros(3)))),
        scale=scale.tolist(),
        overlap=share,
    )
    return case


def _rendered(
    name: str,
    phantom: Phantom,
    looks: tuple[str, str],
    grids: tuple[Grid, Grid],
    truth: Transform,
    rng: np.random.Generator,
    *,
    share: float = 1.0,
) -> Case:
    fixed = render(phantom, grids[0], looks[0], rng, transform=truth, name="fixed")
    moving = render(phantom, grids[1], looks[1], rng, name="moving")
    image, labels = moving.image, moving.labels
    if share < 1:
        image, labels = _cropped(image, labels, share, rng)
    region = np.asarray(fixed.labels.array >= FIRST_BRAIN_LABEL)
    voxels = np.argwhere(region)
    there = image.grid.to_index(truth.apply(grids[0].to_world(voxels[:, ::-1])))
    region[tuple(voxels[~inside(there, image.shape)].T)] = False
    return Case(name, fixed.image, image, fixed.labels, labels, truth, region)


def _cropped(
    image: Volume, labels: Volume, share: float, rng: np.random.Generator
) -> tuple[Volume, Volume]:
    """Cut the field of view at a random face until ``share`` of the head's extent remains."""
    axis, upper = int(rng.integers(3)), bool(rng.integers(2))
    used = np.flatnonzero((labels.array > 0).any(axis=tuple(a for a in range(3) if a != axis)))
    kept = round(share * len(used))
    low, high = (0, used[0] + kept) if upper else (used[-1] + 1 - kept, image.shape[axis])
    cut = [slice(None)] * 3
    cut[axis] = slice(int(low), int(high))
    start = np.zeros(3)
    start[2 - axis] = low
    affine = image.affine.copy()
    affine[:3, 3] = image.grid.to_world(start)
    return tuple(Volume(v.array[tuple(cut)], affine, v.name) for v in (image, labels))


def _direction(rng: np.random.Generator) -> FloatArray:
    vector = rng.standard_normal(3)
    return vector / np.linalg.norm(vector)


def _rotation(axis: FloatArray, angle: float) -> FloatArray:
    """Rodrigues' formula: right-handed, radians."""
    cross = np.cross(np.eye(3), -axis)
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross)


def _shifted(affine: FloatArray, shift: FloatArray) -> FloatArray:
    result = affine.copy()
    result[:3, 3] += shift
    return result
