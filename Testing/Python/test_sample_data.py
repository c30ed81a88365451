"""The bundled pair: small, aligned as stored, and put out of alignment by the bundled transform."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk

SAMPLE = Path(__file__).parents[2] / "Resources" / "SampleData"


def mutual_information(first: np.ndarray, second: np.ndarray, where: np.ndarray) -> float:
    joint = np.histogram2d(first[where], second[where], bins=48)[0]
    joint /= joint.sum()
    independent = joint.sum(1, keepdims=True) * joint.sum(0, keepdims=True)
    some = joint > 0
    return float((joint[some] * np.log(joint[some] / independent[some])).sum())


def test_the_pair_is_aligned_until_it_is_moved():
    flair = sitk.ReadImage(str(SAMPLE / "flair.nii.gz"))
    t1w = sitk.ReadImage(str(SAMPLE / "t1w.nii.gz"))
    fixed = sitk.GetArrayFromImage(flair)
    brain = fixed > np.median(fixed[fixed > 40]) * 0.8

    def agreement(transform: sitk.Transform) -> float:
        moved = sitk.Resample(t1w, flair, transform, sitk.sitkLinear, 0.0)
        return mutual_information(fixed, sitk.GetArrayFromImage(moved), brain)

    stored = agreement(sitk.Transform())
    for axis in range(3):
        for side in (-1.5, 1.5):
            shift = [side if axis == n else 0.0 for n in range(3)]
            assert agreement(sitk.TranslationTransform(3, shift)) < stored
    assert agreement(sitk.ReadTransform(str(SAMPLE / "moved.tfm"))) < 0.8 * stored


def test_the_move_is_what_its_description_says():
    flair = sitk.ReadImage(str(SAMPLE / "flair.nii.gz"))
    move = sitk.ReadTransform(str(SAMPLE / "moved.tfm"))
    head = np.argwhere(sitk.GetArrayFromImage(sitk.OtsuThreshold(flair, 0, 1)))[::50, ::-1]
    points = np.array([flair.TransformIndexToPhysicalPoint(index.tolist()) for index in head])
    moved = np.array([move.TransformPoint(point) for point in points.tolist()])
    assert abs(np.linalg.norm(moved - points, axis=1).mean() - 3.9) < 0.05
    assert "3.9 mm" in (SAMPLE / "README.md").read_text(encoding="utf-8")


def test_the_sample_is_small():
    assert sum(file.stat().st_size for file in SAMPLE.iterdir()) < 1.5e6
