"""`regqc evaluate`: what it prints and writes, and what it refuses."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from cli import bad_inputs
from cli.support import AFFINE, SHAPE, refused, run_regqc, write_nifti

SHIFT_MM = (3.0, 0.0, 0.0)  # two voxels along i, to the right


def boxes(shift: int = 0) -> np.ndarray:
    """Two structures, indexed (i, j, k)."""
    array = np.zeros(SHAPE, np.uint8)
    array[4 + shift : 10 + shift, 3:9, 2:8] = 1
    array[4 + shift : 10 + shift, 10:16, 2:8] = 2
    return array


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """Labels that a shift brings together, the shift, its inverse, and landmarks."""
    folder = tmp_path / "inputs"
    folder.mkdir()
    shift = sitk.TranslationTransform(3, (-SHIFT_MM[0], SHIFT_MM[1], SHIFT_MM[2]))  # LPS
    sitk.WriteTransform(shift, str(folder / "shift.tfm"))
    sitk.WriteTransform(shift.GetInverse(), str(folder / "back.tfm"))
    (folder / "fixed.csv").write_text("R,A,S\n1,2,3\n4,5,6\n")
    (folder / "moving.csv").write_text("R,A,S\n4,2,3\n7,9,6\n")
    return {
        "fixed_labels": write_nifti(folder / "fixed.nii.gz", boxes()),
        "moving_labels": write_nifti(folder / "moving.nii.gz", boxes(2)),
        "mask": write_nifti(folder / "mask.nii.gz", np.ones(SHAPE, np.uint8)),
        "transform": folder / "shift.tfm",
        "inverse": folder / "back.tfm",
        "fixed_landmarks": folder / "fixed.csv",
        "moving_landmarks": folder / "moving.csv",
    }


def arguments(files: dict[str, Path], *roles: str) -> list[object]:
    """Options for the files of some roles, all by default."""
    chosen = roles or tuple(files)
    return [part for role in chosen for part in (f"--{role.replace('_', '-')}", files[role])]


def test_everything_at_once(tmp_path, files):
    out = tmp_path / "new" / "out"
    done = run_regqc("evaluate", *arguments(files), "--learn2reg", "--out", out)
    assert done.code == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[1].split() == ["1", "1.000", "1.000", "0.00", "0.00"]
    assert lines[3].split() == ["mean", "1.000", "1.000", "0.00", "0.00"]
    assert lines[4].startswith("target registration error of 2 landmarks: mean 2.00 mm")
    assert lines[5].startswith("Jacobian over the mask: SD of log J 0.0000, folded 0.000%")
    assert lines[6].startswith("inverse consistency over the mask: mean 0.00 mm")
    assert lines[7] == "as Learn2Reg: Dice 1.000, HD95 0.00 voxels, SDlogJ 0.0000, TRE 2.00 mm"
    assert done.stderr == ""
    whole = json.loads((out / "evaluation.json").read_text())
    assert whole["landmarks"]["errors_mm"] == pytest.approx([0, 4])
    assert whole["provenance"]["files"]["transform"]["path"] == str(files["transform"])
    assert len(whole["provenance"]["files"]["landmarks"]) == 2
    with (out / "evaluation.csv").open(newline="") as stream:
        rows = {(row["measure"], row["item"]): row for row in csv.DictReader(stream)}
    assert float(rows["tre", "2"]["value"]) == pytest.approx(4)
    assert rows["tre", "2"]["unit"] == "mm"


def test_without_a_transform_the_images_are_compared_as_they_are(files):
    done = run_regqc("evaluate", *arguments(files, "fixed_labels", "moving_labels"))
    assert done.code == 0, done.stderr
    cells = done.stdout.splitlines()[1].split()
    assert cells[:3] == ["1", "0.667", "0.500"]  # 4 of 6 columns in common
    assert cells[3] == "3.00"  # two voxels of 1.5 mm
    assert len(done.stdout.splitlines()) == 4


def test_json_progress_ends_with_the_numbers(files):
    done = run_regqc("evaluate", *arguments(files), "--progress", "json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert {line["event"] for line in lines[:-1]} == {"progress"}
    fractions = [line["fraction"] for line in lines[:-1]]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    last = lines[-1]
    assert last["event"] == "result"
    assert last["mean"]["dice"] == 1
    assert last["notes"] == []
    assert last["out"] is None


def test_odd_inputs_are_noted(files, tmp_path):
    mirror = sitk.AffineTransform(3)
    mirror.Scale((-1, 1, 1))
    sitk.WriteTransform(mirror, str(tmp_path / "mirror.tfm"))
    chosen = {**files, "transform": tmp_path / "mirror.tfm"}
    done = run_regqc("evaluate", *arguments(chosen, "fixed_labels", "moving_labels", "transform"))
    assert done.code == 0
    assert "note: the transform mirrors" in done.stderr
    assert "folded 100.000%" in done.stdout


def test_help_and_an_earlier_run(tmp_path, files):
    assert "--learn2reg" in run_regqc("evaluate", "--help").stdout
    again = [*arguments(files, "fixed_landmarks", "moving_landmarks"), "--out", tmp_path / "out"]
    assert run_regqc("evaluate", *again).code == 0
    done = run_regqc("evaluate", *again)
    assert done.code == 2
    assert "holds another run" in done.stderr
    assert run_regqc("evaluate", *again, "--overwrite").code == 0


@pytest.mark.parametrize("role", ["fixed_labels", "moving_labels", "mask"])
@pytest.mark.parametrize(
    "maker",
    [
        bad_inputs.missing,
        bad_inputs.empty_file,
        bad_inputs.truncated_gzip,
        bad_inputs.text_named_nifti,
        bad_inputs.picture_file,
        bad_inputs.all_nan,
    ],
    ids=lambda maker: maker.__name__,
)
def test_bad_images(tmp_path, files, role, maker):
    bad = maker(tmp_path)
    done = run_regqc(
        "evaluate", *arguments({**files, role: bad}), "--out", tmp_path / "new" / "out"
    )
    refused(done, tmp_path, bad)


def not_labels(folder: Path) -> Path:
    return write_nifti(folder / "bad.nii.gz", boxes().astype(np.float32) * 0.3)


def no_structure(folder: Path) -> Path:
    return write_nifti(folder / "bad.nii.gz", np.zeros(SHAPE, np.uint8))


def elsewhere(folder: Path) -> Path:
    affine = AFFINE.copy()
    affine[:3, 3] += 700
    return write_nifti(folder / "bad.nii.gz", boxes(), affine)


@pytest.mark.parametrize("maker", [not_labels, elsewhere], ids=lambda maker: maker.__name__)
@pytest.mark.parametrize("role", ["fixed_labels", "moving_labels"])
def test_bad_labels(tmp_path, files, role, maker):
    bad = maker(tmp_path)
    chosen = {**files, role: bad}
    done = run_regqc(
        "evaluate",
        *arguments(chosen, "fixed_labels", "moving_labels"),
        *("--out", tmp_path / "new" / "out"),
    )
    refused(done, tmp_path, bad)


def test_labels_without_structures(tmp_path, files):
    bad = no_structure(tmp_path)
    done = run_regqc("evaluate", "--fixed-labels", bad, "--moving-labels", bad)
    refused(done, tmp_path, bad)
    done = run_regqc("evaluate", *arguments(files, "fixed_labels"), "--moving-labels", bad)
    assert done.code == 0  # structures of one side only: nothing overlaps
    assert done.stdout.splitlines()[1].split() == ["1", "0.000", "0.000", "-", "-"]


@pytest.mark.parametrize("role", ["transform", "inverse"])
@pytest.mark.parametrize("wrong", ["fixed_labels", "fixed_landmarks", "nothing.tfm"])
def test_files_that_are_no_transforms(tmp_path, files, role, wrong):
    bad = files.get(wrong, tmp_path / wrong)
    done = run_regqc("evaluate", *arguments({**files, role: bad}))
    refused(done, tmp_path, bad)


@pytest.mark.parametrize("role", ["fixed_landmarks", "moving_landmarks"])
@pytest.mark.parametrize("wrong", ["mask", "transform", "nothing.csv"])
def test_files_that_hold_no_landmarks(tmp_path, files, role, wrong):
    bad = files.get(wrong, tmp_path / wrong)
    done = run_regqc("evaluate", *arguments({**files, role: bad}))
    refused(done, tmp_path, bad)


def test_landmarks_that_do_not_match(tmp_path, files):
    (tmp_path / "one.csv").write_text("1,2,3\n")
    done = run_regqc("evaluate", *arguments({**files, "moving_landmarks": tmp_path / "one.csv"}))
    refused(done, tmp_path)
    assert "same number of points" in done.stderr


@pytest.mark.parametrize(
    ("roles", "flags", "words"),
    [
        ((), [], "nothing to evaluate"),
        (("fixed_labels",), [], "--moving-labels"),
        (("moving_landmarks",), [], "--fixed-landmarks"),
        (("fixed_landmarks", "moving_landmarks"), ["--learn2reg"], "label images"),
        (("fixed_labels", "moving_labels", "inverse"), [], "give the transform"),
        ((), ["--no-such"], "--no-such"),
    ],
)
def test_wrong_usage_is_one_line(tmp_path, files, roles, flags, words):
    given = arguments(files, *roles) if roles else []
    done = run_regqc("evaluate", *given, *flags, "--out", tmp_path / "new" / "out")
    refused(done, tmp_path)
    assert words in done.stderr


def test_a_set_of_pairs_is_registered_by_every_method(tmp_path, files):
    image = write_nifti(tmp_path / "inputs" / "image.nii.gz", 100.0 * boxes())
    other = write_nifti(tmp_path / "inputs" / "other.nii.gz", 100.0 * boxes(2))
    table = tmp_path / "inputs" / "pairs.csv"
    names = [path.name for path in (image, other, files["fixed_labels"], files["moving_labels"])]
    lines = ["id,fixed,moving,labels", f"a,{names[0]},{names[1]},{names[2]}|{names[3]}", "b,x,y,"]
    table.write_text("\n".join(lines))
    out = tmp_path / "out"
    options = ("--pairs", table, "--method", "rigid", "--out", out)
    done = run_regqc("evaluate", *options, "--progress", "json")
    assert done.code == 0, done.stderr
    facts = json.loads(done.stdout.splitlines()[-1])
    start, rigid = facts["methods"]
    assert rigid["mean"]["dice"] > start["mean"]["dice"]
    assert rigid["seconds"] > 0
    assert len(facts["notes"]) == 2  # pair b, by both
    assert len((out / "pairs.csv").read_text().splitlines()) == 5
    assert (out / "comparison.json").is_file()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--pairs", "t.csv"], "--pairs needs --out"),
        (["--method", "rigid"], "--method goes with --pairs"),
        (["--pairs", "t.csv", "--out", "o", "--transform", "t.tfm"], "names its files itself"),
        (["--pairs", "t.csv", "--out", "o"], "no such manifest"),
        (["--pairs", "t.csv", "--out", "o", "--start", "far"], "t.csv"),
    ],
)
def test_options_of_a_set_that_do_not_fit_are_refused(tmp_path, options, message):
    done = run_regqc(
        "evaluate", *(str(tmp_path / o) if "." in o or o == "o" else o for o in options)
    )
    refused(done, tmp_path)
    assert message in done.stderr
    assert not (tmp_path / "o").exists()
