"""How one scene looks in two contrasts: intensities of labels, texture, bias field, gray curve.

Source: ISMRM 2022 #1880 and SynthMorph (normal intensities per label, blur, bias, min-max scaling,
contrast augmentation); beyond them, contrasts that are related (same, inverted, through a curve)
and labels that one contrast cannot see. Images are (B, 1, *spatial).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from RegQCLib.synthesis.label_maps import LABELS
from RegQCLib.synthesis.noise import resize, uniform
from RegQCLib.synthesis.scene import BACKGROUND, LABEL_COUNT, SceneLabels


@dataclass(frozen=True)
class Contrast:
    """Gray values of one image of every batch entry.

    mean, sd, texture_gain: (B, LABEL_COUNT). texture: (B, LABELS), which each label shows by its
    gain.
    """

    mean: Tensor
    sd: Tensor
    texture: Tensor
    texture_gain: Tensor

    def paint(self, labels: SceneLabels, generator: torch.Generator) -> Tensor:
        """Gray values of the labels, (B, 1, *spatial)."""
        flat = labels.label.flatten(1)
        texture = self.texture.gather(1, labels.texture.flatten(1))
        image = self.mean.gather(1, flat) + self.texture_gain.gather(1, flat) * texture
        noise = torch.randn(flat.shape, generator=generator, device=generator.device)
        image = image + self.sd.gather(1, flat) * noise
        return image.reshape(len(flat), 1, *labels.label.shape[1:])


def contrast_pair(
    batch: int, generator: torch.Generator, *, difficulty: float = 1.0
) -> tuple[Contrast, Contrast]:
    """Two contrasts of the same labels.

    At ``difficulty`` 0 both images share one contrast; at 1 one in five does, and the others are
    inverted, related by a random curve, or independent in equal parts.
    """
    device = generator.device
    first = uniform((batch, LABEL_COUNT), 0, 1, generator)
    frequency = uniform((batch, 1), 2, 9, generator)
    phase = uniform((batch, 1), 0, 2 * math.pi, generator)
    candidates = torch.stack(
        [
            first,
            1 - first,
            0.5 + 0.5 * torch.sin(frequency * first + phase),
            uniform((batch, LABEL_COUNT), 0, 1, generator),
        ]
    )
    same = torch.rand(batch, generator=generator, device=device) < 1 - 0.8 * difficulty
    kind = torch.randint(1, 4, (batch,), generator=generator, device=device)
    kind = torch.where(same, 0, kind)
    second = candidates[kind, torch.arange(batch, device=device)]
    jitter = uniform((batch, 1), 0, 0.1, generator)
    second = second + jitter * torch.randn(second.shape, generator=generator, device=device)
    first, second = (
        _compressed(_hide_labels(table, generator), generator) for table in (first, second)
    )
    air = torch.rand(batch, generator=generator, device=device) < 0.9
    for table in (first, second):
        table[:, BACKGROUND] = torch.where(air, 0.0, table[:, BACKGROUND])
    texture = uniform((batch, LABELS), -1, 1, generator)
    relation = uniform((batch, 1), -1, 1, generator)
    relation = torch.where(same[:, None], 1.0, relation)
    other = relation * texture
    other += (1 - relation**2).sqrt() * uniform((batch, LABELS), -1, 1, generator)
    gain = _texture_gain(batch, generator)
    return (
        Contrast(first, _label_noise(batch, generator), texture, gain),
        Contrast(second, _label_noise(batch, generator), other, gain),
    )


def gaussian_blur(image: Tensor, sd: Tensor) -> Tensor:
    """Separable Gaussian blur of (B, 1, *spatial) by sd (B, axes) voxels, borders replicated."""
    batch, axes = sd.shape
    radius = max(1, math.ceil(3 * float(sd.max())))
    offsets = torch.arange(-radius, radius + 1, device=image.device, dtype=image.dtype)
    convolve = (functional.conv1d, functional.conv2d, functional.conv3d)[axes - 1]
    for axis in range(axes):
        weight = torch.exp(-0.5 * (offsets / sd[:, axis : axis + 1].clamp(min=0.05)) ** 2)
        weight = weight / weight.sum(dim=1, keepdim=True)
        shape = [1] * axes
        shape[axis] = -1
        pad = [0] * (2 * axes)
        pad[2 * (axes - 1 - axis)] = pad[2 * (axes - 1 - axis) + 1] = radius
        padded = functional.pad(image.transpose(0, 1), pad, mode="replicate")
        image = convolve(padded, weight.reshape(batch, 1, *shape), groups=batch).transpose(0, 1)
    return image


def bias_field(image: Tensor, generator: torch.Generator) -> Tensor:
    """Multiply by exp of smooth noise, as coil sensitivity does; SD of the exponent U(0, 0.3)."""
    batch = len(image)
    nodes = [4] * (image.ndim - 2)
    noise = torch.randn(batch, 1, *nodes, generator=generator, device=generator.device)
    sd = uniform((batch, 1, *[1] * len(nodes)), 0, 0.3, generator)
    return image * (resize(noise, image.shape[2:]) * sd).exp()


def rescale(image: Tensor) -> Tensor:
    """Min-max scaling of each image to [0, 1]."""
    flat = image.flatten(1)
    shape = (-1, *[1] * (image.ndim - 1))
    low, high = flat.amin(1).reshape(shape), flat.amax(1).reshape(shape)
    return (image - low) / (high - low).clamp(min=1e-6)


def gray_curve(image: Tensor, generator: torch.Generator) -> Tensor:
    """Contrast augmentation: power exp(N(0, 0.3)), then a random window."""
    shape = (len(image), *[1] * (image.ndim - 1))
    power = torch.randn(shape, generator=generator, device=generator.device).mul(0.3).exp()
    image = image.clamp(0, 1) ** power
    return (image * uniform(shape, 0.8, 1.4, generator)).clamp(0, 1)


def _hide_labels(table: Tensor, generator: torch.Generator) -> Tensor:
    """Give some labels the gray value of another, so that this contrast cannot tell them apart."""
    batch, count = table.shape
    share = uniform((batch, 1), 0, 0.35, generator)
    hidden = torch.rand(table.shape, generator=generator, device=table.device) < share
    other = torch.randint(count, table.shape, generator=generator, device=table.device)
    return torch.where(hidden, table.gather(1, other), table)


def _compressed(table: Tensor, generator: torch.Generator) -> Tensor:
    """In one image of six most labels look nearly alike and a few very bright, as in head CT."""
    batch = len(table)
    middle = uniform((batch, 1), 0.25, 0.6, generator)
    narrow = middle + uniform((batch, 1), 0.1, 0.4, generator) * (table - 0.5)
    bright = torch.rand(table.shape, generator=generator, device=table.device) < 0.15
    compressed = torch.where(bright, 1.0, narrow)
    chosen = torch.rand(batch, 1, generator=generator, device=table.device) < 1 / 6
    return torch.where(chosen, compressed, table)


def _label_noise(batch: int, generator: torch.Generator) -> Tensor:
    return uniform((batch, 1), 0, 0.08, generator) * uniform((batch, LABEL_COUNT), 0, 1, generator)


def _texture_gain(batch: int, generator: torch.Generator) -> Tensor:
    gain = uniform((batch, 1), 0, 0.25, generator)
    gain = gain * uniform((batch, LABEL_COUNT), 0, 1, generator)
    gain[:, BACKGROUND] = 0
    return gain
