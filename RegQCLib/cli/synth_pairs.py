"""The files that ``regqc synth`` writes.

Volumes: ``0000_fixed.nii.gz``, ``0000_moving.nii.gz`` and ``0000_truth.nii.gz``, the exact
displacement (fixed to moving points, ANTs convention). Slices: ``0000.npz`` with ``images``
(2, H, W), ``match_mm`` (3, H, W) along row, column and normal, and ``body`` (H, W). Either way
``0000.png`` and a row in ``pairs.csv``.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from RegQCLib.geometry.field_io import save_field
from RegQCLib.geometry.image_io import save_volume
from RegQCLib.geometry.resample import resample
from RegQCLib.progress import Progress
from RegQCLib.synthesis.label_maps import random_label_map
from RegQCLib.synthesis.noise import log_uniform
from RegQCLib.synthesis.slice_pairs import slice_pairs
from RegQCLib.synthesis.volume_pairs import VolumeSettings, volume_pair

MAP_VOXELS = 128
MOVES_MM = (0.5, 8.0)  # mean misalignment of moved volumes, drawn log-uniformly
COLUMNS = ("pair", "misaligned", "mean_mm", "voxel_mm")
Row = tuple[str, bool, float, str]
FloatArray = NDArray[np.floating]


def label_maps(count: int, seed: int, device: str, progress: Progress) -> Tensor:
    """Draw ``count`` label maps, (count, 128, 128, 128) uint8 on ``device``."""
    maps = []
    for index in range(count):
        progress("drawing label maps", index / count)
        maps.append(random_label_map((MAP_VOXELS,) * 3, _generator(device, seed, index)))
    return torch.stack(maps)


def write_volumes(
    folder: Path,
    bank: Tensor,
    *,
    count: int,
    seed: int,
    size: int,
    misaligned_share: float,
    progress: Progress,
) -> None:
    """Write ``count`` pairs of volumes whose longest side has ``size`` fine voxels."""
    rows: list[Row] = []
    for index in range(count):
        progress("drawing volumes", index / count)
        generator = _generator(str(bank.device), seed, len(bank) + index)
        chance = torch.rand(1, generator=generator, device=bank.device)
        moved = bool(chance < misaligned_share)
        mean_mm = float(log_uniform((1,), *MOVES_MM, generator)) if moved else 0.0
        pair = volume_pair(bank, mean_mm, generator, VolumeSettings(voxels=size))
        name = f"{index:04d}"
        save_volume(pair.fixed, folder / f"{name}_fixed.nii.gz")
        save_volume(pair.moving, folder / f"{name}_moving.nii.gz")
        save_field(pair.truth, folder / f"{name}_truth.nii.gz")
        middle = pair.fixed.shape[0] // 2
        as_stored = resample(pair.moving, pair.fixed.grid).array[middle]
        repaired = resample(pair.moving, pair.fixed.grid, pair.truth).array[middle]
        length = np.linalg.norm(pair.truth.array[:, middle], axis=0)
        _picture(folder / f"{name}.png", pair.fixed.array[middle], as_stored, repaired, length)
        voxel = " x ".join(f"{s:.2f}" for s in pair.fixed.spacing)
        rows.append((name, moved, pair.mean_mm, voxel))
    _write_rows(folder, rows)


def write_slices(
    folder: Path,
    bank: Tensor,
    *,
    count: int,
    seed: int,
    size: int,
    misaligned_share: float,
    progress: Progress,
) -> None:
    """Write ``count`` pairs of ``size`` x ``size`` slices; their moves are drawn in pixels."""
    rows: list[Row] = []
    for index in range(count):
        progress("drawing slices", index / count)
        generator = _generator(str(bank.device), seed, len(bank) + index)
        pairs = slice_pairs(bank, 1, size, generator, misaligned_share=misaligned_share)
        name = f"{index:04d}"
        images, match = pairs.images[0].cpu().numpy(), pairs.match_mm[0].cpu().numpy()
        body = pairs.body[0].cpu().numpy()
        np.savez_compressed(folder / f"{name}.npz", images=images, match_mm=match, body=body)
        _picture(folder / f"{name}.png", images[0], images[1], None, np.linalg.norm(match, axis=0))
        pixel = f"{float(pairs.pixel_mm[0]):.2f}"
        rows.append((name, bool(pairs.misaligned[0]), float(pairs.mean_mm[0]), pixel))
    _write_rows(folder, rows)


def _generator(device: str, seed: int, index: int) -> torch.Generator:
    """Return a generator of its own for item ``index``, whatever else was drawn before."""
    state = int(np.random.SeedSequence((seed, index)).generate_state(1, np.uint64)[0] >> 1)
    return torch.Generator(device).manual_seed(state)


def _picture(
    path: Path,
    fixed: FloatArray,
    moving: FloatArray,
    repaired: FloatArray | None,
    length_mm: FloatArray,
) -> None:
    """Draw one slice: fixed, moving, moving put right where that is known, misalignment in mm."""
    from matplotlib.figure import Figure

    grays = [("fixed", fixed), ("moving", moving)]
    if repaired is not None:
        grays.append(("moving put right", repaired))
    figure = Figure(figsize=(3.2 * (len(grays) + 1), 3.4), layout="constrained")
    axes = figure.subplots(1, len(grays) + 1)
    for axis, (title, image) in zip(axes, grays, strict=False):
        axis.imshow(image, cmap="gray")
        axis.set_title(title)
    shown = axes[-1].imshow(length_mm, cmap="viridis", vmin=0)
    axes[-1].set_title("misalignment (mm)")
    figure.colorbar(shown, ax=axes[-1])
    for axis in axes:
        axis.set_axis_off()
    figure.savefig(path, dpi=80)


def _write_rows(folder: Path, rows: list[Row]) -> None:
    with (folder / "pairs.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        writer.writerows((n, int(moved), f"{mean:.4f}", voxel) for n, moved, mean, voxel in rows)
