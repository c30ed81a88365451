"""Variety for few images: affine motion, mirror images, other intensities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from RegQCLib.geometry.warp_torch import identity, warp
from RegQCLib.training.registration.config import AugmentationSettings
from RegQCLib.training.registration.pairs import TrainingPairs


def augmented(
    pairs: TrainingPairs, settings: AugmentationSettings, generator: torch.Generator
) -> TrainingPairs:
    """Return other pairs made of one pair, whose labels and confidences follow the images.

    pairs: on the generator's device. Where the images are moved independently, the truth between
    them is no longer known.
    """
    for axis in settings.flips:
        if float(_uniform((1,), generator)) < 0.5:
            pairs = _mirrored(pairs, axis)
    if settings.affine:
        pairs = _moved(pairs, settings.affine, generator)
    return replace(
        pairs,
        fixed=_other_intensities(pairs.fixed, settings, generator),
        moving=_other_intensities(pairs.moving, settings, generator),
    )


def corner_affine(axes: int, largest: float, generator: torch.Generator) -> Tensor:
    """Random affine map of [-1, 1]^axes, (axes, axes + 1), as label-reg draws it.

    Of one corner and its neighbors, each coordinate moves inwards by a uniform share of up to
    ``largest``; what they do determines the map.
    """
    place = generator.device
    corners = torch.cat([torch.zeros(1, axes), torch.eye(axes)]).to(place) * 2 - 1
    inwards = _uniform((axes + 1, axes), generator) * largest
    targets = corners - corners.sign() * inwards
    homogeneous = torch.cat([corners, torch.ones(axes + 1, 1, device=place)], dim=1)
    return torch.linalg.solve(homogeneous, targets).T


def affine_displacement(matrix: Tensor, shape: Sequence[int]) -> Tensor:
    """Displacement in voxels, (1, axes, *shape), of a map of [-1, 1]^axes.

    matrix: (axes, axes + 1). The outer voxels' centers lie at -1 and 1.
    """
    axes = len(shape)
    half = torch.tensor([max(n - 1, 1) / 2 for n in shape], device=matrix.device)
    half = half.reshape(1, axes, *[1] * axes)
    points = identity(tuple(shape), matrix) / half - 1
    moved = torch.einsum("ab,nb...->na...", matrix[:, :axes], points)
    offset = matrix[:, axes].reshape(1, axes, *[1] * axes)
    return (moved + offset - points) * half


def _moved(pairs: TrainingPairs, largest: float, generator: torch.Generator) -> TrainingPairs:
    shape = pairs.fixed.shape[2:]
    changed: dict[str, Tensor | None] = {"displacement": None}
    for role in ("fixed", "moving"):
        motion = affine_displacement(corner_affine(len(shape), largest, generator), shape)
        changed[role] = warp(getattr(pairs, role), motion)
        labels = getattr(pairs, f"{role}_labels")
        if labels is not None:
            moved = warp(labels[:, None].float(), motion, mode="nearest")
            changed[f"{role}_labels"] = moved[:, 0].to(labels.dtype)
        trust = getattr(pairs, f"{role}_confidence")
        if trust is not None:
            changed[f"{role}_confidence"] = warp(trust, motion)
    return replace(pairs, **changed)  # type: ignore[arg-type]


def _mirrored(pairs: TrainingPairs, axis: int) -> TrainingPairs:
    changed: dict[str, Tensor] = {}
    for name in ("fixed", "moving", "fixed_confidence", "moving_confidence", "displacement"):
        value = getattr(pairs, name)
        if value is not None:
            changed[name] = value.flip(axis + 2)
    for name in ("fixed_labels", "moving_labels"):
        value = getattr(pairs, name)
        if value is not None:
            changed[name] = value.flip(axis + 1)
    if "displacement" in changed:
        changed["displacement"][:, axis] *= -1
    return replace(pairs, **changed)  # type: ignore[arg-type]


def _other_intensities(
    image: Tensor, settings: AugmentationSettings, generator: torch.Generator
) -> Tensor:
    if settings.gamma:
        low, high = image.aminmax()
        extent = (high - low).clamp_min(torch.finfo(image.dtype).tiny)
        exponent = (settings.gamma * (2 * _uniform((1,), generator) - 1)).exp()
        image = low + extent * ((image - low) / extent) ** exponent
    if settings.noise:
        sd = settings.noise * _uniform((1,), generator) * image.std()
        image = image + sd * torch.randn(image.shape, generator=generator, device=image.device)
    return image


def _uniform(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.rand(shape, generator=generator, device=generator.device)
