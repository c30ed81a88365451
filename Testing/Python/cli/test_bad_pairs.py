"""Inputs that can be read but not judged: the check itself refuses them, as bad input."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from cli import bad_inputs
from cli.support import AFFINE, SHAPE, picture, refused, run_regqc, write_nifti

EXTENT_MM = np.array(SHAPE) * np.linalg.norm(AFFINE[:3, :3], axis=0)


def moved_affine(*shift_mm: float) -> np.ndarray:
    affine = AFFINE.copy()
    affine[:3, 3] += shift_mm
    return affine


@pytest.mark.parametrize("maker", bad_inputs.CONTENTS, ids=lambda maker: maker.__name__)
@pytest.mark.parametrize("role", ["fixed", "moving"])
def test_images_without_content(tmp_path, pair, maker, role):
    bad = maker(tmp_path)
    images = (bad, pair[1]) if role == "fixed" else (pair[0], bad)
    refused(run_regqc("check", *images, "--out", tmp_path / "new" / "out"), tmp_path, bad)


@pytest.mark.parametrize("maker", [bad_inputs.all_nan, bad_inputs.some_nan, bad_inputs.infinite])
def test_masks_that_are_not_finite(tmp_path, pair, maker):
    bad = maker(tmp_path)
    done = run_regqc("check", *pair, "--mask", bad, "--out", tmp_path / "new" / "out")
    refused(done, tmp_path, bad)


@pytest.mark.parametrize(
    ("inside", "affine"),
    [(False, AFFINE), (True, moved_affine(500, 0, 0))],
    ids=["empty", "elsewhere"],
)
def test_masks_that_select_nothing(tmp_path, pair, inside, affine):
    mask = write_nifti(tmp_path / "mask.nii.gz", np.full(SHAPE, inside, np.uint8), affine)
    done = run_regqc("check", *pair, "--mask", mask, "--out", tmp_path / "new" / "out")
    refused(done, tmp_path, mask)


@pytest.mark.parametrize("share", [1.5, 0.97], ids=["none", "almost none"])
def test_images_that_do_not_overlap(tmp_path, pair, share):
    shift = share * EXTENT_MM[0]
    far = write_nifti(tmp_path / "far.nii.gz", picture(1), moved_affine(shift, 0, 0))
    done = run_regqc("check", pair[0], far, "--out", tmp_path / "new" / "out")
    refused(done, tmp_path, far)


def translation(folder: Path) -> Path:
    """A transform in the wrong direction takes a pair that it should bring together apart."""
    sitk.WriteTransform(sitk.TranslationTransform(3, (0.0, 60.0, 0.0)), str(folder / "t.tfm"))
    return folder / "t.tfm"


def meters(folder: Path) -> Path:
    """The matrix in the wrong unit: everything shrinks onto one point."""
    transform = sitk.AffineTransform(3)
    transform.Scale(0.001)
    sitk.WriteTransform(transform, str(folder / "t.tfm"))
    return folder / "t.tfm"


def field_of_another_grid(folder: Path) -> Path:
    field = np.zeros((*SHAPE, 1, 3), np.float32)
    image = nib.Nifti1Image(field, moved_affine(0, 0, 900))
    image.header.set_intent("vector")
    nib.save(image, folder / "field.nii.gz")
    return folder / "field.nii.gz"


@pytest.mark.parametrize("maker", [translation, meters, field_of_another_grid])
def test_transforms_that_do_not_belong_to_the_pair(tmp_path, pair, maker):
    bad = maker(tmp_path)
    done = run_regqc("check", *pair, "--transform", bad, "--out", tmp_path / "new" / "out")
    refused(done, tmp_path)
    assert "transform" in done.stderr or "field" in done.stderr


def test_landmarks_that_do_not_match(tmp_path, pair):
    (tmp_path / "two.csv").write_text("1,2,3\n4,5,6\n")
    (tmp_path / "one.csv").write_text("1,2,3\n")
    both = (tmp_path / "two.csv", tmp_path / "one.csv")
    done = run_regqc("check", *pair, "--landmarks", *both, "--out", tmp_path / "new" / "out")
    refused(done, tmp_path)
    assert "landmarks" in done.stderr
