"""Seeds 002 (its unsupervised part) and 003: networks without labels against iterative methods.

``python -m Testing.Benchmarks.learned.unsupervised_brains --out FILE --work DIR`` brings one brain,
the atlas, to others: affine, iterative, VoxelMorph-1 and VoxelMorph-2 (local correlation). With
``--thinned`` the others keep one axial slice of seven (14 %), so that truth is known: VoxelMorph,
SparseVM with the fixed image's confidence, and with that of both images, all by squared error. Dice
of the 30 structures that VoxelMorph scores, which no method sees; seconds of a registration, after
the affine start for all but the affine itself. Few brains, few steps, voxels of 3 mm: what is
compared is trained alike, and stands far below published training. Every seed draws other subjects
to train on and to measure. DIR keeps what is done.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from RegQCLib.batch.pairs import read_pairs
from RegQCLib.errors import InputError
from RegQCLib.evaluation.comparison import compare
from RegQCLib.evaluation.methods import read_methods
from RegQCLib.evaluation.pair_set import run_set
from RegQCLib.geometry.image_io import save_volume
from RegQCLib.geometry.volume import Volume
from Testing.Benchmarks.learned.data import ATLAS, BRAINS, anatomy, brain, every_nth, scored
from Testing.Benchmarks.learned.figure import save_figure
from Testing.Benchmarks.learned.intervals import summary
from Testing.Benchmarks.learned.training import kept, show, trained
from Testing.Benchmarks.results_file import write_results

SPACING_MM = 3.0
KEPT = 7
"""One slice of so many is left of a thinned brain."""

SHIPPED = "contrast-agnostic"
"""What ships, beside them: trained on synthetic shapes, at its own resolution."""

VALIDATION, TEST = 1, 2  # subjects
FULL_LOSS = {"similarity": "lncc", "window": 9, "weight": 1.0}
THIN_LOSS = {"similarity": "mse", "weight": 0.4}
LEARNING_RATE = {False: 3e-4, True: 5e-4}
NORMALIZATION = {False: "minmax", True: "zscore"}
"""Without and with thinned brains; a squared error of intensities from 0 to 1 weighs too little."""

MASKED = {**THIN_LOSS, "confidence": "slices", "confidence_as": "weights"}
"""By value: nearly all voxels of 3 mm are within one of a slice, so that a set tells little."""

METHODS: dict[bool, dict[str, tuple[str, dict[str, Any]]]] = {
    False: {
        "voxelmorph-1": ("voxelmorph-1", FULL_LOSS),
        "voxelmorph-2": ("voxelmorph-2", FULL_LOSS),
    },
    True: {
        "voxelmorph": ("sparsevm", THIN_LOSS),
        "sparsevm": ("sparsevm", MASKED),
        "sparsevm-both": ("sparsevm", {**MASKED, "confidence_of": "both"}),
    },
}
"""Network and loss of each trained method, without and with thinned brains."""
FIGURE = {"dice": "Dice", "folded_percent": "folded voxels, %", "seconds": "seconds on the CPU"}


def prepare(work: Path, *, thinned: bool) -> Path:
    """Images and labels of all brains in one folder."""
    folder = work / ("thinned" if thinned else "full")
    folder.mkdir(parents=True, exist_ok=True)
    for name in (ATLAS, *BRAINS):
        image, labels = (folder / f"{name}_{kind}.nii.gz" for kind in ("image", "labels"))
        if labels.exists():
            continue
        volume = brain(name)
        save_volume(thin(volume) if thinned and name != ATLAS else volume, image)
        save_volume(scored(anatomy(name)), labels)
    return folder


def thin(volume: Volume) -> Volume:
    """One axial slice of `KEPT`."""
    return every_nth(volume, 2 - int(np.argmax(np.abs(volume.affine[2, :3]))), KEPT)


def split(seed: int) -> dict[str, str]:
    """What every subject but the atlas is for."""
    order = np.random.default_rng([2, seed]).permutation(len(BRAINS))
    names = [BRAINS[n] for n in order]
    uses = ["test"] * TEST + ["val"] * VALIDATION + ["train"] * len(BRAINS)
    return dict(zip(names, uses, strict=False))


def configuration(
    folder: Path, seed: int, name: str, steps: int, *, thinned: bool
) -> dict[str, Any]:
    """Of the method ``name``."""
    network, loss = METHODS[thinned][name]
    uses = split(seed)
    return {
        "name": f"{folder.name}_{network}_{seed}",
        "network": {"name": network},
        "data": {
            "source": "folder",
            "path": str(folder),
            "images": "{subject}_image.nii.gz",
            "labels": "{subject}_labels.nii.gz",
            "pairs": "atlas",
            "atlas": str(folder / f"{ATLAS}_image.nii.gz"),
            "atlas_labels": str(folder / f"{ATLAS}_labels.nii.gz"),
            "validation_subjects": [name for name, use in uses.items() if use == "val"],
            "test_subjects": [ATLAS, *(name for name, use in uses.items() if use == "test")],
            "align": "affine",
        },
        "preprocessing": {"spacing_mm": SPACING_MM, "normalization": NORMALIZATION[thinned]},
        "loss": {"regularization": "diffusion", **loss},
        "training": {
            "steps": steps,
            "learning_rate": LEARNING_RATE[thinned],
            "precision": "bf16",
            "clip_norm": 1.0,
            "validate_every": max(1, steps // 8),
            "checkpoint_every": max(1, steps // 16),
            "seed": seed,
        },
    }


def manifest(folder: Path, seed: int) -> Path:
    """The pairs that are measured, as ``regqc evaluate --pairs`` reads them."""
    file = folder / f"test_{seed}.csv"
    with file.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("id", "fixed", "moving", "fixed_labels", "moving_labels"))
        for name, use in split(seed).items():
            if use == "test":
                files = [
                    f"{n}_{kind}.nii.gz" for kind in ("image", "labels") for n in (name, ATLAS)
                ]
                writer.writerow((name, *files))
    return file


def run_seed(work: Path, seed: int, steps: int, *, thinned: bool) -> dict[str, Any]:
    """Mean Dice, folds and seconds of every method over the subjects measured with this seed."""
    folder = prepare(work, thinned=thinned)
    models = []
    for name in METHODS[thinned]:
        config = configuration(folder, seed, name, steps, thinned=thinned)
        file = trained(config, work / f"{folder.name}_seed{seed}" / name)
        models.append(f"{name}={file}")
    pairs = read_pairs(manifest(folder, seed)).pairs
    rows = run_set(pairs, read_methods(["affine"], "auto"), progress=show)
    others = read_methods(["deformable", SHIPPED, *models], "auto")[1:]
    rows += run_set(pairs, others, start="affine", progress=show)
    found = compare(rows, {})
    for problem in found.problems:
        print(f"\n{problem}")
    return {
        one.name: {
            "dice": one.mean["dice"],
            "folded_percent": one.mean["folded_percent"],
            "seconds": one.seconds,
        }
        for one in found.standings
    }


def summarized(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Mean and interval over the seeds."""
    return {
        name: {key: summary([run[name][key] for run in runs]) for key in first}
        for name, first in runs[0].items()
    }


def main() -> None:
    """Run all seeds and write, or print, the table."""
    parser = argparse.ArgumentParser(prog="learned.unsupervised_brains", description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--thinned", action="store_true", help="seed 003 in place of seed 002")
    args = parser.parse_args()
    what = "thinned" if args.thinned else "full"
    runs = [
        kept(
            args.work / f"{what}_seed{seed}" / "figures.json",
            partial(run_seed, args.work, seed, args.steps, thinned=args.thinned),
        )
        for seed in range(args.seeds)
    ]
    table = summarized(runs)
    print()
    for name, values in table.items():
        print(f"{name:16s} " + ", ".join(f"{k} {v['mean']:.4g}" for k, v in values.items()))
    if args.out:
        sizes = {"steps": args.steps, "seeds": args.seeds, "spacing_mm": SPACING_MM}
        write_results(args.out, {**sizes, "thinned": args.thinned, "runs": runs, "summary": table})
        title = "thinned to one slice in seven" if args.thinned else "full brains"
        save_figure(args.out.with_suffix(".png"), {title: table}, FIGURE)


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        raise SystemExit(f"error: {error}") from None
