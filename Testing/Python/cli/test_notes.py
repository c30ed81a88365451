"""What reading assumed reaches the user on stderr and in the report, and never stdout."""

from __future__ import annotations

import json
import logging
import subprocess
import sys

import nibabel as nib
from cli.support import AFFINE, picture, run_regqc

from RegQCLib.notes import collected_notes


def _without_orientation(path):
    """A NIfTI file whose header sets neither qform nor sform."""
    image = nib.Nifti1Image(picture(), AFFINE)
    image.header.set_xyzt_units("mm")
    image.set_sform(None, code=0)
    image.set_qform(None, code=0)
    nib.save(image, path)
    return path


def test_assumptions_are_noted_once_on_stderr_and_in_the_report(tmp_path, pair, check):
    check.report.provenance["warnings"] = ["the transform mirrors the image"]
    bare = _without_orientation(tmp_path / "bare.nii.gz")
    done = run_regqc("check", bare, pair[1], "--mask", bare, "--out", tmp_path / "out")
    assert done.code == 0, done.stderr
    assumed, mirrored = done.stderr.splitlines()
    assert assumed.startswith("note: ")
    assert "bare.nii.gz: no orientation in the header" in assumed
    assert mirrored == "note: the transform mirrors the image"
    notes = [line.removeprefix("note: ") for line in (assumed, mirrored)]
    assert check.report.provenance["warnings"] == notes
    assert done.stdout.startswith("aligned: ")
    assert len(done.stdout.splitlines()) == 1


def test_notes_keep_json_clean(tmp_path, pair, check):
    bare = _without_orientation(tmp_path / "bare.nii.gz")
    done = run_regqc("check", bare, pair[1], "--out", tmp_path / "out", "--progress", "json")
    *_, result = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(result["notes"]) == 1
    assert done.stderr == f"note: {result['notes'][0]}\n"


def test_a_refused_input_still_gives_one_line(tmp_path, check):
    bare = _without_orientation(tmp_path / "bare.nii.gz")
    done = run_regqc("check", bare, tmp_path / "none.nii", "--out", tmp_path / "out")
    assert done.code == 2
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("error: ")


def test_collecting_ends_with_its_block():
    logger = logging.getLogger("RegQCLib.geometry")
    with collected_notes() as notes:
        logger.warning("one\n line")
        logger.info("not this")
    logger.warning("too late")
    assert notes == ["one line"]


def test_the_library_alone_prints_no_warnings(tmp_path):
    bare = _without_orientation(tmp_path / "bare.nii.gz")
    code = f"import RegQCLib; RegQCLib.load_volume({str(bare)!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
