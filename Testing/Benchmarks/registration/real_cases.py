"""Registration of real images: two people's brains, and studies found misaligned."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from RegQCLib.geometry.foreground import body_mask
from RegQCLib.geometry.image_io import load_volume
from RegQCLib.geometry.resample import coverage, resample
from RegQCLib.geometry.volume import Volume
from RegQCLib.similarity.arrays import block_average
from Testing.Benchmarks.detection.cases import as_float
from Testing.Benchmarks.detection.pairs import Pair, data_folder, load_natural_pairs
from Testing.Benchmarks.registration.cases import Case

INTER, NATURAL = "inter", "natural"
REAL_TASKS = (INTER, NATURAL)
PEOPLE = ("l2r_subj1", "vxm_test")
Maker = Callable[[], Case]


def inter_cases(spacing_mm: float | None = None) -> dict[str, Maker]:
    """Two brains with automatic labels, both ways round; affinely aligned by their authors.

    spacing_mm: average the voxels up to this size first.
    """
    ways = (PEOPLE, PEOPLE[::-1])
    return {
        f"{INTER}-{'+'.join(people)}": lambda people=people: _inter(people, spacing_mm)
        for people in ways
    }


def natural_cases() -> dict[str, Maker]:
    """Pairs that lie misaligned in the archive, both ways round, with the authors' transforms."""
    pairs = [pair for found in load_natural_pairs() for pair in (found.pair, found.pair.swapped())]
    return {f"{NATURAL}-{pair.name}": lambda pair=pair: _natural(pair) for pair in pairs}


def _inter(people: tuple[str, str], spacing_mm: float | None) -> Case:
    folder = data_folder()
    images, labels = [], []
    for person in people:
        image = as_float(load_volume(folder / f"{person}_T1brain.nii.gz"))
        anatomy = load_volume(folder / f"{person}_aseg.nii.gz")
        if spacing_mm is not None:
            image = block_average(image, spacing_mm)
            anatomy = resample(anatomy, image.grid, interpolation="nearest")
        images.append(image)
        labels.append(_whole(anatomy))
    region = np.asarray(labels[0].array > 0)
    return Case(f"{INTER}-{'+'.join(people)}", *images, *labels, None, region)


def _natural(pair: Pair) -> Case:
    fixed, moving = (as_float(volume) for volume in pair.load())
    truth = pair.gold_transform()
    region = np.asarray(body_mask(fixed.array)) & coverage(moving.grid, fixed.grid, truth)
    return Case(f"{NATURAL}-{pair.name}", fixed, moving, None, None, truth, region)


def _whole(labels: Volume) -> Volume:
    return labels.with_array(np.rint(labels.array).astype(np.int32))
