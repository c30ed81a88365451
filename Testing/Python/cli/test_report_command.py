"""``regqc report``: the report of an earlier check, with decisions, on the right images only."""

from __future__ import annotations

import csv
import json

import pytest
from cli.support import refused, run_regqc
from report.support import make_report

from RegQCLib.geometry.image_io import load_volume
from RegQCLib.qc.check import image_identity
from RegQCLib.report.decisions import CaseDecision, Decisions, save_decisions


@pytest.fixture
def checked(tmp_path, pair):
    """Two files and the folder that a check of them could have written."""
    fixed, moving = pair
    volumes = [load_volume(path) for path in (fixed, moving)]
    inputs = dict(zip(("fixed", "moving"), map(image_identity, volumes), strict=True))
    report = make_report(
        fixed=volumes[0], moved=volumes[1], axes=[], provenance={"inputs": inputs}, error_map=None
    )
    report.save(tmp_path / "check")
    return fixed, moving, tmp_path / "check"


def test_writes_the_decided_report(tmp_path, checked):
    fixed, moving, check = checked
    content = json.loads((check / "report.json").read_text())
    signed = Decisions().signed(CaseDecision("accepted", reviewer="Dr A", time="now"), content)
    save_decisions(signed, tmp_path / "decisions.json")
    done = run_regqc("report", fixed, moving, "--check", check, "--out", tmp_path / "new",
                     "--decisions", tmp_path / "decisions.json", "--case", "c7",
                     "--progress", "none")  # fmt: skip
    assert done.code == 0, done.stderr
    assert "Reader's decision: accepted, signed" in done.stdout
    names = {file.name for file in (tmp_path / "new").iterdir() if not file.name.startswith(".")}
    assert names == {"report.html", "report.json", "decisions.json", "slices.csv", "case.csv"}
    (row,) = csv.DictReader((tmp_path / "new" / "case.csv").open())
    assert (row["id"], row["signature"]) == ("c7", "signed")
    assert json.loads((tmp_path / "new" / "report.json").read_text()) == content


def test_refuses_other_images(tmp_path, checked):
    fixed, moving, check = checked
    done = run_regqc("report", moving, fixed, "--check", check, "--out", tmp_path / "new")
    refused(done, tmp_path, moving)
    assert "is not the fixed image that was checked" in done.stderr


def test_refuses_another_transform(tmp_path, checked):
    fixed, moving, check = checked
    transform = tmp_path / "t.tfm"
    transform.write_text(
        "#Insight Transform File V1.0\n#Transform 0\nTransform: AffineTransform_double_3_3\n"
        "Parameters: 1 0 0 0 1 0 0 0 1 1 0 0\nFixedParameters: 0 0 0\n"
    )
    done = run_regqc("report", fixed, moving, "--check", check, "--out", tmp_path / "new",
                     "--transform", transform)  # fmt: skip
    refused(done, tmp_path, check)
    assert "without a transform" in done.stderr


@pytest.mark.parametrize("damage", ["check", "decisions", "formats"])
def test_refuses_what_it_cannot_use(tmp_path, checked, damage):
    fixed, moving, check = checked
    (tmp_path / "decisions.json").write_text("{")
    options = {
        "check": ("--check", tmp_path / "nowhere"),
        "decisions": ("--check", check, "--decisions", tmp_path / "decisions.json"),
        "formats": ("--check", check, "--formats", "html,docx"),
    }[damage]
    refused(run_regqc("report", fixed, moving, *options, "--out", tmp_path / "new"), tmp_path)
