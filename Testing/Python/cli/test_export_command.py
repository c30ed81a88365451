"""``regqc export``: the moved image lies where SimpleITK puts it, and the words are beside it."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from cli.support import refused, run_regqc


@pytest.fixture
def transform(tmp_path):
    sitk.WriteTransform(sitk.TranslationTransform(3, (1.5, -2.4, 2.5)), str(tmp_path / "t.tfm"))
    return tmp_path / "t.tfm"


def test_the_moved_image_is_that_of_itk(tmp_path, pair, transform):
    fixed, moving = pair
    done = run_regqc("export", fixed, moving, "--transform", transform, "--out", tmp_path / "out")
    assert done.code == 0, done.stderr
    names = {file.name for file in (tmp_path / "out").iterdir() if not file.name.startswith(".")}
    assert names == {"transform.h5", "inverse.h5", "transform.txt", "transform.json",
                     "moved.nii.gz"}  # fmt: skip
    expected = sitk.Resample(
        sitk.ReadImage(str(moving)),
        sitk.ReadImage(str(fixed)),
        sitk.ReadTransform(str(tmp_path / "out" / "transform.h5")),
        sitk.sitkLinear,
    )
    moved = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "out" / "moved.nii.gz")))
    inner = (slice(3, -3),) * 3
    np.testing.assert_allclose(moved[inner], sitk.GetArrayFromImage(expected)[inner], atol=1e-3)


def test_the_image_can_be_left_out(tmp_path, pair, transform):
    done = run_regqc("export", *pair, "--transform", transform, "--out", tmp_path / "out",
                     "--no-moved")  # fmt: skip
    assert done.code == 0, done.stderr
    assert not (tmp_path / "out" / "moved.nii.gz").exists()


def test_damaged_transforms_are_refused(tmp_path, pair):
    (tmp_path / "bad.tfm").write_text("nonsense")
    done = run_regqc(
        "export", *pair, "--transform", tmp_path / "bad.tfm", "--out", tmp_path / "new"
    )
    refused(done, tmp_path, tmp_path / "bad.tfm")
