"""Label maps of random shapes: noise, warped by random velocity fields, largest channel wins.

Source: SynthMorph (Hoffmann et al., arXiv 2004.10282), as used by ISMRM 2022 #1880.
Maps tile space by mirroring, so that a map of 128 voxels serves scenes of any size.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from RegQCLib.errors import InputError
from RegQCLib.geometry.atomic_file import atomic_file
from RegQCLib.geometry.warp_torch import exponential, warp
from RegQCLib.progress import Progress, silent
from RegQCLib.synthesis.noise import multiscale_noise, resize, smooth_noise

LABELS = 26
NOISE_SCALES = (4.0, 8.0, 16.0, 32.0)  # voxels of the half-resolution grid
WARP_SCALE = 8.0  # half-resolution voxels between velocity nodes
WARP_SD = 3.0  # half-resolution voxels


def random_label_map(
    shape: Sequence[int], generator: torch.Generator, *, labels: int = LABELS
) -> Tensor:
    """One map of random shapes, uint8 in [0, labels), of 2-D or 3-D ``shape``.

    Shapes are drawn at half resolution, where they are smooth, and compared at full resolution.
    """
    half = [max(4, -(-n // 2)) for n in shape]
    noise = multiscale_noise(labels, half, NOISE_SCALES, generator)
    moved = warp(noise, _random_displacement(labels, half, generator))
    best = torch.full(tuple(shape), -torch.inf, device=generator.device)
    result = torch.zeros(tuple(shape), dtype=torch.uint8, device=generator.device)
    for label in range(labels):  # one channel at a time keeps memory at two volumes
        channel = resize(moved[label : label + 1], shape)[0, 0]
        wins = channel > best
        best = torch.where(wins, channel, best)
        result[wins] = label
    return result


def _random_displacement(channels: int, shape: Sequence[int], generator: torch.Generator) -> Tensor:
    """(channels, axes, *shape) voxel displacements of random diffeomorphisms."""
    axes = len(shape)
    coarse = [max(4, n // 2) for n in shape]  # velocities are smooth: integrate them coarsely
    velocity = smooth_noise(channels * axes, coarse, WARP_SCALE / 2, generator)
    velocity = velocity.reshape(channels, axes, *coarse) * (WARP_SD / 2)
    return resize(exponential(velocity, steps=5), shape) * 2


def load_or_make_bank(
    path: Path, *, count: int, size: int, seed: int, progress: Progress = silent
) -> Tensor:
    """Ready-made 3-D label maps, (count, size, size, size) uint8, kept at ``path`` (.npy).

    Drawing a map costs seconds, reading one nothing: training draws slices from a bank.
    Map n depends on ``seed + n`` only. Raises InputError when the file holds another bank or none.
    """
    if path.exists():
        try:
            bank = np.load(path)
        except (OSError, ValueError, EOFError):
            raise InputError(f"{path} is no readable label bank; remove it") from None
        if bank.shape != (count, size, size, size) or bank.dtype != np.uint8:
            raise InputError(f"{path} holds another label bank, shape {bank.shape}; remove it")
        return torch.from_numpy(bank)
    bank = np.empty((count, size, size, size), dtype=np.uint8)
    for index in range(count):
        generator = torch.Generator().manual_seed(seed + index)
        bank[index] = random_label_map((size, size, size), generator).numpy()
        progress("drawing label maps", (index + 1) / count)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(path) as temporary:
        np.save(temporary, bank)
    return torch.from_numpy(bank)
