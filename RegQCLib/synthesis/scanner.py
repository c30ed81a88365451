"""What a scanner does to an image: point spread, thick slices, noise, partial fields of view.

Images are (B, 1, *spatial). Every function draws which entries it touches.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from RegQCLib.synthesis.appearance import gaussian_blur
from RegQCLib.synthesis.noise import uniform

MAX_THICKNESS = 6


def point_spread(image: Tensor, generator: torch.Generator) -> Tensor:
    """Blur by SD U(0.3, 1.2) voxels; a third of the images is softer along one axis."""
    batch, axes = len(image), image.ndim - 2
    sd = uniform((batch, 1), 0.3, 1.2, generator).expand(batch, axes).clone()
    axis = torch.randint(axes, (batch,), generator=generator, device=generator.device)
    softer = uniform((batch,), 1, 2, generator)
    chosen = torch.rand(batch, generator=generator, device=generator.device) < 0.33
    sd[torch.arange(batch, device=sd.device), axis] *= torch.where(chosen, softer, 1.0)
    return gaussian_blur(image, sd)


def thick_slices(image: Tensor, axis: int, thickness: int, *, phase: int = 0) -> Tensor:
    """Average over ``thickness`` voxels along a spatial axis, then interpolate linearly back.

    What a stack of thick slices looks like in the planes across it. Anatomy stays in place; the
    first slice begins ``phase`` voxels before the image, whose border is replicated as needed.
    """
    dim = axis + 2
    size = image.shape[dim]
    slices = -(-(size + phase) // thickness)
    position = torch.arange(-phase, slices * thickness - phase, device=image.device)
    padded = image.index_select(dim, position.clamp(0, size - 1))
    split = [*image.shape[:dim], slices, thickness, *image.shape[dim + 1 :]]
    means = padded.reshape(split).mean(dim=dim + 1)
    place = (torch.arange(size, device=image.device) + phase - (thickness - 1) / 2) / thickness
    place = place.clamp(0, slices - 1)
    lower = place.floor().long().clamp(max=max(slices - 2, 0))
    shape = [1] * image.ndim
    shape[dim] = -1
    weight = (place - lower).reshape(shape)
    upper = (lower + 1).clamp(max=slices - 1)
    return means.index_select(dim, lower) * (1 - weight) + means.index_select(dim, upper) * weight


def random_thick_slices(
    image: Tensor, axis: int, share: float, generator: torch.Generator
) -> Tensor:
    """A ``share`` of the images, acquired as thick slices along ``axis`` (2 to 6 voxels)."""
    thickness = _integer(2, MAX_THICKNESS, generator)
    chosen = torch.rand(len(image), generator=generator, device=generator.device) < share
    thick = thick_slices(image, axis, thickness, phase=_integer(0, thickness - 1, generator))
    return torch.where(chosen.reshape(-1, *[1] * (image.ndim - 1)), thick, image)


def coarse_matrix(image: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """A ``share`` of the images, acquired at 0.4 to 0.9 of the resolution and interpolated."""
    factor = float(uniform((1,), 0.4, 0.9, generator))
    shape = [max(4, round(n * factor)) for n in image.shape[2:]]
    coarse = functional.interpolate(image, size=tuple(shape), mode="area")
    # area pooling keeps pixel edges in place, so the way back must do the same
    mode = "bilinear" if image.ndim == 4 else "trilinear"
    coarse = functional.interpolate(coarse, size=image.shape[2:], mode=mode, align_corners=False)
    chosen = torch.rand(len(image), generator=generator, device=generator.device) < share
    return torch.where(chosen.reshape(-1, *[1] * (image.ndim - 1)), coarse, image)


def receiver_noise(image: Tensor, generator: torch.Generator) -> Tensor:
    """Rician or Gaussian noise of SD U(0, 0.06), sometimes correlated by interpolation."""
    batch = len(image)
    shape = (batch, *[1] * (image.ndim - 1))
    sd = uniform(shape, 0, 0.06, generator)
    noise = torch.randn(2, *image.shape, generator=generator, device=generator.device) * sd
    correlated = torch.rand(shape, generator=generator, device=generator.device) < 0.3
    smooth = gaussian_blur(noise[0], torch.full((batch, image.ndim - 2), 0.7, device=image.device))
    real = torch.where(correlated, 1.8 * smooth, noise[0])
    rician = torch.rand(shape, generator=generator, device=generator.device) < 0.5
    magnitude = ((image + real) ** 2 + noise[1] ** 2).sqrt()
    return torch.where(rician, magnitude, image + real)


def field_of_view(
    spatial: torch.Size, batch: int, share: float, generator: torch.Generator
) -> Tensor:
    """(B, 1, *spatial) bool, True inside the acquired box; a ``share`` of entries lacks margins."""
    device = generator.device
    mask = torch.ones(batch, 1, *spatial, dtype=torch.bool, device=device)
    chosen = torch.rand(batch, generator=generator, device=device) < share
    for axis, size in enumerate(spatial):
        margin = uniform((2, batch), -0.15, 0.3, generator).clamp(min=0) * chosen * size
        shape = [1] * (len(spatial) + 2)
        shape[axis + 2] = size
        position = torch.arange(size, device=device).reshape(shape)
        spread = (batch, *[1] * (len(spatial) + 1))
        inside = (position >= margin[0].reshape(spread)) & (
            position < size - margin[1].reshape(spread)
        )
        mask &= inside
    return mask


def _integer(low: int, high: int, generator: torch.Generator) -> int:
    """A random integer in [low, high]."""
    drawn = torch.randint(low, high + 1, (1,), generator=generator, device=generator.device)
    return int(drawn)
