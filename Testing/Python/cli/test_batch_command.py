"""``regqc batch`` and ``regqc manifest``: options, what is printed, what is written."""

from __future__ import annotations

import json

import pytest
from batch.support import image_pairs, landmark_pairs, table
from cli.support import run_regqc

from RegQCLib.cli.batch_command import PairsBar


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
    assert events[-1]["kept"] == 3
    assert events[-1]["notes"] == [f"p0 (line 4) failed: {table(out)[2]['reason']}"]


def test_the_bar_shows_the_rate_of_what_is_done_now():
    shown, clock, row = PairsBar(), [0.0], {"verdict": "aligned", "status": "done"}
    shown.bar.get_time = lambda: clock[0]
    shown.expect(100)
    for _known_in_no_time in range(80):
        clock[0] += 1e-3
        shown.add(row, kept=True)
    for _work in range(3):
        clock[0] += 6
        shown.add(row)
    (task,) = shown.bar.tasks
    assert (task.completed, task.total) == (83, 100)
    assert task.fields["rate"] == "10 a minute"
    assert task.time_remaining == 17 * 6
    shown.add({"verdict": None, "status": "failed"})
    assert task.description == "1 failed"


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
