"""Whole synthetic volumes in pairs, each on a grid of its own, and the exact transform between.

Used to calibrate the check, and to show people what it was trained on. One random scene is imaged
twice: different contrasts, resolutions, slice thickness and orientation, fields of view, masks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from RegQCLib.geometry.fields import DisplacementField
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.volume import Volume
from RegQCLib.synthesis.appearance import Contrast, bias_field, contrast_pair, gray_curve, rescale
from RegQCLib.synthesis.motion import Motion, slice_shifts
from RegQCLib.synthesis.noise import log_uniform, uniform
from RegQCLib.synthesis.scanner import field_of_view, point_spread, receiver_noise
from RegQCLib.synthesis.scene import Scene, random_rotations

GRAY_LEVELS = 1000.0


@dataclass(frozen=True)
class VolumePair:
    """Two images of one scene.

    truth: the perfect transform, fixed to moving points, exact at every fixed voxel, motion of
        single slices included; zero everywhere for an aligned pair without such motion.
    body: (D, H, W) bool on the fixed grid. mean_mm: mean length of the misalignment over the body,
        motion of single slices left aside.
    slice_shifts_mm: (slices, 3) RAS shifts of single slices of the fixed stack, zero for most.
    """

    fixed: Volume
    moving: Volume
    truth: DisplacementField
    body: np.ndarray
    mean_mm: float
    slice_shifts_mm: np.ndarray


@dataclass(frozen=True)
class VolumeSettings:
    """How pairs are drawn.

    voxels: fine voxels along the longest side. thick_share: of the pairs, how many are stacks of
    thick slices. slice_motion_share: of those stacks, how many have single slices that moved.
    difficulty: as for slice pairs, how different the contrasts may be. strip_share: of the pairs,
    how many lack what lies outside a brain-like mask.
    """

    voxels: int = 112
    thick_share: float = 0.35
    slice_motion_share: float = 0.3
    difficulty: float = 1.0
    strip_share: float = 0.35


def volume_pair(
    bank: Tensor,
    mean_mm: float,
    generator: torch.Generator,
    settings: VolumeSettings | None = None,
) -> VolumePair:
    """Draw one pair whose misalignment has the given mean over the body (mm); 0 is aligned.

    bank: label maps on the generator's device. A quarter of the moved pairs is only translated or
    rotated, the others also deform.
    """
    settings = settings or VolumeSettings()
    pixel = float(log_uniform((1,), 0.8, 1.5, generator))
    sides = (uniform((3,), 0.7, 1.0, generator) * settings.voxels).round().int().tolist()
    thick = bool(torch.rand(1, generator=generator, device=generator.device) < settings.thick_share)
    thickness = _integer(2, 4, generator) if thick else 1
    extent = torch.tensor([pixel * max(sides)], device=generator.device)
    voxel = extent.new_tensor([pixel]) * uniform((1,), 0.8, 1.8, generator)
    scene = Scene(bank, voxel, extent, generator)
    fixed_grid = _random_grid(sides, pixel, thickness, generator)
    moving_grid = _similar_grid(fixed_grid, sides, pixel, thickness, generator)
    points = _points(fixed_grid, generator.device)
    radius = scene.at(points[None]).radius
    mean = torch.tensor([mean_mm], device=generator.device)
    motion = Motion(mean, points[None], radius < 1, generator)
    shifts = _shifts(fixed_grid.shape[0], thickness > 1, settings, generator)
    contrasts = contrast_pair(1, generator, difficulty=settings.difficulty)
    strip = _strip_radius(settings.strip_share, generator)
    inside = radius < (1.0 if strip is None else strip)
    motion.fit_mean(mean, points[None], inside)
    body = inside[0].cpu().numpy()
    still = torch.zeros_like(shifts)
    fixed = _image(scene, fixed_grid, thickness, None, shifts, contrasts[0], strip, generator)
    moving = _image(scene, moving_grid, thickness, motion, still, contrasts[1], strip, generator)
    # a moved slice shows what lies at x + s: there the search starts, from x the length counts
    shift = shifts[:, None, None]
    match = motion.towards_match((points + shift)[None])[0] + shift
    field = np.moveaxis(match.cpu().numpy(), -1, 0).astype(np.float32)
    return VolumePair(
        Volume(fixed, fixed_grid.affine, "synthetic fixed"),
        Volume(moving, moving_grid.affine, "synthetic moving"),
        DisplacementField(field, fixed_grid.affine),
        body,
        mean_mm if body.any() else 0.0,
        shifts.cpu().numpy(),
    )


def _random_grid(
    sides: list[int], pixel: float, thickness: int, generator: torch.Generator
) -> Grid:
    """A grid around the origin with slices along k and a random orientation near a standard one."""
    shape = (max(8, sides[0] // thickness), sides[1], sides[2])
    spacing = np.array([pixel, pixel, pixel * thickness])
    order = torch.randperm(3, generator=generator, device=generator.device).cpu().numpy()
    signs = np.sign(uniform((3,), -1, 1, generator).cpu().numpy() + 1e-9)
    direction = np.eye(3)[:, order] * signs  # left-handed as often as right-handed
    tilt = _small_rotation(15.0, generator)
    return _centered(shape, tilt @ direction * spacing)


def _similar_grid(
    grid: Grid, sides: list[int], pixel: float, thickness: int, generator: torch.Generator
) -> Grid:
    """The second acquisition: the same orientation within 3 degrees, other voxels and phase."""
    other = pixel * float(uniform((1,), 0.85, 1.25, generator)) if thickness == 1 else pixel
    shape = (max(8, sides[0] // thickness), sides[1], sides[2])
    spacing = np.array([other, other, other * thickness])
    direction = _small_rotation(3.0 if thickness == 1 else 0.0, generator) @ grid.direction
    shift = grid.direction @ (uniform((3,), -0.5, 0.5, generator).cpu().numpy() * spacing)
    moved = _centered(shape, direction * spacing).affine.copy()
    moved[:3, 3] += shift
    return Grid(shape, moved)


def _centered(shape: tuple[int, int, int], columns: np.ndarray) -> Grid:
    affine = np.eye(4)
    affine[:3, :3] = columns
    affine[:3, 3] = -columns @ ((np.array(shape[::-1]) - 1) / 2)
    return Grid(shape, affine)


def _points(grid: Grid, device: torch.device, subslices: int = 1) -> Tensor:
    """(D * subslices, H, W, 3) RAS mm; every slice is sampled at ``subslices`` depths."""
    depth, height, width = grid.shape
    k = (np.arange(depth * subslices) + 0.5) / subslices - 0.5
    axes = np.meshgrid(k, np.arange(height), np.arange(width), indexing="ij")
    index = np.stack(axes[::-1], axis=-1)
    return torch.as_tensor(grid.to_world(index), dtype=torch.float32, device=device)


def _image(
    scene: Scene,
    grid: Grid,
    thickness: int,
    motion: Motion | None,
    shifts: Tensor,
    contrast: Contrast,
    strip: float | None,
    generator: torch.Generator,
) -> np.ndarray:
    """Gray values on a grid, uint16: the scene painted finely, averaged over each slice."""
    points = _points(grid, generator.device, thickness)[None]
    if motion is not None:
        points = points + motion(points)
    if bool(shifts.any()):
        points = points + shifts.repeat_interleave(thickness, dim=0)[None, :, None, None]
    labels = scene.at(points)
    image = contrast.paint(labels, generator)
    outside = None if strip is None else labels.radius[:, None] > strip
    if outside is not None:
        image = torch.where(outside, 0.0, image)
    image = point_spread(image, generator)
    image = image.unflatten(2, (-1, thickness)).mean(dim=3)
    image = rescale(bias_field(image, generator))
    image = gray_curve(receiver_noise(image, generator), generator)
    image = image * field_of_view(image.shape[2:], 1, 0.2, generator)
    if outside is not None:
        image = image * ~outside.unflatten(2, (-1, thickness)).all(dim=3)
    values = image[0, 0].clamp(0, 1) * GRAY_LEVELS
    return values.round().cpu().numpy().astype(np.uint16)


def _shifts(
    slices: int, thick: bool, settings: VolumeSettings, generator: torch.Generator
) -> Tensor:
    chosen = torch.rand(1, generator=generator, device=generator.device)
    share = 0.1 if thick and bool(chosen < settings.slice_motion_share) else 0.0
    return slice_shifts(slices, share, 4.0, generator)


def _strip_radius(share: float, generator: torch.Generator) -> float | None:
    drawn = uniform((2,), 0, 1, generator).tolist()
    return 0.7 + 0.25 * drawn[1] if drawn[0] < share else None


def _small_rotation(degrees: float, generator: torch.Generator) -> np.ndarray:
    """A rotation of at most ``degrees`` about a random axis."""
    axis = random_rotations(1, generator)[0, :, 0].cpu().double().numpy()
    angle = np.radians(degrees) * float(uniform((1,), -1, 1, generator))
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    rotation: np.ndarray = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return rotation


def _integer(low: int, high: int, generator: torch.Generator) -> int:
    drawn = torch.randint(low, high + 1, (1,), generator=generator, device=generator.device)
    return int(drawn)
