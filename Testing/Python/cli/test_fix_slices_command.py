"""`regqc fix-slices`: what it writes, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from cli.support import AFFINE, refused, run_regqc, write_nifti
from scipy.ndimage import gaussian_filter, shift

SHAPE = (44, 40, 8)  # i, j, k


def stack(moved: int | None = None) -> np.ndarray:
    """A textured disk in every slice, indexed (i, j, k); one slice may lie 4 mm off."""
    noise = np.random.default_rng(0).normal(size=SHAPE)
    texture = gaussian_filter(noise, (1.5, 1.5, 1.2))
    i, j = np.meshgrid(np.linspace(-1, 1, SHAPE[0]), np.linspace(-1, 1, SHAPE[1]), indexing="ij")
    disk = gaussian_filter((i**2 + j**2 < 0.5).astype(float), 1.0)[..., None]
    image = (100 + 15 * texture / texture.std()) * disk
    if moved is not None:
        image[..., moved] = shift(image[..., moved], (3, -3), order=1)
    return (image + np.random.default_rng(1).normal(0, 1, SHAPE)).astype(np.float32)


@pytest.fixture
def moved(tmp_path: Path) -> Path:
    return write_nifti(tmp_path / "moved.nii.gz", stack(4))


def flagged_report(path: Path, *indices: int) -> Path:
    slices = [
        {"index": k, "position_mm": AFFINE[2, 3] + k * AFFINE[2, 2], "flagged": k in indices}
        for k in range(SHAPE[2])
    ]
    path.write_text(json.dumps({"axes": [{"name": "axial", "slices": slices}]}), encoding="utf-8")
    return path


def test_a_moved_slice_is_put_back_and_reported(tmp_path, moved):
    out = tmp_path / "new" / "out"
    done = run_regqc("fix-slices", moved, "--plane", "axial", "-o", out, "--progress", "json")
    assert done.code == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines[-1]["event"] == "result"
    assert lines[-1]["moved"] == [4]
    fractions = [line["fraction"] for line in lines[:-1]]
    assert fractions == sorted(fractions)
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert report["slices"][4]["displacement_mm"] == pytest.approx(5.76, abs=0.4)  # 4.5, 3.6 mm
    assert (out / "transforms" / "slice_004.tfm").exists()
    assert report["provenance"]["files"]["volume"]["sha256"]


def test_a_check_says_which_slices_to_look_at(tmp_path, moved):
    reference = write_nifti(tmp_path / "reference.nii.gz", 200 - stack())
    out = tmp_path / "new"
    done = run_regqc(
        "fix-slices", moved, "--reference", reference, "--plane", "axial",
        "--check", flagged_report(tmp_path / "report.json", 2, 4), "--out", out,
    )  # fmt: skip
    assert done.code == 0, done.stderr
    assert done.stdout.startswith("1 of 8 axial slices moved")
    slices = json.loads((out / "report.json").read_text(encoding="utf-8"))["slices"]
    assert [one["state"] for one in slices].count("not examined") == 6


@pytest.mark.parametrize(
    "options",
    [
        ("--slices", "3,x"),
        ("--slices", "3,99"),
        ("--slices", "3", "--check", "report.json"),
        ("--model", "rigid"),
        ("--tolerance", "0"),
        ("--reference", "nothing.nii.gz"),
        ("--check", "nothing.json"),
    ],
)
def test_bad_requests_end_with_one_line(tmp_path, moved, options):
    done = run_regqc("fix-slices", moved, "--plane", "axial", "--out", tmp_path / "new", *options)
    refused(done, tmp_path)


def test_a_stack_that_shows_no_plane_asks_for_one(tmp_path):
    volume = write_nifti(tmp_path / "cube.nii.gz", stack(), affine=np.diag([1, 1, 1, 1.0]))
    done = run_regqc("fix-slices", volume, "--out", tmp_path / "new")
    refused(done, tmp_path, volume)
    assert "--plane" in done.stderr
