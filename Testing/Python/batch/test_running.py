"""Whole runs in real processes: killed, continued, disturbed, and the same in the end."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from functools import partial

import pytest
from batch.support import QUICK, landmark_pairs, meddled, table

from RegQCLib.batch import running
from RegQCLib.batch.lock import run_lock
from RegQCLib.batch.reviews import CaseReview, save_reviews
from RegQCLib.batch.running import Batch, run
from RegQCLib.batch.table import TIME_COLUMNS
from RegQCLib.errors import InputError, RegQCError

PATIENCE_S = 240


def same(out, other):
    """Rows of two tables without times."""
    return [
        [{k: v for k, v in row.items() if k not in TIME_COLUMNS} for row in table(folder)]
        for folder in (out, other)
    ]


def command(manifest, out, *more):
    arguments = ["batch", manifest, "--out", out, "--no-check", "--evaluate", "--workers", 2, *more]
    return [sys.executable, "-m", "RegQCLib", *map(str, arguments)]


def wait_for(condition):
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def test_a_run_yields_rows_as_they_come_and_leaves_tables(tmp_path, monkeypatch):
    manifest, out = landmark_pairs(tmp_path, 4, extra=",,,x|y,Wien"), tmp_path / "out"
    ticks = []
    rows = list(run(manifest, out, options=QUICK, workers=2, waiting=lambda: ticks.append(1)))
    assert ticks, "nobody kept the windows alive"
    assert {row["id"] for row in rows} == {"p0", "p1", "p2", "p3", "line 6"}
    found = table(out)
    assert [row["id"] for row in found] == ["p0", "p1", "p2", "p3", "line 6"]
    assert [row["status"] for row in found] == ["done"] * 4 + ["failed"]
    assert [round(float(row["tre_mean_mm"]), 6) for row in found[:4]] == [1, 2, 3, 4]
    assert [row["site"] for row in found][-2:] == ["Graz 3", "Wien"]
    names = {path.name for path in out.iterdir()}
    assert names >= {"batch.json", "cases", "results.csv", "results.parquet", "review.html",
                     "worklist.csv"}  # fmt: skip
    assert not names & {".lock", ".partial"}
    ticks.clear()
    monkeypatch.setattr(running, "PATIENCE_S", 0.0)
    waiting = partial(ticks.append, 1)
    again = [row["id"] for row in run(manifest, out, options=QUICK, workers=2, waiting=waiting)]
    assert len(ticks) > 2 * len(rows), "windows wait while much is read again, or written"
    assert again == ["p0", "p1", "p2", "p3", "line 6"]
    assert table(out) == found, "times, too, are those of the first run"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_killed_run_goes_on_where_it_was(tmp_path, monkeypatch):
    manifest, out, calm = landmark_pairs(tmp_path, 8), tmp_path / "out", tmp_path / "calm"
    list(run(manifest, calm, options=QUICK, workers=2))
    meddled(monkeypatch, tmp_path, sleep_s=0.3)
    done = []
    for enough in (2, 5):
        with subprocess.Popen(command(manifest, out, "--quiet")) as process:
            wait_for(lambda: len(list((out / "cases").glob("*/result.json"))) >= enough)  # noqa: B023
            process.kill()
        done.append({p: p.stat().st_mtime_ns for p in (out / "cases").glob("*/result.json")})
        assert (out / ".lock").exists(), "it was not killed in its work"
    assert done[0].items() <= done[1].items(), "something was done twice"
    ended = subprocess.run(command(manifest, out), capture_output=True, text=True, check=True)
    assert ended.stdout.startswith("8 pairs: 8 done")
    after = {p: p.stat().st_mtime_ns for p in (out / "cases").glob("*/result.json")}
    assert done[1].items() <= after.items()
    one, other = same(out, calm)
    assert one == other
    assert not (out / ".partial").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send these signals")
def test_ctrl_c_stops_cleanly(tmp_path, monkeypatch):
    manifest, out = landmark_pairs(tmp_path, 6), tmp_path / "out"
    meddled(monkeypatch, tmp_path, sleep_s=1.0)
    with subprocess.Popen(
        command(manifest, out), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        wait_for(lambda: list((out / "cases").glob("*/result.json")))
        process.send_signal(signal.SIGINT)
        printed, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert printed == ""
    assert re.fullmatch(
        r"cancelled: \d of 6 pairs are done; run the same command to go on\n", errors
    )
    states = [row["status"] for row in table(out)]
    assert set(states) == {"done", "pending"}
    assert not (out / ".lock").exists()
    assert not (out / ".partial").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_lost_process_costs_no_pair(tmp_path, monkeypatch):
    manifest, out = landmark_pairs(tmp_path, 4), tmp_path / "out"
    meddled(monkeypatch, tmp_path, die_on="p1", die_marker=tmp_path / "died")
    rows = {row["id"]: row for row in run(manifest, out, options=QUICK, workers=2)}
    assert (tmp_path / "died").exists()
    assert {row["status"] for row in rows.values()} == {"done"}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_pair_that_kills_every_process_fails_alone_and_is_tried_again(tmp_path, monkeypatch):
    manifest, out = landmark_pairs(tmp_path, 3), tmp_path / "out"
    with monkeypatch.context() as patch:
        meddled(patch, tmp_path, die_on="p1")
        rows = {row["id"]: row for row in run(manifest, out, options=QUICK, workers=2)}
    assert [rows[f"p{n}"]["status"] for n in range(3)] == ["done", "failed", "done"]
    assert "ended 3 times (signal SIGKILL)" in rows["p1"]["reason"]
    rows = {row["id"]: row for row in run(manifest, out, options=QUICK, workers=1)}
    assert rows["p1"]["status"] == "done"


def test_processes_that_cannot_start_are_told(tmp_path, monkeypatch):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "sitecustomize.py").write_text("raise SystemExit('out of order')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "broken"))
    manifest, out = landmark_pairs(tmp_path, 2), tmp_path / "out"
    with pytest.raises(RegQCError, match=r"could not be started: .*out of order"):
        list(run(manifest, out, options=QUICK, workers=2))
    assert [row["status"] for row in table(out)] == ["pending", "pending"]


def test_leaving_the_iteration_stops_the_processes(tmp_path):
    manifest, out = landmark_pairs(tmp_path, 5), tmp_path / "out"
    rows = run(manifest, out, options=QUICK, workers=1)
    first = next(rows)
    rows.close()
    assert first["status"] == "done"
    assert (out / "results.csv").exists()
    assert not (out / ".lock").exists()


def test_a_folder_in_use_is_refused(tmp_path):
    manifest, out = landmark_pairs(tmp_path, 1), tmp_path / "out"
    out.mkdir()
    with run_lock(out), pytest.raises(InputError, match=f"process {os.getpid()}"):
        next(run(manifest, out, options=QUICK))


def test_folders_of_something_else_are_refused(tmp_path):
    manifest = landmark_pairs(tmp_path, 1)
    with pytest.raises(InputError, match="something else"):
        Batch(manifest, tmp_path)
    with pytest.raises(InputError, match="is a file"):
        Batch(manifest, manifest)


def test_decisions_of_the_review_page_come_back(tmp_path):
    manifest, out = landmark_pairs(tmp_path, 2), tmp_path / "out"
    list(run(manifest, out, options=QUICK, workers=1))
    review = CaseReview("rejected", "Shift", "Ada", "2026-01-31T12:00:00Z")
    save_reviews({"p1": review}, tmp_path / "saved.json")
    list(run(manifest, out, options=QUICK, workers=1, reviews=tmp_path / "saved.json"))
    list(run(manifest, out, options=QUICK, workers=1))
    found = [(row["decision"], row["decision_reason"], row["reviewer"]) for row in table(out)]
    assert found == [("", "", ""), ("rejected", "Shift", "Ada")]
    with pytest.raises(InputError, match="no such file"):
        Batch(manifest, out, reviews=tmp_path / "gone.json")


def test_what_was_asked_for_is_on_disk(tmp_path):
    manifest, out = landmark_pairs(tmp_path, 1), tmp_path / "out"
    list(run(manifest, out, options=QUICK, workers=1))
    content = json.loads((out / "batch.json").read_text())
    assert content["options"]["evaluate"] is True
    assert content["manifest"] == str(manifest)
