"""Stacks of thick slices: what a lesser weight between their slices gains.

``python -m Testing.Benchmarks.registration.thick_stacks --out FILE`` registers brains of different
people, affinely and then deformably, with voxels between the slices of the moving stack counting
0.05, 0.3 or 1 (as much as those on a slice). "fine": axial slices 7 mm apart, on a volume of 2 mm.
"crossed": sagittal slices 5 mm apart on axial ones 5 mm apart. The stacks are thinned from full
scans; Dice of all automatic labels, at the resolution of the fixed image. ``--pairs N``: only the
first N of six.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from RegQCLib.geometry.foreground import body_mask
from RegQCLib.geometry.orientation import canonical, crop_to
from RegQCLib.geometry.resample import resample
from RegQCLib.geometry.transforms import Transform
from RegQCLib.geometry.volume import Volume
from RegQCLib.registration.iterative.affine import register_affine
from RegQCLib.registration.iterative.affine_images import block_means, blocks_grid
from RegQCLib.registration.iterative.deformable import register_deformable
from Testing.Benchmarks.learned.data import anatomy, brain, every_nth
from Testing.Benchmarks.learned.intervals import summary
from Testing.Benchmarks.results_file import write_results

PAIRS = (
    ("fs_sub01", "fs_sub03"),
    ("fs_sub03", "fs_sub04"),
    ("fs_sub04", "fs_sub06"),
    ("fs_bert", "fs_sub08"),
    ("fs_sub06", "fs_sub01"),
    ("fs_sub08", "fs_bert"),
)
WEIGHTS = (1.0, 0.3, 0.05)
AXIAL, SAGITTAL = 0, 2  # array axes of canonical volumes
FEWEST_VOXELS = 50  # of a structure that counts
MARGIN_MM = 10


def images(fixed: str, moving: str, situation: str) -> tuple[Volume, Volume]:
    """Both brains, the moving one and, when crossed, the fixed one as stacks."""
    whole, other = (cropped(canonical(brain(name))) for name in (fixed, moving))
    if situation == "fine":
        return averaged(whole, (2, 2, 2)), averaged(every_nth(other, AXIAL, 7), (1, 2, 2))
    return every_nth(whole, AXIAL, 5), every_nth(other, SAGITTAL, 5)


def cropped(volume: Volume) -> Volume:
    """Only what is around the brain."""
    return crop_to(volume, body_mask(volume), MARGIN_MM)


def averaged(volume: Volume, factors: tuple[int, int, int]) -> Volume:
    """Mean over blocks of (k, j, i) voxels."""
    grid = blocks_grid(volume.grid, factors)
    return Volume(block_means(volume.array, factors), grid.affine, volume.name)


def dice(fixed: Volume, moving: Volume, transform: Transform) -> float:
    """Mean over the structures of ``fixed`` that are not tiny."""
    moved = resample(moving, fixed.grid, transform, interpolation="nearest").array
    values, counts = np.unique(fixed.array[fixed.array > 0], return_counts=True)
    overlaps = []
    for value in values[counts >= FEWEST_VOXELS]:
        a, b = fixed.array == value, moved == value
        overlaps.append(2 * int((a & b).sum()) / int(a.sum() + b.sum()))
    return float(np.mean(overlaps))


def measured(names: tuple[str, str], situation: str) -> dict[str, Any]:
    """Dice and folds of a pair, affinely and with each weight."""
    fixed, moving = images(*names, situation)
    truth = resample(anatomy(names[0]), fixed.grid, interpolation="nearest")
    labels = anatomy(names[1])
    start = register_affine(fixed, moving, kind="affine").transform
    row: dict[str, Any] = {"pair": names, "affine": dice(truth, labels, start)}
    for weight in WEIGHTS:
        found = register_deformable(fixed, moving, init=start, between_slices=weight)
        row[f"{weight:g}"] = dice(truth, labels, found.transform)
        row[f"folded_{weight:g}"] = found.folded_fraction
    return row


def main() -> None:
    """Measure all pairs and write, or print, the table."""
    parser = argparse.ArgumentParser(prog="registration.thick_stacks", description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--pairs", type=int, default=len(PAIRS))
    args = parser.parse_args()
    result: dict[str, Any] = {"weights": WEIGHTS}
    for situation in ("fine", "crossed"):
        rows = [measured(names, situation) for names in PAIRS[: args.pairs]]
        keys = ("affine", *(f"{weight:g}" for weight in WEIGHTS))
        table = {key: summary([row[key] for row in rows]) for key in keys}
        gains = {f"{w:g}": summary([row[f"{w:g}"] - row["1"] for row in rows]) for w in WEIGHTS[1:]}
        result[situation] = {"rows": rows, "dice": table, "gain": gains}
        print(situation, {key: round(value["mean"] or 0, 4) for key, value in table.items()})
    if args.out:
        write_results(args.out, result)


if __name__ == "__main__":
    main()
