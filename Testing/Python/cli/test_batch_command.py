"""``regqc batch`` and ``regqc manifest``: real checks, every kind of bad row, what is printed."""

from __future__ import annotations

import json

import numpy as np
import pytest
import SimpleITK as sitk
from batch.support import image_pairs, landmark_pairs, table
from cli.support import AFFINE, SHAPE, picture, run_regqc, write_nifti

from RegQCLib.batch.case_folder import CaseFolder, input_key
from RegQCLib.batch.manifest import read_manifest

EXTENT_MM = SHAPE[0] * AFFINE[0, 0]


def bad_rows(folder):
    """Rows (id, fixed, moving, transform, mask), each bad in its own way, and why."""
    good = "f0.nii.gz,m0.nii.gz"
    (folder / "cut.nii.gz").write_bytes((folder / "f0.nii.gz").read_bytes()[:2000])
    (folder / "odd.nii.gz").write_bytes(b"this is no header" * 30)
    far = AFFINE.copy()
    far[0, 3] += 1.5 * EXTENT_MM
    write_nifti(folder / "far.nii.gz", picture(3), far)
    hole = picture(4)
    hole[3:6, 3:6, 3:6] = np.nan
    write_nifti(folder / "nan.nii.gz", hole)
    write_nifti(folder / "four.nii.gz", picture(5, (*SHAPE, 3)))
    write_nifti(folder / "empty.nii.gz", np.zeros(SHAPE, np.uint8))
    shrinking = sitk.AffineTransform(3)
    shrinking.Scale(0.001)
    sitk.WriteTransform(shrinking, str(folder / "meters.tfm"))
    return {
        b"missing,gone.nii.gz,m0.nii.gz,,": "gone.nii.gz does not exist",
        b"cut,cut.nii.gz,m0.nii.gz,,": "cut.nii.gz",
        b"swapped,meters.tfm,m0.nii.gz,f0.nii.gz,": "meters.tfm",
        f"good0,{good},,".encode(): "used in line 2, too",
        b"odd,odd.nii.gz,m0.nii.gz,,": "odd.nii.gz",
        b"far,f0.nii.gz,far.nii.gz,,": "field of view covers 0.0%",
        b"nan,f0.nii.gz,nan.nii.gz,,": "nan.nii.gz",
        b"four,four.nii.gz,m0.nii.gz,,": "four.nii.gz",
        f"empty,{good},,empty.nii.gz".encode(): "empty.nii.gz",
        f"wrong,{good},meters.tfm,".encode(): "transform",
        b"outside,../../f0.nii.gz,m0.nii.gz,,": "lies outside",
        f"J\xfcrgen,{good},,".encode("latin-1"): "is not UTF-8",
    }


def test_twelve_kinds_of_bad_rows_fail_by_name_and_the_good_ones_are_done(tmp_path):
    good, out = image_pairs(tmp_path, 3), tmp_path / "out"
    bad = bad_rows(tmp_path)
    lines = [b"id,fixed,moving,transform,mask", f"{good[0]},,".encode(), *bad]
    lines += [f"{row},,".encode() for row in good[1:]]
    (tmp_path / "m.csv").write_bytes(b"\n".join(lines) + b"\n")
    done = run_regqc("batch", tmp_path / "m.csv", "--out", out, "--workers", 1)
    assert done.code == 0, done.stderr
    assert done.stdout == f"15 pairs: 12 failed, 3 aligned; results in {out}\n"
    assert len(done.stderr.splitlines()) == 12
    rows = table(out)
    assert [row["status"] for row in rows] == ["done", *["failed"] * 12, "done", "done"]
    for words, row in zip(bad.values(), rows[1:13], strict=True):
        assert words in row["reason"], row
        assert "internal error" not in row["reason"]
        assert f"note: {row['id']} failed: {row['reason']}" in done.stderr
    for row in (rows[0], *rows[13:]):
        case = out / "cases" / row["id"]
        report = json.loads((case / "check" / "report.json").read_text(encoding="utf-8"))
        assert float(row["probability_misaligned"]) == report["probability_misaligned"]
        assert (case / "thumbnail.png").stat().st_size > 200
    _slicer_goes_on_with(out)


def _slicer_goes_on_with(out):
    """The worklist of the run: what Slicer would look up is there, and fits."""
    cases = read_manifest(out / "worklist.csv").cases
    assert [case.id for case in cases] == ["good0", "good1", "good2"]
    for case in cases:
        folder = CaseFolder(out / "cases", case)
        key = input_key(case, out / "cases", {"tolerance_mm": None, "between_people": False})
        assert folder.is_current(key)
        assert folder.row()["verdict"] == "aligned"


def test_progress_as_json_and_quiet(tmp_path):
    manifest, out = landmark_pairs(tmp_path, 2, extra="p0,,,,again"), tmp_path / "out"
    options = ("--no-check", "--evaluate", "--workers", 1)
    quiet = run_regqc("batch", manifest, "--out", out, *options, "--quiet")
    assert quiet.stdout == f"3 pairs: 1 failed, 2 done; results in {out}\n"
    assert quiet.stderr == ""
    again = ("--resume", "--progress", "json")
    shown = run_regqc("batch", manifest, "--out", out, *options, *again)
    events = [json.loads(line) for line in shown.stdout.splitlines()]
    assert [event["event"] for event in events] == ["progress"] * 3 + ["result"]
    assert events[-2]["fraction"] == 1
    assert events[-1]["counts"] == {"done": 2, "failed": 1}
    assert events[-1]["notes"] == [f"p0 (line 4) failed: {table(out)[2]['reason']}"]


@pytest.mark.parametrize(("arguments", "words"), [
    (("--workers", 0), "at least one worker"),
    (("--tolerance", -1), "positive number of mm"),
    (("--no-check",), "nothing to do"),
    (("--reviews", "gone.json"), "gone.json: no such file"),
    (("--register", "elastic"), "--register"),
])  # fmt: skip
def test_bad_options_are_refused_in_one_line(tmp_path, arguments, words):
    manifest = landmark_pairs(tmp_path, 1)
    done = run_regqc("batch", manifest, "--out", tmp_path / "out", *arguments)
    assert (done.code, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert words in done.stderr


def test_manifests_are_made_from_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    image_pairs(tmp_path / "data", 2)
    patterns = ("fixed=f{id}.nii.gz", "moving=m{id}.nii.gz")
    done = run_regqc("manifest", "folder", "data", *patterns)
    assert done.stdout == f"2 pairs in {tmp_path / 'manifest.csv'}\n"
    assert (tmp_path / "manifest.csv").read_text().splitlines() == [
        "id,fixed,moving", "0,data/f0.nii.gz,data/m0.nii.gz", "1,data/f1.nii.gz,data/m1.nii.gz"
    ]  # fmt: skip
    again = run_regqc("manifest", "folder", "data", *patterns)
    assert (again.code, "exists" in again.stderr) == (2, True)
    assert run_regqc("manifest", "folder", "data", *patterns, "--overwrite").code == 0
