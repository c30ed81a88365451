"""Every bad input of DESIGN.md section 5: exit code 2, one line that names it, nothing on disk."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from cli import bad_inputs
from cli.support import AFFINE, picture, refused, run_regqc, write_nifti
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from RegQCLib.outputs import output_folder

QUICK = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,  # a failure must not depend on the day
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """An empty folder for the bad input."""
    folder = tmp_path / "bad"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("maker", bad_inputs.IMAGES, ids=lambda maker: maker.__name__)
@pytest.mark.parametrize("role", ["fixed", "moving", "mask", "labels"])
def test_images(tmp_path, place, pair, check, maker, role, capfd):
    bad = maker(place)
    fixed, moving = pair
    extra = []
    if role == "fixed":
        fixed = bad
    elif role == "moving":
        moving = bad
    elif role == "mask":
        extra = ["--mask", bad]
    else:
        extra = ["--fixed-labels", fixed, "--moving-labels", bad]
    done = run_regqc("check", fixed, moving, *extra, "--out", tmp_path / "new" / "out")
    refused(done, tmp_path, bad)
    assert capfd.readouterr().err == "", "a library wrote past Python's stderr"


@pytest.mark.parametrize("maker", bad_inputs.TRANSFORMS, ids=lambda maker: maker.__name__)
@pytest.mark.parametrize("option", ["--transform", "--inverse"])
def test_transforms(tmp_path, place, pair, check, maker, option, capfd):
    bad = maker(place)
    done = run_regqc("check", *pair, option, bad, "--out", tmp_path / "new" / "out")
    refused(done, tmp_path, bad)
    assert capfd.readouterr().err == "", "a library wrote past Python's stderr"


def test_landmarks(tmp_path, place, pair, check):
    (place / "l.csv").write_text("here\nand there\n")
    both = (place / "l.csv", place / "l.csv")
    done = run_regqc("check", *pair, "--landmarks", *both, "--out", tmp_path / "new" / "out")
    refused(done, tmp_path, place / "l.csv")


def test_a_left_handed_header_is_read_rightly(tmp_path, place, pair, check):
    flip = np.diag([-1.0, 1, 1, 1])
    left = write_nifti(place / "left.nii.gz", picture()[::-1], AFFINE @ np.diag([-1.0, 1, 1, 1]))
    assert np.linalg.det((AFFINE @ flip)[:3, :3]) < 0
    assert run_regqc("check", left, pair[1], "--out", tmp_path / "out").code == 0
    fixed = check.arguments[0]
    # World position (i, j, k) -> AFFINE of the right-handed image holds the same value.
    point = AFFINE @ (-4, 5, 6, 1)
    i, j, k = np.rint(fixed.grid.to_index(point[:3])).astype(int)
    assert (i, j, k) == (4, 5, 6)
    assert fixed.array[k, j, i] == picture()[::-1][4, 5, 6]


@pytest.mark.parametrize("overwrite", [False, True])
def test_output_folders_that_are_taken(tmp_path, pair, check, overwrite):
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "thesis.tex").write_text("years of work")
    flags = ["--overwrite"] if overwrite else []
    refused(run_regqc("check", *pair, "--out", taken, *flags), tmp_path, taken)
    assert [p.name for p in taken.iterdir()] == ["thesis.tex"]


def test_output_folders_of_another_run(tmp_path, pair, check):
    with output_folder(tmp_path / "run") as folder:
        (folder / "report.json").write_text("old")
    refused(run_regqc("check", *pair, "--out", tmp_path / "run"), tmp_path, tmp_path / "run")
    assert (tmp_path / "run" / "report.json").read_text() == "old"
    assert run_regqc("check", *pair, "--out", tmp_path / "run", "--overwrite").code == 0
    assert (tmp_path / "run" / "report.json").read_text() != "old"


@pytest.mark.parametrize("out", ["file", "file/below"])
def test_output_folders_that_cannot_be(tmp_path, pair, check, out):
    (tmp_path / "file").write_text("")
    refused(run_regqc("check", *pair, "--out", tmp_path / out), tmp_path)


@QUICK
@given(cut=st.floats(0, 1, exclude_max=True), suffix=st.sampled_from(["nii.gz", "nrrd", "mha"]))
def test_any_truncation_is_refused(tmp_path_factory, pair, check, cut, suffix):
    tmp_path = tmp_path_factory.mktemp("cut")
    bad = _converted(pair[1], tmp_path / f"bad.{suffix}")
    data = bad.read_bytes()
    bad.write_bytes(data[: int(len(data) * cut)])
    refused(run_regqc("check", pair[0], bad, "--out", tmp_path / "new"), tmp_path, bad)


@QUICK
@given(
    changes=st.lists(st.tuples(st.integers(0, 347), st.integers(0, 255)), min_size=1, max_size=8),
    suffix=st.sampled_from(["nii", "nrrd", "mha"]),
)
def test_no_damaged_header_ends_in_a_traceback(tmp_path_factory, pair, check, changes, suffix):
    tmp_path = tmp_path_factory.mktemp("damage")
    bad = _converted(pair[1], tmp_path / f"bad.{suffix}")
    data = bytearray(bad.read_bytes())
    for offset, value in changes:
        data[offset] = value
    bad.write_bytes(bytes(data))
    done = run_regqc("check", pair[0], bad, "--out", tmp_path / "new")
    if done.code != 0:
        refused(done, tmp_path, bad)


@QUICK
@given(data=st.binary(max_size=600), suffix=st.sampled_from(["nii", "nii.gz", "mgz", "tfm", "h5"]))
def test_random_bytes_are_refused(tmp_path_factory, pair, check, data, suffix):
    tmp_path = tmp_path_factory.mktemp("noise")
    bad = tmp_path / f"bad.{suffix}"
    bad.write_bytes(data)
    arguments = [*pair, "--transform", bad] if suffix in ("tfm", "h5") else [bad, pair[1]]
    refused(run_regqc("check", *arguments, "--out", tmp_path / "new"), tmp_path, bad)


@QUICK
@given(
    cut=st.floats(0, 1),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=5),
    suffix=st.sampled_from(["tfm", "mat", "h5"]),
)
@example(cut=1.0, changes=[(0.375, 128)], suffix="tfm")  # ITK quotes a name that is not UTF-8
def test_no_damaged_transform_ends_in_a_traceback(
    tmp_path_factory, pair, check, cut, changes, suffix
):
    tmp_path = tmp_path_factory.mktemp("damage")
    bad = tmp_path / f"bad.{suffix}"
    sitk.WriteTransform(sitk.AffineTransform(3), str(bad))
    data = bytearray(bad.read_bytes())
    for position, value in changes:
        data[int(position * len(data))] = value
    bad.write_bytes(bytes(data[: round(len(data) * cut)]))
    done = run_regqc("check", *pair, "--transform", bad, "--out", tmp_path / "new")
    if done.code != 0:
        refused(done, tmp_path, bad)


@pytest.mark.parametrize(
    "maker", [bad_inputs.missing, bad_inputs.truncated_mha, bad_inputs.two_series]
)
def test_the_whole_process_says_one_line(tmp_path, place, pair, maker):
    bad = maker(place)
    command = [sys.executable, "-m", "RegQCLib", "check", str(bad), str(pair[1])]
    done = subprocess.run(
        [*command, "--out", str(tmp_path / "new" / "out")],
        capture_output=True,
        text=True,
        check=False,
        env={k: v for k, v in os.environ.items() if k != "REGQC_DEBUG"},
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("error: ")
    assert bad.name in done.stderr
    assert not (tmp_path / "new").exists()


def _converted(image: Path, target: Path) -> Path:
    """Write ``image`` again in the format of ``target``."""
    sitk.WriteImage(sitk.ReadImage(str(image)), str(target))
    return target
