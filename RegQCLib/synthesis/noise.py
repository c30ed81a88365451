"""Smooth random fields, the raw material of every synthetic shape and motion. Torch, CPU or GPU."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

_LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}


def uniform(shape: Sequence[int], low: float, high: float, generator: torch.Generator) -> Tensor:
    """Uniform random numbers in [low, high) on the generator's device."""
    return torch.rand(*shape, generator=generator, device=generator.device) * (high - low) + low


def log_uniform(
    shape: Sequence[int], low: float, high: float, generator: torch.Generator
) -> Tensor:
    """Random numbers whose logarithm is uniform in [log low, log high)."""
    return uniform(shape, math.log(low), math.log(high), generator).exp()


def resize(field: Tensor, shape: Sequence[int]) -> Tensor:
    """Linear resampling of (N, C, *spatial) so that corner samples stay at the corners."""
    mode = _LINEAR[field.ndim - 2]
    return functional.interpolate(field, size=tuple(shape), mode=mode, align_corners=True)


def smooth_noise(
    channels: int, shape: Sequence[int], scale: float, generator: torch.Generator
) -> Tensor:
    """Normal noise drawn every ``scale`` voxels and interpolated in between.

    Returns (channels, 1, *shape), about unit variance at the drawn nodes.
    """
    nodes = [max(2, round(n / scale) + 1) for n in shape]
    coarse = torch.randn(channels, 1, *nodes, generator=generator, device=generator.device)
    return resize(coarse, shape)


def multiscale_noise(
    channels: int, shape: Sequence[int], scales: Sequence[float], generator: torch.Generator
) -> Tensor:
    """Sum of `smooth_noise` over ``scales`` (voxels), each with a random amplitude per channel.

    Coarse scales weigh more, as in Perlin noise. Returns (channels, 1, *shape).
    """
    total = torch.zeros(channels, 1, *shape, device=generator.device)
    for scale in scales:
        shape_of_amplitude = (channels, 1, *[1] * len(shape))
        amplitude = uniform(shape_of_amplitude, 0, 1, generator) * math.sqrt(scale / max(scales))
        total += amplitude * smooth_noise(channels, shape, scale, generator)
    return total


class Waves:
    """A random smooth function of position: a sum of cosines, exact at any point.

    Evaluating it needs no grid, so two images may be rendered at displaced points without any
    interpolation error. One independent function per batch entry and output component.
    """

    def __init__(
        self,
        batch: int,
        components: int,
        waves: int,
        wavelength_mm: tuple[float, float],
        generator: torch.Generator,
    ) -> None:
        shape = (batch, components * waves)
        direction = torch.randn(*shape, 3, generator=generator, device=generator.device)
        direction = direction / direction.norm(dim=-1, keepdim=True)
        length = log_uniform((*shape, 1), *wavelength_mm, generator)
        self.vectors = 2 * math.pi * direction / length
        self.phases = uniform((*shape, 1), 0, 2 * math.pi, generator)
        self.components, self.waves = components, waves

    def __call__(self, points: Tensor) -> Tensor:
        """Map points (B, ..., 3) in mm to values (B, ..., components) of unit variance."""
        batch, spatial = points.shape[0], points.shape[1:-1]
        flat = points.reshape(batch, -1, 3).transpose(1, 2)
        values = torch.cos(torch.baddbmm(self.phases, self.vectors, flat))
        summed = values.reshape(batch, self.components, self.waves, -1).sum(dim=2)
        summed = summed * math.sqrt(2 / self.waves)
        return summed.transpose(1, 2).reshape(batch, *spatial, self.components)
