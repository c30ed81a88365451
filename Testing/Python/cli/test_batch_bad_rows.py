"""Every kind of bad row in one manifest: each fails by name, and the good rows are done."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import SimpleITK as sitk
from batch.support import image_pairs, table
from cli.support import AFFINE, SHAPE, picture, run_regqc, write_nifti

from RegQCLib.batch.case_folder import CaseFolder, input_key
from RegQCLib.batch.manifest import read_manifest

EXTENT_MM = SHAPE[0] * AFFINE[0, 0]
GOOD = "f0.nii.gz,m0.nii.gz"
KINDS = {
    "missing file": ("missing,gone.nii.gz,m0.nii.gz,,", "gone.nii.gz does not exist"),
    "truncated gzip": ("cut,cut.nii.gz,m0.nii.gz,,", "cut.nii.gz: truncated or damaged .*gzip"),
    "swapped columns": (
        "swapped,meters.tfm,m0.nii.gz,f0.nii.gz,",
        "fixed is meters.tfm, which is no image; .*columns",
    ),
    "duplicate id": (f"good0,{GOOD},,", "the id good0 is used in line 2, too"),
    "unreadable header": ("odd,odd.nii,m0.nii.gz,,", "odd.nii: .*header"),
    "no overlap": ("far,f0.nii.gz,far.nii.gz,,", "far.nii.gz: its field of view covers 0.0%"),
    "NaN": ("nan,f0.nii.gz,nan.nii.gz,,", "nan.nii.gz: 27 of 4320 voxels are NaN"),
    "4-D": ("four,four.nii.gz,m0.nii.gz,,", "four.nii.gz: a 4-D image of 3 frames"),
    "empty mask": (f"empty,{GOOD},,empty.nii.gz", "empty.nii.gz: the mask is empty"),
    "wrong transform": (f"wrong,{GOOD},meters.tfm,", "the transform is singular"),
    "path outside": ("outside,../../f0.nii.gz,m0.nii.gz,,", r"f0.nii.gz lies outside .*--root"),
    "non-UTF-8": (f"J\udcfcrgen,{GOOD},,", "is not UTF-8; save the manifest as UTF-8"),
}
"""A row (id, fixed, moving, transform, mask) and what is said of it."""


def write_bad_files(folder):
    (folder / "cut.nii.gz").write_bytes((folder / "f0.nii.gz").read_bytes()[:2000])
    whole = write_nifti(folder / "odd.nii", picture(3)).read_bytes()
    (folder / "odd.nii").write_bytes(whole[:40] + b"\xff" * 80 + whole[120:])
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


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    """The output folder of a run over good rows around all the bad ones, and what was printed."""
    folder = tmp_path_factory.mktemp("rows")
    good = image_pairs(folder, 3)
    write_bad_files(folder)
    rows = [good[0] + ",,", *(row for row, _words in KINDS.values()), *(r + ",," for r in good[1:])]
    text = "\n".join(["id,fixed,moving,transform,mask", *rows, ""])
    (folder / "m.csv").write_bytes(text.encode("utf-8", "surrogateescape"))
    out = folder / "out"
    return out, run_regqc("batch", folder / "m.csv", "--out", out, "--workers", 1)


@pytest.mark.parametrize("kind", KINDS)
def test_a_bad_row_fails_alone_with_its_own_reason(ended, kind):
    out, done = ended
    row = table(out)[1 + list(KINDS).index(kind)]
    assert row["status"] == "failed"
    assert row["verdict"] == ""
    assert re.search(KINDS[kind][1], row["reason"]), row["reason"]
    assert "internal error" not in row["reason"]
    assert f"note: {row['id']} failed: {row['reason']}" in done.stderr
    others = [words for name, (_row, words) in KINDS.items() if name != kind]
    assert not any(re.search(words, row["reason"]) for words in others), "no reason of its own"


def test_the_good_rows_are_done(ended):
    out, done = ended
    assert done.code == 0, done.stderr
    assert done.stdout == f"15 pairs: 12 failed, 3 aligned; results in {out}\n"
    assert len(done.stderr.splitlines()) == 12
    rows = table(out)
    assert [row["status"] for row in rows] == ["done", *["failed"] * 12, "done", "done"]
    for row in (rows[0], *rows[13:]):
        case = out / "cases" / row["id"]
        report = json.loads((case / "check" / "report.json").read_text(encoding="utf-8"))
        assert float(row["probability_misaligned"]) == report["probability_misaligned"]
        assert (case / "thumbnail.png").stat().st_size > 200


def test_slicer_goes_on_with_the_good_rows(ended):
    """The worklist of the run: what Slicer would look up is there, and fits."""
    out, _done = ended
    cases = read_manifest(out / "worklist.csv").cases
    assert [case.id for case in cases] == ["good0", "good1", "good2"]
    for case in cases:
        folder = CaseFolder(out / "cases", case)
        key = input_key(case, out / "cases", {"tolerance_mm": None, "between_people": False})
        assert folder.is_current(key)
        assert folder.row()["verdict"] == "aligned"
