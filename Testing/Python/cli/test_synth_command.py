"""`regqc synth`: what it writes is complete, reproducible and true."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from cli.support import run_regqc

from RegQCLib.cli import synth_pairs

pytest.importorskip("torch")


@pytest.fixture(autouse=True)
def _small_maps(monkeypatch):
    monkeypatch.setattr(synth_pairs, "MAP_VOXELS", 32)


def synth(out: Path, *options: object) -> list[dict[str, str]]:
    done = run_regqc("synth", "--out", out, "--maps", 1, "--device", "cpu", *options)
    assert done.code == 0, done.stderr
    with (out / "pairs.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def names(folder: Path) -> set[str]:
    return {p.name for p in folder.iterdir() if not p.name.startswith(".")}


def test_volumes_come_with_their_exact_displacement(tmp_path):
    options = ("--count", 1, "--size", 40, "--misaligned-share", 1, "--seed", 3)
    rows = synth(tmp_path / "a", *options)
    assert names(tmp_path / "a") == {
        *("0000.png", "0000_fixed.nii.gz", "0000_moving.nii.gz", "0000_truth.nii.gz", "pairs.csv")
    }
    assert rows[0]["misaligned"] == "1"
    assert 0.5 <= float(rows[0]["mean_mm"]) <= 8.5
    truth = sitk.ReadImage(str(tmp_path / "a" / "0000_truth.nii.gz"))
    fixed = sitk.ReadImage(str(tmp_path / "a" / "0000_fixed.nii.gz"))
    assert truth.GetSize() == fixed.GetSize()
    assert np.linalg.norm(sitk.GetArrayFromImage(truth), axis=-1).max() > 0.4


def test_the_same_seed_gives_the_same_pairs(tmp_path):
    for folder, seed in (("a", 5), ("b", 5), ("c", 6)):
        synth(tmp_path / folder, "--count", 2, "--dimensions", 2, "--size", 48, "--seed", seed)
    first, again, other = (np.load(tmp_path / f / "0001.npz") for f in "abc")
    assert first["images"].shape == (2, 48, 48)
    assert first["match_mm"].shape == (3, 48, 48)
    np.testing.assert_array_equal(first["images"], again["images"])
    np.testing.assert_array_equal(first["match_mm"], again["match_mm"])
    assert (first["images"] != other["images"]).any()
    assert names(tmp_path / "a") == {"0000.npz", "0000.png", "0001.npz", "0001.png", "pairs.csv"}


@pytest.mark.parametrize("share", [0, 1])
def test_the_share_of_moved_pairs_is_kept(tmp_path, share):
    options = ("--count", 4, "--dimensions", 2, "--size", 32, "--misaligned-share", share)
    assert [row["misaligned"] for row in synth(tmp_path / "a", *options)] == [str(share)] * 4


def test_without_torch_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    done = run_regqc("synth", "--out", tmp_path / "a")
    assert done.code == 2
    assert done.stderr == "error: synthesis needs torch; run: pip install 'RegQC[torch]'\n"
    assert not (tmp_path / "a").exists()
