"""`regqc synth`: what it writes is complete, reproducible and true."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from cli.support import run_regqc

from RegQCLib.batch.pairs import read_pairs
from RegQCLib.geometry.image_io import load_volume
from RegQCLib.geometry.transform_io import load_transform

pytest.importorskip("torch")

from RegQCLib.synthesis import write_pairs


@pytest.fixture(autouse=True)
def _small_maps(monkeypatch):
    monkeypatch.setattr(write_pairs, "MAP_VOXELS", 32)


def synth(out: Path, *options: object) -> list[dict[str, str]]:
    done = run_regqc("synth", "--out", out, "--maps", 1, "--device", "cpu", *options)
    assert done.code == 0, done.stderr
    with (out / "manifest.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def names(folder: Path) -> set[str]:
    return {p.name for p in folder.iterdir() if not p.name.startswith(".")}


def test_volumes_come_with_their_exact_displacement(tmp_path):
    rows = synth(tmp_path / "a", "--count", 1, "--size", 40, "--seed", 3, "--mean-mm", 2.5)
    parts = ("fixed.nii.gz", "moving.nii.gz", "body.nii.gz", "truth.nii.gz")
    expected = {f"pair_0001_{part}" for part in parts} | {"pair_0001.png", "manifest.csv"}
    assert names(tmp_path / "a") == expected
    assert (rows[0]["misaligned"], rows[0]["seed"]) == ("1", "3")
    assert float(rows[0]["mean_mm"]) == pytest.approx(2.5, abs=1e-4)
    files = {part: str(tmp_path / "a" / f"pair_0001_{part}") for part in parts}
    stored = sitk.ReadImage(files["truth.nii.gz"])
    fixed = sitk.ReadImage(files["fixed.nii.gz"])
    assert stored.GetSize() == fixed.GetSize()
    np.testing.assert_allclose(stored.GetDirection(), fixed.GetDirection(), atol=1e-5)
    np.testing.assert_allclose(
        [float(s) for s in rows[0]["spacing_mm"].split()], fixed.GetSpacing(), atol=1e-4
    )
    # ITK applies the stored field as RegQC does: points of the fixed image go to the moving image
    itk = sitk.DisplacementFieldTransform(sitk.Cast(stored, sitk.sitkVectorFloat64))
    point = load_volume(files["fixed.nii.gz"]).grid.to_world(np.array([7.0, 9.0, 5.0]))
    lps = np.array([-1, -1, 1])
    np.testing.assert_allclose(
        load_transform(files["truth.nii.gz"]).apply(point),
        itk.TransformPoint((point * lps).tolist()) * lps,
        atol=1e-3,
    )
    body = load_volume(files["body.nii.gz"]).array > 0
    length = np.linalg.norm(sitk.GetArrayFromImage(stored), axis=-1)[body].mean()
    assert length == pytest.approx(2.5, rel=0.25)  # at fixed, not at moving points


def test_a_batch_takes_the_manifest_of_volumes(tmp_path):
    synth(tmp_path / "a", "--count", 2, "--size", 40, "--mean-mm", 0, "--mean-mm", 3)
    pairs = read_pairs(tmp_path / "a" / "manifest.csv").pairs
    assert [(pair.id, pair.problem) for pair in pairs] == [("pair_0001", ""), ("pair_0002", "")]
    assert [pair.columns["misaligned"] for pair in pairs] == ["0", "1"]
    for pair in pairs:
        assert set(pair.inputs) == {"fixed", "moving", "mask"}
        volumes = [load_volume(path) for path in pair.inputs.values()]
        assert volumes[0].shape == volumes[2].shape


def test_the_same_seed_gives_the_same_pairs(tmp_path):
    for folder, seed, count in (("a", 5, 2), ("b", 5, 3), ("c", 6, 2)):
        options = ("--count", count, "--dimensions", 2, "--size", 48, "--seed", seed)
        synth(tmp_path / folder, *options)
    first, again, other = (np.load(tmp_path / f / "pair_0002.npz") for f in "abc")
    assert first["images"].shape == (2, 48, 48)
    assert first["match_mm"].shape == (3, 48, 48)
    assert first["body"].dtype == bool
    for key in first.files:
        np.testing.assert_array_equal(first[key], again[key])
    assert (first["images"] != other["images"]).any()
    slices = {"pair_0001.npz", "pair_0002.npz", "pair_0001_to_0002.png", "manifest.csv"}
    assert names(tmp_path / "a") == slices


@pytest.mark.parametrize("share", [0, 1])
def test_the_share_of_moved_pairs_is_kept(tmp_path, share):
    options = ("--count", 4, "--dimensions", 2, "--size", 32, "--misaligned-share", share)
    assert [row["misaligned"] for row in synth(tmp_path / "a", *options)] == [str(share)] * 4


def test_asked_means_are_taken_in_turn(tmp_path):
    options = ("--count", 3, "--dimensions", 2, "--size", 32, "--mean-mm", 0, "--mean-mm", 4)
    rows = synth(tmp_path / "a", *options)
    assert [float(row["mean_mm"]) for row in rows] == pytest.approx([0, 4, 0], abs=1e-3)
    assert [row["misaligned"] for row in rows] == ["0", "1", "0"]
    aligned = np.load(tmp_path / "a" / "pair_0003.npz")
    assert np.abs(aligned["match_mm"]).max() == 0


@pytest.mark.parametrize("mean_mm", [-1, 26, "nan"])
def test_an_impossible_mean_is_refused(tmp_path, mean_mm):
    done = run_regqc("synth", "--out", tmp_path / "a", "--mean-mm", mean_mm)
    assert done.code == 2
    assert done.stderr.startswith("error: --mean-mm must be from 0 to 25 mm")
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "a").exists()


def test_without_torch_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    done = run_regqc("synth", "--out", tmp_path / "a")
    assert done.code == 2
    assert done.stderr == "error: synthesis needs torch; run: pip install 'RegQC[synth]'\n"
    assert not (tmp_path / "a").exists()
