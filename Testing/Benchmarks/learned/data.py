"""Labeled images to learn from: hippocampi and brains of REGQC_DATA, as training reads them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from RegQCLib.geometry.image_io import load_volume, save_volume
from RegQCLib.geometry.orientation import crop_to
from RegQCLib.geometry.resample import resample
from RegQCLib.geometry.volume import Volume
from RegQCLib.registration.steps import Order, linear
from RegQCLib.similarity.arrays import block_average
from Testing.Benchmarks.detection.cases import as_float
from Testing.Benchmarks.detection.pairs import data_folder
from Testing.Benchmarks.registration.real_cases import SCORED

ATLAS = "vxm_test"
BRAINS = ("l2r_subj1", "fs_bert", "fs_sub01", "fs_sub03", "fs_sub04", "fs_sub06", "fs_sub08")
UNORIENTED = (ATLAS, "l2r_subj1")
"""Their headers name no axes: stored to the left, downwards and forwards, as their labels show."""

LEFT_DOWN_FRONT = np.array([[-1, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]], float)
FIVE = {1: (4, 43), 2: (10, 49), 3: (11, 50), 4: (12, 51), 5: (17, 53)}
"""Left and right lateral ventricle, thalamus, caudate, putamen, hippocampus (FreeSurfer)."""

MARGIN_MM = 12.0
"""Around the five labels of the first brain."""


@dataclass(frozen=True)
class LabeledSet:
    """Images with labels, patterns as of ``[data]``; sides are voxels of the network."""

    name: str
    folder: Path
    images: str
    labels: str
    subjects: tuple[str, ...]
    spacing_mm: float
    test: int  # subjects kept for the figures
    validation: int  # subjects that choose the best model

    def split(self, seed: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Subjects for validation and for the figures; the others train."""
        digest = hashlib.sha256(f"{self.name} {seed}".encode()).digest()
        order = np.random.default_rng(list(digest)).permutation(len(self.subjects))
        drawn = [self.subjects[n] for n in order[: self.validation + self.test]]
        return tuple(drawn[: self.validation]), tuple(drawn[self.validation :])


def hippocampi() -> LabeledSet:
    """24 boxes around the hippocampus with its anterior and posterior part, 1 mm."""
    folder = data_folder()
    names = sorted(path.name for path in folder.glob("hippo_*_T1.nii.gz"))
    subjects = tuple(name.split("_")[1] for name in names)
    return LabeledSet(
        "hippocampi",
        folder,
        "hippo_{subject}_T1.nii.gz",
        "hippo_{subject}_lab.nii.gz",
        subjects,
        1.0,
        test=6,
        validation=4,
    )


def brains_of_five(work: Path, spacing_mm: float) -> LabeledSet:
    """The middle of eight brains, affinely on one grid, with five labels as seed 001 has."""
    folder = work / f"brains_{spacing_mm:g}mm"
    folder.mkdir(parents=True, exist_ok=True)
    atlas = block_average(brain(ATLAS), spacing_mm)
    seen = resample(merged(anatomy(ATLAS)), atlas.grid, interpolation="nearest")
    middle = crop_to(atlas, seen.array > 0, MARGIN_MM)
    for name in (ATLAS, *BRAINS):
        image, labels = (folder / f"{name}_{kind}.nii.gz" for kind in ("image", "labels"))
        if labels.exists():
            continue
        moving = brain(name)
        order = Order(atlas, moving)
        motion = None if name == ATLAS else linear(order, "affine", None, _silent).transform
        small = block_average(moving, spacing_mm)
        save_volume(resample(small, middle.grid, motion), image)
        five = merged(anatomy(name))
        save_volume(resample(five, middle.grid, motion, interpolation="nearest"), labels)
    return LabeledSet(
        "brains",
        folder,
        "{subject}_image.nii.gz",
        "{subject}_labels.nii.gz",
        (ATLAS, *BRAINS),
        spacing_mm,
        test=2,
        validation=2,
    )


def brain(name: str) -> Volume:
    """A skull-stripped T1 of 1 mm."""
    return as_float(_oriented(name, load_volume(data_folder() / f"{name}_T1brain.nii.gz")))


def anatomy(name: str) -> Volume:
    """Its automatic labels."""
    labels = _oriented(name, load_volume(data_folder() / f"{name}_aseg.nii.gz"))
    return labels.with_array(np.rint(labels.array).astype(np.int16))


def _oriented(name: str, volume: Volume) -> Volume:
    """With the axes that are known of some; else left and right would change places."""
    if name not in UNORIENTED:
        return volume
    return Volume(volume.array, LEFT_DOWN_FRONT, volume.name)


def every_nth(volume: Volume, axis: int, every: int) -> Volume:
    """Keep one slice of ``every`` along an array axis, as thick as it was.

    What lies between is not seen.
    """
    chosen = [slice(None)] * 3
    chosen[axis] = slice(every // 2, None, every)
    first = [0, 0, 0]
    first[2 - axis] = every // 2
    affine = volume.affine.copy()
    affine[:3, 3] = volume.grid.to_world(first)
    affine[:3, 2 - axis] *= every
    return Volume(np.ascontiguousarray(volume.array[tuple(chosen)]), affine, volume.name)


def scored(labels: Volume) -> Volume:
    """The 30 structures that VoxelMorph scores; all others are background."""
    return labels.with_array(np.where(np.isin(labels.array, SCORED), labels.array, 0))


def merged(labels: Volume) -> Volume:
    """`FIVE` structures, left and right in one."""
    result = np.zeros_like(labels.array)
    for value, sides in FIVE.items():
        result[np.isin(labels.array, sides)] = value
    return labels.with_array(result)


def _silent(_stage: str, _fraction: float) -> None: ...
