"""Where a deformation begins: what a contrast-agnostic network makes of both images at once."""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from RegQCLib.registration.iterative.control_grid import ControlGrid
from RegQCLib.registration.iterative.deformable_pair import Pair
from RegQCLib.registration.iterative.deformable_start import on_control
from RegQCLib.registration.networks.contrast_agnostic import ContrastAgnostic
from RegQCLib.registration.networks.model_file import load_model

MODEL = Path(__file__).resolve().parents[2] / "weights" / "contrast_agnostic.npz"

FINEST_MM = 1.0
"""Voxels smaller than this are averaged first."""

MOST_VOXELS = 8e6
"""Larger volumes are averaged further: the prediction is but a start, and memory is bounded."""

NODES_MM = 4.0
CLIP = (0.005, 0.995)  # shares of the voxels beyond which intensities are cut off
SAMPLES = 100_000


@lru_cache(maxsize=1)
def shipped_network() -> ContrastAgnostic:
    """The network in the installation. Raises InputError when its file is missing or damaged."""
    network = load_model(MODEL).network
    assert isinstance(network, ContrastAgnostic)
    return network


def can_predict(pair: Pair, network: ContrastAgnostic) -> bool:
    """Whether the network was made for such images: volumes that are not too thin."""
    if len(pair.axes) < 3:
        return False
    return min(pair.extent) >= network.divisor * max(pair.voxel_mm, FINEST_MM)


def learned_start(pair: Pair, network: ContrastAgnostic) -> tuple[ControlGrid, Tensor]:
    """Control points and coefficients (3, *counts) in mm of the displacement that is predicted.

    The network gets cubic voxels, whatever those of the pair are.
    """
    level = pair.level(max(1, round(FINEST_MM / pair.voxel_mm)))
    sides = tuple(n * step for n, step in zip(level.fixed.shape[2:], level.spacing, strict=True))
    voxel = max(min(level.spacing), FINEST_MM, (math.prod(sides) / MOST_VOXELS) ** (1 / 3))
    counts = [max(1, round(side / voxel)) for side in sides]
    inside = level.moving
    for axis, (first, count) in enumerate(zip(level.start, level.fixed.shape[2:], strict=True)):
        inside = inside.narrow(2 + axis, first, count)
    images = [_prepared(image, counts, network.divisor) for image in (level.fixed, inside)]
    with torch.inference_mode():
        finest = network.to(images[0].device)(*images).levels[-1]
    steps = tuple(side / count for side, count in zip(sides, counts, strict=True))
    nodes = tuple(network.stride * step for step in steps)
    depth, height, width = (-(-count // network.stride) for count in counts)
    cells = finest[0, :, :depth, :height, :width].clone()
    offset = tuple(
        first + (node - own) / 2
        for first, node, own in zip(level.offset, nodes, level.spacing, strict=True)
    )
    control = ControlGrid(pair.extent, tuple(max(NODES_MM, step) for step in level.spacing))
    shift = cells * cells.new_tensor(nodes).view(3, 1, 1, 1)
    return control, on_control(shift, control, nodes, offset)


def _prepared(image: Tensor, counts: list[int], divisor: int) -> Tensor:
    """Intensities from 0 to 1 on ``counts`` cubic voxels, and what is missing to a multiple."""
    flat = image.flatten()
    sample = flat[:: max(1, flat.numel() // SAMPLES)]
    low, high = torch.quantile(sample, torch.tensor(CLIP, dtype=flat.dtype, device=flat.device))
    scaled = ((image - low) / (high - low).clamp(min=1e-6)).clamp(0, 1)
    if list(image.shape[2:]) != counts:
        scaled = functional.interpolate(scaled, size=counts, mode="trilinear", align_corners=False)
    missing = [pad for count in reversed(counts) for pad in (0, -count % divisor)]
    return functional.pad(scaled, missing).contiguous(memory_format=torch.channels_last_3d)
