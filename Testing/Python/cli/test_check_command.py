"""`regqc check` around the check: arguments, exit codes, progress, what is left on disk."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from cli.support import AFFINE, SHAPE, StandInCheck, picture, run_regqc, write_nifti

from RegQCLib.errors import Cancelled, InputError


def test_inputs_reach_the_check(tmp_path, pair, check):
    transform = sitk.TranslationTransform(3, (1.0, 2.0, 3.0))  # LPS, fixed to moving points
    sitk.WriteTransform(transform, str(tmp_path / "t.tfm"))
    sitk.WriteTransform(transform.GetInverse(), str(tmp_path / "inverse.tfm"))
    mask = write_nifti(tmp_path / "mask.nii.gz", (picture(0) > 60).astype(np.uint8))
    points = tmp_path / "points.csv"
    points.write_text("R,A,S\n1,2,3\n4,5,6\n")
    done = run_regqc(
        *("check", *pair, "--out", tmp_path / "out", "--device", "cpu", "--tolerance", 1.5),
        *("--transform", tmp_path / "t.tfm", "--inverse", tmp_path / "inverse.tfm"),
        *("--mask", mask, "--landmarks", points, points),
        *("--fixed-labels", mask, "--moving-labels", mask),
    )
    assert done.code == 0, done.stderr
    fixed, moving, to_moving, read_mask = check.arguments
    np.testing.assert_allclose(fixed.array, picture(0).transpose(2, 1, 0))
    np.testing.assert_allclose(moving.array, picture(1).transpose(2, 1, 0))
    np.testing.assert_allclose(fixed.affine, AFFINE, atol=1e-5)
    np.testing.assert_allclose(to_moving.apply(np.zeros(3)), (-1, -2, 3))
    np.testing.assert_allclose(check.options["inverse"].apply(np.zeros(3)), (1, 2, -3))
    assert read_mask.array.sum() == (picture(0) > 60).sum()
    assert check.options["tolerance_mm"] == 1.5
    assert check.options["device"] == "cpu"
    np.testing.assert_array_equal(check.options["landmarks"][1], [[1, 2, 3], [4, 5, 6]])
    assert [labels.shape for labels in check.options["labels"]] == [SHAPE[::-1]] * 2


def test_a_run_prints_one_line_and_records_its_files(tmp_path, pair, check):
    done = run_regqc("check", *pair, "--out", tmp_path / "new" / "out")
    assert done.code == 0
    assert done.stdout.splitlines() == [
        f"aligned: a stand-in; report in {tmp_path / 'new' / 'out'}"
    ]
    assert done.stderr == ""
    assert (tmp_path / "new" / "out" / "report.json").is_file()
    digest = hashlib.sha256(pair[1].read_bytes()).hexdigest()
    assert check.report.provenance["files"]["moving"] == {"path": str(pair[1]), "sha256": digest}


@pytest.mark.parametrize(
    ("verdict", "flags", "code"),
    [
        ("aligned", [], 0),
        ("misaligned", [], 0),
        ("aligned", ["--fail-on-misaligned"], 0),
        ("cannot_tell", ["--fail-on-misaligned"], 0),
        ("misaligned", ["--fail-on-misaligned"], 3),
    ],
)
def test_exit_code_tells_the_verdict_only_on_request(tmp_path, pair, check, verdict, flags, code):
    check.report.verdict = verdict
    done = run_regqc("check", *pair, "--out", tmp_path / "out", *flags)
    assert done.code == code
    assert (tmp_path / "out" / "report.json").is_file()


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (InputError("the pair:\n no good"), 2, "error: the pair: no good"),
        (MemoryError(), 2, "error: not enough memory"),
        (OSError(28, "No space left on device", "x.nii"), 2, "error: x.nii: No space left"),
        (Cancelled(), 130, "cancelled"),
        (KeyboardInterrupt(), 130, "cancelled"),
        (ZeroDivisionError("a\nb"), 1, "internal error: ZeroDivisionError: a b; run with REGQC_DE"),
    ],
)
def test_failures_end_in_one_line_and_leave_nothing(tmp_path, pair, check, error, code, words):
    check.raises = error
    before = sorted(tmp_path.rglob("*"))
    done = run_regqc("check", *pair, "--out", tmp_path / "new" / "out")
    assert (done.code, done.stdout) == (code, "")
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith(words)
    assert sorted(tmp_path.rglob("*")) == before


def test_debug_shows_the_traceback(tmp_path, pair, check, monkeypatch):
    monkeypatch.setenv("REGQC_DEBUG", "1")
    check.raises = ZeroDivisionError("deep inside")
    with pytest.raises(ZeroDivisionError):
        from RegQCLib.cli.main import app

        app(["check", *map(str, pair), "--out", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Missing argument"),
        (["--out", "x", "--no-such"], "--no-such"),
        (["a", "b", "--out", "x", "--device", "tpu"], "tpu"),
        (["a", "b"], "--out"),
        (["a", "b", "--out", "x", "--tolerance", "wide"], "--tolerance"),
        (["a", "b", "--out", "x", "--tolerance", "-1"], "--tolerance"),
        (["a", "b", "--out", "x", "--tolerance", "nan"], "--tolerance"),
        (["a", "b", "--out", "x", "--fixed-labels", "l"], "--moving-labels"),
    ],
)
def test_wrong_usage_is_one_line(tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    done = run_regqc("check", *arguments)
    assert (done.code, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("error: ")
    assert words in done.stderr
    assert not list(tmp_path.iterdir())


def test_json_progress_is_the_documented_protocol(tmp_path, pair, check):
    done = run_regqc("check", *pair, "--out", tmp_path / "out", "--progress", "json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert {line["event"] for line in lines[:-1]} == {"progress"}
    fractions = [line["fraction"] for line in lines[:-1]]
    assert fractions == sorted(fractions)
    assert fractions[0] >= 0
    assert fractions[-1] == 1
    assert len(set(fractions)) > 3
    last = lines[-1]
    assert last["event"] == "result"
    assert last["verdict"] == "aligned"
    assert last["probability_misaligned"] == 0.25
    assert last["out"] == str(tmp_path / "out")
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("error", "last"),
    [
        (InputError("no good"), {"event": "error", "message": "no good"}),
        (Cancelled(), {"event": "cancelled"}),
        (KeyboardInterrupt(), {"event": "cancelled"}),
    ],
)
def test_json_progress_ends_with_the_failure(tmp_path, pair, check, error, last):
    check.raises = error
    done = run_regqc("check", *pair, "--out", tmp_path / "out", "--progress", "json")
    assert json.loads(done.stdout.splitlines()[-1]) == last
    assert len(done.stderr.splitlines()) == 1


def test_bar_leaves_stdout_to_the_summary(tmp_path, pair, check):
    done = run_regqc("check", *pair, "--out", tmp_path / "out", "--progress", "bar")
    assert len(done.stdout.splitlines()) == 1
    assert done.stdout.startswith("aligned: ")


def test_a_reader_that_goes_away_cancels(tmp_path, pair, check: StandInCheck):
    check.raises = BrokenPipeError()
    done = run_regqc("check", *pair, "--out", tmp_path / "out", "--progress", "json")
    assert done.code == 130
    assert not Path(tmp_path / "out").exists()
