"""Real stacks whose slices are moved by known rigid motion, exactly, before anything else is done.

A moved slice is read from the original image where it would have been acquired: in-plane motion by
cubic interpolation of the slice alone, so that nothing across slices is made up; rigid motion from
a fine volume, averaged over the thickness of the slice. Fields of view are cropped first, so that
what moves in is real anatomy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates, spline_filter

from RegQCLib.geometry.volume import Volume
from RegQCLib.registration.slice_match import motion
from RegQCLib.registration.slice_stack import Stack, stack_of

CROP_MM, MOST_CROP = 12.0, 0.1
ACROSS_MM = 10.0  # left out at both ends where slices leave their plane
MOVE = (3.0, 5.0)  # mm along every free axis, degrees about it
NOISE = 0.02  # of the range of gray values, on all slices
GAIN, OFFSET = (0.8, 1.2), 0.05  # on moved slices


@dataclass(frozen=True)
class Case:
    """What is moved and what it is compared with. thickness_mm: fine voxels averaged to this."""

    image: str
    reference: str | None
    plane: str | None = None
    thickness_mm: float | None = None
    model: str = "in-plane"
    pattern: str = "single"

    @property
    def part(self) -> str:
        """Group of the table."""
        return f"{self.model}, {'neighbors' if self.reference is None else 'reference'}"


@dataclass(frozen=True)
class Simulated:
    """A stack with motion. poses: (K, 4, 4) stack mm, from where slices lie to where they go."""

    volume: Volume
    poses: NDArray[np.float64]
    moved: NDArray[np.bool_]


def simulate(volume: Volume, case: Case, seed: int) -> Simulated:
    """Move a third of the slices that show anatomy; pattern "none" moves none."""
    random = np.random.default_rng(seed)
    stack = stack_of(volume, case.plane)
    u_mm, v_mm, w_mm = stack.spacing
    thick = 1 if case.thickness_mm is None else max(1, round(case.thickness_mm / w_mm))
    ends = int(np.ceil(ACROSS_MM / w_mm)) if case.model == "rigid" else 0
    planes = np.arange(ends + thick // 2, stack.count - ends - thick // 2, thick)
    columns, rows = (
        slice(cut, size - cut)
        for size, cut in (
            (n, min(int(np.ceil(CROP_MM / mm)), int(MOST_CROP * n)))
            for n, mm in ((stack.slices.shape[2], u_mm), (stack.slices.shape[1], v_mm))
        )
    )
    moved = _chosen(stack, planes, case.pattern, random)
    poses = _poses(stack, planes, moved, case, random)
    low, high = np.percentile(stack.slices[stack.body], (1, 99))
    read = _reader(stack, case.model, thick)
    v, u = np.meshgrid(
        np.arange(rows.start, rows.stop) * v_mm,
        np.arange(columns.start, columns.stop) * u_mm,
        indexing="ij",
    )
    images = np.empty((len(planes), *u.shape), dtype=np.float32)
    for number, plane in enumerate(planes):
        points = np.stack([u, v, np.full_like(u, plane * w_mm)], axis=-1)
        image = read(points, poses[number], int(plane))
        if moved[number]:
            image = image * random.uniform(*GAIN) + random.uniform(-OFFSET, OFFSET) * (high - low)
        images[number] = image + random.normal(0, NOISE * (high - low), image.shape)
    first = np.array([columns.start * u_mm, rows.start * v_mm, planes[0] * w_mm])
    affine = stack.to_world.copy()
    affine[:3, 3] += affine[:3, :3] @ first
    affine[:3, :3] *= (u_mm, v_mm, w_mm * thick)
    shift = np.eye(4)
    shift[:3, 3] = first
    inner = np.linalg.inv(shift) @ poses @ shift
    return Simulated(Volume(images, affine, volume.name), inner, moved)


def _chosen(
    stack: Stack, planes: NDArray[np.intp], pattern: str, random: np.random.Generator
) -> NDArray[np.bool_]:
    shown = np.flatnonzero(stack.content[planes])
    moved = np.zeros(len(planes), dtype=bool)
    if pattern == "single":
        moved[random.choice(shown, round(len(shown) / 3), replace=False)] = True
    elif pattern == "interleaved":
        moved[shown[random.integers(3) :: 3]] = True
    return moved


def _poses(
    stack: Stack,
    planes: NDArray[np.intp],
    moved: NDArray[np.bool_],
    case: Case,
    random: np.random.Generator,
) -> NDArray[np.float64]:
    """Every moved slice on its own; slices of an interleave together, give or take 0.2."""
    free = np.array([1, 1, 0, 0, 0, 1] if case.model == "in-plane" else [1] * 6)

    def draw() -> NDArray[np.float64]:
        return random.choice([-1, 1], 6) * random.uniform(*MOVE, 6)

    shared = draw()
    poses = np.tile(np.eye(4), (len(planes), 1, 1))
    for number in np.flatnonzero(moved):
        together = case.pattern == "interleaved"
        values = free * (shared + random.normal(0, 0.2, 6) if together else draw())
        center = stack.centers[planes[number]]
        poses[number] = motion(values[:3], np.radians(values[3:]), center)
    return poses


def _reader(stack: Stack, model: str, thick: int):
    """Function of points, pose and plane that gives the gray values of a slice."""
    source = np.asarray(stack.slices, dtype=np.float32)
    offsets = (np.arange(thick) - (thick - 1) / 2) * stack.spacing[2]
    if model == "rigid":
        source = spline_filter(source, 3, output=np.float32)

    def read(points, pose, plane):
        total = np.zeros(points.shape[:2])
        for offset in offsets:
            places = (points + np.array([0, 0, offset])) @ pose[:3, :3].T + pose[:3, 3]
            indices = np.moveaxis(places / stack.spacing, -1, 0)[::-1]
            if model == "rigid":
                total += map_coordinates(source, indices, order=3, prefilter=False, mode="nearest")
            else:
                layer = round(plane + offset / stack.spacing[2])
                total += map_coordinates(source[layer], indices[1:], order=3, mode="nearest")
        return total / thick

    return read
