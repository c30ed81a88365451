"""Registration of real images: two people's brains, T1 with T2, and studies found misaligned."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from RegQCLib.geometry.foreground import body_mask
from RegQCLib.geometry.image_io import load_volume
from RegQCLib.geometry.resample import coverage, resample
from RegQCLib.geometry.volume import Volume
from RegQCLib.similarity.arrays import block_average
from Testing.Benchmarks.detection.cases import as_float
from Testing.Benchmarks.detection.pairs import Pair, data_folder, load_natural_pairs
from Testing.Benchmarks.registration.cases import Case, deformation

INTER, NATURAL, WEIGHTINGS = "inter", "natural", "t1-t2"
REAL_TASKS = (INTER, NATURAL, WEIGHTINGS)
BOTH_WEIGHTINGS = ("omsmni_p07", "omsmni_p19")
PEOPLE = ("l2r_subj1", "vxm_test")
# FreeSurfer's numbers of the 30 structures that VoxelMorph scores (Balakrishnan et al., IEEE TMI
# 38, 2019), for which these volumes were prepared; the others are tiny or no anatomy.
SCORED = (
    *(2, 3, 4, 7, 8, 10, 11, 12, 13, 14, 15, 16, 17, 18, 24, 28, 31),
    *(41, 42, 43, 46, 47, 49, 50, 51, 52, 53, 54, 60, 63),
)
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


def weighting_cases(spacing_mm: float | None = None) -> dict[str, Maker]:
    """T1 and T2 of one brain on one grid, both ways round, the fixed one bent by a known field.

    spacing_mm: average the voxels up to this size first.
    """
    ways = (("T1", "T2"), ("T2", "T1"))
    made = {}
    for number, name in enumerate(BOTH_WEIGHTINGS):
        for way in ways:
            key = f"{WEIGHTINGS}-{name}-{'+'.join(way)}"
            made[key] = partial(_weightings, key, name, way, number, spacing_mm)
    return made


def _weightings(
    key: str, name: str, way: tuple[str, str], seed: int, spacing_mm: float | None
) -> Case:
    images = [as_float(load_volume(data_folder() / f"{name}_{w}.nii.gz")) for w in way]
    if spacing_mm is not None:
        images = [block_average(image, spacing_mm) for image in images]
    whole, moving = images
    truth = deformation(np.random.default_rng(seed))
    fixed = resample(whole, whole.grid, truth)
    return Case(key, fixed, moving, None, None, truth, np.asarray(body_mask(fixed)))


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
        labels.append(anatomy)
    region = np.asarray(labels[0].array > 0)
    scored = [_scored(anatomy) for anatomy in labels]
    return Case(f"{INTER}-{'+'.join(people)}", *images, *scored, None, region)


def _natural(pair: Pair) -> Case:
    fixed, moving = (as_float(volume) for volume in pair.load())
    truth = pair.gold_transform()
    region = np.asarray(body_mask(fixed.array)) & coverage(moving.grid, fixed.grid, truth)
    return Case(f"{NATURAL}-{pair.name}", fixed, moving, None, None, truth, region)


def _scored(anatomy: Volume) -> Volume:
    """The structures that count, as whole numbers; all others as background."""
    labels = np.rint(anatomy.array).astype(np.int32)
    labels[~np.isin(labels, SCORED)] = 0
    return anatomy.with_array(labels)
