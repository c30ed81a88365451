"""Synthetic pairs as files: what ``regqc synth`` writes.

Volumes: ``pair_0001_fixed.nii.gz``, ``_moving``, ``_body`` (mask on the fixed grid) and ``_truth``,
the exact displacement from fixed to moving points (ANTs convention). Slices: ``pair_0001.npz`` with
``images`` (2, H, W), ``match_mm`` (3, H, W) along row, column and normal, ``body`` (H, W) and
``pixel_mm``. Either way pictures and a row of ``manifest.csv`` for each pair; ``regqc batch`` takes
that of volumes. A pair depends on the settings, the seed and its number, not on how many are
written.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from RegQCLib.geometry.image_io import save_volume
from RegQCLib.geometry.transform_io import save_transform
from RegQCLib.progress import Progress, silent
from RegQCLib.synthesis.label_maps import random_label_map
from RegQCLib.synthesis.noise import log_uniform
from RegQCLib.synthesis.pair_pictures import ROWS_PER_SHEET, PictureRow, draw_rows, volume_rows
from RegQCLib.synthesis.slice_pairs import SlicePairs, slice_pairs
from RegQCLib.synthesis.volume_pairs import VolumeSettings, volume_pair

MAP_VOXELS = 96
MOVES_MM = (0.5, 8.0)  # mean misalignment of moved volumes, drawn log-uniformly
COLUMNS = ("seed", "misaligned", "mean_mm", "moved_slices", "spacing_mm")
VOLUME_COLUMNS = ("id", "fixed", "moving", "mask", "truth", *COLUMNS)
SLICE_COLUMNS = ("id", "file", *COLUMNS)


@dataclass(frozen=True)
class PairSettings:
    """What to draw.

    count, seed, size: how many pairs, from which seed, of how many voxels along the longest side.
    mean_mm: mean misalignments, taken in turn; empty draws them, for a ``misaligned_share``.
    difficulty: 0 gives both images the same contrast, 1 mostly different ones.
    """

    count: int
    seed: int = 0
    size: int = 112
    mean_mm: Sequence[float] = ()
    misaligned_share: float = 0.5
    difficulty: float = 1.0


def draw_bank(count: int, seed: int, device: str, progress: Progress = silent) -> Tensor:
    """Draw ``count`` label maps, (count, 96, 96, 96) uint8 on ``device``; nothing is cached."""
    maps = []
    for index in range(count):
        progress("drawing label maps", index / count)
        maps.append(random_label_map((MAP_VOXELS,) * 3, _generator(device, seed, index)))
    return torch.stack(maps)


def write_volume_pairs(
    folder: Path, bank: Tensor, settings: PairSettings, progress: Progress = silent
) -> None:
    """Write pairs of volumes, each on a grid of its own."""
    rows: list[tuple[object, ...]] = []
    for index in range(settings.count):
        progress("drawing volumes", index / settings.count)
        generator = _generator(str(bank.device), settings.seed, len(bank) + index)
        asked = _mean_mm(index, settings, generator)
        shape = VolumeSettings(voxels=settings.size, difficulty=settings.difficulty)
        pair = volume_pair(bank, asked, generator, shape)
        name = _name(index)
        files = [f"{name}_{part}.nii.gz" for part in ("fixed", "moving", "body", "truth")]
        save_volume(pair.fixed, folder / files[0])
        save_volume(pair.moving, folder / files[1])
        body = pair.fixed.with_array(pair.body.astype(np.uint8), name="body")
        save_volume(body, folder / files[2])
        save_transform(pair.truth, folder / files[3])
        draw_rows(volume_rows(pair, name), folder / f"{name}.png")
        moved_slices = int(pair.slice_shifts_mm.any(axis=1).sum())
        spacing = " ".join(f"{s:.4f}" for s in pair.fixed.spacing)
        about = (settings.seed, int(asked > 0), f"{pair.mean_mm:.4f}", moved_slices, spacing)
        rows.append((name, *files, *about))
    _write_manifest(folder, VOLUME_COLUMNS, rows)


def write_slice_pairs(
    folder: Path, bank: Tensor, settings: PairSettings, progress: Progress = silent
) -> None:
    """Write pairs of square slices; where no mean is asked for, moves are drawn in pixels."""
    rows: list[tuple[object, ...]] = []
    sheet: list[PictureRow] = []
    for index in range(settings.count):
        progress("drawing slices", index / settings.count)
        generator = _generator(str(bank.device), settings.seed, len(bank) + index)
        asked = None
        if settings.mean_mm:
            asked = torch.tensor([_mean_mm(index, settings, generator)], device=bank.device)
        pair = slice_pairs(
            bank,
            1,
            settings.size,
            generator,
            difficulty=settings.difficulty,
            misaligned_share=settings.misaligned_share,
            mean_mm=asked,
        )
        name = _name(index)
        sheet.append(_write_slices(folder / f"{name}.npz", pair, name))
        if len(sheet) == ROWS_PER_SHEET or index + 1 == settings.count:
            first = _name(index + 1 - len(sheet))
            draw_rows(sheet, folder / f"{first}_to_{name.removeprefix('pair_')}.png")
            sheet = []
        mean, pixel = float(pair.mean_mm[0]), float(pair.pixel_mm[0])
        moved = int(pair.misaligned[0])
        about = (settings.seed, moved, f"{mean:.4f}", 0, f"{pixel:.4f} {pixel:.4f}")
        rows.append((name, f"{name}.npz", *about))
    _write_manifest(folder, SLICE_COLUMNS, rows)


def _write_slices(path: Path, pair: SlicePairs, name: str) -> PictureRow:
    """Write one pair of slices and return how to draw it."""
    images = pair.images[0].cpu().numpy()
    match = pair.match_mm[0].cpu().numpy()
    body = pair.body[0].cpu().numpy()
    pixel = float(pair.pixel_mm[0])
    np.savez_compressed(path, images=images, match_mm=match, body=body, pixel_mm=np.float32(pixel))
    length = np.where(body, np.linalg.norm(match, axis=0), np.nan)
    caption = f"{name}: mean {float(pair.mean_mm[0]):.2f} mm, pixel {pixel:.2f} mm"
    return PictureRow(caption, images[0], images[1], None, length, (pixel, pixel))


def _mean_mm(index: int, settings: PairSettings, generator: torch.Generator) -> float:
    """Mean misalignment of pair ``index``: the next one asked for, or a random one."""
    if settings.mean_mm:
        return float(settings.mean_mm[index % len(settings.mean_mm)])
    chance = torch.rand(1, generator=generator, device=generator.device)
    drawn = float(log_uniform((1,), *MOVES_MM, generator))
    return drawn if bool(chance < settings.misaligned_share) else 0.0


def _generator(device: str, seed: int, index: int) -> torch.Generator:
    """Return a generator of its own for item ``index``, whatever else was drawn before."""
    state = int(np.random.SeedSequence((seed, index)).generate_state(1, np.uint64)[0] >> 1)
    return torch.Generator(device).manual_seed(state)


def _name(index: int) -> str:
    return f"pair_{index + 1:04d}"


def _write_manifest(
    folder: Path, columns: Sequence[str], rows: Sequence[tuple[object, ...]]
) -> None:
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(columns)
        writer.writerows(rows)
