"""The report as files: from the scene through the child process to a folder."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import slicer

from RegQCLib.errors import InputError
from RegQCScene.decisions import decide, sign
from RegQCScene.report_export import ReportJob, copyResult
from RegQCScene.runner import BlockingRunner


def run(job):
    """Run a job to its end; returns how it ended."""
    said = {}
    BlockingRunner().start(
        job,
        onDone=lambda folder: said.update(done=folder),
        onFailed=lambda text: said.update(failed=text),
    )
    job.removeFolder()
    return said


def files(folder):
    return {file.name for file in folder.iterdir() if not file.name.startswith(".")}


def test_the_signed_report_is_written(checked, tmp_path):
    decide(checked, [("axial", 5)], "rejected", "Shift")
    sign(checked, "rejected")
    pages = []

    def pdf(page, target):
        pages.append(page.read_text(encoding="utf-8"))
        target.write_text("a PDF")
        yield 1.0

    before = slicer.mrmlScene.GetNumberOfNodes()
    job = ReportJob(checked, tmp_path / "report", pdf=pdf, case="case 7")
    assert "done" in run(job)
    assert slicer.mrmlScene.GetNumberOfNodes() == before
    assert not job.folder.exists()
    assert files(tmp_path / "report") == {
        "report.html", "report.pdf", "report.json", "decisions.json", "slices.csv", "case.csv",
    }  # fmt: skip
    (row,) = csv.DictReader((tmp_path / "report" / "case.csv").open())
    assert (row["id"], row["decision"], row["signature"]) == ("case 7", "rejected", "signed")
    assert "Axial slice 5" in pages[0]
    assert "Estimated error" in (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    content = json.loads((tmp_path / "report" / "report.json").read_text(encoding="utf-8"))
    assert content == checked.result.report


@pytest.mark.usefixtures("noChild")
def test_it_replaces_an_earlier_report_and_nothing_else(checked, tmp_path):
    made, target = tmp_path / "made", tmp_path / "report"
    made.mkdir()
    (made / "old.csv").write_text("old")
    copyResult(made, target)
    run(ReportJob(checked, target, ("json",)))
    assert files(target) == {"report.json", "decisions.json"}
    (target / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match=r"mine\.txt"):
        copyResult(made, target)
    assert files(target) == {"report.json", "decisions.json", "mine.txt"}


def test_what_cannot_be_reported_is_said_at_once(checked, tmp_path):
    for formats in ((), ("docx",)):
        with pytest.raises(InputError, match="choose what to write"):
            ReportJob(checked, tmp_path / "x", formats)
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTransformNode", "moved")
    matrix = np.eye(4)
    matrix[1, 3] = 2.0
    transform.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
    checked.parameters.movingVolume.SetAndObserveTransformNodeID(transform.GetID())
    with pytest.raises(InputError, match="changed after the check"):
        ReportJob(checked, tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_without_a_check_there_is_no_report(session, tmp_path):
    with pytest.raises(InputError, match="check the pair first"):
        ReportJob(session, tmp_path / "x")


@pytest.mark.usefixtures("noChild")
def test_edited_voxels_are_noticed(checked, tmp_path):
    slicer.util.arrayFromVolume(checked.parameters.movingVolume)[3, 4, 5] += 1
    said = run(ReportJob(checked, tmp_path / "x", ("csv",)))
    assert "t1w: is not the moving image that was checked" in said["failed"]
    assert not (tmp_path / "x").exists()


def test_cancelling_leaves_nothing(checked, tmp_path):
    job = ReportJob(checked, tmp_path / "x")
    while not (job.folder / "child").exists():
        job.poll()
    job.cancel()
    assert not job.folder.exists()
    assert list(tmp_path.iterdir()) == []


def test_hidden_files_are_not_copied(tmp_path):
    made = tmp_path / "made"
    made.mkdir()
    (made / "a.txt").write_text("a")
    (made / ".regqc-run.json").write_text("{}")
    copyResult(made, tmp_path / "to")
    assert json.loads((tmp_path / "to" / ".regqc-run.json").read_text())["files"] == ["a.txt"]
