"""Batches of slice pairs cut from random 3-D scenes at any orientation, with their exact motion.

This is the training material of the slice models ("synthmed" of ISMRM 2022 #1880, in 3-D scenes).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from RegQCLib.synthesis.appearance import Contrast, bias_field, contrast_pair, gray_curve, rescale
from RegQCLib.synthesis.motion import Motion
from RegQCLib.synthesis.noise import log_uniform, uniform
from RegQCLib.synthesis.scanner import (
    coarse_matrix,
    field_of_view,
    point_spread,
    random_thick_slices,
    receiver_noise,
)
from RegQCLib.synthesis.scene import Scene, SceneLabels, random_rotations

PIXEL_MM = (0.75, 2.0)
VOXEL_PER_PIXEL = (0.6, 1.6)  # size of the drawn shapes against the pixel
ALIGNED_PIXELS = 0.15  # an aligned pair may be off by this much: no real pair is exact
LARGEST_PIXELS = 11.0


@dataclass(frozen=True)
class SlicePairs:
    """B pairs of slices on one pixel grid each.

    images: (B, 2, H, W), fixed then moved, in [0, 1].
    match_mm: (B, 3, H, W), mm along (row, column, normal): what the fixed slice shows at x, the
        moved image shows at x + match(x).
    mean_mm: (B,) mean length of the motion over the body. misaligned: (B,) bool.
    body: (B, H, W) bool, inside the body and both fields of view. pixel_mm: (B,).
    """

    images: Tensor
    match_mm: Tensor
    mean_mm: Tensor
    misaligned: Tensor
    body: Tensor
    pixel_mm: Tensor


def slice_pairs(
    bank: Tensor,
    count: int,
    size: int,
    generator: torch.Generator,
    *,
    difficulty: float = 1.0,
    misaligned_share: float = 0.5,
    mean_mm: Tensor | None = None,
    through: float = 1.0,
) -> SlicePairs:
    """Draw ``count`` slice pairs of ``size`` x ``size`` pixels.

    bank: (maps, S, S, S) label maps on the generator's device (see label_maps).
    difficulty: 0 gives large moves of one contrast, 1 moves down to 0.5 pixels of any contrast.
    mean_mm: (count,) mean lengths of the motions, in place of random ones; 0 is aligned.
    through: share of motion across the slice: 1 is as much as along each axis of it, 0 is none.
    """
    device = generator.device
    pixel = log_uniform((count,), *PIXEL_MM, generator)
    voxel = pixel * uniform((count,), *VOXEL_PER_PIXEL, generator)
    scene = Scene(bank, voxel, pixel * size, generator)
    frame = random_rotations(count, generator)  # rows: row, column and normal direction
    points = _plane_points(pixel, size, frame)
    fixed = scene.at(points)
    misaligned = torch.rand(count, generator=generator, device=device) < misaligned_share
    smallest = 4.0 - 3.5 * difficulty
    mean_pixels = torch.where(
        misaligned,
        log_uniform((count,), smallest, LARGEST_PIXELS, generator),
        uniform((count,), 0, ALIGNED_PIXELS, generator),
    )
    if mean_mm is not None:
        misaligned, mean_pixels = mean_mm > 0, mean_mm / pixel
    motion = Motion(
        mean_pixels * pixel,
        points,
        fixed.radius < 1,
        generator,
        normal=frame[:, 2],
        through=through,
    )
    moved = scene.at(points + motion(points))
    match = torch.einsum("bhwc,bdc->bdhw", motion.towards_match(points), frame)
    contrasts = contrast_pair(count, generator, difficulty=difficulty)
    images, inside = _acquire(fixed, moved, contrasts, generator)
    body = (fixed.radius < 1) & inside.all(dim=1)
    return SlicePairs(images, match, mean_pixels * pixel, misaligned, body, pixel)


def _plane_points(pixel: Tensor, size: int, frame: Tensor) -> Tensor:
    """(B, size, size, 3) mm of the pixels of a plane through the origin spanned by ``frame``."""
    position = (torch.arange(size, device=pixel.device) - (size - 1) / 2)[None] * pixel[:, None]
    along_rows = position[:, :, None, None] * frame[:, None, None, 0]
    return along_rows + position[:, None, :, None] * frame[:, None, None, 1]


def _acquire(
    fixed: SceneLabels,
    moved: SceneLabels,
    contrasts: tuple[Contrast, Contrast],
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Both images (B, 2, H, W) and where each was acquired (B, 2, H, W) bool."""
    batch, device = len(fixed.label), generator.device
    strip = uniform((batch, 1, 1, 1), 0.65, 1.0, generator)
    stripping = torch.rand(batch, 1, 1, 1, generator=generator, device=device)
    thick = torch.rand(1, generator=generator, device=device) < 0.5
    images, fields = [], []
    for labels, contrast, strip_below in ((fixed, contrasts[0], 0.35), (moved, contrasts[1], 0.3)):
        image = contrast.paint(labels, generator)
        # both images lose what lies outside a brain-like mask, or only the fixed one, or none
        stripped = (stripping < strip_below) & (labels.radius[:, None] > strip)
        image = torch.where(stripped, 0.0, image)
        image = point_spread(image, generator)
        if thick:
            image = random_thick_slices(image, 0, 0.5, generator)
        image = coarse_matrix(image, 0.3, generator)
        field = field_of_view(image.shape[2:], batch, 0.2, generator)
        image = rescale(bias_field(image, generator))
        image = receiver_noise(image, generator) * (field & ~_air(stripped, generator))
        images.append(gray_curve(image, generator))
        fields.append(field & ~stripped)
    return torch.cat(images, dim=1), torch.cat(fields, dim=1)


def _air(stripped: Tensor, generator: torch.Generator) -> Tensor:
    """Stripped pixels of half the images are exactly zero; elsewhere they keep their noise."""
    shape = (len(stripped), 1, 1, 1)
    return stripped & (torch.rand(shape, generator=generator, device=generator.device) < 0.8)
