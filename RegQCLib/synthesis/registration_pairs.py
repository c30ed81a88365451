"""Pairs of volumes for learning to register: one map of random shapes, bent, in two contrasts.

Source: SynthMorph (Hoffmann et al., IEEE TMI 2022): images of unrelated contrast from label maps
that a random diffeomorphism relates, so that a network learns to match shapes whatever the
contrast. Here the maps are the shapes of `RegQCLib.synthesis.label_maps`, in a body with a folded
outline, and the transform between the two images is known at every voxel.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from RegQCLib.geometry.warp_torch import exponential, identity, warp
from RegQCLib.synthesis.appearance import (
    bias_field,
    contrast_pair,
    gaussian_blur,
    gray_curve,
    rescale,
)
from RegQCLib.synthesis.noise import log_uniform, resize, smooth_noise, uniform
from RegQCLib.synthesis.scene import BACKGROUND, SceneLabels, random_rotations

HALF = 2  # displacements are smooth: they are drawn and integrated on half the voxels
SCALES = (8.0, 16.0, 32.0)  # voxels between the nodes of a velocity field
SQUARINGS = 5
FOLD_SCALES = (6.0, 14.0, 40.0)  # voxels between bumps of the outline


@dataclass(frozen=True)
class RegistrationPairs:
    """A batch of pairs.

    fixed, moving: (N, 1, D, H, W) in [0, 1]. fixed_labels, moving_labels: (N, D, H, W) int64, what
    each image shows. displacement: (N, 3, D, H, W), voxels, from fixed to moving points, or None
    where nobody knows it.
    """

    fixed: Tensor
    moving: Tensor
    fixed_labels: Tensor
    moving_labels: Tensor
    displacement: Tensor | None = None


@dataclass(frozen=True)
class ShapeSettings:
    """How pairs are drawn.

    bend: largest SD of the velocity along an axis, voxels. shift: largest residual translation,
    voxels; turn: largest residual rotation, degrees; scale: largest residual scaling, a share.
    blur: largest SD of the blur, voxels. body_share: of the pairs, how many show a body in air.
    """

    bend: float = 5.0
    shift: float = 3.0
    turn: float = 4.0
    scale: float = 0.04
    blur: float = 1.2
    body_share: float = 0.8


def shape_pairs(
    bank: Tensor,
    batch: int,
    size: int,
    generator: torch.Generator,
    settings: ShapeSettings | None = None,
    *,
    difficulty: float = 1.0,
) -> RegistrationPairs:
    """Draw a batch. bank: (maps, S, S, S) uint8. size: voxels along each side, an even number.

    difficulty: 0 small motions in one contrast, 1 everything.
    """
    settings = settings or ShapeSettings()
    shape = (size,) * 3
    there, back = _motions(batch, shape, generator, settings, difficulty)
    shapes = _Shapes(bank, batch, shape, generator, settings.body_share)
    still = shapes.at(identity(shape, there))
    moved = shapes.at(identity(shape, back) + back)
    contrasts = contrast_pair(batch, generator, difficulty=difficulty)
    images = [
        _image(contrast.paint(labels, generator), labels, generator, settings.blur)
        for contrast, labels in zip(contrasts, (still, moved), strict=True)
    ]
    return RegistrationPairs(images[0], images[1], still.label, moved.label, there)


class _Shapes:
    """Bodies of random shapes that can be asked for their labels at any point of the volume."""

    def __init__(
        self,
        bank: Tensor,
        batch: int,
        shape: tuple[int, ...],
        generator: torch.Generator,
        body_share: float,
    ) -> None:
        self.bank, self.batch, self.size = bank, batch, bank.shape[-1]
        device = generator.device
        self.maps = torch.randint(len(bank), (2, batch), generator=generator, device=device)
        zoom = log_uniform((batch, 1, 1), 1.0, 4.0, generator)  # map voxels per image voxel
        self.frames = [
            random_rotations(batch, generator) * zoom,
            random_rotations(batch, generator) * zoom * 3.0,
        ]
        self.offsets = uniform((2, batch, 3, 1), 0, 2 * self.size, generator)
        self.radius = _radius(batch, shape, generator)
        whole = torch.rand(batch, generator=generator, device=device) >= body_share
        self.radius[whole] = 0

    def at(self, points: Tensor) -> SceneLabels:
        """Labels at points (N, 3, D, H, W), voxels of the image; N may be 1 for all."""
        points = points.expand(self.batch, -1, -1, -1, -1)
        rest = identity(points.shape[2:], points)
        radius = warp(self.radius, points - rest)[:, 0]
        label = torch.where(radius > 1, BACKGROUND, self._look_up(points, 0))
        return SceneLabels(label, self._look_up(points, 1), radius)

    def _look_up(self, points: Tensor, which: int) -> Tensor:
        """Nearest label of map ``which`` (0 shapes, 1 texture); maps go on by mirroring."""
        flat = torch.bmm(self.frames[which], points.flatten(2)) + self.offsets[which]
        voxel = flat.round_().long().remainder_(2 * self.size)
        voxel = torch.where(voxel >= self.size, 2 * self.size - 1 - voxel, voxel)
        index = (voxel[:, 0] * self.size + voxel[:, 1]) * self.size + voxel[:, 2]
        index += self.maps[which][:, None] * self.size**3
        return self.bank.reshape(-1)[index].long().reshape(self.batch, *points.shape[2:])


def _radius(batch: int, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """0 in the middle of a body, 1 on its folded surface, (N, 1, D, H, W)."""
    half = [n // HALF for n in shape]
    points = identity(tuple(half), torch.zeros((), device=generator.device))
    middle = torch.tensor(half, device=generator.device).reshape(1, 3, 1, 1, 1) / 2
    center = middle * uniform((batch, 3, 1, 1, 1), 0.8, 1.2, generator)
    axes = middle * uniform((batch, 3, 1, 1, 1), 0.6, 1.3, generator)
    radius = ((points - center) / axes).square().sum(1, keepdim=True).sqrt()
    for scale in FOLD_SCALES:
        depth = uniform((batch, 1, 1, 1, 1), 0, 0.12, generator)
        radius = radius * (1 + depth * smooth_noise(batch, half, scale / HALF, generator))
    return resize(radius, shape)


def _motions(
    batch: int,
    shape: tuple[int, ...],
    generator: torch.Generator,
    settings: ShapeSettings,
    difficulty: float,
) -> tuple[Tensor, Tensor]:
    """A random diffeomorphism and its inverse as displacements, (N, 3, *shape), voxels."""
    half = tuple(n // HALF for n in shape)
    reach = 0.3 + 0.7 * difficulty
    velocity = torch.zeros(batch, 3, *half, device=generator.device)
    for scale in SCALES:
        # bends of short wavelength are smaller, or tissue would be torn
        largest = min(settings.bend, 0.35 * scale) * reach / HALF
        sd = largest * uniform((batch, 1, 1, 1, 1), 0, 1, generator) ** 1.5
        noise = smooth_noise(3 * batch, half, scale / HALF, generator)
        velocity += sd * noise.reshape(batch, 3, *half)
    velocity += _linear(batch, half, generator, settings) * reach
    fields = exponential(torch.cat([velocity, -velocity]), steps=SQUARINGS)
    there, back = (resize(fields, shape) * HALF).chunk(2)
    return there, back


def _linear(
    batch: int, shape: tuple[int, ...], generator: torch.Generator, settings: ShapeSettings
) -> Tensor:
    """Velocity of the translation, rotation and scaling that an affine step leaves."""
    turn = torch.zeros(batch, 3, 3, device=generator.device)
    angles = uniform((batch, 3), -1, 1, generator) * settings.turn * torch.pi / 180
    for row, column, angle in ((0, 1, 0), (0, 2, 1), (1, 2, 2)):
        turn[:, row, column], turn[:, column, row] = angles[:, angle], -angles[:, angle]
    turn += torch.diag_embed(uniform((batch, 3), -1, 1, generator) * settings.scale)
    middle = torch.tensor([(n - 1) / 2 for n in shape], device=generator.device)
    points = identity(shape, turn)[0].flatten(1) - middle[:, None]
    shift = uniform((batch, 3, 1), -1, 1, generator) * settings.shift / HALF
    return (torch.matmul(turn, points) + shift).reshape(batch, 3, *shape)


def _image(painted: Tensor, labels: SceneLabels, generator: torch.Generator, blur: float) -> Tensor:
    """What a scanner makes of painted labels: blur, bias field, noise, gray curve, empty air."""
    batch = len(painted)
    image = gaussian_blur(painted, uniform((batch, 3), 0, blur, generator))
    noise = torch.randn(image.shape, generator=generator, device=image.device)
    image = image + uniform((batch, 1, 1, 1, 1), 0, 0.05, generator) * noise
    image = gray_curve(rescale(bias_field(image, generator)), generator)
    stripped = torch.rand((batch, 1, 1, 1, 1), generator=generator, device=image.device) < 0.5
    return torch.where(stripped & (labels.radius[:, None] > 1), 0.0, image)
